"""Match keys: what is compared in place of what is written. Only for comparing; the values themselves are never changed (Article 29).

Identifiers: a fifteen-digit citizen number is compared as the eighteen digits it became. Names and texts: blanks, width, case and the
middle dot do not count. ``suspected`` tells a real contradiction from one that a rare or lost character may have made.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import polars as pl

from districtlake.catalog.match_steps import DIVISION_LEVELS

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_DOTS = "•・．‧∙⋅・●。"
_WIDE = "".join(chr(code) for code in range(0xFF01, 0xFF5F))
_NARROW = "".join(chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F))
_BLANKS = r"[\s\x{00A0}\x{3000}\x{200B}-\x{200D}\x{FEFF}]"
_SPELLED_APART = ("昇升", "陞升", "峯峰", "堃坤", "喆哲", "犇奔", "凃涂", "淩凌", "甯宁", "寗宁", "濬浚", "鑑鉴", "鑒鉴", "鍾钟", "鐘钟", "傑杰", "祐佑",
                  "衞卫", "衛卫", "龍龙", "劉刘", "陳陈", "張张", "黃黄", "吳吴", "趙赵", "葉叶", "後后", "於于", "䶮龚", "䶮龑", "㛃洁", "琍俐")  # fmt: skip
"""Two ways to write what may be one character of a name. They are never exchanged in data; here they only soften a contradiction."""
_PAIRS = frozenset(frozenset(pair) for pair in _SPELLED_APART)
_LOST = frozenset("?？□■▯*＊�")


def identifier_sql(kind: str, column: str) -> str:
    """SQL of the match key of an identifier of this kind; ``column`` is SQL, too."""
    text = f"CAST({column} AS VARCHAR)"
    if kind == "citizen_id":
        return f"match_citizen_id({text})"
    return f"upper({text})" if kind in ("uscc", "org_code") else text


def matched_sql(steps: Iterable[str], sql: str) -> str:
    """SQL of a text after the steps of ``match``."""
    for step in steps:
        sql = f"match_{step}({sql})"
    return sql


_COUNTY = "[^省市区县旗镇乡]{1,8}[区县旗市]"
_TOWN = "[^省市区县旗镇乡]{1,10}(?:街道|镇|乡)"
_STEPS = {
    "trim": f"regexp_replace(x, '^{_BLANKS}+|{_BLANKS}+$', '', 'g')",
    "blanks": f"regexp_replace(x, '{_BLANKS}', '', 'g')",
    "width": "translate(x, '{wide}', '{narrow}')",
    "case": "upper(x)",
    "dots": f"regexp_replace(x, '[·{_DOTS}]', '', 'g')",
    "leading_zeros": "regexp_replace(x, '^0+', '')",
    "org_name": (
        "replace(regexp_replace(match_text(x), '[()（）\\[\\]【】〔〕]', '', 'g'), '有限责任公司', '有限公司')"
    ),
    # 15 or 9 characters are no credit code: a hyphen before the check character is how organisation codes were printed
    "org_code": (
        "CASE WHEN length(replace(match_blanks(x), '-', '')) = 18 THEN upper(substr(replace(match_blanks(x), '-', ''), 9, 9))"
        " WHEN length(replace(match_blanks(x), '-', '')) = 9 THEN upper(replace(match_blanks(x), '-', '')) END"
    ),
    # zeros at the end say that a code stands for something larger: 330203000000 is a county and no town
    **{
        f"division_{level}": (
            f"CASE WHEN regexp_full_match(match_blanks(x), '[0-9]{{{digits}}}[0-9]*') AND NOT"
            f" regexp_full_match(substr(match_blanks(x), 1, {digits}), '[0-9]*{'0' * (3 if digits > 6 else 2)}')"
            f" THEN substr(match_blanks(x), 1, {digits}) END"
        )
        for level, (digits, _) in DIVISION_LEVELS.items()
    },
    "division_full": "CASE WHEN regexp_full_match(match_blanks(x), '[0-9]{2,12}') THEN rpad(match_blanks(x), 12, '0') END",
    "division_name": (
        "coalesce(nullif(regexp_extract(match_text(x), '^(..+?)(?:特别行政区|自治区|自治州|自治县|自治旗|街道办事处|街道|地区|省|市|区|县|旗|盟|镇|乡)$',"
        " 1), ''), match_text(x))"
    ),
    "address_street": (
        "nullif(regexp_extract(match_text(x), '^(?:[^省市区县旗]{2,6}(?:省|自治区))?(?:[^省市区县旗]{1,8}(?:市|自治州|地区|盟))?"
        f"((?:{_COUNTY})?{_TOWN})', 1), '')"
    ),
}  # fmt: skip
"""Step of ``match`` -> SQL of ``match_<step>(x)``, in words that DuckDB and Spark share; ``text`` and ``citizen_id`` are below."""


def macros() -> str:
    """The macros that ``identifier_sql``, ``text_sql`` and ``matched_sql`` use; run once on each connection, before it is locked."""
    total = " + ".join(f"{weight} * CAST(substr(s, {place}, 1) AS INTEGER)" for place, weight in enumerate(_WEIGHTS, 1))
    return f"""
        CREATE MACRO with_check_digit(s) AS s || substr('10X98765432', CAST(1 + ({total}) % 11 AS INTEGER), 1);
        CREATE MACRO match_citizen_id(x) AS CASE
            -- sequences from 996 on were given to persons born before 1900: their century is not known
            WHEN length(x) = 15 AND regexp_full_match(x, '[0-9]{{15}}') AND substr(x, 13, 3) < '996'
            THEN with_check_digit(substr(x, 1, 6) || '19' || substr(x, 7)) ELSE upper(x) END;
        CREATE MACRO match_text(x) AS upper(regexp_replace(translate(x, '{_WIDE.replace("'", "''")}{_DOTS}', '{_NARROW.replace("'", "''")}{"·" * len(_DOTS)}'),
            '{_BLANKS}', '', 'g'));
    """ + "".join(f"CREATE MACRO match_{step}(x) AS {_step_sql(sql)};\n" for step, sql in _STEPS.items())


def _step_sql(sql: str) -> str:
    return sql.replace("{wide}", _WIDE.replace("'", "''")).replace("{narrow}", _NARROW.replace("'", "''"))


def text_sql(column: str) -> str:
    """SQL of the match key of a name or text."""
    return f"match_text(CAST({column} AS VARCHAR))"


@lru_cache(maxsize=100_000)
def alike(left: str, right: str) -> bool:
    """Whether two names that differ may be one: rare characters outside GB 2312, replacement characters, older forms, or a missing dot."""
    one, other = left.replace("·", ""), right.replace("·", "")
    if one == other:
        return True
    return len(one) == len(other) and all(a == b or _may_be(a, b) for a, b in zip(one, other, strict=True))


def _may_be(a: str, b: str) -> bool:
    return a in _LOST or b in _LOST or frozenset((a, b)) in _PAIRS or _rare(a) or _rare(b)


@lru_cache(maxsize=20_000)
def _rare(character: str) -> bool:
    """Outside GB 2312, so older systems could not hold it."""
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return True
    return False


def suspected(left: pl.Series, right: pl.Series) -> pl.Series:
    """``alike`` for each pair of match keys; False where one is missing."""
    pairs = zip(left.to_list(), right.to_list(), strict=True)
    return pl.Series("suspected", [bool(a and b and alike(a, b)) for a, b in pairs], dtype=pl.Boolean)

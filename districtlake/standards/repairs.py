"""Every alteration of text that cleansing may make. A repair keeps the meaning; whatever might change it is a problem instead.

Widths follow a limited map (letters, digits, and in numbers and codes the full-width ASCII signs), never NFKC, which would also
turn ① into 1 and ㎡ into m2. Nothing here converts traditional characters or touches rare ones.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Repair:
    """One repair: ``id`` as the change log writes it, a Chinese title, and the pure function text -> text (nulls stay null).

    ``version`` is raised when the same cell would come out otherwise than before.
    """

    id: str
    title: str
    apply: Callable[[pl.Series], pl.Series]
    version: int = 1


def apply_repairs(text: pl.Series, repairs: Iterable[Repair], rule: pl.Series | None = None) -> tuple[pl.Series, pl.Series]:
    """The repaired text and, per cell, the ids of the repairs that altered it joined by "+" (null: none did)."""
    if rule is None:
        rule = pl.repeat(None, len(text), dtype=pl.String, eager=True)
    for repair in repairs:
        repaired = repair.apply(text)
        altered = repaired.ne_missing(text)
        if altered.any():
            rule = noted(rule, altered, repair.id)
            text = repaired
    return text, rule


def noted(rule: pl.Series, altered: pl.Series, note: str) -> pl.Series:
    """``rule`` with ``note`` appended where ``altered``."""
    return pl.select(pl.when(altered).then(pl.concat_str(rule, pl.lit(note), separator="+", ignore_nulls=True)).otherwise(rule)).to_series()


def replacing(pattern: str, by: str = "") -> Callable[[pl.Series], pl.Series]:
    """All matches of a Rust regular expression replaced."""

    def apply(text: pl.Series) -> pl.Series:
        return text.str.replace_all(pattern, by)

    return apply


def mapping(source: str, target: str) -> Callable[[pl.Series], pl.Series]:
    """Single characters replaced by single characters."""
    many, new = list(source), list(target)

    def apply(text: pl.Series) -> pl.Series:
        return text.str.replace_many(many, new)

    return apply


# -- classes of characters (Rust regex syntax, to stand inside brackets) ----------------------------------------------
INVISIBLE_CLASS = (
    r"\x00-\x08\x0E-\x1F\x7F\x{AD}\x{61C}\x{180E}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}"
)
"""Controls, ZWSP, BOM, soft hyphen, bidirectional marks. Not ZWJ/ZWNJ and variation selectors: they shape letters of names."""
LINE_BREAK_CLASS = r"\n\x0B\x0C\r\x{2028}\x{2029}"
BLANK_CLASS = r"\t\x{A0}\x{2000}-\x{200A}\x{205F}\x{3000}"
"""Blanks besides the ordinary one. U+202F and U+1680 belong to Mongolian and Ogham spelling and stay."""
WIDE_CLASS = r"\x{FF10}-\x{FF19}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}"
WIDE_SIGNS = "－＋．，：／＃＿（）％"
DOT_CLASS = r"·•・‧∙⋅･"
HAN = r"\p{Han}[\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}]?"
"""A Han character with its variation selector, which tells apart forms of the same character."""

MOJIBAKE = r"[\x{80}-\x{9F}\x{FFFD}]|锟斤|斤拷|ï¿½"
"""Text decoded wrongly once and lost: U+FFFD, its GBK reading 锟斤拷, its Latin-1 reading ï¿½, C1 controls."""
PRIVATE_USE = r"[\x{E000}-\x{F8FF}\x{F0000}-\x{FFFFD}\x{100000}-\x{10FFFD}]"
"""Characters whose meaning only the sender's own font knows."""

DIRTY = (
    rf"[{INVISIBLE_CLASS}{LINE_BREAK_CLASS}{BLANK_CLASS}{WIDE_CLASS}\x{{80}}-\x{{9F}}\x{{FFFD}}\x{{E000}}-\x{{F8FF}}\x{{F0000}}-\x{{10FFFF}}]"
    r"|^ | $|^$|锟斤|斤拷|ï¿½"
)
"""What makes a cell of text suspicious: anything the repairs of TEXT alter, and anything lost."""

_WIDE_ALNUM = "".join(chr(ord(char) + 0xFEE0) for char in string.digits + string.ascii_letters)

# -- text -------------------------------------------------------------------------------------------------------------
INVISIBLE = Repair("text.invisible", "去除不可见字符（控制符、零宽空格、BOM、双向控制符）", replacing(f"[{INVISIBLE_CLASS}]+"))
LINE_BREAK = Repair(
    "text.line_break",
    "单元格内换行改为空格",
    replacing(rf"[ {BLANK_CLASS}]*[{LINE_BREAK_CLASS}][ {BLANK_CLASS}{LINE_BREAK_CLASS}]*", " "),
)
BLANK = Repair("text.blank", "全角空格、不间断空格、制表符改为半角空格", replacing(f"[{BLANK_CLASS}]", " "))
TRIM = Repair("text.trim", "去除首尾空白", lambda text: text.str.strip_chars(" "))
WIDTH = Repair("text.width", "全角字母和数字改为半角", mapping(_WIDE_ALNUM, string.digits + string.ascii_letters))
TEXT = (INVISIBLE, LINE_BREAK, BLANK, TRIM, WIDTH)


def _twice(pattern: str, by: str) -> Callable[[pl.Series], pl.Series]:
    # Rust's regex knows no lookahead: the second pass sees the pairs whose left side the first pass had consumed.
    def apply(text: pl.Series) -> pl.Series:
        return text.str.replace_all(pattern, by).str.replace_all(pattern, by)

    return apply


HAN_BLANK = Repair("text.han_blank", "去除汉字之间的空格", _twice(rf"({HAN}) +({HAN})", "${1}${2}"))
MIDDLE_DOT = Repair(
    "name.middle_dot",
    "间隔号统一为“·”",
    # The full-width full stop is a middle dot only between Han: J．Smith abbreviates.
    lambda text: (
        text.str.replace_all(rf"({HAN}) *[{DOT_CLASS}．] *({HAN})", "${1}·${2}")
        .str.replace_all(rf"({HAN}) *[{DOT_CLASS}．] *({HAN})", "${1}·${2}")
        .str.replace_all(rf"[{DOT_CLASS}]", "·")
    ),
)
ADDRESS_BLANK = Repair(
    "address.blank",
    "去除地址中汉字与门牌号之间的空格",
    lambda text: text.str.replace_all(rf"({HAN}) +([0-9A-Za-z#])", "${1}${2}").str.replace_all(rf"([0-9A-Za-z#]) +({HAN})", "${1}${2}"),
)
ADDRESS_SIGN = Repair("address.sign", "门牌号中的全角“－”改为半角", _twice(r"([0-9A-Za-z])－([0-9A-Za-z])", "${1}-${2}"))

# -- codes and numbers ------------------------------------------------------------------------------------------------
ALL_BLANKS = Repair("code.blank", "去除空格", replacing(rf"[ {BLANK_CLASS}{LINE_BREAK_CLASS}\x{{200C}}\x{{200D}}]+"))
APOSTROPHE = Repair("code.apostrophe", "去除表格软件的文本标记（撇号）", replacing("['’‘`´＇]+"))
LEADING_APOSTROPHE = Repair(
    "code.apostrophe", "去除表格软件的文本标记（撇号）", replacing("^[ '’‘`´＇]*['’‘`´＇]"), version=2
)  # 2: blanks among them, which the first version left to the next cleansing
SIGNS = Repair("code.sign_width", "全角符号改为半角", mapping(WIDE_SIGNS, "-+.,:/#_()%"))
DASHES = Repair("code.dash", "各种连字符统一为“-”", replacing(r"[\x{2010}-\x{2015}\x{2212}\x{FE63}]", "-"))
MINUS = Repair("number.minus", "数学减号改为“-”", replacing(r"^\x{2212}", "-"))
UPPER = Repair("code.upper", "小写字母改为大写", mapping(string.ascii_lowercase, string.ascii_uppercase))

# -- no value ---------------------------------------------------------------------------------------------------------
MISSING_BLANK = Repair("missing.blank", "只有空白，按无值处理", lambda text: text)
MISSING_SPELLING = Repair("missing.spelling", "目录声明的无值写法，按无值处理", lambda text: text)
"""The two name what the cleansing of every kind does with a cell that says "no value"; they alter no text themselves."""

# -- what an element may declare --------------------------------------------------------------------------------------
DECLARABLE: dict[str, Repair] = {
    repair.id: repair
    for repair in (*TEXT, HAN_BLANK, MIDDLE_DOT, ADDRESS_BLANK, ADDRESS_SIGN, ALL_BLANKS, LEADING_APOSTROPHE, SIGNS, DASHES, MINUS, UPPER)
}
"""Repairs that an element may list under ``cleansing`` beside those of its kind, by id."""

_PROBE = (" ", "\u00a0", "\n", "\u200b", "Ａ", "１", "a", "1", "汉", "·", "．", "-", "－", "'", "\u2212", "/")
"""A character of each class that some repair looks at."""


def unsettled(repairs: Iterable[Repair]) -> tuple[str, str, str] | None:
    """A text that ``repairs`` in this order alter again when they are applied to their own result: text, result, second result.

    Looked for among all texts of up to four characters of one of each class (70,000); None: an order that settles at once.
    """
    order = tuple(repairs)
    texts = pl.Series("text", [""], dtype=pl.String)
    probes = [texts]
    letters = pl.DataFrame({"letter": _PROBE})
    for _ in range(4):
        texts = texts.to_frame("text").join(letters, how="cross").select(pl.col("text") + pl.col("letter")).to_series()
        probes.append(texts)
    probe = pl.concat(probes)
    once, _ = apply_repairs(probe, order)
    twice, _ = apply_repairs(once, order)
    odd = once.ne_missing(twice).arg_true()
    return (probe[odd[0]], once[odd[0]], twice[odd[0]]) if len(odd) else None

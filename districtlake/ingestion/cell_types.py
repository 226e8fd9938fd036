"""What a single cell looks like, by its spelling alone: the evidence by which delimiters, headers and column types are found.

Only looks: nothing is converted here, and a look decides nothing about a delivered value.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

CellType = Literal["empty", "missing", "integer", "decimal", "percent", "money", "date", "time", "moment", "truth", "code", "link", "text"]

MISSING = frozenset(
    ("-", "--", "---", "/", "\\", "—", "——", "N/A", "n/a", "NA", "#N/A", "NULL", "Null", "null", "None", "none", "NaN", "nan", "(null)", "(空)",
     "(blank)", "无", "暂无", "不详", "未知", "空", "?", "？", "*", "."),
)  # fmt: skip
"""Spellings of "no value" met everywhere; a resource declares its own."""
PLACEHOLDERS = frozenset(
    ("待补", "待定", "待补充", "待填", "测试", "test", "TEST", "xxx", "XXX", "xx", "tbd", "TBD", "todo", "TODO", "todo.", "asdf", "111111", "000000",
     "123456", "1234567890", "0000-00-00", "1900-01-01", "1970-01-01", "9999-12-31", "99999999", "00000000", "13800138000", "12345678901")
)  # fmt: skip
"""Values typed to get past a required field."""

INTEGER = r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
DECIMAL = r"[+-]?(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?\.[0-9]+|[0-9]+\.|(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+),[0-9]+|[0-9]{1,3}(?: [0-9]{3})+(?:[.,][0-9]+)?|[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]+)"
PERCENT = r"[+-]?[0-9]+(?:[.,][0-9]+)? ?[%％‰]"
MONEY = r"[-(]?[$¥￥€£] ?-?[0-9][0-9,.]*\)?|[-(]?[0-9][0-9,.]* ?[$¥￥€£元]\)?|\([0-9][0-9,.]*\)"
_DAY = r"(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}|[0-9]{4}年[0-9]{1,2}月(?:[0-9]{1,2}日)?|(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])|[0-9]{1,2}[- ](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[- ,]{1,2}[0-9]{2,4}|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* [0-9]{1,2}, ?[0-9]{4})"
_TIME = r"(?:[01]?[0-9]|2[0-4])[:：时][0-5][0-9](?:[:：分][0-5][0-9](?:[.,][0-9]+)?秒?)?(?: ?[AaPp][Mm])?"
DATE = _DAY
TIME = _TIME
MOMENT = rf"{_DAY}[T ]+{_TIME}(?: ?(?:Z|UTC|[+-][0-9]{{2}}:?[0-9]{{2}}))?"
TRUTH = r"(?i:true|false|yes|no|y|n|t|f)|是|否|有效|无效|√|×"
CODE = r"[0-9]{11,}[Xx]?|[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}|[A-Za-z]{1,6}[-_]?[0-9]{2,}[A-Za-z0-9-]*|0[0-9]{2,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
LINK = r"https?://\S+|www\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:[0-9]{1,3}\.){3}[0-9]{1,3}"

PATTERNS: tuple[tuple[CellType, str], ...] = (
    ("date", DATE), ("moment", MOMENT), ("code", CODE), ("integer", INTEGER), ("decimal", DECIMAL), ("percent", PERCENT), ("time", TIME),
    ("money", MONEY), ("link", LINK), ("truth", TRUTH),
)  # fmt: skip
"""Types with their patterns for a whole cell, the first that fits counts; understood by Python and Rust alike."""

_COMPILED = tuple((name, re.compile(pattern)) for name, pattern in PATTERNS)
_LIKELY = re.compile(r"[0-9@%]|^(?:\w{1,5}|[是否有无效√×]{1,2}|www\..*|https?:.*)$")


@lru_cache(maxsize=1 << 16)
def type_of(cell: str) -> CellType:
    """The type a cell is spelled as; ``text`` where nothing fits."""
    text = cell.strip()
    if not text:
        return "empty"
    if text in MISSING:
        return "missing"
    if len(text) > 80 or not _LIKELY.search(text):
        return "text"
    return next((name for name, pattern in _COMPILED if pattern.fullmatch(text)), "text")


NUMERIC = frozenset(("integer", "decimal", "percent", "money"))
FAMILIES: dict[str, str] = {
    **dict.fromkeys(NUMERIC, "number"), "date": "date", "moment": "date", "time": "time", "truth": "truth", "code": "code", "link": "link",
}  # fmt: skip


def family(kind: CellType) -> str:
    """Types that stand for one another in a column: integers among decimals, days among moments."""
    return FAMILIES.get(kind, kind)

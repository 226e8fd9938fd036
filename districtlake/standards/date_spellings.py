"""The spellings of a day that mean one day only, each a repair from that spelling to YYYY-MM-DD.

Two-digit years, day-first and month-first forms and incomplete dates are deliberately none of them. A spelling whose day does
not exist (2021/2/30) is left as it is for the judgement.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from districtlake.standards.repairs import Repair

_HOUR, _SIXTY = "(?:[01]?[0-9]|2[0-4])", "[0-5]?[0-9]"
_SECONDS = rf"(?: ?[:分] ?{_SIXTY}(?:[.,][0-9]{{1,9}})?秒?)?"
_CLOCK = rf"(?:上午|下午|[AaPp][Mm])? ?{_HOUR}(?: ?[:时点] ?{_SIXTY}{_SECONDS}分?|[时点]整?) ?(?:[AaPp][Mm])?"
TIME = rf"(?:[T ] ?{_CLOCK})?"
"""An optional time of day, which a date drops."""
_LOCAL_ZONE = r"(?: ?\+0?8(?::?00)?)?"
FOREIGN_ZONE = r":[0-5][0-9](?:[.,][0-9]{1,9})? ?(?:Z|UTC|GMT|[+-][0-9]{1,2}(?::?[0-9]{2})?)$"
"""The end of a time with a zone; the local one has been dropped before this is asked."""
_WEEKDAY = r"(?: ?\(?(?:星期|周)[一二三四五六日天]\)?)?"
_SIGNED = r"([0-9]{4}) ?[-/.] ?([0-9]{1,2}) ?[-/.] ?([0-9]{1,2})"
_WORDED = r"([0-9]{4}) ?年 ?([0-9]{1,2}) ?月 ?([0-9]{1,2}) ?[日号]"
_AFTER_SIGNS = rf"{_WEEKDAY}{TIME}{_LOCAL_ZONE}$"
_AFTER_WORDS = rf"{_WEEKDAY}(?:[T ]? ?{_CLOCK})?{_LOCAL_ZONE}$"
YEAR_FIRST = rf"^(?:{_SIGNED}{_WEEKDAY}{TIME}|(?:{_WORDED}){_WEEKDAY}(?:[T ]? ?{_CLOCK})?)(?: ?(?:Z|UTC|GMT|[+-][0-9:]+))?$"
"""A full date with the year first, whether or not the day exists, in whatever time zone."""
_COMPACT = rf"^([12][0-9]{{3}}|9999)([0-9]{{2}})([0-9]{{2}})(?:T?(?:[01][0-9]|2[0-4])[0-5][0-9](?:[0-5][0-9])?|{TIME}){_LOCAL_ZONE}$"
REPUBLIC = rf"^(?:中华|中華)?(?:民国|民國) ?([0-9]{{1,3}}) ?[-/.年] ?([0-9]{{1,2}}) ?[-/.月] ?([0-9]{{1,2}}) ?[日号]?{TIME}$"
_SERIAL = r"^([0-9]{5})(?:\.[0-9]+)?$"

FIRST_SERIAL, LAST_SERIAL = 10_000, 73_050
"""Excel's serial days 1927-05-18 to 2099-12-31, counted in the 1900 system. Its false 1900-02-29 lies below."""


def _iso(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """The day as text; null where it does not exist."""
    parts = [part.cast(pl.String).str.zfill(width) for part, width in ((year, 4), (month, 2), (day, 2))]
    text = pl.concat_str(parts, separator="-")
    return pl.when(text.str.to_date("%Y-%m-%d", strict=False).is_not_null()).then(text)


def _coalesced(text: pl.Series, found: pl.Expr) -> pl.Series:
    """What ``found`` makes of the column "text", else the text."""
    return text.alias("text").to_frame().select(pl.coalesce(found, pl.col("text"))).to_series()


def _by_pattern(pattern: str, years_before: int = 0) -> Callable[[pl.Series], pl.Series]:
    def apply(text: pl.Series) -> pl.Series:
        fits = text.str.contains(pattern).fill_null(False)
        if not fits.any():
            return text
        year, month, day = (pl.col("text").str.extract(pattern, number).cast(pl.Int32, strict=False) for number in (1, 2, 3))
        return _coalesced(text, _iso(year + years_before, month, day))

    return apply


def _from_serial(text: pl.Series) -> pl.Series:
    if not text.str.contains(_SERIAL).fill_null(False).any():
        return text
    serial = pl.col("text").str.extract(_SERIAL, 1).cast(pl.Int32, strict=False)
    day = (pl.when(serial.is_between(FIRST_SERIAL, LAST_SERIAL)).then(serial) - 25_569).cast(pl.Date).dt.to_string("%Y-%m-%d")
    return _coalesced(text, day)


# -- Chinese numerals -------------------------------------------------------------------------------------------------
_DIGIT_CHARS = ("〇○零O0", "一壹元", "二贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
_DIGITS = {char: digit for digit, chars in enumerate(_DIGIT_CHARS) for char in chars}
_NUMERAL = "〇○零一二三四五六七八九十廿卅壹贰叁肆伍陆柒捌玖拾百元O"
_SOME = f"([{_NUMERAL}0-9]+)"
_CHINESE = rf"^((?:中华|中華)?(?:民国|民國)|公元)? ?{_SOME} ?年(?: ?{_SOME} ?月(?: ?{_SOME} ?[日号])?)?(.*)$"


def _numeral(text: str) -> int | None:
    """一 … 九十九, 廿四, 卅一, 一百一十, 二〇二一, 元, or Arabic digits; None when it is none of these."""
    if text.isascii():
        return int(text) if text.isdigit() else None
    text = text.replace("拾", "十").replace("廿", "二十").replace("卅", "三十")
    if not {"十", "百"} & set(text):
        digits = [_DIGITS.get(char) for char in text]  # 0 and O stand for 〇 here; other Arabic digits are not mixed in
        return None if None in digits else int("".join(map(str, digits)))
    hundreds, _, rest = text.rpartition("百")
    tens, ten, ones = rest.partition("十")
    if not ten:
        tens, ones = "", rest
    parts = (hundreds, "一" if ten and not tens else tens.lstrip("零〇"), ones.lstrip("零〇"))
    if any(len(part) > 1 or (part and _DIGITS.get(part, 0) == 0) for part in parts):
        return None
    hundred, tenth, one = (_DIGITS[part] if part else 0 for part in parts)
    return hundred * 100 + tenth * 10 + one


def _from_chinese(text: pl.Series) -> pl.Series:
    """Chinese numerals of a date as Arabic ones; also where the date is incomplete, so that the judgement can say so."""
    fits = text.str.contains(_CHINESE).fill_null(False) & text.str.contains(f"[{_NUMERAL}].*年|年.*[{_NUMERAL}].*[月日号]")
    if not fits.any():
        return text
    # Spellings are few and each is short: Python reads them one by one, each spelling once.
    spellings = text.filter(fits).unique()
    arabic: dict[str, str] = {}
    for spelling, group in zip(spellings, spellings.str.extract_groups(_CHINESE), strict=True):
        era, *numerals, rest = group.values()
        numbers = [None if numeral is None else _numeral(numeral) for numeral in numerals]
        if any(number is None and numeral is not None for number, numeral in zip(numbers, numerals, strict=True)):
            continue
        year, month, day = numbers
        of_republic = era is not None and era != "公元"
        # zeros in front are kept: 〇二一年 is not 21年
        shown = str(year) if of_republic or "十" in numerals[0] else str(year).zfill(len(numerals[0]))
        written = f"{'民国' if of_republic else ''}{shown}年"
        arabic[spelling] = written + (f"{month}月" if month is not None else "") + (f"{day}日" if day is not None else "") + (rest or "")
    return text.replace(arabic)


DATE_SPELLINGS: tuple[Repair, ...] = (
    Repair("date.chinese_numerals", "汉字数字的日期改为阿拉伯数字", _from_chinese),
    Repair("date.form", "日期统一为“年-月-日”，去除时刻", _by_pattern(f"^{_SIGNED}{_AFTER_SIGNS}")),
    Repair("date.worded", "“年月日”形式的日期统一为“年-月-日”，去除时刻", _by_pattern(f"^{_WORDED}{_AFTER_WORDS}")),
    Repair("date.compact", "8位数字的日期统一为“年-月-日”", _by_pattern(_COMPACT)),
    Repair("date.republic", "民国纪年改为公元（加1911）", _by_pattern(REPUBLIC, 1911)),
    Repair("date.excel_serial", "表格软件的日期序号改为日期", _from_serial),
)

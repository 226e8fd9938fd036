"""Dates by GB/T 7408.1: every unambiguous spelling becomes YYYY-MM-DD, everything else is told apart and sent back."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

import numpy as np
import polars as pl

from districtlake.standards.calendar_days import Numbers, days_of
from districtlake.standards.check_digits import Columns, codes_by_width, number_in
from districtlake.standards.date_spellings import DATE_SPELLINGS, FOREIGN_ZONE, REPUBLIC, TIME, YEAR_FIRST
from districtlake.standards.kind import CellContext, Codes, ElementLike, FirstLook, Kind, StatusCode, contains, error, mask_of, warning
from districtlake.standards.repairs import BLANK, DASHES, INVISIBLE, LEADING_APOSTROPHE, LINE_BREAK, SIGNS, TRIM, WIDTH, Repair

PLACEHOLDERS = ("0001-01-01", "1900-01-01", "1970-01-01", "2999-12-31", "9999-12-31")
"""Dates that systems write for "unknown" or "without end"; option ``placeholders`` replaces them."""
PLAUSIBLE_YEARS = (1800, 2200)
_WITHOUT_VALUE = ("unreadable", "impossible", "placeholder", "short_year")
_DIGIT_PLACES = (0, 1, 2, 3, 5, 6, 8, 9)
_FIRST, _LAST = -(2**31), 2**31 - 1


class DateKind(Kind):
    """Calendar days. Options: ``not_after`` and ``not_before`` (``today`` or YYYY-MM-DD), ``placeholders`` (a list of days)."""

    name = "date"
    codes: ClassVar[dict[str, StatusCode]] = {
        "unreadable": error("不是可以识别的日期，请写成“2021-01-02”的形式。"),
        "scientific_notation": error("被表格软件显示为科学计数法，不是日期，请将该列设为文本后重新导出。"),
        "placeholder": error("是表示“不详”或“长期”的占位日期，请填写真实日期，没有的请留空。"),
        "truncated": error("日期不完整，缺少年、月或日。"),
        "short_year": error("年份不足四位，无法确定是哪一年，请写四位公元年份。"),
        "day_first": error("年份写在最后，无法确定日和月的先后，请写成“2021-01-02”的形式。"),
        "impossible": error("这一天不存在（如2月30日、13月）。"),
        "time_zone": error("带有东八区以外的时区，换算后可能不是同一天，请按北京时间重新报送。"),
        "too_late": error("日期晚于允许的最晚日期（一般是今天）。"),
        "too_early": error("日期早于允许的最早日期。"),
        "implausible_year": warning("年份早于1800年或晚于2200年，请核对。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (INVISIBLE, LINE_BREAK, BLANK, LEADING_APOSTROPHE, TRIM, WIDTH, SIGNS, DASHES)
    options = {  # noqa: RUF012
        "not_after": "latest day: today or YYYY-MM-DD",
        "not_before": "earliest day: today or YYYY-MM-DD",
        "placeholders": "list of days YYYY-MM-DD that mean no date (default " + ", ".join(PLACEHOLDERS) + ")",
    }
    distinct = True

    def dtype(self, element: ElementLike) -> pl.DataType:
        return pl.Date()

    def faults_of(self, element: ElementLike) -> list[str]:
        faults = super().faults_of(element)
        for name in ("not_after", "not_before"):
            if name in element.options and _day_of(element.options[name], date.min) is None:
                faults.append(f"option '{name}' is {element.options[name]!r}; write today or a day as YYYY-MM-DD")
        placeholders = element.options.get("placeholders", [])
        if not isinstance(placeholders, (list, tuple)) or any(_day_of(day, None) is None for day in placeholders):
            faults.append(f"option 'placeholders' is {placeholders!r}; write a list of days YYYY-MM-DD")
        return faults

    def conversions(self, context: CellContext) -> tuple[Repair, ...]:
        return DATE_SPELLINGS

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        value, codes = self._iso(raw, context)
        return FirstLook(value, codes > 0)

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        value, codes = self._iso(text, context)
        # 2021-00-00 has the form of a day, but is incomplete rather than impossible
        rest = np.flatnonzero((codes == self.number("unreadable")) | (codes == self.number("impossible")))
        if rest.size:
            codes[rest] = self._unreadable(text.gather(rest))
        return value, codes

    def _iso(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        """Days of cells in the form YYYY-MM-DD; "unreadable" for the others. Null where there is none."""
        placeholders = self._placeholders(context)
        earliest, latest = self._bound(context, "not_before", _FIRST), self._bound(context, "not_after", _LAST)
        found: list[Numbers] = []

        def judge(columns: Columns) -> Codes:
            iso = (columns[4] == ord("-")) & (columns[7] == ord("-"))
            for place in _DIGIT_PLACES:
                iso &= columns[place] - np.uint8(48) <= 9
            year, month, day = number_in(columns, 0, 4), number_in(columns, 5, 7), number_in(columns, 8, 10)
            real, number = days_of(year, month, day)
            found.append(number)
            placeholder = np.zeros(len(number), dtype=np.bool_)
            for day_number in placeholders:
                placeholder |= number == day_number
            return self.first_of(
                [
                    (~iso, "unreadable"),
                    (~(real & (year > 0)), "impossible"),
                    (placeholder, "placeholder"),
                    (year < 1000, "short_year"),
                    (number > latest, "too_late"),
                    (number < earliest, "too_early"),
                    ((year < PLAUSIBLE_YEARS[0]) | (year > PLAUSIBLE_YEARS[1]), "implausible_year"),
                ],
                columns.shape[1],
            )

        codes = codes_by_width(text, 10, judge, self.number("unreadable"))
        days = np.zeros(len(text), dtype=np.int32)
        if found:
            days[mask_of(text.str.len_bytes() == 10)] = np.concatenate(found)
        value = pl.Series(days).cast(pl.Date)
        no_value = np.isin(codes, [self.number(code) for code in _WITHOUT_VALUE]) | text.is_null().to_numpy()
        if no_value.any():
            value = pl.select(pl.when(~pl.Series(no_value)).then(value)).to_series()
        return value, codes

    def _placeholders(self, context: CellContext) -> list[int]:
        days = (_day_of(day, None) for day in context.element.options.get("placeholders", PLACEHOLDERS))
        return [_number_of(day) for day in days if day is not None]

    def _bound(self, context: CellContext, option: str, default: int) -> int:
        day = _day_of(context.element.options.get(option), context.today)
        return default if day is None else _number_of(day)

    def _unreadable(self, text: pl.Series) -> Codes:
        """What is wrong with a cell that no spelling of a date fits."""
        month_zero = r"^[0-9]{4} ?[-/.年] ?([0-9]{1,2} ?[-/.月] ?0{1,2}|0{1,2} ?[-/.月] ?[0-9]{1,2})([^0-9]|$)"
        return self.first_of(
            [
                (contains(text, r"^[0-9](\.[0-9]*)?[Ee]\+?[0-9]{1,3}$"), "scientific_notation"),
                (contains(text, r"^0{4}[-/.年]?0{1,2}[-/.月]?0{1,2}"), "placeholder"),
                (contains(text, FOREIGN_ZONE) & contains(text, YEAR_FIRST), "time_zone"),
                (contains(text, month_zero), "truncated"),
                (contains(text, r"^[0-9]{4}年?$|^[0-9]{4}[-/.年] ?(0?[1-9]|1[0-2])月?$"), "truncated"),
                (contains(text, r"^(1[89]|20)[0-9]{2}(0[1-9]|1[0-2])$"), "truncated"),
                (contains(text, r"^(民国|民國)[0-9]{1,3}年?$|^(民国|民國)[0-9]{1,3}[-/.年](0?[1-9]|1[0-2])月?$"), "truncated"),
                (contains(text, r"^(0?[1-9]|1[0-2])月[0-9]{1,2}[日号]?$|^(0?[1-9]|1[0-2])[-/.][0-9]{1,2}$"), "truncated"),
                (contains(text, YEAR_FIRST) | contains(text, REPUBLIC), "impossible"),
                (contains(text, rf"^[0-9]{{1,2}} ?[-/.] ?[0-9]{{1,2}} ?[-/.] ?[0-9]{{4}}{TIME}$"), "day_first"),
                (contains(text, rf"^[0-9]{{2,3}} ?[-/.年] ?[0-9]{{1,2}} ?[-/.月] ?[0-9]{{1,2}}[日号]?{TIME}$"), "short_year"),
                (contains(text, r"^[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"), "short_year"),
                (contains(text, r"^(0[1-9]|[12][0-9]|3[01])(0[1-9]|1[0-2])(19|20)[0-9]{2}$"), "day_first"),
                (contains(text, rf"^[0-9]{{8}}({TIME}|[0-9]{{6}})$"), "impossible"),
                (mask_of(text.is_not_null()), "unreadable"),
            ],
            len(text),
        )


def _day_of(option: Any, today: date | None) -> date | None:
    """The day an option names; None when it names none."""
    if option == "today":
        return today
    if isinstance(option, date):
        return option
    try:
        return date.fromisoformat(option) if isinstance(option, str) else None
    except ValueError:
        return None


def _number_of(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()

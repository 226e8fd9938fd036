"""Dates: every unambiguous spelling, every kind of wrong one, and the calendar against the standard library."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from openpyxl.utils.datetime import from_excel

from districtlake.standards.calendar_days import days_of
from tests.cells import TODAY, cleaned, column, one


@pytest.mark.parametrize(
    "written",
    [
        "2021/1/2",
        "2021/01/02",
        "2021.01.02",
        "2021.1.2",
        "2021-1-2",
        "20210102",
        "2021年1月2日",
        "2021年01月02日",
        "2021年1月2号",
        "2021 年 1 月 2 日",
        "二〇二一年一月二日",
        "二○二一年一月二日",
        "二零二一年一月二日",
        "二O二一年元月二日",
        "民国110年1月2日",
        "民國110年1月2日",
        "中华民国110年1月2日",
        "民国110/1/2",
        "民国110.01.02",
        "民国一百一十年一月二日",
        "44198",
        "44198.75",
        "2021-01-02 00:00:00",
        "2021-01-02 10:30",
        "2021/1/2 0:00",
        "2021-01-02T10:30:00",
        "2021-01-02T10:30:00.123+08:00",
        "2021-01-02 10:30:00 +0800",
        "2021年1月2日10时30分",
        "2021年1月2日 上午10:30",
        "2021年1月2日（星期六）",
        "20210102103000",
        "20210102T103000",
        "20210102 10:30:00",
        "２０２１年１月２日",
        "２０２１／０１／０２",
        "２０２１－０１－０２",
        "2021–01–02",
        "\u30002021-01-02\u00a0",
        "'2021-01-02",
    ],
)
def test_spellings_of_one_day(written: str) -> None:
    cell = one("date", written)
    assert (cell.value, cell.text, cell.status) == (date(2021, 1, 2), "2021-01-02", "ok")
    assert cell.rule is not None


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("二〇二一年十二月二十四日", date(2021, 12, 24)),
        ("二〇二一年十二月廿四日", date(2021, 12, 24)),
        ("二〇二一年十月三十一日", date(2021, 10, 31)),
        ("二〇二一年十月卅一日", date(2021, 10, 31)),
        ("一九四九年十月一日", date(1949, 10, 1)),
        ("二〇二〇年二月二十九日", date(2020, 2, 29)),
        ("民国元年一月一日", date(1912, 1, 1)),
        ("民国三十八年十月一日", date(1949, 10, 1)),
        ("民国一〇一年十月十日", date(2012, 10, 10)),
        ("2024-02-29", date(2024, 2, 29)),
        ("2000-02-29", date(2000, 2, 29)),
    ],
)
def test_numerals_and_leap_days(written: str, day: date) -> None:
    assert one("date", written).value == day


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("21/1/2", "short_year"),
        ("21.1.2", "short_year"),
        ("21-01-02", "short_year"),
        ("21年1月2日", "short_year"),
        ("二一年一月二日", "short_year"),
        ("110/01/02", "short_year"),  # the Republic's years, or a digit lost
        ("0110-01-02", "short_year"),
        ("1/2/2021", "day_first"),
        ("13/2/2021", "day_first"),
        ("01-02-2021", "day_first"),
        ("31122021", "day_first"),
        ("2021-02-30", "impossible"),
        ("2021/2/29", "impossible"),
        ("2021年4月31日", "impossible"),
        ("20211301", "impossible"),
        ("2021-13-01", "impossible"),
        ("1900-02-29", "impossible"),
        ("民国110年2月30日", "impossible"),
        ("2020年", "truncated"),
        ("2020", "truncated"),
        ("2020年1月", "truncated"),
        ("2020-01", "truncated"),
        ("2020/1", "truncated"),
        ("202001", "truncated"),
        ("二〇二〇年", "truncated"),
        ("民国110年", "truncated"),
        ("1月2日", "truncated"),
        ("2021-00-00", "truncated"),
        ("2021-01-00", "truncated"),
        ("1900-01-01", "placeholder"),
        ("1900/1/1", "placeholder"),
        ("1970年1月1日", "placeholder"),
        ("9999-12-31", "placeholder"),
        ("99991231", "placeholder"),
        ("0000-00-00", "placeholder"),
        ("2021-01-02T16:00:00Z", "time_zone"),  # the third, in Shanghai
        ("2021-01-02T16:00:00+09:00", "time_zone"),
        ("2.02E+07", "scientific_notation"),
        ("99999", "unreadable"),  # no plausible serial
        ("9999", "truncated"),
        ("昨天", "unreadable"),
        ("2021年1-2月", "unreadable"),
        ("2021-01-0210:30", "unreadable"),
        ("2021-01-02至2021-02-02", "unreadable"),
        ("1609459200000", "unreadable"),
        ("2021-01-02 25:00", "unreadable"),
    ],
)
def test_what_is_never_guessed(written: str, status: str) -> None:
    cell = one("date", written)
    assert (cell.value, cell.status) == (None, status)


def test_impossible_days_keep_their_spelling() -> None:
    assert one("date", "2021/2/29").text == "2021/2/29"


def test_future_days_are_errors_only_where_the_element_says_so() -> None:
    tomorrow = str(TODAY + timedelta(days=1))
    assert one("date", tomorrow).status == "ok"
    assert one("date", tomorrow, not_after="today").status == "too_late"
    assert one("date", str(TODAY), not_after="today").status == "ok"
    assert one("date", "2001-01-01", not_after="2000-12-31").status == "too_late"
    assert one("date", "1999-01-01", not_before="2000-01-01").status == "too_early"
    assert one("date", tomorrow, not_after="today").value == TODAY + timedelta(days=1)


def test_placeholders_by_option() -> None:
    assert one("date", "1970-01-01", placeholders=["2099-12-31"]).status == "ok"
    assert one("date", "2099/12/31", placeholders=["2099-12-31"]).status == "placeholder"


def test_declared_missing_spellings_win_over_judgement() -> None:
    cells = cleaned("date", ["长期", "1900/1/1", "2021-01-02"], missing=("长期", "1900-01-01"))
    assert [cell.status for cell in cells] == [None, None, "ok"]
    assert cells[1].rule == "date.form+missing.spelling"


def test_far_years_are_a_warning() -> None:
    assert one("date", "1723-01-01").status == "implausible_year"
    assert one("date", "1723-01-01").value == date(1723, 1, 1)


def test_excel_serials_agree_with_openpyxl() -> None:
    serials = list(range(10_000, 73_050, 61))
    values = column("date", [str(serial) for serial in serials]).value.to_list()
    assert values == [from_excel(serial).date() for serial in serials]


def test_calendar_agrees_with_the_standard_library() -> None:
    days = [date(1, 1, 1) + timedelta(days=step) for step in range(0, 3_652_059, 97)]
    year, month, day = (np.array([getattr(one, part) for one in days], dtype=np.int32) for part in ("year", "month", "day"))
    real, number = days_of(year, month, day)
    assert real.all()
    assert number.tolist() == [(one - date(1970, 1, 1)).days for one in days]


def test_days_that_do_not_exist() -> None:
    wrong = [(2021, 2, 29), (1900, 2, 29), (2021, 4, 31), (2021, 13, 1), (2021, 0, 1), (2021, 1, 0), (2021, 99, 99)]
    year, month, day = (np.array(part, dtype=np.int32) for part in zip(*wrong, strict=True))
    assert not days_of(year, month, day)[0].any()


def test_many_spellings_at_once_are_the_same_as_each_alone() -> None:
    """From a few thousand suspicious cells on, each spelling is treated once."""
    few = ["2021/1/2", "2020年", "1900/1/1", "无", None, "2021-01-02"]
    alone = cleaned("date", few, missing=("无",))
    assert cleaned("date", few * 2000, missing=("无",)) == alone * 2000

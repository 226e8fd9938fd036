"""Counting days: the vectors of the domain, the edges, and laws that hold for every receipt."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from districtlake.clock import SHANGHAI
from districtlake.policy.calendar import WorkingCalendar, load_calendar
from districtlake.policy.deadlines import extension_ceiling, natural_deadline, problem_deadline, working_deadline
from districtlake.policy.pack import load_policy
from districtlake.settings import PROJECT_ROOT

CALENDAR = load_calendar([])
POLICY = load_policy([PROJECT_ROOT / "catalog"])


def at(day: date, hour: int = 10, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("receipt", "due"),
    [
        (date(2022, 1, 28), date(2022, 2, 9)),
        (date(2025, 9, 29), date(2025, 10, 13)),
        (date(2026, 2, 13), date(2026, 2, 27)),
        (date(2026, 9, 24), date(2026, 10, 9)),
        (date(2026, 9, 30), date(2026, 10, 13)),
    ],
)
def test_five_working_days_of_the_domains_vectors(receipt: date, due: date) -> None:
    deadline = problem_deadline(POLICY, at(receipt), CALENDAR)
    assert deadline.due == due
    assert deadline.due_at == datetime(due.year, due.month, due.day, 16, tzinfo=UTC), "24:00 in Shanghai is 16:00 UTC"
    assert (deadline.provisional, deadline.uncovered_years) == (False, ())


def test_sixty_natural_days_are_not_moved_by_holidays() -> None:
    assert extension_ceiling(POLICY, at(date(2022, 1, 28)), CALENDAR).due == date(2022, 3, 29)
    sunday = extension_ceiling(POLICY, at(date(2026, 9, 23)), CALENDAR)
    assert sunday.due == date(2026, 11, 22)
    assert sunday.due.weekday() == 6
    assert natural_deadline(at(date(2026, 9, 23)), 60, CALENDAR).due == date(2026, 11, 23), "the civil code's rule, when asked for"


def test_the_day_is_shanghais_not_utcs() -> None:
    before = working_deadline(datetime(2026, 3, 2, 15, 59, tzinfo=UTC), 1, CALENDAR)
    after = working_deadline(datetime(2026, 3, 2, 16, 0, tzinfo=UTC), 1, CALENDAR)
    assert (before.due, after.due) == (date(2026, 3, 3), date(2026, 3, 4))


def test_a_receipt_on_a_holiday_counts_from_the_next_day() -> None:
    assert working_deadline(at(date(2026, 10, 3)), 1, CALENDAR).due == date(2026, 10, 8)


def test_the_day_of_receipt_can_count() -> None:
    assert working_deadline(at(date(2026, 3, 2)), 1, CALENDAR, receipt_day_counted=True).due == date(2026, 3, 2)
    assert natural_deadline(at(date(2026, 3, 2)), 1, receipt_day_counted=True).due == date(2026, 3, 2)


def test_a_year_without_arrangement_makes_it_provisional() -> None:
    deadline = problem_deadline(POLICY, at(date(2026, 12, 24)), CALENDAR)
    assert deadline.due == date(2026, 12, 31)
    assert deadline.provisional, "the last days of 2026 can still be moved by the arrangement for 2027"
    assert deadline.uncovered_years == (2027,)
    far = working_deadline(at(date(2031, 9, 29)), 5, CALENDAR)
    assert (far.due, far.uncovered_years) == (date(2031, 10, 6), (2031,)), "Monday to Friday for the time being"


def test_a_deadline_within_covered_days_is_final() -> None:
    assert not working_deadline(at(date(2026, 12, 18)), 5, CALENDAR).provisional


@pytest.mark.parametrize("days", [0, -1])
def test_a_limit_is_at_least_a_day(days: int) -> None:
    with pytest.raises(ValueError, match="at least one day"):
        working_deadline(at(date(2026, 3, 2)), days, CALENDAR)


def test_a_receipt_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        working_deadline(datetime(2026, 3, 2), 5, CALENDAR)  # noqa: DTZ001


RECEIPTS = st.datetimes(datetime(2004, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(receipt=RECEIPTS, days=st.integers(1, 40))
def test_exactly_so_many_working_days_lie_between(receipt: datetime, days: int) -> None:
    deadline = working_deadline(receipt, days, CALENDAR)
    day, counted = receipt.astimezone(SHANGHAI).date(), 0
    while day < deadline.due:
        day += timedelta(1)
        counted += CALENDAR.is_working_day(day)
    assert counted == days
    assert CALENDAR.is_working_day(deadline.due)
    assert deadline.due_at > receipt
    assert deadline.due_at.astimezone(SHANGHAI).date() == deadline.due + timedelta(1)


@given(receipt=RECEIPTS, later=st.timedeltas(timedelta(0), timedelta(30)), days=st.integers(1, 10))
def test_a_later_receipt_is_never_due_earlier(receipt: datetime, later: timedelta, days: int) -> None:
    assert working_deadline(receipt + later, days, CALENDAR).due >= working_deadline(receipt, days, CALENDAR).due


def test_a_calendar_that_covers_nothing_still_ends() -> None:
    assert working_deadline(at(date(2026, 3, 6)), 5, WorkingCalendar({}, frozenset())).due == date(2026, 3, 13)

"""How a resource stands against its update cycle: every state at the instant it begins, in Shanghai days and calendar months."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from districtlake.catalog.load import load_catalog
from districtlake.catalog.models import Resource
from districtlake.clock import SHANGHAI
from districtlake.policy.cycles import LONGEST, due_after, first_due, longest_gap, months_later
from districtlake.policy.pack import CYCLES, load_policy
from districtlake.settings import PROJECT_ROOT
from districtlake.supervision.timeliness import STATE_TITLES, standing_of
from districtlake.supervision.updates import Latest, Update

CATALOG = load_catalog((PROJECT_ROOT / "catalog",))
POLICY = load_policy([PROJECT_ROOT / "catalog"])
TICK = timedelta(microseconds=1)


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def resource(cycle: str, provided_from: date | None = None) -> Resource:
    entry = CATALOG.resources["public_security_bureau.population"]
    return entry.model_copy(update={"update_cycle": cycle, "provided_from": provided_from})


def received(text: str, data_date: date | None = None) -> Latest:
    return Latest(Update("population-1", data_date, shanghai(text).astimezone(UTC)), data_date)


def state(cycle: str, latest: Latest, now: datetime, provided_from: date | None = None) -> tuple[str, int]:
    standing = standing_of(resource(cycle, provided_from), latest, now, POLICY)
    assert standing.state in STATE_TITLES
    return standing.state, standing.missed


@pytest.mark.parametrize(
    ("cycle", "updated", "due_day", "overdue_from"),
    [
        ("daily", "2026-03-02T00:00", "2026-03-03", "2026-03-05T00:00"),
        ("daily", "2026-03-02T23:59:59", "2026-03-03", "2026-03-05T00:00"),  # the hour of the day does not matter
        ("daily", "2028-02-28T12:00", "2028-02-29", "2028-03-02T00:00"),
        ("weekly", "2026-02-26T12:00", "2026-03-05", "2026-03-07T00:00"),
        ("monthly", "2026-01-15T12:00", "2026-02-15", "2026-02-21T00:00"),
        ("monthly", "2026-01-31T12:00", "2026-02-28", "2026-03-06T00:00"),
        ("monthly", "2028-01-31T12:00", "2028-02-29", "2028-03-06T00:00"),
        ("monthly", "2026-02-28T12:00", "2026-03-28", "2026-04-03T00:00"),  # the same day, not the same distance from the end
        ("monthly", "2026-12-31T12:00", "2027-01-31", "2027-02-06T00:00"),
        ("quarterly", "2026-11-30T12:00", "2027-02-28", "2027-03-11T00:00"),
        ("half_yearly", "2026-08-31T12:00", "2027-02-28", "2027-03-11T00:00"),
        ("yearly", "2028-02-29T12:00", "2029-02-28", "2029-03-11T00:00"),
        ("yearly", "2027-02-28T12:00", "2028-02-28", "2028-03-10T00:00"),  # ten days after 24:00, over a 29 February
    ],
)
def test_each_cycle_is_due_at_the_end_of_its_day_and_overdue_after_its_grace(
    cycle: str, updated: str, due_day: str, overdue_from: str
) -> None:
    due = due_after(shanghai(updated), cycle, POLICY)
    assert due is not None
    assert due.day == date.fromisoformat(due_day)
    assert due.due_at == shanghai(due_day) + timedelta(1)
    assert due.grace_until == shanghai(overdue_from)
    assert due.near_at == due.due_at - (POLICY.update_near.cycles[cycle] or timedelta())
    latest = received(updated)
    assert state(cycle, latest, due.near_at - TICK) == ("not_due", 0)
    assert state(cycle, latest, due.near_at) == ("near", 0)
    assert state(cycle, latest, due.due_at - TICK) == ("near", 0)
    assert state(cycle, latest, due.due_at) == ("due", 0)
    assert state(cycle, latest, due.grace_until - TICK) == ("due", 0)
    assert state(cycle, latest, due.grace_until) == ("overdue", 1)


def test_a_day_begins_at_midnight_in_shanghai_not_in_utc() -> None:
    before = due_after(datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC), "daily", POLICY)
    after = due_after(datetime(2026, 3, 1, 16, tzinfo=UTC), "daily", POLICY)
    assert before is not None
    assert after is not None
    assert (before.day, after.day) == (date(2026, 3, 2), date(2026, 3, 3))


def test_realtime_is_counted_by_the_hour_from_the_instant() -> None:
    latest = received("2026-03-02T09:10")
    assert state("realtime", latest, shanghai("2026-03-02T09:54:59")) == ("not_due", 0)
    assert state("realtime", latest, shanghai("2026-03-02T09:55")) == ("near", 0)
    assert state("realtime", latest, shanghai("2026-03-02T10:10")) == ("due", 0)
    assert state("realtime", latest, shanghai("2026-03-02T11:10")) == ("overdue", 1)
    assert state("realtime", latest, shanghai("2026-03-03T11:09")) == ("overdue", 1)
    assert state("realtime", latest, shanghai("2026-03-03T11:10")) == ("overdue", 2)  # further misses by the day


@pytest.mark.parametrize("cycle", ["irregular", "never"])
def test_cycles_without_a_due_date_are_never_overdue(cycle: str) -> None:
    assert due_after(shanghai("2026-03-02"), cycle, POLICY) is None
    assert state(cycle, received("2016-03-02"), shanghai("2026-03-02")) == ("no_due_date", 0)
    assert state(cycle, Latest(), shanghai("2026-03-02"), date(2020, 1, 1)) == ("never_delivered", 0)
    assert longest_gap(cycle, POLICY) is None


def test_further_months_are_counted_from_the_last_update_not_from_each_other() -> None:
    days = [due_after(shanghai("2026-01-31"), "monthly", POLICY, period) for period in range(1, 5)]
    assert [due.day for due in days if due] == [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]
    latest = received("2026-01-31")
    assert state("monthly", latest, shanghai("2026-04-05T23:59")) == ("overdue", 1)
    assert state("monthly", latest, shanghai("2026-04-06")) == ("overdue", 2)
    assert state("daily", latest, shanghai("2026-02-10")) == ("overdue", 8)


@pytest.mark.parametrize(("months", "expected"), [(1, "2026-01-31"), (2, "2026-02-28"), (26, "2028-02-29"), (12, "2026-12-31")])
def test_months_later(months: int, expected: str) -> None:
    assert months_later(date(2025, 12, 31), months) == date.fromisoformat(expected)


def test_never_delivered_is_overdue_only_from_the_day_it_was_to_be_provided() -> None:
    assert state("daily", Latest(), shanghai("2026-03-02")) == ("never_delivered", 0)
    start = date(2026, 3, 10)
    first = first_due(start, "daily", POLICY)
    assert first is not None
    assert first.day == start
    assert state("daily", Latest(), first.near_at - TICK, start) == ("never_delivered", 0)
    assert state("daily", Latest(), first.near_at, start) == ("near", 0)
    assert state("daily", Latest(), first.due_at, start) == ("due", 0)
    assert state("daily", Latest(), first.grace_until, start) == ("overdue", 1)
    assert state("daily", Latest(), first.grace_until + timedelta(1), start) == ("overdue", 2)
    monthly = first_due(date(2026, 1, 31), "monthly", POLICY, 2)
    assert monthly is not None
    assert monthly.day == date(2026, 2, 28)
    # once anything came, that day has no further say
    assert state("daily", received("2026-03-20"), shanghai("2026-03-21"), start) == ("not_due", 0)


def test_what_came_in_time_and_is_not_processed_yet_is_not_overdue() -> None:
    update, late = Update("a", None, shanghai("2026-03-02")), shanghai("2026-03-06T12:00")
    assert state("daily", Latest(update), late) == ("overdue", 2)
    in_time = Update("b", None, shanghai("2026-03-05T09:00"))
    assert state("daily", Latest(update, None, in_time), late) == ("waiting", 0)
    assert state("daily", Latest(None, None, in_time), late, date(2026, 3, 1)) == ("waiting", 0)
    # it excuses nobody for ever
    assert state("daily", Latest(update, None, in_time), shanghai("2026-03-08")) == ("overdue", 4)
    assert state("daily", Latest(update, None, in_time), shanghai("2026-03-03")) == ("not_due", 0)


@pytest.mark.parametrize(
    ("cycle", "data", "came", "days", "lagging"),
    [
        ("daily", date(2026, 3, 2), "2026-03-04T23:59", 2, False),
        ("daily", date(2026, 3, 2), "2026-03-05", 3, True),
        ("monthly", date(2026, 3, 1), "2026-04-06T12:00", 36, False),
        ("monthly", date(2026, 3, 1), "2026-04-07", 37, True),
        ("realtime", date(2026, 3, 2), "2026-03-03T01:59", 1, False),
        ("realtime", date(2026, 3, 2), "2026-03-03T02:00", 1, True),
        ("irregular", date(2016, 3, 2), "2026-03-02", 3652, None),
        ("daily", None, "2026-03-02", None, None),
    ],
)
def test_old_data_in_a_new_file_are_in_time_and_seen_to_lag(
    cycle: str, data: date | None, came: str, days: int | None, lagging: bool | None
) -> None:
    standing = standing_of(resource(cycle), received(came, data), shanghai(came) + timedelta(minutes=1), POLICY)
    assert standing.state in ("not_due", "no_due_date")
    assert (standing.lag_days, standing.lagging) == (days, lagging)


@pytest.mark.parametrize("cycle", [cycle for cycle in CYCLES if LONGEST[cycle] is not None])
def test_a_watcher_that_knows_durations_only_never_alarms_before_the_calendar(cycle: str) -> None:
    """Over every day of eight years, first and last instant: Dagster's windows are bounds, and bounds that are met."""
    gap = longest_gap(cycle, POLICY)
    assert gap is not None
    most = [timedelta(), timedelta()]
    day = date(2024, 1, 1)
    while day < date(2032, 1, 1):
        start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
        due = due_after(start, cycle, POLICY)
        assert due is not None
        for number, instant in enumerate((due.due_at, due.grace_until)):
            most[number] = max(most[number], instant - start)
        day += timedelta(1)
    assert tuple(most) == gap

"""Update cycles (Article 26): when the next update is due, from when it is near, and until when the policy pack's grace lasts.

The measures give no number; they say "by the update cycle of the catalogue". How it is counted (ADR 10):

- Days are Asia/Shanghai days and end at 24:00. The day of the last update is not counted: updated on the 2nd, a daily resource is
  due by the end of the 3rd, whatever the hour.
- A month is the same day of the next month, its last day where it has no such day, counted from the last update each time
  (31 January, 28 February, 31 March). Six months and a year alike.
- ``realtime`` counts by the hour, from the instant.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from districtlake.clock import SHANGHAI, local_date
from districtlake.policy.pack import PolicyPack

DAYS = {"daily": 1, "weekly": 7}
MONTHS = {"monthly": 1, "quarterly": 3, "half_yearly": 6, "yearly": 12}
REALTIME_PERIOD = timedelta(hours=1)
LONGEST: dict[str, timedelta | None] = {
    "realtime": REALTIME_PERIOD,
    "daily": timedelta(1),
    "weekly": timedelta(7),
    "monthly": timedelta(31),
    "quarterly": timedelta(92),
    "half_yearly": timedelta(184),
    "yearly": timedelta(366),
    "irregular": None,
    "never": None,
}
"""The longest a cycle can last in the calendar. None: no due date."""

CYCLE_TITLES: dict[str, str] = {
    "realtime": "实时",
    "daily": "每日",
    "weekly": "每周",
    "monthly": "每月",
    "quarterly": "每季度",
    "half_yearly": "每半年",
    "yearly": "每年",
    "irregular": "不定期",
    "never": "不更新",
}


@dataclass(frozen=True)
class Due:
    """One update that is due. Instants are UTC; each is the first at which the next state holds.

    Attributes:
        day: the last Asia/Shanghai day on which the update is within its cycle.
        near_at: from here on the day is near (内控指标).
        due_at: 24:00 of that day; ``realtime``: the end of the hour. From here on the grace runs.
        grace_until: from here on the update is overdue.
    """

    day: date
    near_at: datetime
    due_at: datetime
    grace_until: datetime


def due_after(updated: datetime, cycle: str, policy: PolicyPack, period: int = 1) -> Due | None:
    """The ``period``-th update that is due after one of this instant; None where the cycle has no due date.

    Args:
        updated: time-zone aware.
        period: 1 for the next; later ones are those missed when none comes. Of ``realtime`` the first falls due after the hour,
            further ones are counted by the day.
    """
    if cycle == "realtime":
        return _due(updated + REALTIME_PERIOD + timedelta(days=period - 1), cycle, policy)
    day = _later(local_date(updated), cycle, period)
    return None if day is None else _due(end_of(day), cycle, policy)


def first_due(provided_from: date, cycle: str, policy: PolicyPack, period: int = 1) -> Due | None:
    """The ``period``-th update of a resource that never came, when it is to be provided from a day on: the first by the end of that day."""
    if cycle == "realtime":
        return _due(end_of(provided_from + timedelta(days=period - 1)), cycle, policy)
    day = provided_from if period == 1 else _later(provided_from, cycle, period - 1)
    return None if day is None or LONGEST[cycle] is None else _due(end_of(day), cycle, policy)


def is_lagging(data_date: date, received: datetime, cycle: str, policy: PolicyPack) -> bool | None:
    """Whether data that speak of ``data_date`` were older at their receipt than cycle and grace allow; None: the cycle has no due date."""
    # a data date is a whole day: what comes by the hour is judged from its end, with its own grace
    start = datetime.combine(data_date, time(), tzinfo=SHANGHAI) + (timedelta(1) if cycle == "realtime" else timedelta())
    due = due_after(start, cycle, policy)
    return None if due is None else received >= due.grace_until


def end_of(day: date) -> datetime:
    """24:00 of an Asia/Shanghai day, in UTC."""
    return datetime.combine(day + timedelta(1), time(), tzinfo=SHANGHAI).astimezone(UTC)


def months_later(day: date, months: int) -> date:
    """The same day ``months`` later, or the month's last day where it has none."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def longest_gap(cycle: str, policy: PolicyPack) -> tuple[timedelta, timedelta] | None:
    """The longest time from an update until the next is due, and until it is overdue; None where the cycle has no due date.

    An upper bound for watchers that know only durations (Dagster's freshness): they never alarm before the calendar does. A cycle
    counted in days ends with a day, so nearly a whole day more can pass than the cycle says.
    """
    period, grace = LONGEST[cycle], policy.update_grace.cycles[cycle]
    if period is None or grace is None:
        return None
    due = period if cycle == "realtime" else period + timedelta(1)
    return due, due + grace


def _later(day: date, cycle: str, periods: int) -> date | None:
    if cycle in DAYS:
        return day + timedelta(DAYS[cycle] * periods)
    return months_later(day, MONTHS[cycle] * periods) if cycle in MONTHS else None


def _due(due_at: datetime, cycle: str, policy: PolicyPack) -> Due | None:
    grace, near = policy.update_grace.cycles[cycle], policy.update_near.cycles[cycle]
    if grace is None:
        return None
    due_at = due_at.astimezone(UTC)
    return Due(local_date(due_at - timedelta(microseconds=1)), due_at - (near or timedelta()), due_at, due_at + grace)

"""From a receipt to a due day. The regulation counts days in Asia/Shanghai; instants are stored in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from districtlake.clock import SHANGHAI, local_date
from districtlake.policy.calendar import WorkingCalendar
from districtlake.policy.pack import Limit, PolicyPack


@dataclass(frozen=True)
class Deadline:
    """A due day.

    Attributes:
        due: the last Asia/Shanghai day on which the duty is still met in time.
        due_at: 24:00 of that day, as a UTC instant; from this instant on it is overdue.
        provisional: True when a day counted lies in a year whose holiday arrangement is not known yet.
        uncovered_years: those years; import them and recompute.
    """

    due: date
    due_at: datetime
    provisional: bool = False
    uncovered_years: tuple[int, ...] = ()


def _deadline(due: date, uncovered: set[int]) -> Deadline:
    end = datetime.combine(due + timedelta(1), time(), tzinfo=SHANGHAI).astimezone(UTC)
    return Deadline(due, end, bool(uncovered), tuple(sorted(uncovered)))


def working_deadline(receipt: datetime, days: int, calendar: WorkingCalendar, *, receipt_day_counted: bool = False) -> Deadline:
    """The ``days``-th working day, by default from the day after the receipt (Art. 17, Art. 27; domain 1.4).

    Args:
        receipt: time-zone aware; its Asia/Shanghai day is the day of receipt.
        days: at least 1.
        receipt_day_counted: True counts the day of receipt when it is a working day.
    """
    _checked(receipt, days)
    day = local_date(receipt) - timedelta(1 if receipt_day_counted else 0)
    left, uncovered = days, set[int]()
    while left:
        day += timedelta(1)
        uncovered.update(calendar.open_years(day))
        left -= calendar.is_working_day(day)
    return _deadline(day, uncovered)


def natural_deadline(
    receipt: datetime, days: int, calendar: WorkingCalendar | None = None, *, receipt_day_counted: bool = False
) -> Deadline:
    """The ``days``-th calendar day after the receipt. With a ``calendar`` a limit ending on a holiday moves to the next working day
    (Civil Code Art. 203); without one it does not, which is how the 60 days of Art. 27 are read (A1)."""
    _checked(receipt, days)
    due = local_date(receipt) + timedelta(days - (1 if receipt_day_counted else 0))
    uncovered: set[int] = set()
    if calendar is not None:
        uncovered.update(calendar.open_years(due))
        while not calendar.is_working_day(due):
            due += timedelta(1)
            uncovered.update(calendar.open_years(due))
    return _deadline(due, uncovered)


def limit_deadline(limit: Limit, receipt: datetime, policy: PolicyPack, calendar: WorkingCalendar) -> Deadline:
    """A limit of the pack, counted as the pack says."""
    counted = policy.counting.receipt_day_counted.value
    if limit.unit == "working_days":
        return working_deadline(receipt, limit.days, calendar, receipt_day_counted=counted)
    moves = policy.counting.ceiling_moves_to_working_day.value
    return natural_deadline(receipt, limit.days, calendar if moves else None, receipt_day_counted=counted)


def problem_deadline(policy: PolicyPack, receipt: datetime, calendar: WorkingCalendar) -> Deadline:
    """By when the provider must have handled problem data (Art. 27)."""
    return limit_deadline(policy.deadlines.problem_handling, receipt, policy, calendar)


def extension_ceiling(policy: PolicyPack, receipt: datetime, calendar: WorkingCalendar) -> Deadline:
    """The latest day an approved extension may reach: 60 natural days in total from the receipt (Art. 27, A1)."""
    return limit_deadline(policy.deadlines.problem_ceiling, receipt, policy, calendar)


def _checked(receipt: datetime, days: int) -> None:
    if receipt.tzinfo is None:
        raise ValueError("the receipt needs a time zone: the law counts days in Asia/Shanghai")
    if days < 1:
        raise ValueError(f"a limit is at least one day, not {days}")

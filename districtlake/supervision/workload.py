"""Who owes what by when, how old it is, how much comes and goes (Articles 27, 34, 35). Counted by the database, shown by board and report.

Every figure opens to the tickets behind it: the functions take the same scope (one agency, or all) as the lists of tickets do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import case, func, select

from districtlake.clock import SHANGHAI, Clock, local_date
from districtlake.policy.calendar import WorkingCalendar
from districtlake.store.engine import Store
from districtlake.store.tables import Ticket, TicketEvent
from districtlake.tickets.queries import closed_in_time

AGES: tuple[tuple[int, int | None], ...] = ((0, 1), (2, 5), (6, 10), (11, 30), (31, 60), (61, None))
"""Natural days since the ticket was raised, both ends included; the last goes on without end."""


@dataclass(frozen=True)
class Desk:
    """An agency's tickets.

    Attributes:
        open, overdue, near, in_time: open tickets; the last three add up to those whose clock runs.
        waiting: open ones that the Office has not dispatched yet.
        oldest_due: the earliest due day among the open ones.
        closed_in_time, closed_late: closed in the period asked for (A and B - A of the share closed in time).
        reopened: times a closed ticket was opened again in the period.
    """

    agency: str
    open: int
    overdue: int
    near: int
    in_time: int
    waiting: int
    open_problems: int
    oldest_due: date | None
    closed_in_time: int
    closed_late: int
    reopened: int


@dataclass(frozen=True)
class Flow:
    """What came and went on one Shanghai day."""

    day: date
    opened: int
    closed: int
    reopened: int


def desks(store: Store, clock: Clock, calendar: WorkingCalendar, *, since: datetime, agency: str | None = None) -> list[Desk]:
    """Every agency that has, or had since ``since``, any ticket; the most overdue first."""
    now = clock.now()
    near = calendar.next_working_day(local_date(now))
    is_open, running = Ticket.state == "open", Ticket.due_at.is_not(None)
    overdue = is_open & running & (Ticket.due_at <= now)
    closed = (Ticket.state == "closed") & (Ticket.closed_at >= since) & running
    punctual = closed_in_time()

    def count(condition: object) -> object:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)  # type: ignore[arg-type]

    query = select(
        Ticket.agency, count(is_open), count(overdue), count(is_open & running & ~overdue & (Ticket.due_date <= near)),
        count(is_open & running & ~overdue & (Ticket.due_date > near)), count(is_open & ~running),
        func.coalesce(func.sum(case((is_open, Ticket.open_problems), else_=0)), 0), func.min(case((is_open, Ticket.due_date))),
        count(closed & punctual), count(closed & ~punctual),
    ).group_by(Ticket.agency)  # type: ignore[call-overload]  # fmt: skip
    again = (
        select(Ticket.agency, func.count())
        .join(TicketEvent, TicketEvent.ticket_id == Ticket.id)
        .where(TicketEvent.event == "reopened", TicketEvent.at >= since)
        .group_by(Ticket.agency)
    )
    if agency is not None:
        query, again = query.where(Ticket.agency == agency), again.where(Ticket.agency == agency)
    with store.session(read_only=True) as session:
        reopened = {name: count for name, count in session.execute(again)}  # noqa: C416
        found = [
            Desk(
                agency=row[0], open=int(row[1]), overdue=int(row[2]), near=int(row[3]), in_time=int(row[4]), waiting=int(row[5]),
                open_problems=int(row[6]), oldest_due=row[7], closed_in_time=int(row[8]), closed_late=int(row[9]),
                reopened=reopened.get(row[0], 0),
            )
            for row in session.execute(query)
        ]  # fmt: skip
    return sorted(found, key=lambda desk: (-desk.overdue, -desk.near, -desk.open, desk.agency))


def ages(store: Store, clock: Clock, *, agency: str | None = None) -> list[int]:
    """Open tickets by age, one number per range of ``AGES``."""
    today = local_date(clock.now())

    def begins(days: int) -> datetime:
        return datetime.combine(today - timedelta(days), time(), tzinfo=SHANGHAI)

    columns = []
    for least, most in AGES:
        condition = Ticket.opened_at < begins(least - 1) if least else Ticket.opened_at.is_not(None)
        if most is not None:
            condition = condition & (Ticket.opened_at >= begins(most))
        columns.append(func.coalesce(func.sum(case((condition, 1), else_=0)), 0))
    query = select(*columns).where(Ticket.state == "open")
    if agency is not None:
        query = query.where(Ticket.agency == agency)
    with store.session(read_only=True) as session:
        return [int(number) for number in session.execute(query).one()]


def flow(store: Store, clock: Clock, *, days: int = 30, agency: str | None = None) -> list[Flow]:
    """What was opened, closed and reopened on each of the last ``days`` Shanghai days, today included; days without any are there, too."""
    today = local_date(clock.now())
    first = today - timedelta(days - 1)
    since = datetime.combine(first, time(), tzinfo=SHANGHAI)
    # "settled" and "dismissed" events are named by what was decided; the row knows when it was closed
    opened = select(Ticket.opened_at).where(Ticket.opened_at >= since)
    closed = select(Ticket.closed_at).where(Ticket.closed_at >= since)
    again = (
        select(TicketEvent.at)
        .join(Ticket, Ticket.id == TicketEvent.ticket_id)
        .where(TicketEvent.event == "reopened", TicketEvent.at >= since)
    )
    counts = {first + timedelta(number): [0, 0, 0] for number in range(days)}
    with store.session(read_only=True) as session:
        for place, query in enumerate((opened, closed, again)):
            for instant in session.scalars(query.where(Ticket.agency == agency) if agency is not None else query):
                if instant is not None and (day := local_date(instant)) in counts:
                    counts[day][place] += 1
    return [Flow(day, *numbers) for day, numbers in counts.items()]

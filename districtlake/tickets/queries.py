"""Tickets as people ask for them: whose, about what, due when. Everything is decided in one SQL statement, so it stays fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, case, func, literal, or_, select

from districtlake.clock import Clock, local_date
from districtlake.errors import NotFound
from districtlake.policy.calendar import WorkingCalendar
from districtlake.store.engine import Store
from districtlake.store.tables import Report, Ticket, TicketEvent
from districtlake.tickets.deadlines import recompute_provisional

__all__ = [
    "DueState",
    "Event",
    "TicketView",
    "count_tickets",
    "find_ticket",
    "list_tickets",
    "recompute_provisional",
    "ticket_events",
    "ticket_reports",
]

DueState = Literal["waiting", "due", "near", "overdue", "in_time", "late", "none"]
"""Open: waiting (not dispatched, no clock runs), due, near (at most one working day left), overdue. Closed: in_time or late; none where
no clock ever ran. One that was extended only after its limit had passed was late whatever became of it (A10)."""
Order = Literal["due", "number", "newest"]
Grouping = Literal[
    "agency",
    "resource",
    "dimension",
    "severity",
    "kind",
    "matter",
    "origin",
    "state",
    "stage",
    "closing",
    "urgent",
    "round",
    "due_state",
    "rule_id",
]


@dataclass(frozen=True)
class TicketView:
    """A ticket as it stood when asked for, and how its deadline stands. Instants are UTC, ``due_date`` is a Shanghai day."""

    id: str
    number: str
    agency: str
    resource: str
    delivery_id: str
    rule_id: str
    rule_title: str
    dimension: str
    severity: str
    on_failure: str
    kind: str
    matter: str
    origin: str
    state: str
    stage: str
    round: int
    problems: int
    open_problems: int
    sample_rows: list[int]
    opened_at: datetime
    received_at: datetime | None
    due_date: date | None
    due_at: datetime | None
    provisional: bool
    terms: dict[str, Any]
    urgent: bool
    requested_due: date | None
    extended: bool
    was_late: bool
    claimed_at: datetime | None
    escalations: int
    review_on: date | None
    merged_into: str | None
    split_from: str | None
    policy_id: str
    policy_version: str
    closed_at: datetime | None
    closing: str | None
    package: str | None
    version: int
    due_state: DueState


_STORED = tuple(field.name for field in fields(TicketView) if field.name != "due_state")


@dataclass(frozen=True)
class Event:
    """One thing that happened to a ticket."""

    at: datetime
    event: str
    actor: str
    data: dict[str, Any]
    role: str = "system"
    agency: str | None = None
    policy: str = ""


def closed_in_time() -> ColumnElement[bool]:
    """SQL: of a closed ticket, whether it was within its limit. An extension granted after the limit does not undo the delay (A10)."""
    return (Ticket.closed_at < Ticket.due_at) & ~Ticket.was_late


def due_state(clock: Clock, calendar: WorkingCalendar) -> ColumnElement[str]:
    """SQL for the due state of a ticket. Near: due today or on the next working day."""
    now = clock.now()
    near = calendar.next_working_day(local_date(now))
    return case(
        (Ticket.due_at.is_(None), case((Ticket.state == "open", literal("waiting")), else_=literal("none"))),
        (
            Ticket.state == "closed",
            case((closed_in_time(), literal("in_time")), else_=literal("late")),
        ),
        (Ticket.due_at <= now, literal("overdue")),
        (Ticket.due_date <= near, literal("near")),
        else_=literal("due"),
    )


def list_tickets(
    store: Store,
    *,
    clock: Clock,
    calendar: WorkingCalendar,
    agency: str | None = None,
    resource: str | None = None,
    delivery: str | None = None,
    rule: str | None = None,
    dimension: str | None = None,
    severity: str | None = None,
    kind: str | None = None,
    state: str | None = "open",
    stage: str | None = None,
    matter: str | None = None,
    origin: str | None = None,
    urgent: bool | None = None,
    due: DueState | None = None,
    packaged: bool | None = None,
    order: Order = "due",
    limit: int | None = None,
    offset: int = 0,
) -> list[TicketView]:
    """Tickets that match every filter given (``state=None``: open and closed), the most pressing first."""
    standing = due_state(clock, calendar)
    query = select(Ticket, standing)
    wanted = {
        Ticket.agency: agency, Ticket.resource: resource, Ticket.delivery_id: delivery, Ticket.rule_id: rule, Ticket.dimension: dimension,
        Ticket.severity: severity, Ticket.kind: kind, Ticket.state: state, Ticket.stage: stage, Ticket.matter: matter,
        Ticket.origin: origin, Ticket.urgent: urgent, standing: due,
    }  # fmt: skip
    query = query.where(*(column == value for column, value in wanted.items() if value is not None))
    if packaged is not None:
        query = query.where(Ticket.package.is_not(None) if packaged else Ticket.package.is_(None))
    query = query.order_by(*_ORDERS[order]).offset(offset)
    if limit is not None:
        query = query.limit(limit)
    with store.session(read_only=True) as session:
        return [view_of(ticket, state) for ticket, state in session.execute(query)]


_ORDERS: dict[str, tuple[Any, ...]] = {
    "due": (Ticket.state.desc(), Ticket.due_at.is_(None), Ticket.due_at, Ticket.number),  # "open" before "closed"
    "number": (Ticket.number,),
    "newest": (Ticket.opened_at.desc(), Ticket.number.desc()),
}


def find_ticket(store: Store, number: str, *, clock: Clock, calendar: WorkingCalendar) -> TicketView:
    """The ticket of this number (or id).

    Raises:
        NotFound: there is none.
    """
    query = select(Ticket, due_state(clock, calendar)).where(or_(Ticket.number == number.strip().upper(), Ticket.id == number.strip()))
    with store.session(read_only=True) as session:
        found = session.execute(query).first()
    if found is None:
        raise NotFound.of("tickets.none", code="ticket.not_found", number=number)
    return view_of(found[0], found[1])


def ticket_events(store: Store, ticket: str) -> list[Event]:
    """What happened to the ticket of this id, first things first."""
    query = select(TicketEvent).where(TicketEvent.ticket_id == ticket).order_by(TicketEvent.id)
    with store.session(read_only=True) as session:
        return [
            Event(row.at, row.event, row.actor, row.data, row.role, row.agency, f"{row.policy_id} {row.policy_version}".strip())
            for row in session.scalars(query)
        ]


def ticket_reports(store: Store, ticket: str) -> list[dict[str, Any]]:
    """What users reported under the ticket of this id. Holds keys and claimed values: mask them before anybody sees them."""
    names = ("id", "request_id", "reporter", "agency", "channel", "external_id", "resource", "key", "item", "matter", "claimed", "text")
    query = select(Report).where(Report.ticket_id == ticket).order_by(Report.reported_at, Report.id)
    with store.session(read_only=True) as session:
        return [{name: getattr(row, name) for name in (*names, "reported_at", "told_at")} for row in session.scalars(query)]


def count_tickets(
    store: Store,
    by: Sequence[Grouping],
    *,
    clock: Clock,
    calendar: WorkingCalendar,
    state: str | None = "open",
    agency: str | None = None,
) -> list[dict[str, Any]]:
    """Numbers of tickets and of their open problems, grouped.

    Args:
        by: columns to group by, e.g. ("agency", "due_state"); empty for the total.

    Returns:
        One dict per group that has tickets: the grouping columns, ``tickets``, ``problems``, ``open_problems``; sorted by the grouping.
    """
    columns: list[ColumnElement[Any]] = [
        due_state(clock, calendar).label("due_state") if name == "due_state" else getattr(Ticket, name).label(name) for name in by
    ]
    inner = select(*columns, Ticket.problems.label("problems"), Ticket.open_problems.label("open_problems"))
    if state is not None:
        inner = inner.where(Ticket.state == state)
    if agency is not None:
        inner = inner.where(Ticket.agency == agency)
    rows = inner.subquery()
    groups = [rows.c[name] for name in by]
    totals = [func.coalesce(func.sum(rows.c[name]), 0).label(name) for name in ("problems", "open_problems")]
    query = select(*groups, func.count(rows.c.problems).label("tickets"), *totals).group_by(*groups).order_by(*groups)
    with store.session(read_only=True) as session:
        found = [dict(row) for row in session.execute(query).mappings()]
    # PostgreSQL sums to a decimal
    return [{**row, "problems": int(row["problems"]), "open_problems": int(row["open_problems"])} for row in found]


def view_of(ticket: Ticket, state: str) -> TicketView:
    return TicketView(**{name: getattr(ticket, name) for name in _STORED}, due_state=cast(DueState, state))

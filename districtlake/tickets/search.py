"""Tickets page by page: within what somebody sees, filtered, searched, sorted by the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, func, or_, select

from districtlake.clock import Clock
from districtlake.policy.calendar import WorkingCalendar
from districtlake.store.engine import Store
from districtlake.store.tables import Ticket
from districtlake.tickets.queries import DueState, TicketView, due_state, view_of

SORTS: dict[str, Any] = {
    "due": Ticket.due_at, "number": Ticket.number, "opened": Ticket.opened_at, "problems": Ticket.open_problems, "agency": Ticket.agency,
}  # fmt: skip
"""What a list may be sorted by; a "-" in front turns it round."""


@dataclass(frozen=True)
class Filters:
    """What is looked for; None and "" mean any.

    Attributes:
        words: each must occur in number, rule title, rule or resource.
    """

    words: str = ""
    agency: str | None = None
    resource: str | None = None
    state: str | None = "open"
    stage: str | None = None
    due: str | None = None
    matter: str | None = None
    origin: str | None = None


@dataclass(frozen=True)
class Page:
    """``tickets`` of the page, and the ``total`` that match."""

    tickets: list[TicketView]
    total: int


def search(
    store: Store, clock: Clock, calendar: WorkingCalendar, seen: ColumnElement[bool], filters: Filters, *,
    sort: str = "due", size: int = 50, number: int = 1,
) -> Page:  # fmt: skip
    """One page of what matches. An unknown sort order is "due": open before closed, the most pressing first."""
    standing = due_state(clock, calendar)
    wanted: list[tuple[Any, str | None]] = [
        (Ticket.agency, filters.agency), (Ticket.resource, filters.resource), (Ticket.state, filters.state), (Ticket.stage, filters.stage),
        (standing, filters.due), (Ticket.matter, filters.matter), (Ticket.origin, filters.origin),
    ]  # fmt: skip
    conditions = [seen, *(column == value for column, value in wanted if value)]
    for word in filters.words.split()[:8]:
        pattern = f"%{word.replace('/', '//').replace('%', '/%').replace('_', '/_')}%"
        columns = (Ticket.number, Ticket.rule_title, Ticket.rule_id, Ticket.resource)
        conditions.append(or_(*(column.ilike(pattern, escape="/") for column in columns)))
    order = SORTS.get(sort.removeprefix("-"))
    by = (
        (Ticket.state.desc(), Ticket.due_at.is_(None), Ticket.due_at, Ticket.number)
        if order is None or sort == "due"
        else (order.desc() if sort.startswith("-") else order, Ticket.number)
    )
    with store.session(read_only=True) as session:
        total = session.scalar(select(func.count()).select_from(Ticket).where(*conditions)) or 0
        rows = session.execute(select(Ticket, standing).where(*conditions).order_by(*by).limit(size).offset((max(1, number) - 1) * size))
        return Page([view_of(ticket, cast(DueState, state)) for ticket, state in rows], total)


def standings(store: Store, clock: Clock, calendar: WorkingCalendar, seen: ColumnElement[bool]) -> dict[str, int]:
    """Open tickets by due state (``queries.DueState``) within what somebody sees."""
    standing = due_state(clock, calendar)
    query = select(standing, func.count()).where(seen, Ticket.state == "open").group_by(standing)
    with store.session(read_only=True) as session:
        return {state: count for state, count in session.execute(query)}  # noqa: C416

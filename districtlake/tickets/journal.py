"""The record of a ticket. ``happened`` is the only writer of ticket rows: it asks the machine, appends the event, and applies it.

Each event says in ``data["set"]`` which columns it changed, so a ticket can be rebuilt from its events (``rebuilt``) and the row is
nothing but their sum. Event, row and message are written in the caller's transaction: all of them or none.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol

from sqlalchemy import Date, inspect, or_, select, update
from sqlalchemy.orm import Session

from districtlake.clock import Clock, local_date
from districtlake.errors import ConcurrentChange, NotFound
from districtlake.policy.calendar import WorkingCalendar
from districtlake.policy.pack import PolicyPack
from districtlake.store.columns import Instant
from districtlake.store.engine import Store
from districtlake.store.tables import Notification, Report, Ticket, TicketEvent, TicketNumber
from districtlake.tickets.machine import SYSTEM, Actor, checked

LOCK = "tickets"
COLUMNS = tuple(column.name for column in Ticket.__table__.columns if column.name not in ("id", "version"))
_INSTANTS = {column.name for column in Ticket.__table__.columns if isinstance(column.type, Instant)}
_DATES = {column.name for column in Ticket.__table__.columns if isinstance(column.type, Date)}

TELLS: dict[str, tuple[str, ...]] = {
    "opened": ("office",),
    "dispatched": ("agency",),
    "rejected": ("reporter",),
    "merged": ("agency",),
    "marked_urgent": ("agency",),
    "extension_requested": ("office",),
    "extension_approved": ("agency",),
    "extension_refused": ("agency",),
    "fix_claimed": ("office",),
    "review_failed": ("agency",),
    "confirmed": ("reporter", "office"),
    "negotiated": ("reporter", "office"),
    "closed": ("agency", "reporter"),
    "reopened": ("office",),
    "escalated": ("agency", "office"),
    "review_due": ("agency", "office"),
    "deadline_recomputed": ("agency",),
    "sharing_suspended": ("agency",),
    "sharing_resumed": ("agency",),
}
"""Event -> who is told of it. What is dispatched at once is news to the agency only."""


class Recorder(Protocol):
    """What an event needs: when, and under which pack (None: the ticket's own)."""

    @property
    def clock(self) -> Clock: ...
    @property
    def policy(self) -> PolicyPack | None: ...


class Desk(Protocol):
    """What every action needs; ``delivery.district.District`` is one."""

    @property
    def store(self) -> Store: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def policy(self) -> PolicyPack: ...
    @property
    def calendar(self) -> WorkingCalendar: ...


@dataclass(frozen=True)
class Parts:
    """A desk of its own parts, for callers that have no district at hand."""

    store: Store
    clock: Clock
    policy: PolicyPack
    calendar: WorkingCalendar


@dataclass(frozen=True)
class Recount:
    """For what happens to tickets under the packs they run under."""

    clock: Clock
    policy: PolicyPack | None = None


def happened(
    session: Session,
    ticket: Ticket,
    event: str,
    desk: Recorder,
    actor: Actor = SYSTEM,
    facts: Mapping[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Let ``event`` happen to ``ticket`` in this transaction.

    Args:
        ticket: one that was loaded in ``session``, or (event "opened") a new one whose columns ``changes`` states.
        facts: what the record keeps beside the changes; JSON values, never a value of the data.
        changes: columns of the ticket and their new values. ``state`` and ``stage`` follow from the event.

    Raises:
        TicketRefused: the machine does not allow it.
    """
    told = dict(facts or {})
    first = event == "opened"
    number = changes["number"] if first else ticket.number
    line = checked(
        event, number=number, stage=None if first else ticket.stage, agency=changes.get("agency") or ticket.agency, actor=actor, facts=told
    )
    if stage := line.to or changes.get("stage"):
        changes |= {"stage": stage, "state": "closed" if stage in ("settled", "dismissed") else "open"}
    if first:
        changes = {name: changes.get(name, _default(name)) for name in COLUMNS}
    else:
        changes = {name: value for name, value in changes.items() if getattr(ticket, name) != value}
    for name, value in changes.items():
        setattr(ticket, name, value)
    if first and inspect(ticket).transient:
        session.add(ticket)
        session.flush()  # events refer to it
    data = {key: _plain(value) for key, value in told.items()} | {"set": {name: _plain(value) for name, value in changes.items()}}
    now, pack = desk.clock.now(), desk.policy
    session.add(
        TicketEvent(
            ticket_id=ticket.id, at=now, event=event, actor=actor.name, role=actor.role, agency=actor.agency,
            policy_id=pack.id if pack else ticket.policy_id, policy_version=pack.version if pack else ticket.policy_version, data=data,
        )
    )  # fmt: skip
    _tell(session, ticket, event, now)


def _default(name: str) -> Any:
    default = Ticket.__table__.columns[name].default
    if default is None:
        return None
    value = default.arg
    return value(None) if callable(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def rebuilt(events: Iterable[TicketEvent]) -> dict[str, Any]:
    """The columns of a ticket (without ``id`` and ``version``) as its events, in their order, add up to."""
    row: dict[str, Any] = {}
    for event in events:
        for name, value in event.data.get("set", {}).items():
            if value is not None and name in _INSTANTS:
                value = datetime.fromisoformat(value)
            elif value is not None and name in _DATES:
                value = date.fromisoformat(value)
            row[name] = value
    return row


def _tell(session: Session, ticket: Ticket, event: str, now: datetime) -> None:
    """Put who must hear of it into the outbox table."""
    audiences = TELLS.get(event, ())
    if event == "opened" and ticket.origin != "feedback":
        audiences = ()  # a finding is news when it is dispatched, or when it is held
    for audience in audiences:
        if audience == "agency" and ticket.received_at is None:
            continue  # nobody there has heard of it yet
        for recipient in _recipients(session, ticket, audience):
            session.add(
                Notification(
                    at=now, event=event, ticket_id=ticket.id, audience=audience, recipient=recipient,
                    data={"number": ticket.number, "closing": ticket.closing, "due_date": _plain(ticket.due_date)},
                    message_id=uuid.uuid4().hex,
                )
            )  # fmt: skip
        if audience == "reporter":  # Article 27: 通知反馈方
            session.execute(update(Report).where(Report.ticket_id == ticket.id, Report.told_at.is_(None)).values(told_at=now))


def _recipients(session: Session, ticket: Ticket, audience: str) -> list[str]:
    if audience == "agency":
        return [ticket.agency]
    if audience == "office":
        return [""]
    return sorted(set(session.scalars(select(Report.reporter).where(Report.ticket_id == ticket.id))))


def load(session: Session, number: str, *, version: int | None = None) -> Ticket:
    """The ticket of this number or id, held for writing.

    Args:
        version: the version the caller decided upon.

    Raises:
        NotFound: there is none.
        ConcurrentChange: it has changed since.
    """
    query = select(Ticket).where(or_(Ticket.number == number.strip().upper(), Ticket.id == number.strip())).with_for_update()
    ticket = session.scalars(query).first()
    if ticket is None:
        raise NotFound.of("tickets.none", code="ticket.not_found", number=number)
    if version is not None and ticket.version != version:
        raise ConcurrentChange.of("tickets.changed", code="tickets.conflict", number=ticket.number)
    return ticket


def next_numbers(session: Session, now: datetime, count: int) -> list[str]:
    """The next numbers of the year, e.g. T2026-000123. Rolled back with the transaction, so none is skipped; the caller holds the lock."""
    year = local_date(now).year
    counter = session.get(TicketNumber, year)
    if counter is None:
        counter = TicketNumber(year=year, last=0)
        session.add(counter)
    first = counter.last + 1
    counter.last += count
    return [f"T{year}-{number:06d}" for number in range(first, first + count)]

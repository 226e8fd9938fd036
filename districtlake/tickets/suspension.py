"""Rows whose sharing is suspended at once because they may infringe somebody's rights (Article 27, paragraph 2; A15).

Whoever hands out data asks ``suspended_keys`` and leaves those rows out. The Office suspends and resumes; both are events of the ticket.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from districtlake.store.engine import Store
from districtlake.store.tables import Report, Suspension
from districtlake.tickets.journal import Desk, happened, load
from districtlake.tickets.machine import Actor, TicketRefused, matter_named


def suspend_sharing(desk: Desk, number: str, actor: Actor, reason: str, *, keys: Iterable[str] = ()) -> tuple[str, ...]:
    """Suspend the rows that a ticket of the kind 侵权 is about.

    Args:
        keys: text keys (``warehouse.tables.text_key``); by default those its reports name.

    Returns:
        The keys now suspended.
    """
    with desk.store.session() as session:
        ticket = load(session, number)
        if ticket.matter != "infringement":
            raise TicketRefused.of("tickets.no_infringement", number=ticket.number, matter=matter_named(ticket.matter))
        wanted = sorted(set(keys) or set(session.scalars(select(Report.key).where(Report.ticket_id == ticket.id))))
        standing = {row.key: row for row in session.scalars(select(Suspension).where(Suspension.ticket_id == ticket.id))}
        happened(session, ticket, "sharing_suspended", desk, actor, {"reason": reason.strip(), "rows": len(wanted)})
        for key in wanted:
            row = standing.get(key)
            if row is None:
                row = Suspension(ticket_id=ticket.id, resource=ticket.resource, key=key)
                session.add(row)
            row.reason, row.suspended_at, row.suspended_by = reason.strip(), desk.clock.now(), actor.name
            row.resumed_at = row.resumed_by = None
    return tuple(wanted)


def resume_sharing(desk: Desk, number: str, actor: Actor, reason: str) -> int:
    """Lift the suspensions of a ticket; how many rows may be shared again."""
    with desk.store.session() as session:
        ticket = load(session, number)
        standing = list(session.scalars(select(Suspension).where(Suspension.ticket_id == ticket.id, Suspension.resumed_at.is_(None))))
        happened(session, ticket, "sharing_resumed", desk, actor, {"reason": reason.strip(), "rows": len(standing)})
        for row in standing:
            row.resumed_at, row.resumed_by = desk.clock.now(), actor.name
    return len(standing)


def suspended_keys(store: Store, resource: str) -> frozenset[str]:
    """Text keys of the resource's rows that may not be shared now."""
    with store.session(read_only=True) as session:
        query = select(Suspension.key).where(Suspension.resource == resource, Suspension.resumed_at.is_(None))
        return frozenset(session.scalars(query))

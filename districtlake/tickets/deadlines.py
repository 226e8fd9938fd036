"""Due days that were counted over a year without a published calendar, counted again."""

from __future__ import annotations

from sqlalchemy import select

from districtlake.clock import Clock
from districtlake.policy.calendar import WorkingCalendar
from districtlake.policy.deadlines import natural_deadline, working_deadline
from districtlake.store.engine import Store
from districtlake.store.tables import Ticket, TicketEvent


def recompute_provisional(store: Store, calendar: WorkingCalendar, *, clock: Clock, actor: str = "system") -> tuple[str, ...]:
    """Recount every provisional ticket under the terms it was raised with; call it after ``policy.calendar.import_year``.

    Closed tickets too: whether they were handled in time depends on it. Doing it again changes nothing.

    Returns:
        Numbers of the tickets whose day, or its finality, changed.
    """
    changed = []
    with store.session() as session:
        for ticket in session.scalars(select(Ticket).where(Ticket.provisional).order_by(Ticket.number)):
            days, counted = int(ticket.terms["days"]), bool(ticket.terms["receipt_day_counted"])
            if ticket.terms["unit"] == "working_days":
                deadline = working_deadline(ticket.received_at, days, calendar, receipt_day_counted=counted)
            else:
                moved_by = calendar if ticket.terms["moves_to_working_day"] else None
                deadline = natural_deadline(ticket.received_at, days, moved_by, receipt_day_counted=counted)
            if (deadline.due, deadline.provisional) == (ticket.due_date, ticket.provisional):
                continue
            data = {"before": ticket.due_date.isoformat(), "after": deadline.due.isoformat(), "provisional": deadline.provisional}
            ticket.due_date, ticket.due_at, ticket.provisional = deadline.due, deadline.due_at, deadline.provisional
            session.add(TicketEvent(ticket_id=ticket.id, at=clock.now(), event="deadline_recomputed", actor=actor, data=data))
            changed.append(ticket.number)
    return tuple(changed)

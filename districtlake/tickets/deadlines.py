"""The clock of a ticket: from the provider's receipt to the due day, and what happens when that day has passed.

Five working days from the receipt, by the pack; an urgent ticket by its own day; an extension by the day that was granted (Article 27,
paragraph 3). What is overdue is escalated, again and again, and stays open. A day counted over a year without a published calendar is
provisional and counted again when the year is imported.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from districtlake.clock import SHANGHAI, Clock, local_date
from districtlake.policy.calendar import WorkingCalendar
from districtlake.policy.deadlines import Deadline, limit_deadline, natural_deadline, working_deadline
from districtlake.policy.pack import Limit, PolicyPack
from districtlake.store.engine import Store
from districtlake.store.tables import Ticket
from districtlake.tickets.journal import LOCK, Desk, Recount, happened
from districtlake.tickets.machine import AT_PROVIDER, SYSTEM, Actor

DAY = "day"
"""The unit of terms that are a day somebody set: an extension's, or an urgent ticket's."""


def end_of(day: date) -> datetime:
    """24:00 of a Shanghai day, as a UTC instant: from this instant on it is overdue."""
    return datetime.combine(day + timedelta(1), time(), tzinfo=SHANGHAI).astimezone(UTC)


def limit_of(policy: PolicyPack, origin: str) -> Limit:
    """The limit of a ticket: that of Article 27 for problem data, the pack's own for an update that did not come (Article 26)."""
    return policy.deadlines.update_overdue if origin == "timeliness" else policy.deadlines.problem_handling


def terms_of(policy: PolicyPack, limit: Limit) -> dict[str, Any]:
    """The limit a ticket runs under, as the pack says now; kept with the ticket."""
    return {
        "days": limit.days,
        "unit": limit.unit,
        "receipt_day_counted": policy.counting.receipt_day_counted.value,
        "moves_to_working_day": policy.counting.ceiling_moves_to_working_day.value,  # of natural days only
        "article": limit.article,
    }


def kept_terms(ticket: Ticket) -> dict[str, Any]:
    """What a ticket's terms say whatever its limit: which update did not come (``tickets.overdue``)."""
    return {name: ticket.terms[name] for name in ("update",) if name in ticket.terms}


def set_day(ticket: Ticket, article: str) -> dict[str, Any]:
    """The terms of a ticket whose due day somebody sets instead of the limit it ran under."""
    return {"unit": DAY, "article": article, "instead_of": ticket.terms, **kept_terms(ticket)}


def received(desk: Desk, ticket: Ticket, at: datetime) -> dict[str, Any]:
    """The columns of a ticket that its provider receives at ``at``: receipt, limit, due day, and the pack it runs under."""
    limit, urgent_due = limit_of(desk.policy, ticket.origin), ticket.urgent_due
    deadline = limit_deadline(limit, at, desk.policy, desk.calendar)
    terms = terms_of(desk.policy, limit)
    if urgent_due is not None and urgent_due < deadline.due:
        deadline = Deadline(urgent_due, end_of(urgent_due))
        terms = {"unit": DAY, "article": terms["article"], "instead_of": terms}
    terms |= kept_terms(ticket)
    return {
        "received_at": at, "due_date": deadline.due, "due_at": deadline.due_at, "provisional": deadline.provisional, "terms": terms,
        "policy_id": desk.policy.id, "policy_version": desk.policy.version,
    }  # fmt: skip


def recompute_provisional(
    store: Store, calendar: WorkingCalendar, *, clock: Clock, actor: str = "system", year: int | None = None
) -> tuple[str, ...]:
    """Recount every provisional ticket under the terms it was raised with; call it after ``policy.calendar.import_year``.

    Closed tickets too: whether they were handled in time depends on it. Doing it again changes nothing.

    Args:
        year: a year whose arrangement was replaced or taken back: tickets due in it or at its turn are counted again, too.

    Returns:
        Numbers of the tickets whose day, or its finality, changed.
    """
    changed = []
    if year is None:  # asked every few seconds: nobody's lock is taken for nothing
        with store.session(read_only=True) as session:
            if session.scalar(select(Ticket.number).where(Ticket.provisional).limit(1)) is None:
                return ()
    with store.session() as session:
        store.exclusive(session, LOCK)
        asked: ColumnElement[bool] = Ticket.provisional.is_(True)
        if year is not None:
            asked = or_(asked, Ticket.due_date.between(date(year - 1, 12, 20), date(year + 1, 1, 20)))
        for ticket in session.scalars(select(Ticket).where(asked, Ticket.received_at.is_not(None)).order_by(Ticket.number)):
            if ticket.terms.get("unit") == DAY:
                continue  # a day that somebody set
            assert ticket.received_at is not None, "a day is counted from a receipt"
            deadline = _counted(ticket.received_at, ticket.terms, calendar)
            if (deadline.due, deadline.provisional) == (ticket.due_date, ticket.provisional):
                continue
            facts = {"before": ticket.due_date, "after": deadline.due, "provisional": deadline.provisional}
            who = SYSTEM if actor == SYSTEM.name else Actor(actor, "office")
            happened(
                session, ticket, "deadline_recomputed", Recount(clock), who, facts,
                due_date=deadline.due, due_at=deadline.due_at, provisional=deadline.provisional,
            )  # fmt: skip
            changed.append(ticket.number)
    return tuple(changed)


def _counted(receipt: datetime, terms: dict[str, Any], calendar: WorkingCalendar) -> Deadline:
    days, counted = int(terms["days"]), bool(terms["receipt_day_counted"])
    if terms["unit"] == "working_days":
        return working_deadline(receipt, days, calendar, receipt_day_counted=counted)
    return natural_deadline(receipt, days, calendar if terms["moves_to_working_day"] else None, receipt_day_counted=counted)


def escalate(desk: Desk, *, resource: str | None = None) -> tuple[str, ...]:
    """Tell provider and Office of every ticket whose limit has passed, and again at the pack's interval. None of them closes.

    Negotiated tickets whose day of review has come are brought up once. Asking twice at the same moment tells once.

    Returns:
        Numbers of the tickets that were escalated.
    """
    now = desk.clock.now()
    again = desk.policy.handling.escalation_every
    told = []
    with desk.store.session() as session:
        desk.store.exclusive(session, LOCK)
        late = select(Ticket).where(Ticket.stage.in_(AT_PROVIDER), Ticket.due_at <= now)
        if again is None:
            late = late.where(Ticket.escalated_at.is_(None))
        if resource is not None:
            late = late.where(Ticket.resource == resource)
        for ticket in session.scalars(late.order_by(Ticket.number)):
            last = ticket.escalated_at
            if last is not None and (again is None or now < _next(again, last, desk)):
                continue
            count = ticket.escalations + 1
            facts = {"due_date": ticket.due_date, "times": count}
            happened(session, ticket, "escalated", desk, SYSTEM, facts, escalations=count, escalated_at=now)
            told.append(ticket.number)
        today = local_date(now)
        reviews = select(Ticket).where(Ticket.closing == "negotiated", Ticket.review_on <= today)
        for ticket in session.scalars(reviews.where(or_(Ticket.escalated_at.is_(None), Ticket.escalated_at < Ticket.closed_at))):
            happened(session, ticket, "review_due", desk, SYSTEM, {"review_on": ticket.review_on}, escalated_at=now)
            told.append(ticket.number)
    return tuple(told)


def _next(interval: Limit, last: datetime, desk: Desk) -> datetime:
    """The morning of the day on which the interval is over."""
    return limit_deadline(interval, last, desk.policy, desk.calendar).due_at - timedelta(days=1)

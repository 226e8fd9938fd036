"""What people do with a ticket: dispatch, reject, extend, hurry, claim a correction, send it back, open it again.

Every action is one transaction: the event, the row and the message, or nothing. ``version`` is the version the person looked at;
a ticket that changed meanwhile is refused (``ConcurrentChange``). Answers that end a ticket are in ``dispositions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.clock import local_date
from districtlake.policy.deadlines import extension_ceiling, limit_deadline
from districtlake.store.tables import DispatchHold, Report, Ticket
from districtlake.tickets.deadlines import end_of, kept_terms, limit_of, received, set_day
from districtlake.tickets.journal import LOCK, Desk, happened, load
from districtlake.tickets.machine import SYSTEM, Actor, TicketRefused
from districtlake.wording.sentences import Named

ONE_ROUND: dict[str, Any] = {
    "received_at": None, "due_date": None, "due_at": None, "provisional": False, "terms": {}, "urgent": False, "urgent_due": None,
    "requested_due": None, "extended": False, "was_late": False, "claimed_at": None, "escalations": 0, "escalated_at": None,
    "review_on": None, "closed_at": None, "closing": None, "package": None, "merged_into": None,
}  # fmt: skip
"""Columns that a new round begins with; the events keep what they were."""


def dispatch(desk: Desk, number: str, actor: Actor, *, version: int | None = None) -> Ticket:
    """Pass a ticket on to its provider, whose clock starts with it (Article 27, paragraph 3)."""
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        dispatched(session, ticket, desk, actor)
    return ticket


def dispatched(session: Session, ticket: Ticket, desk: Desk, actor: Actor = SYSTEM, **facts: Any) -> None:
    """As ``dispatch``, within a transaction."""
    happened(session, ticket, "dispatched", desk, actor, facts, **received(desk, ticket, desk.clock.now()))


def reject(desk: Desk, number: str, actor: Actor, reason: str, *, version: int | None = None) -> Ticket:
    """Not to be handled (不受理). The reporter, if there is one, is told."""
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        happened(session, ticket, "rejected", desk, actor, {"reason": reason.strip()}, closed_at=desk.clock.now(), closing="rejected")
    return ticket


def request_extension(desk: Desk, number: str, actor: Actor, *, reason: str, until: date, attachment: str = "", version: int | None = None) -> Ticket:  # fmt: skip
    """Ask for more time. The clock runs on while the Office reviews it; asking after the due day does not undo the delay (A10).

    Args:
        until: the last Shanghai day asked for; at most the ceiling of 60 natural days in total from the receipt (A1).
        attachment: a reference to a document.
    """
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        facts = {"reason": reason.strip(), "until": until, **({"attachment": attachment} if attachment else {})}
        if ticket.stage == "handling":
            _possible_extension(ticket, until, desk)
        happened(session, ticket, "extension_requested", desk, actor, facts, requested_due=until)
    return ticket


def approve_extension(desk: Desk, number: str, actor: Actor, *, until: date | None = None, note: str = "", version: int | None = None) -> Ticket:  # fmt: skip
    """Grant an extension, until the day asked for or another one."""
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        day = until or ticket.requested_due
        if ticket.stage == "extension_requested" and day is not None:
            _possible_extension(ticket, day, desk)
        changes: dict[str, Any] = {}
        if day is not None:
            late = ticket.was_late or (ticket.due_at is not None and desk.clock.now() >= ticket.due_at)
            terms = set_day(ticket, desk.policy.deadlines.problem_ceiling.article)
            changes = {"due_date": day, "due_at": end_of(day), "provisional": False, "was_late": late, "terms": terms}
        facts = {"until": day, "before": ticket.due_date, **({"note": note.strip()} if note.strip() else {})}
        happened(session, ticket, "extension_approved", desk, actor, facts, requested_due=None, extended=True, **changes)
    return ticket


def refuse_extension(desk: Desk, number: str, actor: Actor, reason: str, *, version: int | None = None) -> Ticket:
    """Refuse an extension: the original clock has been running and runs on."""
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        happened(session, ticket, "extension_refused", desk, actor, {"reason": reason.strip()}, requested_due=None)
    return ticket


def _possible_extension(ticket: Ticket, until: date, desk: Desk) -> None:
    assert ticket.received_at is not None
    assert ticket.due_date is not None
    ceiling = extension_ceiling(desk.policy, ticket.received_at, desk.calendar).due
    if until > ceiling:
        limit = desk.policy.deadlines.problem_ceiling
        raise TicketRefused.of(
            "tickets.beyond_ceiling", code="tickets.beyond_ceiling", number=ticket.number, received=local_date(ticket.received_at),
            ceiling=ceiling, until=until, article=limit.article, limit=limit.title,
        )  # fmt: skip
    if until <= ticket.due_date:
        raise TicketRefused.of("tickets.no_extension", number=ticket.number, due=ticket.due_date, until=until)


def mark_urgent(desk: Desk, number: str, actor: Actor, *, due: date, reason: str, version: int | None = None) -> Ticket:
    """Set a limit of its own for urgent problem data, shorter than the ordinary one (Article 27, paragraph 3).

    Args:
        due: the last Shanghai day. Of a ticket not yet dispatched it is kept until its clock starts.
    """
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        now = desk.clock.now()
        limit = limit_of(desk.policy, ticket.origin)
        ordinary = limit_deadline(limit, ticket.received_at or now, desk.policy, desk.calendar).due
        if not local_date(now) <= due < ordinary:
            raise TicketRefused.of(
                "tickets.not_urgent", code="tickets.not_urgent", number=ticket.number, today=local_date(now), ordinary=ordinary, due=due
            )  # fmt: skip
        changes: dict[str, Any] = {"urgent": True, "urgent_due": due}
        if ticket.received_at is not None:
            terms = set_day(ticket, limit.article)
            changes |= {"due_date": due, "due_at": end_of(due), "provisional": False, "terms": terms}
        happened(
            session, ticket, "marked_urgent", desk, actor, {"reason": reason.strip(), "due": due, "before": ticket.due_date}, **changes
        )
    return ticket


def claim_fixed(desk: Desk, number: str, actor: Actor, note: str = "", *, version: int | None = None) -> Ticket:
    """The provider says that it has corrected the data. That proves nothing: a later delivery must pass (待复核)."""
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        facts = {"note": note.strip()} if note.strip() else {}
        happened(session, ticket, "fix_claimed", desk, actor, facts, claimed_at=desk.clock.now())
    return ticket


def send_back(desk: Desk, number: str, actor: Actor, reason: str, *, version: int | None = None) -> Ticket:
    """The Office does not accept a claimed correction. The clock has been running."""
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        happened(session, ticket, "review_failed", desk, actor, {"reason": reason.strip()}, claimed_at=None)
    return ticket


def reopen(desk: Desk, number: str, actor: Actor, reason: str, *, version: int | None = None) -> Ticket:
    """Open a closed ticket again: a new round, which the Office dispatches and whose clock starts anew. The old one stays on record.

    A user may do it who reported it; the Office always.
    """
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        if actor.role == "user":
            reporters = set(session.scalars(select(Report.reporter).where(Report.ticket_id == ticket.id)))
            if actor.name not in reporters:
                raise TicketRefused.of("tickets.not_reported_by", number=ticket.number, who=actor.name)
        reopened(session, ticket, desk, actor, reason)
    return ticket


def reopened(session: Session, ticket: Ticket, desk: Desk, actor: Actor, reason: str, **changes: Any) -> None:
    """As ``reopen``, within a transaction; the ticket then waits to be dispatched."""
    facts = {"reason": reason.strip(), "closing": ticket.closing, "closed_at": ticket.closed_at, "received_at": ticket.received_at}
    happened(
        session, ticket, "reopened", desk, actor, facts, **{**ONE_ROUND, "terms": kept_terms(ticket), "round": ticket.round + 1, **changes}
    )


# -- what is not dispatched by itself --------------------------------------------------------------------------------


def place_hold(desk: Desk, actor: Actor, reason: str, *, agency: str | None = None, resource: str | None = None) -> int:
    """Findings of an agency or a resource wait for the Office (待分派) until the hold is lifted. Neither given: all findings."""
    _office(actor, Named("deed", "place_hold", "暂缓分派"))
    if not reason.strip():
        raise TicketRefused.of("tickets.hold_reason")
    with desk.store.session() as session:
        hold = DispatchHold(agency=agency, resource=resource, reason=reason.strip(), placed_at=desk.clock.now(), placed_by=actor.name)
        session.add(hold)
        session.flush()
        return hold.id


def lift_hold(desk: Desk, actor: Actor, *, agency: str | None = None, resource: str | None = None) -> tuple[str, ...]:
    """Lift the holds placed on exactly this, and dispatch what waited for no other reason.

    Returns:
        Numbers of the tickets dispatched.
    """
    _office(actor, Named("deed", "lift_hold", "解除暂缓分派"))
    sent = []
    with desk.store.session() as session:
        desk.store.exclusive(session, LOCK)
        for hold in session.scalars(
            select(DispatchHold).where(DispatchHold.lifted_at.is_(None), DispatchHold.agency == agency, DispatchHold.resource == resource)
        ):
            hold.lifted_at, hold.lifted_by = desk.clock.now(), actor.name
        session.flush()
        waiting = select(Ticket).where(Ticket.stage == "waiting", Ticket.origin != "feedback").order_by(Ticket.number)
        holds = standing_holds(session)
        for ticket in session.scalars(waiting):
            if goes_at_once(ticket, desk, holds):
                dispatched(session, ticket, desk, actor, held=False)
                sent.append(ticket.number)
    return tuple(sent)


def standing_holds(session: Session) -> list[tuple[str | None, str | None]]:
    """(agency, resource) of every hold that was not lifted; None in either place means any."""
    query = select(DispatchHold.agency, DispatchHold.resource).where(DispatchHold.lifted_at.is_(None))
    return [(agency, resource) for agency, resource in session.execute(query)]


def goes_at_once(ticket: Ticket, desk: Desk, holds: Sequence[tuple[str | None, str | None]]) -> bool:
    """Whether a ticket is dispatched without anybody looking: it is a finding, the pack says so, and no hold is on it."""
    if ticket.origin == "feedback" or not desk.policy.handling.auto_dispatch.value:
        return False
    return not any(agency in (None, ticket.agency) and resource in (None, ticket.resource) for agency, resource in holds)


def _office(actor: Actor, what: Named) -> None:
    if actor.role != "office":
        raise TicketRefused.of("tickets.office_only", who=actor.name, what=what)

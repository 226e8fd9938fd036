"""The answers that end a ticket (Article 27, paragraph 4): confirmed correct, and negotiated. Corrected is proved by a delivery.

*完成整改* has no function here: the provider may claim it (``handling.claim_fixed``), but only a later delivery that passes closes the
ticket (``raise_tickets``). *确认无误* is explained, waived for a time, and told to the reporter. *沟通解决* keeps what was agreed, and is
counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

import polars as pl
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from districtlake.clock import local_date
from districtlake.policy.deadlines import limit_deadline
from districtlake.store.tables import Ticket, Waiver
from districtlake.tickets.grouping import split_off
from districtlake.tickets.journal import LOCK, Desk, happened, load
from districtlake.tickets.machine import Actor, TicketRefused
from districtlake.tickets.membership import problems_under
from districtlake.tickets.waivers import digest_of, new_salt

Register = Callable[[str], pl.DataFrame]
"""Resource id -> its problem register (``quality.problems.REGISTER``)."""


def confirm_correct(
    desk: Desk,
    number: str,
    actor: Actor,
    register: Register,
    *,
    explanation: str,
    until: date | None = None,
    problems: Iterable[str] = (),
    version: int | None = None,
) -> Ticket:
    """Checked, and right: the ticket is settled, its findings are waived until they expire, the reporter is told.

    The next validation lets the rows pass; ``delivery.confirmed_rows`` releases those in quarantine at once.

    Args:
        until: the last Shanghai day on which the waivers hold; by default, and at most, as long as the pack says.
        problems: ids of the findings meant; the others stay under the ticket, these go to one of their own. None: all.

    Raises:
        TicketRefused: no explanation, too long, or a finding about the delivery as a whole (an operator releases a delivery).
    """
    with desk.store.session() as session:
        desk.store.exclusive(session, LOCK)
        ticket = load(session, number, version=version)
        if chosen := sorted(set(problems)):
            ticket = split_off(session, ticket, chosen, desk, actor, register(ticket.resource))
        facts = {"explanation": explanation.strip()}
        if facts["explanation"]:
            facts["waived"] = str(_waive(session, ticket, desk, actor, register, facts["explanation"], until))
        happened(
            session, ticket, "confirmed", desk, actor, facts,
            closing="confirmed", closed_at=desk.clock.now(), open_problems=0, claimed_at=None, requested_due=None,
        )  # fmt: skip
    return ticket


def _waive(session: Session, ticket: Ticket, desk: Desk, actor: Actor, register: Register, explanation: str, until: date | None) -> int:
    """Waivers for every open finding under the ticket; their number."""
    now = desk.clock.now()
    limit = desk.policy.handling.waiver_days
    last = limit_deadline(limit, now, desk.policy, desk.calendar).due if limit is not None else None
    until = until or last
    if ticket.origin == "feedback":
        return 0  # a report rests on no rule
    if until is None:
        raise TicketRefused(f"Ticket {ticket.number}: the policy pack sets no term for a confirmation.", hint="Say until when it holds.")
    if until < local_date(now) or (last is not None and until > last):
        raise TicketRefused(
            f"Ticket {ticket.number}: a confirmation holds from today until {last or 'a day to come'} at most, not until {until}.",
            hint="Name an earlier day; when it is over the finding is checked again.",
        )
    members = problems_under(session, [ticket.id])
    found = register(ticket.resource).filter(pl.col("state") == "open").join(members, on="problem_id", how="semi")
    if (found["key"] == "").any():
        raise TicketRefused(
            f"Ticket {ticket.number} is about a delivery as a whole; there is no row to confirm.",
            hint="Deliver anew, or have the delivery released: districtlake deliveries release.",
        )
    expires = until.fromordinal(until.toordinal() + 1)
    for row in found.sort("problem_id").iter_rows(named=True):
        salt = new_salt()
        session.add(
            Waiver(
                problem_id=row["problem_id"], resource=ticket.resource, rule=row["rule"], item=row["item"], salt=salt,
                value_digest=digest_of(row["value"], salt), ticket_id=ticket.id, explanation=explanation, granted_at=now,
                granted_by=actor.name, expires_on=expires,
            )
        )  # fmt: skip
    return found.height


def negotiate(
    desk: Desk, number: str, actor: Actor, *, agreement: str, plan: str, review_on: date, attachment: str = "", version: int | None = None
) -> Ticket:
    """It cannot be solved soon and was settled with whoever reported it. Kept: what was agreed, the plan, and when it is looked at again.

    Its findings stay open in the register and its rows where they are; ``deadlines.escalate`` brings it up on the day of review.
    """
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        if review_on <= local_date(desk.clock.now()):
            raise TicketRefused(f"Ticket {ticket.number}: the day of review ({review_on}) lies behind us.", hint="Name a day to come.")
        facts = {"agreement": agreement.strip(), "plan": plan.strip(), "review_on": review_on}
        if attachment:
            facts["attachment"] = attachment
        happened(
            session, ticket, "negotiated", desk, actor, facts,
            closing="negotiated", closed_at=desk.clock.now(), review_on=review_on, claimed_at=None, requested_due=None,
        )  # fmt: skip
    return ticket


def revoke_waivers(desk: Desk, number: str, actor: Actor, reason: str) -> int:
    """A confirmation turns out to be wrong: the Office ends its waivers, and the next validation finds what it finds.

    Returns:
        How many waivers ended.
    """
    if actor.role != "office":
        raise TicketRefused(f"{actor.name} cannot end a confirmation.", hint="It is for the Office (区大数据主管机构).")
    with desk.store.session() as session:
        ticket = load(session, number)
        standing = select(Waiver.id).where(Waiver.ticket_id == ticket.id, Waiver.revoked_at.is_(None))
        ended = list(session.scalars(standing))
        if ended:
            session.execute(update(Waiver).where(Waiver.id.in_(ended)).values(revoked_at=desk.clock.now()))
            happened(session, ticket, "waivers_revoked", desk, actor, {"reason": reason.strip(), "waivers": len(ended)})
    return len(ended)

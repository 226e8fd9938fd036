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

from districtlake.catalog.models import Catalog, Resource
from districtlake.clock import local_date
from districtlake.policy.deadlines import limit_deadline
from districtlake.quality.problems import ROW_KEY_PREFIX
from districtlake.store.tables import Ticket, Waiver
from districtlake.tickets.grouping import split_off
from districtlake.tickets.journal import LOCK, Desk, happened, load
from districtlake.tickets.machine import Actor, TicketRefused
from districtlake.tickets.membership import problems_under
from districtlake.tickets.waivers import digest_of, judged_versions, new_salt
from districtlake.warehouse.tables import item_types
from districtlake.wording.sentences import Listed, Named, Sentence

UNIQUE = "key.unique"
Register = Callable[[str], pl.DataFrame]
"""Resource id -> its problem register (``quality.problems.REGISTER``)."""


def confirm_correct(
    desk: Desk,
    number: str,
    actor: Actor,
    register: Register,
    catalog: Catalog,
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
        TicketRefused: no explanation, too long, a finding about the delivery as a whole (an operator releases a delivery), or one whose row
            the warehouse could not hold whatever is confirmed (``cannot_enter``).
    """
    with desk.store.session() as session:
        desk.store.exclusive(session, LOCK)
        ticket = load(session, number, version=version)
        if chosen := sorted(set(problems)):
            ticket = split_off(session, ticket, chosen, desk, actor, register(ticket.resource))
        facts = {"explanation": explanation.strip()}
        if facts["explanation"]:
            facts["waived"] = str(_waive(session, ticket, desk, actor, register, catalog, facts["explanation"], until))
        happened(
            session, ticket, "confirmed", desk, actor, facts,
            closing="confirmed", closed_at=desk.clock.now(), open_problems=0, claimed_at=None, requested_due=None,
        )  # fmt: skip
    return ticket


def _waive(
    session: Session, ticket: Ticket, desk: Desk, actor: Actor, register: Register, catalog: Catalog, explanation: str, until: date | None
) -> int:
    """Waivers for every open finding under the ticket; their number."""
    now = desk.clock.now()
    limit = desk.policy.handling.waiver_days
    last = limit_deadline(limit, now, desk.policy, desk.calendar).due if limit is not None else None
    until = until or last
    if ticket.origin == "feedback":
        return 0  # a report rests on no rule
    if until is None:
        raise TicketRefused.of("tickets.no_term", number=ticket.number)
    if until < local_date(now) or (last is not None and until > last):
        raise TicketRefused.of("tickets.term", number=ticket.number, last=last or Sentence.of("tickets.some_day"), until=until)
    members = problems_under(session, [ticket.id])
    found = register(ticket.resource).filter(pl.col("state") == "open").join(members, on="problem_id", how="semi")
    if (found["key"] == "").any():
        raise TicketRefused.of("tickets.whole_delivery", number=ticket.number)
    if (why := cannot_enter(found, catalog.resources.get(ticket.resource), catalog, ticket.number)) is not None:
        raise TicketRefused.because(why)
    expires = until.fromordinal(until.toordinal() + 1)
    versions = judged_versions(session, ticket.resource)
    for row in found.sort("problem_id").iter_rows(named=True):
        salt = new_salt()
        session.add(
            Waiver(
                problem_id=row["problem_id"], resource=ticket.resource, rule=row["rule"], item=row["item"], salt=salt,
                value_digest=digest_of(row["value"], salt), ticket_id=ticket.id, explanation=explanation, granted_at=now,
                granted_by=actor.name, rule_version=versions.get(row["rule"]), expires_on=expires,
            )
        )  # fmt: skip
    return found.height


def unfit(found: pl.DataFrame, resource: Resource | None, catalog: Catalog) -> tuple[pl.Series, pl.Series]:
    """Of each finding, whether its row could not enter the warehouse even if it is right: its value has no form in the item's type (a
    number in words, a 30th of February); its key is not unique or cannot be read."""
    if resource is None:
        return (pl.Series([False] * found.height, dtype=pl.Boolean),) * 2
    untyped = [f"{name}.conforms" for name, dtype in item_types(resource, catalog).items() if dtype != pl.String]
    unkeyed = (pl.col("rule") == UNIQUE) | pl.col("key").str.starts_with(ROW_KEY_PREFIX) if resource.key else pl.lit(False)
    judged = found.select(untyped=pl.col("rule").is_in(untyped), unkeyed=unkeyed)
    return judged["untyped"], judged["unkeyed"]


def cannot_enter(found: pl.DataFrame, resource: Resource | None, catalog: Catalog, number: str) -> Sentence | None:
    """What the provider is told before such findings are confirmed; None: every row could enter."""
    untyped, unkeyed = unfit(found, resource, catalog)
    if untyped.any() and resource is not None:
        names = found.filter(untyped)["item"].unique().sort()
        return Sentence.of(
            "tickets.untyped", number=number, count=int(untyped.sum()), items=Listed.of(resource.item(name).title for name in names)
        )
    return Sentence.of("tickets.unkeyed", number=number, count=int(unkeyed.sum())) if unkeyed.any() else None


def negotiate(
    desk: Desk, number: str, actor: Actor, *, agreement: str, plan: str, review_on: date, attachment: str = "", version: int | None = None
) -> Ticket:
    """It cannot be solved soon and was settled with whoever reported it. Kept: what was agreed, the plan, and when it is looked at again.

    Its findings stay open in the register and its rows where they are; ``deadlines.escalate`` brings it up on the day of review.
    """
    with desk.store.session() as session:
        ticket = load(session, number, version=version)
        if review_on <= local_date(desk.clock.now()):
            raise TicketRefused.of("tickets.review_past", number=ticket.number, day=review_on)
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
        raise TicketRefused.of("tickets.office_only", who=actor.name, what=Named("deed", "revoke", "撤销确认无误"))
    with desk.store.session() as session:
        ticket = load(session, number)
        standing = select(Waiver.id).where(Waiver.ticket_id == ticket.id, Waiver.revoked_at.is_(None))
        ended = list(session.scalars(standing))
        if ended:
            session.execute(update(Waiver).where(Waiver.id.in_(ended)).values(revoked_at=desk.clock.now()))
            happened(session, ticket, "waivers_revoked", desk, actor, {"reason": reason.strip(), "waivers": len(ended)})
    return len(ended)

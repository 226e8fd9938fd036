"""Overdue updates → tickets of kind ``overdue_update`` (更新逾期, Article 26) on the provider's desk.

A ticket's identity is (resource, the update after which the next one failed to come): one due moment, one ticket, however often and
by however many routers it is asked. Each further update missed adds to its count. It closes as "updated" when an acceptable update
is received, as "withdrawn" when nothing is overdue any more although none came (another cycle or grace; the update it followed was
withdrawn), and goes on, with the deadline it had, when the update that closed it is withdrawn. What people decided about it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.clock import Clock
from districtlake.policy.calendar import WorkingCalendar
from districtlake.policy.pack import PolicyPack
from districtlake.store.engine import Store
from districtlake.store.tables import Delivery, Ticket
from districtlake.tickets.handling import dispatched, goes_at_once, standing_holds
from districtlake.tickets.journal import LOCK, Desk, Parts, happened, next_numbers
from districtlake.tickets.machine import SYSTEM
from districtlake.tickets.raise_tickets import Raised, ticket_id

OVERDUE = "overdue_update"
ORIGIN = "timeliness"
RULE = "update.overdue"
RULE_TITLE = "更新逾期：应按目录中的更新周期更新"
CLOSED_BY_ITSELF = ("updated", "withdrawn")


@dataclass(frozen=True)
class UpdateDue:
    """How a resource's update stands, as far as tickets must know.

    Attributes:
        after: id of the last update; "" where none ever came.
        missed: updates overdue in a row; 0: nothing is overdue.
        undecided: a delivery waits to be processed that would settle it: open nothing, close nothing.
        cycle, due_date, due_at, grace_until, last_data_date, last_received_at: what the ticket says of it.
    """

    resource: str
    agency: str
    after: str
    missed: int
    undecided: bool
    cycle: str
    due_date: date | None
    due_at: datetime | None
    grace_until: datetime | None
    last_data_date: date | None
    last_received_at: datetime | None

    @property
    def identity(self) -> str:
        """The id of the ticket that follows it."""
        return ticket_id(self.resource, self.after, RULE)


def raise_overdue(
    store: Store,
    standing: Callable[[Session], Sequence[UpdateDue]],
    *,
    clock: Clock,
    policy: PolicyPack,
    calendar: WorkingCalendar,
) -> Raised:
    """Bring the tickets for overdue updates into line with how the updates stand, in one transaction behind the ticket lock.

    Args:
        standing: reads the ledger in the session it is given and says how each resource stands. Resources it does not name keep
            their tickets as they are.
    """
    outcome: dict[str, list[str]] = {"new": [], "updated": [], "closed": [], "reopened": []}
    desk = Parts(store, clock, policy, calendar)
    with store.session() as session:
        store.exclusive(session, LOCK)
        updates = {update.resource: update for update in standing(session)}
        overdue = {update.identity: update for update in updates.values() if update.missed and not update.undecided}
        of_these = Ticket.origin == ORIGIN, Ticket.resource.in_(sorted(updates))
        opened = session.scalars(select(Ticket).where(*of_these, Ticket.state == "open").order_by(Ticket.number)).all()
        closed = session.scalars(select(Ticket).where(*of_these, Ticket.state == "closed", Ticket.id.in_(sorted(overdue)))).all()
        for ticket in opened:
            if ticket.id in overdue:
                _miss_again(session, ticket, overdue[ticket.id], desk, outcome)
            elif not updates[ticket.resource].undecided:
                _settle(session, ticket, updates[ticket.resource], desk, outcome)
        for ticket in closed:
            if ticket.closing in CLOSED_BY_ITSELF:
                _go_on(session, ticket, overdue[ticket.id], desk, outcome)
        known = {ticket.id for ticket in (*opened, *closed)}
        _open(session, [update for identity, update in overdue.items() if identity not in known], desk, outcome)
    return Raised(**{name: tuple(sorted(numbers)) for name, numbers in outcome.items()})


Outcome = dict[str, list[str]]


def _miss_again(session: Session, ticket: Ticket, update: UpdateDue, desk: Desk, outcome: Outcome) -> None:
    if update.missed == ticket.open_problems:
        return
    further = update.missed > ticket.open_problems
    before, after = ({"problems": count, "open_problems": count} for count in (ticket.open_problems, update.missed))
    happened(session, ticket, "problems_changed", desk, SYSTEM, {"before": before, "after": after}, **after)
    if further and ticket.stage == "reviewing":
        happened(session, ticket, "review_failed", desk, SYSTEM, {"reason": "复核未通过：又有一期未更新。"}, claimed_at=None)
    outcome["updated"].append(ticket.number)


def _settle(session: Session, ticket: Ticket, update: UpdateDue, desk: Desk, outcome: Outcome) -> None:
    """Nothing is overdue after the update that the ticket follows: because another came, or for a reason that is not the provider's."""
    followed = session.get(Delivery, ticket.delivery_id) if ticket.delivery_id else None
    withdrawn = followed is not None and followed.state not in ("done", "duplicate")
    closing = "withdrawn" if withdrawn or update.after == ticket.delivery_id else "updated"
    facts = {"closing": closing, "update": update.after, "last_received_at": update.last_received_at}
    now = desk.clock.now()
    happened(
        session, ticket, "closed", desk, SYSTEM, facts,
        closing=closing, closed_at=now, open_problems=0, claimed_at=None, requested_due=None,
    )  # fmt: skip
    outcome["closed"].append(ticket.number)


def _go_on(session: Session, ticket: Ticket, update: UpdateDue, desk: Desk, outcome: Outcome) -> None:
    """What had closed it holds no more: the same round, under the deadline it had."""
    facts = {"reason": "办结所依据的更新已不成立。", "closing": ticket.closing}
    stage = "waiting" if ticket.received_at is None else "handling"
    happened(
        session, ticket, "resumed", desk, SYSTEM, facts,
        closed_at=None, closing=None, stage=stage, problems=update.missed, open_problems=update.missed,
    )  # fmt: skip
    outcome["reopened"].append(ticket.number)


def _open(session: Session, overdue: Sequence[UpdateDue], desk: Desk, outcome: Outcome) -> None:
    """New tickets, the longest overdue first. They go to the provider at once where the pack says so of findings and no hold is on it."""
    if not overdue:
        return
    now = desk.clock.now()
    holds = standing_holds(session)
    ordered = sorted(overdue, key=lambda update: (update.grace_until or now, update.resource))
    for number, update in zip(next_numbers(session, now, len(overdue)), ordered, strict=True):
        facts = {
            "cycle": update.cycle, "due_date": _text(update.due_date), "due_at": _text(update.due_at),
            "grace_until": _text(update.grace_until), "last_data_date": _text(update.last_data_date),
            "last_received_at": _text(update.last_received_at),
        }  # fmt: skip
        columns: dict[str, Any] = {
            "number": number, "agency": update.agency, "resource": update.resource, "delivery_id": update.after, "rule_id": RULE,
            "rule_title": RULE_TITLE, "dimension": "timeliness", "severity": "critical", "on_failure": "report", "kind": OVERDUE,
            "matter": "omission", "origin": ORIGIN, "problems": update.missed, "open_problems": update.missed, "sample_rows": [],
            "opened_at": now, "terms": {"update": facts}, "policy_id": desk.policy.id, "policy_version": desk.policy.version,
        }  # fmt: skip
        ticket = Ticket(id=update.identity, state="open", stage="waiting", **columns)
        happened(session, ticket, "opened", desk, SYSTEM, **columns)
        if goes_at_once(ticket, desk, holds):
            dispatched(session, ticket, desk)
        outcome["new"].append(number)


def _text(value: date | datetime | None) -> str | None:
    return None if value is None else value.isoformat()

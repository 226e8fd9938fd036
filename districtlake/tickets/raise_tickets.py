"""The problem register of a resource → its tickets. Calling it again, late, or twice at once gives the same tickets, once.

A ticket's identity is (resource, delivery that showed the problems first, rule). Everything happens in one transaction behind
one lock, numbers included, so a crash leaves all of it or nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from districtlake.clock import Clock, local_date
from districtlake.policy.calendar import WorkingCalendar
from districtlake.policy.deadlines import problem_deadline
from districtlake.policy.pack import PolicyPack
from districtlake.store.engine import Store
from districtlake.store.tables import Delivery, Ticket, TicketEvent, TicketNumber

LOCK = "tickets"
SAMPLE_ROWS = 10
IDENTITY = ("resource", "first_delivery", "rule")


@dataclass(frozen=True)
class Raised:
    """Numbers of the tickets that this call touched; all empty when nothing was to do."""

    new: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()  # still open, other counts
    closed: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()


def ticket_id(resource: str, delivery: str, rule: str) -> str:
    """Stable identity of a ticket, 128 bits in hexadecimal."""
    return hashlib.blake2b("\x1f".join((resource, delivery, rule)).encode(), digest_size=16).hexdigest()


def raise_tickets(
    store: Store,
    problems: pl.DataFrame | Callable[[], pl.DataFrame],
    *,
    clock: Clock,
    policy: PolicyPack,
    calendar: WorkingCalendar,
    resource: str | None = None,
    actor: str = "system",
) -> Raised:
    """Bring the tickets of one resource into line with its problem register.

    New tickets go to the agency of the problems; their clock starts now, which is when the system delivers them to the
    provider (A2). A ticket closes when its last problem does: "fixed" when all passed, "absent" when some vanished from the
    data, "withdrawn" when none of it was a problem any more (rule removed, delivery withdrawn). A ticket whose problem is
    open again under the same delivery is reopened and keeps its deadline.

    Args:
        problems: the whole register of the resource (``quality.problems.REGISTER``), closed problems included; or a function that
            reads it, which is called behind the lock. Give the function wherever two processes may run at once: a frame read
            before another one raised newer tickets would close them again.
        resource: needed to close the tickets of a register that became empty.
    """
    with store.session() as session:
        store.exclusive(session, LOCK)
        now = clock.now()
        groups = _grouped(problems if isinstance(problems, pl.DataFrame) else problems())
        resources = {str(row["resource"]) for row in groups.values()} | ({resource} if resource else set())
        of_these = Ticket.resource.in_(sorted(resources))
        known = {identity: state for identity, state in session.execute(select(Ticket.id, Ticket.state).where(of_these))}  # noqa: C416
        again = [
            identity for identity, state in known.items() if state == "closed" and identity in groups and groups[identity]["open_problems"]
        ]
        outcome: dict[str, list[str]] = {"new": [], "updated": [], "closed": [], "reopened": []}
        # Years of closed tickets stay where they are: only what can still move is loaded.
        for ticket in session.scalars(select(Ticket).where(of_these, or_(Ticket.state == "open", Ticket.id.in_(again)))).all():
            _follow(session, ticket, groups.get(ticket.id), now, actor, outcome)
        unknown = [(identity, row) for identity, row in groups.items() if identity not in known and _worth_telling(row)]
        _open(session, unknown, now, policy, calendar, actor, outcome)
    return Raised(**{name: tuple(sorted(numbers)) for name, numbers in outcome.items()})


def _grouped(problems: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Ticket id -> what its problems add up to, in an order that does not depend on the frame's."""
    is_open = pl.col("state") == "open"
    lines = (
        problems.sort("first_seen_at", "row", "problem_id")
        .group_by(IDENTITY, maintain_order=True)
        .agg(
            pl.first("agency", "rule_title", "dimension", "severity", "on_failure"),
            pl.col("first_seen_at").min(),
            problems=pl.len(),
            open_problems=is_open.sum(),
            rows=pl.col("row").filter(is_open).drop_nulls().unique(maintain_order=True).head(SAMPLE_ROWS),
            closings=pl.col("closing").filter(~is_open).drop_nulls().unique().sort(),
        )
        .sort("first_seen_at", *IDENTITY)
    )
    return {ticket_id(*(str(row[name]) for name in IDENTITY)): row for row in lines.iter_rows(named=True)}


def _worth_telling(row: Mapping[str, Any]) -> bool:
    """A problem found and settled between two calls still gets its ticket, so that the record does not depend on when this ran;
    one that was withdrawn before anybody heard of it does not."""
    return bool(row["open_problems"]) or _closing(row["closings"]) != "withdrawn"


def _closing(closings: Iterable[str]) -> str:
    settled = set(closings) & {"passed", "absent"}
    if not settled:
        return "withdrawn"
    return "fixed" if settled == {"passed"} else "absent"


def _follow(
    session: Session, ticket: Ticket, row: Mapping[str, Any] | None, now: datetime, actor: str, outcome: dict[str, list[str]]
) -> None:
    """A known ticket follows its problems."""
    if row is None:
        # Its delivery was withdrawn, or its problems were settled and have come back under a later delivery.
        if ticket.state == "open":
            delivery = session.get(Delivery, ticket.delivery_id)
            closing = "withdrawn" if delivery is not None and delivery.state == "withdrawn" else "absent"
            _close(session, ticket, closing, now, actor, {"reason": "its problems are no longer filed under this delivery"})
            outcome["closed"].append(ticket.number)
        return
    before = {"problems": ticket.problems, "open_problems": ticket.open_problems}
    after = {"problems": max(ticket.problems, int(row["problems"])), "open_problems": int(row["open_problems"])}
    ticket.problems, ticket.open_problems = after["problems"], after["open_problems"]
    if ticket.state == "closed":
        ticket.state, ticket.closed_at, ticket.closing = "open", None, None
        _tell(session, ticket, "reopened", now, actor, after)
        outcome["reopened"].append(ticket.number)
    elif not after["open_problems"]:
        _close(session, ticket, _closing(row["closings"]), now, actor, {"closings": sorted(row["closings"])})
        outcome["closed"].append(ticket.number)
    elif before != after:
        _tell(session, ticket, "problems_changed", now, actor, {"before": before, "after": after})
        outcome["updated"].append(ticket.number)
    if ticket.state == "open" and ticket.sample_rows != (rows := [int(number) for number in row["rows"]]):
        ticket.sample_rows = rows


def _open(
    session: Session,
    groups: Sequence[tuple[str, Mapping[str, Any]]],
    now: datetime,
    policy: PolicyPack,
    calendar: WorkingCalendar,
    actor: str,
    outcome: dict[str, list[str]],
) -> None:
    if not groups:
        return
    limit = policy.deadlines.problem_handling
    deadline = problem_deadline(policy, now, calendar)
    terms = {
        "days": limit.days,
        "unit": limit.unit,
        "receipt_day_counted": policy.counting.receipt_day_counted.value,
        "moves_to_working_day": policy.counting.ceiling_moves_to_working_day.value,  # of natural days only
        "article": limit.article,
    }
    tickets: list[tuple[Ticket, Mapping[str, Any]]] = []
    for number, (identity, row) in zip(_numbers(session, now, len(groups)), groups, strict=True):
        ticket = Ticket(
            id=identity,
            number=number,
            agency=row["agency"],
            resource=row["resource"],
            delivery_id=row["first_delivery"],
            rule_id=row["rule"],
            rule_title=row["rule_title"],
            dimension=row["dimension"],
            severity=row["severity"],
            on_failure=row["on_failure"],
            kind="lead" if row["severity"] == "info" else "problem",
            state="open",
            problems=int(row["problems"]),
            open_problems=int(row["open_problems"]),
            sample_rows=[int(place) for place in row["rows"]],
            opened_at=now,
            received_at=now,
            due_date=deadline.due,
            due_at=deadline.due_at,
            provisional=deadline.provisional,
            terms=terms,
            policy_id=policy.id,
            policy_version=policy.version,
        )
        tickets.append((ticket, row))
    session.add_all([ticket for ticket, _ in tickets])
    session.flush()  # events refer to them
    for ticket, row in tickets:
        due = {"due_date": ticket.due_date.isoformat(), "provisional": ticket.provisional, "problems": ticket.problems}
        _tell(session, ticket, "opened", now, actor, due)
        outcome["new"].append(ticket.number)
        if not ticket.open_problems:
            _close(session, ticket, _closing(row["closings"]), now, actor, {"closings": sorted(row["closings"])})
            outcome["closed"].append(ticket.number)


def _numbers(session: Session, now: datetime, count: int) -> list[str]:
    """The next numbers of the year, e.g. T2026-000123. Rolled back with the transaction, so none is skipped; the caller holds the lock."""
    year = local_date(now).year
    counter = session.get(TicketNumber, year)
    if counter is None:
        counter = TicketNumber(year=year, last=0)
        session.add(counter)
    first = counter.last + 1
    counter.last += count
    return [f"T{year}-{number:06d}" for number in range(first, first + count)]


def _close(session: Session, ticket: Ticket, closing: str, now: datetime, actor: str, data: dict[str, Any]) -> None:
    ticket.state, ticket.closed_at, ticket.closing, ticket.open_problems = "closed", now, closing, 0
    _tell(session, ticket, "closed", now, actor, {"closing": closing, **data})


def _tell(session: Session, ticket: Ticket, event: str, now: datetime, actor: str, data: dict[str, Any]) -> None:
    session.add(TicketEvent(ticket_id=ticket.id, at=now, event=event, actor=actor, data=data))

"""Tickets brought together and taken apart: a duplicate goes into the ticket it repeats, some findings become a ticket of their own.

Neither moves a clock: what was received keeps its due day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import polars as pl
from sqlalchemy import update
from sqlalchemy.orm import Session

from districtlake.store.tables import Report, Ticket, TicketProblem
from districtlake.tickets.journal import LOCK, Desk, happened, load, next_numbers
from districtlake.tickets.machine import SYSTEM, Actor, TicketRefused
from districtlake.tickets.membership import problems_under

SAMPLE_ROWS = 10
_COPIED = (
    "agency", "resource", "delivery_id", "rule_id", "rule_title", "dimension", "severity", "on_failure", "kind", "matter", "origin", "round",
    "policy_id", "policy_version",
)  # fmt: skip
_CLOCK = (
    "received_at",
    "due_date",
    "due_at",
    "provisional",
    "terms",
    "urgent",
    "urgent_due",
    "extended",
    "was_late",
    "escalations",
    "escalated_at",
    "package",  # what carried the findings to the agency is not sent again
)


def merge(desk: Desk, duplicate: str, into: str, actor: Actor, *, reason: str = "", version: int | None = None) -> Ticket:
    """Close ``duplicate`` into the ticket it repeats. Its findings and its reporters go with it; who reported it hears of the outcome.

    Raises:
        TicketRefused: the two lie on different desks or data, or the other one would be due later.
    """
    with desk.store.session() as session:
        desk.store.exclusive(session, LOCK)
        goes, stays = load(session, duplicate, version=version), load(session, into)
        if goes.id == stays.id or (goes.agency, goes.resource) != (stays.agency, stays.resource):
            raise TicketRefused.of("tickets.not_alike", number=goes.number, other=stays.number)
        if goes.due_at is not None and (stays.due_at is None or stays.due_at > goes.due_at):
            raise TicketRefused.of("tickets.due_before", number=goes.number, other=stays.number)
        merged(session, goes, stays, desk, actor, reason)
    return goes


def merged(session: Session, goes: Ticket, stays: Ticket, desk: Desk, actor: Actor, reason: str = "") -> None:
    """As ``merge``, within a transaction."""
    counts = {"problems": stays.problems + goes.problems, "open_problems": stays.open_problems + goes.open_problems}
    session.execute(update(TicketProblem).where(TicketProblem.ticket_id == goes.id).values(ticket_id=stays.id))
    session.execute(update(Report).where(Report.ticket_id == goes.id).values(ticket_id=stays.id))
    why = {"reason": reason.strip()} if reason.strip() else {}
    rows = sorted({*stays.sample_rows, *goes.sample_rows})[:SAMPLE_ROWS]
    happened(session, stays, "joined", desk, actor, {"from": goes.number, **why}, **counts, sample_rows=rows)
    happened(
        session, goes, "merged", desk, actor, {"into": stays.number, **why},
        closing="merged", closed_at=desk.clock.now(), merged_into=stays.id, open_problems=0, claimed_at=None, requested_due=None,
    )  # fmt: skip


def split(
    desk: Desk, number: str, actor: Actor, register: Callable[[str], pl.DataFrame], *, problems: Iterable[str], version: int | None = None
) -> Ticket:
    """Make some findings of a ticket a ticket of their own, with the same clock.

    Args:
        problems: ids of open findings under the ticket, some of them.

    Returns:
        The new ticket.
    """
    with desk.store.session() as session:
        desk.store.exclusive(session, LOCK)
        ticket = load(session, number, version=version)
        chosen = sorted(set(problems))
        new = split_off(session, ticket, chosen, desk, actor, register(ticket.resource))
        if new.id == ticket.id:
            raise TicketRefused.of("tickets.all_findings", number=ticket.number)
    return new


def split_off(session: Session, ticket: Ticket, chosen: Sequence[str], desk: Desk, actor: Actor, register: pl.DataFrame) -> Ticket:
    """As ``split``, within a transaction behind the lock; the ticket itself where ``chosen`` are all its open findings."""
    members = problems_under(session, [ticket.id])
    found = register.join(members, on="problem_id", how="semi").filter(pl.col("state") == "open")
    strange = sorted(set(chosen) - set(found["problem_id"]))
    if strange:
        raise TicketRefused.of("tickets.strange_finding", number=ticket.number, count=len(strange))
    if not chosen:
        raise TicketRefused.of("tickets.no_findings", number=ticket.number)
    if len(chosen) == found.height:
        return ticket
    moves = pl.col("problem_id").is_in(list(chosen))
    identity = hashlib.blake2b("\x1f".join((ticket.id, *chosen)).encode(), digest_size=16).hexdigest()
    (number,) = next_numbers(session, desk.clock.now(), 1)
    columns: dict[str, Any] = {name: getattr(ticket, name) for name in _COPIED}
    columns |= {
        "number": number, "problems": len(chosen), "open_problems": len(chosen), "sample_rows": _rows(found.filter(moves)),
        "opened_at": desk.clock.now(), "split_from": ticket.id,
    }  # fmt: skip
    new = Ticket(id=identity, state="open", stage="waiting", **columns)
    happened(session, new, "opened", desk, actor, {"split_from": ticket.number}, **columns)
    if ticket.received_at is not None:
        happened(
            session, new, "dispatched", desk, SYSTEM, {"split_from": ticket.number}, **{name: getattr(ticket, name) for name in _CLOCK}
        )
    session.execute(update(TicketProblem).where(TicketProblem.problem_id.in_(chosen)).values(ticket_id=new.id))
    left = found.filter(~moves)
    happened(
        session, ticket, "split", desk, actor, {"into": number, "problems": list(chosen)},
        problems=ticket.problems - len(chosen), open_problems=left.height, sample_rows=_rows(left),
    )  # fmt: skip
    return new


def _rows(found: pl.DataFrame) -> list[int]:
    return [int(row) for row in found["row"].drop_nulls().unique().sort().head(SAMPLE_ROWS)]

"""What is under a ticket: problems by reference to the register, and what users reported."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.quality.problems import REGISTER
from districtlake.store.tables import Report, Ticket, TicketProblem


def problems_under(session: Session, tickets: Sequence[str]) -> pl.DataFrame:
    """``problem_id``, ``ticket_id`` of everything ever listed under these tickets and not moved to another; join the register with it."""
    rows: list[tuple[str, str]] = []
    for start in range(0, len(tickets), 500):  # a statement takes only so many parameters
        query = select(TicketProblem.problem_id, TicketProblem.ticket_id).where(TicketProblem.ticket_id.in_(tickets[start : start + 500]))
        rows += [(problem, ticket) for problem, ticket in session.execute(query)]
    return pl.DataFrame(rows, schema={"problem_id": pl.String, "ticket_id": pl.String}, orient="row")


def reported_under(session: Session, tickets: Sequence[str]) -> pl.DataFrame:
    """What users reported under these tickets, in the register's columns, with ``ticket_id``. It holds keys and claimed values."""
    rows = []
    query = select(Report, Ticket).join(Ticket, Ticket.id == Report.ticket_id).where(Report.ticket_id.in_(tickets))
    for report, ticket in session.execute(query.order_by(Report.reported_at, Report.id)):
        said = [part for part in (report.text, f"反馈方主张的值：{report.claimed}" if report.claimed is not None else "") if part]
        rows.append(
            {
                "ticket_id": ticket.id, "problem_id": report.id, "resource": report.resource, "agency": ticket.agency, "rule": ticket.rule_id,
                "rule_title": ticket.rule_title, "item": report.item, "key": report.key, "first_seen_at": report.reported_at, "state": "open",
                "dimension": ticket.dimension, "severity": ticket.severity, "on_failure": ticket.on_failure, "reason": "；".join(said),
            }
        )  # fmt: skip
    return pl.DataFrame(rows, schema={"ticket_id": pl.String, **REGISTER})

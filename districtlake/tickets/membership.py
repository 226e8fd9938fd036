"""Which problems are under a ticket: by reference to the register, never by value."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.store.tables import TicketProblem


def problems_under(session: Session, tickets: Sequence[str]) -> pl.DataFrame:
    """``problem_id``, ``ticket_id`` of everything ever listed under these tickets and not moved to another; join the register with it."""
    rows: list[tuple[str, str]] = []
    for start in range(0, len(tickets), 500):  # a statement takes only so many parameters
        query = select(TicketProblem.problem_id, TicketProblem.ticket_id).where(TicketProblem.ticket_id.in_(tickets[start : start + 500]))
        rows += [(problem, ticket) for problem, ticket in session.execute(query)]
    return pl.DataFrame(rows, schema={"problem_id": pl.String, "ticket_id": pl.String}, orient="row")

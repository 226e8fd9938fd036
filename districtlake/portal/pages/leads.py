"""Leads of comparisons: what two agencies' tables say differently, for the Office all of it, for an agency what lies on its desk."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import polars as pl
from fastapi import APIRouter, Query, Response
from sqlalchemy import select

from districtlake.access.desks import seen_leads, seen_tickets
from districtlake.comparison.shown import shown_to
from districtlake.portal.guard import Visit, Visiting
from districtlake.portal.rendering import page
from districtlake.store.tables import Ticket, TicketProblem
from districtlake.warehouse.leads import read_leads, turned_id

router = APIRouter()
PAGE = 50
STATES = {
    "open": pl.col("state") == "open", "turned": (pl.col("state") == "open") & pl.col("turned_over_at").is_not_null(),
    "closed": pl.col("state") == "closed", "all": pl.lit(True),
}  # fmt: skip


@router.get("/leads")
def leads(
    visit: Visiting,
    rule: str = "",
    state: str = "open",
    agency: str = "",
    certainty: str = "",
    at: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Open first seen last; ``rule``: a comparison's id, ``agency``: on either side. What is not known filters nothing away by mistake."""
    visit.viewer.must_be("provider", "office", "contractor", "auditor")
    district = visit.district
    state = state if state in STATES else "open"
    seen = read_leads(district.lake).filter(seen_leads(visit.viewer))
    names = dict(seen.select("comparison", pl.concat_str("code", "title", separator=" ")).unique("comparison", keep="any").iter_rows())
    found = seen.filter(STATES[state])
    if rule:
        found = found.filter(pl.col("comparison") == rule)
    if agency:
        found = found.filter((pl.col("agency") == agency) | (pl.col("right_agency") == agency))
    if certainty:
        found = found.filter(pl.col("certainty") == certainty)
    pages = max(1, -(-found.height // PAGE))
    at = min(at, pages)
    part = found.sort(["first_seen_at", "code", "lead_id"], descending=[True, False, False]).slice((at - 1) * PAGE, PAGE)
    asked = {"rule": rule, "state": state, "agency": agency, "certainty": certainty}
    rows = [shown_to(row, district.catalog, visit.viewer.sees) for row in part.iter_rows(named=True)]
    tickets = _tickets(visit, [row["lead_id"] for row in rows])
    for row in rows:
        row["tickets"] = [tickets[one] for one in (row["lead_id"], turned_id(row["lead_id"])) if one in tickets]
    agencies = sorted({*seen["agency"], *seen["right_agency"]} - {None, ""}) if visit.viewer.district_wide else []
    return page(
        visit.request, "leads.html", visit.signed, leads=rows, total=found.height, at=at, pages=pages, asked=asked, states=tuple(STATES),
        rules=dict(sorted(names.items(), key=lambda pair: pair[1])), agencies=agencies,
        link=lambda number: f"/leads?{urlencode({**asked, 'at': number})}",
    )  # fmt: skip


def _tickets(visit: Visit, leads: list[str]) -> dict[str, dict[str, Any]]:
    """Lead (or its id on the other agency's desk) -> the ticket it is under, if the viewer sees that ticket."""
    wanted = [*leads, *map(turned_id, leads)]
    query = select(TicketProblem.problem_id, Ticket.number, Ticket.stage).join(Ticket, Ticket.id == TicketProblem.ticket_id)
    with visit.district.store.session(read_only=True) as session:
        rows = session.execute(query.where(TicketProblem.problem_id.in_(wanted), seen_tickets(visit.viewer)))
        return {problem: {"number": number, "stage": stage} for problem, number, stage in rows}

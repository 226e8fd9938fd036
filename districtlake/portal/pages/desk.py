"""My desk: what I owe by when, the most pressing first."""

from __future__ import annotations

from fastapi import APIRouter, Response

from districtlake.portal.guard import Visiting
from districtlake.portal.rendering import page
from districtlake.tickets.queries import list_tickets

router = APIRouter()
SHOWN = 50


@router.get("/")
def desk(visit: Visiting) -> Response:
    district, viewer = visit.district, visit.viewer
    agency = None if viewer.district_wide else viewer.agency
    tickets = (
        list_tickets(district.store, clock=district.clock, calendar=district.calendar, agency=agency)
        if agency or viewer.district_wide
        else []
    )
    standing = {state: sum(ticket.due_state == state for ticket in tickets) for state in ("overdue", "near", "due")}
    return page(visit.request, "desk.html", visit.signed, tickets=tickets[:SHOWN], total=len(tickets), standing=standing)

"""Tickets: the list, one of them with its timeline and its rows, and everything the viewer may do to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

import polars as pl
from deltalake import DeltaTable
from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from districtlake.access.desks import actor_of, seen_tickets, sees_rows
from districtlake.access.viewer import AccessDenied
from districtlake.catalog.models import Catalog
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.portal.actions import ACTIONS, Given, offered
from districtlake.portal.commissioned import commissioned
from districtlake.portal.guard import Visit, Visiting
from districtlake.portal.rendering import page
from districtlake.quality.shown import shown
from districtlake.store.tables import AuditEvent, Package, Report, Ticket
from districtlake.tickets.machine import STAGES
from districtlake.tickets.membership import problems_under
from districtlake.tickets.queries import Event, TicketView, due_state, ticket_events, view_of
from districtlake.tickets.search import SORTS, Filters, search, standings
from districtlake.warehouse.leads import findings
from districtlake.warehouse.tables import address

router = APIRouter()
PAGE = 50
ROWS = 50


@router.get("/")
def desk(visit: Visiting) -> Response:
    """My desk: what I owe by when, the most pressing first."""
    district, seen = visit.district, seen_tickets(visit.viewer)
    found = search(district.store, district.clock, district.calendar, seen, Filters(), size=20)
    return page(
        visit.request, "desk.html", visit.signed, tickets=found.tickets, total=found.total,
        standing=standings(district.store, district.clock, district.calendar, seen),
        commissions=commissioned(district, visit.viewer) if visit.viewer.role == "contractor" else None,
    )  # fmt: skip


@router.get("/tickets")
def tickets(
    visit: Visiting, q: str = "", agency: str = "", resource: str = "", state: str = "open", stage: str = "", due: str = "",
    sort: str = "due", at: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:  # fmt: skip
    district = visit.district
    filters = Filters(q, agency, resource, None if state == "all" else state, stage, due)
    found = search(
        district.store, district.clock, district.calendar, seen_tickets(visit.viewer), filters, sort=sort, size=PAGE, number=at
    )  # fmt: skip
    pages = max(1, -(-found.total // PAGE))
    asked = {"q": q, "agency": agency, "resource": resource, "state": state, "stage": stage, "due": due, "sort": sort}
    return page(
        visit.request, "tickets.html", visit.signed, tickets=found.tickets, total=found.total, filters=filters, state=state, sort=sort,
        at=min(at, pages), pages=pages, link=lambda number: f"/tickets?{urlencode({**asked, 'at': number})}", stages=STAGES, sorts=tuple(SORTS),
        agencies=sorted({entry.agency for entry in district.catalog.resources.values()}) if visit.viewer.district_wide else [],
    )  # fmt: skip


def ticket_of(visit: Visit, number: str) -> TicketView:
    """The ticket, if the viewer sees it.

    Raises:
        NotFound: there is none, or it is not the viewer's to see; the answer is the same.
    """
    district = visit.district
    query = select(Ticket, due_state(district.clock, district.calendar)).where(
        Ticket.number == number.strip().upper(), seen_tickets(visit.viewer)
    )
    with district.store.session(read_only=True) as session:
        row = session.execute(query).first()
    if row is None:
        raise NotFound.of("request.no_ticket")
    return view_of(row[0], row[1])


@router.get("/tickets/{number}")
def ticket(visit: Visiting, number: str, unmasked: bool = False, at: Annotated[int, Query(ge=1, le=100_000)] = 1) -> Response:
    return _ticket_page(visit, ticket_of(visit, number), unmasked=unmasked, at=at)


def _ticket_page(
    visit: Visit, found: TicketView, *, unmasked: bool = False, at: int = 1, refused: DistrictLakeError | None = None, status: int = 200,
    tried: str = "", given: Given | None = None,
) -> Response:  # fmt: skip
    district, viewer = visit.district, visit.viewer
    may_see = sees_rows(viewer, found.agency, found.resource)
    if unmasked and not (may_see and viewer.role in ("provider", "office")):
        raise AccessDenied.of("access.unmasked")
    rows, total = _rows(visit, found, unmasked, at) if may_see else ([], 0)
    with district.store.session(read_only=True) as session:
        reports = list(session.scalars(select(Report).where(Report.ticket_id == found.id).order_by(Report.reported_at)))
        package = session.get(Package, found.package) if found.package and may_see and viewer.role in ("provider", "office") else None
        others = {
            row.id: row.number
            for row in session.scalars(select(Ticket).where(Ticket.id.in_([i for i in (found.merged_into, found.split_from) if i])))
        }
    mine = [report for report in reports if may_see or report.agency == viewer.agency]
    return page(
        visit.request, "ticket.html", visit.signed, status=status, ticket=found, rows=rows, rows_total=total, rows_at=at, pages=max(1, -(-total // ROWS)),
        unmasked=unmasked, may_see=may_see, may_unmask=may_see and viewer.role in ("provider", "office"),
        events=[_told(event) for event in ticket_events(district.store, found.id)], actions=offered(found, viewer), reports=mine,
        package=package, others=others, refused=refused, tried=tried, given=given or Given(), stages=STAGES,
        resource=district.catalog.resources.get(found.resource),
    )  # fmt: skip


_FACTS = ("reason", "explanation", "agreement", "plan", "note", "until", "due", "review_on", "into", "from", "attachment")


def _told(event: Event) -> dict[str, Any]:
    """An event for the timeline, with the facts that people gave."""
    facts = [str(event.data[name]) for name in _FACTS if event.data.get(name)]
    return {"at": event.at, "event": event.event, "actor": event.actor, "role": event.role, "agency": event.agency, "facts": facts}


def _rows(visit: Visit, found: TicketView, unmasked: bool, at: int) -> tuple[list[dict[str, Any]], int]:
    """A page of the problems under the ticket, from the register, open ones first."""
    district = visit.district
    catalog: Catalog = district.catalog
    if found.resource not in catalog.resources or not DeltaTable.is_deltatable(str(address(district.lake, "problems", found.resource))):
        return [], 0
    with district.store.session(read_only=True) as session:
        listed = problems_under(session, [found.id])["problem_id"]
    frame = findings(district.lake, found.resource, listed)
    part = frame.sort(pl.col("state") != "open", "file", "sheet", "row", nulls_last=True).slice((at - 1) * ROWS, ROWS)
    resource = catalog.resources[found.resource]
    if unmasked and part.height:
        with district.store.session() as session:
            session.add(
                AuditEvent(
                    at=district.clock.now(), actor=visit.viewer.actor, action="rows.read_unmasked", object_kind="ticket",
                    object_id=found.number, reason="", data={"rows": part.height, "resource": found.resource},
                )
            )  # fmt: skip
    return [shown(record, resource, catalog, unmasked=unmasked) for record in part.iter_rows(named=True)], frame.height


@router.post("/tickets/{number}/{action}")
def act(
    visit: Visiting, number: str, action: str, version: Annotated[int, Form()], reason: Annotated[str, Form(max_length=4000)] = "",
    until: Annotated[str, Form(max_length=10)] = "", plan: Annotated[str, Form(max_length=4000)] = "",
    other: Annotated[str, Form(max_length=40)] = "", problem: Annotated[list[str] | None, Form()] = None,
) -> Response:  # fmt: skip
    """Do one thing to a ticket. What was refused is said on the page, and what was typed stays."""
    found = ticket_of(visit, number)
    if action not in ACTIONS:
        raise NotFound.of("request.no_action")
    given = Given(reason, until, plan, other, tuple(problem or ()))
    try:
        if other:
            ticket_of(visit, other)  # what it is merged into must be the viewer's to see as well
        day = _day(until)
        ACTIONS[action].do(visit.district, found.number, actor_of(visit.viewer), replace(given, day=day), version)
    except DistrictLakeError as error:
        return _ticket_page(visit, ticket_of(visit, number), refused=error, status=409, tried=action, given=given)
    return RedirectResponse(f"/tickets/{found.number}", status_code=303)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DistrictLakeError.of("request.day", code="request.date", given=text) from None

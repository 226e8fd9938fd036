"""The calls of the interface."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select

from districtlake.access import clients
from districtlake.access.clients import Client
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.portal.api.documents import Problem, ReportIn, ReportOut
from districtlake.store.tables import Report, Ticket
from districtlake.tickets import feedback
from districtlake.tickets.machine import Actor
from districtlake.warehouse.history import current
from districtlake.warehouse.tables import text_of_parts
from districtlake.wording.sentences import Listed, Sentence

router = APIRouter(prefix="/v1")
_bearer = HTTPBearer(auto_error=False, description="A client's key: dlk_…")


class SameKeyOtherReport(DistrictLakeError):
    """An Idempotency-Key was used again for another report."""

    code = "feedback.key_used"


def _errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem, "content": {"application/problem+json": {}}} for code in codes}


def client(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Client:
    """Who calls; at most so many calls a minute, and guesses fewer still.

    Raises:
        KeyRefused, TooManyRequests.
    """
    address = request.client.host if request.client else ""
    try:
        found = clients.by_key(_district(request).store, given.credentials if given else "")
    except clients.KeyRefused:
        request.app.state.guesses.take(address)
        raise
    request.app.state.calls.take(found.id)
    return found


Calling = Annotated[Client, Depends(client)]


def _district(request: Request) -> District:
    return cast(District, request.app.state.district)


@router.post(
    "/feedback", status_code=201, response_model=ReportOut, responses=_errors(400, 401, 404, 409, 422, 429) | {200: {"model": ReportOut}},
    summary="Report problem data (Article 27)",
)  # fmt: skip
def report(
    request: Request, response: Response, caller: Calling, document: ReportIn,
    idempotency_key: Annotated[str, Header(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$", description="the caller's own number for this report")],
) -> ReportOut:  # fmt: skip
    """Take a report down; repeat it with the same Idempotency-Key as often as you like. 201: new; 200: it was here before."""
    district = _district(request)
    resource = district.resource(document.resource)
    if set(document.key) != set(resource.key):
        wanted = Listed.of(resource.key) if resource.key else Sentence.of("feedback.unkeyed")
        raise feedback.TicketRefused.of(
            "feedback.key_items", code="feedback.invalid", resource=resource.id, given=Listed.of(document.key), key=wanted
        )
    key = text_of_parts([document.key[name].strip() for name in resource.key])
    taken = feedback.report(
        district, Actor(caller.reporter, "user", caller.agency), resource, lambda one: current(district.lake, one), request_id=idempotency_key,
        key=key, item=document.item, claimed=document.claimed, text=document.text, matter=document.kind, channel="api",
        external_id=document.external_id,
    )  # fmt: skip
    found, ticket = _found(district, caller, taken.id)
    if taken.repeated:
        response.status_code = 200
        said = (resource.id, key, document.item, document.claimed, document.kind, document.text.strip(), document.external_id)
        if said != (found.resource, found.key, found.item, found.claimed, found.matter, found.text, found.external_id):
            raise SameKeyOtherReport.of("feedback.key_used")
    return _out(found, ticket).model_copy(update={"repeated": taken.repeated, "joined": taken.joined})


@router.get("/feedback/{identity}", response_model=ReportOut, responses=_errors(401, 404, 422, 429), summary="How a report stands")
def status(request: Request, caller: Calling, identity: Annotated[str, Path(max_length=64, pattern=r"^[0-9a-f]+$")]) -> ReportOut:
    """Of the caller's own reports only; another's is not there."""
    return _out(*_found(_district(request), caller, identity))


def _found(district: District, caller: Client, identity: str) -> tuple[Report, Ticket]:
    with district.store.session(read_only=True) as session:
        query = select(Report, Ticket).join(Ticket, Ticket.id == Report.ticket_id)
        row = session.execute(query.where(Report.id == identity, Report.reporter == caller.reporter)).first()
    if row is None:
        raise NotFound.of("feedback.none")
    return row[0], row[1]


def _out(found: Report, ticket: Ticket) -> ReportOut:
    return ReportOut(
        id=found.id, ticket=ticket.number, stage=cast(Any, ticket.stage), closing=ticket.closing, due_date=ticket.due_date,
        reported_at=found.reported_at, told_at=found.told_at, external_id=found.external_id,
    )  # fmt: skip

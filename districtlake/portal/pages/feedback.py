"""Something is wrong with the data: a user of it reports by form (Article 27, paragraph 2). It reaches the Office first."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.concurrency import run_in_threadpool

from districtlake.access.desks import actor_of
from districtlake.access.viewer import Role
from districtlake.catalog.models import Resource
from districtlake.errors import DistrictLakeError
from districtlake.portal.guard import Visit, Visiting
from districtlake.portal.rendering import page
from districtlake.tickets import feedback
from districtlake.tickets.feedback import MATTERS, Reported
from districtlake.warehouse.history import current
from districtlake.warehouse.tables import text_of_parts

router = APIRouter()
_MAY: tuple[Role, ...] = ("user", "provider", "office", "contractor")


@router.get("/feedback")
def form(visit: Visiting, resource: str = "") -> Response:
    visit.viewer.must_be(*_MAY)
    entry = visit.district.catalog.resources.get(resource)
    return _form(visit, entry)


def _form(
    visit: Visit, entry: Resource | None, *, done: Reported | None = None, refused: DistrictLakeError | None = None, given: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    catalog = visit.district.catalog
    viewer = visit.viewer
    mine = (one for one in catalog.resources.values() if viewer.role != "contractor" or viewer.sees(one.agency, one.id))
    keyed = sorted((one for one in mine if one.key), key=lambda one: (one.agency, one.id))
    return page(
        visit.request, "feedback.html", visit.signed, status=409 if refused else 200, resources=keyed, entry=entry if entry in keyed else None,
        done=done, refused=refused, given=given or {}, matters=tuple(MATTERS), request_id=(given or {}).get("request_id") or secrets.token_hex(8),
    )  # fmt: skip


@router.post("/feedback")
async def take(
    visit: Visiting, request: Request, resource: Annotated[str, Form(max_length=200)], request_id: Annotated[str, Form(max_length=64)],
    matter: Annotated[str, Form(max_length=20)] = "error", item: Annotated[str, Form(max_length=100)] = "",
    claimed: Annotated[str, Form(max_length=4000)] = "", text: Annotated[str, Form(max_length=4000)] = "",
) -> Response:  # fmt: skip
    visit.viewer.must_be(*_MAY)
    entry = visit.district.resource(resource)
    if visit.viewer.role == "contractor":
        visit.viewer.require(entry.agency, entry.id)
    form = await request.form()
    parts = {name: str(form.get(f"key_{name}", "")).strip()[:500] for name in entry.key}
    given = {
        "matter": matter,
        "item": item,
        "claimed": claimed,
        "text": text,
        "request_id": request_id,
        **{f"key_{k}": v for k, v in parts.items()},
    }

    def work() -> Response:
        try:
            if not all(parts.values()):
                raise DistrictLakeError.of("feedback.key_parts", code="feedback.invalid")
            done = feedback.report(
                visit.district, actor_of(visit.viewer), entry, lambda one: current(visit.district.lake, one), request_id=request_id,
                key=text_of_parts(list(parts.values())), item=item or None, claimed=claimed.strip() or None, text=text, matter=matter,
            )  # fmt: skip
        except DistrictLakeError as error:
            return _form(visit, entry, refused=error, given=given)
        return _form(visit, entry, done=done)

    return await run_in_threadpool(work)

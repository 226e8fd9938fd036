"""Files in and out: a delivery or correction handed in, a return package taken home."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, File, Form, Response, UploadFile
from fastapi.responses import FileResponse

from districtlake.access.viewer import AccessDenied
from districtlake.delivery.receive import submit
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.portal.guard import Visiting
from districtlake.portal.rendering import page
from districtlake.portal.uploads import clean_name, kept
from districtlake.store.tables import AuditEvent, Package

router = APIRouter()


@router.get("/upload")
def form(visit: Visiting, resource: str = "") -> Response:
    return _form(visit, resource)


def _form(visit: Visiting, resource: str, *, refused: DistrictLakeError | None = None, taken: str = "", again: bool = False) -> Response:
    viewer = visit.viewer
    if viewer.role not in ("provider", "office"):
        raise AccessDenied.of("access.deliver")
    mine = [one for one in visit.district.catalog.resources.values() if viewer.sees(one.agency, one.id)]
    return page(
        visit.request, "upload.html", visit.signed, status=409 if refused else 200, resources=sorted(mine, key=lambda one: one.id),
        chosen=resource, refused=refused, taken=taken, again=again, most_mb=visit.district.settings.upload_mb,
    )  # fmt: skip


@router.post("/upload")
def take(
    visit: Visiting, resource: Annotated[str, Form(max_length=200)], file: Annotated[UploadFile, File()],
    correction: Annotated[str, Form()] = "", data_date: Annotated[str, Form(max_length=10)] = "",
) -> Response:  # fmt: skip
    """A file becomes a delivery; it is processed like every other (the daemon looks every few seconds, the night takes what is left)."""
    district, viewer = visit.district, visit.viewer
    entry = district.resource(resource)
    viewer.require(entry.agency, resource)
    if viewer.role not in ("provider", "office"):
        raise AccessDenied.of("access.deliver")
    try:
        if correction and not entry.key:
            raise DistrictLakeError.of("upload.no_key", code="portal.no_key", resource=entry.title)
        day = date.fromisoformat(data_date) if data_date else None
        with kept(file.file, file.filename or "", district.settings.state / "uploads", most=district.settings.upload_mb * 2**20) as path:
            received = submit(district, path, entry.id, correction=bool(correction), data_date=day, actor=viewer.actor)
    except ValueError:
        return _form(visit, resource, refused=DistrictLakeError.of("request.day", code="request.date", given=data_date))
    except DistrictLakeError as error:
        return _form(visit, resource, refused=error)
    if received.notices:
        code = received.notices[0].code
        return _form(visit, resource, refused=DistrictLakeError.of("upload.not_taken", code=code, file=clean_name(file.filename or "")))
    return _form(visit, resource, taken=received.new[0] if received.new else "", again=not received.new)


@router.get("/packages/{package}")
def download(visit: Visiting, package: str) -> Response:
    """A return package, to the agency it is for and to the Office. It holds rows in the clear: every download is on record."""
    district, viewer = visit.district, visit.viewer
    with district.store.session(read_only=True) as session:
        found = session.get(Package, package)
    if found is None or viewer.role not in ("provider", "office") or not viewer.sees(found.agency, ""):
        raise NotFound.of("package.gone")
    path = district.settings.outbox / found.file
    if not path.is_file():
        raise NotFound.of("package.no_file")
    with district.store.session() as session:
        session.add(
            AuditEvent(
                at=district.clock.now(), actor=viewer.actor, action="package.downloaded", object_kind="package", object_id=found.id, reason="",
                data={"agency": found.agency, "rows": found.rows},
            )
        )  # fmt: skip
    return FileResponse(path, filename=path.name, headers={"X-Content-Type-Options": "nosniff"})

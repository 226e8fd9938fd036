"""A filled return package handed in: what it answered, and row by row what was not understood."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Response, UploadFile

from districtlake.access.desks import actor_of
from districtlake.delivery.corrected_rows import take_package
from districtlake.errors import DistrictLakeError
from districtlake.portal.guard import Visit, Visiting
from districtlake.portal.rendering import page
from districtlake.portal.uploads import kept
from districtlake.tickets.answers import Answered
from districtlake.tickets.workbook import EXTENSION

router = APIRouter()
MOST_FAULTS = 200
MOST_MB = 100


@router.get("/answers")
def form(visit: Visiting) -> Response:
    visit.viewer.must_be("provider")
    return _form(visit)


def _form(visit: Visit, *, done: Answered | None = None, refused: DistrictLakeError | None = None) -> Response:
    words = visit.district.policy.dispositions.values | {"extension": EXTENSION}
    return page(
        visit.request, "answers.html", visit.signed, status=409 if refused else 200, done=done, refused=refused, words=words,
        taken=sum(count for _, _, count in done.done) if done else 0, most=MOST_FAULTS, most_mb=_most_mb(visit),
    )  # fmt: skip


def _most_mb(visit: Visit) -> int:
    return min(MOST_MB, visit.district.settings.upload_mb)


@router.post("/answers")
def take(visit: Visiting, file: Annotated[UploadFile, File()]) -> Response:
    """The file is read, answered from and thrown away; what it said is in the tickets' records."""
    visit.viewer.must_be("provider")
    district = visit.district
    try:
        with kept(file.file, file.filename or "", district.settings.state / "uploads", most=_most_mb(visit) * 2**20) as path:
            done = take_package(district, path, actor_of(visit.viewer))
    except DistrictLakeError as error:
        return _form(visit, refused=error)
    return _form(visit, done=done)

"""The interface as an application of its own below ``/api``: errors are problem documents, its description is at ``/api/openapi.json``."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from districtlake.access.clients import KeyRefused
from districtlake.access.rates import Rate, TooManyRequests
from districtlake.delivery.district import District
from districtlake.errors import ConcurrentChange, DistrictLakeError, NotFound
from districtlake.portal.api.routes import SameKeyOtherReport, router
from districtlake.tickets.feedback import TooManyReports
from districtlake.tickets.machine import TicketRefused

CALLS_A_MINUTE = 120
GUESSES_A_MINUTE = 20
MOST_BYTES = 64 * 1024
_STATUS: tuple[tuple[type[DistrictLakeError], int], ...] = (
    (KeyRefused, 401), (NotFound, 404), (SameKeyOtherReport, 422), (TicketRefused, 422), (TooManyReports, 429), (TooManyRequests, 429),
    (ConcurrentChange, 409),
)  # fmt: skip


def create_api(district: District) -> FastAPI:
    """The interface over a district."""
    app = FastAPI(
        title="DistrictLake feedback", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        description="Problem data found at a counter, reported in one call that may be repeated (Article 27, paragraph 2; Article 28).",
    )  # fmt: skip
    app.state.district = district
    app.state.calls = Rate(district.store, district.clock, "call", CALLS_A_MINUTE)
    app.state.guesses = Rate(district.store, district.clock, "guess", GUESSES_A_MINUTE)
    app.include_router(router)
    app.middleware("http")(_sized)
    app.add_exception_handler(DistrictLakeError, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)
    return app


async def _sized(request: Request, call_next):  # type: ignore[no-untyped-def]
    """A report is short; what does not say its length, or says too much, is not read."""
    if request.method in ("POST", "PUT", "PATCH"):
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return _problem(413, "request.too_large", "The report is too long.", f"At most {MOST_BYTES} bytes, with Content-Length.")
    return await call_next(request)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, DistrictLakeError)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
    return _problem(status, error.code, *error.told("en"))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(error.status_code, "http", str(error.detail), "See /api/openapi.json.", dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> Response:
    """Which places are wrong; never what stood there."""
    assert isinstance(error, RequestValidationError)
    places = ", ".join(dict.fromkeys(".".join(str(part) for part in one["loc"][:3]) for one in error.errors()))
    return _problem(422, "request.invalid", f"Not understood: {places}.", "See /api/openapi.json.")


async def _unexpected(request: Request, error: Exception) -> Response:
    return _problem(500, "internal", "The call could not be carried out.", "Repeat it with the same Idempotency-Key.")


def _problem(status: int, code: str, title: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    more = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "60"}}.get(status, {})
    content = {"type": f"urn:districtlake:{code}", "title": title, "status": status, "detail": detail}
    return JSONResponse(content, status_code=status, headers={**(headers or {}), **more}, media_type="application/problem+json")

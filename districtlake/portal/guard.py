"""What every request passes after the door (``door``): its session, the CSRF token, the security headers.

Pages get a ``Visit``: the district, who asks, and nothing else, so a route cannot forget whose data it shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from districtlake.access import sessions
from districtlake.access.sessions import Signed
from districtlake.access.viewer import AccessDenied, Viewer
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

HEADERS = {
    # no inline script or style anywhere: what a cell holds can never run
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class SignInFirst(DistrictLakeError):
    """Nobody is signed in; the edge leads to the sign-in page."""

    code = "access.sign_in_first"


class ForgedRequest(DistrictLakeError):
    """An unsafe request without its session's token."""

    code = "access.csrf"


class Unreadable(DistrictLakeError):
    """A character that cannot be kept (NUL): PostgreSQL takes none."""

    code = "request.unreadable"


class TooLarge(DistrictLakeError):
    """More than is taken in one request."""

    code = "request.too_large"


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is signed in."""

    request: Request
    district: District
    signed: Signed
    viewer: Viewer


def district_of(request: Request) -> District:
    return cast(District, request.app.state.district)


def cookie_name(request: Request) -> str:
    """Behind TLS the browser itself forbids that another host or path sets the cookie (the ``__Host-`` prefix)."""
    return "__Host-districtlake" if request.app.state.secure else "districtlake"


async def session_of(request: Request) -> Signed | None:
    """The session of the request's cookie, looked up once."""
    if not hasattr(request.state, "signed"):
        token = request.cookies.get(cookie_name(request))
        district = district_of(request)
        request.state.signed = await run_in_threadpool(sessions.find, district.store, district.clock, token)
    return cast("Signed | None", request.state.signed)


async def check_csrf(request: Request) -> AsyncIterator[None]:
    """For every route: an unsafe method needs the session's token, in a header (htmx) or a form field. What was uploaded is closed after.

    Raises:
        ForgedRequest: it does not carry it.
        Unreadable: a field has a character that no database keeps.
    """
    try:
        if request.method not in SAFE and not request.url.path.startswith("/api/"):  # the interface knows no cookies: it has keys
            signed = await session_of(request)
            given = request.headers.get(CSRF_HEADER)
            form = await request.form() if request.headers.get("content-type", "").startswith(_FORMS) else FormData()
            if given is None:
                field = form.get(CSRF_FIELD)
                given = field if isinstance(field, str) else None
            if not sessions.right_csrf(signed, given):
                raise ForgedRequest.of("access.expired")
            if any("\x00" in part for name, value in form.multi_items() for part in (name, value) if isinstance(part, str)):
                raise Unreadable.of("request.characters")
        yield
    finally:
        await request.close()


async def signed_in(request: Request, signed: Annotated[Signed | None, Depends(session_of)]) -> Visit:
    """Raises SignInFirst unless somebody is signed in."""
    if signed is None or signed.viewer is None:
        raise SignInFirst.of("access.sign_in_first")
    return Visit(request, district_of(request), signed, signed.viewer)


Visiting = Annotated[Visit, Depends(signed_in)]


def of_district(visit: Visiting) -> Visit:
    """For pages of the whole district.

    Raises:
        AccessDenied: the role sees a part of it only.
    """
    if not visit.viewer.district_wide:
        raise AccessDenied.of("access.office_page")
    return visit


DistrictVisit = Annotated[Visit, Depends(of_district)]


async def security_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    secure = request.app.state.secure  # asked before: below /api another application is the request's
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if not request.url.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def with_cookie(request: Request, response: Response, signed: Signed) -> Response:
    """Hand the session to the browser: not readable by scripts, not sent from other sites."""
    response.set_cookie(cookie_name(request), signed.token, httponly=True, secure=request.app.state.secure, samesite="lax", path="/")
    return response


def without_cookie(request: Request, response: Response) -> Response:
    response.delete_cookie(cookie_name(request), path="/", secure=request.app.state.secure, httponly=True, samesite="lax")
    return response

"""The application put together: routes, guards, errors as pages (or as problem documents for programs)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from districtlake.access.accounts import AccountRefused, SignInRefused
from districtlake.access.rates import Rate, TooManyRequests
from districtlake.access.viewer import AccessDenied
from districtlake.delivery.district import District
from districtlake.errors import ConcurrentChange, DistrictLakeError, NotFound
from districtlake.portal import door, guard
from districtlake.portal.api.app import create_api
from districtlake.portal.oidc import IdentityProvider
from districtlake.portal.pages import ROUTERS
from districtlake.portal.rendering import language_of, page
from districtlake.settings import Settings
from districtlake.wording.sentences import Listed

SIGN_INS_A_MINUTE = 20
"""Attempts from one address."""
_STATUS: tuple[tuple[type[DistrictLakeError], int], ...] = (
    (NotFound, 404), (AccessDenied, 403), (guard.ForgedRequest, 403), (TooManyRequests, 429), (guard.TooLarge, 413), (SignInRefused, 401),
    (AccountRefused, 422), (ConcurrentChange, 409), (door.UnknownHost, 421),
)  # fmt: skip


def create_app(district: District, *, secure: bool = False, identity_provider: IdentityProvider | None = None) -> FastAPI:
    """The portal over a district.

    Args:
        secure: it is reached through TLS: cookies are sent over nothing else.
        identity_provider: sign-in by OpenID Connect beside local accounts.

    Raises:
        DistrictLakeError: behind TLS, or with an identity provider, the public address is not set.
    """
    check_public_address(district.settings, secure=secure, identity_provider=identity_provider is not None)
    app = FastAPI(
        title="DistrictLake",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(guard.check_csrf)],
    )
    app.state.district = district
    app.state.hosts = door.hosts_of(district.settings)
    app.state.secure = secure
    app.state.identity_provider = identity_provider
    app.state.sign_ins = Rate(district.store, district.clock, "sign-in", SIGN_INS_A_MINUTE)
    app.add_middleware(door.BodyLimit)
    app.middleware("http")(_door)
    app.middleware("http")(guard.security_headers)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.mount("/api", create_api(district))
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(DistrictLakeError, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)
    return app


def check_public_address(settings: Settings, *, secure: bool, identity_provider: bool) -> None:
    """Whose name the portal answers to and where an identity provider sends people back is a setting, never what a request says.

    Raises:
        DistrictLakeError: it is needed and not set, or is not TLS although the portal stands behind TLS.
    """
    if secure and not settings.portal_url.startswith("https://"):
        raise DistrictLakeError(
            "Behind TLS the portal must know its public address.", hint="Set DISTRICTLAKE_PORTAL_URL=https://portal.district.example.",
            code="settings.portal_url",
        )  # fmt: skip
    if identity_provider and not settings.portal_url:
        raise DistrictLakeError(
            "DISTRICTLAKE_OIDC_ISSUER is set, DISTRICTLAKE_PORTAL_URL is not.",
            hint="Set it: the identity provider sends people back there, to /oidc/callback.", code="settings.oidc",
        )  # fmt: skip


async def _door(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    refused = await door.refused(request)
    return await call_next(request) if refused is None else await _known(request, refused)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, DistrictLakeError)
    if isinstance(error, guard.SignInFirst):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        to = "/sign-in" if target == "/" or request.method != "GET" else f"/sign-in?next={quote(target)}"
        if request.headers.get("HX-Request") == "true":
            return Response(status_code=204, headers={"HX-Redirect": to})
        return RedirectResponse(to, status_code=303)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
    return await _answer(request, status, error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, door.BodyTooLarge):
        return await _known(request, door.too_large(error.most))
    key = {404: "request.no_page", 405: "request.method"}.get(error.status_code, "request.refused")
    return await _answer(request, error.status_code, DistrictLakeError.of(key, code="http"))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = Listed.of(dict.fromkeys(str(one["loc"][-1]) for one in error.errors() if one.get("loc")))
    return await _answer(request, 422, DistrictLakeError.of("request.fields", code="request.invalid", fields=places))


async def _unexpected(request: Request, error: Exception) -> Response:
    """A fault of ours. The server's log has the traceback; the page tells nothing of it."""
    return await _answer(request, 500, DistrictLakeError.of("error.internal", code="internal"))


async def _answer(request: Request, status: int, error: DistrictLakeError) -> Response:
    wants: str = request.headers.get("accept", "")
    signed = await guard.session_of(request)
    if request.url.path.startswith("/api/") or ("json" in wants and "html" not in wants):
        message, hint = error.told(language_of(request, signed))
        problem: dict[str, Any] = {"type": f"urn:districtlake:{error.code}", "title": message, "status": status, "detail": hint}
        return JSONResponse(problem, status_code=status, media_type="application/problem+json")
    return page(request, "error.html", signed, status=status, refused=error, code=status)

"""Signing in and out, by password or identity provider; language and colours."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from districtlake.access import accounts, sessions
from districtlake.access.accounts import SignInRefused
from districtlake.access.sessions import Signed
from districtlake.access.viewer import Viewer
from districtlake.errors import NotFound
from districtlake.portal import guard
from districtlake.portal.oidc import IdentityProvider
from districtlake.portal.rendering import THEMES, page
from districtlake.wording.sentences import LANGUAGES

router = APIRouter()
Session = Annotated[Signed | None, Depends(guard.session_of)]


def inside(target: str) -> str:
    """A path of this portal, whatever was asked for: no other host, no other scheme."""
    plain = target.replace("\\", "/")
    return plain if plain.startswith("/") and not plain.startswith("//") and plain.isprintable() else "/"  # browsers drop tabs and breaks


async def _first_session(request: Request, signed: Signed | None) -> Signed:
    if signed is not None:
        return signed
    district = guard.district_of(request)
    return await run_in_threadpool(lambda: sessions.begin(district.store, district.clock))


def _form(request: Request, signed: Signed, target: str, *, login: str = "", refused: SignInRefused | None = None) -> Response:
    response = page(
        request, "sign_in.html", signed, status=401 if refused else 200, target=inside(target), login=login, refused=refused,
        provider=request.app.state.identity_provider,
    )  # fmt: skip
    return guard.with_cookie(request, response, signed)


@router.get("/sign-in")
async def form(request: Request, signed: Session, next: str = "/") -> Response:
    if signed is not None and signed.viewer is not None:
        return RedirectResponse(inside(next), status_code=303)
    return _form(request, await _first_session(request, signed), next)


@router.post("/sign-in")
async def by_password(
    request: Request, signed: Session, login: Annotated[str, Form(max_length=200)], password: Annotated[str, Form(max_length=1000)],
    target: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:  # fmt: skip
    district = guard.district_of(request)
    await run_in_threadpool(request.app.state.sign_ins.take, request.client.host if request.client else "")
    try:
        viewer = await run_in_threadpool(accounts.sign_in, district.store, district.clock, login, password)
    except SignInRefused as refused:
        return _form(request, await _first_session(request, signed), target, login=login, refused=refused)
    return await _enter(request, signed, viewer, target)


async def _enter(request: Request, signed: Signed | None, viewer: Viewer, target: str) -> Response:
    """A new token at sign-in: one that was known before (fixation) opens nothing."""
    district = guard.district_of(request)
    fresh = await run_in_threadpool(
        lambda: sessions.begin(district.store, district.clock, viewer, replacing=signed.token if signed else None)
    )
    return guard.with_cookie(request, RedirectResponse(inside(target), status_code=303), fresh)


@router.post("/sign-out")
async def sign_out(request: Request, signed: Session) -> Response:
    district = guard.district_of(request)
    if signed is not None:
        await run_in_threadpool(sessions.end, district.store, district.clock, signed)
    return guard.without_cookie(request, RedirectResponse("/sign-in", status_code=303))


def _provider(request: Request) -> IdentityProvider:
    found: IdentityProvider | None = request.app.state.identity_provider
    if found is None:
        raise NotFound.of("access.no_provider")
    return found


@router.get("/oidc/start")
async def start(request: Request, signed: Session, next: str = "/") -> Response:
    provider = _provider(request)
    await run_in_threadpool(request.app.state.sign_ins.take, request.client.host if request.client else "")
    before = await _first_session(request, signed)
    request.scope["session"] = {}  # where Authlib keeps state, nonce and verifier until the browser comes back
    back = f"{guard.district_of(request).settings.portal_url}{request.app.url_path_for('finish')}"  # never what the request says of a host
    response: Response = await provider.client.authorize_redirect(request, back)
    data = {"oidc": request.scope["session"], "next": inside(next)}
    await run_in_threadpool(sessions.remember, guard.district_of(request).store, before.token, data)
    return guard.with_cookie(request, response, before)


@router.get("/oidc/callback", name="finish")
async def finish(request: Request, signed: Session) -> Response:
    provider = _provider(request)
    district = guard.district_of(request)
    if signed is None or "oidc" not in signed.data:
        return RedirectResponse("/sign-in", status_code=303)
    from authlib.integrations.base_client import OAuthError

    request.scope["session"] = dict(signed.data["oidc"])
    target = str(signed.data.get("next", "/"))
    try:
        token = await provider.client.authorize_access_token(request)
        claims = token.get("userinfo") or {}
        viewer = await run_in_threadpool(
            lambda: accounts.by_identity_provider(
                district.store,
                district.clock,
                issuer=provider.issuer,
                subject=str(claims["sub"]),
                login=str(claims.get(provider.login_claim, "")),
            )
        )
    except OAuthError:
        return _form(request, signed, target, refused=SignInRefused.of("access.oidc_failed"))
    except SignInRefused as refused:
        return _form(request, signed, target, refused=refused)
    return await _enter(request, signed, viewer, target)


@router.post("/preferences")
async def prefer(
    request: Request, language: Annotated[str, Form()] = "", theme: Annotated[str, Form()] = "", target: Annotated[str, Form()] = "/"
) -> Response:
    response = RedirectResponse(inside(target), status_code=303)
    for name, value, known in (("language", language, LANGUAGES), ("theme", theme, THEMES)):
        if value in known:
            response.set_cookie(name, value, max_age=365 * 86400, samesite="lax", httponly=True, secure=request.app.state.secure)
    return response


@router.get("/health")
async def health() -> dict[str, str]:
    """For the reverse proxy: the process answers."""
    return {"status": "ok"}

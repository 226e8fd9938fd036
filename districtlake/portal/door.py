"""The door, before any page: whose name the portal answers to, and how much is let in. Refused while it streams, not after it was kept."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from districtlake.errors import DistrictLakeError
from districtlake.portal import guard
from districtlake.settings import Settings

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of this machine: a proxy, a health check, somebody who tries it out. No browser elsewhere reaches the portal by them."""
FORM_BYTES = 2 * 2**20
"""A form without files: a few texts of 4,000 characters and the rows that were chosen."""
AROUND_A_FILE = 2**20
"""What a form adds to its file."""


class UnknownHost(DistrictLakeError):
    """The request names a host that is not ours: nothing is answered that could carry that name on."""

    code = "request.host"


class BodyTooLarge(HTTPException):
    """Raised where the body is being read, so that no more of it is."""

    def __init__(self, most: int) -> None:
        super().__init__(413, too_large(most).message)
        self.most = most


def hosts_of(settings: Settings) -> frozenset[str]:
    """The names the portal answers to: the one of its public address, and this machine's own."""
    public = urlsplit(settings.portal_url).hostname
    return LOCAL | ({public} if public else frozenset())


def too_large(most: int) -> guard.TooLarge:
    """The refusal of more than ``most`` bytes."""
    return guard.TooLarge.of("request.too_large", most=most // 2**20)


def _most(request: Request) -> int:
    files = request.headers.get("content-type", "").startswith("multipart/")
    return guard.district_of(request).settings.upload_mb * 2**20 + AROUND_A_FILE if files else FORM_BYTES


async def refused(request: Request) -> DistrictLakeError | None:
    """What is refused before its body is read: nobody who is not signed in makes the server store a file."""
    if not _known_host(request):
        return UnknownHost.of("request.host")
    if "\x00" in request.url.path or b"%00" in request.scope.get("query_string", b"") or "\x00" in request.scope.get("path", ""):
        return guard.Unreadable.of("request.address")
    if request.method in guard.SAFE or request.url.path.startswith("/api/"):
        return None
    length, most = request.headers.get("content-length", "0"), _most(request)
    if not length.isdecimal() or int(length[:20]) > most:
        return too_large(most)
    if request.headers.get("content-type", "").startswith("multipart/"):
        signed = await guard.session_of(request)
        if signed is None or signed.viewer is None:
            return guard.ForgedRequest.of("access.upload_signed_out")
    return None


def _known_host(request: Request) -> bool:
    given = request.headers.getlist("host")
    if len(given) != 1 or any(char in given[0] for char in "@/\\ "):
        return False
    try:
        return urlsplit(f"//{given[0]}").hostname in cast("frozenset[str]", request.app.state.hosts)
    except ValueError:
        return False


class BodyLimit:
    """Counts a body as it comes in, also one that does not say its length, and stops reading it beyond its limit.

    Innermost of what surrounds the routes, so that the refusal arises where a form is read and is answered like any other.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/api/"):  # the interface has a limit of its own
            await self._app(scope, receive, send)
            return
        most, taken = _most(Request(scope)), 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise BodyTooLarge(most)
            return message

        await self._app(scope, counted, send)

"""The application as a server process makes it: over the district of the environment."""

from __future__ import annotations

import os

from fastapi import FastAPI

from districtlake.delivery.district import open_district
from districtlake.portal.app import create_app
from districtlake.portal.oidc import IdentityProvider

_SECURE = "DISTRICTLAKE_PORTAL_SECURE"


def configure(*, secure: bool) -> None:
    """Tell the server's worker processes, which know the environment only."""
    os.environ[_SECURE] = "1" if secure else ""


def application() -> FastAPI:
    """The factory that uvicorn calls in each worker."""
    return create_app(open_district(), secure=bool(os.environ.get(_SECURE)), identity_provider=IdentityProvider.from_environment())

"""Sign-in by an identity provider (OpenID Connect, code flow with PKCE), by Authlib. Accounts are made beforehand; it only vouches."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from districtlake.errors import DistrictLakeError


@dataclass(frozen=True)
class IdentityProvider:
    """How to reach it.

    Attributes:
        issuer: its address; the rest is read from its discovery document.
        login_claim: the claim that names the account's login.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    login_claim: str = "preferred_username"
    title: str = "统一身份认证"

    @classmethod
    def from_environment(cls) -> IdentityProvider | None:
        """DISTRICTLAKE_OIDC_ISSUER, _CLIENT_ID, _CLIENT_SECRET_FILE (or _CLIENT_SECRET), _LOGIN_CLAIM, _TITLE; None without an issuer.

        Raises:
            DistrictLakeError: the issuer is set and the client is not.
        """
        env = os.environ
        issuer = env.get("DISTRICTLAKE_OIDC_ISSUER")
        if not issuer:
            return None
        client = env.get("DISTRICTLAKE_OIDC_CLIENT_ID", "")
        file = env.get("DISTRICTLAKE_OIDC_CLIENT_SECRET_FILE")
        secret = Path(file).read_text(encoding="utf-8").strip() if file else env.get("DISTRICTLAKE_OIDC_CLIENT_SECRET", "")
        if not client or not secret:
            raise DistrictLakeError(
                "DISTRICTLAKE_OIDC_ISSUER is set, its client is not.",
                hint="Set DISTRICTLAKE_OIDC_CLIENT_ID and DISTRICTLAKE_OIDC_CLIENT_SECRET_FILE.", code="settings.oidc",
            )  # fmt: skip
        return cls(
            issuer.rstrip("/"), client, secret, env.get("DISTRICTLAKE_OIDC_LOGIN_CLAIM", "preferred_username"),
            env.get("DISTRICTLAKE_OIDC_TITLE", "统一身份认证"),
        )  # fmt: skip

    @cached_property
    def client(self) -> Any:
        from authlib.integrations.starlette_client import OAuth

        return OAuth().register(
            name="provider", client_id=self.client_id, client_secret=self.client_secret,
            server_metadata_url=f"{self.issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
        )  # fmt: skip

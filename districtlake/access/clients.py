"""Programs that report through the interface: each acts for one agency, with a random key of which only the hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.clock import Clock
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.store.engine import Store
from districtlake.store.tables import ApiClient, AuditEvent

PREFIX = "dlk_"
REPORTER = "api:"
_NAME = re.compile(r"[a-z][a-z0-9_-]{1,39}")


class ClientRefused(DistrictLakeError):
    """The client cannot be made as asked for."""

    code = "client.refused"


class KeyRefused(DistrictLakeError):
    """No key, a wrong one, or one of a client that was closed. Which of these is not told."""

    code = "client.key"


@dataclass(frozen=True)
class Client:
    """A program, known by its key. ``reporter``: its name in reports and webhooks."""

    id: str
    agency: str

    @property
    def reporter(self) -> str:
        return f"{REPORTER}{self.id}"


def create(store: Store, clock: Clock, name: str, *, display: str, agency: str, agencies: Collection[str], actor: str) -> str:
    """Make a client, or give one that exists a new key; the old key ends.

    Returns:
        The key, shown this once.

    Raises:
        ClientRefused: its name or agency will not do; NotFound: no such agency.
    """
    if not _NAME.fullmatch(name):
        raise ClientRefused.of("client.name", name=name[:40])
    if agency not in agencies:
        raise NotFound.of("client.agency", agency=agency)
    secret = secrets.token_urlsafe(32)
    with store.session() as session:
        known = session.get(ApiClient, name)
        if known is not None and known.agency != agency:
            raise ClientRefused.of("client.other_agency", name=name, agency=known.agency)
        if known is None:
            known = ApiClient(id=name, display=display or name, agency=agency, key_hash="", created_at=clock.now(), created_by=actor)
            session.add(known)
        known.key_hash, known.active = _hash(secret), True
        _audit(session, clock, actor, "client.key_given", name)
    return f"{PREFIX}{name}.{secret}"


def close(store: Store, clock: Clock, name: str, *, actor: str) -> None:
    """Take no more calls of it. Raises NotFound: there is none."""
    with store.session() as session:
        known = session.get(ApiClient, name)
        if known is None:
            raise NotFound.of("client.none", name=name)
        known.active = False
        _audit(session, clock, actor, "client.closed", name)


def by_key(store: Store, key: str) -> Client:
    """The client whose key this is.

    Raises:
        KeyRefused: nobody's.
    """
    name, _, secret = key.removeprefix(PREFIX).partition(".")
    with store.session(read_only=True) as session:
        known = session.get(ApiClient, name[:40]) if key.startswith(PREFIX) else None
    right = hmac.compare_digest(known.key_hash if known else _hash(""), _hash(secret))
    if known is None or not right or not known.active:
        raise KeyRefused.of("client.key")
    return Client(known.id, known.agency)


def every(store: Store) -> list[ApiClient]:
    with store.session(read_only=True) as session:
        return list(session.scalars(select(ApiClient).order_by(ApiClient.id)))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _audit(session: Session, clock: Clock, actor: str, action: str, name: str) -> None:
    session.add(AuditEvent(at=clock.now(), actor=actor, action=action, object_kind="client", object_id=name, reason="", data={}))

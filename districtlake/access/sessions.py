"""Sessions kept on the server. The cookie holds a random token; a stolen database gives no session, a stolen cookie ends with it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from districtlake.access.accounts import viewer_of
from districtlake.access.commissions import scopes_of
from districtlake.access.viewer import Viewer
from districtlake.clock import Clock
from districtlake.store.access_tables import Account, PortalSession
from districtlake.store.engine import Store
from districtlake.store.tables import AuditEvent

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=10)
BEFORE_SIGN_IN = timedelta(minutes=30)
_SEEN_EVERY = timedelta(minutes=1)  # a page view writes at most once a minute


@dataclass(frozen=True)
class Signed:
    """A session as a request sees it. ``viewer``: None before sign-in. ``csrf``: what every unsafe request must carry."""

    token: str
    csrf: str
    viewer: Viewer | None
    data: dict[str, Any]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def begin(
    store: Store, clock: Clock, viewer: Viewer | None = None, *, replacing: str | None = None, data: dict[str, Any] | None = None
) -> Signed:
    """A new session with a new token; the one it replaces ends (so a token fixed before sign-in is worth nothing after it)."""
    now = clock.now()
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    kept = dict(data or {})
    with store.session() as session:
        if replacing:
            session.execute(delete(PortalSession).where(PortalSession.token_hash == _hash(replacing)))
        session.execute(delete(PortalSession).where(PortalSession.expires_at < now))
        session.add(
            PortalSession(
                token_hash=_hash(token), account_id=viewer.account if viewer else None, csrf=csrf, data=kept, created_at=now,
                seen_at=now, expires_at=now + (LONGEST if viewer else BEFORE_SIGN_IN),
            )
        )  # fmt: skip
    return Signed(token, csrf, viewer, kept)


def find(store: Store, clock: Clock, token: str | None) -> Signed | None:
    """The session of a token, if it is still good: within its absolute and its idle limit, its account open."""
    if not token or len(token) > 200:
        return None
    now = clock.now()
    key = _hash(token)
    with store.session(read_only=True) as session:
        row = session.execute(
            select(PortalSession, Account).outerjoin(Account, Account.id == PortalSession.account_id).where(PortalSession.token_hash == key)
        ).one_or_none()
        works = row is not None and row[1] is not None and row[1].role == "contractor"
        commissioned = scopes_of(session, clock, row[1].id) if works and row is not None else frozenset()
    if row is None:
        return None
    kept, account = row
    if kept.expires_at <= now or kept.seen_at + IDLE <= now or (kept.account_id is not None and (account is None or not account.active)):
        return None
    if now - kept.seen_at >= _SEEN_EVERY:
        with store.session() as session:
            session.execute(update(PortalSession).where(PortalSession.token_hash == key).values(seen_at=now))
    return Signed(token, kept.csrf, viewer_of(account, commissioned) if account is not None else None, dict(kept.data or {}))


def remember(store: Store, token: str, data: dict[str, Any]) -> None:
    """Replace what the session keeps (the state of a sign-in under way, a message to be shown once)."""
    with store.session() as session:
        session.execute(update(PortalSession).where(PortalSession.token_hash == _hash(token)).values(data=data))


def end(store: Store, clock: Clock, signed: Signed) -> None:
    """Sign out."""
    with store.session() as session:
        session.execute(delete(PortalSession).where(PortalSession.token_hash == _hash(signed.token)))
        if signed.viewer is not None:
            session.add(
                AuditEvent(
                    at=clock.now(), actor=signed.viewer.actor, action="sign_out", object_kind="account", object_id=signed.viewer.actor,
                    reason="", data={},
                )
            )  # fmt: skip


def right_csrf(signed: Signed | None, given: str | None) -> bool:
    """Whether an unsafe request carries its session's token."""
    return signed is not None and given is not None and hmac.compare_digest(signed.csrf.encode(), given.encode())

"""Local accounts: argon2id hashes, a lock that grows with wrong guesses, every change in the audit trail."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.access.viewer import AGENCY_ROLES, ROLES, AccessDenied, Role, Viewer
from districtlake.clock import Clock
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.store.access_tables import Account, PortalSession
from districtlake.store.engine import Store
from districtlake.store.tables import AuditEvent
from districtlake.wording.sentences import Listed, Named

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
FREE_GUESSES = 5
FIRST_LOCK = timedelta(seconds=30)
LONGEST_LOCK = timedelta(minutes=30)


class AccountRefused(DistrictLakeError):
    """An account cannot be made or changed like this."""

    code = "access.account"


class SignInRefused(DistrictLakeError):
    """Login or password is wrong, or the account is locked. Does not say which login exists."""

    code = "access.sign_in"


@dataclass(frozen=True)
class NewAccount:
    login: str
    display: str
    role: Role
    agency: str | None = None
    language: str = "zh"


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()  # argon2id with the library's current advice (RFC 9106, low memory)


@cache
def _dummy() -> str:
    """Verified when there is no such account, so that the answer takes as long."""
    return _hasher().hash(secrets.token_hex(16))


def normal_login(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def create(store: Store, clock: Clock, new: NewAccount, *, password: str | None, agencies: frozenset[str], actor: str) -> str:
    """Make an account; returns its id.

    Args:
        password: None for an account that only an identity provider lets in.
        agencies: the catalogue's agencies.

    Raises:
        AccountRefused: the login is taken, the agency unknown or missing, the password too weak.
    """
    login = normal_login(new.login)
    if not login or not all(char.isalnum() or char in "._-@" for char in login):
        raise AccountRefused.of("account.login", login=new.login)
    if new.role not in ROLES:
        raise AccountRefused.of("account.role", role=new.role, roles=Listed.of(ROLES))
    if new.role in AGENCY_ROLES and new.agency is None:
        raise AccountRefused.of("account.agency_needed", role=Named("role", new.role, ROLES[new.role]))
    if new.agency is not None and new.agency not in agencies:
        raise AccountRefused.of("account.agency", agency=new.agency, agencies=Listed.of(sorted(agencies)))
    hashed = None if password is None else _hashed(password, login)
    identity = secrets.token_hex(8)
    with store.session() as session:
        if session.scalar(select(Account.id).where(Account.login == login)):
            raise AccountRefused.of("account.taken", login=login)
        session.add(
            Account(
                id=identity, login=login, display=new.display.strip() or login, role=new.role, agency=new.agency, password_hash=hashed,
                issuer=None, subject=None, language=new.language, created_at=clock.now(), created_by=actor, last_sign_in_at=None,
                locked_until=None, active=True, failed=0,
            )
        )  # fmt: skip
        _audit(session, clock, actor, "account.created", login, {"role": new.role, "agency": new.agency})
    return identity


def set_password(store: Store, clock: Clock, login: str, password: str, *, actor: str) -> None:
    """A new password; every open session of the account ends."""
    with store.session() as session:
        account = _known(session, login)
        account.password_hash = _hashed(password, account.login)
        account.failed, account.locked_until = 0, None
        _end_sessions(session, account)
        _audit(session, clock, actor, "account.password_changed", account.login, {})


def set_active(store: Store, clock: Clock, login: str, active: bool, *, actor: str) -> None:
    """Close or reopen an account. It is never deleted: its acts keep their author."""
    with store.session() as session:
        account = _known(session, login)
        account.active = active
        if not active:
            _end_sessions(session, account)
        _audit(session, clock, actor, "account.enabled" if active else "account.disabled", account.login, {})


def sign_in(store: Store, clock: Clock, login: str, password: str) -> Viewer:
    """Check a password.

    Raises:
        SignInRefused: wrong, locked or closed; the same sentence for an unknown login.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    now = clock.now()
    refused: SignInRefused | None = None
    viewer: Viewer | None = None
    with store.session() as session:
        account = session.scalar(select(Account).where(Account.login == normal_login(login)))
        if account is not None and account.locked_until is not None and account.locked_until > now:
            _audit(session, clock, account.login, "sign_in.locked", account.login, {})
            refused = SignInRefused.of("access.sign_in")
        else:
            stored = account.password_hash if account is not None and account.active else None
            try:
                right = _hasher().verify(stored or _dummy(), password[:LONGEST_PASSWORD]) and stored is not None
            except (VerificationError, InvalidHashError):
                right = False
            if account is not None and right:
                if _hasher().check_needs_rehash(account.password_hash or ""):
                    account.password_hash = _hasher().hash(password[:LONGEST_PASSWORD])
                account.failed, account.locked_until, account.last_sign_in_at = 0, None, now
                _audit(session, clock, account.login, "sign_in.succeeded", account.login, {"by": "password"})
                viewer = viewer_of(account)
            else:
                if account is not None:
                    account.failed += 1
                    account.locked_until = _lock_until(account.failed, now)
                    _audit(session, clock, account.login, "sign_in.failed", account.login, {"failed": account.failed})
                refused = SignInRefused.of("access.sign_in")
    if refused is not None or viewer is None:  # raised outside the transaction: the count of failures is kept
        raise refused or SignInRefused.of("access.sign_in")
    return viewer


def by_identity_provider(store: Store, clock: Clock, *, issuer: str, subject: str, login: str) -> Viewer:
    """The account an identity provider vouches for. The first time it is found by its login and bound to (issuer, subject).

    Raises:
        SignInRefused: no account was made for this login, it is closed, or it is bound to another subject.
    """
    now = clock.now()
    with store.session() as session:
        account = session.scalar(select(Account).where(Account.issuer == issuer, Account.subject == subject))
        if account is None:
            account = session.scalar(select(Account).where(Account.login == normal_login(login), Account.subject.is_(None)))
            if account is not None and account.password_hash is None:
                account.issuer, account.subject = issuer, subject
                _audit(session, clock, account.login, "account.bound", account.login, {"issuer": issuer})
            else:
                account = None  # a local account with a password is not taken over by whoever holds its name elsewhere
        if account is None or not account.active:
            raise SignInRefused.of("access.not_opened")
        account.last_sign_in_at = now
        _audit(session, clock, account.login, "sign_in.succeeded", account.login, {"by": "oidc"})
        return viewer_of(account)


def viewer_of(account: Account, commissioned: frozenset[str] = frozenset()) -> Viewer:
    """The person of an account, as a request sees it.

    Args:
        commissioned: see ``commissions.scopes_of``.
    """
    return Viewer(
        account.id,
        account.login,
        account.display,
        cast(Role, account.role),
        account.agency,
        "en" if account.language == "en" else "zh",
        commissioned,
    )


def every(store: Store) -> list[Account]:
    with store.session(read_only=True) as session:
        return list(session.scalars(select(Account).order_by(Account.login)))


def _known(session: Session, login: str) -> Account:
    account = session.scalar(select(Account).where(Account.login == normal_login(login)))
    if account is None:
        raise NotFound.of("account.none", login=login)
    return account


def _end_sessions(session: Session, account: Account) -> None:
    for row in session.scalars(select(PortalSession).where(PortalSession.account_id == account.id)):
        session.delete(row)


def _hashed(password: str, login: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise AccountRefused.of("account.short", least=SHORTEST_PASSWORD)
    if len(password) > LONGEST_PASSWORD:
        raise AccountRefused.of("account.long", most=LONGEST_PASSWORD)
    if login in password.casefold() or len(set(password)) < 5:
        raise AccountRefused.of("account.guessed")
    return _hasher().hash(password)


def _lock_until(failed: int, now: datetime) -> datetime | None:
    if failed < FREE_GUESSES:
        return None
    return now + min(LONGEST_LOCK, FIRST_LOCK * 2 ** min(failed - FREE_GUESSES, 16))


def _audit(session: Session, clock: Clock, actor: str, action: str, login: str, data: dict[str, object]) -> None:
    session.add(AuditEvent(at=clock.now(), actor=actor, action=action, object_kind="account", object_id=login, reason="", data=data))


__all__ = [
    "AccessDenied", "AccountRefused", "NewAccount", "SignInRefused", "by_identity_provider", "create", "every", "set_active",
    "set_password", "sign_in", "viewer_of",
]  # fmt: skip

"""Tables of accounts, sessions, commissions and counts of attempts. Passwords, session tokens and counted names are kept as hashes only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, get_args

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from districtlake.store.columns import json_type
from districtlake.store.tables import Base, Json, one_of

Role = Literal["provider", "user", "office", "contractor", "auditor"]


class Account(Base):
    """A post that signs in, not a natural person's dossier: a login, the words shown for it, its agency and role.

    Attributes:
        login: lower case, unique.
        agency: whose data it may see; null for roles of the district (office, auditor) and contractors, who see what ``commissions`` says.
        password_hash: argon2id; null where only an identity provider lets it in.
        issuer, subject: the identity provider's name for it; null for local accounts.
        failed: wrong passwords since the last right one; ``locked_until`` slows guessing down.
    """

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    display: Mapped[str]
    role: Mapped[str]
    agency: Mapped[str | None]
    password_hash: Mapped[str | None]
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    failed: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    language: Mapped[str] = mapped_column(default="zh")
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    last_sign_in_at: Mapped[datetime | None]

    __table_args__ = (one_of("role", get_args(Role)), UniqueConstraint("issuer", "subject"))


class PortalSession(Base):
    """A signed-in browser. The token itself is only in its cookie; here lies its SHA-256."""

    __tablename__ = "portal_sessions"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    csrf: Mapped[str]
    data: Mapped[Json] = mapped_column(json_type(), default=dict)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (Index(None, "account_id"), Index(None, "expires_at"))


class Commission(Base):
    """What the Office has commissioned a technical service unit with (Article 29): its account sees these resources and no others.

    Attributes:
        scope: an agency's resources ("health_bureau") or one ("health_bureau.deaths").
        reference: the contract or letter of commission.
        last_day: the last Shanghai day it holds; ``ended_at``: when it was ended before.
    """

    __tablename__ = "commissions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    scope: Mapped[str]
    reference: Mapped[str]
    last_day: Mapped[date]
    given_at: Mapped[datetime]
    given_by: Mapped[str]
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "account_id"),)


class RateCount(Base):
    """How often a (hashed) name tried in one window of time; see ``access.rates``."""

    __tablename__ = "rate_counts"

    name: Mapped[str] = mapped_column(primary_key=True)
    window: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int]
    expires_at: Mapped[datetime]

    __table_args__ = (Index(None, "expires_at"),)

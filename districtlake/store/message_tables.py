"""Tables of what is sent: messages and what they hold, the webhooks they go to, the programs that report through the interface."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, get_args

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from districtlake.store.base import Base, one_of

Channel = Literal["mail", "webhook"]
MessageState = Literal["waiting", "sent", "dead"]
Algorithm = Literal["hmac-sha256", "hmac-sm3"]


class Message(Base):
    """One mail (a digest) or one call of a webhook, from its making to its receipt or its end.

    Attributes:
        id: what the receiver knows it by: a repeat carries the same one.
        audience, recipient: as of its notifications. ``webhook``: where it goes, of a webhook.
        day: the Shanghai day of the digest.
        attempts: how often it was tried; ``next_attempt_at``: not before. Whoever tries it pushes this on first, so no two try at once.
        error: why it was not received, without addresses of persons and without what the other side answered.
    """

    __tablename__ = "messages"

    id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str]
    audience: Mapped[str]
    recipient: Mapped[str]
    webhook: Mapped[int | None] = mapped_column(ForeignKey("webhooks.id"))
    day: Mapped[date]
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("channel", get_args(Channel)),
        one_of("state", get_args(MessageState)),
        Index(None, "state", "next_attempt_at"),
        Index(None, "audience", "recipient", "day"),
    )


class MessageItem(Base):
    """Which notifications a message holds."""

    __tablename__ = "message_items"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    notification_id: Mapped[int] = mapped_column(ForeignKey("notifications.id"), primary_key=True)

    __table_args__ = (Index(None, "notification_id"),)


class Webhook(Base):
    """An address that is called for an agency, for the Office, or for a program that reported. Its secret is derived, not stored."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    audience: Mapped[str]
    recipient: Mapped[str]
    url: Mapped[str]
    algorithm: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]

    __table_args__ = (
        one_of("audience", ("agency", "reporter", "office")),
        one_of("algorithm", get_args(Algorithm)),
        UniqueConstraint("audience", "recipient", "url"),
    )


class ApiClient(Base):
    """A program that reports for an agency. Of its key only the SHA-256 is here: keys are random, so no slow hash is needed.

    Attributes:
        id: also the reporter's name in reports, as ``api:<id>``.
    """

    __tablename__ = "api_clients"

    id: Mapped[str] = mapped_column(primary_key=True)
    display: Mapped[str]
    agency: Mapped[str]
    key_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]

"""The tables as typed ORM models. Event tables only grow: the database itself refuses to change or delete their rows.

Instants are UTC and time-zone aware. ``version`` columns are optimistic locks: a session that writes over somebody else's
change fails with ``ConcurrentChange``.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, get_args

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from districtlake.store.base import Base, Json, one_of
from districtlake.store.columns import json_type
from districtlake.store.message_tables import ApiClient, Message, MessageItem, Webhook
from districtlake.store.rule_tables import JudgedRules, UsedRules
from districtlake.store.ticket_tables import (
    DispatchHold,
    Notification,
    Report,
    Suspension,
    Ticket,
    TicketEvent,
    TicketNumber,
    TicketProblem,
    Waiver,
)

__all__ = [
    "APPEND_ONLY", "ApiClient", "AuditEvent", "Base", "Delivery", "DispatchHold", "Json", "JudgedRules", "Message", "MessageItem", "Night", "Notice", "Notification", "Operation", "Package", "Report", "Suspension",
    "Ticket", "TicketEvent", "TicketNumber", "TicketProblem", "UsedRules", "Waiver", "Webhook", "one_of",
]  # fmt: skip

DeliveryState = Literal["pending", "done", "held", "failed", "withdrawn", "duplicate", "superseded"]
DeliveryMode = Literal["snapshot", "incremental", "append", "correction"]
OperationKind = Literal["process", "release", "withdraw", "reprocess", "revalidate"]
OperationState = Literal["running", "done", "held", "failed"]
NightState = Literal["running", "done", "failed", "interrupted"]

APPEND_ONLY = ("ticket_events", "audit_events")


class Delivery(Base):
    """One file an agency delivered, from its arrival to its fate."""

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(primary_key=True)
    agency: Mapped[str]
    resource: Mapped[str]  # "agency.resource"
    mode: Mapped[str]
    file_name: Mapped[str]
    source_path: Mapped[str]
    sha256: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    data_date: Mapped[date | None]  # the day the data speaks of
    order_key: Mapped[str]  # deliveries of a resource are processed in its order
    received_at: Mapped[datetime]
    received_by: Mapped[str]
    state: Mapped[str] = mapped_column(default="pending")
    state_reason: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    receipt: Mapped[Json] = mapped_column(json_type(), default=dict)
    counts: Mapped[Json | None] = mapped_column(json_type())
    duplicate_of: Mapped[str | None] = mapped_column(ForeignKey("deliveries.id"))
    version: Mapped[int] = mapped_column()  # counted by SQLAlchemy from 1

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own name
    __table_args__ = (
        one_of("state", get_args(DeliveryState)),
        one_of("mode", get_args(DeliveryMode)),
        UniqueConstraint("resource", "source_path", "sha256"),
        Index(None, "resource", "state"),
    )


class Operation(Base):
    """One attempt to change a resource's tables, and the versions it started from.

    Attributes:
        rules: fingerprint of the rules it judges by (``used_rules``).
        covers: after it every row that stands was judged by them.
        counts: how its deliveries end; of a revalidation what it found.
    """

    __tablename__ = "operations"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    resource: Mapped[str]
    seq: Mapped[int]
    kind: Mapped[str]
    delivery_id: Mapped[str | None] = mapped_column(ForeignKey("deliveries.id"))
    state: Mapped[str] = mapped_column(default="running")
    base_versions: Mapped[Json] = mapped_column(json_type(), default=dict)
    actor: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    counts: Mapped[Json | None] = mapped_column(json_type())
    error: Mapped[Json | None] = mapped_column(json_type())
    catalog_hash: Mapped[str] = mapped_column(default="")
    policy_version: Mapped[str] = mapped_column(default="")
    rules: Mapped[str] = mapped_column(default="")
    covers: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        one_of("kind", get_args(OperationKind)),
        one_of("state", get_args(OperationState)),
        UniqueConstraint("resource", "seq"),
        Index(None, "state"),
        Index(None, "delivery_id"),
    )


class Notice(Base):
    """Something an operator should see and that is nobody's ticket; one row for one cause (``fingerprint``)."""

    __tablename__ = "notices"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    code: Mapped[str]
    message: Mapped[str]
    hint: Mapped[str] = mapped_column(default="")
    path: Mapped[str | None]
    agency: Mapped[str | None]
    resource: Mapped[str | None]
    fingerprint: Mapped[str] = mapped_column(unique=True)
    cleared_at: Mapped[datetime | None]


class InboxLook(Base):
    """When an inbox was last looked through. Only up to then it is known that nothing was delivered."""

    __tablename__ = "inbox_looks"

    inbox: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class Package(Base):
    """An Excel file in the outbox. ``file`` is relative to the outbox, so the state folder can move."""

    __tablename__ = "packages"

    id: Mapped[str] = mapped_column(primary_key=True)
    agency: Mapped[str]
    file: Mapped[str]
    sha256: Mapped[str]
    tickets: Mapped[int]
    rows: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "agency"),)


class Night(Base):
    """One nightly run. It is written before the run touches anything, so that a night that was killed is seen by the next.

    Attributes:
        night: the Shanghai day on which it began.
        launched_by: "command line" | "schedule".
        state: "running"; "done" and "failed" when it ended by itself; "interrupted" when the next one found it dead.
        expected: what the night owed (shape: ``nights.expected.Expected``); null when it died before it knew.
        figures: counts of the finished night for the trend of later reports; no row values.
        alarms: sentences about what has no outcome.
        report: file of the report below the outbox.
    """

    __tablename__ = "nights"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    night: Mapped[date]
    launched_by: Mapped[str]
    actor: Mapped[str]
    state: Mapped[str] = mapped_column(default="running")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    expected: Mapped[Json | None] = mapped_column(json_type())
    figures: Mapped[Json | None] = mapped_column(json_type())
    alarms: Mapped[Json] = mapped_column(json_type(), default=list)
    report: Mapped[str | None]

    __table_args__ = (one_of("state", get_args(NightState)), Index(None, "state"), Index(None, "night"))


class AuditEvent(Base):
    """Who did what to which object, and why."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    object_kind: Mapped[str]
    object_id: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    data: Mapped[Json] = mapped_column(json_type(), default=dict)

    __table_args__ = (Index(None, "object_kind", "object_id"), Index(None, "at"))

"""The tables as typed ORM models. Event tables only grow: the database itself refuses to change or delete their rows.

Instants are UTC and time-zone aware. ``version`` columns are optimistic locks: a session that writes over somebody else's
change fails with ``ConcurrentChange``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, ClassVar, Literal, get_args

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from districtlake.store.columns import Instant, Long, json_type

DeliveryState = Literal["pending", "done", "held", "failed", "withdrawn", "duplicate", "superseded"]
DeliveryMode = Literal["snapshot", "incremental", "append", "correction"]
OperationKind = Literal["process", "release", "withdraw", "reprocess", "revalidate"]
OperationState = Literal["running", "done", "held", "failed"]
TicketKind = Literal["problem", "lead", "notice"]
TicketState = Literal["open", "closed"]
Closing = Literal["fixed", "absent", "withdrawn"]
NightState = Literal["running", "done", "failed", "interrupted"]

APPEND_ONLY = ("ticket_events", "audit_events")

Json = Any  # what JSON holds; the writers say which shape


def one_of(column: str, choices: Iterable[str]) -> CheckConstraint:
    """A misspelt state would hide a row from every list that asks for it, so the database refuses it."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(choice) for choice in choices)})", name=f"{column}_known")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: Instant(), str: Long()}


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
    """One attempt to change a resource's tables, and the versions it started from."""

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


class Ticket(Base):
    """The problems that one rule found first in one delivery, on the desk of the agency that provided it.

    Attributes:
        problems: how many were ever listed under it; ``open_problems``: how many still are.
        sample_rows: up to ten row numbers, never a value.
        opened_at: when it was raised; received_at: when it reached the provider's inbox, where the clock starts (A2).
        terms: the limit it runs under, as the pack said then: days, unit, receipt_day_counted, article.
        provisional: the due day was counted over a year whose working days are not published yet.
        package: the package that carried it to the agency; null until then.
    """

    __tablename__ = "tickets"

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    agency: Mapped[str]
    resource: Mapped[str]
    delivery_id: Mapped[str]
    rule_id: Mapped[str]
    rule_title: Mapped[str]
    dimension: Mapped[str]
    severity: Mapped[str]
    on_failure: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    problems: Mapped[int]
    open_problems: Mapped[int]
    sample_rows: Mapped[Json] = mapped_column(json_type(), default=list)
    opened_at: Mapped[datetime]
    received_at: Mapped[datetime]
    due_date: Mapped[date]
    due_at: Mapped[datetime]
    provisional: Mapped[bool]
    terms: Mapped[Json] = mapped_column(json_type())
    policy_id: Mapped[str]
    policy_version: Mapped[str]
    closed_at: Mapped[datetime | None]
    closing: Mapped[str | None]
    package: Mapped[str | None] = mapped_column(ForeignKey("packages.id"))
    version: Mapped[int] = mapped_column()  # counted by SQLAlchemy from 1

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own name
    __table_args__ = (
        one_of("kind", get_args(TicketKind)),
        one_of("state", get_args(TicketState)),
        one_of("closing", get_args(Closing)),
        UniqueConstraint("resource", "delivery_id", "rule_id"),
        Index(None, "state", "due_at"),
        Index(None, "agency", "state"),
        Index(None, "package"),
    )


class TicketNumber(Base):
    """The last number given in a year; counted in the transaction that raises the tickets, so no number is ever skipped."""

    __tablename__ = "ticket_numbers"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class TicketEvent(Base):
    """What happened to a ticket, in the past tense: opened, problems_changed, closed, reopened, packaged, deadline_recomputed."""

    __tablename__ = "ticket_events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"))
    at: Mapped[datetime]
    event: Mapped[str]
    actor: Mapped[str]
    data: Mapped[Json] = mapped_column(json_type(), default=dict)

    __table_args__ = (Index(None, "ticket_id"),)


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

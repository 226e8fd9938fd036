"""Tickets and what belongs to them: problems by reference, events, waivers, holds, suspensions, reports, messages to be sent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from districtlake.store.base import Base, Json, one_of
from districtlake.store.columns import json_type

TicketKind = Literal["problem", "lead", "notice", "overdue_update"]
TicketState = Literal["open", "closed"]
TicketStage = Literal["waiting", "handling", "extension_requested", "reviewing", "settled", "dismissed"]
TicketOrigin = Literal["validation", "feedback", "timeliness"]
Matter = Literal["error", "omission", "infringement"]
Closing = Literal["fixed", "absent", "withdrawn", "confirmed", "negotiated", "rejected", "merged", "updated"]


class Ticket(Base):
    """What an agency has to answer for: the problems one rule found first in one delivery, or what a user of the data reported.

    The row is what its events add up to (``tickets.journal``); nothing writes it without an event.

    Attributes:
        delivery_id, rule_id: of findings; a report has no delivery (""). Of an overdue update: the delivery after which none came.
        state: "open" or "closed", as ``stage`` says in detail (``tickets.machine.STAGES``).
        matter: what Article 27 calls it: 错误, 遗漏, 侵犯第三方合法权益.
        origin: what found it; ``round``: 1, and one more each time it is reopened.
        problems: how many were ever listed under it; ``open_problems``: how many still are.
        sample_rows: up to ten row numbers, never a value.
        opened_at: when it was raised; received_at: when it reached the provider's inbox, where the clock starts (A2). Null before.
        due_date, due_at: null until it was received.
        terms: the limit it runs under, as the pack said then: days, unit, receipt_day_counted, article.
        provisional: the due day was counted over a year whose working days are not published yet.
        urgent_due: the limit the Office set for an urgent one. requested_due: what an extension under review asks for.
        extended: an extension was granted; was_late: the limit had passed before it was granted (A10).
        claimed_at: when the provider said it had corrected the data; escalated_at: when it was last escalated.
        review_on: when a negotiated solution is looked at again.
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
    matter: Mapped[str] = mapped_column(default="error")
    origin: Mapped[str] = mapped_column(default="validation")
    state: Mapped[str]
    stage: Mapped[str]
    round: Mapped[int] = mapped_column(default=1)
    problems: Mapped[int]
    open_problems: Mapped[int]
    sample_rows: Mapped[Json] = mapped_column(json_type(), default=list)
    opened_at: Mapped[datetime]
    received_at: Mapped[datetime | None]
    due_date: Mapped[date | None]
    due_at: Mapped[datetime | None]
    provisional: Mapped[bool] = mapped_column(default=False)
    terms: Mapped[Json] = mapped_column(json_type(), default=dict)
    urgent: Mapped[bool] = mapped_column(default=False)
    urgent_due: Mapped[date | None]
    requested_due: Mapped[date | None]
    extended: Mapped[bool] = mapped_column(default=False)
    was_late: Mapped[bool] = mapped_column(default=False)
    claimed_at: Mapped[datetime | None]
    escalations: Mapped[int] = mapped_column(default=0)
    escalated_at: Mapped[datetime | None]
    review_on: Mapped[date | None]
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("tickets.id"))
    split_from: Mapped[str | None] = mapped_column(ForeignKey("tickets.id"))
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
        one_of("stage", get_args(TicketStage)),
        one_of("matter", get_args(Matter)),
        one_of("origin", get_args(TicketOrigin)),
        one_of("closing", get_args(Closing)),
        CheckConstraint("(state = 'closed') = (stage IN ('settled', 'dismissed'))", name="state_is_stage"),
        CheckConstraint("(due_at IS NULL) = (received_at IS NULL)", name="clock_from_receipt"),
        Index(None, "resource", "delivery_id", "rule_id"),
        Index(None, "state", "due_at"),
        Index(None, "agency", "state"),
        Index(None, "package"),
    )


class TicketProblem(Base):
    """Which ticket a problem is under, by reference: its id and what showed it first in the ticket's present round.

    ``first_delivery``: the delivery, followed by ``#<operation>`` where a changed rule found it in rows that were there.
    """

    __tablename__ = "ticket_problems"

    problem_id: Mapped[str] = mapped_column(primary_key=True)
    resource: Mapped[str]
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"))
    first_delivery: Mapped[str]

    __table_args__ = (Index(None, "resource"), Index(None, "ticket_id"))


class TicketNumber(Base):
    """The last number given in a year; counted in the transaction that raises the tickets, so no number is ever skipped."""

    __tablename__ = "ticket_numbers"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class TicketEvent(Base):
    """What happened to a ticket, in the past tense (``tickets.machine.TRANSITIONS``).

    Attributes:
        actor, role, agency: who did it, as what, of which agency.
        data: the facts of the event; its key ``set`` holds the columns of the ticket that it changed.
        policy_id, policy_version: the pack it happened under; empty in events from before it was recorded.
    """

    __tablename__ = "ticket_events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"))
    at: Mapped[datetime]
    event: Mapped[str]
    actor: Mapped[str]
    role: Mapped[str] = mapped_column(default="system", server_default="system")
    agency: Mapped[str | None]
    policy_id: Mapped[str] = mapped_column(default="", server_default="")
    policy_version: Mapped[str] = mapped_column(default="", server_default="")
    data: Mapped[Json] = mapped_column(json_type(), default=dict)

    __table_args__ = (Index(None, "ticket_id"),)


class Waiver(Base):
    """A finding that its provider confirmed to be correct, until it expires: the same value under the same key passes this rule.

    The problem's id stands for the key, and a salted digest for the value: the store keeps neither.
    """

    __tablename__ = "waivers"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    problem_id: Mapped[str]
    resource: Mapped[str]
    rule: Mapped[str]
    item: Mapped[str]
    salt: Mapped[str]
    value_digest: Mapped[str]
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"))
    explanation: Mapped[str]
    granted_at: Mapped[datetime]
    granted_by: Mapped[str]
    rule_version: Mapped[int | None]  # holds for this version of the rule; null: granted before versions were kept, holds for any
    expires_on: Mapped[date]  # the first Shanghai day on which it no longer holds
    revoked_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "resource", "expires_on"), Index(None, "problem_id"), Index(None, "ticket_id"))


class DispatchHold(Base):
    """Findings of an agency or a resource wait for the Office until it is lifted. Both null: all findings."""

    __tablename__ = "dispatch_holds"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    agency: Mapped[str | None]
    resource: Mapped[str | None]
    reason: Mapped[str]
    placed_at: Mapped[datetime]
    placed_by: Mapped[str]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]


class Suspension(Base):
    """Rows whose sharing the Office has suspended because they may infringe somebody's rights. ``key`` is the register's text key."""

    __tablename__ = "suspensions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"))
    resource: Mapped[str]
    key: Mapped[str]
    reason: Mapped[str]
    suspended_at: Mapped[datetime]
    suspended_by: Mapped[str]
    resumed_at: Mapped[datetime | None]
    resumed_by: Mapped[str | None]

    __table_args__ = (UniqueConstraint("ticket_id", "key"), Index(None, "resource", "resumed_at"))


class Report(Base):
    """What a user of the data reported (Article 27, paragraph 2; Article 28). Key and claimed value stay in this table.

    Attributes:
        request_id: the caller's own key: the same report sent again is the same report.
        reporter, agency: who reported, and of which agency; channel: "form" or "api".
        external_id: the number under which the city's platform knows it (A11).
        item: what is said to be wrong; null: the row as a whole, or one that is missing.
        claimed: what the reporter holds to be right; masked wherever it is shown.
        salt, seen_digest: of the value that the warehouse held then (null: no such row, or no such value); proves that it was changed.
        told_at: when a notice of the outcome was put into the outbox.
    """

    __tablename__ = "reports"

    id: Mapped[str] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"))
    request_id: Mapped[str]
    reporter: Mapped[str]
    agency: Mapped[str | None]
    channel: Mapped[str]
    external_id: Mapped[str | None]
    resource: Mapped[str]
    key: Mapped[str]
    item: Mapped[str | None]
    matter: Mapped[str]
    claimed: Mapped[str | None]
    text: Mapped[str]
    salt: Mapped[str]
    seen_digest: Mapped[str | None]
    reported_at: Mapped[datetime]
    told_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("matter", get_args(Matter)),
        UniqueConstraint("reporter", "request_id"),
        Index(None, "ticket_id"),
        Index(None, "resource", "key"),
        Index(None, "reporter", "reported_at"),
    )


class Notification(Base):
    """Something to be told, written with the event that causes it and sent later. Numbers and links only, never rows or values.

    Attributes:
        audience: "agency", "reporter" or "office"; recipient: the agency, the reporter, or "".
        message_id: what a receiver knows it by: sending it again repeats it under the same id.
        queued_at: when it was put into messages (``message_tables``); sent_at: when the first of these was received.
    """

    __tablename__ = "notifications"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    event: Mapped[str]
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"))
    audience: Mapped[str]
    recipient: Mapped[str]
    data: Mapped[Json] = mapped_column(json_type(), default=dict)
    message_id: Mapped[str] = mapped_column(unique=True)
    queued_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("audience", ("agency", "reporter", "office")), Index(None, "sent_at"), Index(None, "queued_at"), Index(None, "ticket_id"),
    )  # fmt: skip

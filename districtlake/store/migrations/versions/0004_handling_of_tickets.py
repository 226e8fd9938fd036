"""Tickets become the sum of their events: stages, rounds, clocks, dispositions; waivers, holds, suspensions, reports, messages.

A ticket from before gets one event, ``taken_over``, that states it whole: its earlier events do not say everything.
"""

import json
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

NEW_COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column("matter", sa.Text(), nullable=False, server_default="error"),
    sa.Column("origin", sa.Text(), nullable=False, server_default="validation"),
    sa.Column("stage", sa.Text(), nullable=False, server_default="handling"),
    sa.Column("round", sa.Integer(), nullable=False, server_default="1"),
    sa.Column("urgent", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("urgent_due", sa.Date(), nullable=True),
    sa.Column("requested_due", sa.Date(), nullable=True),
    sa.Column("extended", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("was_late", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("claimed_at", INSTANT, nullable=True),
    sa.Column("escalations", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("escalated_at", INSTANT, nullable=True),
    sa.Column("review_on", sa.Date(), nullable=True),
    sa.Column("merged_into", sa.Text(), nullable=True),
    sa.Column("split_from", sa.Text(), nullable=True),
)
STAGES = "'waiting', 'handling', 'extension_requested', 'reviewing', 'settled', 'dismissed'"
CLOSINGS = "'fixed', 'absent', 'withdrawn', 'confirmed', 'negotiated', 'rejected', 'merged', 'updated'"
MATTERS = "'error', 'omission', 'infringement'"


def upgrade() -> None:
    with op.batch_alter_table("tickets") as batch:
        for column in NEW_COLUMNS:
            batch.add_column(column)
    op.execute("UPDATE tickets SET stage = 'settled' WHERE state = 'closed'")
    op.execute("UPDATE tickets SET matter = 'omission' WHERE dimension = 'completeness'")
    with op.batch_alter_table("tickets") as batch:
        batch.drop_constraint(op.f("uq_tickets_resource_delivery_id_rule_id"), type_="unique")
        batch.drop_constraint(op.f("ck_tickets_closing_known"), type_="check")
        batch.alter_column("received_at", existing_type=INSTANT, nullable=True)
        batch.alter_column("due_date", existing_type=sa.Date(), nullable=True)
        batch.alter_column("due_at", existing_type=INSTANT, nullable=True)
        batch.create_check_constraint(op.f("ck_tickets_closing_known"), f"closing IN ({CLOSINGS})")
        batch.create_check_constraint(op.f("ck_tickets_stage_known"), f"stage IN ({STAGES})")
        batch.create_check_constraint(op.f("ck_tickets_matter_known"), f"matter IN ({MATTERS})")
        batch.create_check_constraint(op.f("ck_tickets_origin_known"), "origin IN ('validation', 'feedback', 'timeliness')")
        batch.create_check_constraint(op.f("ck_tickets_state_is_stage"), "(state = 'closed') = (stage IN ('settled', 'dismissed'))")
        batch.create_check_constraint(op.f("ck_tickets_clock_from_receipt"), "(due_at IS NULL) = (received_at IS NULL)")
        batch.create_foreign_key(op.f("fk_tickets_merged_into"), "tickets", ["merged_into"], ["id"])
        batch.create_foreign_key(op.f("fk_tickets_split_from"), "tickets", ["split_from"], ["id"])
    op.create_index(op.f("ix_tickets_resource_delivery_id_rule_id"), "tickets", ["resource", "delivery_id", "rule_id"])

    # added in place: a rebuilt table would lose its triggers, and an update would be refused
    op.add_column("ticket_events", sa.Column("role", sa.Text(), nullable=False, server_default="system"))
    op.add_column("ticket_events", sa.Column("agency", sa.Text(), nullable=True))
    op.add_column("ticket_events", sa.Column("policy_id", sa.Text(), nullable=False, server_default=""))
    op.add_column("ticket_events", sa.Column("policy_version", sa.Text(), nullable=False, server_default=""))

    op.create_table(
        "ticket_problems",
        sa.Column("problem_id", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("first_delivery", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_problems_ticket_id")),
        sa.PrimaryKeyConstraint("problem_id", name=op.f("pk_ticket_problems")),
    )
    op.create_index(op.f("ix_ticket_problems_resource"), "ticket_problems", ["resource"])
    op.create_index(op.f("ix_ticket_problems_ticket_id"), "ticket_problems", ["ticket_id"])
    op.create_table(
        "waivers",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("problem_id", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("value_digest", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_waivers_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waivers")),
    )
    op.create_index(op.f("ix_waivers_problem_id"), "waivers", ["problem_id"])
    op.create_index(op.f("ix_waivers_resource_expires_on"), "waivers", ["resource", "expires_on"])
    op.create_index(op.f("ix_waivers_ticket_id"), "waivers", ["ticket_id"])
    op.create_table(
        "dispatch_holds",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("agency", sa.Text(), nullable=True),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_at", INSTANT, nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("lifted_at", INSTANT, nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch_holds")),
    )
    op.create_table(
        "suspensions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("suspended_at", INSTANT, nullable=False),
        sa.Column("suspended_by", sa.Text(), nullable=False),
        sa.Column("resumed_at", INSTANT, nullable=True),
        sa.Column("resumed_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_suspensions_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspensions")),
        sa.UniqueConstraint("ticket_id", "key", name=op.f("uq_suspensions_ticket_id_key")),
    )
    op.create_index(op.f("ix_suspensions_resource_resumed_at"), "suspensions", ["resource", "resumed_at"])
    op.create_table(
        "reports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("claimed", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("seen_digest", sa.Text(), nullable=True),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.CheckConstraint(f"matter IN ({MATTERS})", name=op.f("ck_reports_matter_known")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_reports_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("reporter", "request_id", name=op.f("uq_reports_reporter_request_id")),
    )
    op.create_index(op.f("ix_reports_ticket_id"), "reports", ["ticket_id"])
    op.create_index(op.f("ix_reports_resource_key"), "reports", ["resource", "key"])
    op.create_index(op.f("ix_reports_reporter_reported_at"), "reports", ["reporter", "reported_at"])
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.CheckConstraint("audience IN ('agency', 'reporter', 'office')", name=op.f("ck_notifications_audience_known")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_notifications_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("message_id", name=op.f("uq_notifications_message_id")),
    )
    op.create_index(op.f("ix_notifications_sent_at"), "notifications", ["sent_at"])
    op.create_index(op.f("ix_notifications_ticket_id"), "notifications", ["ticket_id"])
    take_over()


def take_over() -> None:
    """One event for each ticket with the ticket as it stands."""
    connection = op.get_bind()
    instant = ("opened_at", "received_at", "due_at", "closed_at", "claimed_at", "escalated_at")
    tickets = sa.Table("tickets", sa.MetaData(), autoload_with=connection)
    events = sa.table(
        "ticket_events", sa.column("ticket_id"), sa.column("at", INSTANT), sa.column("event"), sa.column("actor"),
        sa.column("policy_id"), sa.column("policy_version"), sa.column("data", JSON),
    )  # fmt: skip
    now = datetime.now(UTC)
    for row in connection.execute(sa.select(tickets).order_by(tickets.c.number)).mappings().all():
        stated = {}
        for name, value in row.items():
            if name in ("id", "version"):
                continue
            if name in ("sample_rows", "terms") and isinstance(value, str):
                value = json.loads(value)
            elif name in instant and isinstance(value, datetime):
                value = (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
            elif isinstance(value, datetime | date):
                value = value.isoformat()
            elif name in ("provisional", "urgent", "extended", "was_late"):
                value = bool(value)
            stated[name] = value
        connection.execute(
            events.insert().values(
                ticket_id=row["id"], at=now if connection.dialect.name == "postgresql" else now.replace(tzinfo=None), event="taken_over",
                actor="system", policy_id=row["policy_id"], policy_version=row["policy_version"], data={"set": stated},
            )
        )  # fmt: skip

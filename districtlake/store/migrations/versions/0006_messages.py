"""Messages, webhooks, programs that report: what waits in ``notifications`` is sent, once or again under the same id."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("audience IN ('agency', 'reporter', 'office')", name=op.f("ck_webhooks_audience_known")),
        sa.CheckConstraint("algorithm IN ('hmac-sha256', 'hmac-sm3')", name=op.f("ck_webhooks_algorithm_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("audience", "recipient", "url", name=op.f("uq_webhooks_audience_recipient_url")),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("webhook", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.CheckConstraint("channel IN ('mail', 'webhook')", name=op.f("ck_messages_channel_known")),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name=op.f("ck_messages_state_known")),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"], name=op.f("fk_messages_webhook")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(op.f("ix_messages_state_next_attempt_at"), "messages", ["state", "next_attempt_at"])
    op.create_index(op.f("ix_messages_audience_recipient_day"), "messages", ["audience", "recipient", "day"])
    op.create_table(
        "message_items",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("notification_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_message_items_message_id")),
        sa.ForeignKeyConstraint(["notification_id"], ["notifications.id"], name=op.f("fk_message_items_notification_id")),
        sa.PrimaryKeyConstraint("message_id", "notification_id", name=op.f("pk_message_items")),
    )
    op.create_index(op.f("ix_message_items_notification_id"), "message_items", ["notification_id"])
    op.create_table(
        "api_clients",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_clients")),
    )
    op.add_column("notifications", sa.Column("queued_at", INSTANT, nullable=True))
    op.create_index(op.f("ix_notifications_queued_at"), "notifications", ["queued_at"])

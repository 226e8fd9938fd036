"""Overdue updates become tickets (Article 26); the last look into the inbox is kept, because absence is known only up to it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

INSTANT = sa.DateTime(timezone=True)
KINDS = "'problem', 'lead', 'notice', 'overdue_update'"


def upgrade() -> None:
    op.create_table(
        "inbox_looks",
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("inbox", name=op.f("pk_inbox_looks")),
    )
    with op.batch_alter_table("tickets") as tickets:
        tickets.drop_constraint(op.f("ck_tickets_kind_known"), type_="check")
        tickets.create_check_constraint(op.f("ck_tickets_kind_known"), f"kind IN ({KINDS})")

"""Which rules judged what: sets of rules used, the rules by which all rows of a resource were judged, the version a waiver is for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "used_rules",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("first_used_at", INSTANT, nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_used_rules")),
        sa.UniqueConstraint("resource", "fingerprint", name=op.f("uq_used_rules_resource_fingerprint")),
    )
    op.create_table(
        "judged_rules",
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("mixed", sa.Boolean(), nullable=False),
        sa.Column("judged_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("resource", name=op.f("pk_judged_rules")),
    )
    op.add_column("operations", sa.Column("rules", sa.Text(), nullable=False, server_default=""))
    op.add_column("operations", sa.Column("covers", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("waivers", sa.Column("rule_version", sa.Integer(), nullable=True))

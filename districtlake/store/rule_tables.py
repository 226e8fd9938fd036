"""Which rules judged a resource, and since when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from districtlake.store.base import Base, Json
from districtlake.store.columns import json_type


class UsedRules(Base):
    """A set of rules by which an operation judged a resource; one row for each set, kept for good: the history of every rule's versions.

    Attributes:
        rules: as ``quality.fingerprints.RuleSet.rules``.
    """

    __tablename__ = "used_rules"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    resource: Mapped[str]
    fingerprint: Mapped[str]
    first_used_at: Mapped[datetime]
    rules: Mapped[Json] = mapped_column(json_type())

    __table_args__ = (UniqueConstraint("resource", "fingerprint"),)


class JudgedRules(Base):
    """By which rules all rows that stand of a resource were judged.

    Attributes:
        fingerprint: of the set by which an operation last judged every row; empty when none is known to have done so.
        mixed: an operation after it judged some rows by other rules.
        judged_at: when every row was last judged.
    """

    __tablename__ = "judged_rules"

    resource: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    mixed: Mapped[bool]
    judged_at: Mapped[datetime]

"""What every table shares: names of constraints, types of columns, and lists of words that the database itself holds to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, MetaData
from sqlalchemy.orm import DeclarativeBase

from districtlake.store.columns import Instant, Long

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

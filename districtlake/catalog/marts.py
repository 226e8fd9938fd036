"""The shape of a mart: what a table for analysts is, said in YAML beside its SQL. Frozen; an unknown key is an error.

Which tables a mart reads is never declared: it is read from the SQL (``districtlake.marts.definition``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from districtlake.catalog.parts import Check, Frozen, Identifier, NonEmpty, SampleQuery, Sensitivity
from districtlake.settings import Engine

ColumnType = Literal["text", "integer", "number", "date", "timestamp", "boolean"]
"""Types of a column that is no data element; an amount is better an element, whose kind gives digits after the point."""

RESERVED_LIBRARIES = frozenset({"system", "main", "temp", "information_schema", "pg_catalog"})
"""Schemas that are not a library's: ``system`` holds the system tables, the others are the database's own."""


class Library(Frozen):
    """A base or subject library (基础库、主题库): a schema of its own in SQL, a group of its own in the graph."""

    id: Identifier
    name: NonEmpty
    description: str = ""
    kind: Literal["base", "subject", "supervision"] = "subject"

    @field_validator("id")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in RESERVED_LIBRARIES:
            raise ValueError(f"'{value}' is a schema of the database's own; give the library another name")
        return value


class MartColumn(Frozen):
    """One column. Either a data element gives its type and sensitivity, or ``type`` and ``sensitivity`` do."""

    name: Identifier
    title: NonEmpty
    description: str = ""
    element: Identifier | None = None
    type: ColumnType | None = None
    sensitivity: Sensitivity | None = None
    unit: str | None = None

    @model_validator(mode="after")
    def _typed_once(self) -> MartColumn:
        if (self.element is None) == (self.type is None):
            raise ValueError(f"column {self.name} needs either 'element' or 'type'; write one of the two")
        if "__" in self.name:
            raise ValueError("two underscores in a row are reserved; use one")
        return self


Mapped = Mapping[str, Identifier]
"""Column of a source -> column of the mart's incremental key."""


class Incremental(Frozen):
    """What a changed row of a source can touch.

    Attributes:
        key: columns of the mart; all rows of one value are recomputed together. Default: the mart's key.
        changes: source -> which of its columns hold that key. A row of the source may reach only mart rows of the keys it holds.
            Several mappings where a row holds several keys (the two of a marriage). A source not named here makes a full rebuild.
    """

    key: tuple[Identifier, ...] = ()
    changes: dict[str, tuple[dict[str, Identifier], ...]]

    @field_validator("changes", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {source: [given] if isinstance(given, dict) else given for source, given in value.items()}


class Mart(Frozen):
    """A table built from the warehouse by one SELECT.

    Attributes:
        sql: the SELECT (DuckDB); sources are written ``agency.resource``, ``library.mart`` or ``system.table``.
        key: unique and never null; what identifies a row when the next version is merged.
        checks: as of a resource; ``hold`` keeps the last good version.
        engine: what carries its SELECT; None: what the settings say.
    """

    library: Identifier
    name: Identifier
    title: NonEmpty
    description: NonEmpty
    owner: NonEmpty
    key: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    columns: Annotated[tuple[MartColumn, ...], Field(min_length=1)]
    checks: tuple[Check, ...] = ()
    incremental: Incremental | None = None
    queries: tuple[SampleQuery, ...] = ()
    engine: Engine | None = None
    sql: str = ""
    file: str = ""  # the YAML file, for messages
    sql_file: str = ""

    @property
    def id(self) -> str:
        return f"{self.library}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> MartColumn:
        return next(column for column in self.columns if column.name == name)

    @property
    def incremental_key(self) -> tuple[str, ...]:
        return (self.incremental.key or self.key) if self.incremental is not None else ()

    @model_validator(mode="after")
    def _coherent(self) -> Mart:
        names = list(self.column_names)
        known = f"columns are {', '.join(names)}"
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"columns named twice: {', '.join(twice)}; give each its own name")
        if unknown := [name for name in self.key if name not in names]:
            raise ValueError(f"key names {', '.join(unknown)}, which is no column; {known}")
        for check in self.checks:
            if check.on_failure == "quarantine":
                raise ValueError(f"check {check.expect} would quarantine; a mart's rows are computed: write 'report' or 'hold'")
            for column in (*check.columns, *(check.items or ())):
                if column not in names:
                    raise ValueError(f"check {check.expect} names column {column}, which is no column; {known}")
        if self.incremental is not None:
            keys = self.incremental_key
            if unknown := [name for name in keys if name not in names]:
                raise ValueError(f"incremental.key names {', '.join(unknown)}, which is no column; {known}")
            for source, mappings in self.incremental.changes.items():
                for mapping in mappings:
                    if sorted(mapping.values()) != sorted(keys):
                        raise ValueError(
                            f"incremental.changes of {source} must give every key column once ({', '.join(keys)});"
                            f" write {{<its column>: {keys[0]}}}"
                        )
        return self

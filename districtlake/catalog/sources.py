"""How a resource is delivered: files by their names and form, or a table of the agency's front-end database (前置库)."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from districtlake.catalog.parts import Frozen, Identifier, Mode, NonEmpty, compiled, normal_text


class Database(Frozen):
    """A table or query that is read instead of files. It is only read: nothing is ever marked or written in the agency's database.

    The address is no part of the catalogue: the file of addresses (``Settings.databases``) has it under ``connection``.
    """

    connection: Identifier
    table: NonEmpty | None = None  # name, or schema.name
    query: NonEmpty | None = None  # one SELECT in the database's own dialect
    watermark: NonEmpty | None = None  # a column that never falls; only rows from the last one on are read
    overlap: Annotated[float, Field(ge=0)] = (
        600  # read again before the watermark: seconds of a time, days rounded up of a date, or numbers
    )
    seconds: Annotated[int, Field(gt=0)] = 3600  # how long one reading may take

    @model_validator(mode="after")
    def _table_or_query(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("'database' needs either 'table' or 'query'; write one of the two")
        return self


class Operation(Frozen):
    """The column that says what each row of an increment does (操作标识), and the spellings of the three operations."""

    column: NonEmpty  # its header
    insert: Annotated[tuple[NonEmpty, ...], Field(min_length=1)] = ("I",)
    update: Annotated[tuple[NonEmpty, ...], Field(min_length=1)] = ("U",)
    delete: Annotated[tuple[NonEmpty, ...], Field(min_length=1)] = ("D",)

    @field_validator("insert", "update", "delete", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        many = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in many)

    @model_validator(mode="after")
    def _told_apart(self) -> Operation:
        if len(self.spellings()) < len(self.insert) + len(self.update) + len(self.delete):
            raise ValueError(
                "insert, update and delete of 'operation' share a spelling (case and width make no difference); tell them apart"
            )
        return self

    def spellings(self) -> dict[str, str]:
        """Normalised spelling -> "insert", "update" or "delete"."""
        return {normal_text(text): name for name in ("insert", "update", "delete") for text in getattr(self, name)}


class ManifestSource(Frozen):
    """The lists (对账清单) that say what an agency's files of a resource hold; side files like ``x.csv.md5`` need no declaration."""

    files: Annotated[tuple[NonEmpty, ...], Field(min_length=1)] | tuple[()] = ()  # globs, as those of ``Source.files``
    required: bool = False  # a file waits in the inbox until a manifest names it

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


class Source(Frozen):
    """How the agency delivers. Globs match the file's name (or its path below the agency's folder), case-insensitively."""

    files: tuple[NonEmpty, ...] = ()
    database: Database | None = None  # read by ``districtlake deliveries fetch`` and every night, beside files if there are any
    mode: Mode
    corrections: tuple[NonEmpty, ...] = ()  # globs of files that hold corrected rows only
    max_shrink: Annotated[float, Field(ge=0, le=1)] | None = 0.1  # snapshot: largest share of keys that may vanish; None: any
    period: str | None = None  # regex over the file name; groups year, month, day give the data's date
    sheet: str | None = None  # the sheet with the data; default: every sheet that has the header
    encoding: str | None = None  # declared only when the ladder BOM, UTF-8, GB18030 does not do
    delimiter: str | None = None  # itself, or tab, space (any number of them), none (one column)
    quote: Annotated[str, Field(pattern=r"^(.|none)$")] | None = None  # default: the double quotation mark
    escape: Annotated[str, Field(pattern=r"^(.|none)$")] | None = None  # what stands before a quote or delimiter that is a character
    comment: NonEmpty | None = None  # what lines that are no data begin with
    header_rows: Annotated[int, Field(ge=1, le=20)] = 1  # rows that make the header together, from the one that is found on
    skip: Annotated[int, Field(ge=0)] = 0  # lines (rows of a sheet) at the top that are passed over
    footer: Annotated[int, Field(ge=0)] = 0  # rows at the end that are passed over
    # JSON: where the records lie, e.g. data.rows; default: the root array, or the only array of objects among the root's members
    records: Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$")] | None = None

    manifest: ManifestSource = ManifestSource()
    operation: Operation | None = None  # mode incremental: rows say whether they insert, update or delete

    @model_validator(mode="after")
    def _comes_from_somewhere(self) -> Source:
        if not self.files and self.database is None:
            raise ValueError("'source' needs 'files' or 'database'; write where the data come from")
        if self.database is not None and self.database.watermark is not None and self.mode == "snapshot":
            raise ValueError(
                "'watermark' reads only what is new, a snapshot is the whole list; write mode: incremental or append, or delete it"
            )
        return self

    @model_validator(mode="after")
    def _operations_need_increments(self) -> Source:
        if self.operation is not None and self.mode != "incremental":
            raise ValueError(
                f"'operation' goes with mode: incremental, not {self.mode} (there the file says by itself what is gone); delete one"
            )
        return self

    @field_validator("manifest", mode="before")
    @classmethod
    def _globs_of_manifests(cls, value: object) -> object:
        return {"files": value} if isinstance(value, (str, list, tuple)) else value

    @field_validator("files")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:  # left out it would be the default, which is not asked
            raise ValueError("an empty list names no file; write a pattern, or delete 'files' where a database is the source")
        return value

    @field_validator("files", "corrections", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("max_shrink", mode="before")
    @classmethod
    def _percent(cls, value: object) -> object:
        if isinstance(value, str) and value.strip().endswith("%"):
            try:
                return float(value.strip()[:-1]) / 100
            except ValueError as error:
                raise ValueError(f"'{value}' is no percentage; write for example 10% or 0.1") from error
        return value

    @field_validator("period")
    @classmethod
    def _dates_the_data(cls, value: str | None) -> str | None:
        if compiled(value) is None:
            return None
        groups = set(re.compile(str(value)).groupindex)
        if "year" not in groups or groups - {"year", "month", "day"} or ("day" in groups and "month" not in groups):
            raise ValueError("period must name the groups (?P<year>…), (?P<year>…)(?P<month>…) or year, month and day")
        return value

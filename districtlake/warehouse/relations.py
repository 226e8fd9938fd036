"""What SQL calls a table: a name, and how it is opened when a statement names it. Nothing is read before DuckDB asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable

from districtlake.catalog.models import Resource
from districtlake.errors import NotFound
from districtlake.warehouse.tables import address

HISTORY_SUFFIX = "__history"


@dataclass(frozen=True)
class Files:
    """The Parquet files of one version of a Delta table, read by DuckDB itself: columns and predicates reach the files.

    (Registered as an Arrow dataset, a predicate over text fails in DuckDB 2.0 with pyarrow 26: string against string_view.)

    Attributes:
        paths: as they are on disk.
        empty: no rows, all columns with their types: files written before a column was added do not know it.
    """

    paths: tuple[str, ...]
    empty: pa.Table = field(repr=False)

    @property
    def names(self) -> list[str]:
        return list(self.empty.schema.names)


@dataclass(frozen=True)
class Opened:
    """A relation made ready for one connection.

    Attributes:
        parts: name -> ``Files``, or a table in memory that DuckDB scans by registration (Arrow, Polars).
        select: SQL over ``{name}`` of the parts that makes the relation; empty: the single part as it is.
    """

    parts: Mapping[str, Any]
    select: str = ""


@dataclass(frozen=True)
class Relation:
    """One table of SQL. ``open(moment)`` opens it as it stands (None) or stood; it raises ``NotFound`` where there is nothing yet."""

    schema: str
    name: str
    open: Callable[[datetime | None], Opened] = field(repr=False)
    title: str = ""
    exists: Callable[[], bool] = field(default=lambda: True, repr=False)

    @property
    def id(self) -> str:
        return f"{self.schema}.{self.name}"


Relations = Mapping[str, Relation]
"""By "schema.name"."""


def warehouse_relations(lake: Path, resources: Mapping[str, Resource]) -> dict[str, Relation]:
    """``agency.resource`` and ``agency.resource__history`` of every resource of the catalogue, delivered or not."""
    relations: dict[str, Relation] = {}
    for resource in resources.values():
        for name, title, opened in (
            (resource.name, resource.title, _current),
            (resource.name + HISTORY_SUFFIX, f"{resource.title}（全部版本）", _versions),
        ):
            relation = Relation(
                resource.agency, name, _opener(opened, lake, resource), title, _exists(lake, resource.id)
            )  # fmt: skip
            relations[relation.id] = relation
    return relations


def files_of(table: DeltaTable) -> Files:
    """What DuckDB needs to read a Delta table at the version it is open at."""
    empty = pl.DataFrame(pa.schema(table.schema().to_arrow()).empty_table()).to_arrow()
    return Files(tuple(unquote(one) for one in table.file_uris()), empty)  # deltalake percent-encodes names that are not ASCII


def _files(lake: Path, layer: str, resource: str) -> Files:
    path = str(address(lake, layer, resource))
    if not DeltaTable.is_deltatable(path):
        raise NotFound(f"{resource} was never delivered: it has no {layer} table yet.", hint="See: districtlake deliveries list.")
    return files_of(DeltaTable(path))


def _opener(
    how: Callable[[Path, Resource, datetime | None], Opened], lake: Path, resource: Resource
) -> Callable[[datetime | None], Opened]:
    return lambda moment: how(lake, resource, moment)


def _exists(lake: Path, resource: str) -> Callable[[], bool]:
    return lambda: DeltaTable.is_deltatable(str(address(lake, "warehouse", resource)))


def _current(lake: Path, resource: Resource, moment: datetime | None) -> Opened:
    current = _files(lake, "warehouse", resource.id)
    if moment is None:
        return Opened({"now": current})
    ended = _files(lake, "history", resource.id)
    names = [name for name in ended.names if name not in ("_valid_to", "_ended_by", "_ending") and name in current.names]
    columns = ", ".join(_quoted(name) for name in names)
    at = f"TIMESTAMPTZ '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
    return Opened(
        {"now": current, "ended": ended},
        f"SELECT {columns} FROM {{now}} WHERE _valid_from <= {at} "
        f"UNION ALL SELECT {columns} FROM {{ended}} WHERE _valid_from <= {at} AND _valid_to > {at}",
    )


def _versions(lake: Path, resource: Resource, moment: datetime | None) -> Opened:
    """Every version, whatever the moment: history says itself when each was valid."""
    current, ended = _files(lake, "warehouse", resource.id), _files(lake, "history", resource.id)
    names = ended.names
    now = ", ".join(_quoted(name) if name in current.names else f"NULL AS {_quoted(name)}" for name in names)
    columns = ", ".join(_quoted(name) for name in names)
    return Opened({"now": current, "ended": ended}, f"SELECT {columns} FROM {{ended}} UNION ALL SELECT {now} FROM {{now}}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""A mart's Delta table: read at a version, written whole or by the rows that differ, each commit against the version it was computed from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from districtlake.errors import ConcurrentChange, NotFound
from districtlake.warehouse.changes import OPERATION, difference
from districtlake.warehouse.commit import key_predicate, quoted
from districtlake.warehouse.tables import address, scan_delta

LAYER = "marts"
MOST_MERGED = 0.3
"""Above this share of changed rows the table is written whole: a merge would rewrite the same files at a higher price."""


@dataclass(frozen=True)
class Written:
    """What a write did: the table's version now, and the rows that differ from the version before."""

    version: int
    inserted: int
    updated: int
    deleted: int

    @property
    def changed(self) -> int:
        return self.inserted + self.updated + self.deleted


def path_of(lake: Path, mart: str) -> Path:
    return address(lake, LAYER, mart)


def version_of(lake: Path, mart: str) -> int | None:
    """The table's version; None when it was never built."""
    path = str(path_of(lake, mart))
    return DeltaTable(path).version() if DeltaTable.is_deltatable(path) else None


def version_at(lake: Path, mart: str, moment: datetime) -> int:
    """The version that had been built by a moment. Raises ``NotFound`` when there was none yet."""
    history = DeltaTable(str(path_of(lake, mart))).history()
    written = [int(entry["version"]) for entry in history if entry["timestamp"] <= moment.timestamp() * 1000 and int(entry["version"]) > 0]
    if not written:
        raise NotFound(f"{mart} had not been built by {moment:%Y-%m-%d %H:%M}.", hint="Ask for a later moment.")
    return max(written)


def scan_mart(lake: Path, mart: str, *, version: int | None = None, built_by: datetime | None = None) -> pl.LazyFrame:
    """The mart as it stands, at a version, or as it had been built at a moment.

    Raises:
        NotFound: never built, or not yet by then.
    """
    path = str(path_of(lake, mart))
    hint = "Build it: districtlake marts build."
    if not DeltaTable.is_deltatable(path):
        raise NotFound(f"{mart} was never built.", hint=hint)
    table = DeltaTable(path)
    if built_by is not None:
        version = version_at(lake, mart, built_by)
    if version is not None:
        if not 0 <= version <= table.version():
            raise NotFound(f"{mart} has no version {version}.", hint=f"Versions are 0 to {table.version()}.")
        table = DeltaTable(path, version=version)
    return scan_delta(table)


def current(lake: Path, mart: str, schema: pl.Schema) -> tuple[int | None, pl.DataFrame | None]:
    """(version, rows) of the table; rows None when there is no table or its columns are not those of ``schema``."""
    version = version_of(lake, mart)
    if version is None:
        return None, None
    scan = scan_mart(lake, mart, version=version)
    return version, scan.collect() if scan.collect_schema() == schema else None


def write(
    lake: Path,
    mart: str,
    key: tuple[str, ...],
    schema: pl.Schema,
    lines: pl.DataFrame,
    after: pl.DataFrame,
    *,
    base: int | None,
    whole: bool,
    metadata: Mapping[str, Any],
) -> Written:
    """Commit the next version; nothing is written when nothing differs.

    Args:
        lines: the differing rows with ``_op`` (I, U, D), against version ``base``.
        after: the table as it will be; what is written where ``whole`` is asked for or many rows differ.
        whole: write all rows (first build, other columns).
        metadata: kept in the commit, so that each version says what it was made from.
    """  # fmt: skip
    counts = dict(lines.group_by(OPERATION).len().iter_rows()) if lines.height else {}
    told = (counts.get("I", 0), counts.get("U", 0), counts.get("D", 0))
    if base is not None and not whole and lines.height == 0:
        return Written(base, *told)
    path = path_of(lake, mart)
    properties = CommitProperties(custom_metadata={"districtlake_build": json.dumps(metadata, ensure_ascii=False)}, max_commit_retries=0)
    try:
        if base is None:
            _create(path, mart, schema)
            base = 0
        table = DeltaTable(str(path), version=base)
        if whole or lines.height > MOST_MERGED * max(after.height, 1):
            rows = after.sort(list(key))
            write_deltalake(table, rows, mode="overwrite", schema_mode="overwrite" if whole else None, commit_properties=properties)
        else:
            _merge(table, lines, key, properties)
    except CommitFailedError as error:
        raise ConcurrentChange(
            f"The mart {mart} was changed by another writer while it was being built.", hint="Nothing was overwritten. Build it again."
        ) from error
    return Written(DeltaTable(str(path)).version(), *told)


def _create(path: Path, mart: str, schema: pl.Schema) -> None:
    DeltaTable.create(
        str(path), schema=pl.DataFrame(schema=schema).to_arrow().schema, mode="ignore", name=mart.replace(".", "_"),
        configuration={"delta.enableChangeDataFeed": "true"},
    )  # fmt: skip


def _merge(table: DeltaTable, lines: pl.DataFrame, key: tuple[str, ...], properties: CommitProperties) -> None:
    everything = {quoted(name): f"s.{quoted(name)}" for name in lines.columns if name != OPERATION}
    (
        table.merge(lines, key_predicate(lines, key), source_alias="s", target_alias="t", commit_properties=properties)
        .when_matched_update(everything, predicate=f"s.{OPERATION} = 'U'")
        .when_matched_delete(predicate=f"s.{OPERATION} = 'D'")
        .when_not_matched_insert(everything, predicate=f"s.{OPERATION} = 'I'")
        .execute()
    )


def lines_between(before: pl.DataFrame | None, after: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """The differing rows with ``_op``; all of ``after`` where there was no table."""
    if before is None:
        return after.with_columns(pl.lit("I").alias(OPERATION))
    return difference(before, after, key)

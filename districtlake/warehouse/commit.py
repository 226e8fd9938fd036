"""Writing Delta: every commit is made against the version it was computed from and says which operation made it.

An operation writes its tables in ``tables.COMMIT_ORDER``; the warehouse table is written last and is the commit point.
After a crash, tables before that point are restored to their base versions and the operation is computed anew (ADR 0004).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from deltalake import ColumnProperties, CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError

from districtlake.catalog.models import Catalog, Resource
from districtlake.errors import ConcurrentChange
from districtlake.warehouse.changes import OPERATION
from districtlake.warehouse.tables import COMMIT_ORDER, PROVENANCE, address, collected, open_table, scan_delta, scan_table, schema_of

_RANGES = ColumnProperties(statistics_enabled="CHUNK")
_WITHOUT_RANGES = ColumnProperties(statistics_enabled="NONE")


def _files(layer: str) -> WriterProperties:
    """How the Parquet files of a layer are written: a third less CPU than the writer's defaults and a third less disk.

    Columns in which nearly every value is another give up their dictionary early, and there is no index of pages, for which no reader of
    ours asks. Each file's and row group's range of values stays; in the raw layer for where a row came from only: its cells are text in
    the order of the delivery, nobody looks rows up by them, and comparing every text costs a tenth of writing. What is written stays in
    memory until its row group is full: a quarter of the default's rows, then.
    """
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        dictionary_page_size_limit=128 << 10,
        max_row_group_size=1 << 18,
        default_column_properties=_WITHOUT_RANGES if layer == "raw" else _RANGES,
        column_properties=dict.fromkeys(PROVENANCE, _RANGES) if layer == "raw" else None,
    )


def versions(lake: Path, resource: str) -> dict[str, int]:
    """The present version of each of the resource's tables."""
    return {layer: open_table(lake, layer, resource).version() for layer in COMMIT_ORDER}


def read(lake: Path, layer: str, resource: str, version: int | None = None, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """A table as a frame, at a version or as it stands."""
    scan = scan_table(lake, layer, resource, version)
    return collected(scan.select(list(columns)) if columns else scan)


def read_as_catalogued(lake: Path, layer: str, resource: Resource, catalog: Catalog, version: int | None = None) -> pl.DataFrame:
    """A table in the columns and types of the catalogue as it now is; a column that it had not at that version is null."""
    schema, frame = schema_of(layer, resource, catalog), read(lake, layer, resource.id, version)
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select(list(schema)).cast(schema)


class Commits:
    """The commits of one operation on one resource.

    Args:
        base: version of each table before the operation.
        operation: the operation's number, written into every commit's metadata.
        on_commit: called with the layer after each commit; tests kill the process there.
    """

    def __init__(self, lake: Path, resource: str, base: Mapping[str, int], operation: int, on_commit: Any = None):
        self.lake, self.resource, self.base, self.operation = lake, resource, dict(base), operation
        self._on_commit = on_commit or (lambda layer: None)

    def _table(self, layer: str) -> DeltaTable:
        return open_table(self.lake, layer, self.resource, self.base[layer])

    def _properties(self) -> CommitProperties:
        return CommitProperties(custom_metadata={"districtlake_operation": str(self.operation)}, max_commit_retries=0)

    def append(self, layer: str, frame: pl.DataFrame, replace_deliveries: Sequence[str] = (), column: str = "_delivery") -> None:
        """Append rows, first removing those of ``replace_deliveries`` (an earlier attempt) in the same commit."""
        if frame.height == 0 and not replace_deliveries:
            return
        table = self._table(layer)
        if replace_deliveries and table.count() > 0:
            kept = scan_delta(table).filter(~pl.col(column).is_in(list(replace_deliveries))).collect()
            self._write(layer, table, pl.concat([kept, _in_columns_of(kept, frame)]), "overwrite")
        elif frame.height:
            self._write(layer, table, frame, "append")

    def append_batches(self, layer: str, frames: Iterator[pl.DataFrame], schema: pl.Schema) -> None:
        """Append rows that come in parts, in one commit, without ever holding them all."""
        views = pl.CompatLevel.newest()  # texts as they lie, not copied
        arrow = pl.DataFrame(schema=schema).to_arrow(compat_level=views).schema
        batches = (batch for frame in frames for batch in frame.to_arrow(compat_level=views).to_batches())
        self._write(layer, self._table(layer), pa.RecordBatchReader.from_batches(arrow, batches), "append")

    def overwrite(self, layer: str, frame: pl.DataFrame) -> None:
        """Replace the whole table (registers of present state: problems, quarantine). Nothing is written when nothing changed."""
        table = self._table(layer)
        if frame.height == 0 and table.count() == 0:
            return
        before = scan_delta(table).collect()
        order = [name for name, dtype in frame.schema.items() if not isinstance(dtype, pl.List)]
        if before.height == frame.height and before.select(frame.columns).sort(order).equals(frame.sort(order)):
            return
        self._write(layer, table, _in_columns_of(before, frame), "overwrite")

    def _write(self, layer: str, table: DeltaTable, frame: pl.DataFrame | pa.RecordBatchReader, mode: Any) -> None:
        try:
            # handed over as a stream of Arrow batches: a table made beforehand would copy every text once more
            write_deltalake(table, frame, mode=mode, commit_properties=self._properties(), writer_properties=_files(layer))
        except CommitFailedError as error:
            raise conflict(layer, self.resource) from error
        self._on_commit(layer)

    def merge(self, source: pl.DataFrame, key: Sequence[str]) -> None:
        """Merge a change set (with ``_op``) into the warehouse table.

        The predicate carries a literal range of every key column, so that only the files that can hold those keys are read.
        """
        layer = "warehouse"
        if source.height == 0:
            return
        columns = [name for name in source.columns if name != OPERATION]
        if source[OPERATION].eq("I").all():
            self._write(layer, self._table(layer), source.drop(OPERATION).sort(list(key)), "append")
            return
        everything = {quoted(name): f"s.{quoted(name)}" for name in columns}
        try:
            (
                self._table(layer)
                .merge(
                    source,
                    key_predicate(source, key),
                    source_alias="s",
                    target_alias="t",
                    commit_properties=self._properties(),
                    writer_properties=_files(layer),
                )
                .when_matched_update(everything, predicate=f"s.{OPERATION} = 'U'")
                .when_matched_update({quoted("_stale"): f"s.{quoted('_stale')}"}, predicate=f"s.{OPERATION} = 'S'")
                .when_matched_delete(predicate=f"s.{OPERATION} = 'D'")
                .when_not_matched_insert(everything, predicate=f"s.{OPERATION} = 'I'")
                .execute()
            )
        except CommitFailedError as error:
            raise conflict(layer, self.resource) from error
        self._on_commit(layer)


def _in_columns_of(table: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as the table has them. An item that the catalogue no longer has stays a column of the table, empty in new rows."""
    gone = [pl.lit(None).alias(name) for name in table.columns if name not in rows.columns]
    return rows.with_columns(gone).select(table.columns).cast(pl.Schema(table.schema))


def recover(lake: Path, resource: str, base: Mapping[str, int], operation: int) -> bool:
    """Finish or undo an operation that a crash cut off.

    Returns:
        True when its commit point had been reached (all tables are written); otherwise every table before it is back at its base
        version. The warehouse is left alone: a commit there that is not the operation's is another writer's, and stays.
    """
    warehouse = DeltaTable(str(address(lake, "warehouse", resource)))
    if warehouse.version() > base["warehouse"]:
        recent = warehouse.history(warehouse.version() - base["warehouse"])
        if any(_made_by(entry, operation) for entry in recent):
            return True
    for layer in COMMIT_ORDER:
        if layer == "warehouse":
            continue
        table = DeltaTable(str(address(lake, layer, resource)))
        if table.version() > base[layer]:
            table.restore(base[layer])
    return False


def conflict(layer: str, resource: str) -> ConcurrentChange:
    """What a writer is told that came second."""
    return ConcurrentChange(
        f"The {layer} table of {resource} was changed by another writer while this delivery was being processed.",
        hint="Nothing was overwritten. Run the nightly job again: the delivery is computed anew from the table as it stands.",
    )


def spark_metadata(operation: int) -> str:
    """How a commit of Spark names its operation: Spark has one text for all that a writer wants to say."""
    return f"districtlake_operation={operation}"


def _made_by(entry: Mapping[str, Any], operation: int) -> bool:
    return entry.get("districtlake_operation") == str(operation) or entry.get("userMetadata") == spark_metadata(operation)


def quoted(name: str) -> str:
    """A column's name as SQL takes it."""
    return f'"{name}"'


def key_predicate(source: pl.DataFrame, key: Sequence[str]) -> str:
    """The predicate of a merge of ``source`` (alias s) into a table (alias t): equal keys, within a literal range of each key column."""
    parts = [f"t.{quoted(name)} = s.{quoted(name)}" for name in key]
    for name in key:
        low, high = source[name].min(), source[name].max()
        parts += [f"t.{quoted(name)} >= {_literal(low)}", f"t.{quoted(name)} <= {_literal(high)}"]
    return " AND ".join(parts)


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat()}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    raise TypeError(f"no literal for a key of type {type(value).__name__}")

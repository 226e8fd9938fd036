"""The inputs of a build, pinned: a resource or mart at a Delta version, a system table as it stood when it was first asked for.

A resource that was never delivered is an empty relation of its catalogue's columns, so that a mart can be built before all agencies deliver.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from districtlake.catalog.models import Catalog
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError
from districtlake.marts.definition import source_schema
from districtlake.marts.statements import Statement
from districtlake.marts.system import SYSTEM_TABLES, digest
from districtlake.settings import Settings
from districtlake.warehouse.relations import Files, files_of
from districtlake.warehouse.statement import SYSTEM, duck_words, schema_in_duckdb
from districtlake.warehouse.tables import address

ABSENT = "absent"
"""The version of a source that has no table yet."""

AFFECTED = "affected_keys_"
"""The table of key values that an incremental build computes again."""
BATCH_ROWS = 100_000
RESULT_SHARE = 4
"""A mart's rows may take so many times ``sql_memory_mb``: they are held whole to be compared with those before."""


class MartError(DistrictLakeError):
    """A mart cannot be built; names the mart and what is wrong with its SQL or its rows."""

    code = "mart.failed"


def layer_of(source: str, catalog: Catalog) -> str:
    return "marts" if source in catalog.marts else "warehouse"


class Inputs:
    """The sources of one run. Every mart of the run sees the same version of each; a mart just built counts from then on."""

    def __init__(self, district: District):
        self.district = district
        self._versions: dict[str, str] = {}
        self._frames: dict[str, pl.DataFrame] = {}
        self._tables: dict[str, DeltaTable] = {}

    def version(self, source: str) -> str:
        """A Delta version as text, ``ABSENT``, or the digest of a system table's rows."""
        if source not in self._versions:
            self._versions[source] = self._pin(source)
        return self._versions[source]

    def forget(self, source: str) -> None:
        """A mart was built: its next reader sees the new version."""
        self._versions.pop(source, None)
        self._tables.pop(source, None)

    def versions(self, sources: Sequence[str]) -> dict[str, str]:
        return {source: self.version(source) for source in sources}

    def known(self, sources: Sequence[str]) -> dict[str, str]:
        """The versions pinned so far."""
        return {source: self._versions[source] for source in sources if source in self._versions}

    def _pin(self, source: str) -> str:
        if source.startswith(f"{SYSTEM}."):
            frame = SYSTEM_TABLES[source.partition(".")[2]].frame(self.district)
            self._frames[source] = frame
            return digest(frame)
        if not DeltaTable.is_deltatable(str(self.path(source))):
            return ABSENT
        return str(self.table(source).version())

    def table(self, source: str) -> DeltaTable:
        """The Delta table at its pinned version, opened once. Raises ``MartError``: one source's damaged table stops what reads it, no other."""
        try:
            if source not in self._tables:
                self._tables[source] = DeltaTable(str(self.path(source)))
            return self._tables[source]
        except (DeltaError, OSError) as error:
            raise MartError(
                f"The table of {source} does not open ({type(error).__name__}).", hint="从备份恢复该表，或检查磁盘与权限。"
            ) from error

    def path(self, source: str) -> Path:
        return address(self.district.lake, layer_of(source, self.district.catalog), source)

    def relation(self, source: str) -> Any:
        """The Parquet files of its version (columns and filters reach them), or a table in memory."""
        version = self.version(source)
        if source in self._frames:
            return self._frames[source].to_arrow()
        if version == ABSENT:
            return pl.DataFrame(schema=self.schema(source)).to_arrow()
        return files_of(self.table(source))

    def schema(self, source: str) -> pl.Schema:
        schema = source_schema(source, self.district.catalog)
        if schema is None:
            raise MartError(f"There is no table {source}.", hint="Tables are agency.resource, library.mart and system.table.")
        return schema


@contextmanager
def duck(settings: Settings | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own: bounded memory that spills into the state folder, Shanghai days, nothing outside reachable once ``lock`` is called."""
    config: dict[str, Any] = {"threads": 2, "preserve_insertion_order": False}
    if settings is not None:
        spill = settings.state / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        config |= {"memory_limit": f"{settings.sql_memory_mb}MB", "temp_directory": str(spill)}
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        yield connection
    finally:
        connection.close()


def lock(connection: duckdb.DuckDBPyConnection, readable: Sequence[str] = ()) -> None:
    """From now on no file but the ``readable`` ones, no network and no setting can be reached by any statement."""
    connection.execute(f"SET allowed_paths = {_list(readable)}")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")


def add_relation(
    connection: duckdb.DuckDBPyConnection, source: str, relation: Any, schema: pl.Schema, mappings: Sequence[Mapping[str, str]] = ()
) -> tuple[str, ...]:
    """Make ``relation`` readable as ``source`` with exactly the catalogue's columns; one that the table has not got yet is null.

    ``mappings`` (source column -> key column) restrict it to rows that hold one of the affected keys. Returns the files it reads.
    """
    agency, _, name = source.partition(".")
    agency = schema_in_duckdb(agency)
    handle = f"in__{agency}__{name}"
    connection.register("__empty", pl.DataFrame(schema=schema).to_arrow())
    connection.execute(f'CREATE TEMP TABLE "{handle}__empty" AS FROM "__empty"')
    connection.unregister("__empty")
    if isinstance(relation, Files):
        paths, known = relation.paths, set(relation.names)
        rows = f"read_parquet({_list(paths)}, union_by_name = true)" if paths else ""
    else:
        paths, known = (), set(relation.schema.names)
        connection.register(handle, relation)
        rows = f'"{handle}"'
    columns = quoted(column for column in schema if column in known)
    where = " OR ".join(f"({quoted(mapping)}) IN (SELECT {quoted(mapping.values())} FROM {AFFECTED})" for mapping in mappings)
    condition = f" WHERE {where}" if where else ""
    selected = f" UNION ALL BY NAME SELECT {columns} FROM {rows}{condition}" if rows and columns else ""
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{agency}"')
    connection.execute(f'CREATE VIEW "{agency}"."{name}" AS FROM "{handle}__empty"{selected}')
    return paths


def _list(paths: Sequence[str]) -> str:
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"


def quoted(names: Iterable[str]) -> str:
    """Column names as SQL, separated by commas."""
    return ", ".join(f'"{name}"' for name in names)


def given_schema(statement: Statement, catalog: Catalog) -> pl.Schema:
    """The columns and types that the statement gives over the catalogue's tables. Raises duckdb.Error with the line and place."""
    with duck() as connection:
        for source in statement.sources:
            schema = source_schema(source, catalog)
            if schema is not None:
                add_relation(connection, source, pl.DataFrame(schema=schema).to_arrow(), schema)
        lock(connection)
        connection.execute(statement.runnable)  # unlike ``sql``, its errors name the line
        return pl.DataFrame(connection.sql(statement.runnable).to_arrow_table()).schema


def rows_within_limits(
    connection: duckdb.DuckDBPyConnection, sql: str, settings: Settings,
    remedy: str = "Correct the mart's SQL; districtlake catalog check shows the line.",
) -> pl.DataFrame:  # fmt: skip
    """The rows; DuckDB's own limit does not count what it hands over, and a join without a condition would take the night with it.

    ``remedy``: what to do when DuckDB refuses the statement.

    Raises:
        MartError: DuckDB refuses the statement, or it takes too much memory or time.
    """
    most, read, batches = RESULT_SHARE * settings.sql_memory_mb * 2**20, 0, list[pa.RecordBatch]()
    timer = threading.Timer(settings.mart_seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        reader = connection.sql(sql).to_arrow_reader(BATCH_ROWS)
        for batch in reader:
            batches.append(batch)
            read += batch.nbytes
            if read > most:
                raise MartError(
                    f"The SELECT gives more than {most // 2**20:,} MB of rows.",
                    hint="A join without its condition? Else raise DISTRICTLAKE_SQL_MEMORY_MB.",
                )
        return pl.DataFrame(pa.Table.from_batches(batches, reader.schema))
    except (duckdb.Error, pa.ArrowException, RuntimeError, OSError) as error:
        if "nterrupt" in str(error):
            raise MartError(
                f"The SELECT was stopped after {settings.mart_seconds:g} seconds.", hint="Narrow it, or raise DISTRICTLAKE_MART_SECONDS."
            ) from None
        raise MartError(f"DuckDB: {duck_words(error).rstrip('.')}.", hint=remedy) from None
    finally:
        timer.cancel()

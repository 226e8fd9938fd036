"""SQL over the warehouse with DuckDB: ``agency.resource`` is the table as it stands (or as of a moment),
``agency.resource__history`` every version. Read only, and nothing outside the lake can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from deltalake import DeltaTable

from districtlake.catalog.models import Resource
from districtlake.errors import DistrictLakeError
from districtlake.warehouse.history import as_of as frame_as_of
from districtlake.warehouse.history import versions
from districtlake.warehouse.tables import address

HISTORY_SUFFIX = "__history"


class QueryError(DistrictLakeError):
    """The statement is wrong, or not allowed."""

    code = "sql.invalid"


def query(lake: Path, resources: Mapping[str, Resource], statement: str, *, as_of: datetime | None = None) -> pl.DataFrame:
    """Run one SELECT and return its rows.

    Only the tables whose name occurs in the statement are opened. Dotted table names need no quotes.

    Raises:
        QueryError: not a single SELECT, or DuckDB refuses it; carries DuckDB's message.
    """
    connection = duckdb.connect(":memory:", config={"threads": 2})
    try:
        kept = _register(connection, lake, resources, statement, as_of)
        connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        try:
            parsed = connection.extract_statements(statement)
            if len(parsed) != 1 or parsed[0].type != duckdb.StatementType.SELECT:
                raise QueryError("Only one SELECT statement can be run.", hint='Write: districtlake sql "select … from agency.resource".')
            result = pl.DataFrame(connection.sql(statement).to_arrow_table())
        except duckdb.Error as error:
            known = ", ".join(sorted(name for name in resources if _exists(lake, name))) or "none yet"
            raise QueryError(f"DuckDB: {str(error).splitlines()[0]}", hint=f"Tables are: {known}.") from None
        del kept
        return result
    finally:
        connection.close()


def _exists(lake: Path, resource: str) -> bool:
    return DeltaTable.is_deltatable(str(address(lake, "warehouse", resource)))


def _register(
    connection: duckdb.DuckDBPyConnection, lake: Path, resources: Mapping[str, Resource], statement: str, as_of: datetime | None
) -> list[Any]:
    """Views over Arrow datasets, so that the connection itself needs no access to any file. Returns what must stay alive."""
    kept: list[Any] = []
    lowered = statement.lower()
    for name, resource in resources.items():
        if resource.name not in lowered or not _exists(lake, name):
            continue
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{resource.agency}"')
        if as_of is None:
            current: Any = DeltaTable(str(address(lake, "warehouse", name))).to_pyarrow_dataset()
        else:
            current = frame_as_of(lake, resource, as_of).collect().to_arrow()
        tables = {resource.name: current}
        if f"{resource.name}{HISTORY_SUFFIX}" in lowered:
            tables[f"{resource.name}{HISTORY_SUFFIX}"] = versions(lake, resource).collect().to_arrow()
        for table, source in tables.items():
            handle = f"__{resource.agency}__{table}"
            connection.register(handle, source)
            connection.execute(f'CREATE VIEW "{resource.agency}"."{table}" AS SELECT * FROM "{handle}"')
            kept.append(source)
    return kept

"""What carries the SQL of marts and comparisons: DuckDB in this process, or Spark. One protocol, the same statements, equal rows.

A statement is always DuckDB's text. ``carrier`` opens one for a job; tests hold the two equal row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import duckdb
import polars as pl

from districtlake.marts.sources import AFFECTED, Inputs, add_relation, duck, lock, quoted, rows_within_limits
from districtlake.marts.statements import Statement
from districtlake.settings import Engine

Mappings = Sequence[Mapping[str, str]]
REMEDY = "Correct the mart's SQL; districtlake catalog check shows the line."


class Carrier(Protocol):
    """Computes statements over pinned inputs. Every method raises ``MartError`` (or another ``DistrictLakeError``) that quotes no value."""

    def define(self, macros: str) -> None:
        """Scalar functions over texts, as DuckDB's ``CREATE MACRO``; before ``seal``."""

    def frame(self, name: str, rows: pl.DataFrame) -> None:
        """Rows at hand, as a table of this name."""

    def source(self, source: str, restricted: Mappings = ()) -> None:
        """``schema.table`` as its inputs are pinned; ``restricted`` (source column -> key column) to rows with a key in ``AFFECTED``."""

    def seal(self) -> None:
        """From now on nothing but these tables can be reached."""

    def keep(self, name: str, sql: str, remedy: str = REMEDY) -> int:
        """Compute once and keep as a table of this name; returns its rows."""

    def rows(self, sql: str, remedy: str = REMEDY) -> pl.DataFrame:
        """The rows of a statement; ``remedy`` says what to do when it is refused."""


@contextmanager
def carrier(inputs: Inputs, engine: Engine) -> Iterator[Carrier]:
    """A carrier for one job.

    Raises:
        SparkMissing, SparkUnreachable: the engine is Spark, and it is not here.
    """
    if engine == "spark":
        from districtlake.marts.on_spark import OnSpark

        with OnSpark.opened(inputs) as on_spark:
            yield on_spark
    else:
        with duck(inputs.district.settings) as connection:
            yield Embedded(connection, inputs)


class Embedded:
    """DuckDB in this process."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, inputs: Inputs):
        self._connection, self._inputs = connection, inputs
        self._readable: list[str] = []

    def define(self, macros: str) -> None:
        self._connection.execute(macros)

    def frame(self, name: str, rows: pl.DataFrame) -> None:
        self._connection.register(name, rows.to_arrow())

    def source(self, source: str, restricted: Mappings = ()) -> None:
        relation, schema = self._inputs.relation(source), self._inputs.schema(source)
        self._readable += add_relation(self._connection, source, relation, schema, restricted)

    def seal(self) -> None:
        lock(self._connection, self._readable)

    def keep(self, name: str, sql: str, remedy: str = REMEDY) -> int:
        rows = self.rows(sql, remedy)
        self._connection.register("__kept", rows.to_arrow())
        self._connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS FROM "__kept"')
        self._connection.unregister("__kept")
        return rows.height

    def rows(self, sql: str, remedy: str = REMEDY) -> pl.DataFrame:
        return rows_within_limits(self._connection, sql, self._inputs.district.settings, remedy)


def select(
    statement: Statement,
    inputs: Inputs,
    columns: Sequence[str],
    *,
    engine: Engine = "embedded",
    affected: pl.DataFrame | None = None,
    mappings: Mapping[str, Mappings] | None = None,
) -> pl.DataFrame:
    """Run the statement over the pinned inputs; ``columns`` in this order.

    ``affected`` (unique key values) restricts the sources named in ``mappings``, and then the result.

    Raises:
        MartError, QueryRefused: the engine refuses the statement, or it takes too much memory or time.
    """
    with carrier(inputs, engine) as carried:
        if affected is not None:
            carried.frame(AFFECTED, affected)
        for source in statement.sources:
            carried.source(source, (mappings or {}).get(source, ()) if affected is not None else ())
        carried.seal()
        sql = f"SELECT {quoted(columns)} FROM (\n{statement.runnable.rstrip().rstrip(';')}\n) AS built"
        if affected is not None:
            keys = quoted(affected.columns)
            sql += f" WHERE ({keys}) IN (SELECT {keys} FROM {AFFECTED})"
        return carried.rows(sql)

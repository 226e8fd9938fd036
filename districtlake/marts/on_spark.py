"""The statements of marts and comparisons carried by Spark: translated, over Delta tables at their pinned versions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
import sqlglot
from sqlglot import exp

from districtlake.marts.carriers import REMEDY, Mappings
from districtlake.marts.sources import ABSENT, AFFECTED, RESULT_SHARE, Inputs, MartError, quoted
from districtlake.marts.translation import NotPortable, function_in_spark, in_spark, view_of
from districtlake.spark.queries import Queries, spark_type
from districtlake.warehouse.statement import SYSTEM, schema_in_duckdb


class OnSpark:
    """A ``Carrier``: one session of its own within the process's Spark application."""

    def __init__(self, queries: Queries, inputs: Inputs):
        self._queries, self._inputs = queries, inputs

    @classmethod
    @contextmanager
    def opened(cls, inputs: Inputs) -> Iterator[OnSpark]:
        from districtlake.spark.session import spark_session

        settings = inputs.district.settings
        queries = Queries(spark_session(settings), settings.mart_seconds, RESULT_SHARE * settings.sql_memory_mb * 2**20)
        try:
            yield cls(queries, inputs)
        finally:
            queries.close()

    def define(self, macros: str) -> None:
        for macro in sqlglot.parse(macros, dialect="duckdb"):
            if isinstance(macro, exp.Create):
                self._queries.function(function_in_spark(macro))

    def frame(self, name: str, rows: pl.DataFrame) -> None:
        self._queries.frame(name, rows.to_arrow(compat_level=pl.CompatLevel.oldest()))

    def source(self, source: str, restricted: Mappings = ()) -> None:
        schema, version = self._inputs.schema(source), self._inputs.version(source)
        agency, _, table = source.partition(".")
        view = view_of(f"{schema_in_duckdb(agency)}.{table}")  # as statements are made runnable
        whole = f"{view}__all" if restricted else view
        if source.startswith(f"{SYSTEM}."):
            self.frame(whole, pl.DataFrame(self._inputs.relation(source)).cast(schema))
        elif version == ABSENT:
            self.frame(whole, pl.DataFrame(schema=schema))
        else:
            columns = {name: spark_type(dtype) for name, dtype in schema.items()}
            self._queries.delta(whole, self._inputs.path(source), int(version), columns)
        if restricted:
            where = " OR ".join(
                f"({quoted(mapping)}) IN (SELECT {quoted(mapping.values())} FROM {AFFECTED})" for mapping in restricted
            )  # fmt: skip
            self._queries.view(view, in_spark(f"SELECT * FROM {whole} WHERE {where}"))

    def seal(self) -> None:
        """Nothing to do: a translated statement names only views of this session, and no function that reaches out (``marts.translation``)."""

    def keep(self, name: str, sql: str, remedy: str = REMEDY) -> int:
        return self._queries.keep(name, self._translated(sql, remedy))

    def rows(self, sql: str, remedy: str = REMEDY) -> pl.DataFrame:
        return self._queries.rows(self._translated(sql, remedy))

    def _translated(self, sql: str, remedy: str) -> str:
        try:
            return in_spark(sql)
        except NotPortable as error:
            raise MartError(f"Spark cannot carry it: {error.message}", hint=f"{error.hint} {remedy}") from None

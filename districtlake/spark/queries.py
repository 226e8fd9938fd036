"""SELECT statements on Spark over tables pinned at a version: temporary views of one session of its own, rows back as Arrow.

What the SQL says is the caller's; here is how Spark is asked, how long it may take, and that its errors quote no cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from districtlake.errors import DistrictLakeError
from districtlake.spark.failures import spark_failures
from districtlake.spark.paths import delta_at
from districtlake.spark.time_limit import TimeIsUp, within

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DAYS = "Asia/Shanghai"
"""The zone in which a moment becomes a day, as in the embedded engine."""


class QueryRefused(DistrictLakeError):
    """Spark refuses a statement or fails while it runs (``spark.query``), takes too long (``spark.time``) or gives too much (``spark.rows``).

    Tells Spark's condition, never a value.
    """

    code = "spark.query"


class Queries:
    """Views, functions and statements of one job: nothing of it is seen by another. ``close`` frees what it kept."""

    def __init__(self, session: SparkSession, seconds: float, rows_bytes: int):
        """``seconds``: how long one statement may run. ``rows_bytes``: how large its rows may be in the driver."""
        with spark_failures():
            self._session: Any = session.newSession()
            self._session.conf.set("spark.sql.session.timeZone", DAYS)
        self._seconds, self._bytes = seconds, rows_bytes
        self._kept: dict[str, DataFrame] = {}

    def close(self) -> None:
        for frame in self._kept.values():
            with suppress(Exception):  # a session that has ended keeps nothing
                frame.unpersist()
        self._kept.clear()

    def function(self, definition: str) -> None:
        """Define a temporary function (``CREATE TEMPORARY FUNCTION …``)."""
        self._asked(lambda: self._session.sql(definition).collect())

    def delta(self, name: str, path: Path, version: int, columns: Mapping[str, str]) -> None:
        """A view of a Delta table at a version with exactly these columns (name -> Spark type); one that the table has not got is null."""
        from pyspark.sql import functions as f

        def made() -> None:
            table = delta_at(self._session, path, version)
            there = set(table.columns)
            table.select([f.col(f"`{one}`") if one in there else f.lit(None).cast(kind).alias(one) for one, kind in columns.items()]) \
                .createOrReplaceTempView(name)  # fmt: skip

        self._asked(made)

    def frame(self, name: str, table: pa.Table) -> None:
        """A view of rows that the driver holds."""
        self._asked(lambda: self._session.createDataFrame(table).createOrReplaceTempView(name))

    def view(self, name: str, sql: str) -> None:
        """A view of a statement, computed when it is asked."""
        self._asked(lambda: self._session.sql(sql).createOrReplaceTempView(name))

    def keep(self, name: str, sql: str) -> int:
        """Compute a statement once and keep its rows on the executors as a view; returns how many there are."""

        def computed() -> int:
            frame = self._session.sql(sql).persist()
            try:
                rows = int(frame.count())
            except BaseException:
                frame.unpersist()
                raise
            if (old := self._kept.pop(name, None)) is not None:
                old.unpersist()
            self._kept[name] = frame
            frame.createOrReplaceTempView(name)
            return rows

        return self._asked(computed)

    def rows(self, sql: str) -> pl.DataFrame:
        """The rows of a statement, in the driver's memory.

        Raises:
            QueryRefused: refused, failed, stopped after ``seconds``, or larger than ``rows_bytes``.
            SparkUnreachable, SparkFailed: as ``failures.spark_failures``; so does every method here.
        """
        table: pa.Table = self._asked(lambda: self._session.sql(sql).toArrow())
        if table.nbytes > self._bytes:
            raise QueryRefused.of("spark.rows", code="spark.rows", mb=self._bytes // 2**20)
        return pl.DataFrame(table)

    def types_of(self, sql: str) -> dict[str, str]:
        """Columns and Spark types a statement would give; nothing is computed."""
        return self._asked(lambda: {field.name: field.dataType.simpleString() for field in self._session.sql(sql).schema.fields})

    def _asked(self, work: Callable[[], Any]) -> Any:
        try:
            with spark_failures(lambda condition: QueryRefused.of("spark.query", condition=condition)):
                return within(self._session, self._seconds, work)
        except TimeIsUp:
            raise QueryRefused.of("spark.time", code="spark.time", seconds=f"{self._seconds:g}") from None


_TYPES: Sequence[tuple[Any, str]] = (
    (pl.String, "string"), (pl.Boolean, "boolean"), (pl.Date, "date"), (pl.Int8, "tinyint"), (pl.Int16, "smallint"), (pl.Int32, "int"),
    (pl.Int64, "bigint"), (pl.Float32, "float"), (pl.Float64, "double"), (pl.Binary, "binary"),
)  # fmt: skip


def spark_type(dtype: pl.DataType) -> str:
    """The Spark type that stores a column of this Polars type.

    Raises:
        TypeError: a type that no table of the lake holds.
    """
    for ours, theirs in _TYPES:
        if dtype == ours:
            return theirs
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "timestamp" if dtype.time_zone else "timestamp_ntz"
    if isinstance(dtype, pl.List):
        return f"array<{spark_type(dtype.inner)}>"  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return f"struct<{', '.join(f'`{one.name}`: {spark_type(one.dtype)}' for one in dtype.fields)}>"  # type: ignore[arg-type]
    raise TypeError(f"{dtype} has no type in Spark")

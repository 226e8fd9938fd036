"""Commits of rows that lie with Spark, by delta-spark, under the rules of ADR 4: each from the version it was computed from, the warehouse last.

delta-spark cannot be told to begin at a version: the table must stand at its base version before, and one further after. Each commit carries the
operation as ``userMetadata``, where deltalake writes it as a key of its own; ``warehouse.commit.recover`` reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from districtlake.distributed.arrow import fetched
from districtlake.distributed.set_work import OnSpark, quoted
from districtlake.spark.failures import condition_of, of_spark
from districtlake.spark.paths import spark_path
from districtlake.warehouse.changes import OPERATION
from districtlake.warehouse.commit import Commits, conflict, spark_metadata
from districtlake.warehouse.tables import address, open_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BY_SPARK_ROWS = 200_000
"""Fewer rows come to the driver and are deltalake's: a commit of Spark costs one to three seconds whatever it holds. So is the MERGE of so few
into a table that has so few."""
_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
_ATTEMPTS = "spark.databricks.delta.maxCommitAttempts"


class SparkCommits(Commits):
    """``Commits`` that takes ``OnSpark`` in the place of a frame."""

    def __init__(
        self, session: SparkSession, lake: Path, resource: str, base: Mapping[str, int], operation: int, on_commit: Callable[[str], None]
    ):
        super().__init__(lake, resource, base, operation, on_commit)
        self._session = session

    def append(self, layer: str, frame: Any, replace_deliveries: Sequence[str] = (), column: str = "_delivery") -> None:
        if not isinstance(frame, OnSpark):
            super().append(layer, frame, replace_deliveries, column)
            return
        # deltalake's way to replace rows holds the whole table
        standing = int(self._table(layer).count()) if replace_deliveries else 0
        if frame.height == 0 and standing == 0:
            return
        if frame.height + standing < BY_SPARK_ROWS:
            super().append(layer, self._brought(frame, layer), replace_deliveries, column)
        elif standing:
            self._replace(layer, frame, f"{quoted(column)} in ({', '.join(map(_literal, replace_deliveries))})")
        else:
            self._append(layer, frame.frame)

    def merge(self, source: Any, key: Sequence[str]) -> None:
        if not isinstance(source, OnSpark):
            super().merge(source, key)
            return
        if source.height == 0:
            return
        standing = int(open_table(self.lake, "warehouse", self.resource, self.base["warehouse"]).count())
        if source.height < BY_SPARK_ROWS and standing < BY_SPARK_ROWS:
            super().merge(self._brought(source, "warehouse"), key)
            return
        from pyspark.sql import functions as F

        lines = source.frame
        bounds = lines.agg(
            F.collect_set(OPERATION).alias("kinds"),
            *[one for n, name in enumerate(key) for one in (F.min(quoted(name)).alias(f"low_{n}"), F.max(quoted(name)).alias(f"high_{n}"))],
        ).first()
        assert bounds is not None
        if bounds["kinds"] == ["I"]:
            # the files of the table hold ranges of keys, so that the next MERGE reads few of them
            files = max(1, source.height // 1_000_000)
            inserted = lines.drop(OPERATION).repartitionByRange(files, *(quoted(name) for name in key))
            self._append("warehouse", inserted.sortWithinPartitions(*(quoted(name) for name in key)))
            return
        match = F.lit(True)
        for number, name in enumerate(key):
            stands, comes = F.col(f"t.{quoted(name)}"), F.col(f"s.{quoted(name)}")
            match = match & (stands == comes) & stands.between(F.lit(bounds[f"low_{number}"]), F.lit(bounds[f"high_{number}"]))
        self._merge(lines, match)

    def _merge(self, lines: DataFrame, match: Any) -> None:
        from delta.tables import DeltaTable
        from pyspark.sql import functions as F

        everything: Any = {quoted(name): F.col(f"s.{quoted(name)}") for name in lines.columns if name != OPERATION}
        operation = F.col(f"s.{OPERATION}")
        with self._committed("warehouse") as path:
            (
                DeltaTable.forPath(self._session, path).alias("t")
                .merge(lines.alias("s"), match)
                .whenMatchedUpdate(operation == "U", everything)
                .whenMatchedUpdate(operation == "S", {"`_stale`": F.col("s.`_stale`")})
                .whenMatchedDelete(operation == "D")
                .whenNotMatchedInsert(operation == "I", everything)
                .execute()
            )  # fmt: skip

    def _append(self, layer: str, rows: DataFrame) -> None:
        with self._committed(layer) as path:
            rows.write.format("delta").mode("append").save(path)

    def _replace(self, layer: str, rows: OnSpark, which: str) -> None:
        """Rows in the place of those that ``which`` is true of, which must be true of the new ones, too: one commit."""
        with self._committed(layer, perhaps=rows.height == 0) as path:
            rows.frame.write.format("delta").mode("overwrite").option("replaceWhere", which).save(path)

    def _brought(self, rows: OnSpark, layer: str) -> pl.DataFrame:
        """Few rows as a frame, with the types of the table."""
        from districtlake.warehouse.tables import scan_delta

        frame = fetched(rows.frame)
        types = scan_delta(open_table(self.lake, layer, self.resource, self.base[layer])).collect_schema()
        return frame.cast({name: types[name] for name in frame.columns if name in types})

    @contextmanager
    def _committed(self, layer: str, *, perhaps: bool = False) -> Iterator[str]:
        """The block makes one commit; ``perhaps``: or none, where Delta finds nothing to do."""
        if self._newest(layer) != self.base[layer]:
            raise conflict(layer, self.resource)
        settings = self._session.conf
        settings.set(_METADATA, spark_metadata(self.operation))
        settings.set(_ATTEMPTS, "1")
        try:
            yield spark_path(address(self.lake, layer, self.resource))
        except Exception as error:
            if of_spark(error) and "concurrent" in f"{type(error).__name__} {condition_of(error)}".lower():
                raise conflict(layer, self.resource) from None
            raise
        finally:
            with suppress(Exception):  # the session may have ended: that is told already
                settings.unset(_METADATA)
                settings.unset(_ATTEMPTS)
        newest = self._newest(layer)
        if perhaps and newest == self.base[layer]:
            return
        if newest != self.base[layer] + 1:
            raise conflict(layer, self.resource)
        self._on_commit(layer)

    def _newest(self, layer: str) -> int:
        return int(open_table(self.lake, layer, self.resource).version())


def _literal(text: str) -> str:
    """A text as Spark SQL takes it."""
    told = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{told}'"

"""Writing an operation's tables with delta-spark, by the rules of ADR 4: each from the version it was computed from, the warehouse last.

delta-spark cannot be told to begin at a version: the table must stand at its base version before, and one further after. Each commit carries the
operation as ``userMetadata``, where deltalake writes it as a key of its own; ``warehouse.commit.recover`` reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from districtlake.distributed.set_work import quoted
from districtlake.distributed.staging import AT, Staging
from districtlake.warehouse.changes import OPERATION
from districtlake.warehouse.commit import Commits, conflict, spark_metadata
from districtlake.warehouse.tables import address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

_BY_SPARK = frozenset({"raw", "cleansed", "changes", "history"})
BY_SPARK_ROWS = 200_000
"""Appends of fewer rows are deltalake's: a commit of Spark costs one to three seconds whatever it holds. The MERGE is always Spark's."""
_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
_ATTEMPTS = "spark.databricks.delta.maxCommitAttempts"


class SparkCommits(Commits):
    """Large appends and the MERGE by Spark; tables of present state (problems, quarantine, results: exceptions, so small) as ever."""

    def __init__(
        self, staging: Staging, lake: Path, resource: str, base: Mapping[str, int], operation: int, on_commit: Callable[[str], None]
    ):
        super().__init__(lake, resource, base, operation, on_commit)
        self._staging = staging

    def append(self, layer: str, frame: pl.DataFrame, replace_deliveries: Sequence[str] = (), column: str = "_delivery") -> None:
        if replace_deliveries or layer not in _BY_SPARK or frame.height < max(BY_SPARK_ROWS, 1):
            super().append(layer, frame, replace_deliveries, column)
            return
        self._append(layer, self._staging.put(frame).drop(AT))

    def merge(self, source: pl.DataFrame, key: Sequence[str]) -> None:
        if source.height == 0:
            return
        from delta.tables import DeltaTable
        from pyspark.sql import functions as F

        staged = self._staging.put(source).drop(AT)
        if source[OPERATION].eq("I").all():
            self._append("warehouse", staged.drop(OPERATION).sortWithinPartitions(*(quoted(name) for name in key)))
            return
        # equal keys, within a literal range of each, so that only the files that can hold those keys are read
        match = F.lit(True)
        for name in key:
            stands, comes = F.col(f"t.{quoted(name)}"), F.col(f"s.{quoted(name)}")
            match = match & (stands == comes) & stands.between(F.lit(source[name].min()), F.lit(source[name].max()))
        everything = {quoted(name): F.col(f"s.{quoted(name)}") for name in source.columns if name != OPERATION}
        operation = F.col(f"s.{OPERATION}")
        with self._committed("warehouse") as path:
            (
                DeltaTable.forPath(self._staging.session, path).alias("t")
                .merge(staged.alias("s"), match)
                .whenMatchedUpdate(operation == "U", everything)
                .whenMatchedUpdate(operation == "S", {"`_stale`": F.col("s.`_stale`")})
                .whenMatchedDelete(operation == "D")
                .whenNotMatchedInsert(operation == "I", everything)
                .execute()
            )  # fmt: skip

    def _append(self, layer: str, rows: DataFrame) -> None:
        with self._committed(layer) as path:
            rows.write.format("delta").mode("append").save(path)

    @contextmanager
    def _committed(self, layer: str) -> Iterator[str]:
        from pyspark.errors import PySparkException

        if self._newest(layer) != self.base[layer]:
            raise conflict(layer, self.resource)
        settings = self._staging.session.conf
        settings.set(_METADATA, spark_metadata(self.operation))
        settings.set(_ATTEMPTS, "1")
        try:
            yield address(self.lake, layer, self.resource).as_uri()
        except PySparkException as error:
            if "Concurrent" in type(error).__name__ or "DELTA_CONCURRENT" in (error.getCondition() or ""):
                raise conflict(layer, self.resource) from None
            raise
        finally:
            settings.unset(_METADATA)
            settings.unset(_ATTEMPTS)
        if self._newest(layer) != self.base[layer] + 1:
            raise conflict(layer, self.resource)
        self._on_commit(layer)

    def _newest(self, layer: str) -> int:
        from deltalake import DeltaTable

        return int(DeltaTable(str(address(self.lake, layer, self.resource))).version())

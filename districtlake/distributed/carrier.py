"""Spark as the carrier of one delivery (``warehouse.carrier.Carrier``)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from districtlake.cleansing.batches import BatchKernel
from districtlake.cleansing.cleanse import Cleansed, cleanse_by_plan
from districtlake.cleansing.plan import CleansingPlan
from districtlake.distributed import rows, set_work
from districtlake.distributed.commits import SparkCommits
from districtlake.distributed.staging import Staging
from districtlake.settings import Settings
from districtlake.spark.session import spark_session
from districtlake.warehouse.changes import Matched
from districtlake.warehouse.commit import Commits
from districtlake.warehouse.tables import address

PROGRESS_SECONDS = 10.0


class SparkCarrier:
    """The delivery's row functions, set work and commits on the process's Spark session.

    Args:
        version: of the warehouse table that the delivery is held against.

    Raises ``SparkMissing``, ``SparkUnreachable``.
    """

    name = "spark"

    def __init__(self, settings: Settings, resource: str, version: int, tell: Callable[[str], None]):
        self._session = spark_session(settings)
        self._staging = Staging(self._session, settings.state)
        self._tell, self._warehouse, self._version = tell, address(settings.lake, "warehouse", resource), version
        self.page: str | None = self._session.sparkContext.uiWebUrl
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._progress, name="spark-progress", daemon=True)
        self._watch.start()
        tell(f"{resource}: Spark {self._session.version}, {settings.spark_master}" + (f", {self.page}" if self.page else ""))

    def cleanse(self, raw: pl.DataFrame, plan: CleansingPlan) -> Cleansed:
        if raw.height == 0:
            return cleanse_by_plan(raw, plan)
        plan.check(raw)
        self._now("cleansing")
        return rows.cleanse(self._staging, raw, BatchKernel(plan))

    def rows(self, frame: pl.DataFrame) -> Any:
        self._now("rules")
        return rows.CarriedRows(self._staging, frame, self._tell)

    def match(self, current: pl.DataFrame, accepted: pl.DataFrame, key: Sequence[str], compared: Sequence[str]) -> Matched:
        self._now("matching the warehouse")
        stands = self._session.read.format("delta").option("versionAsOf", self._version).load(self._warehouse.as_uri())
        staged = self._staging.put(accepted.select([*key, *compared]))
        return set_work.as_matched(current, set_work.matched(stands, staged, key, compared))

    def commits(self, lake: Path, resource: str, base: Mapping[str, int], operation: int, on_commit: Callable[[str], None]) -> Commits:
        self._now("commits")
        return SparkCommits(self._staging, lake, resource, base, operation, on_commit)

    def close(self) -> None:
        self._done.set()
        self._watch.join()
        self._staging.close()

    def _now(self, what: str) -> None:
        self._session.sparkContext.setJobDescription(f"districtlake: {what}")

    def _progress(self) -> None:
        tracker = self._session.sparkContext.statusTracker()
        while not self._done.wait(PROGRESS_SECONDS):
            for stage in tracker.getActiveStageIds():
                if (info := tracker.getStageInfo(stage)) is not None:
                    self._tell(f"Spark: stage {stage} ({info.name}): {info.numCompletedTasks} of {info.numTasks} tasks")

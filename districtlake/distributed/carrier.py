"""The Spark engine as ``delivery`` knows it, and what is told while it works."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from districtlake.catalog.models import Catalog, Resource
from districtlake.delivery.delivered_rows import Carried
from districtlake.delivery.district import District
from districtlake.delivery.judge import Arrival
from districtlake.distributed.commits import SparkCommits
from districtlake.distributed.references import ReferencesOnSpark
from districtlake.distributed.rows import RowsOnSpark
from districtlake.distributed.staging import StagedDelivery, Staging
from districtlake.ingestion.read import Limits
from districtlake.spark.failures import spark_failures
from districtlake.spark.session import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROGRESS_SECONDS = 10.0


@contextmanager
def spark_carrier(
    district: District, resource: Resource, base: Mapping[str, int], operation: int, tell: Callable[[str], None]
) -> Iterator[Carried]:
    """A ``delivered_rows.Carrier`` on the process's session; the composition root puts it into ``Engine.carriers`` as "spark".

    Raises ``SparkMissing``, ``SparkUnreachable``; ``SparkFailed`` for whatever Spark raises within.
    """
    session = spark_session(district.settings)
    below = district.settings.state / "spark" / "staging"
    for left in below.glob(f"{resource.id}@*"):  # by a process that was killed: whoever is here holds the resource's lock
        shutil.rmtree(left, ignore_errors=True)
    staging = Staging(session, below / f"{resource.id}@{operation}", tell)
    try:
        with spark_failures(), Progress(session, resource.id, tell) as progress:
            page = session.sparkContext.uiWebUrl
            tell(f"{resource.id}: Spark {session.version}, {district.settings.spark_master}" + (f", {page}" if page else ""))
            yield CarriedBySpark(district, staging, base, operation, progress, page)
    finally:
        staging.remove()


@dataclass
class CarriedBySpark:
    """One delivery. ``page``: address of Spark's page; None where it is off."""

    district: District
    staging: Staging
    base: Mapping[str, int]
    operation: int
    progress: Progress
    page: str | None
    holds_table: bool = False

    def read(self, path: Path, name: str, resource: Resource, limits: Limits) -> StagedDelivery:
        self.progress.begin("读取文件")
        return self.staging.read(path, name, resource, limits)

    def rows(self, arrival: Arrival, resource: Resource, catalog: Catalog, current: pl.DataFrame) -> RowsOnSpark:
        tell = self.progress.tell
        references = ReferencesOnSpark(self.staging.session, self.district)
        base = self.base["warehouse"]
        return RowsOnSpark(self.staging, arrival, resource, catalog, self.district.lake, base, references, self.progress.begin, tell)

    def commits(self, on_commit: Callable[[str], None]) -> SparkCommits:
        self.progress.begin("写入数据表")
        return SparkCommits(self.staging.session, self.district.lake, self.progress.resource, self.base, self.operation, on_commit)


@dataclass
class Progress:
    """Tells each phase as it begins, and every ten seconds how many tasks of it are done."""

    session: SparkSession
    resource: str
    tell: Callable[[str], None]
    phase: str = ""
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self, phase: str) -> None:
        self.phase = phase
        self.session.sparkContext.setJobDescription(f"{self.resource} {phase}")
        self.tell(f"{self.resource}：Spark {phase}")

    def __enter__(self) -> Progress:
        self._thread = threading.Thread(target=self._watch, name="spark-progress", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        with suppress(Exception):  # the session may have ended: that is told already
            self.session.sparkContext.setJobDescription("")

    def _watch(self) -> None:
        tracker = self.session.sparkContext.statusTracker()
        while not self._ended.wait(PROGRESS_SECONDS):
            try:
                stages = [one for number in tracker.getActiveStageIds() if (one := tracker.getStageInfo(number)) is not None]
            except Exception:  # the session has ended, and whoever works with it says so
                return
            if stages:
                done, tasks = sum(one.numCompletedTasks for one in stages), sum(one.numTasks for one in stages)
                self.tell(f"{self.resource}：Spark {self.phase}，{len(stages)} 个阶段，任务 {done}/{tasks}")

"""The Spark engine as ``delivery`` knows it, and what is told while it works."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from districtlake.catalog.models import Resource
from districtlake.delivery.delivered_rows import Carried
from districtlake.delivery.district import District
from districtlake.delivery.judge import Arrival
from districtlake.distributed.commits import SparkCommits
from districtlake.distributed.references import ReferencesOnSpark
from districtlake.distributed.rows import RowsOnSpark
from districtlake.distributed.set_work import OnSpark
from districtlake.distributed.staging import StagedDelivery, Staging
from districtlake.distributed.tables import TablesOnSpark
from districtlake.ingestion.read import Limits
from districtlake.spark.executors import executors
from districtlake.spark.failures import spark_failures
from districtlake.spark.session import no_executor, spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROGRESS_SECONDS = 10.0
LOST_SECONDS = 300.0
"""How long work waits for new executors when all are lost; Spark itself would wait for ever, and the night with it."""


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
    folder = below / f"{resource.id}@{operation}"
    try:
        with spark_failures(), Progress(session, resource.id, tell) as progress:
            page = session.sparkContext.uiWebUrl
            tell(f"{resource.id}: Spark {session.version}, {district.settings.spark_master}" + (f", {page}" if page else ""))
            tables = TablesOnSpark(session, folder, district.lake, resource, district.catalog)
            try:
                yield CarriedBySpark(district, resource, tables, base, operation, progress, page)
            except Exception:
                if progress.abandoned:
                    raise no_executor(district.settings.spark_master, LOST_SECONDS) from None
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class CarriedBySpark:
    """One operation. ``page``: address of Spark's page; None where it is off."""

    district: District
    resource: Resource
    tables: TablesOnSpark
    base: Mapping[str, int]
    operation: int
    progress: Progress
    page: str | None
    _deliveries: list[Staging] = field(default_factory=list)

    def table(self, version: int | None) -> OnSpark:
        return self.tables.empty("warehouse") if version is None else self.tables.at(version)

    def read(self, path: Path, name: str, resource: Resource, limits: Limits) -> StagedDelivery:
        self.progress.begin("读取文件")
        folder = self.tables.folder / f"delivery-{len(self._deliveries) + 1}"
        staging = Staging(self.tables.session, folder, self.progress.tell)
        self._deliveries.append(staging)
        return staging.read(path, name, resource, limits)

    def rows(self, arrival: Arrival, current: OnSpark) -> RowsOnSpark:
        if current.worked_out:
            self.progress.begin("写入中间表")
        before = self.tables.laid(current)
        references, progress = ReferencesOnSpark(self.tables.session, self.district), self.progress
        return RowsOnSpark(
            self._deliveries[-1], arrival, self.resource, self.district.catalog, before, references, progress.begin, progress.tell
        )

    def together(self, layer: str, parts: Sequence[OnSpark]) -> OnSpark:
        return reduce(OnSpark.beside, parts) if parts else self.tables.empty(layer)

    def difference(self, before: OnSpark, after: OnSpark) -> OnSpark:
        self.progress.begin("比较前后的数据表")
        return self.tables.difference(before, after)

    def commits(self, on_commit: Callable[[str], None]) -> SparkCommits:
        self.progress.begin("写入数据表")
        return SparkCommits(self.tables.session, self.district.lake, self.resource.id, self.base, self.operation, on_commit)


@dataclass
class Progress:
    """Tells each phase as it begins, and every ten seconds how many tasks of it are done.

    Attributes:
        abandoned: all executors were lost and none came back in time, so the work was cancelled.
    """

    session: SparkSession
    resource: str
    tell: Callable[[str], None]
    phase: str = ""
    abandoned: bool = False
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
        tracker, alive = self.session.sparkContext.statusTracker(), time.monotonic()
        while not self._ended.wait(PROGRESS_SECONDS):
            try:
                if executors(self.session) > 0:
                    alive = time.monotonic()
                elif time.monotonic() - alive > LOST_SECONDS:
                    self.abandoned = True
                    self.session.sparkContext.cancelAllJobs()
                stages = [one for number in tracker.getActiveStageIds() if (one := tracker.getStageInfo(number)) is not None]
            except Exception:  # the session has ended, and whoever works with it says so
                return
            if stages:
                done, tasks = sum(one.numCompletedTasks for one in stages), sum(one.numTasks for one in stages)
                self.tell(f"{self.resource}：Spark {self.phase}，{len(stages)} 个阶段，任务 {done}/{tasks}")

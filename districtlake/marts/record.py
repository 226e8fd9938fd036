"""The record of builds and the results of the marts' own checks, as two Delta tables beside the marts: they only grow.

A build's record says which version of which source was read, under which definition, and what came of it. Losing it to a crash loses
nothing: the mart is then computed again from the same inputs and comes out the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl
from deltalake import DeltaTable, write_deltalake

from districtlake.marts.table import path_of
from districtlake.quality import results as quality_results
from districtlake.quality.results import results_frame
from districtlake.quality.validation import RuleResult
from districtlake.warehouse.tables import scan_delta

Outcome = Literal["built", "unchanged", "skipped", "held", "failed", "blocked"]
OUTCOME_TITLES: dict[str, str] = {
    "built": "已更新", "unchanged": "重算无变化", "skipped": "无需重算", "held": "暂停（保留上一版）", "failed": "失败（保留上一版）",
    "blocked": "上游失败（保留上一版）",
}  # fmt: skip
_KEPT, _NEVER = "（保留上一版）", "（尚无任何一版）"


def outcome_title(outcome: str, version: int | None) -> str:
    """The outcome for people. ``version``: the mart's after the build; None: it was never built, so there is no version to keep."""
    title = OUTCOME_TITLES[outcome]
    return title.replace(_KEPT, _NEVER) if version is None else title


GOOD = ("built", "unchanged")
MOST_FILES = 60
"""The two tables get a small file a run; above this many they are compacted."""

BUILDS: dict[str, Any] = {
    "seq": pl.Int64, "run": pl.String, "mart": pl.String, "outcome": pl.String, "mode": pl.String, "definition": pl.String, "inputs": pl.String, "version": pl.Int64,
    "rows": pl.Int64, "inserted": pl.Int64, "updated": pl.Int64, "deleted": pl.Int64, "stale_sources": pl.String, "reason": pl.String,
    "started_at": pl.Datetime("us", "UTC"), "finished_at": pl.Datetime("us", "UTC"), "seconds": pl.Float64,
}  # fmt: skip
RESULTS: dict[str, Any] = {"seq": pl.Int64, "mart": pl.String, **quality_results.SCHEMA}
"""``_delivery`` holds the build: ``<mart>#<its number>``."""


@dataclass(frozen=True)
class Build:
    """One mart in one run.

    Attributes:
        outcome: "built" (a new version) | "unchanged" (computed, no row differs) | "skipped" (inputs and definition as before) |
            "held" (a ``hold`` check failed) | "failed" | "blocked" (a mart it reads failed).
        mode: "full" or "incremental"; empty where nothing was computed.
        inputs: source -> the version read; version: the mart's, after the build.
        stale_sources: resource -> why its newest delivery is not in what was read.
        seq: its number among all builds, from 1; run: the run it belongs to (Dagster's id, where Dagster ran it).
        reason: why it failed, was held or blocked, or why an incremental mart was built in full.
    """

    mart: str
    outcome: Outcome
    mode: str = ""
    definition: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    version: int | None = None
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    stale_sources: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float = 0.0
    run: str = ""
    seq: int = 0
    results: tuple[RuleResult, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.mart}#{self.seq}"

    def row(self) -> dict[str, Any]:
        """The line of the builds table."""
        return {
            **{name: getattr(self, name) for name in BUILDS},
            "inputs": json.dumps(dict(self.inputs), sort_keys=True),
            "stale_sources": json.dumps(dict(self.stale_sources), sort_keys=True, ensure_ascii=False),
        }


def append(lake: Path, builds: Sequence[Build]) -> None:
    """Add builds and their checks' results."""
    if not builds:
        return
    parts = [
        results_frame(build.results, build.id, build.finished_at).select(
            pl.lit(build.seq, dtype=pl.Int64).alias("seq"), pl.lit(build.mart).alias("mart"), pl.all()
        )
        for build in builds
        if build.results and build.finished_at is not None
    ]
    if parts:
        _append(path_of(lake, "system.mart_results"), pl.concat(parts).cast(pl.Schema(RESULTS)))
    _append(path_of(lake, "system.mart_builds"), pl.DataFrame([build.row() for build in builds], schema=BUILDS))


def _append(path: Path, frame: pl.DataFrame) -> None:
    write_deltalake(str(path), frame.to_arrow(), mode="append", schema_mode="merge")
    table = DeltaTable(str(path))
    if len(table.file_uris()) > MOST_FILES:
        table.optimize.compact()


def _read(lake: Path, name: str, schema: dict[str, Any]) -> pl.DataFrame:
    path = str(path_of(lake, f"system.{name}"))
    if not DeltaTable.is_deltatable(path):
        return pl.DataFrame(schema=schema)
    scan = scan_delta(DeltaTable(path))
    known = scan.collect_schema()  # a record begun by an earlier release may lack columns; what it has stays readable
    columns = [pl.col(column) if column in known else pl.lit(None, dtype=dtype).alias(column) for column, dtype in schema.items()]
    texts = [column for column, dtype in schema.items() if dtype == pl.String and column not in known]
    return scan.select(columns).with_columns(pl.col("seq").fill_null(0), *[pl.col(text).fill_null("") for text in texts]).collect()


def builds(lake: Path) -> pl.DataFrame:
    """Every recorded build, oldest first; schema ``BUILDS``."""
    return _read(lake, "mart_builds", BUILDS).sort("seq")


def last_seq(lake: Path) -> int:
    """The number of the last build on record; 0 when there is none. Ask under the lock of the marts."""
    return int(builds(lake)["seq"].max() or 0)  # type: ignore[arg-type]


def results(lake: Path) -> pl.DataFrame:
    """The results of every build's checks; schema ``RESULTS``."""
    return _read(lake, "mart_results", RESULTS).sort("seq", "rule")


def builds_of_run(lake: Path, run: str) -> list[Build]:
    """What became of each mart of one run."""
    return [_build(row) for row in builds(lake).filter(pl.col("run") == run).iter_rows(named=True)]


def latest(lake: Path) -> tuple[dict[str, Build], dict[str, Build]]:
    """(the last build of each mart that was not skipped, the last good one of each)."""
    last: dict[str, Build] = {}
    good: dict[str, Build] = {}
    for row in builds(lake).filter(pl.col("outcome") != "skipped").iter_rows(named=True):
        build = _build(row)
        last[build.mart] = build
        if build.outcome in GOOD:
            good[build.mart] = build
    return last, good


def _build(row: Mapping[str, Any]) -> Build:
    return Build(**{**row, "inputs": json.loads(row["inputs"]), "stale_sources": json.loads(row["stale_sources"])})


def latest_results(lake: Path, mart: str) -> pl.DataFrame:
    """The results of the mart's checks when they were last judged; schema ``RESULTS``."""
    found = results(lake).filter(pl.col("mart") == mart)
    return found.filter(pl.col("seq") == found["seq"].max())

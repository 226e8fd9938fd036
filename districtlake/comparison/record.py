"""The record of comparisons: one row per pairing and run, what was read, how much was compared, what came of it. It only grows.

Losing its last rows to a crash loses nothing: the pairing is compared again from the versions before, and comes out the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl
from deltalake import DeltaTable, write_deltalake

from districtlake.warehouse.tables import INSTANT, address, scan_delta

Outcome = Literal["compared", "skipped", "not_comparable", "failed", "not_in_force"]
OUTCOME_TITLES: dict[str, str] = {
    "compared": "已比对", "skipped": "无变化", "not_comparable": "暂不可比", "failed": "失败", "not_in_force": "不在有效期",
}  # fmt: skip
MODE_TITLES = {"full": "全量", "incremental": "增量", "": ""}
MOST_FILES = 60

RUNS: dict[str, Any] = {
    "run": pl.String, "comparison": pl.String, "pairing": pl.String, "outcome": pl.String, "mode": pl.String, "why_full": pl.String,
    "definition": pl.String, "inputs": pl.String, "values": pl.String, "as_of": pl.Date, "right_as_of": pl.Date, "keys": pl.Int64,
    "opened": pl.Int64, "closed": pl.Int64, "open": pl.Int64, "reason": pl.String, "started_at": INSTANT, "finished_at": INSTANT,
    "seconds": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One pairing in one run.

    Attributes:
        mode: "full" or "incremental"; empty where nothing was compared. why_full: English, for engineers.
        inputs: source -> the version read; values: ``$name`` -> its value that day.
        keys: join keys compared; 0 where all were.
        opened, closed: leads; open: those that stand now.
        reason: Chinese; why it failed or could not be compared.
    """

    run: str
    comparison: str
    pairing: str
    outcome: Outcome
    mode: str = ""
    why_full: str = ""
    definition: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    as_of: date | None = None
    right_as_of: date | None = None
    keys: int = 0
    opened: int = 0
    closed: int = 0
    open: int = 0
    reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        """The line of the table."""
        return {
            **{name: getattr(self, name) for name in RUNS},
            "inputs": json.dumps(dict(self.inputs), sort_keys=True),
            "values": json.dumps({name: _plain(value) for name, value in self.values.items()}, sort_keys=True, ensure_ascii=False),
        }


def _plain(value: Any) -> Any:
    return {"date": value.isoformat()} if isinstance(value, date) else value


def _value(value: Any) -> Any:
    return date.fromisoformat(value["date"]) if isinstance(value, dict) else value


def runs_path(lake: Path) -> Path:
    return address(lake, "comparisons", "district.runs")


def append(lake: Path, done: Sequence[Compared]) -> None:
    if not done:
        return
    path = str(runs_path(lake))
    write_deltalake(path, pl.DataFrame([one.row() for one in done], schema=RUNS).to_arrow(), mode="append")
    table = DeltaTable(path)
    if len(table.file_uris()) > MOST_FILES:
        table.optimize.compact()


def runs(lake: Path) -> pl.DataFrame:
    """Every recorded run, oldest first; schema ``RUNS``."""
    path = str(runs_path(lake))
    if not DeltaTable.is_deltatable(path):
        return pl.DataFrame(schema=RUNS)
    return scan_delta(DeltaTable(path)).collect().select(list(RUNS)).sort("finished_at", "pairing")


def latest(lake: Path) -> tuple[dict[str, Compared], dict[str, Compared]]:
    """(the last of each pairing, the last of each that compared). Of runs that ended in one moment the later row counts."""
    last: dict[str, Compared] = {}
    good: dict[str, Compared] = {}
    for row in runs(lake).iter_rows(named=True):
        one = _compared(row)
        last[one.pairing] = one
        if one.outcome == "compared":
            good[one.pairing] = one
    return last, good


def _compared(row: Mapping[str, Any]) -> Compared:
    values = {name: _value(value) for name, value in json.loads(row["values"]).items()}
    given = {**row, "inputs": json.loads(row["inputs"]), "values": values}
    return Compared(**{one.name: given[one.name] for one in fields(Compared)})

"""The benchmark of the whole way still runs, and both of its sides write the same tables. Nothing is said about time here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from benchmarks.way_compare import IDENTITY, difference
from districtlake.settings import PROJECT_ROOT

COLUMNS = 22  # the twenty and two of those that repeat


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("snapshot", "csv"),
        pytest.param("incremental", "csv", marks=pytest.mark.slow),
        pytest.param("incremental", "xlsx", marks=pytest.mark.slow),
    ],
)
def test_both_sides_of_the_way_write_equal_tables(kind: str, form: str) -> None:
    command = [sys.executable, "-m", "benchmarks.way", "--rows", "2000", "--columns", str(COLUMNS), "--faults", "0.2", "--repeat", "0"]
    command += ["--kind", kind, "--form", form]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert [line.split()[1].rstrip(":") for line in told if line.startswith("  equal ")] == list(IDENTITY)
    figures = json.loads(told[-1])
    assert figures["equal"] is True
    assert (figures["rows"], figures["columns"]) == (2000, COLUMNS)
    for day in ("day_1", "day_2"):
        assert set(figures["ratio"][day]) == {"cpu", "cpu_work", "wall_work", "peak_bytes"}
        for side in ("ours", "by_hand"):
            assert {"cpu", "cpu_work", "wall", "wall_work", "peak_bytes", "phases_cpu"} <= set(figures["figures"][day][side])
    first, second = figures["counts"]["day_1"], figures["counts"]["day_2"]
    assert first["quarantined"] > 0 < first["duplicates"]  # else equal tables would say little
    assert all(second[fate] > 0 for fate in ("inserted", "changed", "unchanged", "quarantined"))
    assert (second["deleted"] > 0) == (kind == "snapshot")


def test_the_comparison_names_what_differs() -> None:
    ours = pl.DataFrame({"citizen_id": ["1", "2"], "name": ["a", None]})
    assert difference(ours, ours[::-1].select("name", "citizen_id"), ["citizen_id"]) == ""
    other = pl.DataFrame({"citizen_id": ["1", "2"], "name": ["a", "b"]})
    assert "name differs (1)" in difference(ours, other, ["citizen_id"])
    assert "only ours (1)" in difference(ours, ours[:1], ["citizen_id"])
    assert "only by hand (1)" in difference(ours[:1], ours, ["citizen_id"])
    assert "types differ" in difference(ours, ours.with_columns(name=pl.lit(1)), ["citizen_id"])
    assert "columns differ" in difference(ours, ours.drop("name"), ["citizen_id"])


def test_a_benchmark_says_that_it_needs_more_columns(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.way_delivery", str(tmp_path), "100", "3", "0.01", "1"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "at least 8" in done.stderr

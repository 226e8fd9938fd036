"""The benchmark of both engines runs, and its engines agree."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from districtlake.settings import PROJECT_ROOT


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_small_run_tells_its_figures(on_spark: dict[str, object]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.spark", "--rows", "4000", "--executor-mb", "1024", "--driver-mb", "1024"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "tables of both engines: equal" in done.stdout
    told = json.loads(done.stdout.splitlines()[-1])
    for days in told["runs"].values():
        assert [day["counts"]["delivered"] for day in days] == [4000, 4000]
        assert days[1]["counts"]["changed"] == 40
        assert all(day["cpu"] > 0 for day in days)
    assert set(told["model_wall_by_cores"]) == {"1", "2", "4", "8", "16"}

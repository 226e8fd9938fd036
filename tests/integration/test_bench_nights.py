"""The benchmarks of whole nights still run, end with one line of figures, and what they ran took every delivery in. Nothing about time."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from districtlake.settings import PROJECT_ROOT

MEASURED = {"wall", "cpu", "peak_bytes", "deliveries", "rows", "processing", "orchestration", "event_log", "events"}


def figures_of(*arguments: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_many_resources() -> None:
    told = figures_of("benchmarks.many", "--resources", "3", "--rows", "60", "--agencies", "2")
    assert set(told["figures"]) == {"day_1", "day_2", "idle"}
    for name, deliveries in (("day_1", 3), ("day_2", 3), ("idle", 0)):
        measured = told["figures"][name]
        assert set(measured) >= MEASURED
        assert measured["deliveries"] == deliveries
        assert (measured["processing"] > 0) == (deliveries > 0)
    assert told["figures"]["day_2"]["changed_rows"] > 0


@pytest.mark.slow
def test_the_demonstrations_night() -> None:
    told = figures_of("benchmarks.nightly", "--size", "200", "--days", "1", "--times", "0")
    assert set(told["figures"]["200"]) == {"night", "idle"}
    night = told["figures"]["200"]["night"]
    assert set(night) >= MEASURED
    assert night["deliveries"] > 0
    assert 0 < night["processing"] < night["wall"]

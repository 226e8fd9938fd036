"""The benchmark of comparisons still runs, and all of its sides find the same leads. Nothing is said about time here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from districtlake.settings import PROJECT_ROOT


@pytest.mark.slow
def test_all_sides_find_the_same_leads() -> None:
    command = [sys.executable, "-m", "benchmarks.compare", "--rows", "3000", "--repeat", "1"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    first, following = figures["figures"]["first_night"], figures["figures"]["next_night"]
    assert figures["equal"] is True
    assert {side: first[side]["leads"] for side in first} == dict.fromkeys(("ours", "duckdb", "pandas"), first["ours"]["leads"])
    assert (first["ours"]["mode"], following["ours"]["mode"]) == ("full", "incremental")
    assert 0 < following["ours"]["keys"] < 100, "a thousandth of either side"

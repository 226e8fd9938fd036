"""The benchmark of reading still runs, and all of its sides hold the same cells. Nothing is said about time here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.read import SIDES
from districtlake.settings import PROJECT_ROOT


@pytest.mark.slow
def test_all_sides_hold_the_same_cells() -> None:
    sizes = ["--rows", "2000", "--excel-rows", "300", "--large", "2500", "--digits", "5000", "--repeat", "1"]
    done = subprocess.run([sys.executable, "-m", "benchmarks.read", *sizes], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    assert {case: tuple(figures[case]) for case in SIDES} == SIDES
    judged = figures["digits"]
    assert judged["ours"]["uscc"]["right"] == judged["python-stdnum"]["uscc"]["right"] > 0

"""The benchmark of validation still runs: ours and the hand-written query count the same failures. Nothing is said about time here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.validate import agreement
from benchmarks.validate_rules import RULES
from districtlake.settings import PROJECT_ROOT


@pytest.mark.slow
def test_ours_beside_the_hand_written_query() -> None:
    command = [sys.executable, "-m", "benchmarks.validate", "--rows", "1500", "--columns", "21", "--large", "2000", "--resources", "2"]
    done = subprocess.run([*command, "--repeat", "1"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["rules"], told["rows"], told["peers"]) == (27, 1500, False)
    assert set(told["figures"]) == {"by_hand", "ours", "ours_from_file", "gx_summary", "gx_complete"}
    for tool, said in told["agreement"].items():
        assert (said["says"], said["agrees"]) == (27, 27), tool
    pairs = {tool: figures["pairs"] for tool, figures in told["figures"].items()}
    assert pairs["ours"] == pairs["ours_from_file"] == pairs["by_hand"] == pairs["gx_complete"] > 0
    assert pairs["gx_summary"] is None
    assert told["large"]["pairs"] > 0
    assert told["small"]["cpu_each"] > 0
    assert told["many"]["resources"] == 2
    assert "peers left out" in done.stdout


def test_what_a_tool_cannot_say_and_counts_otherwise_is_named() -> None:
    truth = {rule.id: 5 for rule in RULES}
    other = {**truth, RULES[0].id: 7, RULES[1].id: "no such check"}
    said = agreement({"by_hand": {"failed": truth}, "cuallee": {"failed": other}})
    assert said["cuallee"] == {"says": 26, "agrees": 25, "cannot": {RULES[1].id: "no such check"}, "counts_otherwise": {RULES[0].id: 2}}


def test_fewer_columns_than_the_rules_need_are_refused() -> None:
    command = [sys.executable, "-m", "benchmarks.validate_data", "nowhere.parquet", "10", "3", "1"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "at least 20" in done.stderr

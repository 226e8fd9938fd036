"""The nightly run as people start it: a process of its own with Dagster, Great Expectations and the command line in front."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from districtlake.clock import FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.demo import generate
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.warehouse.commit import read
from tests.running import SIX, tables
from tests.small_district import NOON, NOTES, PAYMENTS, PEOPLE, Row, day, deliver, deliveries, environment, records, small_settings

GOOD: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 200, None)]

# The real validator, except that Great Expectations breaks down over resources whose name holds the first argument.
BROKEN = """
import sys
from expectations.session import load
load()
from great_expectations.core.validation_definition import ValidationDefinition
whole, word = ValidationDefinition.run, sys.argv[1]
def run(self, *arguments, **named):
    if word in self.suite.name:
        raise RuntimeError("out of order")
    return whole(self, *arguments, **named)
ValidationDefinition.run = run
from pipelines import nightly
sys.exit(nightly.main([]))
"""


def opened(settings: Settings) -> District:
    return open_district(settings, clock=FixedClock(NOON))


def child(settings: Settings, *command: str, **changed: str) -> subprocess.CompletedProcess[str]:
    variables = {**environment(settings), **changed}
    return subprocess.run([sys.executable, *command], env=variables, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=280)


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def nightly(settings: Settings, inbox: Path, now: datetime) -> dict[str, Any]:
    command = ["-c", "from districtlake.cli import main; main()", "nightly", "--deliveries", str(inbox), "--json"]
    done = child(settings, *command, DISTRICTLAKE_CLOCK=now.isoformat())
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads(done.stdout)
    assert isinstance(summary, dict)
    return summary


@pytest.mark.timeout(600)
def test_the_demonstration_runs_balanced_and_a_second_run_brings_nothing(tmp_path: Path) -> None:
    """Dagster's own folder is deleted in between: nothing of record lies there."""
    generated = generate(tmp_path / "demo", seed=20260302, days=1, first_day=date(2026, 3, 2), size=200, resources=SIX)
    state = tmp_path / "state"
    settings = Settings(state=state, inbox=state / "inbox", settle_seconds=0, actor="test")
    inbox = tmp_path / "demo" / "inbox"
    summary = nightly(settings, inbox, NOON)
    assert summary["success"] is True
    conservation = summary["conservation"]
    assert conservation["balanced"] is True
    assert conservation["delivered"] > 0
    assert {row["state"] for row in summary["deliveries"]} == {"done"}
    assert len(summary["deliveries"]) == len(generated.files)
    assert summary["tickets"]["opened"] == summary["tickets"]["open"] + summary["tickets"]["closed"] > 0
    for package in summary["packages"]:
        assert (settings.outbox / package["file"]).is_file()
    with (district := opened(settings)).store:
        before, kept = tables(district), records(district)
    (dagster,) = [folder for folder in (state / "dagster",) if folder.is_dir()]
    shutil.rmtree(dagster)
    shutil.rmtree(state / "dagster_home", ignore_errors=True)

    again = nightly(settings, inbox, NOON + timedelta(days=1))
    assert again["success"] is True
    assert again["deliveries"] == []
    assert (again["packages"], again["tickets"]["opened"], again["tickets"]["closed"]) == ([], 0, 0)
    assert again["conservation"]["balanced"] is True
    with (district := opened(settings)).store:
        assert tables(district) == before
        assert records(district) == kept


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = small_settings(tmp_path)
    deliver(made.inbox, f"people_{day(1)}.csv", GOOD)
    deliver(made.inbox, f"people_{day(2)}.csv", GOOD[:1])
    deliver(made.inbox, f"payments_{day(1)}.csv", GOOD)
    deliver(made.inbox, f"notes_{day(1)}.csv", GOOD, agency="other_bureau")
    return made


@pytest.mark.slow
def test_a_broken_validator_lets_nothing_pass(settings: Settings) -> None:
    done = child(settings, "-c", BROKEN, "")
    assert done.returncode == 1, done.stderr[-3000:]
    told = events(done)
    assert told[-1]["event"] == "finished"
    assert told[-1]["success"] is False
    assert told[-1]["agencies"] == {"registry_bureau": False, "other_bureau": False}
    reasons = " ".join(reason for event in told if event["event"] == "agency_finished" for reason in event["reasons"])
    assert "Great Expectations stopped with RuntimeError" in reasons
    with (district := opened(settings)).store:
        for resource in (PEOPLE, PAYMENTS, NOTES):
            for layer in ("raw", "quarantine", "problems", "warehouse"):
                assert read(district.lake, layer, resource).height == 0
        found = deliveries(district)
        assert len(found) == 4, "every delivery is kept"
        assert {row.state for row in found.values()} == {"pending"}, "they wait for the validator"
        assert found[f"people_{day(2)}.csv"].attempts == 0, "later days wait for the one that failed"
        assert not records(district)["tickets"]


@pytest.mark.slow  # in make test: test_broken_ten_ways[gx_raises]
def test_one_agencys_failure_leaves_the_others_done(settings: Settings) -> None:
    done = child(settings, "-c", BROKEN, "people")
    assert done.returncode == 1, done.stderr[-3000:]
    told = events(done)
    assert told[-1]["agencies"] == {"registry_bureau": False, "other_bureau": True}
    with (district := opened(settings)).store:
        found = {name: row.state for name, row in deliveries(district).items()}
        assert found[f"notes_{day(1)}.csv"] == "done"
        assert found[f"payments_{day(1)}.csv"] == "done", "the agency's other resources go on, too"
        assert found[f"people_{day(2)}.csv"] == "pending"
        assert read(district.lake, "warehouse", PEOPLE).height == 0
        assert records(district)["tickets"], "what was judged is told"
    reasons = " ".join(reason for event in told if event["event"] == "agency_finished" for reason in event["reasons"])
    assert "Great Expectations stopped with RuntimeError" in reasons
    repaired = child(settings, "-m", "pipelines.nightly")
    assert repaired.returncode == 0, repaired.stderr[-3000:]
    with (district := opened(settings)).store:
        assert {row.state for row in deliveries(district).values()} == {"done"}
        assert read(district.lake, "warehouse", PEOPLE)["code"].to_list() == ["A1"]

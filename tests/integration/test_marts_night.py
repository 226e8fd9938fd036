"""Marts in the night and by day: built after the agencies, a failed one named with what it leaves out, the sensor asking once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from districtlake.settings import PROJECT_ROOT, Settings
from tests.small_district import day, deliver, environment, small_settings
from tests.small_marts import write_marts

SENSOR = """
import json, dagster as dg
from pipelines import resources
from pipelines.definitions import definitions
repository = definitions().get_repository_def()
sensor = repository.get_sensor_def("marts")
with dg.DagsterInstance.ephemeral() as instance:
    context = dg.build_sensor_context(instance=instance, repository_def=repository, resources={"district": resources.district()})
    told = sensor.evaluate_tick(context)
    print(json.dumps([sorted("/".join(key.path) for key in request.asset_selection) for request in told.run_requests]))
"""


def child(settings: Settings, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], env=environment(settings), cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=280
    )


def night(settings: Settings, inbox: Path, code: int) -> dict[str, Any]:
    done = child(settings, "-c", "from districtlake.cli import main; main()", "nightly", "--deliveries", str(inbox), "--json")
    assert done.returncode == code, done.stderr[-3000:]
    summary = json.loads(done.stdout)
    assert isinstance(summary, dict)
    return summary


def states(summary: dict[str, Any]) -> dict[str, str]:
    return {row["id"]: row["state"] for row in summary["marts"]["marts"]}


def test_a_night_builds_marts_and_says_which_could_not_be_built(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    catalog = settings.catalog_dirs[0]
    write_marts(catalog)
    inbox = tmp_path / "in"
    deliver(inbox, f"people_{day(2)}.csv", [(f"A{i}", f"名{i % 7}", i, None) for i in range(30)])
    deliver(inbox, f"notes_{day(2)}.csv", [("N1", "甲", 5, None)], agency="other_bureau")
    first = night(settings, inbox, 0)
    assert states(first) == {"base.totals": "built", "base.big": "built", "other.notes": "built"}
    assert first["alarms"] == []

    # by day: nothing is asked for while nothing changed, and what changed once
    assert json.loads(child(settings, "-c", SENSOR).stdout.splitlines()[-1]) == []
    write_marts(catalog, notes="select name, count(*) as amount from other_bureau.notes group by name")
    assert json.loads(child(settings, "-c", SENSOR).stdout.splitlines()[-1]) == [["other/notes"]]

    write_marts(catalog, totals="select name, 1 as people, 1 as amount, 1 as paid from registry_bureau.people")
    deliver(inbox, f"notes_{day(3)}.csv", [("N1", "甲", 5, None), ("N2", "乙", 6, None)], agency="other_bureau")
    second = night(settings, inbox, 1)
    assert states(second) == {"base.totals": "failed", "base.big": "blocked", "other.notes": "built"}
    assert [row["id"] for row in second["marts"]["failed"]] == ["base.totals", "base.big"]
    assert "not unique" in second["marts"]["failed"][0]["why"]
    assert any("base.totals" in entry["what"] for entry in second["attention"])

    # the next idle night tries it again; repaired, all is well
    write_marts(catalog)
    assert set(states(night(settings, inbox, 0)).values()) <= {"built", "unchanged", "skipped"}

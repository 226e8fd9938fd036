"""The scheduled night is the night of the command line: same process, same record, same report; Dagster sees both."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from districtlake.clock import FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.nights import record
from districtlake.nights.watch import watch
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.store.tables import Notice
from pipelines.home import dagster_home
from tests.small_district import NOON, Row, day, deliver, deliveries, environment, small_settings

GOOD: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 200, None)]

# What the daemon does at 02:00: it evaluates the schedule and launches what that asks for.
SCHEDULED = """
import json, sys
from datetime import datetime
import dagster as dg
from assets.nights import NIGHT, OUTCOMES
from pipelines.definitions import definitions
repository = definitions().get_repository_def()
schedule = repository.get_schedule_def("nightly")
with dg.DagsterInstance.get() as instance, dg.build_schedule_context(instance, scheduled_execution_time=datetime(2026, 3, 6, 2)) as context:
    [request] = schedule.evaluate_tick(context).run_requests
    result = repository.get_job(schedule.job_name).execute_in_process(
        instance=instance, run_config=request.run_config, raise_on_error=False
    )
    event = instance.get_latest_materialization_event(NIGHT)
    check = instance.event_log_storage.get_latest_asset_check_execution_by_key([dg.AssetCheckKey(NIGHT, OUTCOMES)])
    [evaluation] = [found.event.dagster_event.event_specific_data for found in check.values()]
    print(json.dumps({
        "success": result.success, "hour": schedule.cron_schedule, "zone": schedule.execution_timezone,
        "headline": event.asset_materialization.description, "metadata": sorted(event.asset_materialization.metadata),
        "check": evaluation.passed,
        "runs": sorted({run.job_name for run in instance.get_runs()}),
    }))
"""


def scheduled(settings: Settings) -> dict[str, object]:
    variables = {**environment(settings), "DAGSTER_HOME": str(dagster_home(settings)), "DISTRICTLAKE_NIGHTLY_AT": "03:30"}
    done = subprocess.run(
        [sys.executable, "-c", SCHEDULED], env=variables, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(told, dict)
    return told


def opened(settings: Settings, moment: timedelta = timedelta()) -> District:
    return open_district(settings, clock=FixedClock(NOON + moment))


@pytest.mark.timeout(400)
def test_the_schedule_runs_the_whole_night_and_dagster_sees_it(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    deliver(settings.inbox, f"people_{day(1)}.csv", GOOD)
    deliver(settings.inbox, f"notes_{day(1)}.csv", GOOD, agency="other_bureau")
    deliver(settings.inbox, f"payments_{day(1)}.csv", [("A1", "甲")], header="编号,备注")  # held: a required column is missing
    told = scheduled(settings)
    assert told["success"] is True, "a held delivery is no failure"
    assert (told["hour"], told["zone"]) == ("30 3 * * *", "Asia/Shanghai")
    assert told["headline"] == "有 1 项需要处理"
    assert told["check"] is True
    assert {"report", "attention", "orchestration_seconds"} <= set(told["metadata"])  # type: ignore[call-overload]
    assert told["runs"] == ["nightly", "other_bureau__deliveries", "registry_bureau__deliveries"]
    with (district := opened(settings)).store:
        assert {row.state for row in deliveries(district).values()} == {"done", "held"}
        (night,) = record.latest(district, 5)
        assert (night.launched_by, night.state, night.alarms) == ("schedule", "done", [])
        assert night.expected["deliveries"] == [row.id for row in sorted(deliveries(district).values(), key=lambda row: row.resource)]
        assert night.figures["held"] == 1
        assert night.report is not None
        html = (settings.outbox / night.report).read_text(encoding="utf-8")
        assert "有 1 项需要处理" in html
        assert "文件缺少数据项：名称" in html
        assert (settings.outbox / night.report).with_suffix(".eml").exists()
        assert list((settings.outbox / "registry_bureau").glob("问题数据反馈单_*.xlsx")), "the night routes, too"


def test_a_missed_night_stands_as_a_notice_until_a_night_runs(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)

    def standing(district: District) -> list[str]:
        with district.store.session(read_only=True) as session:
            return [row.code for row in session.query(Notice).filter(Notice.cleared_at.is_(None))]

    with (district := opened(settings)).store:
        begun = record.begin(district, "schedule")
        record.finish(district, begun.id, success=True, figures={}, alarms=[], report=None)
        assert watch(district) == []
    with (district := opened(settings, timedelta(days=2))).store:
        assert [alarm.code for alarm in watch(district)] == ["night.missed"]
        assert [alarm.code for alarm in watch(district)] == ["night.missed"]
        assert standing(district) == ["night.missed"]
        from districtlake.delivery.receive import receive

        deliver(settings.inbox, "strange.csv", GOOD)
        receive(district)
        assert sorted(standing(district)) == ["inbox.unmatched", "night.missed"], "each look clears only its own"
        begun = record.begin(district, "schedule")
        record.finish(district, begun.id, success=True, figures={}, alarms=[], report=None)
        watch(district)
        assert standing(district) == ["inbox.unmatched"]

"""Dagster's storage over pooled SQLite: what one instance writes another reads, watchers hear of it, and both may write at once."""

import json
import threading
from pathlib import Path

import dagster as dg
import pytest

from pipelines.dagster_storage import PooledEventLogStorage, PooledSqliteStorage


@dg.asset(check_specs=[dg.AssetCheckSpec("complete", asset="table")])
def table() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=False, check_name="complete")])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    class_of_it = {"module": "pipelines.dagster_storage", "class": "PooledSqliteStorage", "config": {"base_dir": str(tmp_path / "stored")}}
    configuration = {"storage": {"custom": class_of_it}, "telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(json.dumps(configuration), encoding="utf-8")
    return tmp_path


def test_the_project_stores_so() -> None:
    from districtlake.settings import PROJECT_ROOT

    assert "class: PooledSqliteStorage" in (PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8")


def test_what_one_instance_writes_another_reads(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as writer:
        assert isinstance(writer._ref.storage, PooledSqliteStorage)
        result = dg.materialize([table], instance=writer)
    with dg.DagsterInstance.from_config(str(home)) as reader:
        assert reader.get_run_by_id(result.run_id).status == dg.DagsterRunStatus.SUCCESS
        assert reader.get_latest_materialization_event(table.key).asset_materialization.metadata["rows"].value == 3
        kinds = {entry.dagster_event_type.value for entry in reader.all_logs(result.run_id) if entry.is_dagster_event}
        assert {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "PIPELINE_SUCCESS"} <= kinds


def test_a_deleted_run_takes_its_events_along(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        gone, kept = (dg.materialize([table], instance=instance).run_id for _ in range(2))
        instance.delete_run(gone)
        assert not instance.all_logs(gone)
        assert instance.all_logs(kept)


def test_a_watcher_hears_of_another_process_s_events(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as watching, dg.DagsterInstance.from_config(str(home)) as writer:
        assert isinstance(watching.event_log_storage, PooledEventLogStorage)
        heard, ended = [], threading.Event()

        def hear(entry: object, cursor: str) -> None:
            heard.append(entry)
            if entry.is_dagster_event and entry.dagster_event_type.value == "PIPELINE_SUCCESS":  # type: ignore[attr-defined]
                ended.set()

        run_id = "0d6b0f6a-0000-4000-8000-000000000001"
        watching.event_log_storage.watch(run_id, None, hear)
        definitions = dg.Definitions(assets=[table], jobs=[dg.define_asset_job("all_of_it")])
        definitions.resolve_job_def("all_of_it").execute_in_process(instance=writer, run_id=run_id)
        assert ended.wait(20)
        watching.event_log_storage.end_watch(run_id, hear)
        assert all(entry.run_id == run_id for entry in heard)  # type: ignore[attr-defined]


def test_two_writers_at_once_lose_nothing(home: Path) -> None:
    runs = [dg.DagsterRun(job_name="job") for _ in range(2)]

    def work(run: dg.DagsterRun) -> None:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            instance.add_run(run)
            for number in range(20):
                instance.report_engine_event(f"event {number}", run)

    threads = [threading.Thread(target=work, args=(run,), daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert [len(instance.all_logs(run.run_id)) for run in runs] == [20, 20]

"""deploy/spark: one command begins a master and two workers as processes, another ends them, and the session works on them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from districtlake.settings import PROJECT_ROOT
from districtlake.spark.session import missing_parts
from tests.small_district import day, deliver, environment, open_small

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing_parts()), reason="Spark is not installed here: make spark")]
SCRIPT = PROJECT_ROOT / "deploy" / "spark" / "cluster"
ON_IT = """
import sys
from pathlib import Path
import pyarrow as pa
from districtlake.settings import Settings
from districtlake.spark.session import spark_session

def who(batches):
    import os
    for batch in batches:
        yield pa.RecordBatch.from_pydict({"process": pa.array([os.getppid()], pa.int64())})

settings = Settings(state=Path(sys.argv[1]), spark_master=sys.argv[2], spark_ui=False, spark_executor_mb=768)
session = spark_session(settings)
found = session.range(0, 100, 1, 8).mapInArrow(who, "process long").distinct().count()
path = sys.argv[1] + "/table"
session.range(10).write.format("delta").save(path)
print(found, session.read.format("delta").load(path).count())
"""


LOSES_ALL = """
import json, os, signal, sys
from pathlib import Path
from districtlake.delivery.district import open_district
from districtlake.delivery.process import Engine, Hooks
from districtlake.distributed import carrier
from expectations.validate import validate
from tests.running import run_folder

carrier.LOST_SECONDS, carrier.PROGRESS_SECONDS = 3.0, 0.5
workers = [Path(one) for one in sys.argv[1:]]

def tell(message):
    if message.endswith("Spark 清洗"):
        while workers:
            os.kill(int(workers.pop().read_text()), signal.SIGKILL)

if __name__ == "__main__":
    district = open_district()
    engine = Engine(validator=validate, hooks=Hooks(tell=tell), carriers={"spark": carrier.spark_carrier})
    _, outcomes = run_folder(district, district.settings.inbox, engine)
    print(json.dumps([(one.state, one.error and one.error.code, bool(one.error and one.error.retryable)) for one in outcomes]))
"""


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def cluster_in(folder: Path) -> tuple[int, dict[str, str]]:
    """The port of a master below ``folder``, and the environment that names it."""
    port, page = free_ports(2)
    return port, {
        **os.environ, "DISTRICTLAKE_STATE": str(folder), "SPARK_PORT": str(port), "SPARK_UI_PORT": str(page), "WORKERS": "2",
        "WORKER_MEMORY": "1g", "PYTHONPATH": str(PROJECT_ROOT),
    }  # fmt: skip


def ask(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SCRIPT), *words], env=environment, capture_output=True, text=True, check=False, timeout=180)


def test_one_command_begins_two_workers_that_do_the_work_and_another_ends_them(tmp_path: Path) -> None:
    port, cluster = cluster_in(tmp_path)

    def told(*words: str) -> subprocess.CompletedProcess[str]:
        return ask(cluster, *words)

    assert told("status").returncode == 3
    try:
        began = told("start")
        assert began.returncode == 0, began.stderr
        assert f"spark://127.0.0.1:{port}" in began.stdout
        pids = [int(one.read_text()) for one in (tmp_path / "spark" / "cluster").glob("*.pid")]
        assert len(pids) == 3
        again = told("start")
        assert again.stdout.count("已在运行") == 3
        ran = subprocess.run(
            [sys.executable, "-c", ON_IT, str(tmp_path), f"spark://127.0.0.1:{port}"],
            env=cluster, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        executors, rows = ran.stdout.split()[-2:]
        assert (int(executors) >= 2, rows) == (True, "10"), "the rows did not pass through processes of both workers"
    finally:
        ended = told("stop")
    assert "已停止" in ended.stdout
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert told("status").returncode == 3


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = ask({**os.environ, "DISTRICTLAKE_STATE": str(tmp_path), "SPARK_PORT": str(taken.getsockname()[1])}, "start")
    assert refused.returncode == 1
    assert "已被占用" in refused.stderr


def test_a_delivery_whose_executors_are_all_lost_fails_and_is_done_when_they_are_back(tmp_path: Path) -> None:
    with (district := open_small(tmp_path)).store:
        deliver(district.settings.inbox, f"people_{day(2)}.csv", [(f"A{n}", "甲", n, None) for n in range(40)])
        port, cluster = cluster_in(district.settings.state)
        told = cluster | environment(district.settings) | {
            "DISTRICTLAKE_ENGINE": "spark", "DISTRICTLAKE_SPARK_MASTER": f"spark://127.0.0.1:{port}", "DISTRICTLAKE_SPARK_UI": "0",
            "DISTRICTLAKE_SPARK_EXECUTOR_MB": "768",
        }  # fmt: skip

        def run(*workers: Path) -> list[list[object]]:
            done = subprocess.run(
                [sys.executable, "-c", LOSES_ALL, *map(str, workers)],
                env=told, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=240,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-2000:]
            found: list[list[object]] = json.loads(done.stdout.splitlines()[-1])
            return found

        try:
            assert ask(cluster, "start").returncode == 0
            pids = district.settings.state / "spark" / "cluster"
            assert run(*pids.glob("worker*.pid")) == [["failed", "spark.no_executor", True]]
            assert ask(cluster, "start").returncode == 0
            assert run() == [["done", None, False]]
        finally:
            ask(cluster, "stop")

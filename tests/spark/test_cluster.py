"""deploy/spark: one command begins a master and two workers as processes, another ends them, and the session works on them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from districtlake.settings import PROJECT_ROOT
from districtlake.spark.session import missing_parts

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


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def test_one_command_begins_two_workers_that_do_the_work_and_another_ends_them(tmp_path: Path) -> None:
    port, page = free_ports(2)
    environment = {
        **os.environ, "DISTRICTLAKE_STATE": str(tmp_path), "SPARK_PORT": str(port), "SPARK_UI_PORT": str(page), "WORKERS": "2",
        "WORKER_MEMORY": "1g", "PYTHONPATH": str(PROJECT_ROOT),
    }  # fmt: skip

    def told(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(SCRIPT), *words], env=environment, capture_output=True, text=True, check=False, timeout=180)

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
            env=environment, capture_output=True, text=True, check=False, timeout=300,
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
        environment = {**os.environ, "DISTRICTLAKE_STATE": str(tmp_path), "SPARK_PORT": str(taken.getsockname()[1])}
        refused = subprocess.run([str(SCRIPT), "start"], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert "已被占用" in refused.stderr

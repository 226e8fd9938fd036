"""A killed driver and a killed executor leave the tables right: after the next run, or in the same one, they are those of the embedded engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from districtlake.delivery import operations
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, Hooks, process_resource
from districtlake.distributed.carrier import spark_carrier
from districtlake.settings import PROJECT_ROOT
from expectations.validate import validate
from tests import crash_child
from tests.running import run_folder
from tests.small_district import PEOPLE, Row, day, deliver, deliveries, environment, open_small
from tests.spark.same_tables import assert_same, state_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FIRST: list[Row] = [(f"A{n}", "甲", n, None) for n in range(1, 40)]
THEN: list[Row] = [
    ("A1", "甲", 11, None),
    ("A2", "乙", 200, None),
    ("A2", "乙", 200, None),
    *FIRST[2:30],
    ("A77", "一个过长的名称啊啊", 3, None),
]

CHILD = """
import sys
from districtlake.delivery.process import Engine
from districtlake.distributed import commits
from districtlake.distributed.carrier import spark_carrier
from districtlake.delivery.district import open_district
from tests import crash_child
from expectations.validate import validate
if __name__ == "__main__":
    commits.BY_SPARK_ROWS = 0
    district = open_district()
    crash_child.act(district, "night", Engine(validator=validate, hooks=crash_child._plant(sys.argv[1]), carriers={"spark": spark_carrier}))
"""


def deliver_both(district: District) -> None:
    deliver(district.settings.inbox, f"people_{day(2)}.csv", FIRST)
    deliver(district.settings.inbox, f"people_{day(3)}.csv", THEN)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, object]]]:
    with (district := open_small(tmp_path_factory.mktemp("undisturbed"))).store:
        deliver_both(district)
        run_folder(district, district.settings.inbox, Engine(validator=validate))
        return state_of(district)


@pytest.mark.parametrize("point", ["prepared", "commit:3", "commit:7", "commit:10", "commit:11"])
def test_a_killed_driver(point: str, tmp_path: Path, undisturbed: dict[str, list[dict[str, object]]], on_spark: dict[str, object]) -> None:
    with (district := open_small(tmp_path, **on_spark)).store:
        deliver_both(district)
        kill_child(district, on_spark, CHILD, point)
        _, outcomes = run_folder(district, district.settings.inbox, Engine(validator=validate, carriers={"spark": spark_carrier}))
        assert {one.state for one in outcomes} <= {"done"}
        assert_same(undisturbed, state_of(district))
        assert not list((district.settings.state / "spark" / "staging").glob("*")), "staged rows of the killed run were left behind"


WITHDRAWING = """
import sys
from districtlake.delivery.process import Engine, Hooks
from districtlake.distributed import commits
from districtlake.distributed.carrier import spark_carrier
from districtlake.delivery.district import open_district
from tests import crash_child
from expectations.validate import validate
if __name__ == "__main__":
    commits.BY_SPARK_ROWS = 0
    hooks = Hooks(committed=lambda layer: crash_child.die() if layer == sys.argv[1] else None)
    crash_child.act(open_district(), sys.argv[2], Engine(validator=validate, hooks=hooks, carriers={"spark": spark_carrier}))
"""


@pytest.mark.parametrize("point", ["cleansed", "history", "warehouse"])
def test_a_driver_killed_while_it_withdraws(point: str, tmp_path: Path, on_spark: dict[str, object]) -> None:
    """Short of its commit point nothing has happened, and withdrawing again does it; behind it, it is done."""
    name, found = f"people_{day(2)}.csv", []
    for folder in ("embedded", "spark"):
        with (district := open_small(tmp_path / folder)).store:
            deliver_both(district)
            run_folder(district, district.settings.inbox, Engine(validator=validate))
            before = state_of(district)
            if folder == "embedded":
                operations.withdraw(district, deliveries(district)[name].id, Engine(validator=validate), **crash_child.BY)
                found.append(state_of(district))
    with (district := open_small(tmp_path / "spark", **on_spark)).store:
        kill_child(district, on_spark, WITHDRAWING, point, f"withdraw:{name}")
        engine = Engine(validator=validate, carriers={"spark": spark_carrier})
        assert process_resource(district, PEOPLE, engine) == []  # whoever takes the resource next settles what was cut off
        if point != "warehouse":
            assert_same(before, state_of(district))
            assert deliveries(district)[name].state == "done"
            operations.withdraw(district, deliveries(district)[name].id, engine, **crash_child.BY)
        assert_same(found[0], state_of(district))
        assert deliveries(district)[name].state == "withdrawn"


def kill_child(district: District, on_spark: dict[str, object], script: str, *arguments: str) -> None:
    """Run the script in a process of its own on the district, which kills itself."""
    told = environment(district.settings) | {f"DISTRICTLAKE_{name.upper()}": str(value) for name, value in on_spark.items()}
    told["DISTRICTLAKE_SPARK_UI"] = "0"
    path = district.settings.state.parent / "child.py"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run([sys.executable, str(path), *arguments], env=told, cwd=PROJECT_ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]


@pytest.mark.parametrize("phase", ["清洗", "按规则校验", "与仓库比对", "写入数据表"])
def test_a_killed_executor(
    phase: str, tmp_path: Path, undisturbed: dict[str, list[dict[str, object]]], on_spark: dict[str, object]
) -> None:
    if not str(on_spark["spark_master"]).startswith("local-cluster"):
        pytest.skip("executors are processes on a cluster only (TEST_SPARK_MASTER)")
    killed: list[int] = []

    def tell(message: str) -> None:
        if message.endswith(f"Spark {phase}") and not killed:
            killed.append(executors()[0])
            os.kill(killed[0], signal.SIGKILL)

    with (district := open_small(tmp_path, **on_spark)).store:
        deliver_both(district)
        engine = Engine(validator=validate, hooks=Hooks(tell=tell), carriers={"spark": spark_carrier})
        run_folder(district, district.settings.inbox, engine)
        assert killed
        assert_same(undisturbed, state_of(district))


def executors() -> list[int]:
    """The executors of this process's session."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if b"CoarseGrainedExecutorBackend" in command and _below(int(entry.name), os.getpid()):
            found.append(int(entry.name))
    assert found, "no executor process was found"
    return found


def _below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False

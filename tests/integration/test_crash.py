"""Whatever kills the process, and wherever: after the next run every table, delivery, ticket and package is as if nothing had happened."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from districtlake.clock import FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.delivery.process import Engine, Hooks
from districtlake.errors import OperationRefused
from districtlake.settings import PROJECT_ROOT, Settings
from tests import crash_child
from tests.plain_validator import validate
from tests.running import tables
from tests.small_district import NOON, Row, day, deliver, environment, records, small_settings

pytestmark = pytest.mark.crash

GOOD: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 200, None), ("A3", "丙", 3, None), ("A4", "丁", 4, None)]
NIGHTS: dict[str, list[tuple[str, str, list[Row]]]] = {
    "first": [
        ("registry_bureau", f"people_{day(1)}.csv", GOOD),
        ("registry_bureau", f"visits_{day(1)}.csv", [*GOOD, GOOD[0], ("A9", None, 1, None)]),
        ("other_bureau", f"notes_{day(1)}.csv", GOOD[:2]),
    ],
    "later": [  # a snapshot that inserts, changes, deletes and quarantines; its correction; increments
        ("registry_bureau", f"people_{day(2)}.csv", [("A1", "甲", 11, None), ("A2", "乙", 2, None), ("A3", "一个过长的名称啊啊", 3, None), ("A5", "戊", 500, None)]),
        ("registry_bureau", f"people_fix_{day(2)}.csv", [("A5", "戊", 5, None), ("A3", "丙丙", 3, None)]),
        ("registry_bureau", f"payments_{day(2)}.csv", GOOD),
    ],
    "held": [
        ("registry_bureau", f"people_{day(3)}.csv", [("Z1", "癸", 1, None)]),
        ("registry_bureau", f"payments_{day(3)}.csv", [("A1", "甲", 1, "改"), ("A2", "乙", 20, None)]),
    ],
}  # fmt: skip
WITHDRAW = f"withdraw:people_{day(2)}.csv"


@dataclass(frozen=True)
class Stage:
    """One night (or an operator's action): the state before it, and everything as it is after it undisturbed."""

    name: str
    action: str
    before: Path
    tables: Mapping[str, Any]
    records: Mapping[str, Any]
    commits: tuple[str, ...]  # the layers in the order of their commits


def engine(counted: list[str] | None = None) -> Engine:
    return Engine(validator=validate, hooks=Hooks(committed=(counted if counted is not None else []).append))


def opened(settings: Settings) -> District:
    return open_district(settings, clock=FixedClock(NOON))


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    """The undisturbed life of the district; ``first`` and ``later`` are judged by what they end in, ``held`` and ``withdraw`` follow."""
    home = tmp_path_factory.mktemp("undisturbed")
    settings = small_settings(home)
    found: dict[str, Stage] = {}
    for name, action in [*((night, "night") for night in NIGHTS), ("withdraw", WITHDRAW)]:
        for agency, file, rows in NIGHTS.get(name, []):
            deliver(settings.inbox, file, rows, agency=agency)
        before = tmp_path_factory.mktemp(f"before_{name}") / "state"
        settings.state.mkdir(exist_ok=True)
        shutil.copytree(settings.state, before)
        counted: list[str] = []
        district = opened(settings)
        with district.store:
            crash_child.act(district, action, engine(counted))
            found[name] = Stage(name, action, before, tables(district), records(district), tuple(counted))
    states = {row["file_name"]: row["state"] for row in found["withdraw"].records["deliveries"]}
    assert states[f"people_{day(3)}.csv"] == "held"
    assert states[f"people_{day(2)}.csv"] == "withdrawn"
    assert found["withdraw"].records["packages"]
    return found


def killed(settings: Settings, action: str, point: str) -> None:
    command = [sys.executable, "-m", "tests.crash_child", action, point]
    done = subprocess.run(command, env=environment(settings), cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == -9, f"{point} was never reached: {done.stderr[-2000:]}"


def check(stage: Stage, point: str, folder: Path) -> None:
    """Kill at ``point``, run again, compare."""
    settings = small_settings(folder)
    shutil.copytree(stage.before, settings.state)
    killed(settings, stage.action, point)
    district = opened(settings)
    with district.store:
        with contextlib.suppress(OperationRefused):  # it had passed its commit point, so asking again is asking twice
            crash_child.act(district, stage.action, engine())
        crash_child.act(district, "night", engine())
        assert records(district) == stage.records
        for name, rows in tables(district).items():
            assert rows == stage.tables[name], name
        for package in stage.records["packages"]:
            assert (settings.outbox / str(package["file"])).is_file()


SOME = [
    ("first", "archived"),
    ("first", "prepared"),
    ("later", "after:quarantine"),
    ("later", "after:history"),
    ("later", "after:warehouse"),
    ("later", "ticketed"),
    ("held", "after:problems"),
    ("withdraw", "after:results"),
]


def resolved(stage: Stage, point: str) -> str:
    """ "after:<layer>": after the stage's last commit of that layer."""
    if not point.startswith("after:"):
        return point
    backwards = stage.commits[::-1].index(point.partition(":")[2])
    return f"commit:{len(stage.commits) - backwards}"


@pytest.mark.parametrize(("name", "point"), SOME, ids=lambda value: value)
def test_killed_and_run_again(name: str, point: str, stages: dict[str, Stage], tmp_path: Path) -> None:
    check(stages[name], resolved(stages[name], point), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["first", "later", "held", "withdraw"])
def test_killed_after_every_single_commit(name: str, stages: dict[str, Stage], tmp_path: Path) -> None:
    stage = stages[name]
    assert len(stage.commits) > 5
    points = [f"commit:{number}" for number in range(1, len(stage.commits) + 1)]
    points += (
        ["prepared"] + (["archived"] if stage.action == "night" else []) + (["ticketed"] if name in ("first", "later", "held") else [])
    )
    for point in points:
        check(stage, point, tmp_path / point.replace(":", "_"))


def test_killed_twice_at_different_points(stages: dict[str, Stage], tmp_path: Path) -> None:
    stage = stages["later"]
    settings = small_settings(tmp_path)
    shutil.copytree(stage.before, settings.state)
    killed(settings, stage.action, "commit:9")
    killed(settings, stage.action, "commit:2")
    district = opened(settings)
    with district.store:
        crash_child.act(district, stage.action, engine())
        assert records(district) == stage.records
        assert tables(district) == stage.tables
        attempts = {row.file_name: row.attempts for row in _all(district)}
        assert sum(attempts.values()) == 2, "each interrupted attempt is counted"


def test_two_processes_over_the_same_inbox_do_what_one_does(stages: dict[str, Stage], tmp_path: Path) -> None:
    stage = stages["later"]
    settings = small_settings(tmp_path)
    shutil.copytree(stage.before, settings.state)
    command = [sys.executable, "-m", "tests.crash_child", "night", "never"]
    both = [
        subprocess.Popen(command, env=environment(settings), cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        _, complaint = process.communicate(timeout=120)
        assert process.returncode == 0, complaint[-2000:]
    district = opened(settings)
    with district.store:
        assert records(district) == stage.records
        assert tables(district) == stage.tables


def _all(district: District) -> list[Any]:
    from sqlalchemy import select

    from districtlake.store.tables import Delivery

    with district.store.session(read_only=True) as session:
        return list(session.scalars(select(Delivery)))

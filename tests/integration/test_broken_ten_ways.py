"""One resource broken in each of many ways: everybody else and their marts are as on an undisturbed night, and the summary names what is
missing from which mart.

The fast suite strikes a small district in two ways; ``make test-all`` strikes it in all, and the demonstration district with all its
resources, too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from districtlake.clock import FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.demo import generate, next_day
from districtlake.marts.definition import marts_behind, sources_of
from districtlake.marts.table import scan_mart
from districtlake.nights import record
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.store.tables import Delivery
from pipelines.home import dagster_home
from tests.broken_ways import WAYS, Place, Way
from tests.running import tables
from tests.small_district import NOON, PEOPLE, Row, day, deliver, environment, small_settings

FAST = ("gx_raises", "killed_midway")
FIRST, SECOND = NOON, NOON + timedelta(days=1)


@dataclass(frozen=True)
class Scene:
    """A district after its first night, the second night's deliveries in the inbox, and how an undisturbed second night ends.

    Attributes:
        home: folder with ``catalog`` and ``state``; copied for every way.
        resource: the one to break. file: what it delivers in the second night, below the inbox. required: a column's title.
    """

    home: Path
    resource: str
    file: Path
    required: str
    undisturbed: dict[str, list[dict[str, object]]]
    marts: dict[str, list[dict[str, object]]]


def settings_of(home: Path) -> Settings:
    state = home / "state"
    return Settings(state=state, inbox=state / "inbox", catalog_dirs=(home / "catalog",), settle_seconds=0, actor="test")


def night(settings: Settings, moment: Any, prelude: str = "") -> tuple[int, dict[str, Any]]:
    """The night as a process of its own: exit code and summary (empty when it was killed)."""
    code = f"{prelude}\nimport sys\nfrom pipelines import nightly\nsys.exit(nightly.main([]))\n"
    variables = {**environment(settings), "DISTRICTLAKE_CLOCK": moment.isoformat()}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    summaries = [event["summary"] for event in told if event["event"] == "summary"]
    if not summaries and done.returncode >= 0:
        pytest.fail(done.stderr[-3000:])
    return done.returncode, summaries[-1] if summaries else {}


def opened(settings: Settings) -> District:
    return open_district(settings, clock=FixedClock(SECOND))


def marts_of(district: District) -> dict[str, list[dict[str, object]]]:
    """Rows of every mart that reads data; those over system tables tell of the disturbance itself."""
    found = {}
    for mart in district.catalog.marts.values():
        if not any(source.startswith("system.") for source in behind(district, mart.id)):
            frame = scan_mart(district.lake, mart.id).select(mart.column_names).collect()
            found[mart.id] = sorted(frame.to_dicts(), key=repr)
    return found


def behind(district: District, mart: str) -> set[str]:
    """All that a mart reads, through other marts, too."""
    sources: set[str] = set()
    for source in sources_of(district.catalog.marts[mart]):
        sources |= {source} | (behind(district, source) if source in district.catalog.marts else set())
    return sources


def set_scene(home: Path, resource: str, required: str, first: Callable[[Path], None], second: Callable[[Path], None]) -> Scene:
    settings = settings_of(home)
    settings.inbox.mkdir(parents=True)
    first(settings.inbox)
    assert night(settings, FIRST)[0] == 0
    before = {path for path in settings.inbox.rglob("*") if path.is_file()}
    second(settings.inbox)
    new = [path for path in settings.inbox.rglob("*") if path.is_file() and path not in before]
    calm = home.parent / "undisturbed"
    shutil.copytree(home, calm)
    assert night(settings_of(calm), SECOND)[0] == 0
    with (district := opened(settings_of(calm))).store:
        with district.store.session(read_only=True) as session:
            files = [row.source_path for row in session.query(Delivery).filter(Delivery.resource == resource)]
        (file,) = [path for path in new if path.relative_to(settings.inbox).as_posix() in files]
        return Scene(home, resource, file.relative_to(settings.inbox), required, tables(district), marts_of(district))


def strike(scene: Scene, name: str, folder: Path) -> None:
    """Break the resource, run the night, look at everybody else."""
    way: Way = WAYS[name]
    home = folder / "struck"
    shutil.copytree(scene.home, home)
    settings = settings_of(home)
    with (district := opened(settings)).store:
        title = district.catalog.resources[scene.resource].title
        readers = set(marts_behind(district.catalog).get(scene.resource, ()))
    way.strike(Place(settings, scene.resource, settings.inbox / scene.file, scene.required))
    code, summary = night(settings, SECOND, f"RESOURCE = {scene.resource!r}\n{way.prelude}" if way.prelude else "")
    if way.killed:
        assert code < 0
        with (district := opened(settings)).store:
            assert [alarm.code for alarm in record.alarms_of_last_night(district)] == ["night.interrupted"]
        code, summary = night(settings, SECOND + timedelta(minutes=5))
        assert [alarm["code"] for alarm in summary["before"]] == ["night.interrupted"]
        assert "没有结束" in summary["attention"][0]["what"]
    assert code == (1 if way.outcome in ("failed", "uncatalogued") else 0), summary["headline"]
    others_are_right(scene, settings, readers, everything=way.killed)
    if way.killed:
        assert summary["missing"] == []
        assert unfinished_runs(settings) == [], "Dagster no longer shows the killed night's run as running"
        return
    told = [entry for entry in summary["missing"] if entry["resource"] == scene.resource]
    assert {entry["resource"] for entry in summary["missing"]} == {scene.resource}
    assert {entry["outcome"] for entry in told} == {way.outcome}
    assert all(entry["hint"] for entry in told)
    assert way.says in told[0]["why"]
    if way.outcome != "uncatalogued":
        assert [entry["title"] for entry in told] == [title]
    if readers:
        assert {mart["id"] for mart in told[0]["marts"]} == readers
        attention = [entry for entry in summary["attention"] if entry["marts"]]
        assert attention, summary["attention"]
    report = (settings.outbox / summary["report"]["html"]).read_text(encoding="utf-8")
    assert ("缺于数据集市" in report) == bool(readers)
    assert summary["alarms"] == [], "a failure is an outcome"


def others_are_right(scene: Scene, settings: Settings, readers: set[str], *, everything: bool) -> None:
    if not everything:  # where the entry is broken, the catalogue no longer knows the resource; look with the whole one
        shutil.copytree(scene.home / "catalog", settings.catalog_dirs[0], dirs_exist_ok=True)
    with (district := opened(settings)).store:
        with district.store.session(read_only=True) as session:
            waiting = {row.resource for row in session.query(Delivery).filter(Delivery.state.not_in(("done", "duplicate")))}
        assert waiting <= (set() if everything else {scene.resource})
        for name, rows in scene.undisturbed.items():
            resource = name.partition("/")[2]
            if resource != scene.resource or everything:
                assert comparable(tables_of(district, name)) == comparable(rows), name
        after = marts_of(district)
        for mart, built in scene.marts.items():
            if mart not in readers or everything:
                assert after[mart] == built, mart


def unfinished_runs(settings: Settings) -> list[str]:
    import dagster as dg

    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        return [run.job_name for run in instance.get_runs() if not run.is_finished]


def tables_of(district: District, name: str) -> list[dict[str, object]]:
    from districtlake.warehouse.commit import read

    layer, _, resource = name.partition("/")
    rows = read(district.lake, layer, resource).to_dicts()
    return sorted(rows, key=lambda row: repr(sorted(row.items(), key=lambda cell: cell[0])))


def comparable(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Without the moment of processing, which the night after a killed one cannot share."""
    return [
        {name: value for name, value in row.items() if name not in ("validated_at", "first_seen_at", "last_seen_at", "closed_at")}
        for row in rows
    ]


# a small district --------------------------------------------------------------------------------------------------------
_LIBRARIES = "registers: {name: 登记库, kind: base, description: 两个登记局的表。}\n"
_MART = """
title: %s
description: 供测试的表。
owner: data-office@district.example
key: [code]
columns:
  - {name: code, title: 编号, type: text}
  - {name: amount, title: 数量, type: integer}
"""
_MARTS = {
    "people": ("人员表", "select code, amount from registry_bureau.people"),
    "notes": ("记录表", "select code, amount from other_bureau.notes"),
    "both": ("合并表", "select n.code, coalesce(p.amount, 0) + n.amount as amount from registers.notes n left join registers.people p using (code)"),
    "payments": ("支付表", "select code, amount from registry_bureau.payments"),
}  # fmt: skip
GOOD: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 2, None), ("A3", "丙", 3, None), ("A4", "丁", 400, None), ("A5", "戊", 5, None)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    home = tmp_path_factory.mktemp("small") / "home"
    home.mkdir()
    catalog = small_settings(home).catalog_dirs[0]
    (catalog / "marts" / "registers").mkdir(parents=True)
    (catalog / "marts" / "libraries.yaml").write_text(_LIBRARIES, encoding="utf-8")
    for name, (title, sql) in _MARTS.items():
        (catalog / "marts" / "registers" / f"{name}.yaml").write_text(_MART % title, encoding="utf-8")
        (catalog / "marts" / "registers" / f"{name}.sql").write_text(sql + "\n", encoding="utf-8")

    def deliveries(inbox: Path, number: int, rows: list[Row]) -> None:
        deliver(inbox, f"people_{day(number)}.csv", rows)
        deliver(inbox, f"payments_{day(number)}.csv", rows[:2])
        deliver(inbox, f"notes_{day(number)}.csv", rows[1:], agency="other_bureau")

    changed: list[Row] = [("A1", "甲", 10, None), *GOOD[1:], ("A6", "己", 6, None)]
    return set_scene(home, PEOPLE, "名称", lambda inbox: deliveries(inbox, 1, GOOD), lambda inbox: deliveries(inbox, 2, changed))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in WAYS])
def test_a_small_district(small: Scene, name: str, tmp_path: Path) -> None:
    strike(small, name, tmp_path)


# the whole demonstration district ----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    home = tmp_path_factory.mktemp("whole") / "home"
    shutil.copytree(PROJECT_ROOT / "catalog", home / "catalog")
    target = home.parent / "demo"

    def live(inbox: Path) -> None:
        (generate(target, seed=20260302, days=1, size=100, first_day=date(2026, 3, 2)) if not target.exists() else next_day(target))
        shutil.copytree(target / "inbox", inbox, dirs_exist_ok=True)

    return set_scene(home, "urban_management_bureau.outdoor_advertising", "设置地点", live, live)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", WAYS)
def test_the_whole_district(whole: Scene, name: str, tmp_path: Path) -> None:
    strike(whole, name, tmp_path)

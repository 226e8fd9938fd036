"""Building marts over real deliveries of the small district: what is computed, what is left alone, what one failure stops."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from districtlake.delivery.district import District, open_district
from districtlake.marts import record, table
from districtlake.marts.build import due_marts
from districtlake.marts.relations import mart_relations
from districtlake.marts.system import SYSTEM_TABLES
from districtlake.warehouse.sql import Session
from tests.small_district import NOTES, PEOPLE, day, deliver, open_small
from tests.small_marts import built, judge, process, recorded, rows, write_marts

TOTALS, BIG, NEIGHBOUR = "base.totals", "base.big", "other.notes"


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    opened = open_small(tmp_path)
    write_marts(opened.settings.catalog_dirs[0])
    opened.store.close()
    district = open_small(tmp_path)
    deliver(tmp_path / "in", f"people_{day(2)}.csv", [(f"A{i}", f"名{i % 7}", i, None) for i in range(30)])
    deliver(tmp_path / "in", f"notes_{day(2)}.csv", [("N1", "甲", 5, None), ("N2", "甲", 6, None)], agency="other_bureau")
    process(district, tmp_path / "in")
    yield district
    district.store.close()


def again(district: District) -> District:
    """The district with its catalogue read anew."""
    return open_district(district.settings, clock=district.clock)


def test_marts_are_built_in_order_and_left_alone_while_nothing_changed(district: District) -> None:
    first = built(district)
    assert list(first) == [TOTALS, BIG, NEIGHBOUR]
    assert {build.outcome for build in first.values()} == {"built"}
    assert rows(district, NEIGHBOUR) == [("甲", 11)]
    assert len(rows(district, BIG)) == 7
    assert due_marts(district) == []
    assert {build.outcome for build in built(district).values()} == {"skipped"}
    assert table.version_of(district.lake, TOTALS) == first[TOTALS].version


def test_a_resource_that_was_never_delivered_counts_as_empty(district: District) -> None:
    build = built(district)[TOTALS]
    assert build.inputs["registry_bureau.payments"] == "absent"
    assert {row[3] for row in rows(district, TOTALS)} == {0}


def test_only_touched_keys_are_computed_and_only_what_differs_is_written(district: District, tmp_path: Path) -> None:
    built(district)
    deliver(tmp_path / "in2", f"payments_{day(3)}.csv", [("P1", "名3", 40, None)])
    process(district, tmp_path / "in2")
    assert [due.mart.id for due in due_marts(district)] == [TOTALS, BIG]
    builds = built(district)
    assert (builds[TOTALS].mode, builds[TOTALS].updated, builds[TOTALS].inserted) == ("incremental", 1, 0)
    assert (builds[BIG].outcome, builds[BIG].mode) == ("unchanged", "full")
    assert builds[NEIGHBOUR].outcome == "skipped"
    assert {row[0] for row in rows(district, TOTALS) if row[3] == 40} == {"名3"}
    incremental = rows(district, TOTALS)
    assert built(district, [TOTALS], full=True)[TOTALS].outcome == "unchanged"
    assert rows(district, TOTALS) == incremental


def test_a_feed_that_cannot_be_read_makes_a_full_build_that_says_so(district: District, tmp_path: Path) -> None:
    built(district)
    deliver(tmp_path / "in2", f"people_{day(3)}.csv", [(f"A{i}", f"名{i % 7}", i + (i == 3), None) for i in range(30)])
    process(district, tmp_path / "in2")
    folder = district.lake / "warehouse" / PEOPLE.replace(".", "/")
    shutil.rmtree(folder / "_change_data", ignore_errors=True)
    build = built(district)[TOTALS]
    assert (build.mode, build.outcome, build.updated) == ("full", "built", 1)
    assert "change feed" in build.reason


def test_one_failure_stops_only_its_readers_and_keeps_the_last_version(district: District) -> None:
    built(district)
    before = rows(district, TOTALS)
    write_marts(district.settings.catalog_dirs[0], totals="select name, 1 as people, 1 as amount, 1 as paid from registry_bureau.people")
    changed = again(district)
    builds = built(changed)
    changed.store.close()
    assert builds[TOTALS].outcome == "failed"
    assert "not unique" in builds[TOTALS].reason
    assert builds[BIG].outcome == "blocked"
    assert TOTALS in builds[BIG].reason
    assert builds[NEIGHBOUR].outcome == "skipped"
    assert rows(district, TOTALS) == before


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select name, people, amount, paid from registry_bureau.nobody", "no table registry_bureau.nobody"),
        ("select name, 'x' as people, 1 as amount, 1 as paid from registry_bureau.people limit 1", "people"),
        ("select name, nothing as people, 1 as amount, 1 as paid from registry_bureau.people", "nothing"),
        ("select name from", "cannot be parsed"),
        ("select cast(null as varchar) as name, 1 as people, 1 as amount, 1 as paid", "no value in the key"),
    ],
)
def test_what_is_wrong_with_a_statement_is_said_and_no_other_mart_suffers(district: District, sql: str, told: str) -> None:
    write_marts(district.settings.catalog_dirs[0], totals=sql)
    changed = again(district)
    builds = built(changed)
    changed.store.close()
    assert builds[TOTALS].outcome == "failed"
    assert told in builds[TOTALS].reason
    assert builds[NEIGHBOUR].outcome == "built"


def test_a_circle_stops_those_in_it_and_their_readers_and_the_graph_still_loads(district: District) -> None:
    from assets.marts import mart_assets

    write_marts(district.settings.catalog_dirs[0], totals="select name, 1 as people, amount, 1 as paid from base.big")
    changed = again(district)
    builds = built(changed)
    assert {name: build.outcome for name, build in builds.items()} == {TOTALS: "failed", BIG: "failed", NEIGHBOUR: "built"}
    assert "base.totals → base.big → base.totals" in builds[TOTALS].reason
    assert len(mart_assets(changed.catalog).keys) == 3
    changed.store.close()


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select repeat('x', 1000) || n as name, 1 as people, 1 as amount, 1 as paid from range(100000) r(n)", "more than 32 MB"),
        (
            "select 'x' as name, sum(hash(n) % 7)::bigint as people, 1 as amount, 1 as paid from range(100000000000) r(n)",
            "stopped after 2 sec",
        ),
    ],
)
def test_a_select_that_would_take_the_night_with_it_is_stopped(district: District, sql: str, told: str) -> None:
    write_marts(district.settings.catalog_dirs[0], totals=sql)
    changed = open_district(district.settings.model_copy(update={"sql_memory_mb": 8, "mart_seconds": 2}), clock=district.clock)
    builds = built(changed)
    changed.store.close()
    assert told in builds[TOTALS].reason
    assert builds[NEIGHBOUR].outcome == "built"


def test_no_reason_of_a_failed_build_holds_a_value(district: District) -> None:
    secret = "select 'x' as name, error(name || 123456) as people, 1 as amount, 1 as paid from registry_bureau.people"
    for sql in (
        secret,
        secret.replace("error(name || 123456)", "cast(name as int)"),
        secret.replace("error(name || 123456)", "year(strptime(name, '%Y'))"),
    ):
        write_marts(district.settings.catalog_dirs[0], totals=sql)
        changed = again(district)
        build = built(changed)[TOTALS]
        changed.store.close()
        assert build.outcome == "failed"
        assert "名" not in build.reason
        assert "123456" not in build.reason
        assert "DuckDB: " in build.reason


def test_a_failed_hold_check_keeps_the_last_version_and_is_on_record(district: District) -> None:
    built(district)
    before = rows(district, TOTALS)
    write_marts(
        district.settings.catalog_dirs[0], totals="select distinct name, 0 as people, 10 as amount, 0 as paid from registry_bureau.people"
    )
    changed = again(district)
    builds = built(changed)
    assert builds[TOTALS].outcome == "held"
    assert "人数应大于零" in builds[TOTALS].reason
    assert rows(district, TOTALS) == before
    assert dict(builds[BIG].stale_sources) == {TOTALS: "held"}
    results = record.latest_results(changed.lake, TOTALS)
    assert results.select("rule", "outcome", "failed").rows() == [("people.some", "failed", 7)]
    assert due_marts(changed) == []  # the same inputs would be held again
    changed.store.close()


def test_a_resource_whose_newest_delivery_is_held_is_named_in_the_marts_that_read_it(district: District, tmp_path: Path) -> None:
    built(district)
    deliver(tmp_path / "in2", f"people_{day(3)}.csv", [("A1", "名1", 1, None)])  # shrinks beyond what is allowed
    process(district, tmp_path / "in2")
    builds = built(district)
    assert dict(builds[TOTALS].stale_sources) == {PEOPLE: "held"}
    assert dict(builds[BIG].stale_sources) == {PEOPLE: "held"}
    assert dict(builds[NEIGHBOUR].stale_sources) == {}


def test_a_build_lost_between_commit_and_record_comes_out_the_same(
    district: District, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(district)
    deliver(tmp_path / "in2", f"payments_{day(3)}.csv", [("P1", "名3", 40, None)])
    process(district, tmp_path / "in2")

    def lost(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(record, "append", lost)
        with pytest.raises(KeyboardInterrupt):
            built(district)
    after = rows(district, TOTALS)
    assert {row[3] for row in after} == {0, 40}
    assert built(district)[TOTALS].outcome == "unchanged"
    assert rows(district, TOTALS) == after
    assert recorded(district, TOTALS) == ["built", "unchanged"]


def test_every_version_says_what_it_was_made_from_and_stays_readable(district: District, tmp_path: Path) -> None:
    first = built(district)[TOTALS]
    before = rows(district, TOTALS)
    deliver(tmp_path / "in2", f"payments_{day(3)}.csv", [("P1", "名3", 40, None)])
    process(district, tmp_path / "in2")
    second = built(district)[TOTALS]
    history = DeltaTable(str(table.path_of(district.lake, TOTALS))).history(1)
    told = json.loads(history[0]["districtlake_build"])
    assert told["inputs"] == dict(second.inputs)
    assert told["definition"] == second.definition
    assert sorted(table.scan_mart(district.lake, TOTALS, version=first.version).collect().rows(), key=repr) == before


def test_a_column_that_the_table_lacks_is_null_until_it_is_delivered(district: District) -> None:
    catalog = district.settings.catalog_dirs[0]
    path = catalog / "resources" / f"{NOTES.replace('.', '/')}.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("  - {name: remark, title", "  - {name: added, title: 新增, element: remark}\n  - {name: remark, title"),
        encoding="utf-8",
    )
    write_marts(catalog, notes="select name, count(added) as amount from other_bureau.notes group by name")
    changed = again(district)
    assert built(changed)[NEIGHBOUR].outcome == "built"
    assert rows(changed, NEIGHBOUR) == [("甲", 0)]
    changed.store.close()


def test_marts_and_system_tables_answer_sql_and_tell_no_key_or_value(district: District, tmp_path: Path) -> None:
    deliver(
        tmp_path / "in2",
        f"notes_{day(3)}.csv",
        [("SECRET1", "乙", 5000, None), ("N1", "甲", 5, None), ("N2", "甲", 6, None)],
        agency="other_bureau",
    )
    process(district, tmp_path / "in2")
    built(district)
    relations = mart_relations(district)

    def asked(statement: str) -> list[dict[str, object]]:
        with Session(relations, statement) as session:
            return pl.DataFrame(session.table()).to_dicts()

    assert asked("select count(*) as n from base.totals") == [{"n": 7}]
    assert asked("select rule, state from System.problems") == [{"rule": "amount.range", "state": "open"}]
    assert asked("select outcome from system.mart_builds where mart = 'other.notes'") == [{"outcome": "built"}]
    assert asked("select today from system.today") == [{"today": district.clock.now().date()}]
    for name, known in SYSTEM_TABLES.items():
        assert "SECRET1" not in repr(known.frame(district).rows()), name


def test_the_real_validator_judges_marts(district: District) -> None:
    from districtlake.marts.build import build_marts
    from expectations.validate import validate

    with_gx = {build.mart: [(r.rule.id, r.outcome, r.evaluated) for r in build.results] for build in build_marts(district, validate)}
    plain = {build.mart: [(r.rule.id, r.outcome, r.evaluated) for r in build.results] for build in build_marts(district, judge, full=True)}
    assert with_gx == plain
    assert with_gx[TOTALS] == [("people.some", "passed", 7)]

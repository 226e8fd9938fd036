"""Releasing, withdrawing, reprocessing and backfilling a resource of Spark leave the tables that the embedded engine leaves, and no rows in the driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from districtlake.delivery import operations
from districtlake.delivery.delivered_rows import CarriedHere
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, Hooks, Outcome
from districtlake.distributed import commits
from districtlake.distributed.carrier import spark_carrier
from districtlake.errors import OperationRefused
from districtlake.warehouse.tables import address
from expectations.validate import validate
from tests.running import run_folder
from tests.small_district import HEADER, PAYMENTS, PEOPLE, VISITS, Row, day, deliver, deliveries, open_small, write_catalog
from tests.spark.same_tables import assert_same, state_of, told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

BY = {"actor": "处长", "reason": "经核实"}
Act = Callable[[District, Engine], list[Outcome]]

GOOD: list[Row] = [(f"A{number}", "甲", number, None) for number in range(1, 9)]
SNAPSHOTS: dict[str, list[Row]] = {
    f"people_{day(1)}.csv": GOOD,
    f"people_{day(2)}.csv": [("A1", "甲", 500, None), ("A2", "乙乙", 2, None), *GOOD[2:6], ("A9", "戊", 5, None), ("A9", "戊", 5, None)],
    f"people_fix_{day(2)}.csv": [("A1", "甲", 50, None), ("A3", "丙", None, "补")],
    f"people_{day(3)}.csv": [("A1", "甲", 50, None), ("A2", "乙", 250, None), *GOOD[4:7], ("A9", "一个过长的名称啊啊", 501, None)],
}
FILES = list(SNAPSHOTS)
HELD, LATER, LATER_STILL = (f"people_{day(number)}.csv" for number in (4, 5, 6))


def withdraw(file: str) -> Act:
    return lambda district, engine: operations.withdraw(district, deliveries(district)[file].id, engine, **BY)


def release(file: str) -> Act:
    return lambda district, engine: operations.release(district, deliveries(district)[file].id, engine, **BY)


def reprocess(file: str) -> Act:
    return lambda district, engine: operations.reprocess(district, deliveries(district)[file].id, engine, **BY)


def backfill(resource: str, first: int, last: int) -> Act:
    def act(district: District, engine: Engine) -> list[Outcome]:
        since, until = (deliveries(district)[f"{resource.rpartition('.')[2]}_{day(number)}.csv"].data_date for number in (first, last))
        assert since is not None
        return operations.backfill(district, resource, engine, since=since, until=until, **BY)

    return act


def carried_out(
    folder: Path, files: dict[str, tuple[list[Row], str]], acts: list[Act], then: Callable[[Path], object], night: dict[str, object],
    changes: dict[str, object],
) -> list[tuple[dict[str, list[dict[str, object]]], list[tuple[object, ...]]]]:  # fmt: skip
    """Deliver and process the files, change the catalogue below ``folder`` by ``then``, act: the tables and outcomes after each act.

    Args: ``night``: settings under which the files are processed. ``changes``: under which the acts are carried out.
    """
    staging = folder / "state" / "spark" / "staging"
    between: list[int] = []
    hooks = Hooks(tell=lambda message: between.append(len(list(staging.glob("*/between-*")))))
    engine = Engine(validator=validate, hooks=hooks, carriers={"spark": spark_carrier})
    with (district := open_small(folder, **night)).store:
        for name, (rows, header) in files.items():
            deliver(district.settings.inbox, name, rows, header)
            run_folder(district, district.settings.inbox, engine)
    then(folder / "catalog")
    found = []
    with (district := open_small(folder, **changes)).store, pytest.MonkeyPatch.context() as patch:
        if changes:
            patch.setattr(CarriedHere, "table", lambda self, version: pytest.fail("the driver holds the warehouse"))
        for act in acts:
            outcomes = act(district, engine)
            assert {one.engine for one in outcomes} <= {str(changes.get("engine", "embedded"))}
            found.append((state_of(district), told(outcomes)))
        assert max(between, default=0) <= 2, "more than two tables lay beside the lake"
        assert not list(staging.glob("*")), "staged rows were left behind"
        if changes and found[-1][1]:
            by_spark = [one for one in district.catalog.resources if replaced_by_spark(address(district.lake, "cleansed", one))]
            assert bool(by_spark) == (commits.BY_SPARK_ROWS == 0)
    return found


def replaced_by_spark(table: Path) -> bool:
    """Whether a commit of Spark took rows of deliveries out and put others in."""
    entries = DeltaTable(str(table)).history() if table.is_dir() else []
    return any(
        str(one.get("engineInfo", "")).startswith("Apache-Spark") and "_delivery" in str(one["operationParameters"]) for one in entries
    )


def assert_both(
    tmp_path: Path, on_spark: dict[str, object], files: dict[str, list[Row]], acts: list[Act],
    then: Callable[[Path], object] = lambda catalog: None, headers: dict[str, str] | None = None, night: dict[str, object] | None = None,
) -> list[tuple[dict[str, list[dict[str, object]]], list[tuple[object, ...]]]]:  # fmt: skip
    """The embedded engine's tables after each act, which are Spark's, too. ``night``: who processes the files there; by default the embedded engine."""
    given = {name: (rows, (headers or {}).get(name, HEADER)) for name, rows in files.items()}
    embedded = carried_out(tmp_path / "embedded", given, acts, then, {}, {})
    spark = carried_out(tmp_path / "区 湖@1", given, acts, then, night or {}, on_spark)
    for number, ((left, said), (right, said_there)) in enumerate(zip(embedded, spark, strict=True)):
        assert_same(left, right)
        assert said == said_there, f"act {number}"
    return embedded


@pytest.fixture(params=[0, commits.BY_SPARK_ROWS], ids=["every-commit-by-spark", "small-commits-by-deltalake"])
def commit_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(commits, "BY_SPARK_ROWS", request.param)
    return int(request.param)


@pytest.mark.parametrize("file", FILES, ids=["first", "middle", "correction", "last"])
def test_withdrawn(file: str, tmp_path: Path, on_spark: dict[str, object], commit_way: int) -> None:
    ((tables, _),) = assert_both(tmp_path, on_spark, SNAPSHOTS, [withdraw(file)])
    assert tables[f"raw/{PEOPLE}"]
    assert tables[f"warehouse/{PEOPLE}"]


def test_held_snapshots_released_and_withdrawn(tmp_path: Path, on_spark: dict[str, object], commit_way: int) -> None:
    """The drop guard holds three; from the second act on the folds start from nothing, and the last has nothing to fold."""
    files: dict[str, list[Row]] = {
        FILES[0]: GOOD,
        FILES[1]: [("A1", "甲", 11, None), *GOOD[1:]],
        HELD: [("A1", "甲", 999, None), ("B1", "乙", 1, None)],
        LATER: [("A2", "甲", 2, None), ("C1", "乙", 2, None)],
        LATER_STILL: [("D1", "甲", 2, None)],
    }
    acts = [withdraw(LATER_STILL), release(HELD), release(LATER), withdraw(HELD), withdraw(FILES[1]), withdraw(FILES[0]), withdraw(LATER)]
    _, released, both, gone, *_, nothing = assert_both(tmp_path, on_spark, files, acts, night=on_spark)
    assert [outcome[1] for outcome in released[1]] == ["done", "done", "done", "held"]
    assert {row["code"] for row in both[0][f"warehouse/{PEOPLE}"]} == {"A2", "C1"}
    assert gone[0][f"warehouse/{PEOPLE}"]
    assert not nothing[0][f"warehouse/{PEOPLE}"]


def test_what_cannot_be_released_changes_nothing(tmp_path: Path, on_spark: dict[str, object]) -> None:
    def refused(district: District, engine: Engine) -> list[Outcome]:
        with pytest.raises(OperationRefused, match="名称"):
            release(HELD)(district, engine)
        return []

    assert_both(tmp_path, on_spark, {FILES[0]: GOOD, HELD: [("A1", 5)]}, [refused], headers={HELD: "编号,数量"})


def changed(catalog: Path) -> None:
    """More is allowed, an item goes, and two come: one that the files have, one that they lack."""
    write_catalog(catalog, most=300)
    for entry in (catalog / "resources").glob("*/*.yaml"):
        text = entry.read_text(encoding="utf-8")
        added = "  - {name: note, title: 附注, element: remark}\n  - {name: counted, title: 计数, element: count_integer}\nchecks:"
        kept = [line for line in text.replace("checks:", added).splitlines(keepends=True) if "name: remark" not in line]
        entry.write_text("".join(kept), encoding="utf-8")


def test_reprocessed_under_a_changed_catalogue_from_the_version_before(
    tmp_path: Path, on_spark: dict[str, object], commit_way: int
) -> None:
    files = {name: [(*row, f"附{number}") for number, row in enumerate(rows)] for name, rows in SNAPSHOTS.items()}
    headers = dict.fromkeys(files, f"{HEADER},附注")
    acts = [reprocess(FILES[1]), backfill(PEOPLE, 2, 3)]
    (first, _), (again, _) = assert_both(tmp_path, on_spark, files, acts, changed, headers)
    assert {row["note"] for row in first[f"warehouse/{PEOPLE}"]} != {None}
    assert first[f"warehouse/{PEOPLE}"]
    assert again[f"warehouse/{PEOPLE}"]


OPERATION = "{files: 'payments*.csv', mode: incremental, operation: {column: 操作, insert: [I, 新增], update: U, delete: D}}"


def test_with_an_operation_column_and_without_a_key(tmp_path: Path, on_spark: dict[str, object], commit_way: int) -> None:
    for folder in ("embedded", "区 湖@1"):
        entry = write_catalog(tmp_path / folder / "catalog") / "resources" / f"{PAYMENTS.replace('.', '/')}.yaml"
        text = entry.read_text(encoding="utf-8")
        entry.write_text(text.replace("{files: 'payments*.csv', mode: incremental}", OPERATION), encoding="utf-8")
    told_of: dict[str, list[Row]] = {
        f"payments_{day(1)}.csv": [("A1", "甲", 1, None, "I"), ("A2", "乙", 2, None, "新增"), ("A3", "丙", 300, None, "I")],
        f"payments_{day(2)}.csv": [
            ("A1", "甲", 11, None, "U"),
            ("A2", "乙", 2, None, "D"),
            ("A4", "丁", 4, None, "I"),
            ("A4", "丁", 5, None, "U"),
        ],
        f"payments_{day(3)}.csv": [
            ("A3", "丙", 3, None, "U"),
            ("A2", "乙", 7, None, "I"),
            ("A1", "甲", 11, None, "D"),
            ("A7", "甲", 1, None, "?"),
        ],
    }
    visits: dict[str, list[Row]] = {
        f"visits_{day(1)}.csv": [("A1", "甲", 1, None), ("A1", "甲", 1, None), ("A2", "乙", 200, None), ("", "丙", 3, "x")],
        f"visits_{day(2)}.csv": [("A1", "甲", 1, None), ("A5", "戊", 5, None)],
        f"visits_{day(3)}.csv": [("A5", "戊", 6, None), ("A2", "", 2, None)],
    }
    acts = [
        withdraw(f"payments_{day(2)}.csv"),
        reprocess(f"payments_{day(1)}.csv"),
        withdraw(f"visits_{day(1)}.csv"),
        backfill(VISITS, 2, 3),
    ]
    headers = dict.fromkeys(told_of, f"{HEADER},操作")
    *_, (tables, _) = assert_both(tmp_path, on_spark, {**told_of, **visits}, acts, headers=headers)
    assert tables[f"history/{PAYMENTS}"]
    assert tables[f"warehouse/{VISITS}"]

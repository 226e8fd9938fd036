"""A resource whose catalogue entry or setting says Spark is carried by it, and its tables are those of the embedded engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from districtlake.delivery.delivered_rows import engine_of
from districtlake.distributed import commits
from districtlake.spark import session
from districtlake.warehouse.tables import address
from tests.running import engine, run_folder
from tests.small_district import PEOPLE, day, deliver, open_small
from tests.spark.same_tables import assert_same, state_of, told

FIRST = [
    ("A1", "张", 1, "x"),
    ("A2", "李", 200, ""),
    ("A3", "王", 3, None),
    ("A3", "王二", 3, None),
    ("A4", "赵", "四", "y"),
    ("A5", "钱", 5, "z"),
    ("A5", "钱", 5, "z"),
]
THEN = [("A1", "张", 2, "x"), ("A5", "钱", 5, "z"), ("A6", "孙", 6, ""), ("A7", "周", 500, ""), ("A4", "名称长过八个字的一行", 4, "y")]


def night(folder: Path, **changes: Any) -> tuple[Any, Any]:
    district = open_small(folder, **changes)
    try:
        deliver(district.settings.inbox, f"people_{day(2)}.csv", FIRST)
        deliver(district.settings.inbox, f"people_{day(3)}.csv", THEN)
        _, outcomes = run_folder(district, district.settings.inbox)
        assert {one.engine for one in outcomes} == {changes.get("engine", "embedded")}
        if changes:
            history = DeltaTable(str(address(district.lake, "warehouse", PEOPLE))).history()
            assert {"MERGE"} <= {entry["operation"] for entry in history}, "no MERGE wrote the warehouse"
            by_spark = any(str(entry.get("engineInfo", "")).startswith("Apache-Spark") for entry in history)
            assert by_spark == (commits.BY_SPARK_ROWS == 0)
            table = DeltaTable(str(address(district.lake, "warehouse", PEOPLE)))
            feed = pl.DataFrame(table.load_cdf(starting_version=1).read_all())
            assert {"insert", "update_preimage", "update_postimage"} <= set(feed["_change_type"])
            assert not list((district.settings.state / "spark" / "staging").glob("*")), "staged rows were left behind"
        return state_of(district), told(outcomes)
    finally:
        district.store.close()


@pytest.mark.parametrize(
    "by_spark_rows",
    [
        pytest.param(0, id="every-commit-by-spark", marks=pytest.mark.slow),
        pytest.param(commits.BY_SPARK_ROWS, id="small-commits-by-deltalake"),
    ],
)
def test_two_deliveries_leave_the_same_tables_as_the_embedded_engine(
    tmp_path: Path, on_spark: dict[str, object], by_spark_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "BY_SPARK_ROWS", by_spark_rows)
    tables, outcomes = night(tmp_path / "embedded")
    assert tables[f"quarantine/{PEOPLE}"], "the example has nothing in quarantine"
    assert tables[f"history/{PEOPLE}"], "the example ends no version"
    assert tables[f"problems/{PEOPLE}"], "the example has no problem"
    by_spark, told_by_spark = night(tmp_path / "区 湖@1", **on_spark)
    assert_same(tables, by_spark)
    assert told_by_spark == outcomes


def test_the_entry_of_a_resource_goes_before_the_setting(tmp_path: Path) -> None:
    district = open_small(tmp_path, engine="spark")
    try:
        resource = district.resource(PEOPLE)
        assert engine_of(district, resource) == "spark"
        here = resource.model_copy(update={"engine": "embedded"})
        assert engine_of(district, here) == "embedded"
    finally:
        district.store.close()


def test_without_spark_the_delivery_fails_with_the_remedy_and_is_not_carried_by_another_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "missing_parts", lambda: ["java"])
    district = open_small(tmp_path, engine="spark")
    try:
        deliver(district.settings.inbox, f"people_{day(2)}.csv", FIRST)
        _, (outcome,) = run_folder(district, district.settings.inbox, engine())
        assert outcome.state == "failed"
        assert outcome.error is not None
        assert outcome.error.code == "spark.missing"
        assert "make spark" in str(outcome.error)
        assert DeltaTable(str(address(district.lake, "warehouse", PEOPLE))).version() == 0
    finally:
        district.store.close()

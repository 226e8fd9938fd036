"""Marts and comparisons computed on Spark equal those of the embedded engine, row by row, from the same text of SQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from districtlake.catalog.match_steps import MATCH_STEPS
from districtlake.clock import Clock, FixedClock
from districtlake.comparison.compare import compare
from districtlake.comparison.matching import macros
from districtlake.delivery.district import District, open_district
from districtlake.marts import record, table
from districtlake.marts.build import build_marts, due_marts
from districtlake.marts.carriers import carrier, select
from districtlake.marts.definition import mart_schema
from districtlake.marts.sources import Inputs
from districtlake.marts.statements import parse
from districtlake.settings import Engine, Settings
from districtlake.spark.session import missing_parts
from districtlake.warehouse.leads import LEADS, read_leads
from tests.small_marts import passing

pytestmark = [
    pytest.mark.slow, pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(missing_parts()), reason="Spark is not installed here: make spark"),
    # pyspark knows no pandas 3 yet; no pandas frame crosses over
    pytest.mark.filterwarnings("ignore:.*pandas.*"),
    # pyspark leaves the connection to Java to its collector
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]  # fmt: skip
MASTER = os.environ.get("TEST_SPARK_MASTER", "local[2]")
PRESENT_STATES = {"run", "first_run", "closed_run", "first_seen_at", "closed_at", "seen_at", "last_run", "last_seen_at"}


def on(district: District, state: Path, engine: Engine, clock: Clock | None = None) -> District:
    """A copy of a district whose marts and comparisons an engine computes."""
    shutil.copytree(district.settings.state, state, symlinks=True)
    given = district.settings
    settings = Settings(
        state=state, inbox=state / "inbox", catalog_dirs=given.catalog_dirs, settle_seconds=0, actor="test", engine=engine, spark_master=MASTER,
        spark_driver_mb=1024, spark_executor_mb=1024, spark_partitions=2, spark_ui=False,
    )  # fmt: skip
    return open_district(settings, clock=clock or FixedClock(district.clock.now()))


@pytest.fixture(scope="module")
def two(demonstration: District, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Engine, District]]:
    folder = tmp_path_factory.mktemp("engines")
    both: dict[Engine, District] = {
        "embedded": on(demonstration, folder / "embedded", "embedded"), "spark": on(demonstration, folder / "spark", "spark"),
    }  # fmt: skip
    yield both
    for one in both.values():
        one.store.close()


def test_every_mart_is_the_same_table(two: dict[Engine, District]) -> None:
    for district in two.values():
        builds = build_marts(district, passing, full=True)
        assert {build.outcome for build in builds} <= {"built", "unchanged"}, [(build.mart, build.reason) for build in builds]
        assert len(builds) == len(district.catalog.marts) >= 22
    for mart in two["spark"].catalog.marts.values():
        ours, theirs = (table.scan_mart(two[engine].lake, mart.id).collect().sort(list(mart.key)) for engine in ("embedded", "spark"))
        assert_frame_equal(theirs, ours, check_exact=True)
        assert theirs.schema == mart_schema(mart, two["spark"].catalog)
    assert sum(table.scan_mart(two["spark"].lake, mart).select(pl.len()).collect().item() for mart in two["spark"].catalog.marts) > 1000


def test_every_comparison_finds_the_same_leads(two: dict[Engine, District]) -> None:
    found = {}
    for engine, district in two.items():
        done = compare(district, full=True)
        assert {one.outcome for one in done} <= {"compared", "not_comparable"}, [(one.pairing, one.reason) for one in done]
        assert sum(one.outcome == "compared" for one in done) >= 8
        found[engine] = read_leads(district.lake).sort("lead_id").drop(PRESENT_STATES & set(LEADS))
    assert_frame_equal(found["spark"], found["embedded"], check_exact=True)
    assert found["spark"].height > 5


def test_another_night_computes_only_what_changed_and_comes_to_the_same(two: dict[Engine, District]) -> None:
    """Deletions from a source, then marts by their affected keys and comparisons by theirs, on either engine."""
    from districtlake.warehouse.tables import address

    after = {}
    for engine, district in two.items():
        build_marts(district, passing)
        compare(district)
        path = str(address(district.lake, "warehouse", "public_security_bureau.deaths"))
        _delete_some(path)
        builds = {one.mart: one for one in build_marts(district, passing)}
        done = [one for one in compare(district) if one.outcome == "compared"]
        assert builds["population.persons"].mode == "incremental", builds["population.persons"].reason
        assert any(one.mode == "incremental" for one in done), [(one.pairing, one.why_full) for one in done]
        after[engine] = (
            table.scan_mart(district.lake, "population.persons").collect().sort("citizen_id"),
            read_leads(district.lake).sort("lead_id").drop(PRESENT_STATES & set(LEADS)),
            {name: (one.inserted, one.updated, one.deleted) for name, one in builds.items()},
            [(one.pairing, one.mode, one.keys, one.opened, one.closed) for one in done],
        )
    assert_frame_equal(after["spark"][0], after["embedded"][0], check_exact=True)
    assert_frame_equal(after["spark"][1], after["embedded"][1], check_exact=True)
    assert after["spark"][2:] == after["embedded"][2:]


def _delete_some(path: str) -> None:
    rows = pl.DataFrame(DeltaTable(path).to_pyarrow_table(columns=["citizen_id"])).sort("citizen_id")
    gone = rows["citizen_id"].head(2).to_list()
    assert gone
    DeltaTable(path).delete("citizen_id IN (" + ", ".join(f"'{one}'" for one in gone) + ")")


def test_another_engine_is_no_reason_to_build_anew(two: dict[Engine, District], tmp_path: Path) -> None:
    build_marts(two["spark"], passing)
    moved = on(two["spark"], tmp_path / "moved", "embedded")
    try:
        assert due_marts(moved) == []
    finally:
        moved.store.close()


def test_one_mart_may_name_its_engine(two: dict[Engine, District]) -> None:
    """The setting says embedded; a mart that says spark is computed there."""
    district = two["embedded"]
    mart = district.catalog.marts["geography.streets"]
    asked: list[Engine] = []
    from districtlake.marts import build

    real = build.select
    district.catalog.marts[mart.id] = mart.model_copy(update={"engine": "spark"})
    build.select = lambda *given, **more: (asked.append(more["engine"]), real(*given, **more))[1]
    try:
        done = build_marts(district, passing, [mart.id], full=True)
    finally:
        build.select = real
        district.catalog.marts[mart.id] = mart
    assert asked == ["spark"]
    assert done[0].outcome == "unchanged"
    assert record.latest(district.lake)[1][mart.id].rows == done[0].rows


EXPRESSIONS = (
    "round(x, 2)", "round(x)", "round(d, 1)", "x / nullif(n, 0)", "n // 7", "n % 7", "cast(sum(d) over () as double) / count(d) over ()", "floor(x * 100) / 100",
    "upper(s) || '·' || coalesce(s, '')", "substr(s, 2, 3)", "length(s)", "regexp_extract(s, '[区县]([^区县]*?(?:街道|镇|乡))', 1)",
    "regexp_replace(s, '[·•\\s]', '', 'g')", "regexp_full_match(s, '[0-9]{3}')", "strftime(day, '%Y%m')", "strftime(day, '%Y-%m-%d')",
    "year(day) * 12 + month(day)", "date_diff('day', day, date '2026-03-05')", "cast(date_trunc('month', day) as date)",
    "day + interval 3 day < date '2026-01-01'", "cast(moment as date)", "try_cast(s as integer)", "cast(d as varchar)", "cast(day as varchar)",
    "(cast(strftime(date '2026-02-28', '%Y%m%d') as integer) - cast(strftime(day, '%Y%m%d') as integer)) // 10000", "s is distinct from '123'",
    "case when s > 'm' then 1 when s is null then 2 else 3 end", "match_citizen_id(s)", "match_text(s)", "isodow(day)", "s in ('123', '西门街道')",
    *(f"match_{step}(s)" for step in MATCH_STEPS if step not in ("citizen_id", "text")),
    "left(s, 2)", "lpad(s, 6, '0')", "greatest(n, 3)", "nullif(s, '123')", "d * 3 + n", "abs(n)", "concat_ws('-', s, s)", "coalesce(x, 1.5)",
)  # fmt: skip
AGGREGATES = (
    "count(*)", "count(distinct s)", "sum(d)", "cast(sum(d) as double) / count(d)", "min(s)", "max(day)", "mode(s order by s)",
    "string_agg(s, ',' order by id) filter (where s is not null)", "any_value(n) filter (n = 5)", "arg_min(s, id) filter (where s is not null)",
    "count(*) filter (n > 2)", "bool_or(n > 3)", "round(cast(sum(d) as double) / count(d), 2)", "median(n)",
)  # fmt: skip


def rows() -> pl.DataFrame:
    """Values that rounding, zones, nulls and Chinese text make hard. (Not ß, whose capital is ẞ in one and SS in the other: ADR 27.)"""
    from datetime import UTC, date, datetime
    from decimal import Decimal

    texts = [
        "123",
        "西门街道",
        "宁波市海曙区西门街道",
        "Ａb·Ｃ 1",
        "",
        None,
        "330203490307001",
        "11010519491231002x",
        "a\u3000b",
        "é",
        "𠮷野",
        "12",
    ]
    return pl.DataFrame(
        {
            "id": range(24),
            "s": texts * 2,
            "n": [-8, -1, 0, 1, 2, 3, None, 5, 7, 14, 15, 99] * 2,
            "x": [1.005, 2.675, -2.675, 0.5, 1.5, -0.5, 2.5, None, 1e9, -1e-9, 0.285, 1.115] * 2,
            "d": [Decimal(one) for one in ("1.05", "2.15", "-0.25", "0.00", "9.99", "0.35")] * 4,
            "day": [date(2000, 2, 29), date(2025, 12, 31), date(1999, 1, 1), None, date(2026, 3, 1), date(2008, 3, 1)] * 4,
            "moment": [datetime(2026, 1, 1, 15, 59, 59, tzinfo=UTC), datetime(2026, 1, 1, 16, tzinfo=UTC), None] * 8,
        },
        schema_overrides={"d": pl.Decimal(12, 2), "moment": pl.Datetime("us", "UTC"), "id": pl.Int64, "n": pl.Int64},
    )


@pytest.mark.parametrize("asked", ["rows", "groups"])
def test_an_expression_means_the_same_on_both(two: dict[Engine, District], asked: str) -> None:
    told = EXPRESSIONS if asked == "rows" else AGGREGATES
    columns = ", ".join(f"{sql} as c{index}" for index, sql in enumerate(told))
    sql = f"select id, {columns} from given" if asked == "rows" else f"select id % 5 as id, {columns} from given group by id % 5"
    found = {}
    for engine, district in two.items():
        with carrier(Inputs(district), engine) as carried:
            carried.define(macros())
            carried.frame("given", rows())
            carried.seal()
            found[engine] = carried.rows(sql).sort("id")
    differing = {}
    for index, expression in enumerate(told):
        ours, theirs = (found[engine][f"c{index}"] for engine in ("embedded", "spark"))
        if (theirs := theirs.cast(ours.dtype)).to_list() != ours.to_list():
            differing[expression] = [pair for pair in zip(ours.to_list(), theirs.to_list(), strict=True) if pair[0] != pair[1]][:3]
    assert differing == {}


def test_a_source_that_was_never_delivered_is_empty(two: dict[Engine, District]) -> None:
    district = two["spark"]
    absent = [one for one in district.catalog.resources if Inputs(district).version(one) == "absent"]
    if not absent:
        pytest.skip("the demonstration delivers everything")
    statement = parse(f"select count(*) as n from {absent[0]}")
    assert select(statement, Inputs(district), ("n",), engine="spark")["n"].to_list() == [0]


def test_an_error_quotes_no_value(two: dict[Engine, District]) -> None:
    from districtlake.spark.queries import QueryRefused

    with carrier(Inputs(two["spark"]), "spark") as carried:
        carried.frame("given", rows())
        with pytest.raises(QueryRefused) as raised:
            carried.rows("select cast(s as integer) as n from given")
    assert "CAST_INVALID_INPUT" in str(raised.value)
    assert "西门" not in str(raised.value)


def test_more_rows_than_the_driver_may_hold_are_refused(two: dict[Engine, District]) -> None:
    from districtlake.spark.queries import Queries, QueryRefused
    from districtlake.spark.session import spark_session

    queries = Queries(spark_session(two["spark"].settings), seconds=600, rows_bytes=2**20)
    with pytest.raises(QueryRefused, match="1 MB"):
        queries.rows("select id, repeat('x', 100) as t from range(100000)")


def test_the_list_of_functions_is_that_of_this_spark(two: dict[Engine, District]) -> None:
    from districtlake.marts import translation
    from districtlake.spark.session import spark_session

    there = {row[0] for row in spark_session(two["spark"].settings).sql("SHOW SYSTEM FUNCTIONS").collect()}
    written = (Path(translation.__file__).parent / "spark_functions.txt").read_text(encoding="utf-8").splitlines()
    assert {word for line in written[1:] for word in line.split()} == {name for name in there if name.replace("_", "a").isalnum()}

"""The law of incremental marts: after any changes, deletions and re-deliveries of their sources they equal what a full build gives.

Held for every shipped mart that declares ``incremental``, over tables whose few keys meet, are missing, and come and go.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from deltalake import CommitProperties, DeltaTable
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from districtlake.clock import FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.marts import affected, table
from districtlake.marts.build import as_declared, build_marts
from districtlake.marts.carriers import select
from districtlake.marts.definition import in_build_order, mart_schema, resources_behind, statement_of
from districtlake.marts.sources import Inputs
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.warehouse.changes import difference
from districtlake.warehouse.tables import address, item_types, schema_of
from tests.small_marts import passing

NOW = FixedClock(datetime(2026, 3, 6, 4, tzinfo=UTC))
EXAMPLES = 40 if os.environ.get("TEST_ALL") else 2
Table = dict[tuple[object, ...], dict[str, object]]


def incremental_marts(district: District) -> list[str]:
    marts = in_build_order(district.catalog.marts.values())
    return [mart.id for mart in marts if mart.incremental is not None]


def some_value(name: str, dtype: pl.DataType, random: Random, required: bool) -> object:
    """From so few values that keys of different tables meet; now and then none."""
    if not required and random.random() < 0.15:
        return None
    if dtype == pl.Date:
        return date(2020 + random.randrange(6), 1, 1 + random.randrange(3))
    if dtype.is_decimal():
        return Decimal(random.randrange(5))
    if dtype.is_integer():
        return random.randrange(5)
    if "citizen_id" in name:
        return f"C{random.randrange(6)}"
    if "uscc" in name:
        return f"U{random.randrange(4)}"
    if name == "address":
        return f"某市某区{random.choice(['甲', '乙'])}街道{random.randrange(3)}号"
    return str(random.randrange(1, 4))


def change(district: District, resource: str, rows: Table, random: Random) -> None:
    """Some rows of a resource come, change and go in one commit, as a delivery's merge makes it."""
    entry = district.catalog.resources[resource]
    types = item_types(entry, district.catalog)
    for _ in range(random.randrange(1, 5)):
        row = {name: some_value(name, dtype, random, name in entry.key) for name, dtype in types.items()}
        key = tuple(row[name] for name in entry.key)
        if key in rows and random.random() < 0.5:
            del rows[key]
        else:
            rows[key] = row
    commit(district, resource, rows)


def commit(district: District, resource: str, rows: Table) -> None:
    entry = district.catalog.resources[resource]
    schema = schema_of("warehouse", entry, district.catalog)
    path = str(address(district.lake, "warehouse", resource))
    if not DeltaTable.is_deltatable(path):
        empty = pl.DataFrame(schema=schema).to_arrow().schema
        DeltaTable.create(path, schema=empty, configuration={"delta.enableChangeDataFeed": "true"})
    before = pl.DataFrame(pl.scan_delta(path).collect()).cast(schema)
    after = pl.DataFrame([{**dict.fromkeys(schema), **row, "_stale": False} for row in rows.values()], schema=schema)
    lines = difference(before, after, entry.key)
    if lines.height:
        table._merge(DeltaTable(path), lines, entry.key, CommitProperties())


def assert_equal_to_full(district: District) -> None:
    for name in incremental_marts(district):
        mart = district.catalog.marts[name]
        schema = mart_schema(mart, district.catalog)
        whole = as_declared(mart, select(statement_of(mart.sql), Inputs(district), mart.column_names), schema)
        held = table.scan_mart(district.lake, name).collect()
        assert_frame_equal(held.sort(list(mart.key)), whole.sort(list(mart.key)), check_exact=True)


def live(seeds: list[int]) -> list[str]:
    """A district over several nights; the modes in which its marts were built."""
    modes: list[str] = []
    with TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        district = open_district(
            Settings(state=state, inbox=state / "inbox", catalog_dirs=(PROJECT_ROOT / "catalog",), actor="test"), clock=NOW
        )
        try:
            names = incremental_marts(district)
            resources = sorted({one for name in names for one in resources_behind(district.catalog.marts[name], district.catalog)})
            tables: dict[str, Table] = {resource: {} for resource in resources}
            start = Random(sum(seeds))
            for resource in resources:
                if start.random() < 0.8:  # the others are delivered later, or never
                    for _ in range(3):
                        change(district, resource, tables[resource], start)
            build_marts(district, passing, names)
            for seed in seeds:
                random = Random(seed)
                for resource in random.sample(resources, random.randrange(0, 4)):
                    change(district, resource, tables[resource], random)
                builds = build_marts(district, passing, names)
                assert {build.outcome for build in builds} <= {"built", "unchanged", "skipped"}, [build.reason for build in builds]
                modes += [build.mode for build in builds]
                assert_equal_to_full(district)
        finally:
            district.store.close()
    return modes


@pytest.fixture(autouse=True, scope="module")
def always_incremental() -> object:
    """In tables of six keys most are touched; the choice of a full build for speed is not what is tested."""
    before = affected.MOST_AFFECTED
    affected.MOST_AFFECTED = 100.0
    yield
    affected.MOST_AFFECTED = before


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=3))
@example([1, 2, 3])
def test_incremental_builds_equal_full_ones(seeds: list[int]) -> None:
    live(seeds)


def test_they_are_incremental_and_not_full_builds_in_disguise() -> None:
    modes = live([4, 5])
    assert modes.count("incremental") >= 2
    assert "full" not in modes

"""The smoke of marts and comparisons on Spark: the small district's, on both engines, in seconds; every one of the demonstration's:
``test_marts_on_spark``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from districtlake.comparison.compare import compare
from districtlake.delivery.district import District
from districtlake.warehouse.leads import read_leads
from tests.small_comparison import write_comparison
from tests.small_district import day, deliver, open_small, write_catalog
from tests.small_marts import built, process, rows, write_marts

pytestmark = [
    # pyspark leaves the connection to Java to its collector
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]  # fmt: skip
WHEN = ["first_run", "first_seen_at", "last_run", "last_seen_at"]


@pytest.fixture
def two(tmp_path: Path, on_spark: dict[str, object]) -> Iterator[tuple[District, District]]:
    """One delivered district twice: the second's marts and comparisons are computed by Spark."""
    home = tmp_path / "embedded"
    write_comparison(write_catalog(home / "catalog"))
    write_marts(home / "catalog")
    with (first := open_small(home)).store:
        inbox = first.settings.inbox
        deliver(
            inbox,
            f"people_{day(2)}.csv",
            [("A1", "张三", 3, None), ("A2", "张三", 50, None), ("A3", "𠮷田", 7, None), ("A4", "王", 9, "x")],
        )
        deliver(inbox, f"payments_{day(2)}.csv", [("P1", "张三", 8, None), ("P2", "𠮷田", 2, None), ("P3", "李四", 1, None)])
        deliver(
            inbox, f"notes_{day(2)}.csv", [("A1", "张三", 1, None), ("A3", "吉田", 2, None), ("A9", "赵", 3, None)], agency="other_bureau"
        )
        process(first, inbox)
        shutil.copytree(home, tmp_path / "spark")
        with (second := open_small(tmp_path / "spark", **on_spark)).store:
            yield first, second


def test_marts_and_leads_of_a_small_district_are_the_same_on_spark(two: tuple[District, District]) -> None:
    embedded, on_spark = two
    for district in two:
        assert {mart: build.outcome for mart, build in built(district, full=True).items()} == {
            "base.totals": "built", "base.big": "built", "other.notes": "built",
        }  # fmt: skip
        assert [one.outcome for one in compare(district, full=True)] == ["compared"]
    assert rows(embedded, "base.totals") == [("张三", 2, 53, 8), ("王", 1, 9, 0), ("𠮷田", 1, 7, 2)]
    assert rows(embedded, "base.big") == [("张三", 53)]
    for mart in ("base.totals", "base.big", "other.notes"):
        assert rows(on_spark, mart) == rows(embedded, mart)
    leads = [read_leads(district.lake).sort("lead_id").drop(WHEN) for district in two]
    assert leads[0].height == 1, "𠮷田 is 吉田 with the neighbour"
    assert_frame_equal(leads[1], leads[0], check_exact=True)

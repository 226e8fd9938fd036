"""The portal's benchmark still runs, every page of its mix answers, and it ends with one line of figures. Nothing about time."""

from __future__ import annotations

import pytest

from benchmarks.portal import MIX, percentile
from tests.integration.test_bench_nights import figures_of


@pytest.mark.slow
def test_everybody_works() -> None:
    told = figures_of(
        "benchmarks.portal", *["--users", "20", "--seconds", "8", "--think", "0.05", "--tickets", "80", "--problems", "400", "--days", "3"]
    )
    pages = told["figures"]["pages"]
    # few may open the board, and chance decides when they do: a short run need not see it
    assert {*MIX, "all"} - {"board"} <= set(pages) <= {*MIX, "all"}
    for page in pages.values():
        assert page["errors"] == 0
        assert page["n"] > 0
        assert page["p50"] <= page["p95"] <= page["p99"] <= page["max"]
    assert told["figures"]["cpu"] > 0


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert percentile([7.0], 0.95) == 7

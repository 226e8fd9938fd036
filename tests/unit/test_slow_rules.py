"""Rules judged cell by cell are never slow unseen: in the results table, in Dagster's check, on the console."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from districtlake.quality.results import SCHEMA, results_frame, slow_rules
from districtlake.quality.rules import Rule
from districtlake.quality.validation import RuleResult


def result(rule_id: str, seconds: float | None) -> RuleResult:
    return RuleResult(Rule(rule_id, "标题", ("a",), "expect_column_values_to_not_be_null", {}), "passed", 5, 0, unfused_seconds=seconds)


RESULTS = results_frame([result("fast", None), result("slow", 0.25), result("slower", 1.5)], "d1", datetime(2026, 3, 2, tzinfo=UTC))


def test_the_results_table_holds_their_seconds() -> None:
    assert RESULTS.schema == pl.Schema(SCHEMA)
    assert RESULTS["unfused_seconds"].to_list() == [None, 0.25, 1.5]
    assert slow_rules(RESULTS) == [("slower", 1.5), ("slow", 0.25)]


def test_results_of_an_earlier_release_have_none() -> None:
    assert slow_rules(RESULTS.drop("unfused_seconds")) == []


def test_the_check_in_dagster_shows_them() -> None:
    from assets.checks import evaluations

    (check,) = evaluations(["a", "b", "cleansed"], ["accuracy"], RESULTS)
    assert check.metadata["unfused_rules"].value == 2
    assert check.metadata["unfused_seconds"].value == 1.75
    assert check.metadata["unfused"].value == "- `slower`：逐格判定，1.50 秒\n- `slow`：逐格判定，0.25 秒"
    (quiet,) = evaluations(["a", "b", "cleansed"], ["accuracy"], RESULTS.head(1))
    assert not [name for name in quiet.metadata if name.startswith("unfused")]


@pytest.mark.parametrize(
    ("slow", "told"),
    [
        ([], None),
        ([{"resource": "a.b", "rule": "slow", "seconds": 0.25}], "逐格判定的规则 1 条，共 0.25 秒：a.b slow 0.25 秒"),
        ([{"resource": "a.b", "rule": f"r{n}", "seconds": 1.0} for n in range(4)], "逐格判定的规则 4 条，共 4.00 秒"),
    ],
)
def test_the_console_tells_them_beside_the_time(slow: list[dict[str, Any]], told: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    from districtlake.cli import nightly

    summary = {"timing": {"events": 0}, "seconds": 1.0, "note": "", "slow_rules": slow}
    with nightly.console.capture() as captured:
        nightly._time(summary)
    text = captured.get()
    assert (told in text) if told else ("逐格判定" not in text)

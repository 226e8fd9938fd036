"""No cell leaves the data by way of a validation: not in results, not in messages, not in logs, not in Data Docs."""

from __future__ import annotations

import dataclasses
import json
import logging
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from districtlake.errors import ValidationFailed
from districtlake.quality.rules import Rule
from expectations.docs import data_docs
from expectations.validate import run_suite, validate

# Planted cells, each recognisable anywhere. The ids are GB 11643-1999's example with other digits; no person has them.
IDS = ["11010519491231002X", "110105194912310039", "11010519491231002X", None]
NAMES = ["测试甲某", "测试乙某", "测试甲某", "测试丙某"]
PHONES = [13900001111, 13900002222, 13900003333, 13900004444]
BIRTHS = [date(1949, 12, 31), date(1949, 12, 30), date(1887, 3, 17), None]
FRAME = pl.DataFrame({"citizen_id": IDS, "name": NAMES, "phone": PHONES, "birth": BIRTHS, "pay": [8123.45, 9456.78, 1.5, None]})
PLANTED = [str(value) for column in (IDS, NAMES, PHONES, BIRTHS, [8123.45, 9456.78]) for value in column if value is not None]


def rule(rule_id: str, expectation: str, scope: str = "row", **arguments: Any) -> Rule:
    return Rule(rule_id, "标题", (), f"expect_{expectation}", arguments, scope=scope)  # type: ignore[arg-type]


RULES = [
    rule("unique", "column_values_to_be_unique", column="citizen_id"),
    rule("shape", "column_values_to_match_regex", column="citizen_id", regex="^3302"),
    rule("ahead", "column_values_to_match_regex", column="citizen_id", regex="^(?!11)"),
    rule("compound", "compound_columns_to_be_unique", column_list=["citizen_id", "name"]),
    rule("names", "column_values_to_be_in_set", column="name", value_set=["x"]),
    rule("birth", "column_pair_birth_date_to_match_citizen_id", column_A="birth", column_B="citizen_id"),
    rule("parse", "column_values_to_be_dateutil_parseable", column="name"),
    rule("max", "column_max_to_be_between", "table", column="phone", max_value=1),
    rule("first", "column_min_to_be_between", "table", column="birth", min_value="2000-01-01"),
    rule("name_max", "column_median_to_be_between", "table", column="pay", max_value=1),
    rule("quantiles", "column_quantile_values_to_be_between", "table", column="pay",
         quantile_ranges={"quantiles": [0.5], "value_ranges": [[0, 1]]}),
    rule("distinct", "column_distinct_values_to_be_in_set", "table", column="name", value_set=["x"]),
    rule("equal", "column_distinct_values_to_equal_set", "table", column="name", value_set=["x"]),
    rule("common", "column_most_common_value_to_be_in_set", "table", column="name", value_set=["x"]),
]  # fmt: skip


def nobody(resource: str, item: str) -> None:
    return None


def assert_clean(text: str) -> None:
    found = [value for value in PLANTED if value in text]
    assert not found, f"{len(found)} planted values found"


def test_results_hold_no_cell(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        validation = validate("a.b", FRAME, RULES, nobody)
    assert all(result.outcome == "failed" for result in validation.results)
    assert_clean(json.dumps([dataclasses.asdict(result) for result in validation.results], ensure_ascii=False))
    assert_clean(json.dumps(validation.failures.to_dicts()))
    assert_clean(caplog.text)


def test_gx_own_results_hold_no_cell_but_observed_extremes() -> None:
    # An extreme is what GX compares, so it stands in GX's result; the result itself is dropped after judging.
    maps = [r for r in RULES if r.id not in ("max", "first", "name_max", "quantiles", "common")]
    run = run_suite("a.b", FRAME, maps, {})
    assert_clean(str([result.result for result in run.result.results]))
    assert_clean(str([result.exception_info for result in run.result.results]))
    assert run.context.validation_results_store.list_keys() == []


def test_a_caller_may_name_columns_that_may_be_shown() -> None:
    (shown,) = validate("a.b", FRAME, [RULES[7]], nobody, observable=["phone"]).results
    assert shown.observed == max(PHONES)


def test_errors_hold_no_cell() -> None:
    wrong = rule("wrong", "column_pair_values_a_to_be_greater_than_b", column_A="name", column_B="phone")
    with pytest.raises(ValidationFailed) as caught:
        validate("a.b", FRAME, [*RULES, wrong], nobody)
    assert "wrong" in caught.value.message
    assert_clean(json.dumps(caught.value.as_dict(), ensure_ascii=False))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_data_docs_hold_no_cell_and_need_no_network(tmp_path: Path) -> None:
    undecided = Rule(
        "partial", "代码应有效<b>", (), "expect_column_values_to_be_in_set", {}, evaluable=False, not_evaluated_because="不完整"
    )
    path = data_docs("a.b", FRAME, [*RULES, undecided], nobody, tmp_path / "docs")
    page = path.read_text(encoding="utf-8")
    assert path == tmp_path / "docs" / "a.b.html"
    assert_clean(page)
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page
    assert page.count("标题") >= len(RULES)
    assert "代码应有效&lt;b&gt;" in page
    assert "不完整" in page
    assert "fa-times" in page


def test_data_docs_of_rules_that_are_all_excused(tmp_path: Path) -> None:
    undecided = Rule("partial", "t", (), "expect_column_values_to_be_in_set", {}, evaluable=False, not_evaluated_because="不完整")
    assert "不完整" in data_docs("a.b", FRAME, [undecided], nobody, tmp_path).read_text(encoding="utf-8")

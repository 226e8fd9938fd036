"""``validate`` as the pipeline uses it: results in order, failing rows beside them, and no verdict without Great Expectations."""

from __future__ import annotations

import logging
import re
import socket
from datetime import date
from typing import Any

import polars as pl
import pytest

from districtlake.errors import NotFound, ValidationFailed
from districtlake.quality.rules import Rule
from districtlake.quality.validation import Validation, Validator
from expectations.validate import validate

FRAME = pl.DataFrame(
    {
        "_row": pl.Series([2, 3, 4, 5], dtype=pl.Int64),
        "name": ["甲", "乙", None, "甲"],
        "area": [10.0, 200.0, None, 30.0],
        "since": [date(2020, 1, 1), None, date(2021, 1, 1), date(2022, 1, 1)],
        "until": [date(2019, 1, 1), date(2022, 1, 1), None, date(2023, 1, 1)],
        "name__status": pl.Series(["ok", "name_odd", None, "ok"], dtype=pl.Enum(["ok", "name_odd"])),
    }
)


def rule(rule_id: str, expectation: str, scope: str = "row", **arguments: Any) -> Rule:
    return Rule(rule_id, "标题", (), f"expect_{expectation}", arguments, scope=scope)  # type: ignore[arg-type]


def nobody(resource: str, item: str) -> None:
    return None


def judge(*rules: Rule, frame: pl.DataFrame = FRAME) -> Validation:
    return validate("housing.leases", frame, list(rules), nobody)


def test_it_is_the_validator_of_the_domain() -> None:
    judge_by: Validator = validate
    validation = judge_by("a.b", FRAME, [], nobody)
    assert validation.results == ()
    assert validation.failures.is_empty()


def test_results_come_in_the_order_of_the_rules_with_gx_counts() -> None:
    validation = judge(
        rule("area.range", "column_values_to_be_between", column="area", max_value=100),
        rule("name.required", "column_values_to_not_be_null", column="name"),
        rule("name.conforms", "column_values_to_be_in_set", column="name__status", value_set=["ok"]),
        rule("key.unique", "column_values_to_be_unique", column="name"),
        rule("lease", "column_pair_values_a_to_be_greater_than_b", column_A="until", column_B="since"),
    )
    assert [(r.rule.id, r.outcome, r.evaluated, r.failed) for r in validation.results] == [
        ("area.range", "failed", 3, 1),
        ("name.required", "failed", 4, 1),
        ("name.conforms", "failed", 3, 1),
        ("key.unique", "failed", 3, 2),
        ("lease", "failed", 2, 1),
    ]
    assert validation.failures.schema == {"_index": pl.UInt32, "rule": pl.String}
    assert validation.failures.rows() == [
        (1, "area.range"), (2, "name.required"), (1, "name.conforms"), (0, "key.unique"), (3, "key.unique"), (0, "lease"),
    ]  # fmt: skip


def test_mostly_decides_the_check_but_the_row_still_fails() -> None:
    validation = judge(rule("r", "column_values_to_be_between", column="area", max_value=100, mostly=0.6))
    assert (validation.results[0].outcome, validation.results[0].failed) == ("passed", 1)
    assert validation.failures.rows() == [(1, "r")]


def test_rules_on_the_same_condition_each_get_their_rows() -> None:
    once = {"column": "area", "max_value": 100}
    validation = judge(
        rule("strict", "column_values_to_be_between", **once),
        rule("lax", "column_values_to_be_between", **once, mostly=0.1),
        rule("narrow", "column_values_to_be_between", **once, row_condition='name == "甲"'),
    )
    assert [(r.outcome, r.evaluated, r.failed) for r in validation.results] == [("failed", 3, 1), ("passed", 3, 1), ("passed", 2, 0)]
    assert validation.failures.rows() == [(1, "strict"), (1, "lax")]


@pytest.mark.parametrize(
    ("condition", "evaluated"),
    [
        ("area > 20", 2),
        ("index >= 1", 3),
        ('name == "甲" and area > 20', 1),
        ({"type": "comparison", "column": {"name": "since"}, "operator": ">=", "parameter": "2021-01-01"}, 2),
        ({"type": "comparison", "column": {"name": "name"}, "operator": "NOT_IN", "parameter": ["甲"]}, 2),
        ({"type": "nullity", "column": {"name": "until"}, "is_null": True}, 1),
    ],
)
def test_row_conditions(condition: Any, evaluated: int) -> None:
    (result,) = judge(rule("r", "column_values_to_not_be_null", column="_row", row_condition=condition)).results
    assert (result.outcome, result.evaluated) == ("passed", evaluated)


def test_table_rules_count_one_and_name_no_row() -> None:
    validation = judge(
        rule("rows", "table_row_count_to_be_between", "table", min_value=5),
        rule("mean", "column_mean_to_be_between", "table", column="area", max_value=100),
        rule("map", "column_values_to_not_be_null", "table", column="name"),
    )
    assert [(r.outcome, r.evaluated, r.failed) for r in validation.results] == [("failed", None, 1), ("passed", None, 0), ("failed", 4, 1)]
    assert [validation.results[0].observed, validation.results[1].observed] == [4, 80.0]
    assert validation.failures.is_empty()


def test_a_rule_that_cannot_be_decided_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expectations.session.run", lambda *a: pytest.fail("GX was asked"))
    partial = Rule("c", "", (), "expect_column_values_to_be_in_set", {"column": "x"}, evaluable=False, not_evaluated_because="代码表不完整")
    (result,) = judge(partial).results
    assert (result.outcome, result.reason, result.evaluated) == ("not_evaluated", "代码表不完整", None)


def test_a_frame_without_rows_has_verdicts() -> None:
    rules = [
        rule("required", "column_values_to_not_be_null", column="name"),
        rule("range", "column_values_to_be_between", column="area", min_value=0),
        rule("pattern", "column_values_to_match_regex", column="name", regex="^(?!x)"),
        rule("pair", "column_pair_values_to_be_equal", column_A="since", column_B="until"),
        rule("key", "compound_columns_to_be_unique", column_list=["name", "since"], row_condition="area > 1"),
        rule("rows", "table_row_count_to_equal", "table", value=0),
    ]
    validation = judge(*rules, frame=FRAME.clear())
    assert [(r.outcome, r.failed) for r in validation.results] == [("passed", 0)] * 6
    assert [r.evaluated for r in validation.results] == [0, 0, 0, 0, 0, None]
    assert validation.failures.is_empty()


def test_an_expectation_the_engine_does_not_know_is_answered_by_gx_and_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    rules = [
        rule("fused", "column_values_to_match_regex", column="name", regex="甲"),
        rule("ahead", "column_values_to_match_regex", column="name", regex="^(?!乙)", mostly=0.5),
        rule("odd", "column_values_to_be_dateutil_parseable", column="name"),  # Python, inside the pass
    ]
    with caplog.at_level(logging.INFO, logger="expectations.validate"):
        validation = judge(*rules)
    assert re.search(r"2 of 3 rules were evaluated cell by cell, not fused: ahead \(\d\.\d\d s\), odd \(", caplog.text)
    assert [result.unfused_seconds is None for result in validation.results] == [True, False, False]
    assert validation.failures.filter(pl.col("rule") == "ahead").rows() == [(1, "ahead")]
    assert validation.failures.filter(pl.col("rule") == "odd").height == 3
    assert [r.outcome for r in validation.results] == ["failed", "passed", "failed"]


def test_only_the_columns_of_the_fallen_rule_become_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations import engine

    made: list[list[str]] = []
    convert = engine.to_pandas
    monkeypatch.setattr(engine, "to_pandas", lambda frame: (made.append(frame.columns) if frame.height == 4 else None, convert(frame))[1])
    judge(
        rule("ahead", "column_values_to_match_regex", column="name", regex="^(?!乙)"),
        rule("r", "column_values_to_not_be_null", column="area"),
    )
    assert made == [["name"]]


# ---- when there is no verdict, nothing passes


def test_gx_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.core import ExpectationSuiteValidationResult, ValidationDefinition

    real = ValidationDefinition.run

    def turned(self: ValidationDefinition, **kwargs: Any) -> ExpectationSuiteValidationResult:
        run = real(self, **kwargs)
        for result in run.results:
            result.success = not result.success
        return run

    monkeypatch.setattr(ValidationDefinition, "run", turned)
    (result,) = judge(rule("r", "column_values_to_be_between", column="area", max_value=1000)).results
    assert result.outcome == "failed"


def test_gx_broken_means_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations.session import load

    load()
    from great_expectations.core import ValidationDefinition

    def broken(self: ValidationDefinition, **kwargs: Any) -> None:
        raise RuntimeError("could not convert string to float: '11010519491231002X'")

    monkeypatch.setattr(ValidationDefinition, "run", broken)
    with pytest.raises(ValidationFailed) as caught:
        judge(rule("area.range", "column_values_to_be_between", column="area", max_value=100))
    assert "housing.leases" in caught.value.message
    assert "area.range" in caught.value.message
    assert "RuntimeError" in caught.value.message
    assert "1101051949" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.hint


def test_an_answer_missing_means_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.core import ExpectationSuiteValidationResult, ValidationDefinition

    real = ValidationDefinition.run

    def forgetful(self: ValidationDefinition, **kwargs: Any) -> ExpectationSuiteValidationResult:
        run = real(self, **kwargs)
        run.results = run.results[:1]
        return run

    monkeypatch.setattr(ValidationDefinition, "run", forgetful)
    with pytest.raises(ValidationFailed, match="answered 1 of 2 rules; unanswered: b"):
        judge(rule("a", "column_values_to_not_be_null", column="name"), rule("b", "column_values_to_not_be_null", column="area"))


@pytest.mark.parametrize("lie", [0, 2])
def test_an_engine_that_counts_otherwise_than_it_names_is_caught(monkeypatch: pytest.MonkeyPatch, lie: int) -> None:
    from expectations.session import load

    load()
    from expectations.engine import FusedEngine

    real = FusedEngine._answer

    def wrong(self: FusedEngine, metric: Any, *rest: Any) -> Any:
        answer = real(self, metric, *rest)
        return lie if metric.metric_name == "column_values.between.unexpected_count" else answer

    monkeypatch.setattr(FusedEngine, "_answer", wrong)
    with pytest.raises(ValidationFailed, match=rf"area.range: Great Expectations counts {lie} failing rows of 3, the engine names 1"):
        judge(rule("area.range", "column_values_to_be_between", column="area", max_value=100))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (rule("lease", "column_pair_values_a_to_be_greater_than_b", column_A="name", column_B="area"), "name: String, area: Float64"),
        (rule("lease", "column_values_to_not_be_null", column="name", row_condition="absent > 1"), "name: String"),
        (rule("lease", "column_mean_to_be_between", column="name", min_value=1), "name: String"),
        (rule("lease", "column_values_to_match_regex", column="name", regex="("), "name: String"),
        (rule("lease", "column_mean_to_be_between", "table", column="area", max_value=1, row_condition="absent > 1"), "area: Float64"),
    ],
)
def test_a_rule_that_gx_cannot_evaluate_on_this_data_is_named(broken: Rule, said: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        judge(rule("fine", "column_values_to_not_be_null", column="name"), broken)
    assert "housing.leases, rule lease: Great Expectations cannot evaluate" in caught.value.message
    assert said in caught.value.message


def test_an_absent_column_is_named_before_gx_is_asked() -> None:
    with pytest.raises(ValidationFailed, match="rule r: the data has no column areaa") as caught:
        judge(rule("r", "column_values_to_not_be_null", column="areaa"))
    assert "area" in caught.value.hint


# ---- one process, many deliveries


def test_runs_do_not_see_each_other() -> None:
    required = rule("r", "column_values_to_not_be_null", column="name")
    assert [judge(required, frame=FRAME[n:]).results[0].evaluated for n in range(4)] == [4, 3, 2, 1]


def test_nothing_is_sent_and_nothing_is_shown(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    judge(rule("r", "column_values_to_match_regex", column="name", regex="^(?!乙)"))
    assert capfd.readouterr() == ("", "")


def test_a_lookup_that_fails_is_named_and_our_own_errors_pass_through() -> None:
    reference = rule("ref", "column_values_to_exist_in_resource", column="name", resource="a.b", item="c")

    def broken(resource: str, item: str) -> pl.Series:
        raise OSError("disk")

    with pytest.raises(ValidationFailed, match=r"rule ref: the values of a.b.c cannot be read \(OSError\)"):
        validate("housing.leases", FRAME, [reference], broken)

    def absent(resource: str, item: str) -> pl.Series:
        raise NotFound("no such table")

    with pytest.raises(NotFound):
        validate("housing.leases", FRAME, [reference], absent)

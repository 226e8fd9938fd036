"""Rules become GX's own expectations; what is wrong with a rule is said with its name and the remedy."""

import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from districtlake.errors import ValidationFailed
from districtlake.quality.rules import Rule
from expectations.compile import check_columns, suite_of

PAIRS = "expect_column_pair_values_to_be_in_set"


def rule(expectation: str, rule_id: str = "r", **arguments: Any) -> Rule:
    return Rule(id=rule_id, title="面积不应小于10$", items=(), expectation=expectation, arguments=arguments, severity="warning", version=3)


def test_importing_the_validator_loads_neither_gx_nor_pandas() -> None:
    code = (
        "import sys, expectations.validate, expectations.docs, expectations.compile\n"
        "print({'great_expectations', 'pandas'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_a_rule_is_a_real_expectation_with_gx_severity_and_the_rule_in_meta() -> None:
    from great_expectations.core import ExpectationSuite
    from great_expectations.expectations import ExpectColumnValuesToBeBetween

    suite = suite_of("a.b", [rule("expect_column_values_to_be_between", column="x", min_value=Decimal("1.5"), mostly=0.9)])
    assert isinstance(suite, ExpectationSuite)
    assert suite.name == "a.b"
    (expectation,) = suite.expectations
    assert isinstance(expectation, ExpectColumnValuesToBeBetween)
    assert (expectation.severity.value, expectation.meta, expectation.mostly) == ("warning", {"rule": "r", "version": 3}, 0.9)
    assert expectation.min_value == 1.5
    assert expectation.description == "面积不应小于10$$"


def test_rules_that_cannot_be_decided_are_not_in_the_suite() -> None:
    undecidable = Rule("x", "", (), "expect_column_values_to_be_in_set", {"column": "c", "value_set": []}, evaluable=False)
    assert suite_of("a.b", [undecidable]).expectations == []


def test_pairs_ignore_missing_values_unless_told_otherwise() -> None:
    pair = "expect_column_pair_values_to_be_equal"
    suite = suite_of(
        "a.b", [rule(pair, "p", column_A="x", column_B="y"), rule(pair, "q", column_A="x", column_B="y", ignore_row_if="neither")]
    )
    assert [e.configuration.kwargs.get("ignore_row_if", e.ignore_row_if) for e in suite.expectations] == [
        "either_value_is_missing",
        "neither",
    ]


def test_days_become_times_because_gx_compares_times() -> None:
    suite = suite_of("a.b", [rule("expect_column_max_to_be_between", column="d", min_value="2020-01-01", max_value=date(2020, 12, 31))])
    assert [str(suite.expectations[0].min_value), str(suite.expectations[0].max_value)] == ["2020-01-01 00:00:00", "2020-12-31 00:00:00"]


@pytest.mark.parametrize(
    ("broken", "said", "hinted"),
    [
        (rule("expect_column_values_to_be_uniq", column="x"), "there is no expectation", "expect_column_values_to_be_unique"),
        (rule("expect_column_values_to_be_in_set", column="x", valueset=[1]), "value_set", "value_set"),
        (rule("expect_column_values_to_not_be_null", column="x", result_format="COMPLETE"), "result_format", "counts only"),
        (rule("expect_column_values_to_not_be_null", column="x", mostly=2), "mostly", "mostly"),
        (rule(PAIRS, column_A="x", column_B="y", value_pairs_set=[], row_condition="x > 1"), "row_condition", "null"),
        (rule("expect_column_values_to_not_be_null", column="x", row_condition={"type": "?"}), "row_condition", "status"),
        (rule("expect_column_values_to_not_be_null", column="x", row_condition="x > 1", condition_parser="spark"), "spark", "pandas"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_named_with_its_remedy(broken: Rule, said: str, hinted: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        suite_of("housing.leases", [broken])
    assert caught.value.message.startswith("housing.leases, rule r:") or "rules named twice" in caught.value.message
    assert said in caught.value.message
    assert hinted in caught.value.hint


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationFailed, match="named twice: r"):
        suite_of("a.b", [rule("expect_column_values_to_not_be_null", column="x"), rule("expect_column_values_to_be_null", column="y")])


def test_an_absent_column_is_named_with_its_neighbours() -> None:
    with pytest.raises(ValidationFailed) as caught:
        check_columns(
            "a.b", [rule("expect_compound_columns_to_be_unique", column_list=["citizen_id", "unit"])], ["citizen_id", "unit_no", "_row"]
        )
    assert "no column unit" in caught.value.message
    assert "unit_no" in caught.value.hint
    check_columns("a.b", [rule("expect_column_to_exist", column="absent")], ["x"])  # there it is the verdict

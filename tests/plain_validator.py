"""A second, plain reading of the rules that the small catalogue has: fast to start where Great Expectations itself is not what is tested.

``tests/property/test_delivery_laws.py`` holds it equal to the real validator.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from districtlake.quality.rules import Rule
from districtlake.quality.validation import ReferenceLookup, RuleResult, Validation


def validate(resource: str, frame: pl.DataFrame, rules: Sequence[Rule], references: ReferenceLookup) -> Validation:
    results, failures = [], []
    for rule in rules:
        if not rule.evaluable:
            results.append(RuleResult(rule, "not_evaluated", reason=rule.not_evaluated_because))
            continue
        if rule.expectation == "expect_table_row_count_to_be_between":
            inside = rule.arguments.get("min_value", 0) <= frame.height <= rule.arguments.get("max_value", frame.height)
            results.append(RuleResult(rule, "passed" if inside else "failed", failed=int(not inside), observed=frame.height))
            continue
        column = frame[rule.arguments["column"]]
        evaluated, failing = _failing(rule, column)
        positions = failing.fill_null(value=False).arg_true().cast(pl.UInt32)
        outcome = "failed" if len(positions) else "passed"
        results.append(RuleResult(rule, outcome, evaluated=evaluated, failed=len(positions)))  # type: ignore[arg-type]
        failures.append(
            pl.DataFrame({"_index": positions, "rule": [rule.id] * len(positions)}, schema={"_index": pl.UInt32, "rule": pl.String})
        )
    return Validation(tuple(results), pl.concat(failures) if failures else pl.DataFrame(schema={"_index": pl.UInt32, "rule": pl.String}))


def _failing(rule: Rule, column: pl.Series) -> tuple[int, pl.Series]:
    """Rows the rule applies to, and per row whether it fails (null: does not apply)."""
    arguments, some = rule.arguments, column.is_not_null()
    low, high = arguments.get("min_value"), arguments.get("max_value")
    match rule.expectation:
        case "expect_column_values_to_not_be_null":
            return len(column), column.is_null()
        case "expect_column_values_to_be_in_set":
            return int(some.sum()), ~column.cast(pl.String).is_in(arguments["value_set"]) & some
        case "expect_column_values_to_be_unique":
            return int(some.sum()), column.is_duplicated() & some
        case "expect_column_values_to_be_between":
            value = column
        case "expect_column_value_lengths_to_be_between":
            value = column.str.len_chars()
        case other:
            raise NotImplementedError(f"{rule.id}: {other}")
    outside = pl.Series([False] * len(value), dtype=pl.Boolean)
    if low is not None:
        outside = outside | (value < low)
    if high is not None:
        outside = outside | (value > high)
    return int(some.sum()), outside & some

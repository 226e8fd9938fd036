"""Law: on any table and any suite the fused engine's verdicts are those of GX's own pandas engine, count by count and row by row.

GX's own engine is asked in COMPLETE format here, on synthetic cells: its index lists are the oracle for the failing rows.
"""

from __future__ import annotations

import warnings
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from districtlake.quality.rules import Rule
from expectations import session
from expectations.compile import suite_of
from expectations.kept_configurations import kept
from expectations.sources import source_of
from expectations.validate import excuse, validate
from tests.generated_suites import DAYS, SELECTIONS, aggregates, declared_rules, rules_of, same, tables

# Each example runs GX twice; shrinking one would outlast the time limit.
COMPARED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=(Phase.explicit, Phase.reuse, Phase.generate), database=None
)


def nobody(resource: str, item: str) -> None:
    return None


def as_gx_likes(frame: pl.DataFrame) -> Any:
    """The pandas frame a user of GX would have; made by Polars, not by ``expectations.frames``."""
    import pandas as pd

    texts = [name for name, dtype in frame.schema.items() if isinstance(dtype, (pl.Enum, pl.Categorical))]
    plain = frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64), pl.col(texts).cast(pl.String)).to_pandas()
    for column, dtype in frame.schema.items():
        if dtype == pl.Date:  # GX vectorises nanoseconds only, and refuses bounds on others
            plain[column] = pd.to_datetime(plain[column]).astype("datetime64[ns]")
    return plain


def gx_alone(frame: pl.DataFrame, rules: list[Rule], result_format: str) -> dict[str, Any]:
    from expectations.session import new_context

    context = new_context()
    import great_expectations as gx

    batch = context.data_sources.add_pandas("own").add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")
    suite = context.suites.add(suite_of("own", rules))
    with kept(), warnings.catch_warnings():  # kept: half the time; that it changes no result is a contract test's matter
        warnings.simplefilter("ignore")
        run = gx.ValidationDefinition(name="own", data=batch, suite=suite).run(
            batch_parameters={"dataframe": as_gx_likes(frame)}, result_format=result_format
        )
    return {result.expectation_config.meta["rule"]: result for result in run.results}


def assert_equal_to_gx_alone(frame: pl.DataFrame, rules: list[Rule], result_format: str = "SUMMARY", *, fused: bool = True) -> None:
    """The dicts of all results, and the failing rows, which ``SUMMARY`` lists of so few rows completely."""
    expected = gx_alone(frame, rules, result_format)
    run = session.run(suite_of("a.b", rules), source_of(frame), {"result_format": result_format})
    ours = {result.expectation_config.meta["rule"]: result for result in run.result.results}
    for rule in rules:
        theirs, own = expected[rule.id], ours[rule.id]
        context = f"{rule.expectation} {rule.arguments}: {own.result} but GX alone {theirs.result}"
        assert theirs.exception_info.get("raised_exception") is False, f"{context}: GX alone raised, so this case compares nothing"
        assert own.exception_info == theirs.exception_info, context
        assert bool(own.success) == bool(theirs.success), context
        assert same(own.result, theirs.result), context
        if (index := theirs.result.get("partial_unexpected_index_list")) is not None:
            assert run.engine.failing_rows(run.condition_of(rule)).to_list() == index, context
    if fused:
        assert run.fell_through(rules) == []


def test_the_comparison_is_of_cells_too() -> None:
    assert same({"a": [("x", None), 1]}, {"a": [("x", float("nan")), 1.0]})
    assert not same({"a": 1}, {"a": 1, "b": None})
    assert not same([1, 2], [2, 1])
    assert not same(0, None)


FORMATS = st.sampled_from(["BASIC", "SUMMARY"])


@settings(COMPARED, max_examples=60)
@given(tables(), st.lists(declared_rules(), min_size=1, max_size=6), FORMATS)
def test_map_expectations(frame: pl.DataFrame, declared: list[tuple[str, dict[str, Any]]], result_format: str) -> None:
    assert_equal_to_gx_alone(frame, rules_of(*declared), result_format)


@settings(COMPARED, max_examples=25)
@given(tables(), st.sampled_from(SELECTIONS[2:]), st.data(), FORMATS)
def test_aggregates_and_table_expectations(frame: pl.DataFrame, selection: Any, data: st.DataObject, result_format: str) -> None:
    declared = data.draw(st.lists(st.sampled_from(aggregates(frame, selection)), min_size=1, max_size=10))
    assert_equal_to_gx_alone(frame, rules_of(*declared), result_format)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(COMPARED, max_examples=400)
@given(tables(most=15), st.lists(declared_rules(), min_size=1, max_size=8), FORMATS)
def test_many_more_map_expectations(frame: pl.DataFrame, declared: list[tuple[str, dict[str, Any]]], result_format: str) -> None:
    assert_equal_to_gx_alone(frame, rules_of(*declared), result_format)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(COMPARED, max_examples=300)
@given(tables(most=15), st.sampled_from(SELECTIONS[2:]), st.data(), FORMATS)
def test_many_more_aggregates(frame: pl.DataFrame, selection: Any, data: st.DataObject, result_format: str) -> None:
    declared = data.draw(st.lists(st.sampled_from(aggregates(frame, selection)), min_size=1, max_size=12))
    assert_equal_to_gx_alone(frame, rules_of(*declared), result_format)


def test_all_aggregates_and_table_expectations_at_once() -> None:
    frame = pl.DataFrame(
        {
            "s": ["a", None, "a"], "t": ["b", "c", None], "i": [1, None, 2], "j": [1, 2, 3], "f": [0.5, float("nan"), 1.0],
            "m": pl.Series(["0.10", None, "1.50"]).cast(pl.Decimal(10, 2)), "d": [DAYS[0], None, DAYS[1]], "e": DAYS[:3],
            "k": pl.Series(["ok", "length", None], dtype=pl.Enum(["ok", "length"])),
        }
    )  # fmt: skip
    assert_equal_to_gx_alone(frame, rules_of(*aggregates(frame, None)))


@settings(COMPARED, max_examples=15)
@given(tables())
def test_what_falls_through_is_gx_itself(frame: pl.DataFrame) -> None:
    rules = rules_of(
        ("column_values_to_match_regex", {"column": "s", "regex": "^(?!a)"}),
        ("column_values_to_be_dateutil_parseable", {"column": "s"}),
        ("column_values_to_be_increasing", {"column": "j", "row_condition": "j > 0"}),
        ("column_values_to_be_of_type", {"column": "j", "type_": "int32"}),
    )
    assert_equal_to_gx_alone(frame, rules, fused=False)


@settings(COMPARED, max_examples=15)
@given(tables(), FORMATS)
def test_sets_of_distinct_values(frame: pl.DataFrame, result_format: str) -> None:
    rules = rules_of(
        ("column_distinct_values_to_be_in_set", {"column": "s", "value_set": ["a", "b", "ab"]}),
        ("column_distinct_values_to_contain_set", {"column": "k", "value_set": ["ok"]}),
        ("column_distinct_values_to_equal_set", {"column": "i", "value_set": [0, 1]}),
    )
    # Run with lists of cells wanted they are GX's own; ``validate`` wants none, and the counts decide.
    assert_equal_to_gx_alone(frame, rules, result_format, fused=False)
    expected = gx_alone(frame, rules, "BASIC")
    validation = validate("a.b", frame, rules, nobody)
    assert [result.outcome == "passed" for result in validation.results] == [bool(expected[rule.id].success) for rule in rules]
    assert [result.unfused_seconds for result in validation.results] == [None] * 3


def test_the_comparison_notices_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations import conditions

    frame = pl.DataFrame({"s": ["a", None, "b"]})
    rules = rules_of(("column_values_to_match_regex", {"column": "s", "regex": "a"}))
    assert_equal_to_gx_alone(frame, rules)
    monkeypatch.setitem(conditions.CONDITIONS, "column_values.match_regex", conditions.column.not_match_regex)
    with pytest.raises(AssertionError):
        assert_equal_to_gx_alone(frame.vstack(pl.DataFrame({"s": ["a"]})), rules)


def test_nobody_is_excused_here() -> None:
    assert excuse("a.b", rules_of(("column_values_to_not_be_null", {"column": "s"})), nobody) == ({}, {})

"""Law: on any table and any suite the fused engine's verdicts are those of GX's own pandas engine, count by count and row by row.

GX's own engine is asked in COMPLETE format here, on synthetic cells: its index lists are the oracle for the failing rows.
"""

from __future__ import annotations

import math
import warnings
from datetime import date
from decimal import Decimal
from typing import Any
from unittest import mock

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from districtlake.quality.rules import Rule
from districtlake.quality.validation import Validation
from expectations import session
from expectations.compile import suite_of
from expectations.validate import excuse, validate

# Each example runs GX twice; shrinking one would outlast the time limit.
COMPARED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=(Phase.explicit, Phase.reuse, Phase.generate), database=None
)


def nobody(resource: str, item: str) -> None:
    return None


def rules_of(*declared: tuple[str, dict[str, Any]]) -> list[Rule]:
    return [Rule(f"r{n}", "t", (), f"expect_{name}", arguments) for n, (name, arguments) in enumerate(declared)]


def as_gx_likes(frame: pl.DataFrame) -> Any:
    """The pandas frame a user of GX would have; made by Polars, not by ``expectations.frames``."""
    import pandas as pd

    plain = frame.with_columns(
        pl.col(pl.Decimal).cast(pl.Float64), *[pl.col(c).cast(pl.String) for c, t in frame.schema.items() if isinstance(t, pl.Enum)]
    ).to_pandas()
    for column, dtype in frame.schema.items():
        if dtype == pl.Date:  # GX vectorises nanoseconds only, and refuses bounds on others
            plain[column] = pd.to_datetime(plain[column]).astype("datetime64[ns]")
    return plain


def gx_alone(frame: pl.DataFrame, rules: list[Rule]) -> dict[str, Any]:
    from expectations.session import new_context

    context = new_context()
    import great_expectations as gx

    batch = context.data_sources.add_pandas("own").add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")
    suite = context.suites.add(suite_of("own", rules))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = gx.ValidationDefinition(name="own", data=batch, suite=suite).run(
            batch_parameters={"dataframe": as_gx_likes(frame)}, result_format="COMPLETE"
        )
    return {result.expectation_config.meta["rule"]: result for result in run.results}


def validated(frame: pl.DataFrame, rules: list[Rule]) -> tuple[Validation, session.Run]:
    """What ``validate`` says, and the one run of GX it rests on."""
    runs: list[session.Run] = []
    real = session.run
    with mock.patch.object(session, "run", lambda *given: runs.append(real(*given)) or runs[-1]):
        validation = validate("a.b", frame, rules, nobody)
    (run,) = runs
    return validation, run


def assert_equal_to_gx_alone(frame: pl.DataFrame, rules: list[Rule], *, fused: bool = True) -> None:
    expected = gx_alone(frame, rules)
    validation, run = validated(frame, rules)
    for result in validation.results:
        rule, theirs = result.rule, expected[result.rule.id]
        ours = next(r for r in run.result.results if r.expectation_config.meta["rule"] == rule.id)
        context = f"{rule.expectation} {rule.arguments}"
        assert theirs.exception_info.get("raised_exception") is False, f"{context}: GX alone raised, so this case compares nothing"
        assert (result.outcome == "passed") == bool(theirs.success), context
        for key in ("element_count", "missing_count", "unexpected_count"):
            assert ours.result.get(key) == theirs.result.get(key), f"{context}: {key}"
        for key in ("unexpected_percent", "missing_percent"):
            assert ours.result.get(key) == pytest.approx(theirs.result.get(key), nan_ok=True), f"{context}: {key}"
        if "observed_value" in theirs.result:
            assert same(ours.result["observed_value"], theirs.result["observed_value"]), context
        if (index := theirs.result.get("unexpected_index_list")) is not None:
            failing = validation.failures.filter(pl.col("rule") == rule.id).get_column("_index").to_list()
            assert sorted(failing) == sorted(index), context
    if fused:
        assert run.fell_through(rules) == []


def same(a: Any, b: Any) -> bool:
    if a is None or b is None or b != b:  # GX has three ways to say that there is none
        return a is None and (b is None or b != b)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return bool(a == b)


# ---- generated tables and suites

TEXTS = ["", "a", "b", "ab", "宁波", "A1", "12", "x y", "a\n"]
DAYS = [date(1949, 10, 1), date(2000, 2, 29), date(2020, 1, 1), date(2020, 1, 2)]


def column(values: list[Any]) -> Any:
    return st.one_of(st.none(), st.sampled_from(values))


@st.composite
def tables(draw: Any) -> pl.DataFrame:
    height = draw(st.integers(0, 9))
    many = {"min_size": height, "max_size": height}
    amounts = [Decimal(text) for text in ("0.00", "0.10", "1.50", "10.00")]
    return pl.DataFrame(
        {
            "s": pl.Series(draw(st.lists(column(TEXTS), **many)), dtype=pl.String),
            "t": pl.Series(draw(st.lists(column(TEXTS), **many)), dtype=pl.String),
            "i": pl.Series(draw(st.lists(column([-1, 0, 1, 2, 3]), **many)), dtype=pl.Int64),
            "j": pl.Series(draw(st.lists(st.sampled_from([0, 1, 2, 5]), **many)), dtype=pl.Int32),
            "f": pl.Series(draw(st.lists(column([-0.5, 0.0, 0.1, 2.0, float("nan")]), **many)), dtype=pl.Float64),
            "m": pl.Series(draw(st.lists(column(amounts), **many)), dtype=pl.Decimal(10, 2)),
            "d": pl.Series(draw(st.lists(column(DAYS), **many)), dtype=pl.Date),
            "e": pl.Series(draw(st.lists(column(DAYS), **many)), dtype=pl.Date),
            "k": pl.Series(draw(st.lists(column(["ok", "length", "check"]), **many)), dtype=pl.Enum(["ok", "length", "check"])),
        }
    )


ANY = ["s", "i", "j", "f", "m", "d", "k"]
NUMBERS = ["i", "j", "f", "m"]
PATTERNS = ["^a", "b$", r"^\d+$", r"^\w+$", "宁", "", r"[A-Z]\d?", "^(a|b)$"]
BOUNDS = {"i": [-1, 1, 1.5], "j": [0, 2], "f": [-0.5, 0.1], "m": [0.1, 1.5], "d": ["1980-01-01", "2020-01-01"]}
SETS = {"s": TEXTS[:4], "k": ["ok", "check", "unheard"], "i": [0, 1, 7], "j": [1, 2.0], "f": [0.1, 2], "m": [0.1, 10]}
SELECTIONS = [None, None, None, "i > 0", 's == "a"', "j >= 1 and i != 0", {"type": "nullity", "column": {"name": "t"}, "is_null": False}]


@st.composite
def declared_rules(draw: Any) -> tuple[str, dict[str, Any]]:
    shape = draw(st.sampled_from(SHAPES))
    name, arguments = shape(draw)
    arguments["mostly"] = draw(st.sampled_from([1.0, 0.9, 0.5, 0.0]))
    if name != "column_pair_values_to_be_in_set":
        arguments["row_condition"] = draw(st.sampled_from(SELECTIONS))
    return name, {key: value for key, value in arguments.items() if value is not None}


def one(draw: Any, values: list[Any]) -> Any:
    return draw(st.sampled_from(values))


def between(draw: Any) -> tuple[str, dict[str, Any]]:
    name = one(draw, list(BOUNDS))
    low, high = sorted([one(draw, BOUNDS[name]), one(draw, BOUNDS[name])])
    ends = one(draw, [(low, high), (low, None), (None, high)])
    strict = {"strict_min": draw(st.booleans()), "strict_max": draw(st.booleans())}
    return "column_values_to_be_between", {"column": name, "min_value": ends[0], "max_value": ends[1], **strict}


def pair(draw: Any) -> tuple[str, dict[str, Any]]:
    a, b = one(draw, [("s", "t"), ("i", "j"), ("i", "f"), ("d", "e"), ("m", "f")])
    ignored = one(draw, ["either_value_is_missing", "both_values_are_missing", "neither"])
    kind = one(draw, ["column_pair_values_to_be_equal", "column_pair_values_a_to_be_greater_than_b"])
    extra = {"or_equal": draw(st.booleans())} if kind.endswith("than_b") else {}
    return kind, {"column_A": a, "column_B": b, "ignore_row_if": ignored, **extra}


def pair_set(draw: Any) -> tuple[str, dict[str, Any]]:
    pairs = draw(st.lists(st.tuples(st.sampled_from(TEXTS[:3]), st.sampled_from(TEXTS[:3])), min_size=1, max_size=3))
    ignored = one(draw, ["either_value_is_missing", "both_values_are_missing", "neither"])
    return "column_pair_values_to_be_in_set", {"column_A": "s", "column_B": "t", "value_pairs_set": pairs, "ignore_row_if": ignored}


def record(draw: Any) -> tuple[str, dict[str, Any]]:
    kind, columns = one(
        draw,
        [
            ("compound_columns_to_be_unique", ["s", "i"]),
            ("compound_columns_to_be_unique", ["k", "d", "j"]),
            ("select_column_values_to_be_unique_within_record", ["s", "t"]),
            ("select_column_values_to_be_unique_within_record", ["i", "j"]),
            ("multicolumn_values_to_be_equal", ["s", "t"]),
            ("multicolumn_sum_to_equal", ["i", "j"]),
        ],
    )
    total = {"sum_total": one(draw, [0, 3])} if kind == "multicolumn_sum_to_equal" else {}
    ignored = one(draw, ["all_values_are_missing", "any_value_is_missing", "never"])
    return kind, {"column_list": columns, "ignore_row_if": ignored, **total}


def lengths(draw: Any) -> tuple[str, dict[str, Any]]:
    low, high = one(draw, [(1, None), (None, 1), (1, 2), (0, 0)])
    return "column_value_lengths_to_be_between", {"column": one(draw, ["s", "k", "j"]), "min_value": low, "max_value": high}


def in_set(draw: Any) -> tuple[str, dict[str, Any]]:
    name = one(draw, list(SETS))
    return one(draw, ["column_values_to_be_in_set", "column_values_to_not_be_in_set"]), {"column": name, "value_set": SETS[name]}


def regexes(draw: Any) -> tuple[str, dict[str, Any]]:
    patterns = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2))
    match = {"column": "s", "regex_list": patterns, "match_on": one(draw, ["any", "all"])}
    return one(
        draw,
        [("column_values_to_match_regex_list", match), ("column_values_to_not_match_regex_list", {"column": "s", "regex_list": patterns})],
    )


SHAPES = [
    lambda draw: ("column_values_to_not_be_null", {"column": one(draw, ANY)}),
    lambda draw: ("column_values_to_be_null", {"column": one(draw, ANY)}),
    lambda draw: ("column_values_to_be_unique", {"column": one(draw, ANY)}),
    lambda draw: ("column_values_to_match_regex", {"column": one(draw, ["s", "j", "k"]), "regex": one(draw, PATTERNS)}),
    lambda draw: ("column_values_to_not_match_regex", {"column": one(draw, ["s", "j", "k"]), "regex": one(draw, PATTERNS)}),
    lambda draw: ("column_value_lengths_to_equal", {"column": one(draw, ["s", "k"]), "value": one(draw, [0, 1, 2])}),
    lengths, in_set, between, regexes, pair, pair_set, record,
]  # fmt: skip


@settings(COMPARED, max_examples=60)
@given(tables(), st.lists(declared_rules(), min_size=1, max_size=6))
def test_map_expectations(frame: pl.DataFrame, declared: list[tuple[str, dict[str, Any]]]) -> None:
    assert_equal_to_gx_alone(frame, rules_of(*declared))


@settings(COMPARED, max_examples=25)
@given(tables(), st.sampled_from(SELECTIONS[2:]), st.data())
def test_aggregates_and_table_expectations(frame: pl.DataFrame, selection: Any, data: st.DataObject) -> None:
    assert_equal_to_gx_alone(frame, rules_of(*data.draw(st.lists(st.sampled_from(aggregates(frame, selection)), min_size=1, max_size=10))))


def test_all_aggregates_and_table_expectations_at_once() -> None:
    frame = pl.DataFrame(
        {
            "s": ["a", None, "a"], "t": ["b", "c", None], "i": [1, None, 2], "j": [1, 2, 3], "f": [0.5, float("nan"), 1.0],
            "m": pl.Series(["0.10", None, "1.50"]).cast(pl.Decimal(10, 2)), "d": [DAYS[0], None, DAYS[1]], "e": DAYS[:3],
            "k": pl.Series(["ok", "length", None], dtype=pl.Enum(["ok", "length"])),
        }
    )  # fmt: skip
    assert_equal_to_gx_alone(frame, rules_of(*aggregates(frame, None)))


def aggregates(frame: pl.DataFrame, selection: Any) -> list[tuple[str, dict[str, Any]]]:
    declared: list[tuple[str, dict[str, Any]]] = []
    for name in NUMBERS:
        for statistic in ("max", "min", "mean", "median", "sum", "stdev"):
            declared.append((f"column_{statistic}_to_be_between", {"column": name, "min_value": 0, "max_value": 2}))
    for name in ("s", "i", "k"):
        declared.append(("column_unique_value_count_to_be_between", {"column": name, "min_value": 1, "max_value": 3}))
        declared.append(("column_proportion_of_unique_values_to_be_between", {"column": name, "min_value": 0.5}))
        declared.append(("column_proportion_of_non_null_values_to_be_between", {"column": name, "min_value": 0.5}))
    declared.append(("column_max_to_be_between", {"column": "d", "max_value": "2020-01-01"}))
    declared.append(("column_min_to_be_between", {"column": "d", "min_value": date(1950, 1, 1)}))
    if selection is not None:
        declared = [(name, {**arguments, "row_condition": selection}) for name, arguments in declared]
    declared += [
        ("table_row_count_to_equal", {"value": 3}),
        ("table_row_count_to_be_between", {"min_value": 1, "max_value": 8}),
        ("table_column_count_to_equal", {"value": 9}),
        ("table_column_count_to_be_between", {"max_value": 8}),
        ("table_columns_to_match_set", {"column_set": ["s", "t"], "exact_match": False}),
        ("table_columns_to_match_ordered_list", {"column_list": list(frame.columns)}),
        ("column_to_exist", {"column": "absent"}),
        ("column_to_exist", {"column": "d", "column_index": 6}),
    ]
    return declared


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
@given(tables())
def test_sets_of_distinct_values_are_judged_by_their_counts(frame: pl.DataFrame) -> None:
    # GX shows the values themselves as observed; here they stay where they are.
    rules = rules_of(
        ("column_distinct_values_to_be_in_set", {"column": "s", "value_set": ["a", "b", "ab"]}),
        ("column_distinct_values_to_contain_set", {"column": "k", "value_set": ["ok"]}),
        ("column_distinct_values_to_equal_set", {"column": "i", "value_set": [0, 1]}),
    )
    expected = gx_alone(frame, rules)
    for result in validate("a.b", frame, rules, nobody).results:
        assert (result.outcome == "passed") == bool(expected[result.rule.id].success), result.rule.expectation


def test_the_comparison_notices_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations import conditions

    frame = pl.DataFrame({"s": ["a", None, "b"]})
    rules = rules_of(("column_values_to_match_regex", {"column": "s", "regex": "a"}))
    assert_equal_to_gx_alone(frame, rules)
    monkeypatch.setitem(conditions.CONDITIONS, "column_values.match_regex", conditions.not_match_regex)
    with pytest.raises(AssertionError):
        assert_equal_to_gx_alone(frame.vstack(pl.DataFrame({"s": ["a"]})), rules)


def test_nobody_is_excused_here() -> None:
    assert excuse("a.b", rules_of(("column_values_to_not_be_null", {"column": "s"})), nobody) == ({}, {})

"""Generated tables and suites for the fused engine: every kind of column and of rule that a catalogue can produce."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import strategies as st

from districtlake.quality.rules import Rule


def rules_of(*declared: tuple[str, dict[str, Any]]) -> list[Rule]:
    return [Rule(f"r{n}", "t", (), f"expect_{name}", arguments) for n, (name, arguments) in enumerate(declared)]


TEXTS = ["", "a", "b", "ab", "宁波", "A1", "12", "x y", "a\n", "2020-01-31", '{"a": 1}', "𠮷é"]
DAYS = [date(1949, 10, 1), date(2000, 2, 29), date(2020, 1, 1), date(2020, 1, 2)]

MOMENTS = [datetime.fromisoformat(text) for text in ("2020-01-01", "2020-01-01T12:30", "1980-05-05T00:00:01")]


def column(values: list[Any]) -> Any:
    return st.one_of(st.none(), st.sampled_from(values))


@st.composite
def tables(draw: Any, most: int = 9) -> pl.DataFrame:
    height = draw(st.integers(0, most))
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
            "c": pl.Series(draw(st.lists(column(["甲", "乙", ""]), **many)), dtype=pl.String).cast(pl.Categorical),
            "z": pl.Series(draw(st.lists(column(MOMENTS), **many)), dtype=pl.Datetime("us")),
            "b": pl.Series(draw(st.lists(column([True, False]), **many)), dtype=pl.Boolean),
        }
    )


ANY = ["s", "i", "j", "f", "m", "d", "k", "c", "z"]
NUMBERS = ["i", "j", "f", "m"]
PATTERNS = ["^a", "b$", r"^\d+$", r"^\w+$", "宁", "", r"[A-Z]\d?", "^(a|b)$"]
BOUNDS = {"i": [-1, 1, 1.5], "j": [0, 2], "f": [-0.5, 0.1], "m": [0.1, 1.5], "d": ["1980-01-01", "2020-01-01"]}
SETS = {"s": TEXTS[:4], "k": ["ok", "check", "unheard"], "c": ["甲", ""], "i": [0, 1, 7], "j": [1, 2.0], "f": [0.1, 2], "m": [0.1, 10]}
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


def following(draw: Any) -> tuple[str, dict[str, Any]]:
    kind = one(draw, ["column_values_to_be_increasing", "column_values_to_be_decreasing"])
    return kind, {"column": one(draw, ["i", "j", "f", "m", "d", "z"]), "strictly": draw(st.booleans())}


def outliers(draw: Any) -> tuple[str, dict[str, Any]]:
    name = one(draw, NUMBERS)
    if draw(st.booleans()):
        return "column_value_z_scores_to_be_less_than", {
            "column": name,
            "threshold": one(draw, [0.5, 1, 1.5]),
            "double_sided": draw(st.booleans()),
        }
    return "column_values_to_not_be_outliers", {"column": name, "method": one(draw, ["iqr", "std"]), "multiplier": one(draw, [0, 0.5, 1.5])}


SHAPES = [
    lambda draw: ("column_values_to_not_be_null", {"column": one(draw, ANY)}),
    lambda draw: ("column_values_to_be_null", {"column": one(draw, ANY)}),
    lambda draw: ("column_values_to_be_unique", {"column": one(draw, ANY)}),
    lambda draw: ("column_values_to_match_regex", {"column": one(draw, ["s", "j", "k"]), "regex": one(draw, PATTERNS)}),
    lambda draw: ("column_values_to_not_match_regex", {"column": one(draw, ["s", "j", "k"]), "regex": one(draw, PATTERNS)}),
    lambda draw: ("column_value_lengths_to_equal", {"column": one(draw, ["s", "k"]), "value": one(draw, [0, 1, 2])}),
    lambda draw: ("column_values_to_match_strftime_format", {"column": "s", "strftime_format": one(draw, ["%Y-%m-%d", "%d"])}),
    lambda draw: (one(draw, ["column_values_to_be_json_parseable", "column_values_to_be_dateutil_parseable"]), {"column": one(draw, ["s", "k"])}),
    lengths, in_set, between, following, outliers, regexes, pair, pair_set, record,
]  # fmt: skip


def aggregates(frame: pl.DataFrame, selection: Any) -> list[tuple[str, dict[str, Any]]]:
    declared: list[tuple[str, dict[str, Any]]] = []
    for name in NUMBERS:
        for statistic in ("max", "min", "mean", "median", "sum", "stdev"):
            declared.append((f"column_{statistic}_to_be_between", {"column": name, "min_value": 0, "max_value": 2}))
    for name in ("s", "i", "k"):
        declared.append(("column_unique_value_count_to_be_between", {"column": name, "min_value": 1, "max_value": 3}))
        declared.append(("column_proportion_of_unique_values_to_be_between", {"column": name, "min_value": 0.5}))
        declared.append(("column_proportion_of_non_null_values_to_be_between", {"column": name, "min_value": 0.5}))
        declared.append(("column_most_common_value_to_be_in_set", {"column": name, "value_set": ["a", 1, "ok"], "ties_okay": True}))
    for name in NUMBERS:
        for interpolation in ("linear", "nearest"):
            ranges = {"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[-1, 1], [None, 1], [0, None]]}
            declared.append(
                ("column_quantile_values_to_be_between", {"column": name, "quantile_ranges": ranges, "allow_relative_error": interpolation})
            )
    declared.append(("column_max_to_be_between", {"column": "d", "max_value": "2020-01-01"}))
    declared.append(("column_min_to_be_between", {"column": "d", "min_value": date(1950, 1, 1)}))
    if selection is not None:
        declared = [(name, {**arguments, "row_condition": selection}) for name, arguments in declared]
    declared += [
        ("table_row_count_to_equal", {"value": 3}),
        ("table_row_count_to_be_between", {"min_value": 1, "max_value": 8}),
        ("table_column_count_to_equal", {"value": 12}),
        ("table_column_count_to_be_between", {"max_value": 8}),
        ("table_columns_to_match_set", {"column_set": ["s", "t"], "exact_match": False}),
        ("table_columns_to_match_ordered_list", {"column_list": list(frame.columns)}),
        ("column_to_exist", {"column": "absent"}),
        ("column_to_exist", {"column": "d", "column_index": 6}),
    ]
    return declared


DIFFERENCES = {
    "numbers": "Means, sums and deviations may differ in the last bits: they are summed in another order. Held to 1e-9 of the value.",
    "absence": "GX says that there is no value as None, NaN or NaT, as its column's type has it. One absence is as good as another.",
}
"""All that is not compared bit by bit, and why. Everything else in a result's dict must be equal."""


def same(a: Any, b: Any) -> bool:
    """Equal but for ``DIFFERENCES``."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if a is None or b is None or a != a or b != b:
        return (a is None or a != a) and (b is None or b != b)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return bool(a == b)

"""Conditions on one column: GX's ``column_values.*`` metrics as verdicts on rows.

Each function gets the table, the metric's domain (``column``, ``row_condition``) and its values, and returns a condition or raises
``Unfused``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

import polars as pl

from expectations.literals import Unfused, bound, is_textual, members
from expectations.regexes import rust_pattern
from expectations.table import Condition, Duplicates, Ordered, Python, Table, Values


def _column(table: Table, domain: Values, holds: Callable[[str], pl.Expr]) -> Condition:
    column = domain["column"]
    return Condition.of(table.rows(domain) & table.col(column).is_not_null(), holds(column))


def not_null(table: Table, domain: Values, values: Values) -> Condition:
    return Condition.of(table.rows(domain), table.col(domain["column"]).is_not_null())


def null(table: Table, domain: Values, values: Values) -> Condition:
    return Condition.of(table.rows(domain), table.col(domain["column"]).is_null())


def value_in(table: Table, column: str, value_set: Sequence[Any]) -> pl.Expr:
    """Whether the cell is one of ``value_set``; null where it is missing."""
    dtype = table.dtype(column)
    allowed = members(value_set, dtype).unique()
    if allowed.is_empty():
        return pl.lit(False)
    return table.col(column).is_in(pl.lit(allowed).implode())


def in_set(table: Table, domain: Values, values: Values) -> Condition:
    if values["value_set"] is None:
        return _column(table, domain, lambda column: pl.lit(True))
    return _column(table, domain, lambda column: value_in(table, column, values["value_set"]))


def not_in_set(table: Table, domain: Values, values: Values) -> Condition:
    if values["value_set"] is None:
        return _column(table, domain, lambda column: pl.lit(True))
    return _column(table, domain, lambda column: ~value_in(table, column, values["value_set"]))


def _within(subject: pl.Expr, dtype: pl.DataType, values: Values) -> pl.Expr:
    low, high = values.get("min_value"), values.get("max_value")
    if (low is None and high is None) or (low is not None and high is not None and low > high):
        raise Unfused("GX refuses these bounds itself")
    parts = []
    if low is not None:
        parts.append(subject > bound(low, dtype) if values.get("strict_min") else subject >= bound(low, dtype))
    if high is not None:
        parts.append(subject < bound(high, dtype) if values.get("strict_max") else subject <= bound(high, dtype))
    return reduce(and_, parts)


def between(table: Table, domain: Values, values: Values) -> Condition:
    return _column(table, domain, lambda column: _within(table.col(column), table.dtype(column), values))


def length_between(table: Table, domain: Values, values: Values) -> Condition:
    return _column(table, domain, lambda column: _within(table.text(column).str.len_chars(), pl.Int64(), values))


def length_equals(table: Table, domain: Values, values: Values) -> Condition:
    return _column(table, domain, lambda column: table.text(column).str.len_chars() == bound(values["value"], pl.Int64()))


def _matches(table: Table, column: str, pattern: str) -> pl.Expr:
    return table.text(column).str.contains(rust_pattern(pattern))


def match_regex(table: Table, domain: Values, values: Values) -> Condition:
    return _column(table, domain, lambda column: _matches(table, column, values["regex"]))


def not_match_regex(table: Table, domain: Values, values: Values) -> Condition:
    return _column(table, domain, lambda column: ~_matches(table, column, values["regex"]))


def match_regex_list(table: Table, domain: Values, values: Values) -> Condition:
    combine = {"any": pl.any_horizontal, "all": pl.all_horizontal}.get(values.get("match_on") or "any")
    if combine is None or not values["regex_list"]:
        raise Unfused("GX refuses these arguments itself")
    return _column(table, domain, lambda column: combine([_matches(table, column, regex) for regex in values["regex_list"]]))


def not_match_regex_list(table: Table, domain: Values, values: Values) -> Condition:
    if not values["regex_list"]:
        raise Unfused("GX refuses these arguments itself")
    return _column(table, domain, lambda column: ~pl.any_horizontal([_matches(table, column, regex) for regex in values["regex_list"]]))


def unique(table: Table, domain: Values, values: Values) -> Duplicates:
    column = table.col(domain["column"])
    return Duplicates(table.rows(domain) & column.is_not_null(), (column,))


def _ordered(table: Table, domain: Values, values: Values, sign: int) -> Ordered:
    name = domain["column"]
    if not (table.dtype(name).is_numeric() or isinstance(table.dtype(name), (pl.Date, pl.Datetime))):
        raise Unfused(f"pandas takes no difference of {table.dtype(name)}")
    column = table.col(name)
    return Ordered(table.rows(domain) & column.is_not_null(), column, sign, bool(values.get("strictly")))


def increasing(table: Table, domain: Values, values: Values) -> Ordered:
    return _ordered(table, domain, values, 1)


def decreasing(table: Table, domain: Values, values: Values) -> Ordered:
    return _ordered(table, domain, values, -1)


def _numbers(table: Table, column: str) -> pl.Expr:
    if not table.dtype(column).is_numeric():
        raise Unfused(f"a number of {table.dtype(column)}")
    return table.col(column).cast(pl.Float64)


def z_score_below(table: Table, domain: Values, values: Values) -> Condition:
    numbers, threshold = _numbers(table, domain["column"]), values.get("threshold")
    if threshold is None:
        raise Unfused("GX refuses this threshold itself")
    mean, deviation = values["_metrics"]["column_values.z_score.map"][0]
    if not deviation or deviation != deviation:  # all values the same, or too few: nobody is far from the others
        return _column(table, domain, lambda column: pl.lit(True))
    score = (numbers - mean) / deviation
    below = score.abs() < abs(threshold) if values.get("double_sided") else score < threshold
    return _column(table, domain, lambda column: below | score.is_nan())


def not_outlier(table: Table, domain: Values, values: Values) -> Condition:
    numbers = _numbers(table, domain["column"])
    lower, upper, spread = values["_metrics"]["column.outlier_statistics"]
    if lower is None or upper is None or spread is None:
        return _column(table, domain, lambda column: pl.lit(True))
    reach = values["multiplier"] * spread
    if values["method"] == "iqr":
        return _column(table, domain, lambda column: (numbers >= lower - reach) & (numbers <= upper + reach))
    if reach <= 0:
        return _column(table, domain, lambda column: numbers == lower)
    return _column(table, domain, lambda column: (numbers - lower).abs() < reach)


def _each_text(table: Table, domain: Values, holds: Callable[[str], bool]) -> Condition:
    """A verdict that takes Python to find: asked once for each different text of a batch."""
    if not is_textual(table.dtype(domain["column"])):
        raise Unfused(f"{table.dtype(domain['column'])} is no text")

    spent = Python()

    def judge(texts: pl.Series) -> pl.Series:
        started = time.perf_counter()
        different = texts.drop_nulls().unique()
        held = [text for text in different.to_list() if holds(text)]
        spent.seconds += time.perf_counter() - started
        return texts.is_in(pl.Series(held, dtype=pl.String).implode())

    text = table.text(domain["column"])
    asked = table.rows(domain) & text.is_not_null()
    # Only what the rule speaks of is shown to the parser: another row's text may make it raise.
    return Condition.of(asked, pl.when(asked).then(text).map_batches(judge, return_dtype=pl.Boolean), spent)


def matches_strftime(table: Table, domain: Values, values: Values) -> Condition:
    def holds(text: str) -> bool:
        try:
            datetime.strptime(text, values["strftime_format"])  # noqa: DTZ007  only whether it parses
        except ValueError:
            return False
        return True

    return _each_text(table, domain, holds)


def dateutil_parseable(table: Table, domain: Values, values: Values) -> Condition:
    from dateutil.parser import parse  # type: ignore[import-untyped]

    def holds(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, OverflowError):
            return False
        return True

    return _each_text(table, domain, holds)


def json_parseable(table: Table, domain: Values, values: Values) -> Condition:
    def holds(text: str) -> bool:
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return False
        return True

    return _each_text(table, domain, holds)


def matches_json_schema(table: Table, domain: Values, values: Values) -> Condition:
    from jsonschema import ValidationError, validate  # type: ignore[import-untyped]

    def holds(text: str) -> bool:
        try:
            validate(json.loads(text), values["json_schema"])
        except ValidationError:
            return False
        return True  # a text that is no JSON, or a schema that is none, raises: so it does in GX

    return _each_text(table, domain, holds)

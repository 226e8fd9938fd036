"""GX's map conditions as Polars expressions: which rows a rule applies to, and which of these break it.

One function per condition metric, named in ``CONDITIONS``; ``expectations.own`` adds ours. Each gets the table, the metric's domain
(column names, ``row_condition``, ``ignore_row_if``) and its values, and returns a ``Condition`` or raises ``Unfused``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import and_
from typing import Any

import polars as pl

from expectations.literals import Unfused, bound, family, is_textual, members
from expectations.regexes import rust_pattern
from expectations.row_conditions import row_mask

Values = Mapping[str, Any]
_MOST_PAIRS = 200  # above this many first halves the expression outgrows pandas


@dataclass(frozen=True)
class Condition:
    """Both Boolean, one value a row. ``fails`` is null-free and False wherever ``applies`` is."""

    applies: pl.Expr
    fails: pl.Expr

    @classmethod
    def of(cls, applies: pl.Expr, holds: pl.Expr) -> Condition:
        # A verdict that came out null counts as failing: nothing passes by accident.
        return cls(applies, applies & ~holds.fill_null(False))


class Table:
    """The frame under validation, as the conditions see it; row conditions become hidden Boolean columns of it."""

    def __init__(self, frame: pl.DataFrame):
        self.frame = frame
        self.schema = dict(frame.schema)
        self.columns = tuple(frame.columns)
        self._masks: dict[str, str] = {}

    def dtype(self, column: str) -> pl.DataType:
        return self.schema[column]

    def col(self, column: str) -> pl.Expr:
        """The column; NaN is missing, as in pandas."""
        dtype = self.schema[column]
        if dtype.is_float():
            return pl.col(column).cast(pl.Float64).fill_nan(None)
        return pl.col(column).cast(pl.String) if isinstance(dtype, pl.Categorical) else pl.col(column)

    def text(self, column: str) -> pl.Expr:
        """The column as GX's ``astype(str)`` spells it. Floats and times have a spelling of pandas' own: ``Unfused``."""
        dtype = self.schema[column]
        if isinstance(dtype, pl.String):
            return pl.col(column)
        if is_textual(dtype) or dtype.is_integer():
            return pl.col(column).cast(pl.String)
        raise Unfused(f"{dtype} as text")

    def rows(self, domain: Values) -> pl.Expr:
        """The rows that ``row_condition`` selects; all when there is none."""
        condition = domain.get("row_condition")
        if not condition:
            return pl.lit(True)
        key = repr(condition)
        if key not in self._masks:
            name = f"__rows_{len(self._masks)}"
            self.frame = self.frame.with_columns(row_mask(self.frame.select(self.columns), condition).alias(name))
            self._masks[key] = name
        return pl.col(self._masks[key])


Compiler = Callable[[Table, Values, Values], Condition]


def _column(table: Table, domain: Values, holds: Callable[[str], pl.Expr]) -> Condition:
    column = domain["column"]
    return Condition.of(table.rows(domain) & table.col(column).is_not_null(), holds(column))


def not_null(table: Table, domain: Values, values: Values) -> Condition:
    return Condition.of(table.rows(domain), table.col(domain["column"]).is_not_null())


def null(table: Table, domain: Values, values: Values) -> Condition:
    return Condition.of(table.rows(domain), table.col(domain["column"]).is_null())


def _in_set(table: Table, column: str, value_set: Sequence[Any]) -> pl.Expr:
    dtype = table.dtype(column)
    allowed = members(value_set, dtype).unique()
    if allowed.is_empty():
        return pl.lit(False)
    return table.col(column).is_in(pl.lit(allowed).implode())


def in_set(table: Table, domain: Values, values: Values) -> Condition:
    if values["value_set"] is None:
        return _column(table, domain, lambda column: pl.lit(True))
    return _column(table, domain, lambda column: _in_set(table, column, values["value_set"]))


def not_in_set(table: Table, domain: Values, values: Values) -> Condition:
    if values["value_set"] is None:
        return _column(table, domain, lambda column: pl.lit(True))
    return _column(table, domain, lambda column: ~_in_set(table, column, values["value_set"]))


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


def unique(table: Table, domain: Values, values: Values) -> Condition:
    column = table.col(domain["column"])
    if domain.get("row_condition"):  # duplicates count among the selected rows only
        column = pl.when(table.rows(domain)).then(column)
    return Condition.of(table.rows(domain) & table.col(domain["column"]).is_not_null(), ~column.is_duplicated())


def _pair(table: Table, domain: Values) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """The applicable rows, A and B."""
    a, b = table.col(domain["column_A"]), table.col(domain["column_B"])
    ignored = domain.get("ignore_row_if")
    rows = table.rows(domain)
    if ignored == "either_value_is_missing":
        rows = rows & a.is_not_null() & b.is_not_null()
    elif ignored == "both_values_are_missing":
        rows = rows & (a.is_not_null() | b.is_not_null())
    elif ignored not in (None, "neither"):
        raise Unfused("GX refuses this ignore_row_if itself")
    return rows, a, b


def _comparable(table: Table, columns: Sequence[str]) -> list[pl.Expr]:
    families = {family(table.dtype(column)) for column in columns}
    if len(families) > 1:
        raise Unfused(f"{' against '.join(sorted(families))}")
    if families == {"text"}:
        return [table.text(column) for column in columns]
    return [table.col(column) for column in columns]


def pair_equal(table: Table, domain: Values, values: Values) -> Condition:
    rows, _, _ = _pair(table, domain)
    a, b = _comparable(table, [domain["column_A"], domain["column_B"]])
    return Condition.of(rows, a == b)


def pair_greater(table: Table, domain: Values, values: Values) -> Condition:
    rows, _, _ = _pair(table, domain)
    a, b = _comparable(table, [domain["column_A"], domain["column_B"]])
    return Condition.of(rows, a >= b if values.get("or_equal") else a > b)


def pair_in_set(table: Table, domain: Values, values: Values) -> Condition:
    rows, _, _ = _pair(table, domain)
    pairs = values.get("value_pairs_set")
    if pairs is None:
        return Condition.of(rows, pl.lit(True))
    partners: dict[Any, list[Any]] = {}
    for first, second in pairs:
        partners.setdefault(first, []).append(second)
    if len(partners) > _MOST_PAIRS:
        raise Unfused("a long list of pairs")
    name_a, name_b = domain["column_A"], domain["column_B"]
    held = [_cell_in(table, name_a, [first]) & _cell_in(table, name_b, seconds) for first, seconds in partners.items()]
    return Condition.of(rows, pl.any_horizontal(held) if held else pl.lit(False))


def _cell_in(table: Table, column: str, allowed: Sequence[Any]) -> pl.Expr:
    """Membership where None stands for a missing cell."""
    found = _in_set(table, column, allowed).fill_null(False)
    return found | table.col(column).is_null() if None in allowed else found & table.col(column).is_not_null()


def _record(table: Table, domain: Values) -> tuple[pl.Expr, list[pl.Expr]]:
    """The applicable rows and the columns of ``column_list``."""
    columns = [table.col(column) for column in domain["column_list"]]
    ignored = domain.get("ignore_row_if")
    rows = table.rows(domain)
    if ignored == "any_value_is_missing":
        rows = rows & pl.all_horizontal([column.is_not_null() for column in columns])
    elif ignored == "all_values_are_missing":
        rows = rows & pl.any_horizontal([column.is_not_null() for column in columns])
    elif ignored not in (None, "never"):
        raise Unfused("GX refuses this ignore_row_if itself")
    return rows, columns


def compound_unique(table: Table, domain: Values, values: Values) -> Condition:
    rows, columns = _record(table, domain)
    # With the row's applicability in the key, an inapplicable row never duplicates an applicable one.
    key = pl.struct(rows.alias("__applies"), *[column.alias(f"__key_{n}") for n, column in enumerate(columns)])
    return Condition.of(rows, ~key.is_duplicated())


def unique_within_record(table: Table, domain: Values, values: Values) -> Condition:
    rows, _ = _record(table, domain)
    columns = _comparable(table, domain["column_list"])
    return Condition.of(rows, pl.all_horizontal([a.ne_missing(b) for a, b in combinations(columns, 2)]))


def equal_within_record(table: Table, domain: Values, values: Values) -> Condition:
    rows, _ = _record(table, domain)
    first, *others = _comparable(table, domain["column_list"])
    return Condition.of(rows, pl.all_horizontal([first.eq_missing(other) for other in others]))


def sum_equal(table: Table, domain: Values, values: Values) -> Condition:
    rows, columns = _record(table, domain)
    if {family(table.dtype(column)) for column in domain["column_list"]} != {"number"}:
        raise Unfused("a sum over something else than numbers")
    dtypes = [table.dtype(column) for column in domain["column_list"]]
    if all(isinstance(dtype, pl.Decimal) or dtype.is_integer() for dtype in dtypes):
        # Decimal(38, scale) holds every sum of 64-bit integers and money exactly: 0.1 + 0.2 is 0.3.
        scale = max((dtype.scale for dtype in dtypes if isinstance(dtype, pl.Decimal)), default=0)
        columns = [column.cast(pl.Decimal(38, scale)) for column in columns]
        return Condition.of(rows, reduce(lambda left, right: left + right, columns) == bound(values["sum_total"], pl.Decimal(38, scale)))
    total = reduce(lambda left, right: left + right, [column.cast(pl.Float64) for column in columns])
    return Condition.of(rows, total == bound(values["sum_total"], pl.Float64()))


CONDITIONS: dict[str, Compiler] = {
    "column_values.nonnull": not_null,
    "column_values.null": null,
    "column_values.in_set": in_set,
    "column_values.not_in_set": not_in_set,
    "column_values.between": between,
    "column_values.value_length.between": length_between,
    "column_values.value_length.equals": length_equals,
    "column_values.match_regex": match_regex,
    "column_values.not_match_regex": not_match_regex,
    "column_values.match_regex_list": match_regex_list,
    "column_values.not_match_regex_list": not_match_regex_list,
    "column_values.unique": unique,
    "column_pair_values.equal": pair_equal,
    "column_pair_values.a_greater_than_b": pair_greater,
    "column_pair_values.in_set": pair_in_set,
    "compound_columns.unique": compound_unique,
    "select_column_values.unique.within_record": unique_within_record,
    "multicolumn_values.equal": equal_within_record,
    "multicolumn_sum.equal": sum_equal,
}


def compile_condition(table: Table, metric: str, domain: Values, values: Values) -> Condition:
    """The condition of ``metric`` (without its suffix). Raises ``Unfused`` when pandas has to decide.

    The empty frame is asked first: an expression that Polars refuses for its types is refused here and not amid the one pass.
    """
    compiler = CONDITIONS.get(metric)
    if compiler is None:
        raise Unfused(metric)
    condition = compiler(table, domain, values)
    try:
        table.frame.clear().select(condition.applies.alias("applies"), condition.fails.alias("fails"))
    except pl.exceptions.PolarsError as error:
        raise Unfused(f"{metric}: {type(error).__name__}") from error
    return condition

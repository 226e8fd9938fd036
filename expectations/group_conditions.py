"""Conditions on two columns or more of a row: GX's ``column_pair_values.*``, ``multicolumn_*`` and ``*columns.unique`` metrics.

Each function gets the table, the metric's domain (columns, ``row_condition``, ``ignore_row_if``) and its values, and returns a condition
or raises ``Unfused``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import combinations
from typing import Any

import polars as pl

from expectations.column_conditions import value_in
from expectations.literals import Unfused, bound, family
from expectations.table import Condition, Duplicates, Table, Values

_MOST_PAIRS = 200  # above this many first halves the expression outgrows pandas


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
    found = value_in(table, column, allowed).fill_null(False)
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


def compound_unique(table: Table, domain: Values, values: Values) -> Duplicates:
    rows, columns = _record(table, domain)
    return Duplicates(rows, tuple(columns))


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

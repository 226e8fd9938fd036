"""GX's aggregate metrics as Polars expressions, one value each, in the type that GX's own comparison expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from expectations.conditions import Table
from expectations.literals import Unfused, members

Values = Mapping[str, Any]


def _numbers(table: Table, domain: Values) -> pl.Expr:
    """The selected numbers; decimals as floats (GX does the same), integers in 64 bits so that sums do not overflow early."""
    dtype = table.dtype(domain["column"])
    if not dtype.is_numeric():
        raise Unfused(f"a number of {dtype}")
    column = _cells(table, domain)
    return column.cast(pl.Float64) if not dtype.is_integer() else column.cast(pl.Int64)


def _cells(table: Table, domain: Values) -> pl.Expr:
    column = table.col(domain["column"])
    return column.filter(table.rows(domain)) if domain.get("row_condition") else column


def _ordered(table: Table, domain: Values) -> pl.Expr:
    dtype = table.dtype(domain["column"])
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        raise Unfused("a time zone")
    if isinstance(dtype, pl.Decimal):
        return _cells(table, domain).cast(pl.Float64)
    if dtype.is_numeric() or isinstance(dtype, (pl.Date, pl.Datetime, pl.String)):
        return _cells(table, domain)
    raise Unfused(f"an order of {dtype}")


def _distinct(table: Table, domain: Values) -> pl.Expr:
    return _cells(table, domain).drop_nulls().unique()


def _not_in_set(table: Table, domain: Values, values: Values) -> pl.Expr:
    allowed = members(values["value_set"] or (), table.dtype(domain["column"]))
    return (~_distinct(table, domain).is_in(pl.lit(allowed).implode())).sum()


def _missing_from_column(table: Table, domain: Values, values: Values) -> pl.Expr:
    wanted = list(values["value_set"] or ())
    held = members(wanted, table.dtype(domain["column"])).unique()
    if held.len() != len(set(wanted)):
        raise Unfused("a value the column cannot hold")
    return held.len() - _distinct(table, domain).is_in(pl.lit(held).implode()).sum().cast(pl.Int64)


AGGREGATES: dict[str, Callable[[Table, Values, Values], pl.Expr]] = {
    "column.max": lambda table, domain, values: _ordered(table, domain).max(),
    "column.min": lambda table, domain, values: _ordered(table, domain).min(),
    "column.mean": lambda table, domain, values: _numbers(table, domain).mean(),
    "column.sum": lambda table, domain, values: _numbers(table, domain).sum(),
    "column.median": lambda table, domain, values: _numbers(table, domain).median(),
    "column.standard_deviation": lambda table, domain, values: _numbers(table, domain).std(),
    "column.non_null_count": lambda table, domain, values: _cells(table, domain).count(),
    "column.distinct_values.count": lambda table, domain, values: _cells(table, domain).drop_nulls().n_unique(),
    "column.distinct_values.not_in_set.count": _not_in_set,
    "column.distinct_values.missing_from_column.count": _missing_from_column,
}


def compile_aggregate(table: Table, metric: str, domain: Values, values: Values) -> pl.Expr:
    """Raises ``Unfused`` when pandas has to answer."""
    expression = AGGREGATES[metric](table, domain, values)
    try:
        table.frame.clear().select(expression.alias("value"))
    except pl.exceptions.PolarsError as error:
        raise Unfused(f"{metric}: {type(error).__name__}") from error
    return expression


def as_gx_expects(value: Any) -> Any:
    """A day as a datetime (GX compares bounds as datetimes: ``compile`` makes them so), a decimal as a float, the rest as it is."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, datetime.min.time())
    return float(value) if isinstance(value, Decimal) else value

"""GX's aggregate metrics: what is taken of each batch, and the one value it comes to, in the type that GX's own comparison expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from expectations.frames import to_pandas
from expectations.literals import Unfused, is_textual, members
from expectations.table import Table

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Aggregate:
    """One value over all rows.

    Attributes:
        parts: what is taken of a batch: one value each (a list, where values must be kept).
        finish: the value, from one line of parts a batch.
    """

    parts: dict[str, pl.Expr]
    finish: Callable[[pl.DataFrame], Any]


def _cells(table: Table, domain: Values) -> pl.Expr:
    column = table.col(domain["column"])
    return column.filter(table.rows(domain)) if domain.get("row_condition") else column


def _numbers(table: Table, domain: Values) -> pl.Expr:
    """The selected numbers; decimals as floats (GX does the same), integers in 64 bits so that sums do not overflow early."""
    dtype = table.dtype(domain["column"])
    if not dtype.is_numeric():
        raise Unfused(f"a number of {dtype}")
    column = _cells(table, domain)
    return column.cast(pl.Int64) if dtype.is_integer() and dtype != pl.UInt64 else column.cast(pl.Float64)


def _ordered(table: Table, domain: Values) -> pl.Expr:
    dtype = table.dtype(domain["column"])
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        raise Unfused("a time zone")
    if isinstance(dtype, pl.Decimal):
        return _cells(table, domain).cast(pl.Float64)
    if dtype.is_numeric() or isinstance(dtype, (pl.Date, pl.Datetime, pl.String)):
        return _cells(table, domain)
    raise Unfused(f"an order of {dtype}")


def _folded(part: pl.Expr, fold: Callable[[pl.Series], Any]) -> Aggregate:
    return Aggregate({"part": part}, lambda parts: fold(parts.get_column("part")))


def _kept(values: pl.Expr, finish: Callable[[pl.Series], Any]) -> Aggregate:
    """A value that takes all of the column's: they are kept, without the missing ones."""

    def joined(parts: pl.DataFrame) -> Any:
        return finish(parts.get_column("values").explode(empty_as_null=False))

    return Aggregate({"values": values.drop_nulls().implode()}, joined)


def _moments(table: Table, domain: Values) -> dict[str, pl.Expr]:
    numbers = _numbers(table, domain)
    return {"mean": numbers.mean(), "count": numbers.count(), "deviation": numbers.std()}


def _mean(table: Table, domain: Values, values: Values) -> Aggregate:
    def finish(parts: pl.DataFrame) -> Any:
        filled = parts.filter(pl.col("count") > 0)
        if filled.height <= 1:
            return filled["mean"].first()
        return filled.select((pl.col("mean") * pl.col("count")).sum() / pl.col("count").sum()).item()

    return Aggregate(_moments(table, domain), finish)


def _deviation(table: Table, domain: Values, values: Values) -> Aggregate:
    def finish(parts: pl.DataFrame) -> Any:
        filled = parts.filter(pl.col("count") > 0)
        if filled.height <= 1:
            return filled["deviation"].first()
        mean, count = pl.col("mean"), pl.col("count")
        centre = (mean * count).sum() / count.sum()
        squares = (pl.col("deviation").fill_null(0.0) ** 2 * (count - 1) + (mean - centre) ** 2 * count).sum()
        return filled.select((squares / (count.sum() - 1)).sqrt()).item()

    return Aggregate(_moments(table, domain), finish)


def _median(table: Table, domain: Values, values: Values) -> Aggregate:
    return _kept(_numbers(table, domain), lambda kept: kept.median())


def _quantiles(table: Table, domain: Values, values: Values) -> Aggregate:
    interpolation = values.get("allow_relative_error") or "nearest"
    wanted = list(values["quantiles"])
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise Unfused("GX refuses this interpolation itself")
    return _kept(_numbers(table, domain), lambda kept: _in_pandas(kept).quantile(wanted, interpolation=interpolation).tolist())


def _outlier_statistics(table: Table, domain: Values, values: Values) -> Aggregate:
    """GX's (lower reference, upper reference, spread); by pandas, because a verdict on values at the very border hangs on the last bit."""

    def finish(kept: pl.Series) -> tuple[float | None, float | None, float | None]:
        numbers = _in_pandas(kept)
        if values["method"] == "iqr":
            low, high = _finite(numbers.quantile(0.25)), _finite(numbers.quantile(0.75))
            return low, high, None if low is None or high is None else high - low
        mean = _finite(numbers.mean())
        return mean, mean, _finite(numbers.std())

    if values["method"] not in ("iqr", "std"):
        raise Unfused("GX refuses this method itself")
    return _kept(_numbers(table, domain), finish)


def _z_score(table: Table, domain: Values, values: Values) -> Aggregate:
    """(mean, standard deviation), by pandas for the same reason."""

    def finish(kept: pl.Series) -> tuple[float, float]:
        numbers = _in_pandas(kept)
        return float(numbers.mean()), float(numbers.std())

    return _kept(_numbers(table, domain), finish)


def _in_pandas(numbers: pl.Series) -> Any:
    return to_pandas(numbers.to_frame("numbers"))["numbers"]


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if number - number == 0 else None


def _different(table: Table, domain: Values, finish: Callable[[pl.Series], Any]) -> Aggregate:
    """From the different values of each batch: what of them all."""
    values = _cells(table, domain)
    return _kept(values.unique(), lambda kept: finish(kept.unique()))


def _not_in_set(table: Table, domain: Values, values: Values) -> Aggregate:
    allowed = members(values["value_set"] or (), table.dtype(domain["column"]))
    return _different(table, domain, lambda kept: int((~kept.is_in(allowed.implode())).sum()))


def _missing_from_column(table: Table, domain: Values, values: Values) -> Aggregate:
    wanted = list(values["value_set"] or ())
    held = members(wanted, table.dtype(domain["column"])).unique()
    if held.len() != len(set(wanted)):
        raise Unfused("a value the column cannot hold")
    return _different(table, domain, lambda kept: held.len() - int(held.is_in(kept.implode()).sum()))


def _counted(table: Table, domain: Values, finish: Callable[[pl.DataFrame], Any]) -> Aggregate:
    """From each different value and how often it occurs: a frame ``value, count``, by value."""
    dtype = table.dtype(domain["column"])
    if not is_textual(dtype) and not dtype.is_numeric():
        raise Unfused(f"counts of {dtype}")
    column = _cells(table, domain)
    column = column.cast(pl.String) if is_textual(dtype) else column.cast(pl.Float64) if isinstance(dtype, pl.Decimal) else column

    def joined(parts: pl.DataFrame) -> Any:
        counted = parts.explode("counts", empty_as_null=False).unnest("counts").group_by("value").agg(pl.col("count").sum())
        return finish(counted.sort("value"))

    return Aggregate({"counts": column.drop_nulls().alias("value").value_counts().implode()}, joined)


def _most_common(table: Table, domain: Values, values: Values) -> Aggregate:
    return _counted(table, domain, lambda counted: counted.filter(pl.col("count") == pl.col("count").max())["value"].to_list())


def _value_counts(table: Table, domain: Values, values: Values) -> Aggregate:
    if values.get("sort") not in (None, "value") or values.get("collate") is not None:
        raise Unfused("another order than that of the values")

    def finish(counted: pl.DataFrame) -> Any:
        pandas = to_pandas(counted)
        return pandas.set_index("value")["count"].astype("int64")

    return _counted(table, domain, finish)


def _histogram(table: Table, domain: Values, values: Values) -> Aggregate:
    import numpy

    bins = values["bins"]
    return _kept(_numbers(table, domain), lambda kept: list(numpy.histogram(kept.to_numpy(), bins, density=False)[0]))


AGGREGATES: dict[str, Callable[[Table, Values, Values], Aggregate]] = {
    "column.max": lambda table, domain, values: _folded(_ordered(table, domain).max(), pl.Series.max),
    "column.min": lambda table, domain, values: _folded(_ordered(table, domain).min(), pl.Series.min),
    "column.mean": _mean,
    "column.sum": lambda table, domain, values: _folded(_numbers(table, domain).sum(), pl.Series.sum),
    "column.median": _median,
    "column.standard_deviation": _deviation,
    "column.quantile_values": _quantiles,
    "column.most_common_value": _most_common,
    "column.value_counts": _value_counts,
    "column.histogram": _histogram,
    "column.outlier_statistics": _outlier_statistics,
    "column.non_null_count": lambda table, domain, values: _folded(_cells(table, domain).count(), pl.Series.sum),
    "column.distinct_values.count": lambda table, domain, values: _different(table, domain, len),
    "column.distinct_values.not_in_set.count": _not_in_set,
    "column.distinct_values.missing_from_column.count": _missing_from_column,
    "column_values.z_score.map": _z_score,
    "table.row_count": lambda table, domain, values: _folded(table.rows(domain).sum(), pl.Series.sum),
}


def compile_aggregate(table: Table, metric: str, domain: Values, values: Values) -> Aggregate:
    """Raises ``Unfused`` when pandas has to answer."""
    aggregate = AGGREGATES[metric](table, domain, values)
    try:
        table.empty().select(**aggregate.parts)
    except pl.exceptions.PolarsError as error:
        raise Unfused(f"{metric}: {type(error).__name__}") from error
    return aggregate


def as_gx_expects(value: Any) -> Any:
    """A day as a datetime (GX compares bounds as datetimes: ``compile`` makes them so), a decimal as a float, the rest as it is."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, datetime.min.time())
    return float(value) if isinstance(value, Decimal) else value

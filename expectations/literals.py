"""Arguments of rules (from YAML, so numbers, texts and dates) as Polars literals of a column's type.

A value that has no meaning in the column's type raises ``Unfused``: GX's own pandas engine then decides, or refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl


class Unfused(Exception):
    """This metric is left to GX's own pandas engine."""


def is_textual(dtype: pl.DataType) -> bool:
    return isinstance(dtype, (pl.String, pl.Enum, pl.Categorical))


def family(dtype: pl.DataType) -> str:
    """Types that compare with each other share a family: number, time, text, boolean, or the type's own name."""
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, (pl.Date, pl.Datetime)):
        return "time"
    if is_textual(dtype):
        return "text"
    return str(dtype)


def bound(value: Any, dtype: pl.DataType) -> pl.Expr:
    """``value`` as a literal to compare (<, <=, >, >=) with a column of ``dtype``."""
    if isinstance(dtype, pl.Decimal):
        return pl.lit(_decimal(value))
    if dtype.is_numeric():
        number = _number(value)
        if isinstance(number, int) and not -(2**63) <= number < 2**63:
            raise Unfused(f"{type(value).__name__} beyond 64 bits")
        return pl.lit(number)
    if isinstance(dtype, (pl.Date, pl.Datetime)):
        moment = _moment(value)
        if isinstance(dtype, pl.Datetime) and (dtype.time_zone is None) != (moment.tzinfo is None):
            raise Unfused("a time zone on one side only")
        if isinstance(dtype, pl.Date):
            if moment.tzinfo is not None:
                raise Unfused("a time zone against a date")
            return pl.lit(moment.date()) if moment == datetime.combine(moment.date(), datetime.min.time()) else pl.lit(moment)
        return pl.lit(moment)
    if isinstance(dtype, pl.String) and isinstance(value, str):
        return pl.lit(value)
    raise Unfused(f"no order between {type(value).__name__} and {dtype}")


def members(values: Iterable[Any], dtype: pl.DataType) -> pl.Series:
    """Those of ``values`` that a column of ``dtype`` can hold, as a Series of that type; the others equal no cell."""
    kept = [value for value in values if value is not None]
    if isinstance(dtype, pl.Enum):
        known = set(dtype.categories)
        return pl.Series([value for value in kept if isinstance(value, str) and value in known], dtype=dtype)
    if is_textual(dtype):
        return pl.Series([value for value in kept if isinstance(value, str)], dtype=pl.String)
    if isinstance(dtype, pl.Decimal):
        return _decimals(kept, dtype)
    if dtype.is_float():
        return pl.Series([float(value) for value in kept if _is_number(value)], dtype=pl.Float64)
    if dtype.is_integer():
        low, high = _integer_range(dtype)
        whole = [int(value) for value in kept if _is_number(value) and math.isfinite(value) and value == int(value)]
        return pl.Series([value for value in whole if low <= value <= high], dtype=dtype)
    if isinstance(dtype, pl.Date):
        moments = [_moment(value) for value in kept if isinstance(value, (str, date))]
        return pl.Series([m.date() for m in moments if m.tzinfo is None and m.time() == datetime.min.time()], dtype=pl.Date)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        moments = [_moment(value) for value in kept if isinstance(value, (str, date))]
        return pl.Series([m for m in moments if m.tzinfo is None], dtype=dtype)
    if isinstance(dtype, pl.Boolean) and all(isinstance(value, bool) for value in kept):
        return pl.Series(kept, dtype=pl.Boolean)
    raise Unfused(f"sets over {dtype}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _number(value: Any) -> int | float:
    if not _is_number(value) or not math.isfinite(value):
        raise Unfused(f"{type(value).__name__} is no finite number")
    return int(value) if value == int(value) else float(value)


def _decimal(value: Any) -> Decimal:
    """By the digits a person wrote: 0.1 is 0.1, not the nearest binary fraction."""
    if not _is_number(value):
        raise Unfused(f"{type(value).__name__} is no number")
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or len(number.as_tuple().digits) > 38 or abs(number.adjusted()) > 37:
        raise Unfused("beyond 38 digits")
    return number


def _decimals(values: list[Any], dtype: pl.Decimal) -> pl.Series:
    step = Decimal(1).scaleb(-dtype.scale)
    exact = []
    for value in values:
        if not _is_number(value):
            continue
        number = _decimal(value)
        try:
            whole = number.quantize(step)
        except InvalidOperation:  # more digits than the column has
            continue
        if whole == number:
            exact.append(whole)
    return pl.Series(exact, dtype=pl.Decimal(38, dtype.scale), strict=False).cast(dtype, strict=False).drop_nulls()


def _integer_range(dtype: pl.DataType) -> tuple[int, int]:
    low, high = pl.select(low=pl.lit(0, dtype).lower_bound(), high=pl.lit(0, dtype).upper_bound()).row(0)
    return int(low), int(high)


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, datetime.min.time())
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise Unfused(f"{type(value).__name__} is no ISO date")

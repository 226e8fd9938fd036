"""Polars frames for GX's own pandas engine: made only for what the fused engine does not know, and only of the columns needed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import polars as pl

from expectations.literals import is_textual

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(frame: pl.DataFrame, *, start: int = 0, nullable: Collection[str] | None = None) -> pd.DataFrame:
    """The frame with missing values as pandas understands them, and a RangeIndex (so an index label is a row position).

    Texts and enums become ``str``; decimals ``float64`` (GX converts them itself, but not everywhere); integers with nulls ``float64``
    as GX knows them, but ``Int64`` where a float would lose digits.

    Args:
        start: position of the first row, where the frame is a batch.
        nullable: the integer columns that become ``Int64``, where that was settled over all batches; else the frame decides.
    """
    import pandas as pd

    columns = {}
    for column in frame.get_columns():
        exact = exact_in_float(column) if nullable is None else column.name not in nullable
        columns[column.name] = _series(column, exact)
    made = pd.DataFrame(columns, index=pd.RangeIndex(frame.height), copy=False)
    if start:
        made.index = pd.RangeIndex(start, start + frame.height)
    return made


def _series(column: pl.Series, exact: bool) -> pd.Series:
    import pandas as pd

    dtype = column.dtype
    if is_textual(dtype):
        return pd.Series(column.cast(pl.String).to_pandas(), dtype="str")
    if isinstance(dtype, pl.Decimal):
        return column.cast(pl.Float64).to_pandas()
    if dtype.is_integer() and column.null_count() and not exact:
        return pd.Series(pd.array(column.to_list(), dtype="UInt64" if dtype.is_unsigned_integer() else "Int64"))
    return column.to_pandas()


def exact_in_float(column: pl.Series) -> bool:
    """False for integers that a 64-bit float cannot hold to the last digit."""
    if not column.dtype.is_integer():
        return True
    low, high = column.min(), column.max()
    return not isinstance(low, int) or not isinstance(high, int) or -(2**53) <= low <= high <= 2**53

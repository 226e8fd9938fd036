"""Polars frames for GX's own pandas engine: made only for what the fused engine does not know, and only of the columns needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from expectations.literals import is_textual

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """The frame with missing values as pandas understands them, and a RangeIndex (so an index label is a row position).

    Texts and enums become ``str``; decimals ``float64`` (GX converts them itself, but not everywhere); integers with nulls ``float64``
    as GX knows them, but ``Int64`` where a float would lose digits.
    """
    import pandas as pd

    columns = {column.name: _series(column) for column in frame.get_columns()}
    return pd.DataFrame(columns, index=pd.RangeIndex(frame.height), copy=False)


def _series(column: pl.Series) -> pd.Series:
    import pandas as pd

    dtype = column.dtype
    if is_textual(dtype):
        return pd.Series(column.cast(pl.String).to_pandas(), dtype="str")
    if isinstance(dtype, pl.Decimal):
        return column.cast(pl.Float64).to_pandas()
    if dtype.is_integer() and column.null_count() and not _exact_in_float(column):
        return pd.Series(pd.array(column.to_list(), dtype="UInt64" if dtype.is_unsigned_integer() else "Int64"))
    return column.to_pandas()


def _exact_in_float(column: pl.Series) -> bool:
    low, high = column.min(), column.max()
    return not isinstance(low, int) or not isinstance(high, int) or -(2**53) <= low <= high <= 2**53

"""Values that must follow one another, over the border between two batches, too."""

from __future__ import annotations

import polars as pl

from expectations.table import Ordered


class Neighbours:
    """Compares each value with the one before it that counted; the first has none and passes."""

    def __init__(self, condition: Ordered):
        self._condition = condition
        self._last: pl.Series | None = None

    def failing(self, start: int, applies: pl.Series, values: pl.Series) -> pl.Series:
        """Positions (UInt32) of the batch's failing rows; batches come in order."""
        counting = applies.arg_true()
        values = values.gather(counting)
        if values.is_empty():
            return pl.Series([], dtype=pl.UInt32)
        before = values.shift(1) if self._last is None else pl.concat([self._last, values.head(len(values) - 1)])
        self._last = values.tail(1)
        later, earlier = (values, before) if self._condition.sign > 0 else (before, values)
        follows = later > earlier if self._condition.strictly else later >= earlier
        if values.dtype.is_float():  # the difference of two equal infinities is no number, and passes in pandas
            follows = follows | (values.is_infinite() & (values == before))
        return (counting.filter(~follows.fill_null(True)) + start).cast(pl.UInt32)

"""What makes two records of different resources the same: keys and values in one spelling, of the rows judged and of those they refer to.

Light: these functions travel to the rows (``table.Referring``), where neither GX nor pandas is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from districtlake.standards.match_keys import match_key

_BETWEEN = "\x1f"
_ZEROS = r"^(-?[0-9]+)(?:\.0*|(\.[0-9]*[1-9])0*)$"


def values_as(rows: pl.DataFrame, dtype: pl.DataType) -> pl.DataFrame:
    """``key_0``: the values of the only column, in the type of the column that refers to them."""
    return rows.to_series().cast(dtype, strict=False).drop_nulls().unique().alias("key_0").to_frame()


def spelled(cells: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """One spelling for values that are equal: 10, 10.0 and 10.00; a day and its midnight."""
    if isinstance(dtype, pl.Datetime):
        return cells.dt.strftime("%Y-%m-%dT%H:%M:%S%.f").str.replace(r"T00:00:00(\.0*)?$", "")
    if dtype.is_numeric() and not dtype.is_integer():
        return cells.cast(pl.String).str.replace(_ZEROS, "${1}${2}")
    return cells.cast(pl.String)


def compared(value: pl.Expr, parts: Sequence[pl.Expr], way: str) -> tuple[pl.Expr, pl.Expr]:
    """A row's key, and its key and value, of their texts. Null where one of them is."""
    keys = _joined(parts)
    return keys, _joined([keys, value.map_batches(partial(match_key, way=way), return_dtype=pl.String, is_elementwise=True)])


def keys_and_pairs(rows: pl.DataFrame, key: Sequence[str], item: str, way: str) -> pl.DataFrame:
    """``key_0`` and ``key_1`` of ``compared``, of the rows that have a key and a value: the items of ``key``, and ``item``."""
    value, *parts = [spelled(pl.col(name), rows.schema[name]) for name in (item, *key)]
    keys, pairs = compared(value, parts, way)
    return rows.select(key_0=keys, key_1=pairs).drop_nulls()


def _joined(cells: Sequence[pl.Expr]) -> pl.Expr:
    return pl.concat_str(list(cells), separator=_BETWEEN)

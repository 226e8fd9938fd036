"""Which rows share their key with another row: by 64-bit hash, sort, and an exact look at the few whose hash occurs twice.

Memory: 8 bytes a row and rule for the hashes, as much again while they are sorted, and the keys of at most ``RECHECKED_AT_ONCE`` rows.
A collision of hashes costs a look and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from expectations.table import Duplicates, Table

RECHECKED_AT_ONCE = 2_000_000
"""Rows whose keys are held together; more are taken in parts by their hash, each part one more reading of the key's columns."""


def hash_of(key: Sequence[pl.Expr]) -> pl.Expr:
    """UInt64, the same for equal keys, whatever batch they are in."""
    return key[0].hash() if len(key) == 1 else pl.struct([part.alias(f"key_{n}") for n, part in enumerate(key)]).hash()


def hashes(duplicates: Duplicates) -> pl.Expr:
    """The hash of each row's key; null where the condition does not apply."""
    return pl.when(duplicates.applies).then(hash_of(duplicates.key))


def duplicate_rows(table: Table, duplicates: Duplicates, hashed: pl.Series) -> pl.Series:
    """Positions (UInt32, ascending) of the rows that apply and whose key another such row has. ``hashed``: ``hashes`` of all rows."""
    ordered = hashed.drop_nulls().sort()
    twice = ordered.filter(ordered == ordered.shift(1)).unique()
    del ordered
    if twice.is_empty():
        return pl.Series([], dtype=pl.UInt32)
    suspected = hashed.is_in(twice.implode()).fill_null(False)
    parts = -(-int(suspected.sum()) // RECHECKED_AT_ONCE)
    found = []
    for part in range(parts):
        chosen = suspected if parts == 1 else suspected & (hashed % parts == part).fill_null(False)
        if chosen.any():
            found.append(_exactly(table, duplicates, chosen))
    return found[0] if parts == 1 else pl.concat(found).sort()


def _exactly(table: Table, duplicates: Duplicates, chosen: pl.Series) -> pl.Series:
    key = [part.alias(f"key_{n}") for n, part in enumerate(duplicates.key)]
    keys = []
    for start, batch in table.source.batches(table.columns_behind(key)):
        here = chosen.slice(start, batch.height)
        if here.any():
            keys.append(batch.filter(here).select(key))
    positions = chosen.arg_true().cast(pl.UInt32)
    held = pl.concat(keys)
    return positions.filter(held.to_series().is_duplicated() if len(key) == 1 else held.is_duplicated())

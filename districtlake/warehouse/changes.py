"""The change set between what a delivery says and what the warehouse holds. Pure: frames in, frames out.

Only real changes appear: an unchanged row produces nothing, in the table, in its change feed or in a ticket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

OPERATION = "_op"  # I insert, U update, D delete, S stale flag only


@dataclass(frozen=True)
class ChangeSet:
    """What one delivery does to one warehouse table.

    Attributes:
        source: the warehouse's columns and ``_op``; one line per key to insert (I), update (U), delete (D) or flag (S).
        ended: versions that end here, in the history's columns.
        inserted, changed, unchanged, deleted: keys.
        absent: keys of the current table the delivery did not name (deleted only where deletion is allowed).
    """

    source: pl.DataFrame
    ended: pl.DataFrame
    inserted: int
    changed: int
    unchanged: int
    deleted: int
    absent: int

    @property
    def empty(self) -> bool:
        return self.source.height == 0


def change_set(
    current: pl.DataFrame,
    accepted: pl.DataFrame,
    quarantined_keys: pl.DataFrame,
    *,
    key: Sequence[str],
    items: Sequence[str],
    delivery: str,
    at: datetime,
    delete_absent: bool,
    keep_items: Sequence[str] = (),
    delete_keys: pl.DataFrame | None = None,
) -> ChangeSet:
    """Compare a delivery's accepted rows with the current table.

    Args:
        current: the warehouse table, unique by ``key``.
        accepted: rows that passed: ``key``, ``items``, ``_file``, ``_sheet``, ``_row``; unique by ``key``, key never null.
        quarantined_keys: the key columns of every row now in quarantine: their last good versions stay, marked stale.
        at: the moment the new versions become valid.
        delete_absent: delete keys the delivery does not name (a complete snapshot with every key readable).
        delete_keys: keys the delivery names to be deleted (neither accepted nor in quarantine).
        keep_items: items the delivery had no column for; the current value stays.
    """
    key = list(key)
    columns = current.columns
    stale_keys = quarantined_keys.drop_nulls().unique()
    compared = [name for name in items if name not in key and name not in keep_items]

    if current.height == 0:
        new, updated, same, gone = accepted, accepted.clear(), 0, current
    else:
        # one join of the whole tables; which rows of either side found no partner, the row numbers tell
        now = current.select([*key, *[name for name in items if name not in key]]).with_row_index("_at_now")
        both = accepted.with_row_index("_at").join(now, on=key, how="inner", suffix="__now")
        new = accepted.filter(_others(both["_at"], accepted.height))
        if compared:
            differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}__now")) for name in compared)
        else:
            differs = pl.lit(value=False)
        updated = both.filter(differs)
        if keep_items:
            updated = updated.with_columns(pl.col(f"{name}__now").alias(name) for name in keep_items if name not in key)
        updated = updated.select(accepted.columns)
        same = both.height - updated.height
        gone = current.filter(_others(both["_at_now"], current.height))
        gone = gone.join(stale_keys.select(key), on=key, how="anti") if stale_keys.height else gone

    absent = gone.height
    if delete_absent:
        deleted = gone
    elif delete_keys is not None and delete_keys.height:
        deleted = gone.join(delete_keys.select(key), on=key, how="semi")
    else:
        deleted = gone.clear()
    source = _source(columns, current, new, updated, deleted, stale_keys, key=key, delivery=delivery, at=at)
    ended_keys = pl.concat([updated.select(key), deleted.select(key)])
    ended = current.clear()
    if ended_keys.height:
        ended = current.join(ended_keys, on=key, how="semi")
    vanished = ended.join(deleted.select(key), on=key, how="semi") if deleted.height else ended.clear()
    replaced = ended.join(deleted.select(key), on=key, how="anti") if deleted.height else ended
    ended = pl.concat(
        [
            frame.drop("_stale").with_columns(_valid_to=pl.lit(at), _ended_by=pl.lit(delivery), _ending=pl.lit(word))
            for frame, word in ((replaced, "replaced"), (vanished, "deleted"))
        ]
    )
    return ChangeSet(source, ended, new.height, updated.height, same, deleted.height, absent)


def _others(index: pl.Series, height: int) -> pl.Series:
    """True for the rows that ``index`` does not name."""
    return pl.repeat(True, height, dtype=pl.Boolean, eager=True).scatter(index, False)


def _source(
    columns: list[str],
    current: pl.DataFrame,
    new: pl.DataFrame,
    updated: pl.DataFrame,
    deleted: pl.DataFrame,
    stale_keys: pl.DataFrame,
    *,
    key: list[str],
    delivery: str,
    at: datetime,
) -> pl.DataFrame:
    """The lines to merge. A key both updated and stale cannot be: a quarantined row is not accepted."""

    def versions(frame: pl.DataFrame, operation: str) -> pl.DataFrame:
        return frame.with_columns(
            _delivery=pl.lit(delivery), _valid_from=pl.lit(at), _stale=pl.lit(value=False), _op=pl.lit(operation)
        ).select([*columns, OPERATION])

    parts = [versions(new, "I")]
    if updated.height:
        parts.append(versions(updated, "U"))
    if deleted.height:
        parts.append(deleted.with_columns(_op=pl.lit("D")).select([*columns, OPERATION]))
    if current.height:
        touched = pl.concat([updated.select(key), deleted.select(key)])
        # few rows are or become stale: those are picked first, and only they are held against the others
        listed = current.join(stale_keys.select(key), on=key, how="semi") if stale_keys.height else current.clear()
        was_stale = current.filter(pl.col("_stale"))
        fresh_again = was_stale.join(stale_keys.select(key), on=key, how="anti") if stale_keys.height else was_stale
        for standing, flag in ((listed.filter(~pl.col("_stale")), True), (fresh_again, False)):
            frame = standing.join(touched, on=key, how="anti") if touched.height else standing
            if frame.height:
                parts.append(frame.with_columns(_stale=pl.lit(flag), _op=pl.lit("S")).select([*columns, OPERATION]))
    schema = pl.Schema([*current.schema.items(), (OPERATION, pl.String())])
    return pl.concat([part.cast(schema) for part in parts]) if len(parts) > 1 else parts[0].cast(schema)


def apply(current: pl.DataFrame, changes: ChangeSet, key: Sequence[str]) -> pl.DataFrame:
    """The table after the change set, in memory: what the merge makes of it on disk."""
    key = list(key)
    source = changes.source
    untouched = current.join(source.select(key), on=key, how="anti") if source.height else current
    written = source.filter(pl.col(OPERATION) != "D").drop(OPERATION)
    return pl.concat([untouched, written.select(current.columns)])


def difference(before: pl.DataFrame, after: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The lines that turn table ``before`` into table ``after`` (all columns compared), as the source of a merge."""
    key = list(key)
    others = [name for name in before.columns if name not in key]
    new = after.join(before.select(key), on=key, how="anti").with_columns(_op=pl.lit("I"))
    gone = before.join(after.select(key), on=key, how="anti").with_columns(_op=pl.lit("D"))
    both = after.join(before, on=key, how="inner", suffix="__was")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}__was")) for name in others) if others else pl.lit(value=False)
    changed = both.filter(differs)
    changed = changed.select(after.columns).with_columns(_op=pl.lit("U"))
    columns = [*before.columns, OPERATION]
    return pl.concat([new.select(columns), gone.select(columns), changed.select(columns)])

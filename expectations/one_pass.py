"""One pass over a source: every condition and every aggregate that is asked, batch by batch, so that memory stays flat.

Of a batch remains: the positions of its failing rows, one hash a row for each rule on duplicates, one line of partial values for the
aggregates. How many rows a batch has changes no result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from districtlake.quality.validation import ReferenceUnreadable
from expectations.aggregates import Aggregate
from expectations.order import Neighbours
from expectations.row_conditions import Mask
from expectations.sources import Carried, Source, SourceUnreadable
from expectations.table import AnyCondition, Condition, Duplicates, Ordered, Referring, Table, with_masks
from expectations.uniqueness import duplicate_rows, hashes


@dataclass(eq=False)
class Verdict:
    """What became of a condition.

    Attributes:
        failing: positions (UInt32, ascending) of the failing rows; None before the pass.
        applicable: rows it applied to.
        error: why it could not be computed.
    """

    condition: AnyCondition
    failing: pl.Series | None = None
    applicable: int = 0
    error: Exception | None = None


@dataclass(eq=False)
class Asked:
    """An aggregate and what came of it."""

    aggregate: Aggregate
    value: Any = None
    error: Exception | None = None


def run(table: Table, verdicts: Sequence[Verdict], asked: Sequence[Asked]) -> None:
    """Fill in all of them. What cannot be computed gets its ``error``, and the others are computed all the same."""
    if not verdicts and not asked:
        return
    try:
        _run(table, verdicts, asked)
    except (SourceUnreadable, ReferenceUnreadable):  # nobody's fault but the table's
        raise
    except Exception as error:  # which of them? an error of any kind: pandas' in a row condition, a parser's in a cell
        if len(verdicts) + len(asked) == 1:
            for verdict in verdicts:
                verdict.error = error
            for aggregate in asked:
                aggregate.error = error
            return
        for verdict in verdicts:
            run(table, [verdict], [])
        for aggregate in asked:
            run(table, [], [aggregate])


def _run(table: Table, verdicts: Sequence[Verdict], asked: Sequence[Asked]) -> None:
    carried = isinstance(table.source, Carried)
    rows = [(n, v, v.condition) for n, v in enumerate(verdicts)]
    # who carries batches elsewhere finds equal keys there, too: a hash is only comparable within one process
    elsewhere = {n for n, _, condition in rows if carried and isinstance(condition, Duplicates)}
    flags: list[pl.Expr] = []
    for number, _, condition in rows:
        if isinstance(condition, Referring):
            continue
        flags.append(condition.applies.alias(f"applies_{number}"))
        if isinstance(condition, Condition):
            flags.append(condition.fails.alias(f"fails_{number}"))
        elif isinstance(condition, Ordered):
            flags.append(condition.value.alias(f"value_{number}"))
        elif number not in elsewhere:
            flags.append(hashes(condition).alias(f"hash_{number}"))
    partial = [expression.alias(f"{n}_{name}") for n, one in enumerate(asked) for name, expression in one.aggregate.parts.items()]
    columns = table.columns_behind([*flags, *partial])
    kinds = {n: type(condition).__name__ for n, _, condition in rows if n not in elsewhere and not isinstance(condition, Referring)}
    step = BatchPass(kinds, tuple(flags), tuple(partial), tuple(elsewhere), table.masks_of([*flags, *partial]))

    failing: dict[int, list[pl.Series]] = {number: [] for number, _, _ in rows}
    applicable = dict.fromkeys(failing, 0)
    neighbours = {number: Neighbours(condition) for number, _, condition in rows if isinstance(condition, Ordered)}
    parts: list[pl.DataFrame] = []
    for found in _over_batches(table.source, columns, step) if flags or partial else ():
        if found.partial is not None:
            parts.append(found.partial)
        for number, count in found.applicable.items():
            applicable[number] += count
        for number, series in found.failing.items():
            failing[number].append(series)
        for number, (applies, value) in found.ordered.items():
            failing[number].append(neighbours[number].failing(found.start, applies, value))
    for number, verdict, condition in rows:
        kept = _joined(failing.pop(number), pl.UInt64 if isinstance(condition, Duplicates) else pl.UInt32)
        verdict.applicable = applicable[number]
        if isinstance(condition, Referring):
            verdict.applicable, verdict.failing = _carrier(table).unknown(*_key_parts(table, condition), condition.known)
        elif not isinstance(condition, Duplicates):
            verdict.failing = kept
        elif number in elsewhere:
            verdict.failing = _carrier(table).repeated(*_key_parts(table, condition))
        else:
            verdict.failing = duplicate_rows(table, condition, kept)
    for number, one in enumerate(asked):
        prefix = f"{number}_"
        own = [frame.select(pl.col(f"{prefix}{name}").alias(name) for name in one.aggregate.parts) for frame in parts]
        one.value = one.aggregate.finish(pl.concat(own, how="vertical_relaxed"))


def _carrier(table: Table) -> Carried:
    assert isinstance(table.source, Carried), "only who carries the rows elsewhere refers to rows elsewhere"
    return table.source


def _key_parts(table: Table, condition: Duplicates | Referring) -> tuple[list[str], KeyParts]:
    """The columns to read, and what makes the key of them."""
    expressions = [condition.applies, *condition.key]
    return table.columns_behind(expressions), KeyParts(condition.applies, condition.key, table.masks_of(expressions))


def _over_batches(source: Source, columns: list[str], step: BatchPass) -> Iterator[Found]:
    if isinstance(source, Carried):
        yield from source.each(columns, step)
        return
    for start, batch in source.batches(columns):
        yield step(start, batch)


@dataclass(frozen=True)
class Found:
    """What remains of one batch that begins at row ``start``: see the module's head. ``applicable`` rows and ``failing`` positions
    (hashes of duplicates) by verdict; ``ordered``: which rows apply, and their values."""

    start: int
    applicable: dict[int, int]
    failing: dict[int, pl.Series]
    ordered: dict[int, tuple[pl.Series, pl.Series]]
    partial: pl.DataFrame | None


@dataclass(frozen=True)
class BatchPass:
    """Every condition and aggregate over one batch: a function of the batch alone, so that it may run in another process.

    Attributes:
        kinds: verdict -> "Condition", "Duplicates" or "Ordered".
        counted: verdicts of which only the rows that apply are counted here.
        masks: hidden columns to make first.
    """

    kinds: dict[int, str]
    flags: tuple[pl.Expr, ...]
    partial: tuple[pl.Expr, ...]
    counted: tuple[int, ...]
    masks: dict[str, Mask]

    def __call__(self, start: int, batch: pl.DataFrame) -> Found:
        lazy = with_masks(self.masks, start, batch).lazy()
        # The row number keeps the height where every verdict is a constant.
        wanted = [lazy.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), *self.flags)] if self.flags else []
        if self.partial:
            wanted.append(lazy.select(self.partial))
        frames = pl.collect_all(wanted)
        applicable = {number: int(frames[0].get_column(f"applies_{number}").sum()) for number in (*self.kinds, *self.counted)}
        failing: dict[int, pl.Series] = {}
        ordered: dict[int, tuple[pl.Series, pl.Series]] = {}
        for number, kind in self.kinds.items():
            if kind == "Condition":
                fails = frames[0].get_column(f"fails_{number}")
                if fails.any():
                    failing[number] = fails.arg_true() + start
            elif kind == "Duplicates":
                failing[number] = frames[0].get_column(f"hash_{number}")
            else:
                ordered[number] = frames[0].get_column(f"applies_{number}"), frames[0].get_column(f"value_{number}")
        return Found(start, applicable, failing, ordered, frames[-1] if self.partial else None)


@dataclass(frozen=True)
class KeyParts:
    """The parts of each row's key, as ``key_0`` …, of the rows that apply: beside the row's position ``_at`` (Int64)."""

    applies: pl.Expr
    key: tuple[pl.Expr, ...]
    masks: dict[str, Mask]

    def __call__(self, start: int, batch: pl.DataFrame) -> pl.DataFrame:
        parts = [part.alias(f"key_{number}") for number, part in enumerate(self.key)]
        at = pl.int_range(start, pl.lit(start) + pl.len(), dtype=pl.Int64).alias("_at")
        return (
            with_masks(self.masks, start, batch)
            .lazy()
            .select(at, self.applies.alias("_applies"), *parts)
            .filter("_applies")
            .drop("_applies")
            .collect()
        )


def _joined(series: list[pl.Series], dtype: type[pl.DataType]) -> pl.Series:
    return pl.concat(series).cast(dtype) if series else pl.Series([], dtype=dtype)

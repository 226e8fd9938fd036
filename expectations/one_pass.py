"""One pass over a source: every condition and every aggregate that is asked, batch by batch, so that memory stays flat.

Of a batch remains: the positions of its failing rows, one hash a row for each rule on duplicates, one line of partial values for the
aggregates. How many rows a batch has changes no result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from expectations.aggregates import Aggregate
from expectations.order import Neighbours
from expectations.sources import SourceUnreadable
from expectations.table import AnyCondition, Condition, Duplicates, Ordered, Table
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
    except SourceUnreadable:  # nobody's fault but the table's
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
    flags: list[pl.Expr] = []
    rows = [(n, v, v.condition) for n, v in enumerate(verdicts)]
    for number, _, condition in rows:
        flags.append(condition.applies.alias(f"applies_{number}"))
        if isinstance(condition, Condition):
            flags.append(condition.fails.alias(f"fails_{number}"))
        elif isinstance(condition, Duplicates):
            flags.append(hashes(condition).alias(f"hash_{number}"))
        else:
            flags.append(condition.value.alias(f"value_{number}"))
    partial = [expression.alias(f"{n}_{name}") for n, one in enumerate(asked) for name, expression in one.aggregate.parts.items()]
    columns = table.columns_behind([*flags, *partial])

    failing: dict[int, list[pl.Series]] = {number: [] for number, _, _ in rows}
    applicable = dict.fromkeys(failing, 0)
    neighbours = {number: Neighbours(condition) for number, _, condition in rows if isinstance(condition, Ordered)}
    parts: list[pl.DataFrame] = []
    for start, batch in table.source.batches(columns):
        lazy = table.with_masks(start, batch, [*flags, *partial]).lazy()
        # The row number keeps the height where every verdict is a constant.
        wanted = [lazy.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), *flags)] if flags else []
        if partial:
            wanted.append(lazy.select(partial))
        frames = pl.collect_all(wanted)
        if partial:
            parts.append(frames[-1])
        for number, _, condition in rows:
            applies = frames[0].get_column(f"applies_{number}")
            applicable[number] += int(applies.sum())
            if isinstance(condition, Condition):
                fails = frames[0].get_column(f"fails_{number}")
                if fails.any():
                    failing[number].append(fails.arg_true() + start)
            elif isinstance(condition, Duplicates):
                failing[number].append(frames[0].get_column(f"hash_{number}"))
            else:
                failing[number].append(neighbours[number].failing(start, applies, frames[0].get_column(f"value_{number}")))
    for number, verdict, condition in rows:
        found = _joined(failing.pop(number), pl.UInt64 if isinstance(condition, Duplicates) else pl.UInt32)
        verdict.failing = duplicate_rows(table, condition, found) if isinstance(condition, Duplicates) else found
        verdict.applicable = applicable[number]
    for number, one in enumerate(asked):
        prefix = f"{number}_"
        own = [frame.select(pl.col(f"{prefix}{name}").alias(name) for name in one.aggregate.parts) for frame in parts]
        one.value = one.aggregate.finish(pl.concat(own, how="vertical_relaxed"))


def _joined(series: list[pl.Series], dtype: type[pl.DataType]) -> pl.Series:
    return pl.concat(series).cast(dtype) if series else pl.Series([], dtype=dtype)

"""The row kernel: one Arrow batch of raw rows to one Arrow batch of cleansed rows with their changes.

The same function serves a loop over batches, where memory stays flat, and Spark's ``mapInArrow``: its meaning cannot drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa

from districtlake.catalog.models import Catalog, Resource
from districtlake.cleansing.cleanse import CHANGES_SCHEMA, Cleansed, cleanse_columns
from districtlake.cleansing.plan import CleansingPlan, plan_of

CHANGES_COLUMN = "_changes"
_CHANGE = pl.Struct({name: CHANGES_SCHEMA[name] for name in ("item", "before", "after", "rule")})


@dataclass(frozen=True)
class BatchKernel:
    """``kernel(batch)`` cleanses one batch; ``kernel.map`` an iterator of them, as Spark hands them over. Picklable."""

    plan: CleansingPlan

    @property
    def schema(self) -> pa.Schema:
        """Of every batch returned: the cleansed frame's columns, each status as text, and ``_changes`` list<item, before, after, rule>."""
        columns = {name: pl.String() if isinstance(dtype, pl.Enum) else dtype for name, dtype in self.plan.schema.items()}
        empty = pl.DataFrame(schema={**columns, CHANGES_COLUMN: pl.List(_CHANGE)})
        return empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return cleanse_batch(batch, self.plan)

    def map(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield cleanse_batch(batch, self.plan)


def batch_kernel(resource: Resource, catalog: Catalog, today: date) -> BatchKernel:
    """The kernel of ``resource`` on the day ``today``."""
    return BatchKernel(plan_of(resource, catalog, today))


def cleanse_batch(batch: pa.RecordBatch, plan: CleansingPlan) -> pa.RecordBatch:
    """One batch of raw rows (columns of the raw frame, text) to one batch of the schema ``BatchKernel.schema``, rows in order.

    Raises ``RawFrameInvalid`` when the batch is not one of the resource's raw frame.
    """
    raw = pl.DataFrame(pl.from_arrow(batch))
    frame, changes = cleanse_columns(raw, plan)
    arrow = frame.with_columns(pl.col(pl.Enum).cast(pl.String)).to_arrow(compat_level=pl.CompatLevel.oldest())
    struct = (
        changes.select(pl.struct("item", "before", "after", "rule")).to_series().rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    )
    # changes come by row, so the ends of each row's run are its list
    counts = np.bincount(changes["_index"].to_numpy(), minlength=raw.height)
    offsets = pa.array(np.concatenate(([0], np.cumsum(counts))), type=pa.int64())
    columns = [_one_chunk(column) for column in arrow.columns]
    return pa.RecordBatch.from_arrays(
        [*columns, pa.LargeListArray.from_arrays(offsets, struct)], names=[*arrow.column_names, CHANGES_COLUMN]
    )


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def collected(batches: Iterable[pa.RecordBatch], plan: CleansingPlan) -> Cleansed:
    """What ``cleanse`` would have returned for all the batches' rows together."""
    frames = [pl.DataFrame(pl.from_arrow(batch)) for batch in batches]
    enums = {name: dtype for name, dtype in plan.schema.items() if isinstance(dtype, pl.Enum)}
    if not frames:
        return Cleansed(pl.DataFrame(schema=plan.schema), pl.DataFrame(schema=CHANGES_SCHEMA))
    whole = pl.concat(frames)
    changes = whole.select("_file", "_sheet", "_row", CHANGES_COLUMN).filter(pl.col(CHANGES_COLUMN).list.len() > 0)
    changes = changes.explode(CHANGES_COLUMN).unnest(CHANGES_COLUMN)
    return Cleansed(whole.drop(CHANGES_COLUMN).cast(enums), changes.select(list(CHANGES_SCHEMA)))  # type: ignore[arg-type]

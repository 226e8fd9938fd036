"""The row kernel on Spark: raw rows to cleansed rows, by the functions that the embedded engine calls.

To the columns of the cleansed frame (status columns as text) come ``_index``, ``_changes`` (list of altered cells), each item as delivered
(``<item>__raw``), the text key ``_key`` and whether it can be read (``_readable``), without a natural key ``_fingerprint``, and the operation
where the resource has an operation column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from districtlake.catalog.models import Resource
from districtlake.cleansing.batches import cleanse_batch
from districtlake.cleansing.plan import CleansingPlan
from districtlake.delivery.judge import identified, text_keys_of
from districtlake.delivery.operation_column import operations_of
from districtlake.distributed.arrow import OLDEST, as_portable, structure
from districtlake.distributed.staging import INDEX

RAW = "__raw"
KEY, READABLE = "_key", "_readable"


@dataclass(frozen=True)
class RowKernel:
    """``kernel(batches)`` is what ``mapInArrow`` takes. Picklable.

    Attributes:
        mode: of the delivery: what an empty operation means.
    """

    plan: CleansingPlan
    resource: Resource
    mode: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        _, target = structure(self.columns)
        for batch in batches:
            if batch.num_rows:
                yield from self.of(batch).to_arrow(compat_level=OLDEST).cast(target).combine_chunks().to_batches()

    def of(self, batch: pa.RecordBatch) -> pl.DataFrame:
        raw = pl.DataFrame(pl.from_arrow(batch))
        cleansed = identified(pl.DataFrame(pl.from_arrow(cleanse_batch(batch, self.plan))), raw, self.resource)
        keys, readable = text_keys_of(cleansed, raw, self.resource)
        delivered = [raw[item].alias(item + RAW) for item in self.resource.item_names]
        operations = operations_of(raw, self.resource, self.mode)
        words = [operations.words] if operations is not None else []
        return as_portable(cleansed.with_columns(raw[INDEX], *delivered, keys.alias(KEY), readable.alias(READABLE), *words))

    @property
    def columns(self) -> dict[str, pl.DataType]:
        """Column -> type of what the kernel gives."""
        texts = dict.fromkeys(("_file", "_sheet", "_extra", *self.resource.item_names), pl.String())
        empty = pl.DataFrame(schema={**texts, "_row": pl.Int64(), INDEX: pl.Int64()}).to_arrow(compat_level=OLDEST).schema
        return dict(self.of(pa.RecordBatch.from_arrays([pa.array([], field.type) for field in empty], schema=empty)).schema)

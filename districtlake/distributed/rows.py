"""Row functions by ``mapInArrow``: the very functions of the embedded engine, one Arrow batch at a time, in the workers' Python.

Spark hands over batches of its own making. Each row knows its position, so a batch is cut where positions do not follow one another and every
piece is judged as the batch that begins there.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from districtlake.cleansing.batches import BatchKernel, collected
from districtlake.cleansing.cleanse import Cleansed
from districtlake.distributed.staging import AT, Staging, portable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

Step = Callable[[int, pl.DataFrame], Any]


def cleanse(staging: Staging, raw: pl.DataFrame, kernel: BatchKernel) -> Cleansed:
    """``kernel`` over the rows of ``raw``, its results in the rows' order."""
    schema = pa.schema([pa.field(AT, pa.int64()), *kernel.schema])

    def carried(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            made = kernel(batch.drop_columns([AT]))
            arrays = [batch.column(AT), *(made.column(name) for name in made.schema.names)]
            yield _as_spark(pa.RecordBatch.from_arrays(arrays, names=[AT, *made.schema.names]), target)

    structure, target = _structure(schema)
    folder = staging.fresh()
    staging.put(raw).mapInArrow(carried, structure).write.parquet(folder.as_uri())
    files = sorted(folder.glob("*.parquet"))
    whole = pl.read_parquet(files).sort(AT).drop(AT)
    return collected(whole.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches(), kernel.plan)


class CarriedRows:
    """A frame whose row functions run in the workers: ``expectations.sources.Carried``. The driver's own look at it reads the frame."""

    def __init__(self, staging: Staging, frame: pl.DataFrame, tell: Callable[[str], None], batch_rows: int = 131_072):
        self.frame, self.schema, self.height = frame, dict(frame.schema), frame.height
        self._staging, self._tell, self._rows = staging, tell, batch_rows
        self._staged: DataFrame | None = None

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, pl.DataFrame]]:
        frame = self.whole(columns)
        for start in range(0, max(self.height, 1), self._rows):
            yield start, frame.slice(start, self._rows)

    def whole(self, columns: Sequence[str]) -> pl.DataFrame:
        if not columns:
            return pl.DataFrame({"__row": pl.Series([None], dtype=pl.Null).new_from_index(0, self.height)})
        return self.frame.select(columns)

    def nulls(self, columns: Sequence[str]) -> set[str]:
        return {column for column in columns if self.frame.get_column(column).null_count()}

    def each(self, columns: Sequence[str], step: Step) -> Iterator[Any]:
        if self.height == 0 or (carried := self._pickled(step)) is None:
            yield from (step(start, batch) for start, batch in self.batches(columns))
            return
        reader = _reader(self.schema, columns)

        def judged(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            function = pickle.loads(carried)
            for start, piece in reader(batches):
                found = pickle.dumps(function(start, piece))
                yield pa.RecordBatch.from_arrays([pa.array([start], pa.int64()), pa.array([found], pa.binary())], names=["start", "found"])

        rows = self._spark(columns).mapInArrow(judged, "start long, found binary").toArrow()
        found = sorted(zip(rows["start"].to_pylist(), rows["found"].to_pylist(), strict=True), key=lambda one: one[0])
        yield from (pickle.loads(one) for _, one in found)

    def repeated(self, columns: Sequence[str], parts: Step) -> pl.Series:
        from districtlake.distributed.set_work import repeated

        empty = parts(0, pl.DataFrame(schema={name: self.schema[name] for name in columns} or {"__row": pl.Null}))
        carried = self._pickled(parts)
        if self.height == 0 or carried is None:
            keys = pl.concat([parts(start, batch) for start, batch in self.batches(columns)])
            return keys.filter(keys.drop(AT).is_duplicated())[AT].cast(pl.UInt32)
        reader, types = _reader(self.schema, columns), {name: portable(dtype) for name, dtype in empty.schema.items()}
        structure, target = _structure(empty.cast(types).to_arrow(compat_level=pl.CompatLevel.oldest()).schema)

        def keyed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            function = pickle.loads(carried)
            for start, piece in reader(batches):
                made = function(start, piece).cast(types).to_arrow(compat_level=pl.CompatLevel.oldest())
                for batch in made.to_batches():
                    yield _as_spark(batch, target)

        return repeated(self._spark(columns).mapInArrow(keyed, structure), [name for name in empty.columns if name != AT])

    def _spark(self, columns: Sequence[str]) -> DataFrame:
        if self._staged is None:
            self._staged = self._staging.put(self.frame)
        return self._staged.select(AT, *(f"`{name}`" for name in columns))

    def _pickled(self, step: Step) -> bytes | None:
        import cloudpickle

        try:
            return bytes(cloudpickle.dumps(step))
        except Exception as error:  # whatever a part of an expression raises on its way into bytes: then it stays here
            self._tell(f"Spark: {type(step).__name__} cannot travel to the workers ({type(error).__name__}); the driver judges it.")
            return None


def _reader(
    schema: dict[str, pl.DataType], columns: Sequence[str]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[tuple[int, pl.DataFrame]]]:
    types = pl.Schema({name: schema[name] for name in columns})

    def pieces(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pl.DataFrame]]:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            frame = pl.DataFrame(pl.from_arrow(batch))
            at = frame[AT]
            # a frame without columns would have no rows
            typed = (
                frame.select(list(types)).cast(types)
                if types
                else at.to_frame().select(pl.lit(None).repeat_by(pl.len()).explode().alias("__row"))
            )
            cuts = [0, *(at.diff() != 1).fill_null(False).arg_true().to_list(), frame.height]
            for low, high in pairwise(cuts):
                yield int(at[low]), typed.slice(low, high - low)

    return pieces


def _structure(schema: pa.Schema) -> tuple[StructType, pa.Schema]:
    """Spark's structure for Arrow columns, and exactly the Arrow types Spark takes for it."""
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    structure = from_arrow_schema(schema, prefer_timestamp_ntz=True)
    return structure, to_arrow_schema(structure, timezone="UTC")


def _as_spark(batch: pa.RecordBatch, target: pa.Schema) -> pa.RecordBatch:
    return batch.cast(target)

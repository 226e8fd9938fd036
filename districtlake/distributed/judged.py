"""The judged rows of a delivery as ``expectations.sources.Carried``: its one pass runs on the executors, equal keys are found as Spark SQL.

A row's position counts the judged rows in the order of the delivery, as in the embedded engine. Spark hands over batches of its own making, so a
batch is cut where positions do not follow one another, and every piece is judged as the batch that begins there.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from districtlake.distributed import set_work
from districtlake.distributed.arrow import OLDEST, as_portable, fetched, portable, structure
from districtlake.distributed.references import RowsElsewhere
from districtlake.distributed.staging import INDEX, Staging
from districtlake.quality.validation import Known

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROWS = "rows"
AT = "_at"
"""A judged row's position, Int64, as ``expectations.one_pass.KeyParts`` names it."""
BATCH_ROWS = 131_072
Step = Callable[[int, pl.DataFrame], Any]


class JudgedOnSpark:
    """All staged rows but the ``dropped`` ones.

    Args:
        rows: the staged rows on Spark. staged: column -> type as staged. schema: column -> type as it is judged.
        dropped: ``_index`` of the rows that are not judged.
        tell: hears what cannot travel to the executors and is judged by the driver.
    """

    def __init__(
        self, staging: Staging, rows: DataFrame, staged: dict[str, pl.DataType], schema: Mapping[str, pl.DataType], dropped: pl.Series,
        tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.schema: dict[str, pl.DataType] = dict(schema)
        self._staging, self._staged, self._tell = staging, staged, tell
        self._dropped = dropped.sort().to_numpy()
        self.height = staging.height - len(self._dropped)
        self.frame = set_work.without(staging, rows, dropped)

    def index_of(self, positions: pl.Series) -> pl.Series:
        """``_index`` of the rows at ``positions``."""
        before = self._dropped - np.arange(len(self._dropped))  # judged rows in front of each dropped one
        found = positions.cast(pl.Int64).to_numpy()
        return pl.Series(INDEX, found + np.searchsorted(before, found, side="right"), dtype=pl.Int64)

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, pl.DataFrame]]:
        seen, dropped = 0, pl.Series(self._dropped, dtype=pl.Int64)
        for start in range(0, max(self._staging.height, 1), BATCH_ROWS):
            here = self._staging.scan(ROWS, self._staged).filter(pl.col(INDEX).is_between(start, start + BATCH_ROWS - 1))
            found = here.select(list(dict.fromkeys([INDEX, *columns]))).collect().sort(INDEX)
            batch = self.typed(found.filter(~found[INDEX].is_in(dropped.implode())))
            yield seen, batch.select(columns) if columns else batch.select(pl.col(INDEX).alias("__row"))
            seen += batch.height

    def whole(self, columns: Sequence[str]) -> pl.DataFrame:
        return pl.concat([batch for _, batch in self.batches(columns)])

    def nulls(self, columns: Sequence[str]) -> set[str]:
        from pyspark.sql import functions as F

        if not columns:
            return set()
        holed = self.frame.agg(*[F.max(F.col(set_work.quoted(name)).isNull()).alias(name) for name in columns]).first()
        return {name for name in columns if holed is not None and holed[name]}

    def each(self, columns: Sequence[str], step: Step) -> Iterator[Any]:
        if self.height == 0 or (carried := self._pickled(step)) is None:
            yield from (step(start, batch) for start, batch in self.batches(columns))
            return
        pieces = self._pieces(columns)

        def judged(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            function = pickle.loads(carried)
            for start, piece in pieces(batches):
                found = pickle.dumps(function(start, piece))
                yield pa.RecordBatch.from_arrays([pa.array([start], pa.int64()), pa.array([found], pa.binary())], names=["start", "found"])

        rows = self._select(columns).mapInArrow(judged, "start long, found binary").toArrow()
        found = sorted(zip(rows["start"].to_pylist(), rows["found"].to_pylist(), strict=True), key=lambda one: one[0])
        yield from (pickle.loads(one) for _, one in found)

    def repeated(self, columns: Sequence[str], parts: Step) -> pl.Series:
        keys = self._keys(columns, parts)
        if isinstance(keys, pl.DataFrame):
            return keys.filter(keys.drop(AT).is_duplicated())[AT].cast(pl.UInt32)
        return set_work.repeated(keys, [name for name in keys.columns if name != AT], AT).cast(pl.UInt32)

    def unknown(self, columns: Sequence[str], parts: Step, known: Known) -> tuple[int, pl.Series]:
        keys = self._keys(columns, parts)
        if isinstance(keys, pl.DataFrame):
            keys = self._staging.put(keys)
        carried = self._pickled(known.keys)
        if carried is None or not isinstance(known.rows, RowsElsewhere):
            there = self._staging.put(known.keys(known.rows.brought()))
        else:
            there = known.rows.mapped(known.keys, carried)
        try:
            asked, failing = set_work.unknown(keys, there, AT)
        except Exception:  # PySpark's own, or py4j's of the JVM
            if isinstance(known.rows, RowsElsewhere):
                known.rows.read_through()  # is it the other resource's table that cannot be read?
            raise
        return asked, failing.cast(pl.UInt32)

    def _keys(self, columns: Sequence[str], parts: Step) -> DataFrame | pl.DataFrame:
        """``_at`` and the key of every row to which ``parts`` applies: with Spark, or here where there is nothing to carry or no way to."""
        empty = parts(0, pl.DataFrame(schema={name: self.schema[name] for name in columns} or {"__row": pl.Null}))
        carried = self._pickled(parts)
        if self.height == 0 or carried is None:
            return pl.concat([parts(start, batch) for start, batch in self.batches(columns)])
        pieces = self._pieces(columns)
        told, target = structure({name: portable(dtype) for name, dtype in empty.schema.items()})

        def keyed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            function = pickle.loads(carried)
            for start, piece in pieces(batches):
                yield from as_portable(function(start, piece)).to_arrow(compat_level=OLDEST).cast(target).to_batches()

        return self._select(columns).mapInArrow(keyed, told)

    def at(self, index: pl.Series, columns: Sequence[str]) -> pl.DataFrame:
        """``columns`` and ``_index`` of the rows at ``index``, in their order."""
        names = list(dict.fromkeys([INDEX, *columns]))
        if index.is_empty():
            return self.typed(pl.DataFrame(schema={name: self._staged[name] for name in names}))
        # the executors look for them: the driver would have to read whole files for a few rows of each
        asked = self._staging.put(index.unique().cast(pl.Int64).alias(INDEX).to_frame())
        found = fetched(self.frame.select(*(set_work.quoted(name) for name in names)).join(asked, INDEX, "left_semi"))
        return self.typed(found.cast({name: self._staged[name] for name in names}).sort(INDEX))

    def typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Staged columns as they are judged: status columns are enumerations again."""
        return _typed(frame, self.schema)

    def _select(self, columns: Sequence[str]) -> DataFrame:
        return self.frame.select(INDEX, *(set_work.quoted(name) for name in columns if name != INDEX))

    def _pieces(self, columns: Sequence[str]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[tuple[int, pl.DataFrame]]]:
        """Batches as they lie -> (position of the first row, rows that follow one another)."""
        schema, dropped = {name: self.schema[name] for name in columns}, self._dropped

        def pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pl.DataFrame]]:
            for batch in batches:
                if batch.num_rows == 0:
                    continue
                frame = _typed(pl.DataFrame(pl.from_arrow(batch)), schema)
                index = frame[INDEX].to_numpy()
                at = index - np.searchsorted(dropped, index)
                # a frame without columns would have no rows
                rows = frame.select(list(schema)) if schema else frame.select(pl.lit(None).repeat_by(pl.len()).explode().alias("__row"))
                cuts = [0, *(np.flatnonzero(np.diff(at) != 1) + 1).tolist(), frame.height]
                for low, high in pairwise(cuts):
                    yield int(at[low]), rows.slice(low, high - low)

        return pieces

    def _pickled(self, step: Callable[..., Any]) -> bytes | None:
        import cloudpickle

        try:
            return bytes(cloudpickle.dumps(step))
        except Exception as error:  # whatever a part of an expression raises on its way into bytes: then it stays here
            self._tell(f"Spark: {type(step).__name__} cannot travel to the workers ({type(error).__name__}); the driver judges it.")
            return None


def _typed(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return frame.cast({name: dtype for name, dtype in schema.items() if name in frame.columns and frame.schema[name] != dtype})

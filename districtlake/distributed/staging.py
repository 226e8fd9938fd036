"""A delivery beside the lake while it is carried: Parquet below ``<state>/spark/staging/<resource>@<operation>/delivery-<n>``, each row with its
number ``_index``.

The driver writes ``raw`` by the one reader, in bounded memory; Spark writes ``rows`` (cleansed) and ``lines`` (what the merge takes).
The folder must be where all workers see it, as the lake must.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.distributed.arrow import as_portable
from districtlake.ingestion.read import Limits, RawDelivery, open_delivery, raw_schema
from districtlake.spark.paths import spark_path

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

INDEX = "_index"
"""Int64: the row's number in the delivery, from 0. Unlike ``_row`` it is unique and without gaps."""
FILE_ROWS = 262_144
"""Rows a file: a task reads one or several. Smaller files cost Spark more planning, larger ones leave cores idle."""


@dataclass(frozen=True)
class StagedDelivery(RawDelivery):
    """What was read; its rows lie in ``staging``, the frame has the columns only."""

    staging: Staging

    @property
    def height(self) -> int:
        return self.staging.height

    def cells(self, item: str) -> Iterator[pl.Series]:
        for file in self.staging.files("raw"):
            yield pl.read_parquet(file, columns=[item])[item]


class Staging:
    """The folder of one delivery.

    Attributes:
        height: rows in ``raw``.
    """

    def __init__(self, session: SparkSession, folder: Path, tell: Callable[[str], None] = lambda message: None):
        self.session, self.folder, self.height = session, folder, 0
        self._tell, self._tables = tell, 0
        (folder / "raw").mkdir(parents=True)

    def path(self, part: str) -> str:
        return spark_path(self.folder / part)

    def files(self, part: str) -> list[Path]:
        """What lies there, in the order in which it was written."""
        return sorted((self.folder / part).glob("*.parquet"))

    def read(self, path: Path, name: str, resource: Resource, limits: Limits) -> StagedDelivery:
        """The file into ``raw``. Raises ``IngestionError`` as ``read_file`` does."""
        self.height, told = 0, 0
        for file in self.files("raw"):
            file.unlink()
        with open_delivery(path, name, resource, limits) as stream:
            for number, part in enumerate(_cut(stream, FILE_ROWS)):
                numbered = part.with_row_index(INDEX, self.height).cast({INDEX: pl.Int64})
                numbered.write_parquet(self.folder / "raw" / f"part-{number:06d}.parquet", compression="zstd", compression_level=1)
                self.height += part.height
                if self.height - told >= 1_000_000:
                    told = self.height
                    self._tell(f"{name}：已读 {told:,} 行")
            return StagedDelivery(pl.DataFrame(schema=raw_schema(resource)), stream.report(), self)

    def put(self, frame: pl.DataFrame) -> DataFrame:
        """A frame of the driver as a table of Spark, in ``portable`` types; its size on disk tells Spark how to join it."""
        self._tables += 1
        folder = self.folder / f"table-{self._tables}"
        folder.mkdir()
        for number, start in enumerate(range(0, max(frame.height, 1), FILE_ROWS)):
            part = as_portable(frame.slice(start, FILE_ROWS))
            part.write_parquet(folder / f"part-{number:06d}.parquet", compression="zstd", compression_level=1)
        return self.session.read.parquet(spark_path(folder))

    def scan(self, part: str, schema: dict[str, pl.DataType]) -> pl.LazyFrame:
        """What Spark wrote, read beside it."""
        files = self.files(part)
        return pl.scan_parquet(files) if files else pl.LazyFrame(schema=schema)


def _cut(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The frames in pieces of ``rows`` rows (the last has fewer); one piece without rows where there are none."""
    waiting: list[pl.DataFrame] = []
    height, given = 0, False
    for frame in frames:
        waiting.append(frame)
        height += frame.height
        while height >= rows:
            whole = pl.concat(waiting)
            yield whole.slice(0, rows)
            waiting, height, given = [whole.slice(rows)], height - rows, True
    if height or not given:
        yield pl.concat(waiting)

"""Frames as Parquet files that every worker reads: each row with its position, so that no split or order of Spark's can change what a row is."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

AT = "_at"
"""The row's position in its frame, Int64."""
FILE_ROWS = 262_144
"""Rows a file: a task reads one or several. Smaller files cost Spark more planning, larger ones leave cores idle."""


def portable(dtype: pl.DataType) -> pl.DataType:
    """The type that Parquet and Spark have for a column of ``dtype``; no value changes by it."""
    if isinstance(dtype, pl.Enum | pl.Categorical):
        return pl.String()
    if isinstance(dtype, pl.UInt8 | pl.UInt16 | pl.UInt32):
        return pl.Int64()
    if isinstance(dtype, pl.Null):
        return pl.String()
    return dtype


class Staging:
    """One delivery's folder of staged frames below ``<state>/spark/staging``; shared storage where workers run on other machines."""

    def __init__(self, session: SparkSession, state: Path):
        self.session = session
        self.folder = state / "spark" / "staging" / uuid.uuid4().hex
        self._count = 0

    def put(self, frame: pl.DataFrame) -> DataFrame:
        """Write a frame; what Spark reads of it has ``_at`` first."""
        self._count += 1
        folder = self.folder / str(self._count)
        folder.mkdir(parents=True)
        types = {name: portable(dtype) for name, dtype in frame.schema.items()}
        for number, start in enumerate(range(0, max(frame.height, 1), FILE_ROWS)):
            part = frame.slice(start, FILE_ROWS).cast(types)  # type: ignore[arg-type]
            part.insert_column(0, pl.int_range(start, start + part.height, dtype=pl.Int64, eager=True).alias(AT))
            part.write_parquet(folder / f"{number:06}.parquet", compression="zstd", compression_level=1)
        return self.session.read.parquet(folder.as_uri())

    def fresh(self) -> Path:
        """A folder that Spark may write."""
        self._count += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / str(self._count)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

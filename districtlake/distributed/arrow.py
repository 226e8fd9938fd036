"""The types in which rows pass between Polars and Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

OLDEST = pl.CompatLevel.oldest()


def portable(dtype: pl.DataType) -> pl.DataType:
    """The type that Parquet and Spark have for a column of ``dtype``; no value changes by it."""
    if isinstance(dtype, pl.Enum | pl.Categorical):
        return pl.String()
    if isinstance(dtype, pl.UInt8 | pl.UInt16 | pl.UInt32):
        return pl.Int64()
    if isinstance(dtype, pl.Null):
        return pl.String()
    return dtype


def as_portable(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in ``portable`` types."""
    return frame.cast({name: portable(dtype) for name, dtype in frame.schema.items()})


def structure(columns: dict[str, pl.DataType]) -> tuple[StructType, pa.Schema]:
    """Spark's structure for Polars columns of ``portable`` types, and exactly the Arrow types Spark takes for it."""
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    arrow = pl.DataFrame(schema=columns).to_arrow(compat_level=OLDEST).schema
    told = from_arrow_schema(arrow, prefer_timestamp_ntz=True)
    return told, to_arrow_schema(told, timezone="UTC")


def fetched(rows: DataFrame) -> pl.DataFrame:
    """Rows of Spark in this process."""
    return pl.DataFrame(pl.from_arrow(rows.toArrow()))

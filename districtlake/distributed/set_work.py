"""Work on whole tables as Spark SQL: rows that share a key, a delivery held against the warehouse. The embedded twins: ``expectations.uniqueness``,
``warehouse.changes.matched``. A null equals a null in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from districtlake.distributed.staging import AT
from districtlake.warehouse.changes import Matched

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def repeated(keyed: DataFrame, key: Sequence[str]) -> pl.Series:
    """Positions (UInt32, ascending) of the rows whose ``key`` another row of ``keyed`` has. Exact: by values, not by hashes."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    same = Window.partitionBy(*(quoted(name) for name in key))
    found = keyed.withColumn("_rows", F.count(F.lit(1)).over(same)).filter("_rows > 1").select(AT)
    return _positions(found)


def matched(
    current: DataFrame, accepted: DataFrame, key: Sequence[str], compared: Sequence[str]
) -> tuple[pl.Series, pl.Series, pl.DataFrame]:
    """``Matched`` of the warehouse as it stands and a staged delivery: positions of new and of changed rows, keys that are gone (as text types come)."""
    from pyspark.sql import functions as F

    now = current.select(*(F.col(quoted(name)).alias(f"{name}__now") for name in (*key, *compared)), F.lit(True).alias("_stands"))
    same_key: Column | None = None
    for name in key:
        equal = F.col(quoted(name)) == F.col(quoted(f"{name}__now"))
        same_key = equal if same_key is None else same_key & equal
    both = accepted.join(now, on=same_key, how="full_outer")
    differs = F.lit(False)
    for name in compared:
        differs = differs | ~F.col(quoted(name)).eqNullSafe(F.col(quoted(f"{name}__now")))
    fate = F.when(F.col("_stands").isNull(), "new").when(F.col(AT).isNull(), "gone").when(differs, "changed")
    found = both.withColumn("_fate", fate).filter("_fate IS NOT NULL")
    told = found.select("_fate", AT, *(F.col(quoted(f"{name}__now")).alias(name) for name in key)).toArrow()
    frame = pl.DataFrame(pl.from_arrow(told))
    positions = {name: frame.filter(pl.col("_fate") == name)[AT].cast(pl.UInt32).sort() for name in ("new", "changed")}
    return positions["new"], positions["changed"], frame.filter(pl.col("_fate") == "gone").select(list(key))


def as_matched(current: pl.DataFrame, found: tuple[pl.Series, pl.Series, pl.DataFrame]) -> Matched:
    """The driver's types for what Spark found."""
    new, changed, gone = found
    return Matched(new, changed, gone.cast({name: current.schema[name] for name in gone.columns}))


def quoted(name: str) -> str:
    """A column's name as Spark SQL takes it."""
    return f"`{name.replace('`', '``')}`"


def _positions(found: DataFrame) -> pl.Series:
    return pl.DataFrame(pl.from_arrow(found.toArrow()))[AT].cast(pl.UInt32).sort()

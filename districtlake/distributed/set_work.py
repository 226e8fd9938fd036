"""What has to see every row at once, as Spark SQL: keys that repeat, keys that are carried, the change set against the warehouse, the table after it.

Each function says the same as its embedded twin (``expectations.uniqueness``, ``delivery.judge.exact_duplicates``, ``warehouse.changes``); tests/spark
hold them equal. Keys are compared by value: a hash is comparable within one process only. A null equals a null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import polars as pl

from districtlake.distributed.arrow import fetched
from districtlake.distributed.staging import INDEX, Staging
from districtlake.warehouse.changes import OPERATION

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

WAS = "_was"
"""Struct of the version that ends or is flagged."""


@dataclass(frozen=True)
class OnSpark:
    """Rows that lie with Spark, in the place of a frame.

    Attributes:
        worked_out: each time anew from other tables, whenever the rows are asked for; else they are read.
    """

    frame: DataFrame
    height: int
    worked_out: bool = False

    def select(self, columns: Sequence[str]) -> OnSpark:
        return replace(self, frame=self.frame.select(*(quoted(name) for name in columns)))

    def beside(self, other: OnSpark) -> OnSpark:
        """The rows of both."""
        return OnSpark(self.frame.unionByName(other.frame), self.height + other.height, worked_out=True)


@dataclass(frozen=True)
class Counted:
    """The numbers of a change set, in keys."""

    inserted: int
    changed: int
    unchanged: int
    deleted: int
    absent: int
    flagged: int


def repeated(rows: DataFrame, key: Sequence[str], place: str) -> pl.Series:
    """``place`` (Int64, ascending) of the rows whose ``key`` another row has."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    columns = [quoted(name) for name in key]
    same = Window.partitionBy(*columns)
    found = rows.select(place, *columns).withColumn("_many", F.count(F.lit(1)).over(same)).filter("_many > 1").select(place)
    return fetched(found)[place].cast(pl.Int64).sort()


def unknown(asked: DataFrame, known: DataFrame, place: str) -> tuple[int, pl.Series]:
    """What ``expectations.table.Referring`` says of the rows ``asked``: how many it asks, and ``place`` (Int64, ascending) of those that fail."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    numbers = Observation()
    if "key_1" in asked.columns:
        asked = asked.join(known, "key_0", "left_semi")
    counted = asked.observe(numbers, F.count(F.lit(1)).alias("asked"))
    last = "key_1" if "key_1" in asked.columns else "key_0"
    failing = fetched(counted.join(known.select(last), last, "left_anti").select(place))[place].cast(pl.Int64).sort()
    return int(numbers.get["asked"]), failing


def counts_of(staging: Staging, rows: DataFrame, column: str, among: pl.Series) -> pl.DataFrame:
    """How many rows (``count``) have each of the texts ``among`` in ``column``; those that none has are left out."""
    if among.is_empty():
        return pl.DataFrame(schema={column: pl.String(), "count": pl.Int64()})
    asked = staging.put(among.unique().alias(column).to_frame())
    return fetched(rows.select(column).join(asked, column, "left_semi").groupBy(column).count())


def without(staging: Staging, rows: DataFrame, index: pl.Series) -> DataFrame:
    """The rows whose ``_index`` is not in ``index``."""
    return rows if index.is_empty() else rows.join(staging.put(index.cast(pl.Int64).alias(INDEX).to_frame()), INDEX, "left_anti")


def change_lines(
    staging: Staging, current: DataFrame, accepted: DataFrame, stale: pl.DataFrame, part: str,
    *, key: Sequence[str], items: Sequence[str], delivery: str, at: datetime, delete_absent: bool, keep_items: Sequence[str] = (),
    delete_keys: pl.DataFrame | None = None,
) -> Counted:  # fmt: skip
    """Write the lines to merge into the staged folder ``part``: the warehouse's columns, ``_op`` and ``_was``.

    Args: as ``warehouse.changes.change_set``; ``stale``: the key columns of the rows in quarantine.
    """
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    columns = current.columns
    compared = [name for name in items if name not in key and name not in keep_items]
    now = current.select(F.struct(*[F.col(quoted(name)) for name in columns]).alias(WAS), *[F.col(quoted(name)) for name in key])
    for mark, keys in (("_listed", stale.drop_nulls()), ("_to_delete", delete_keys)):
        if keys is not None and keys.height:
            now = now.join(staging.put(keys.unique().with_columns(pl.lit(value=True).alias(mark))), list(key), "left")
        else:
            now = now.withColumn(mark, F.lit(None).cast("boolean"))
    both = accepted.withColumn("_new", F.lit(True)).join(now, list(key), "full_outer")

    is_new, was = F.col("_new").isNotNull(), F.col(WAS).isNotNull()
    in_quarantine = F.col("_listed").isNotNull()
    differs = _any(*[~F.col(quoted(name)).eqNullSafe(F.col(f"{WAS}.{quoted(name)}")) for name in compared])
    gone = ~is_new & was & ~in_quarantine
    ends = gone & (F.lit(delete_absent) | F.col("_to_delete").isNotNull())
    stands_stale = F.col(f"{WAS}._stale")
    flag = F.when(was & in_quarantine & ~stands_stale, True).when(was & ~in_quarantine & stands_stale, False)
    operation = F.when(is_new & ~was, "I").when(is_new & was & differs, "U").when(ends, "D").when(flag.isNotNull(), "S")
    numbers = Observation()
    told = both.withColumn(OPERATION, operation).withColumn("_flag", flag).observe(
        numbers,
        *[F.count(F.when(F.col(OPERATION) == word, 1)).alias(word) for word in "IUDS"],
        F.count(F.when(is_new & was, 1)).alias("met"), F.count(F.when(gone, 1)).alias("absent"),
    )  # fmt: skip

    def column(name: str) -> Column:
        standing = F.col(f"{WAS}.{quoted(name)}")
        written = {"_delivery": F.lit(delivery), "_valid_from": F.lit(at), "_stale": F.lit(False)}
        if name in written:
            fresh = written[name]
        elif name in keep_items and name not in key:
            fresh = F.when(F.col(OPERATION) == "U", standing).otherwise(F.col(quoted(name)))
        else:
            fresh = F.col(quoted(name))
        untouched = F.when(F.col(OPERATION) == "S", F.col("_flag")).otherwise(standing) if name == "_stale" else standing
        return F.when(F.col(OPERATION).isin("I", "U"), fresh).otherwise(untouched).alias(name)

    lines = told.select(*[column(name) for name in columns], OPERATION, WAS)
    # the filter stands behind the select, so that the numbers count every key
    lines.filter(F.col(OPERATION).isNotNull()).write.parquet(staging.path(part))
    found: dict[str, Any] = numbers.get
    return Counted(
        inserted=found["I"], changed=found["U"], unchanged=found["met"] - found["U"], deleted=found["D"], absent=found["absent"],
        flagged=found["S"],
    )  # fmt: skip


def applied(current: DataFrame, lines: DataFrame, key: Sequence[str]) -> DataFrame:
    """The table after the lines of a change set (``warehouse.changes.apply``)."""
    columns = [quoted(name) for name in current.columns]
    untouched = current.join(lines.select(*map(quoted, key)), list(key), "left_anti").select(*columns)
    return untouched.unionByName(lines.filter(f"{OPERATION} <> 'D'").select(*columns))


def difference_lines(before: DataFrame, after: DataFrame, key: Sequence[str], path: str) -> int:
    """Write the lines that turn ``before`` into ``after`` (``warehouse.changes.difference``) to ``path``; how many there are."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    columns = before.columns
    now = "_now"

    def whole(table: DataFrame, name: str) -> DataFrame:
        return table.select(F.struct(*[F.col(quoted(column)) for column in columns]).alias(name), *map(quoted, key))

    both = whole(before, WAS).join(whole(after, now), list(key), "full_outer")
    stood, stands = F.col(WAS).isNotNull(), F.col(now).isNotNull()
    differs = _any(*[~F.col(f"{now}.{quoted(name)}").eqNullSafe(F.col(f"{WAS}.{quoted(name)}")) for name in columns if name not in key])
    operation = F.when(~stood, "I").when(~stands, "D").when(differs, "U")
    chosen = F.when(stands, F.col(now)).otherwise(F.col(WAS))
    lines = both.select(chosen.alias("_row_of"), operation.alias(OPERATION)).filter(F.col(OPERATION).isNotNull())
    lines = lines.select("_row_of.*", OPERATION)
    numbers = Observation()
    lines.observe(numbers, F.count(F.lit(1)).alias("lines")).write.parquet(path)
    return int(numbers.get["lines"])


def quoted(name: str) -> str:
    """A column's name as Spark SQL takes it."""
    return f"`{name.replace('`', '``')}`"


def _any(*conditions: Column) -> Column:
    from pyspark.sql import functions as F

    return reduce(or_, conditions, F.lit(False))

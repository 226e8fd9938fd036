"""Readers of each other's tables: what Spark writes deltalake, Polars and DuckDB read, and what the warehouse writes Spark reads and merges into."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from districtlake.settings import Settings
from districtlake.spark.session import missing_parts, spark_session
from districtlake.warehouse.tables import address, scan_delta
from tests.small_district import day, deliver, open_small
from tests.small_marts import process

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.skipif(bool(missing_parts()), reason="left out: Spark is not installed here (make spark)")]
MASTER = os.environ.get("TEST_SPARK_MASTER", "local[2]")

STREETS = ("鼓楼街道", "江厦街道", "望春 街道/西=一", None)
ROWS = pl.DataFrame(
    {
        "编号": [1, 2, 3, 4, 5],
        "street": [*STREETS, "鼓楼街道"],
        "name": ["张三", "阿卜杜·热合曼", "𠮷田", "", None],
        "amount": [Decimal("0.01"), Decimal("-99999999999999.99"), None, Decimal("12.30"), Decimal("0.00")],
        "since": [date(1899, 12, 31), date(2026, 2, 28), None, date(9999, 12, 31), date(2024, 2, 29)],
        "seen": [datetime(2026, 3, 1, 16, 0, 0, 1, tzinfo=UTC), None, datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
                 datetime(1912, 1, 1, tzinfo=UTC)],
        "share": [0.1, None, float("inf"), -0.0, 1e-300],
        "open": [True, False, None, True, False],
    },
    schema={
        "编号": pl.Int64, "street": pl.String, "name": pl.String, "amount": pl.Decimal(16, 2), "since": pl.Date,
        "seen": pl.Datetime("us", "UTC"), "share": pl.Float64, "open": pl.Boolean,
    },
)  # fmt: skip
BEYOND = {"deletionVectors", "columnMapping", "v2Checkpoint", "rowTracking", "clustering", "inCommitTimestamp"}
"""Features of Delta that deltalake or Polars cannot read or write."""


@pytest.fixture
def session(settings: Settings) -> SparkSession:
    given = {"spark_master": MASTER, "spark_ui": False, "spark_partitions": 2, "spark_executor_mb": 1024}
    return spark_session(settings.model_copy(update=given))


def in_order(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return frame.select(ROWS.columns).sort("编号").rows()


def sent(session: SparkSession, frame: pl.DataFrame) -> Any:
    return session.createDataFrame(frame.to_arrow())


def by_deltalake(path: Path) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(DeltaTable(str(path)).to_pyarrow_table()))


def by_polars(path: Path) -> pl.DataFrame:
    return pl.read_delta(str(path))


def by_duckdb(path: Path) -> pl.DataFrame:
    """The files of the version; what stands in the names of partitions' folders comes by them."""
    query = "SELECT * FROM read_parquet($files, union_by_name = true, hive_partitioning = true)"
    with duckdb.connect() as connection:
        found = connection.sql(query, params={"files": DeltaTable(str(path)).file_uris()})
        return pl.DataFrame(found.to_arrow_table()).with_columns(pl.col("seen").dt.convert_time_zone("UTC"))


def by_spark(session: SparkSession, path: Path) -> pl.DataFrame:
    frame = pl.DataFrame(session.read.format("delta").load(str(path)).toArrow())
    return frame.with_columns(pl.col("seen").dt.convert_time_zone("UTC"))


@pytest.mark.parametrize("partitioned", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_spark_writes_three_readers_read(session: SparkSession, tmp_path: Path, partitioned: bool) -> None:
    path = tmp_path / "by_spark"
    writer = sent(session, ROWS).write.format("delta")
    (writer.partitionBy("street") if partitioned else writer).save(str(path))
    for read in (by_deltalake, by_polars, by_duckdb):
        assert in_order(read(path)) == ROWS.rows(), read.__name__
    if not partitioned:  # the lake's own tables have no partitions
        assert scan_delta(DeltaTable(str(path))).collect().schema == ROWS.schema


@pytest.mark.slow
def test_a_table_that_spark_merged_into_updated_and_deleted_from_stays_readable(session: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "merged"
    sent(session, ROWS).write.format("delta").option("delta.enableChangeDataFeed", "true").option("delta.checkpointInterval", "2").save(
        str(path)
    )
    first = DeltaTable(str(path)).version()
    changed = ROWS.filter(pl.col("编号").is_in([2, 3])).with_columns(name=pl.lit("改"), 编号=pl.Series([2, 9]))
    sent(session, changed).createOrReplaceTempView("changed")
    session.sql(
        f"MERGE INTO delta.`{path}` t USING changed s ON t.`编号` = s.`编号` WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    session.sql(f"UPDATE delta.`{path}` SET name = '另' WHERE `编号` = 1")
    session.sql(f"DELETE FROM delta.`{path}` WHERE `编号` = 5")
    wanted = pl.concat(
        [ROWS.filter(pl.col("编号").is_in([1])).with_columns(name=pl.lit("另")), ROWS.filter(pl.col("编号").is_in([3, 4])), changed]
    )
    for read in (by_deltalake, by_polars, by_duckdb):
        assert in_order(read(path)) == in_order(wanted), read.__name__
    table = DeltaTable(str(path))
    assert (path / "_delta_log" / "_last_checkpoint").exists(), "the classic checkpoint was written and read"
    protocol = table.protocol()
    assert not BEYOND & {*(protocol.reader_features or ()), *(protocol.writer_features or ())}
    feed = pl.DataFrame(
        table.load_cdf(
            starting_version=first + 1, columns=["编号", "name", "_change_type", "_commit_version", "_commit_timestamp"]
        ).read_all()
    )
    assert sorted(feed.select("编号", "_change_type", "name").rows(), key=repr) == sorted(
        [
            (2, "update_preimage", "阿卜杜·热合曼"), (2, "update_postimage", "改"), (9, "insert", "改"),
            (1, "update_preimage", "张三"), (1, "update_postimage", "另"), (5, "delete", None),
        ], key=repr,
    )  # fmt: skip


@pytest.mark.parametrize("partitioned", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_deltalake_writes_spark_reads_and_merges_into(session: SparkSession, tmp_path: Path, partitioned: bool) -> None:
    path = tmp_path / "by_deltalake"
    write_deltalake(str(path), ROWS, partition_by=["street"] if partitioned else None, configuration={"delta.enableChangeDataFeed": "true"})
    assert in_order(by_spark(session, path)) == ROWS.rows()
    sent(session, ROWS.head(2).with_columns(amount=pl.lit(Decimal("7.77"), dtype=pl.Decimal(16, 2)))).createOrReplaceTempView("changed")
    session.sql(f"MERGE INTO delta.`{path}` t USING changed s ON t.`编号` = s.`编号` WHEN MATCHED THEN UPDATE SET *")
    wanted = [Decimal("7.77"), Decimal("7.77"), *ROWS["amount"].to_list()[2:]]
    for read in (by_deltalake, by_polars, by_duckdb):
        assert read(path).sort("编号")["amount"].to_list() == wanted, read.__name__


@pytest.mark.slow
def test_a_table_of_the_warehouse_is_read_and_merged_into_by_spark_and_goes_on(session: SparkSession, tmp_path: Path) -> None:
    district = open_small(tmp_path)
    try:
        deliver(
            district.settings.inbox, f"people_{day(2)}.csv", [("A1", "张三", 3, None), ("A2", "李四", 5, "备"), ("A3", "王五", 7, None)]
        )
        process(district, district.settings.inbox)
        path = address(district.lake, "warehouse", "registry_bureau.people")
        before = scan_delta(DeltaTable(str(path))).collect()
        assert before.height == 3
        read = pl.DataFrame(session.read.format("delta").load(str(path)).toArrow())
        names = before.columns
        moments = [name for name, dtype in before.schema.items() if isinstance(dtype, pl.Datetime)]
        read = read.with_columns(pl.col(name).dt.convert_time_zone("UTC") for name in moments)
        key = names[0]
        assert read.select(names).sort(key).rows() == before.sort(key).rows()
        session.sql(
            f"MERGE INTO delta.`{path}` t USING (SELECT * FROM delta.`{path}` WHERE name = '李四') s ON t.`{key}` = s.`{key}` WHEN MATCHED THEN DELETE"
        )
        assert scan_delta(DeltaTable(str(path))).collect().sort(key).rows() == before.filter(pl.col("name") != "李四").sort(key).rows()
        deliver(
            district.settings.inbox, f"people_{day(3)}.csv", [("A1", "张三", 3, None), ("A2", "李四", 5, "备"), ("A3", "王五", 8, None)]
        )
        process(district, district.settings.inbox)
        after = scan_delta(DeltaTable(str(path))).collect()
        assert sorted(after["name"].to_list()) == ["张三", "李四", "王五"]
    finally:
        district.store.close()


@pytest.mark.slow
def test_each_side_holds_to_the_other_sides_check_constraints(session: SparkSession, tmp_path: Path) -> None:
    from py4j.protocol import Py4JJavaError

    # A constraint names plain identifiers, as items are: where a name needs quotes deltalake stores it in its own, and to Spark that is a text.
    path = tmp_path / "checked"
    rows = ROWS.select(pl.col("编号").alias("number"), "name")
    bad = rows.head(1).with_columns(number=pl.lit(-1, dtype=pl.Int64))
    write_deltalake(str(path), rows)
    DeltaTable(str(path)).alter.add_constraint({"positive": "number > 0"})
    with pytest.raises(Py4JJavaError, match="positive"):
        sent(session, bad).write.format("delta").mode("append").save(str(path))
    session.sql(f"ALTER TABLE delta.`{path}` ADD CONSTRAINT early CHECK (number < 100)")
    with pytest.raises(DeltaError):
        write_deltalake(str(path), bad.with_columns(number=pl.lit(100, dtype=pl.Int64)), mode="append")
    write_deltalake(str(path), bad.with_columns(number=pl.lit(99, dtype=pl.Int64)), mode="append")
    sent(session, bad.with_columns(number=pl.lit(98, dtype=pl.Int64))).write.format("delta").mode("append").save(str(path))
    assert sorted(by_polars(path)["number"].to_list()) == [1, 2, 3, 4, 5, 98, 99]

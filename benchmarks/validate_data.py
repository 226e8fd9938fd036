"""The table of the validation benchmark: seeded, about one row in a hundred wrong for each rule, in row groups of a million.

``python -m benchmarks.validate_data <file.parquet> <rows> <columns> <seed>``
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from benchmarks.validate_rules import COLUMNS, SETS

CHUNK = 1_000_000
DIRT = 0.01
"""Share of cells spoilt for each rule, and of cells missing where a column may have none."""


def part(first: int, rows: int, columns: int, seed: int) -> pl.DataFrame:
    """Rows ``first`` to ``first`` + ``rows`` of the table."""
    rng = np.random.default_rng((seed, first))

    def numbers(low: int, high: int) -> pl.Series:
        return pl.Series(rng.integers(low, high, rows))

    def some(share: float = DIRT) -> pl.Series:
        return pl.Series(rng.random(rows) < share)

    def of(values: list[str]) -> pl.Series:
        return pl.Series(values).gather(numbers(0, len(values)))

    def padded(width: int, high: int) -> pl.Series:
        return numbers(0, high).cast(pl.String).str.zfill(width)

    days = pl.Series(["1900-01-01"]).str.to_date()[0]
    birth = pl.Series([days]).new_from_index(0, rows) + pl.select(pl.duration(days=numbers(14_000, 45_000))).to_series()
    start = pl.Series([date(2010, 1, 1)]).new_from_index(0, rows) + pl.select(pl.duration(days=numbers(0, 5_000))).to_series()
    frame = pl.DataFrame(
        {
            "record_no": pl.Series(range(first, first + rows)).cast(pl.String).str.zfill(10),
            "region": of(SETS["region"]), "birth_date": birth, "name": of([f"{a}{b}{c}" for a in "王李张刘陈" for b in "伟芳娜敏静" for c in "一二三四五"]),
            "sequence": padded(3, 1000), "check": of([*"0123456789X"]), "sex": of(SETS["sex"]), "status": of(SETS["status"]),
            "category": of(SETS["category"]), "body": padded(9, 10**9), "phone": "1" + of(["3", "5", "8"]) + padded(9, 10**9),
            "start_date": start, "lasts": numbers(1, 4_000), "amount": pl.Series(rng.random(rows) * 20_000 + 10_000).round(2),
            "base": pl.Series(rng.random(rows) * 9_000).round(2), "months": numbers(0, 500), "score": numbers(0, 101), "street": padded(4, 9_999),
            "mail": padded(7, 10**7), "part": padded(2, 3),
        }
    ).with_columns(
        citizen_id=pl.concat_str("region", pl.col("birth_date").dt.strftime("%Y%m%d"), "sequence", "check"),
        uscc=pl.concat_str(pl.lit("91330203"), pl.col("body"), pl.lit("X")),
        end_date=pl.col("start_date") + pl.duration(days=pl.col("lasts")),
        email=pl.concat_str(pl.lit("box"), pl.col("mail"), pl.lit("@mail.example")),
        address=pl.concat_str(pl.lit("基准市测试区样本街道"), pl.col("street"), pl.lit("号")),
        licence=pl.concat_str(pl.lit("JY"), pl.col("record_no").str.zfill(14)),
    )  # fmt: skip
    spoilt = {
        "citizen_id": pl.col("citizen_id").str.replace("^.", "0"), "uscc": pl.col("uscc").str.slice(1), "phone": pl.col("phone").str.head(10),
        "email": pl.lit("none"), "licence": pl.col("licence").str.replace("JY", "XX"), "sex": pl.lit("3"), "status": pl.lit("8"),
        "category": pl.lit("99"), "region": pl.lit("330999"), "name": pl.lit("某"), "address": pl.lit("无"),
        "amount": -pl.col("amount"), "base": pl.col("base") + 40_000, "months": pl.col("months") + 900, "score": -pl.col("score") - 1,
        "birth_date": pl.lit(date(2099, 1, 1)), "end_date": pl.col("start_date"),
    }  # fmt: skip
    frame = frame.with_columns(pl.when(some()).then(wrong).otherwise(name).alias(name) for name, wrong in spoilt.items())
    # repeated keys and pairs; then missing cells
    again = pl.Series(np.where(rng.random(rows) < DIRT / 2, np.maximum(np.arange(rows) - 1, 0), np.arange(rows)))
    twice = pl.Series(np.where(rng.random(rows) < DIRT / 2, np.maximum(np.arange(rows) - 1, 0), np.arange(rows)))
    frame = frame.with_columns(frame["record_no"].gather(again), frame["licence"].gather(twice), frame["part"].gather(twice))
    frame = frame.select(pl.when(~some(DIRT / 2)).then(pl.col(name)).alias(name) for name in COLUMNS)
    return frame.with_columns(of(SETS["category"]).alias(f"more_{number:02d}") for number in range(columns - len(COLUMNS)))


def write(path: Path, rows: int, columns: int, seed: int) -> None:
    """Raises ``SystemExit`` for fewer columns than the rules need."""
    if columns < len(COLUMNS):
        raise SystemExit(f"The rules need at least {len(COLUMNS)} columns; {columns} were asked. Write COLUMNS={len(COLUMNS)} or more.")
    writer: pq.ParquetWriter | None = None
    for first in range(0, rows, CHUNK):
        table = part(first, min(CHUNK, rows - first), columns, seed).to_arrow(compat_level=pl.CompatLevel.oldest())
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


if __name__ == "__main__":
    target, *given = sys.argv[1:]
    write(Path(target), *map(int, given))

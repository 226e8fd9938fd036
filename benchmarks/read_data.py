"""The files of the reading benchmark, by the generator of the way's: ``python -m benchmarks.read_data FOLDER KIND ROWS SEED``.

KIND: ``csv`` (``utf8.csv``, ``gb18030.csv`` and ``breaks.csv``, in which one address in twenty runs over two lines), ``large``
(``large.csv``, written in parts of a million rows), ``xlsx`` (``book.xlsx``: texts, numbers and days as Excel stores them), ``digits``
(``digits.parquet``: citizen numbers and credit codes, one in ten with another check character).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.way_delivery import columns, entry, snapshots
from benchmarks.way_delivery_names import AGENCY, RESOURCE

COLUMNS = 21
FAULTS = 0.01
_PART = 1_000_000


def rows_of(rows: int, seed: int) -> pl.DataFrame:
    first, _ = snapshots(rows, FAULTS, seed)
    return first[:rows].select(pl.col(c.base).alias(c.title) for c in columns(COLUMNS))


def write_csv(folder: Path, rows: int, seed: int) -> None:
    frame = rows_of(rows, seed)
    frame.write_csv(folder / "utf8.csv")
    (folder / "gb18030.csv").write_bytes((folder / "utf8.csv").read_bytes().decode().encode("gb18030"))
    broken = pl.when(pl.int_range(pl.len()) % 20 == 7).then(pl.format("{}\n备用地址：同上", "住址")).otherwise("住址")
    frame.with_columns(broken.alias("住址")).write_csv(folder / "breaks.csv")


def write_large(folder: Path, rows: int, seed: int) -> None:
    with (folder / "large.csv").open("wb") as file:
        for part, begin in enumerate(range(0, rows, _PART)):
            rows_of(min(_PART, rows - begin), seed + part).write_csv(file, include_header=part == 0)


def write_book(folder: Path, rows: int, seed: int) -> None:
    frame = rows_of(rows, seed)
    days = [
        pl.coalesce(pl.col(name).str.to_date("%Y-%m-%d", strict=False), pl.date(2020, 1, 1)).alias(name)
        for name in ("参保日期", "有效期至")
    ]
    numbers = [pl.col(name).cast(pl.Float64, strict=False) for name in ("缴费基数", "缴费金额", "缴费月数")]
    frame.with_columns(*days, *numbers).write_excel(folder / "book.xlsx", autofit=False)


def write_digits(folder: Path, rows: int, seed: int) -> None:
    frame = rows_of(min(rows, _PART), seed).select(
        pl.col("公民身份号码").str.strip_chars(" '").str.to_uppercase().alias("citizen_id"),
        pl.col("单位统一社会信用代码").str.to_uppercase().alias("uscc"),
    )
    picked = frame[np.random.default_rng(seed).integers(0, frame.height, rows)]
    other = pl.int_range(pl.len()) % 10 == 3
    picked.select(
        pl.when(other).then(pl.col(name).str.head(17) + "0").otherwise(name).alias(name) for name in picked.columns
    ).write_parquet(folder / "digits.parquet")


def write_catalogue(folder: Path) -> None:
    import yaml

    target = folder / "catalog" / "resources" / AGENCY / f"{RESOURCE}.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(yaml.safe_dump(entry(COLUMNS), allow_unicode=True, sort_keys=False), encoding="utf-8")


WRITERS: dict[str, Any] = {"csv": write_csv, "large": write_large, "xlsx": write_book, "digits": write_digits}

if __name__ == "__main__":
    where, kind, count, begun = sys.argv[1:]
    write_catalogue(Path(where))
    WRITERS[kind](Path(where), int(count), int(begun))

"""A resource of any size for the benchmark of engines, written in parts so that its generation is bounded, too; nobody in it exists.

Day 2 changes 1 % of the rows, drops 0.5 % and brings 0.5 % new ones; in one row of two thousand something is wrong.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

AGENCY, RESOURCE = "benchmark_bureau", "payments"
RESOURCE_ID = f"{AGENCY}.{RESOURCE}"
DAYS = ("2026-03-02", "2026-03-03")
PART = 1_000_000

_AGENCIES = "benchmark_bureau: {name: 基准局, kind: administrative_organ, contact: benchmark@district.example}\n"
_ENTRY = """\
code: 101001001/000001
title: 补贴发放
business: 补贴发放管理
system: 补贴系统
storage_format: spreadsheet
sharing: {class: unconditional}
opening: {class: unconditional}
provision: [api]
update_cycle: daily
sharing_term: permanent
key: [code]
source: {files: 'payments*.csv', mode: snapshot, max_shrink: 50%}
items:
  - {name: code, title: 户号, element: household_no, required: true}
  - {name: name, title: 姓名, element: person_name, required: true}
  - {name: paid_on, title: 发放日期, element: event_date, required: true}
  - {name: from_day, title: 起始日期, element: event_date}
  - {name: to_day, title: 截止日期, element: validity_date}
  - {name: amount, title: 金额, element: money_yuan, min: 0, max: 100000}
  - {name: months, title: 月数, element: count_integer, min: 0, max: 600}
  - {name: phone, title: 联系电话, element: phone}
  - {name: division, title: 行政区划代码, element: division_code}
  - {name: postcode, title: 邮政编码, element: postcode}
  - {name: remark, title: 备注, element: remark}
  - {name: note, title: 说明, element: remark}
checks:
  - {id: remark.brief, expect: expect_column_value_lengths_to_be_between, column: remark, max_value: 40, title: 备注应简短}
"""
_SURNAMES = [*"王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高罗"]
_GIVEN = list("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建国海燕雪梅婷宇浩")
_REGIONS = ["330203", "330205", "330206", "330211", "330212", "330225", "330226", "330281"]


def write_catalog(folder: Path) -> None:
    """The agency and its entry, for ``catalog_dirs`` beside the shipped catalogue."""
    entry = folder / "resources" / AGENCY / f"{RESOURCE}.yaml"
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_text(_ENTRY, encoding="utf-8")
    (folder / "agencies.yaml").write_text(_AGENCIES, encoding="utf-8")


def write_day(folder: Path, day: int, rows: int, seed: int = 1) -> Path:
    """Day 0 or 1 of ``rows`` rows as CSV below ``folder/<day>/<agency>``."""
    path = folder / DAYS[day] / AGENCY / f"payments_{DAYS[day].replace('-', '')}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for start in range(0, rows, PART):
            part = _part(np.arange(start, min(start + PART, rows), dtype=np.int64), day, rows, np.random.default_rng([seed, start]))
            part.write_csv(file, include_header=start == 0)
    return path


def _part(number: np.ndarray, day: int, rows: int, rng: np.random.Generator) -> pl.DataFrame:
    height = len(number)
    if day == 1:  # one key in two hundred is another one
        number = np.where(number % 200 == 7, number + 10 * rows, number)
    amount = rng.integers(1_00, 90_000_00, height)
    if day == 1:
        amount = np.where(number % 100 == 3, amount + 1, amount)
    days = (np.datetime64("2020-01-01") + rng.integers(0, 2000, height)).astype("datetime64[D]")

    def pick(choices: list[str]) -> pl.Expr:
        return pl.lit(pl.Series(choices)).gather(pl.Series(rng.integers(0, len(choices), height)))

    frame = pl.DataFrame(
        {"n": number, "amount": amount, "day": days, "phone": rng.integers(0, 10**8, height), "months": rng.integers(1, 600, height)}
    )
    return frame.select(
        pl.format("H{}", pl.col("n").cast(pl.String).str.zfill(11)).alias("户号"),
        (pick(_SURNAMES) + pick(_GIVEN) + pick(_GIVEN)).alias("姓名"),
        pl.when(pl.col("n") % 2000 == 11).then(pl.lit("2026-02-30")).otherwise(pl.col("day").cast(pl.String)).alias("发放日期"),
        pl.col("day").dt.strftime("%Y/%m/%d").alias("起始日期"),
        (pl.col("day") + pl.duration(days=365)).cast(pl.String).alias("截止日期"),
        pl.format("{}.{}", pl.col("amount") // 100, (pl.col("amount") % 100).cast(pl.String).str.zfill(2)).alias("金额"),
        pl.col("months").cast(pl.String).alias("月数"),
        pl.format("138{}", pl.col("phone").cast(pl.String).str.zfill(8)).alias("联系电话"),
        pick(_REGIONS).alias("行政区划代码"),
        pl.lit("315000").alias("邮政编码"),
        pl.format("第{}批，材料齐全", pl.col("n") % 97).alias("备注"),
        pl.lit("").alias("说明"),
    )  # fmt: skip

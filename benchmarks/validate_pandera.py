"""pandera on Polars: a lazy validation of a schema; failing rows from its failure cases."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl

from benchmarks.validate_by_hand import failing
from benchmarks.validate_rules import COLUMNS, KEY, RULES, Asked


def load(path: Path, tool: str) -> pl.DataFrame:
    return pl.read_parquet(path)


def _check(rule: Asked) -> Any:
    given = rule.arguments
    if rule.kind == "in_set":
        return pa.Check.isin(given["values"], name=rule.id, error=rule.id)
    if rule.kind == "regex":
        return pa.Check.str_matches(given["pattern"], name=rule.id, error=rule.id)
    if rule.kind == "length":
        return pa.Check.str_length(given["low"], given["high"], name=rule.id, error=rule.id)
    low, high = (date.fromisoformat(bound) if isinstance(bound, str) else bound for bound in (given["low"], given["high"]))
    return pa.Check.in_range(low, high, name=rule.id, error=rule.id)


def _whole(rule: Asked) -> Any:
    return pa.Check(lambda data: data.lazyframe.select(~failing(rule)), name=rule.id, error=rule.id)


def schema(frame: pl.DataFrame) -> Any:
    wholes = [rule for rule in RULES if rule.kind in ("unique", "after", "not_above")]  # a row's missing values pass, as in the others
    columns = {}
    for name in COLUMNS:
        mine = [rule for rule in RULES if rule.column == name and rule not in wholes]
        present = any(rule.kind == "present" for rule in mine)
        columns[name] = pa.Column(frame.schema[name], [_check(rule) for rule in mine if rule.kind != "present"], nullable=not present)
    return pa.DataFrameSchema(columns, checks=[_whole(rule) for rule in wholes])


def judge(frame: pl.DataFrame, keys: Path, tool: str) -> dict[str, int | str]:
    found = dict.fromkeys([rule.id for rule in RULES], 0)
    try:
        schema(frame).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases.select(
            pl.when(pl.col("check") == "not_nullable").then(pl.concat_str(pl.lit("present."), "column")).otherwise("check").alias("rule"),
            pl.col("index").cast(pl.Int64).alias("row"),
        )
        cases.with_columns(frame[KEY].gather(cases["row"])).write_parquet(keys)
        found |= dict(cases.group_by("rule").len().iter_rows())
    return found

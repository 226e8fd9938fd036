"""dataframely: the rules as a schema's rules, each one expression; failing rows from its ``filter``."""

from __future__ import annotations

from pathlib import Path

import dataframely as dy
import polars as pl

from benchmarks.validate_by_hand import failing
from benchmarks.validate_rules import COLUMNS, KEY, RULES, Asked

TYPES = {
    "birth_date": dy.Date,
    "start_date": dy.Date,
    "end_date": dy.Date,
    "amount": dy.Float64,
    "base": dy.Float64,
    "months": dy.Int64,
    "score": dy.Int64,
}


def load(path: Path, tool: str) -> pl.DataFrame:
    return pl.read_parquet(path)


def _rule(asked: Asked) -> object:
    def holds(cls: type) -> pl.Expr:
        return ~failing(asked)

    holds.__name__ = asked.id.replace(".", "__")
    return dy.rule()(holds)


def schema() -> type[dy.Schema]:
    members: dict[str, object] = {name: TYPES.get(name, dy.String)(nullable=True) for name in COLUMNS}
    members |= {rule.id.replace(".", "__"): _rule(rule) for rule in RULES}
    return type("Table", (dy.Schema,), members)


def judge(frame: pl.DataFrame, keys: Path, tool: str) -> dict[str, int | str]:
    outcome = schema().filter(frame.select(COLUMNS))
    failure = outcome[1]
    details = failure.details()
    names = [rule.id.replace(".", "__") for rule in RULES]
    pairs = (
        details.select(KEY, *names)
        .unpivot(names, index=KEY, variable_name="rule", value_name="verdict")
        .filter(pl.col("verdict") == "invalid")
    )
    pairs.select(KEY, pl.col("rule").str.replace("__", ".", literal=True)).write_parquet(keys)
    counts = failure.counts()
    return {rule.id: counts.get(rule.id.replace(".", "__"), 0) for rule in RULES}

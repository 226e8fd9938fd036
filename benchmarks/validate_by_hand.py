"""The floor of the validation benchmark: one Polars query written for these rules, failing keys included."""

from __future__ import annotations

from datetime import date
from functools import reduce
from operator import and_
from pathlib import Path

import polars as pl

from benchmarks.validate_rules import KEY, RULES, Asked


def load(path: Path, tool: str) -> pl.DataFrame:
    return pl.read_parquet(path)


def failing(rule: Asked) -> pl.Expr:
    """True where a row breaks the rule, never null."""
    column, given = pl.col(rule.column), rule.arguments
    if rule.kind == "present":
        return column.is_null()
    if rule.kind == "unique" and len(rule.columns) == 1:
        return column.is_duplicated() & column.is_not_null()
    if rule.kind == "unique":
        return pl.struct(rule.columns).is_duplicated() & reduce(and_, [pl.col(name).is_not_null() for name in rule.columns])
    if rule.kind == "in_set":
        return ~column.is_in(given["values"]).fill_null(value=True)
    if rule.kind == "regex":
        return ~column.str.contains(given["pattern"]).fill_null(value=True)
    if rule.kind in ("length", "between"):
        value = column.str.len_chars() if rule.kind == "length" else column
        low, high = (date.fromisoformat(bound) if isinstance(bound, str) else bound for bound in (given["low"], given["high"]))
        return ~value.is_between(low, high).fill_null(value=True)
    left, right = (pl.col(name) for name in rule.columns)
    return ~(left > right if rule.kind == "after" else left <= right).fill_null(value=True)


def judge(frame: pl.DataFrame, keys: Path, tool: str) -> dict[str, int | str]:
    flags = frame.lazy().select(failing(rule).alias(rule.id) for rule in RULES).collect()
    parts = []
    for rule in RULES:
        rows = flags[rule.id].arg_true()
        parts.append(pl.DataFrame({"row": rows, KEY: frame[KEY].gather(rows), "rule": pl.repeat(rule.id, len(rows), eager=True)}))
    pl.concat(parts).write_parquet(keys)
    return {rule.id: part.height for rule, part in zip(RULES, parts, strict=True)}

"""cuallee on Polars: counts only, it names no row."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
from cuallee import Check, CheckLevel

from benchmarks.validate_rules import RULES


def load(path: Path, tool: str) -> pl.DataFrame:
    return pl.read_parquet(path)


def judge(frame: pl.DataFrame, keys: Path, tool: str) -> dict[str, int | str]:
    check, asked, found = Check(CheckLevel.WARNING, "bench"), [], {}
    for rule in RULES:
        column, given = rule.column, rule.arguments
        if rule.kind == "present":
            check.is_complete(column)
        elif rule.kind == "unique" and len(rule.columns) == 1:
            check.is_unique(column)
        elif rule.kind == "unique":
            check.are_unique(rule.columns)
        elif rule.kind == "in_set":
            check.is_contained_in(column, tuple(given["values"]))
        elif rule.kind == "regex":
            check.has_pattern(column, given["pattern"])
        elif rule.kind == "between":
            bounds = tuple(date.fromisoformat(bound) if isinstance(bound, str) else bound for bound in (given["low"], given["high"]))
            check.is_between(column, bounds)
        else:
            found[rule.id] = "no check of lengths" if rule.kind == "length" else "no check of one column against another on Polars"
            continue
        asked.append(rule)
    result = check.validate(frame).sort("id")
    violations = result["violations"].to_list()
    return {**{rule.id: int(count) for rule, count in zip(asked, violations, strict=True)}, **found}

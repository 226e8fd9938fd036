"""pointblank: its own validation steps, missing values passing; failing rows from its extracts."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pointblank as pb
import polars as pl

from benchmarks.validate_by_hand import failing
from benchmarks.validate_rules import KEY, RULES, Asked


def load(path: Path, tool: str) -> pl.DataFrame:
    return pl.read_parquet(path)


def _step(plan: Any, rule: Asked) -> Any:
    column, given = rule.column, rule.arguments
    if rule.kind == "present":
        return plan.col_vals_not_null(columns=column)
    if rule.kind == "regex":
        return plan.col_vals_regex(columns=column, pattern=given["pattern"], na_pass=True)
    if rule.kind == "between":
        low, high = (date.fromisoformat(bound) if isinstance(bound, str) else bound for bound in (given["low"], given["high"]))
        return plan.col_vals_between(columns=column, left=low, right=high, na_pass=True)
    if rule.kind in ("after", "not_above"):
        step = plan.col_vals_gt if rule.kind == "after" else plan.col_vals_le
        return step(columns=column, value=pb.col(rule.columns[1]), na_pass=True)
    # sets and uniqueness with missing values passing, and lengths, are expressions of its own step for that
    return plan.col_vals_expr(expr=~failing(rule))


def judge(frame: pl.DataFrame, keys: Path, tool: str) -> dict[str, int | str]:
    plan = pb.Validate(data=frame)
    for rule in RULES:
        plan = _step(plan, rule)
    done = plan.interrogate(extract_limit=frame.height)
    parts, found = [], {}
    for number, rule in enumerate(RULES, 1):
        found[rule.id] = int(done.n_failed(i=number, scalar=True))
        extract = done.get_data_extracts(i=number, frame=True)
        if extract is not None:
            parts.append(extract.select(pl.col("_row_num_").cast(pl.Int64).alias("row"), KEY, pl.lit(rule.id).alias("rule")))
    pl.concat(parts).write_parquet(keys)
    return found

"""Results as rows: one per rule and delivery, with A and B of GB/T 36344 (items satisfying, items evaluated)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from districtlake.quality.validation import RuleResult

SCHEMA: dict[str, Any] = {
    "_delivery": pl.String, "rule": pl.String, "rule_version": pl.Int64, "rule_title": pl.String, "items": pl.String,
    "expectation": pl.String, "dimension": pl.String, "severity": pl.String, "on_failure": pl.String, "scope": pl.String,
    "outcome": pl.String, "evaluated": pl.Int64, "passed": pl.Int64, "failed": pl.Int64, "observed": pl.String,
    "reason": pl.String, "validated_at": pl.Datetime("us", "UTC"), "unfused_seconds": pl.Float64,
}  # fmt: skip


def results_frame(results: Sequence[RuleResult], delivery: str, at: datetime) -> pl.DataFrame:
    """The results of one delivery, schema ``SCHEMA``; A = ``passed``, B = ``evaluated`` (null: not evaluated).

    ``unfused_seconds`` is null where the engine's one pass judged the rule, else what judging it cell by cell took.
    """
    rows = [
        {
            "_delivery": delivery, "rule": result.rule.id, "rule_version": result.rule.version, "rule_title": result.rule.title,
            "items": "+".join(result.rule.items), "expectation": result.rule.expectation, "dimension": result.rule.dimension,
            "severity": result.rule.severity, "on_failure": result.rule.on_failure, "scope": result.rule.scope,
            "outcome": result.outcome, "evaluated": None if result.outcome == "not_evaluated" else result.evaluated,
            "passed": None if result.outcome == "not_evaluated" or result.evaluated is None else result.evaluated - result.failed,
            "failed": result.failed, "observed": None if result.observed is None else json.dumps(result.observed, ensure_ascii=False, default=str),
            "reason": result.reason or None, "validated_at": at, "unfused_seconds": result.unfused_seconds,
        }
        for result in results
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


def slow_rules(results: pl.DataFrame) -> list[tuple[str, float]]:
    """(rule, seconds) of those that were judged cell by cell, slowest first; none in results of an earlier release."""
    if "unfused_seconds" not in results.columns:
        return []
    slow = results.filter(pl.col("unfused_seconds").is_not_null()).sort("unfused_seconds", descending=True)
    return [(row["rule"], row["unfused_seconds"]) for row in slow.iter_rows(named=True)]


def by_dimension(results: pl.DataFrame) -> pl.DataFrame:
    """A and B summed by dimension: ``dimension, rules, evaluated, passed, failed, failed_rules, not_evaluated``. B = 0 means not evaluated."""
    return (
        results.group_by("dimension")
        .agg(
            rules=pl.len(),
            evaluated=pl.col("evaluated").sum(),
            passed=pl.col("passed").sum(),
            failed=pl.col("failed").sum(),
            failed_rules=(pl.col("outcome") == "failed").sum(),
            not_evaluated=(pl.col("outcome") == "not_evaluated").sum(),
        )
        .sort("dimension")
    )

"""Results as rows: one per rule and delivery, with A and B of GB/T 36344 (items satisfying, items evaluated)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import polars as pl

from districtlake.quality.rules import Rule
from districtlake.quality.validation import RuleResult

SCHEMA: dict[str, Any] = {
    "_delivery": pl.String, "rule": pl.String, "rule_version": pl.Int64, "rule_title": pl.String, "items": pl.String,
    "expectation": pl.String, "dimension": pl.String, "severity": pl.String, "on_failure": pl.String, "scope": pl.String,
    "outcome": pl.String, "evaluated": pl.Int64, "passed": pl.Int64, "failed": pl.Int64, "observed": pl.String,
    "reason": pl.String, "validated_at": pl.Datetime("us", "UTC"), "rule_fingerprint": pl.String, "tolerance": pl.String,
    "baseline_delivery": pl.String, "baseline_evaluated": pl.Int64, "baseline_passed": pl.Int64,
    "unfused_seconds": pl.Float64,
}  # fmt: skip


def results_frame(
    results: Sequence[RuleResult], delivery: str, at: datetime, fingerprints: Mapping[str, str] = MappingProxyType({})
) -> pl.DataFrame:
    """The results of one delivery, schema ``SCHEMA``; A = ``passed``, B = ``evaluated`` (null: not evaluated).

    ``unfused_seconds`` is null where the engine's one pass judged the rule, else what judging it cell by cell took.

    Args:
        fingerprints: rule id -> fingerprint of the rule that judged (``quality.fingerprints``).
    """
    rows = [
        {
            "_delivery": delivery, "rule": result.rule.id, "rule_version": result.rule.version, "rule_title": result.rule.title,
            "items": "+".join(result.rule.items), "expectation": result.rule.expectation, "dimension": result.rule.dimension,
            "severity": result.rule.severity, "on_failure": result.rule.on_failure, "scope": result.rule.scope,
            "outcome": result.outcome, "evaluated": None if result.outcome == "not_evaluated" else result.evaluated,
            "passed": None if result.outcome == "not_evaluated" or result.evaluated is None else result.evaluated - result.failed,
            "failed": result.failed, "observed": None if result.observed is None else json.dumps(result.observed, ensure_ascii=False, default=str),
            "reason": result.reason or None, "validated_at": at, "rule_fingerprint": fingerprints.get(result.rule.id),
            "tolerance": tolerance_of(result.rule), "baseline_delivery": result.baseline.delivery if result.baseline else None,
            "baseline_evaluated": result.baseline.evaluated if result.baseline else None,
            "baseline_passed": result.baseline.passed if result.baseline else None,
            "unfused_seconds": result.unfused_seconds,
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


def tolerance_of(rule: Rule) -> str | None:
    """A rule's tolerance as the catalogue writes it: "not_worse", "5%"; None where it has none."""
    return f"{rule.tolerance:.12%}".rstrip("%").rstrip("0").rstrip(".") + "%" if isinstance(rule.tolerance, float) else rule.tolerance


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

"""Words and shapes that every kind of table shares in the dictionary."""

from __future__ import annotations

from typing import Any

import polars as pl

from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.quality.rules import Rule

SEVERITIES = {"critical": "严重", "warning": "警告", "info": "提示"}
FATES = {"report": "报告", "quarantine": "隔离", "hold": "暂停"}
MODES = {"snapshot": "全量快照", "incremental": "增量", "append": "追加"}
SENSITIVITIES = {"L1": "L1 公开", "L2": "L2 内部", "L3": "L3 敏感", "L4": "L4 高敏感"}
_TYPES = {pl.String: "VARCHAR", pl.Date: "DATE", pl.Boolean: "BOOLEAN", pl.Int64: "BIGINT", pl.Int32: "INTEGER", pl.Float64: "DOUBLE"}


def sql_type(kind: pl.DataType) -> str:
    """The type as SQL shows it."""
    if isinstance(kind, pl.Decimal):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if isinstance(kind, pl.Datetime):
        return "TIMESTAMP WITH TIME ZONE" if kind.time_zone else "TIMESTAMP"
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.DataType):
        return f"{sql_type(kind.inner)}[]"
    return next((name for base, name in _TYPES.items() if kind == base), str(kind).upper())


def sensitivity(level: str) -> dict[str, str]:
    return {"sensitivity": level, "sensitivity_title": SENSITIVITIES[level]}


def rule_entry(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id, "title": rule.title, "dimension": rule.dimension, "dimension_title": DIMENSION_TITLES[rule.dimension],
        "severity": rule.severity, "severity_title": SEVERITIES[rule.severity], "on_failure": rule.on_failure,
        "on_failure_title": FATES[rule.on_failure], "version": rule.version,
    }  # fmt: skip

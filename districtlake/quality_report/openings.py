"""What is still open, and how old it is; which rules could not be evaluated, and why."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from districtlake.clock import SHANGHAI, local_date
from districtlake.delivery.district import District
from districtlake.marts.system import SYSTEM_TABLES, problems_of
from districtlake.quality_report.period import Scope
from districtlake.supervision.workload import AGES


def problem_counts(district: District, scope: Scope) -> pl.DataFrame:
    """``agency, resource, rule, open`` and, of the scope's days, ``appeared`` and ``closed``; ``ages``: open ones by ``AGES``."""
    columns = ("rule", "state", "first_seen_at", "closed_at")
    today = local_date(district.clock.now())
    frame = problems_of(district, columns, set(scope.resources(district))).with_columns(
        day=_local_day("first_seen_at"), closed_day=_local_day("closed_at"), is_open=pl.col("state") == "open"
    )
    ages = [(pl.col("is_open") & _aged(today, low, high)).sum().alias(f"age_{number}") for number, (low, high) in enumerate(AGES)]
    return frame.group_by("agency", "resource", "rule").agg(
        pl.col("is_open").sum().alias("open"),
        pl.col("day").is_between(scope.first, scope.last).sum().alias("appeared"),
        pl.col("closed_day").is_between(scope.first, scope.last).sum().alias("closed"), *ages,
    )  # fmt: skip


def open_by_age(district: District, scope: Scope, problems: pl.DataFrame) -> dict[str, Any]:
    """Open problems and tickets by age in natural days, and what came and went in the scope's days (by Shanghai days of the events)."""
    wanted = scope.resources(district)
    today = local_date(district.clock.now())
    tickets = SYSTEM_TABLES["tickets"].frame(district).filter(pl.col("resource").is_in(wanted))
    tickets = tickets.with_columns(day=_local_day("opened_at"), closed_day=_local_day("closed_at"), is_open=pl.col("closed_at").is_null())
    still = tickets.filter("is_open")
    late = still.filter(pl.col("due_date") < today)
    return {
        "ages": [
            {
                "low": low, "high": high, "title": f"{low} 天以上" if high is None else f"{low}–{high} 天",
                "problems": int(problems[f"age_{number}"].sum() or 0), "tickets": still.filter(_aged(today, low, high)).height,
                "overdue": late.filter(_aged(today, low, high)).height,
            }
            for number, (low, high) in enumerate(AGES)
        ],
        "problems": int(problems["open"].sum() or 0), "tickets": still.height, "overdue": late.height,
        "appeared": int(problems["appeared"].sum() or 0), "problems_closed": int(problems["closed"].sum() or 0),
        "opened": tickets.filter(pl.col("day").is_between(scope.first, scope.last)).height,
        "closed": tickets.filter(pl.col("closed_day").is_between(scope.first, scope.last)).height,
        "oldest": [
            {**row, "days": (today - row["day"]).days, "resource_title": district.catalog.resources[row["resource"]].title}
            for row in still.sort("day", "ticket").head(10).select("ticket", "agency", "resource", "rule", "state", "day", "due_date", "open_problems").iter_rows(named=True)
        ],
    }  # fmt: skip


def not_evaluated(district: District, judged: pl.DataFrame) -> list[dict[str, Any]]:
    """Rules that some delivery did not decide, with the reason last given: one line per resource, rule and reason."""
    found = judged.filter(pl.col("outcome") == "not_evaluated").sort("validated_at", maintain_order=True)
    grouped = found.group_by("resource", "rule", "reason", maintain_order=True).agg(
        pl.col("agency").last(),
        pl.col("rule_title").last(),
        pl.col("dimension").last(),
        times=pl.len(),
        last_delivery=pl.col("delivery").last(),
    )
    return [
        {**row, "resource_title": district.catalog.resources[row["resource"]].title, "reason": row["reason"] or "没有可评价的数据"}
        for row in grouped.sort("resource", "rule").iter_rows(named=True)
    ]


def _local_day(column: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone(str(SHANGHAI)).dt.date()


def _aged(today: date, low: int, high: int | None) -> pl.Expr:
    days = (pl.lit(today) - pl.col("day")).dt.total_days()
    return days.is_between(low, high) if high is not None else days >= low

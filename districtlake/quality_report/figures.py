"""All figures of a quality report as one document: plain values, ready for page, workbook, portal and JSON. Counts, ids and days; no row's value.

A number always stands with its A and B. Sums are of A and of B, never of shares. The updates that were due (Article 26) are a rule of the
dimension 时效性 like any other: one evaluation a due update, so every dimension adds up from its rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.delivery.district import District
from districtlake.marts.system import SYSTEM_TABLES, results_of
from districtlake.quality_report.openings import not_evaluated, open_by_age, problem_counts
from districtlake.quality_report.period import Scope, counts, share, total_score
from districtlake.supervision.punctuality import duties_between

UPDATE_RULE = "update.in_time"
UPDATE_TITLE = "应按更新周期及时更新（第二十六条）。"
TOP_RULES = 12
COLUMNS = (
    "agency", "resource", "delivery", "data_date", "delivery_state", "rule", "rule_title", "dimension", "severity", "on_failure", "outcome",
    "evaluated", "passed", "failed", "reason", "validated_at",
)  # fmt: skip
Tell = Callable[[str], None]


def quality_figures(district: District, scope: Scope, tell: Tell = lambda message: None) -> dict[str, Any]:
    """The report of ``scope``, with the period of equal length before it beside it.

    Args:
        tell: hears what is being worked on.
    """
    return with_what_is_open(district, scope, judged_figures(district, scope, tell))


@dataclass(frozen=True)
class JudgedFigures:
    """All of a report that only judging changes. ``problems`` is ``openings.problem_counts``."""

    figures: dict[str, Any]
    problems: pl.DataFrame


def with_what_is_open(district: District, scope: Scope, judged: JudgedFigures) -> dict[str, Any]:
    """The whole report: what tickets say of the present is read now, and cheap; what was judged is at hand."""
    return {**judged.figures, "open": open_by_age(district, scope, judged.problems)}


def judged_figures(district: District, scope: Scope, tell: Tell = lambda message: None) -> JudgedFigures:
    """What results and problem registers tell of ``scope``: the dear part of a report, the same until something is judged."""
    tell(f"读取 {scope.first} 至 {scope.last} 的规则结果")
    judged = _judged(district, scope)
    now, before = judged.filter(pl.col("data_date") >= scope.first), judged.filter(pl.col("data_date") < scope.first)
    tell(f"{now['delivery'].drop_nulls().n_unique():,} 个交付，{now.height:,} 条规则结果；读取问题和工单")
    weights = district.policy.quality_weights
    dimensions, earlier = _dimensions(now), _dimensions(before)
    problems = problem_counts(district, scope)
    rules = _rules(district, now, before, problems)
    figures = {
        "scope": {
            "first": scope.first, "last": scope.last, "days": scope.days, "before_first": scope.before[0], "before_last": scope.before[1],
            "agency": scope.agency, "resource": scope.resource, "chosen": scope.chosen,
            "agency_name": district.catalog.agencies[scope.agency].name if scope.agency else "",
            "resource_title": district.catalog.resources[scope.resource].title if scope.resource else "",
        },
        "made_at": district.clock.now(), "note": district.policy.note,
        "weights": {"values": dict(weights.weights), "basis": weights.basis, "note": weights.note, "pack": f"{district.policy.id} {district.policy.version}"},
        "total": {**counts(now), "score": total_score(dimensions, weights.weights), "score_before": total_score(earlier, weights.weights)},
        "deliveries_count": now["delivery"].drop_nulls().n_unique(), "resources_count": now["resource"].n_unique(),
        "dimensions": [{**row, "dimension": name, "title": DIMENSION_TITLES[name], "before": earlier[name]} for name, row in dimensions.items()],
        "days": _by_day(now),
        "agencies": _agencies(district, now, before, weights.weights, problems),
        "resources": _resources(district, scope, now, problems),
        "rules": rules, "top": [row for row in sorted(rules, key=lambda row: -row["failed"]) if row["failed"]][:TOP_RULES],
        "deliveries": _deliveries(now),
        "changes": _changes(rules, before.height > 0),
        "not_evaluated": not_evaluated(district, now),
    }  # fmt: skip
    return JudgedFigures(figures, problems)


def _judged(district: District, scope: Scope) -> pl.DataFrame:
    """Rows of results of the scope's days and of as many before them, and one row for each update that was due in them."""
    wanted, first, last = scope.resources(district), scope.before[0], scope.last
    results = results_of(district, first, last, set(wanted)).select(COLUMNS)
    rows = []
    for resource, duties in duties_between(district, first, last):
        if resource.id in wanted:
            for duty in duties:
                came = duty.received_at is not None
                rows.append(
                    {
                        "agency": resource.agency, "resource": resource.id, "data_date": duty.due.day, "rule": UPDATE_RULE, "rule_title": UPDATE_TITLE,
                        "dimension": "timeliness", "severity": "warning", "on_failure": "report", "outcome": "passed" if came else "failed",
                        "evaluated": 1, "passed": int(came), "failed": int(not came), "validated_at": duty.due.grace_until,
                    }
                )  # fmt: skip
    schema = {name: SYSTEM_TABLES["results"].schema[name] for name in COLUMNS}
    return pl.concat([results, pl.DataFrame(rows, schema=schema)])


def _dimensions(judged: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Every one of the six, in the standard's order, those without any result as well."""
    return {name: counts(judged.filter(pl.col("dimension") == name)) for name in DIMENSION_TITLES}


def _cells(judged: pl.DataFrame, by: str) -> dict[Any, dict[str, dict[str, Any]]]:
    """Value of ``by`` -> dimension -> A, B, share, failed."""
    found: dict[Any, dict[str, dict[str, Any]]] = {}
    summed = judged.group_by(by, "dimension").agg(pl.col("passed").sum(), pl.col("evaluated").sum(), pl.col("failed").sum())
    for key, dimension, passed, evaluated, failed in summed.iter_rows():
        found.setdefault(key, {})[dimension] = {
            "satisfying": passed, "evaluated": evaluated, "share": share(passed, evaluated), "failed": failed,
        }  # fmt: skip
    return found


_NOTHING = {"satisfying": 0, "evaluated": 0, "share": None, "failed": 0}


def _row_of(cells: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A line of a table: each dimension's cell and the sum."""
    satisfying, evaluated = sum(cell["satisfying"] for cell in cells.values()), sum(cell["evaluated"] for cell in cells.values())
    return {
        "dimensions": {name: cells.get(name, _NOTHING) for name in DIMENSION_TITLES}, "satisfying": satisfying, "evaluated": evaluated,
        "share": share(satisfying, evaluated), "failed": sum(cell["failed"] for cell in cells.values()),
    }  # fmt: skip


def _by_day(judged: pl.DataFrame) -> list[dict[str, Any]]:
    deliveries = dict(judged.group_by("data_date").agg(pl.col("delivery").drop_nulls().n_unique()).iter_rows())
    return [{"day": day, "deliveries": deliveries[day], **_row_of(cells)} for day, cells in sorted(_cells(judged, "data_date").items())]


def _agencies(
    district: District, now: pl.DataFrame, before: pl.DataFrame, weights: dict[str, float], problems: pl.DataFrame
) -> list[dict[str, Any]]:
    earlier = _cells(before, "agency")
    opened = dict(problems.group_by("agency").agg(pl.col("open").sum()).iter_rows())
    rows = []
    for agency, cells in _cells(now, "agency").items():
        row, was = _row_of(cells), _row_of(earlier.get(agency, {}))
        mine = now.filter(pl.col("agency") == agency)
        rows.append(
            {
                "agency": agency, "name": district.catalog.agencies[agency].name if agency in district.catalog.agencies else agency, **row,
                "score": total_score(row["dimensions"], weights), "score_before": total_score(was["dimensions"], weights),
                "resources": mine["resource"].n_unique(), "deliveries": mine["delivery"].drop_nulls().n_unique(),
                "open_problems": opened.get(agency, 0),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row["score"] is None, row["score"] or 0.0, row["agency"]))


def _resources(district: District, scope: Scope, now: pl.DataFrame, problems: pl.DataFrame) -> list[dict[str, Any]]:
    """Every resource of the scope; one that nothing was judged of stands there, too, as not evaluated."""
    cells = _cells(now, "resource")
    opened = dict(problems.group_by("resource").agg(pl.col("open").sum()).iter_rows())
    deliveries = dict(now.group_by("resource").agg(pl.col("delivery").drop_nulls().n_unique()).iter_rows())
    rows = []
    for name in scope.resources(district):
        entry = district.catalog.resources[name]
        rows.append(
            {
                "resource": name, "title": entry.title, "agency": entry.agency, "agency_name": district.catalog.agencies[entry.agency].name,
                "deliveries": deliveries.get(name, 0), "open_problems": opened.get(name, 0), **_row_of(cells.get(name, {})),
            }
        )  # fmt: skip
    return rows


def _rules(district: District, now: pl.DataFrame, before: pl.DataFrame, problems: pl.DataFrame) -> list[dict[str, Any]]:
    """One line per resource and rule, beside what it was in the period before; the command that yields the rows behind it."""
    summed = now.sort("validated_at", maintain_order=True).group_by("resource", "rule", maintain_order=True).agg(
        pl.col("agency").last(), pl.col("rule_title").last(), pl.col("dimension").last(), pl.col("severity").last(), pl.col("on_failure").last(),
        satisfying=pl.col("passed").sum(), evaluated=pl.col("evaluated").sum(), failed=pl.col("failed").sum(), times=pl.len(),
        failed_times=(pl.col("outcome") == "failed").sum(), not_evaluated_times=(pl.col("outcome") == "not_evaluated").sum(),
        last_failed=pl.col("delivery").filter(pl.col("failed") > 0).last(),
    )  # fmt: skip
    was = before.group_by("resource", "rule").agg(before_satisfying=pl.col("passed").sum(), before_evaluated=pl.col("evaluated").sum())
    rows = []
    joined = summed.join(was, on=["resource", "rule"], how="left").join(problems, on=["resource", "rule"], how="left")
    for row in joined.sort("resource", "dimension", "rule").iter_rows(named=True):
        entry = district.catalog.resources[row["resource"]]
        about_updates = row["rule"] == UPDATE_RULE
        rows.append(
            {
                **{name: row[name] for name in (*summed.columns, "before_satisfying", "before_evaluated")}, "title": row["rule_title"],
                "resource_title": entry.title, "agency_name": district.catalog.agencies[entry.agency].name,
                "share": share(row["satisfying"], row["evaluated"]), "open_problems": row["open"] or 0,
                "share_before": share(row["before_satisfying"] or 0, row["before_evaluated"] or 0),
                "command": f"districtlake timeliness --agency {entry.agency}" if about_updates
                else f"districtlake problems --resource {entry.id} --rule {row['rule']} --state all",
            }
        )  # fmt: skip
    return rows


def _deliveries(now: pl.DataFrame) -> list[dict[str, Any]]:
    """One line per delivery, newest first; ``broken``: its rules that failed, with how many rows."""
    judged = now.filter(pl.col("delivery").is_not_null())
    summed = judged.group_by("delivery").agg(
        pl.col("agency").first(), pl.col("resource").first(), day=pl.col("data_date").first(), state=pl.col("delivery_state").first(),
        validated_at=pl.col("validated_at").max(), satisfying=pl.col("passed").sum(), evaluated=pl.col("evaluated").sum(),
        failed=pl.col("failed").sum(), not_evaluated=(pl.col("outcome") == "not_evaluated").sum(),
        broken=pl.struct("rule", "rule_title", "failed").filter(pl.col("failed") > 0),
    )  # fmt: skip
    return [
        {
            **row, "share": share(row["satisfying"], row["evaluated"]), "broken": sorted(row["broken"], key=lambda one: -one["failed"]),
            "command": "districtlake sql \"select rule, outcome, passed as A, evaluated as B, failed from system.results "
            f"where delivery = '{row['delivery']}' order by failed desc\"",
        }
        for row in summed.sort("day", "validated_at", "delivery", descending=True).iter_rows(named=True)
    ]  # fmt: skip


def _changes(rules: list[dict[str, Any]], compared: bool) -> dict[str, Any]:
    """What differs from the period before, rule by rule. ``compared`` False: nothing was judged then."""

    def decided(row: dict[str, Any]) -> bool:
        return row["share"] is not None and row["share_before"] is not None

    moved = sorted(
        (row for row in rules if decided(row) and row["share"] != row["share_before"]), key=lambda row: row["share"] - row["share_before"]
    )
    return {
        "compared": compared,
        "worse": [row for row in moved if row["share"] < row["share_before"]][:TOP_RULES],
        "better": [row for row in reversed(moved) if row["share"] > row["share_before"]][:TOP_RULES],
        "first_failed": [row for row in rules if row["failed"] and row["share_before"] == 1.0],
        "cured": [row for row in rules if decided(row) and not row["failed"] and row["share_before"] < 1.0],
    }

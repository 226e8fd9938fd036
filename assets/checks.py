"""Asset checks of a resource, one per quality dimension of GB/T 36344; each reports what the results table says."""

from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl

from districtlake.catalog.models import DIMENSION_TITLES, Catalog, Resource
from districtlake.quality import delivery_rules
from districtlake.quality.derive import rules_of
from districtlake.quality.results import slow_rules

CHECKED_LAYER = "cleansed"
"""What Great Expectations judges are the cleansed rows, so the checks hang there."""


def dimensions_of(resource: Resource, catalog: Catalog) -> list[str]:
    """The dimensions in which the resource has rules, in the standard's order."""
    used = {rule.dimension for rule in (*rules_of(resource, catalog), *delivery_rules.of(resource))}
    return [dimension for dimension in DIMENSION_TITLES if dimension in used]


def check_specs(resource: Resource, catalog: Catalog) -> list[dg.AssetCheckSpec]:
    rules = (*rules_of(resource, catalog), *delivery_rules.of(resource))
    return [
        dg.AssetCheckSpec(
            name=dimension,
            asset=[resource.agency, resource.name, CHECKED_LAYER],
            description=f"{DIMENSION_TITLES[dimension]}：" + "；".join(rule.title for rule in rules if rule.dimension == dimension),
        )
        for dimension in dimensions_of(resource, catalog)
    ]


def check_results(resource: Resource, catalog: Catalog, results: pl.DataFrame, portal_url: str = "") -> list[dg.AssetCheckResult]:
    """One result per declared check from the rows of the latest delivery's results (schema ``quality.results.SCHEMA``).

    ``data_docs`` leads to Great Expectations' pages of that delivery: in the portal, or the command that renders them. A dimension of which no rule was decided is reported as not evaluated, never as passed by silence.
    """
    return evaluations(
        [resource.agency, resource.name, CHECKED_LAYER], dimensions_of(resource, catalog), results, data_docs(results, portal_url)
    )


def data_docs(results: pl.DataFrame, portal_url: str) -> dict[str, dg.MetadataValue]:
    if results.height == 0:
        return {}
    delivery = results["_delivery"][0]
    if portal_url:
        return {"data_docs": dg.MetadataValue.url(f"{portal_url.rstrip('/')}/quality/deliveries/{delivery}")}
    return {"data_docs": dg.MetadataValue.text(f"districtlake docs delivery {delivery}")}


def evaluations(
    key: list[str], dimensions: Sequence[str], results: pl.DataFrame, links: Mapping[str, dg.MetadataValue] | None = None
) -> list[dg.AssetCheckResult]:
    """One result per dimension of an asset, from rows of its results; ``links`` go into each one's metadata."""
    emitted = []
    for dimension in dimensions:
        rows = results.filter(pl.col("dimension") == dimension)
        decided = rows.filter(pl.col("outcome") != "not_evaluated")
        broken = rows.filter(pl.col("outcome") == "failed")
        grave = broken.filter(pl.col("severity") == "critical").height > 0
        evaluated, failed = int(decided["evaluated"].sum() or 0), int(decided["failed"].sum() or 0)
        metadata: dict[str, dg.MetadataValue] = {
            "A_satisfying": dg.MetadataValue.int(evaluated - failed),
            "B_evaluated": dg.MetadataValue.int(evaluated),
            "rules": dg.MetadataValue.md(_rule_table(rows)),
            **(links or {}),
        }
        if evaluated:
            metadata["A_over_B"] = dg.MetadataValue.float((evaluated - failed) / evaluated)
        if slow := slow_rules(rows):
            metadata["unfused_rules"] = dg.MetadataValue.int(len(slow))
            metadata["unfused_seconds"] = dg.MetadataValue.float(round(sum(seconds for _, seconds in slow), 3))
            metadata["unfused"] = dg.MetadataValue.md("\n".join(f"- `{rule}`：逐格判定，{seconds:.2f} 秒" for rule, seconds in slow))
        if decided.height == 0:
            text = "未评价：本次没有可判定的规则。"
        elif broken.height:
            text = "；".join(f"{row['rule_title']}（{row['failed']} 行）" for row in broken.iter_rows(named=True))
        else:
            text = f"{decided.height} 条规则全部通过。"
        emitted.append(
            dg.AssetCheckResult(
                asset_key=key,
                check_name=dimension,
                passed=broken.height == 0,
                severity=dg.AssetCheckSeverity.ERROR if grave else dg.AssetCheckSeverity.WARN,
                description=text,
                metadata=metadata,
            )
        )
    return emitted


def _rule_table(rows: pl.DataFrame) -> str:
    """What failed comes first. Marks of one character: the UI's table would break a word of Chinese into one character a line."""
    marks = {"failed": "✗", "not_evaluated": "—", "passed": "✓"}
    lines = ["| | 规则 | 说明 | A | B | ✗ | on_failure |", "|---|---|---|---|---|---|---|"]
    order = list(marks)
    for row in sorted(rows.iter_rows(named=True), key=lambda row: (order.index(row["outcome"]), -(row["failed"] or 0))):
        blank = "" if row["evaluated"] is None else row["evaluated"]
        satisfying = "" if row["passed"] is None else row["passed"]
        title = str(row["rule_title"]).replace("|", "\\|")
        failed = f"**{row['failed']}**" if row["failed"] else row["failed"]
        lines.append(f"| {marks[row['outcome']]} | `{row['rule']}` | {title} | {satisfying} | {blank} | {failed} | {row['on_failure']} |")
    return "\n".join([*lines, "", "✓ 通过　✗ 不通过　— 未评价。A 符合规则，B 参与评价（GB/T 36344-2018）。"])

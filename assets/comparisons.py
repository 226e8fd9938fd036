"""Comparisons between agencies as assets: one per comparison, all carried out by one step; each with a check on its leads."""

# no `from __future__ import annotations`: Dagster reads the annotation of ``context``
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from districtlake.catalog.comparisons import Comparison
from districtlake.catalog.models import DIMENSION_TITLES, Catalog
from districtlake.comparison.compare import compare
from districtlake.comparison.record import MODE_TITLES, OUTCOME_TITLES, Compared
from districtlake.delivery.district import District
from districtlake.warehouse.leads import read_leads

GROUP = "comparisons"
STEP = "carry_out_comparisons"
CHECK = "leads"


class ComparisonsConfig(dg.Config):
    """What the launchpad offers: by default only what changed is compared."""

    full: bool = Field(default=False, description="不论来源是否有变，全部重新比对")


def comparison_key(comparison: str) -> list[str]:
    """The asset key of a comparison."""
    return [GROUP, comparison]


def comparison_assets(catalog: Catalog) -> dg.AssetsDefinition:
    """All comparisons of the catalogue as one step that can be run for any of them."""

    @dg.multi_asset(
        name=STEP,
        specs=[_spec(one, catalog) for one in catalog.comparisons.values()],
        check_specs=[_check_spec(one) for one in catalog.comparisons.values()],
        can_subset=True,
        pool="comparisons",
    )
    def comparisons(
        context: dg.AssetExecutionContext, config: ComparisonsConfig, district: dg.ResourceParam[District]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        chosen = {key.path[1] for key in context.selected_asset_keys}
        asked = {check.asset_key.path[1] for check in context.selected_asset_check_keys}
        everything = chosen == set(district.catalog.comparisons)
        done = compare(
            district,
            None if everything else chosen,
            full=config.full,
            tell=context.log.info,
            on_done=lambda one: context.log.info(_line(one)),
        )
        leads = read_leads(district.lake)
        for name in sorted(chosen):
            mine = [one for one in done if one.comparison == name]
            if any(one.outcome in ("compared", "skipped") for one in mine):
                yield dg.MaterializeResult(
                    asset_key=comparison_key(name), metadata=_metadata(mine, leads.filter(pl.col("comparison") == name))
                )
            if name in asked:
                yield _evaluation(name, mine, leads.filter(pl.col("comparison") == name))
        if failed := [one for one in done if one.outcome == "failed"]:
            raise dg.Failure(
                description=f"{district.catalog.comparisons[failed[0].comparison].title}：{failed[0].reason}",
                metadata={"failed": dg.MetadataValue.md("\n".join(f"- {one.pairing}: {one.reason}" for one in failed))}, allow_retries=False,
            )  # fmt: skip

    return comparisons


def _line(one: Compared) -> str:
    return f"{one.pairing}: {one.outcome} {one.mode} +{one.opened} -{one.closed} open {one.open} {one.seconds} s {one.reason}".rstrip()


def _spec(comparison: Comparison, catalog: Catalog) -> dg.AssetSpec:
    sources = dict.fromkeys(side.resource for _, side in comparison.sides)
    return dg.AssetSpec(
        key=comparison_key(comparison.id),
        deps=[source.split(".", 1) if source in catalog.marts else [*source.split(".", 1), "warehouse"] for source in sources],
        description=f"{comparison.code} {comparison.title}\n\n{comparison.description}", group_name=GROUP, tags={"layer": "comparison"},
        kinds={"duckdb", "delta"}, metadata={"title": comparison.title, "code": comparison.code, "rule_version": comparison.version},
        skippable=True,
    )  # fmt: skip


def _check_spec(comparison: Comparison) -> dg.AssetCheckSpec:
    title = DIMENSION_TITLES[comparison.dimension]
    return dg.AssetCheckSpec(name=CHECK, asset=comparison_key(comparison.id), description=f"{title}：没有未核实的线索")


def _metadata(done: Sequence[Compared], leads: pl.DataFrame) -> dict[str, Any]:
    lines = ["| 被核实方 | 结果 | 方式 | 比对键 | 新增 | 关闭 | 未关闭 | 截至 | 秒 |", "|---|---|---|---|---|---|---|---|---|"]
    for one in done:
        keys = f"{one.keys:,}" if one.mode == "incremental" else ""
        lines.append(
            f"| `{one.pairing.partition('/')[2]}` | {OUTCOME_TITLES[one.outcome]} {one.reason} | {MODE_TITLES[one.mode]} | {keys} | {one.opened} |"
            f" {one.closed} | {one.open} | {one.as_of} / {one.right_as_of} | {one.seconds} |"
        )
    return {
        "dagster/row_count": leads.filter(pl.col("state") == "open").height, "opened": sum(one.opened for one in done),
        "closed": sum(one.closed for one in done), "pairings": dg.MetadataValue.md("\n".join(lines)),
    }  # fmt: skip


def _evaluation(name: str, done: Sequence[Compared], leads: pl.DataFrame) -> dg.AssetCheckResult:
    standing = leads.filter(pl.col("state") == "open")
    judged = [one for one in done if one.outcome in ("compared", "skipped")]
    told = "；".join(one.reason for one in done if one.reason) or f"{standing.height} 条线索未核实"
    return dg.AssetCheckResult(
        asset_key=comparison_key(name), check_name=CHECK, passed=bool(judged) and not standing.height, severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata={"open": standing.height, "suspected": standing.filter(pl.col("certainty") == "suspected").height, "pairings_compared": len(judged)},
    )  # fmt: skip

"""One multi-asset per resource: raw → cleansed → quarantine and warehouse, its checks, its metadata."""

# no `from __future__ import annotations`: Dagster reads the annotation of ``context``
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from assets import metadata as shown
from assets.checks import check_results, check_specs
from assets.plots import failing_rows_by_dimension
from districtlake.catalog.models import Catalog, Resource
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, Outcome, process_resource
from districtlake.errors import DistrictLakeError
from districtlake.policy.cycles import longest_gap
from districtlake.policy.pack import PolicyPack
from districtlake.quality.derive import referred_resources
from districtlake.warehouse.commit import read
from districtlake.warehouse.tables import scan_table, tables_held_open

UPSTREAM = {"raw": None, "cleansed": "raw", "quarantine": "cleansed", "warehouse": "cleansed"}
LAYER_TITLES = {"raw": "原始", "cleansed": "清洗", "quarantine": "隔离", "warehouse": "区级数据仓"}
PLOTTED_DELIVERIES = 12


class ProcessConfig(dg.Config):
    """What the launchpad offers: by default everything that waits is processed."""

    through: str = Field(default="", description="只处理数据日期不晚于该日的交付（YYYY-MM-DD）；留空处理全部待处理的交付")


def op_name(resource: str) -> str:
    """The op of a resource, "agency.resource"."""
    return resource.replace(".", "__")


def resource_assets(resource: Resource, catalog: Catalog, policy: PolicyPack) -> dg.AssetsDefinition:
    """The assets and checks of one catalogue entry. Asset keys are the addresses: [agency, resource, layer]."""

    @dg.multi_asset(
        name=op_name(resource.id),
        specs=[_spec(layer, resource, catalog, policy) for layer in UPSTREAM],
        check_specs=check_specs(resource, catalog),
        pool=f"resource_{resource.agency}_{resource.name}",
        op_tags={"agency": resource.agency, "resource": resource.id, "dagster/priority": str(-references_below(resource, catalog))},
    )
    def process(
        context: dg.AssetExecutionContext,
        config: ProcessConfig,
        district: dg.ResourceParam[District],
        engine: dg.ResourceParam[Engine],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        through = date.fromisoformat(config.through) if config.through else None
        with tables_held_open():
            try:
                outcomes = process_resource(district, resource.id, _telling(engine, context), through)
            except DistrictLakeError as error:
                raise dg.Failure(description=str(error), metadata={"error": error.as_dict()}, allow_retries=False) from error
            failed = [outcome for outcome in outcomes if outcome.state == "failed"]
            if failed:
                raise dg.Failure(
                    description=f"{resource.title}：{failed[0].file}：{failed[0].why}",
                    metadata={"error": failed[0].error.as_dict() if failed[0].error else {}},
                    allow_retries=False,
                )
            told: list[dg.MaterializeResult | dg.AssetCheckResult] = [*_materializations(district, resource, outcomes)]
            told += check_results(resource, district.catalog, latest_results(district, resource), district.settings.portal_url)
        yield from told

    return process


def references_below(resource: Resource, catalog: Catalog) -> int:
    """How many references, of items or checks, lie in a row below a resource inside its agency: a run takes those others refer to first.

    A priority and no dependency: a step that failed must not keep the others from running.
    """

    def below(one: Resource, above: frozenset[str]) -> int:
        targets = referred_resources(one) - above
        inside = [catalog.resources[target] for target in targets if target.split(".")[0] == one.agency and target in catalog.resources]
        return max((1 + below(target, above | {target.id}) for target in inside), default=0)

    return below(resource, frozenset({resource.id}))


def _telling(engine: Engine, context: dg.AssetExecutionContext) -> Engine:
    """The same engine, speaking through Dagster's log. Messages name files, rules and counts, never cells."""
    from dataclasses import replace

    def outcome(result: Outcome) -> None:
        engine.hooks.outcome(result)
        failing = [f"{r.rule.id} {r.failed} rows" for r in result.results if r.outcome == "failed"]
        slow = [f"{r.rule.id} {r.unfused_seconds:.2f} s" for r in result.results if r.unfused_seconds is not None]
        context.log.info(f"{result.file}: {result.state} {result.counts} failing rules: {', '.join(failing) or 'none'}")
        if slow:
            context.log.info(f"{result.file}: judged cell by cell, not in the one pass: {', '.join(slow)}")

    return replace(engine, hooks=replace(engine.hooks, tell=context.log.info, outcome=outcome))


def _spec(layer: str, resource: Resource, catalog: Catalog, policy: PolicyPack) -> dg.AssetSpec:
    upstream = UPSTREAM[layer]
    owner = resource.owner or catalog.agencies[resource.agency].contact
    return dg.AssetSpec(
        key=[resource.agency, resource.name, layer],
        deps=[[resource.agency, resource.name, upstream]] if upstream else [],
        description=f"{resource.title}·{LAYER_TITLES[layer]}\n\n{resource.description or resource.business}",
        group_name=resource.agency,
        owners=[owner] if owner else [],
        tags={
            "layer": layer, "update_cycle": resource.update_cycle, "sharing": resource.sharing.class_,
            "opening": resource.opening.class_, "mode": resource.source.mode,
        },
        kinds={"delta", "polars"} | ({"great_expectations"} if layer == "cleansed" else set()),
        metadata={
            "dagster/column_schema": shown.column_schema(layer, resource, catalog),
            "catalogue_code": resource.code, "title": resource.title, "agency": catalog.agencies[resource.agency].name,
        },
        skippable=True,
        freshness_policy=freshness_of(resource, policy) if layer == "warehouse" else None,
    )  # fmt: skip


def freshness_of(resource: Resource, policy: PolicyPack) -> dg.FreshnessPolicy | None:
    """From the catalogue's update cycle and the policy pack's grace (Article 26); none for cycles without a due date.

    Dagster knows durations only, so it gets the longest that the calendar allows: it never alarms before ``supervision.timeliness``,
    which counts by the calendar and is the record.
    """
    gap = longest_gap(resource.update_cycle, policy)
    if gap is None:
        return None
    due, overdue = gap
    return dg.FreshnessPolicy.time_window(fail_window=overdue, warn_window=due if due < overdue else None)


def latest_results(district: District, resource: Resource) -> pl.DataFrame:
    """The results of the delivery judged last; empty when none ever was."""
    results = read(district.lake, "results", resource.id)
    if results.height == 0:
        return results
    last = results.sort("validated_at")["_delivery"][-1]
    newest = ledger.last_judged(district.store, resource.id) or last
    return results.filter(pl.col("_delivery") == newest)


def _materializations(district: District, resource: Resource, outcomes: list[Outcome]) -> Iterator[dg.MaterializeResult]:
    """One result per layer that this run wrote; a run without new deliveries yields none (the keys are skippable)."""
    if not outcomes:
        return
    written = [outcome for outcome in outcomes if outcome.counts.get("delivered")]
    done = [outcome for outcome in outcomes if outcome.state == "done"]
    told = shown.delivery_table([{"file": o.file, "state": o.state, "counts": o.counts, "why": o.why} for o in outcomes])
    totals = {name: sum(o.counts.get(name, 0) for o in outcomes) for name in shown.COUNT_TITLES}
    common: dict[str, Any] = {"deliveries": dg.MetadataValue.md(told), "engine": "、".join(dict.fromkeys(o.engine for o in outcomes))}
    if pages := [outcome.page for outcome in outcomes if outcome.page]:
        common["spark_ui"] = dg.MetadataValue.url(pages[-1])
    if written:
        yield _result(district, resource, "raw", {**common, "dagster/row_count": totals["delivered"]})
        yield _result(
            district, resource, "cleansed", {
                **common, "dagster/row_count": totals["delivered"], "cells_altered": totals["cells_altered"],
                "failing_rows_by_dimension": dg.MetadataValue.md(dimension_plot(district, resource)),
            }
        )  # fmt: skip
    if done:
        quarantine = read(district.lake, "quarantine", resource.id)
        yield _result(district, resource, "quarantine", {**common, "dagster/row_count": quarantine.height})
        yield _result(district, resource, "warehouse", {**common, **totals, "dagster/row_count": _rows(district, resource)})


def _rows(district: District, resource: Resource) -> int:
    return int(scan_table(district.lake, "warehouse", resource.id).select(pl.len()).collect().item())


def _result(district: District, resource: Resource, layer: str, metadata: dict[str, Any]) -> dg.MaterializeResult:
    table = scan_table(district.lake, layer, resource.id)
    upstream = UPSTREAM[layer]
    lineage = {"dagster/column_lineage": shown.column_lineage(layer, upstream, resource, district.catalog)} if upstream else {}
    preview = dg.MetadataValue.md(shown.preview(table.head(5).collect(), resource, district.catalog))
    return dg.MaterializeResult(
        asset_key=[resource.agency, resource.name, layer], metadata={**metadata, **lineage, "preview_masked": preview}
    )


def dimension_plot(district: District, resource: Resource) -> str:
    """Failing rows by dimension over the last deliveries, as Markdown."""
    recent = ledger.recent(district.store, resource.id, PLOTTED_DELIVERIES)
    labels = {d.id: (d.data_date or d.received_at.date()).strftime("%m-%d") + ("*" if d.mode == "correction" else "") for d in recent}
    results = read(district.lake, "results", resource.id, columns=["_delivery", "dimension", "failed"])
    return failing_rows_by_dimension(results, labels, title=f"{resource.title}：最近 {len(labels)} 次交付中不符合规则的行（* 更正交付）")

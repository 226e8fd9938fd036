"""The marts as assets: one per mart, grouped by library, all built by one step in dependency order; their checks and what a person sees."""

# no `from __future__ import annotations`: Dagster reads the annotation of ``context``
import base64
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from assets.checks import evaluations
from districtlake.catalog.marts import Mart
from districtlake.catalog.models import DIMENSION_TITLES, Catalog
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine
from districtlake.errors import DistrictLakeError
from districtlake.marts import record, table
from districtlake.marts.build import build_marts
from districtlake.marts.definition import circle_of, lineage_of, mart_schema, sensitivity_of, sources_of
from districtlake.marts.masking import masked
from districtlake.marts.record import Build, outcome_title
from districtlake.marts.rules import mart_rules
from districtlake.quality.results import results_frame

STEP = "build_marts"  # not the job's name: Dagster takes each name once
PREVIEWED, PLOTTED = 5, 24


class MartsConfig(dg.Config):
    """What the launchpad offers: by default only what changed is computed."""

    full: bool = Field(default=False, description="不论来源是否有变，全部重新计算")


def mart_key(mart: str) -> list[str]:
    """The asset key is the address: [library, mart]."""
    return mart.split(".", 1)


def mart_assets(catalog: Catalog) -> dg.AssetsDefinition:
    """All marts of the catalogue as one step that can be run for any of them."""

    @dg.multi_asset(
        name=STEP,
        specs=[_spec(mart, catalog) for mart in catalog.marts.values()],
        check_specs=[spec for mart in catalog.marts.values() for spec in _check_specs(mart)],
        can_subset=True,
        pool="marts",
    )
    def marts(
        context: dg.AssetExecutionContext,
        config: MartsConfig,
        district: dg.ResourceParam[District],
        engine: dg.ResourceParam[Engine],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        chosen = {".".join(key.path) for key in context.selected_asset_keys}
        asked = {(".".join(check.asset_key.path), check.name) for check in context.selected_asset_check_keys}
        builds = build_marts(
            district, engine.validator, chosen, full=config.full, run=context.run_id, tell=context.log.info,
            on_build=lambda build: context.log.info(_line(build)),
        )  # fmt: skip
        for build in builds:
            mart = district.catalog.marts[build.mart]
            if build.outcome in record.GOOD:
                yield dg.MaterializeResult(asset_key=mart_key(mart.id), metadata=_metadata(district, mart, build))
            yield from (check for check in _evaluations(district, mart, build) if (mart.id, str(check.check_name)) in asked)
        if failed := [build for build in builds if build.outcome in ("failed", "blocked")]:
            first = next(build for build in failed if build.outcome == "failed")
            raise dg.Failure(
                description=f"{district.catalog.marts[first.mart].title}：{first.reason}",
                metadata={"not_built": dg.MetadataValue.md("\n".join(f"- {build.mart}: {build.reason}" for build in failed))},
                allow_retries=False,
            )

    return marts


def _line(build: Build) -> str:
    counts = f"{build.rows} rows, +{build.inserted} ~{build.updated} -{build.deleted}"
    return f"{build.mart}: {build.outcome} {build.mode} {counts} {build.seconds} s {build.reason}".rstrip()


def _spec(mart: Mart, catalog: Catalog) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=mart_key(mart.id),
        deps=[_dep(source, catalog) for source in _sources(mart, catalog) if not source.startswith("system.")],
        description=f"{mart.title}\n\n{mart.description}\n\n```sql\n{mart.sql.strip()}\n```",
        group_name=mart.library,
        owners=[mart.owner],
        tags={"layer": "mart", "library": mart.library, "incremental": "yes" if mart.incremental else "no"},
        kinds={"duckdb", "delta"},
        metadata={
            "dagster/column_schema": _column_schema(mart, catalog), "title": mart.title, "library": catalog.libraries[mart.library].name,
        },
        skippable=True,
    )  # fmt: skip


def _dep(source: str, catalog: Catalog) -> list[str]:
    return mart_key(source) if source in catalog.marts else [*source.split(".", 1), "warehouse"]


def _sources(mart: Mart, catalog: Catalog) -> tuple[str, ...]:
    if circle_of(mart, catalog.marts):  # Dagster would refuse the whole graph
        return ()
    try:
        return sources_of(mart)
    except DistrictLakeError:  # the mart then fails when it is built, and says why
        return ()


def _column_schema(mart: Mart, catalog: Catalog) -> dg.TableSchema:
    types = mart_schema(mart, catalog)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(types[column.name]),
                description=column.title + (f"（{column.description}）" if column.description else ""),
                constraints=dg.TableColumnConstraints(nullable=column.name not in mart.key, unique=mart.key == (column.name,)),
                tags={"sensitivity": sensitivity_of(column, catalog)},
            )
            for column in mart.columns
        ]
    )


# checks ------------------------------------------------------------------------------------------------------------
def _dimensions(mart: Mart) -> list[str]:
    used = {rule.dimension for rule in mart_rules(mart)}
    return [dimension for dimension in DIMENSION_TITLES if dimension in used]


def _check_specs(mart: Mart) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            name=dimension, asset=mart_key(mart.id),
            description=f"{DIMENSION_TITLES[dimension]}：" + "；".join(rule.title for rule in mart_rules(mart) if rule.dimension == dimension),
        )
        for dimension in _dimensions(mart)
    ]  # fmt: skip


def _evaluations(district: District, mart: Mart, build: Build) -> Sequence[dg.AssetCheckResult]:
    if build.results and build.finished_at is not None:
        results = results_frame(build.results, build.id, build.finished_at)
    else:
        results = record.latest_results(district.lake, mart.id)
    return evaluations(mart_key(mart.id), _dimensions(mart), results)


# what a person sees ------------------------------------------------------------------------------------------------
def _metadata(district: District, mart: Mart, build: Build) -> dict[str, Any]:
    lineage = {
        column: [dg.TableColumnDep(asset_key=dg.AssetKey(_dep(source, district.catalog)), column_name=name) for source, name in origins
                 if not source.startswith("system.")]
        for column, origins in lineage_of(mart, district.catalog).items()
    }  # fmt: skip
    shown: dict[str, Any] = {
        "dagster/row_count": build.rows, "inserted": build.inserted, "updated": build.updated, "deleted": build.deleted,
        "outcome": outcome_title(build.outcome, build.version), "mode": build.mode, "delta_version": build.version, "seconds": build.seconds,
        "inputs": dg.MetadataValue.md(_input_table(build)), "definition": build.definition,
        "dagster/column_lineage": dg.TableColumnLineage({column: deps for column, deps in lineage.items() if deps}),
        "preview_masked": dg.MetadataValue.md(preview(district, mart)), "rows_by_build": dg.MetadataValue.md(rows_plot(district, mart, build)),
    }  # fmt: skip
    if build.stale_sources:
        shown["stale_sources"] = dg.MetadataValue.json(dict(build.stale_sources))
    if build.reason:
        shown["why_full"] = build.reason
    return shown


def _input_table(build: Build) -> str:
    lines = ["| 来源 | 版本 | |", "|---|---|---|"]
    for source, version in build.inputs.items():
        stale = build.stale_sources.get(source, "")
        lines.append(f"| `{source}` | {'未归集' if version == 'absent' else version} | {f'**{stale}**' if stale else ''} |")
    return "\n".join(lines)


def preview(district: District, mart: Mart, rows: int = PREVIEWED) -> str:
    """The first rows as a Markdown table, every column masked by its sensitivity."""
    head = table.scan_mart(district.lake, mart.id).head(rows).collect()
    shown = masked(head, mart, district.catalog)
    lines = ["| " + " | ".join(column.title for column in mart.columns) + " |", "|" + "---|" * len(mart.columns)]
    for index in range(head.height):
        cells = ["" if cell is None else str(cell).replace("|", "\\|") for cell in shown.row(index)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def rows_plot(district: District, mart: Mart, build: Build) -> str:
    """Rows after each of the last builds as bars: an SVG made by hand, since a plotting library costs more than the build."""
    past = record.builds(district.lake).filter((pl.col("mart") == mart.id) & pl.col("outcome").is_in(record.GOOD))
    points = [(row["finished_at"], row["rows"]) for row in past.tail(PLOTTED).iter_rows(named=True)]
    if build.finished_at is not None and (not points or points[-1][0] != build.finished_at):
        points = [*points, (build.finished_at, build.rows)][-PLOTTED:]
    top = max([rows for _, rows in points] + [1])
    width, height, gap = 640, 150, 4
    bar = min((width - 60) / max(len(points), 1) - gap, 40.0)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + 34}" font-family="sans-serif" font-size="11">']
    for index, (at, rows) in enumerate(points):
        tall = (height - 16) * rows / top
        left = 8 + index * (bar + gap)
        parts.append(f'<rect x="{left:.1f}" y="{height - tall:.1f}" width="{bar:.1f}" height="{tall:.1f}" fill="#0072B2"/>')
        parts.append(f'<text x="{left + bar / 2:.1f}" y="{height - tall - 3:.1f}" text-anchor="middle">{rows:,}</text>')
        parts.append(f'<text x="{left + bar / 2:.1f}" y="{height + 14}" text-anchor="middle">{at:%m-%d}</text>')
    parts.append(f'<text x="8" y="{height + 30}">{mart.title}：最近 {len(points)} 次生成后的行数</text></svg>')
    return f"![{mart.title}](data:image/svg+xml;base64,{base64.b64encode(''.join(parts).encode()).decode()})"

"""What a person sees of an asset in the UI: columns, lineage, counts, masked rows."""

from collections.abc import Mapping

import dagster as dg
import polars as pl

from districtlake.catalog.masking import mask_item
from districtlake.catalog.models import Catalog, Resource
from districtlake.warehouse.tables import key_columns, schema_of

COUNT_TITLES = {
    "delivered": "交付行数", "inserted": "新增", "changed": "变更", "unchanged": "未变", "duplicates": "完全重复",
    "deletions": "删除操作", "superseded": "被后续操作取代",
    "quarantined": "隔离", "held": "暂停", "deleted": "消失", "deletions_deferred": "暂缓删除", "cells_altered": "清洗单元格",
}  # fmt: skip


def column_schema(layer: str, resource: Resource, catalog: Catalog) -> dg.TableSchema:
    """Columns of a layer's table with their types, titles, keys and sensitivity."""
    items = {item.name: item for item in resource.items}
    keys = set(key_columns(resource))
    columns = []
    for name, dtype in schema_of(layer, resource, catalog).items():
        item = items.get(name)
        tags = {"sensitivity": catalog.sensitivity_of(item)} if item else {}
        columns.append(
            dg.TableColumn(
                name=name,
                type=str(dtype),
                description=f"{item.title}（{catalog.element_of(item).definition}）" if item else None,
                constraints=dg.TableColumnConstraints(
                    nullable=not (item and item.required), unique=layer == "warehouse" and {name} == keys
                ),
                tags=tags,
            )
        )
    return dg.TableSchema(columns=columns)


def column_lineage(layer: str, upstream: str, resource: Resource, catalog: Catalog) -> dg.TableColumnLineage:
    """Each item's column comes from the same item's column one layer up."""
    names = [name for name in schema_of(layer, resource, catalog) if name in resource.item_names]
    key = dg.AssetKey([resource.agency, resource.name, upstream])
    return dg.TableColumnLineage({name: [dg.TableColumnDep(asset_key=key, column_name=name)] for name in names})


def preview(frame: pl.DataFrame, resource: Resource, catalog: Catalog, rows: int = 5) -> str:
    """The first rows as a Markdown table, every item masked by its sensitivity."""
    names = [name for name in resource.item_names if name in frame.columns]
    head = frame.head(rows).select(names)
    masked = {name: mask_item(head[name].cast(pl.String), resource.item(name), catalog) for name in names}
    lines = [
        "| " + " | ".join(resource.item(name).title for name in names) + " |",
        "|" + "---|" * len(names),
    ]
    for index in range(head.height):
        cells = ["" if masked[name][index] is None else str(masked[name][index]).replace("|", "\\|") for name in names]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def delivery_table(outcomes: list[Mapping[str, object]]) -> str:
    """The deliveries of a run as a Markdown table: file, state, counts, and why it was held."""
    words = {"done": "已入仓", "held": "**暂停**", "failed": "**失败**"}
    names = ["delivered", "inserted", "changed", "unchanged", "duplicates", "quarantined", "held", "deleted"]
    lines = ["| 文件 | 状态 | " + " | ".join(COUNT_TITLES[name] for name in names) + " | 说明 |", "|" + "---|" * (len(names) + 3)]
    for outcome in outcomes:
        counts = outcome["counts"]
        assert isinstance(counts, Mapping)
        cells = [str(counts.get(name, "")) for name in names]
        lines.append(f"| {outcome['file']} | {words[str(outcome['state'])]} | " + " | ".join(cells) + f" | {outcome['why']} |")
    return "\n".join(lines)

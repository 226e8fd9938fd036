"""``districtlake tables | show | history``: what the warehouse holds, held, and how a number came about."""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
import typer
from rich.console import Console

from districtlake.cli.columns import chosen, fitting, telling
from districtlake.cli.options import AsOf, Json, Limit
from districtlake.cli.output import console, show_json, show_rows
from districtlake.errors import OperationRefused

WIDEST = 2000
"""Cells of a line under ``--wide``: for a pipe, or a terminal that scrolls sideways (``less -S``)."""
_PLACE = {
    "_delivery": "交付", "_file": "文件", "_sheet": "工作表", "_row": "行", "_extra": "目录外的列", "key": "主键", "rules": "规则", "reasons": "原因",
    "_stale": "陈旧", "_valid_from": "生效", "_valid_to": "失效",
}  # fmt: skip


def tables(as_json: Json = False) -> None:
    """列出数据仓的表：现有行、陈旧行、历史版本、隔离行、Delta 版本。

    例：districtlake tables
    """
    from districtlake.delivery.district import open_district
    from districtlake.nights.tables_now import table_rows

    columns = {
        "resource": "表",
        "title": "名称",
        "rows": "现有行",
        "stale": "其中陈旧",
        "history": "历史版本",
        "quarantine": "隔离中",
        "version": "版本",
    }
    show_rows(table_rows(open_district()), columns, as_json=as_json, empty="还没有表。运行 make nightly。")


def show(
    resource: Annotated[str, typer.Argument(help="资源，如 market_regulation.business_entities")],
    layer: Annotated[str, typer.Option("--layer", help="warehouse history quarantine cleansed raw changes results problems")] = "warehouse",
    as_of: AsOf = None,
    limit: Limit = 20,
    columns: Annotated[str | None, typer.Option("--columns", help="只显示这些列，用逗号分隔：列名或数据项名称")] = None,
    wide: Annotated[bool, typer.Option("--wide", help="显示全部列，即使比终端宽")] = False,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="显示原值（记入审计）")] = False,
    as_json: Json = False,
) -> None:
    """显示一张表的若干行；敏感项默认脱敏。放不下的列不显示，并说明有哪些。

    例：districtlake show education_bureau.universities --as-of 2020-01-01
    例：districtlake show market_regulation.business_entities --layer quarantine --columns key,reasons
    """
    from districtlake.analysis.ask import moment
    from districtlake.delivery.district import open_district
    from districtlake.warehouse import history as past
    from districtlake.warehouse.tables import LAYERS

    district = open_district()
    entry = district.resource(resource)
    if layer not in LAYERS:
        raise OperationRefused(f"There is no layer {layer}.", hint=f"Layers are: {', '.join(LAYERS)}.")
    instant = moment(as_of)
    if instant is not None and layer != "warehouse":
        raise OperationRefused("--as-of goes with the warehouse layer.", hint="Leave --layer out.")
    frame = past.as_of(district.lake, entry, instant) if instant else past.scan(district.lake, layer, resource)
    total = int(frame.select(pl.len()).collect().item())
    rows = _presentable(frame.head(limit).collect(), entry, district, unmasked, f"show {resource} {layer}")
    titles = {item.name: item.title for item in entry.items}
    titles = {**_PLACE, **titles}
    headings = {name: titles.get(name, name) for name in (rows[0] if rows else {})}
    if columns is not None and rows:
        picked = chosen(columns, list(headings), titles)
    else:
        picked = list(headings) if wide or as_json else fitting(rows, headings, console.width, telling(layer, entry.key, rows))
    if as_json:
        show_rows([{name: row[name] for name in picked} for row in rows], {}, as_json=True)
        return
    wanted = Console(highlight=False, width=WIDEST) if wide else console
    show_rows(rows, {name: headings[name] for name in picked}, as_json=False, empty="没有行。", to=wanted)
    console.print(f"共 {total:,} 行，显示 {len(rows)} 行。")
    if (left := [headings[name] for name in headings if name not in picked]) and columns is None:
        console.print(f"未显示 {len(left)} 列：{'、'.join(left)}。全部：--wide；选择：--columns 列,列。", soft_wrap=True, markup=False)


def history(
    resource: Annotated[str, typer.Argument(help="资源")],
    key: Annotated[str | None, typer.Argument(help="主键；多个部分用 | 连接")] = None,
    delivery: Annotated[str | None, typer.Option("--delivery", help="这个交付改变了什么")] = None,
    changed: Annotated[str | None, typer.Option("--changed", help="与 --delivery 同用：只看改变了这个数据项的行")] = None,
    limit: Limit = 20,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="显示原值（记入审计）")] = False,
    as_json: Json = False,
) -> None:
    """历史：一行的全部版本，或各次交付新增、变更、消失了多少，或一次交付改变了什么。

    例：districtlake history education_bureau.universities
    例：districtlake history education_bureau.universities 4111010001
    例：districtlake history education_bureau.universities --delivery universities-2025 --changed name
    """
    from districtlake.delivery import ledger
    from districtlake.delivery.district import open_district
    from districtlake.warehouse import history as past

    district = open_district()
    entry = district.resource(resource)
    titles = {item.name: item.title for item in entry.items}
    if key is not None:
        rows = _presentable(past.of_key(district.lake, entry, key), entry, district, unmasked, f"history {resource}")
        show_rows(rows, {name: titles.get(name, name) for name in (rows[0] if rows else {})}, as_json=as_json, empty="没有这个主键的版本。")
        return
    if delivery is not None:
        found = ledger.get(district.store, delivery)
        parts = past.changed_by(district.lake, entry, found.id)
        _show_changes(parts, entry, district, changed, limit, unmasked, as_json)
        return
    rows = _per_delivery(district, entry, past)
    columns = {"delivery": "交付", "file": "文件", "data_date": "数据日期", "inserted": "新增", "changed": "变更", "deleted": "消失",
               "changed_items": "变更的数据项"}  # fmt: skip
    show_rows(rows, columns, as_json=as_json, empty="没有交付入仓。")


def _per_delivery(district: Any, entry: Any, past: Any) -> list[dict[str, Any]]:
    from districtlake.delivery import ledger

    rows = []
    previous: str | None = None
    for delivery in ledger.recent(district.store, entry.id, 1000):
        if delivery.state != "done":
            continue
        parts = past.changed_by(district.lake, entry, delivery.id)
        counts = _changed_items(parts["changed"], entry)
        raw = past.differences_as_delivered(district.lake, entry, previous, delivery.id) if previous and entry.key else {}
        items = [
            f"{entry.item(name).title} {count}" + (f"（按原文 {raw[name]}）" if raw.get(name, count) != count else "")
            for name, count in counts.items()
            if count
        ]
        previous = delivery.id if delivery.mode == "snapshot" else previous
        rows.append(
            {
                "delivery": delivery.id, "file": delivery.file_name, "data_date": delivery.data_date,
                "inserted": parts["inserted"].height, "changed": parts["changed"].height, "deleted": parts["deleted"].height,
                "changed_items": "、".join(items), "changed_by_item": counts, "changed_by_item_as_delivered": raw,
            }
        )  # fmt: skip
    return rows


def _changed_items(changed: pl.DataFrame, entry: Any) -> dict[str, int]:
    names = [name for name in entry.item_names if f"{name}__after" in changed.columns]
    if not changed.height:
        return dict.fromkeys(names, 0)
    counts = changed.select(pl.col(name).ne_missing(pl.col(f"{name}__after")).sum().alias(name) for name in names)
    return {name: int(value) for name, value in counts.row(0, named=True).items()}


def _show_changes(
    parts: dict[str, pl.DataFrame], entry: Any, district: Any, only: str | None, limit: int, unmasked: bool, as_json: bool
) -> None:
    counts = _changed_items(parts["changed"], entry)
    changed = parts["changed"]
    if only is not None:
        if only not in counts:
            raise OperationRefused(f"{only} is no item that can change.", hint=f"Items are: {', '.join(counts)}.")
        changed = changed.filter(pl.col(only).ne_missing(pl.col(f"{only}__after")))
    lines: list[dict[str, Any]] = []
    before = _presentable(changed.select([n for n in changed.columns if not n.endswith("__after")]), entry, district, unmasked, "history")
    after_frame = changed.select(
        [
            pl.col(f"{n}__after").alias(n) if f"{n}__after" in changed.columns else pl.col(n)
            for n in entry.item_names
            if n in changed.columns
        ]
    )
    after = _presentable(after_frame, entry, district, unmasked, "history")
    for old, new in zip(before, after, strict=True):
        for name in [only] if only else list(counts):
            if name in old and old[name] != new[name]:
                lines.append(
                    {
                        "key": "|".join(str(new[k]) for k in entry.key),
                        "item": entry.item(name).title,
                        "before": old[name],
                        "after": new[name],
                    }
                )
    summary = {"inserted": parts["inserted"].height, "changed": parts["changed"].height, "deleted": parts["deleted"].height,
               "changed_by_item": counts}  # fmt: skip
    if as_json:
        show_json({**summary, "changes": lines})
        return
    listed = "、".join(f"{entry.item(name).title} {count}" for name, count in counts.items() if count)
    console.print(f"新增 {summary['inserted']}，变更 {summary['changed']}（{listed or '无'}），消失 {summary['deleted']}")
    show_rows(lines[:limit], {"key": "主键", "item": "数据项", "before": "原值", "after": "新值"}, as_json=False, empty="没有变更的行。")


def _presentable(frame: pl.DataFrame, entry: Any, district: Any, unmasked: bool, what: str) -> list[dict[str, Any]]:
    from districtlake.analysis.samples import masked
    from districtlake.store.tables import AuditEvent

    if not unmasked:
        return masked(frame, entry, district.catalog).to_dicts()
    with district.store.session() as session:
        session.add(
            AuditEvent(
                at=district.clock.now(), actor=district.settings.actor, action="rows.read_unmasked", object_kind="resource",
                object_id=entry.id, reason="", data={"what": what, "rows": frame.height},
            )
        )  # fmt: skip
    return frame.to_dicts()

"""``districtlake catalog``: is the catalogue right, and what does it say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from districtlake.cli.options import Json
from districtlake.cli.output import console, show_json, show_rows

app = typer.Typer(help="目录：检查、列出、查看一个资源。", no_args_is_help=True)


@app.command("check")
def check(as_json: Json = False) -> None:
    """检查目录：每个问题都指出文件、键和改法。有错误时退出码为 1。

    例：districtlake catalog check
    """
    from districtlake.catalog.check import check_catalog, in_order
    from districtlake.catalog.load import read_catalog
    from districtlake.comparison.check import check_comparisons
    from districtlake.marts.check import check_marts
    from districtlake.quality.check import check_own_expectations
    from districtlake.settings import Settings

    dirs = Settings.from_environment().catalog_dirs
    loaded = read_catalog(dirs)
    findings = in_order([*check_catalog(dirs), *check_own_expectations(loaded), *check_marts(loaded), *check_comparisons(loaded)])
    wrong = [finding for finding in findings if finding.level == "error"]
    rows = [{"level": f.level, "file": f.file, "key": f.key, "problem": f.problem, "remedy": f.remedy} for f in findings]
    if as_json:
        show_json({"ok": not wrong, "findings": rows})
    elif not rows:
        console.print("目录没有问题。")
    else:
        for row in rows:
            colour = "red" if row["level"] == "error" else "yellow"
            place = escape(f"{row['file']}: {row['key']}: {row['problem']}")  # items[name] is no markup
            console.print(f"[bold {colour}]{row['level']}[/] {place}", markup=True, soft_wrap=True)
            console.print(f"  处理：{row['remedy']}", markup=False, soft_wrap=True)
        console.print(f"{len(wrong)} 个错误，{len(rows) - len(wrong)} 个警告。")
    if wrong:
        raise typer.Exit(1)


@app.command("duplicates")
def list_duplicates(
    as_csv: Annotated[Path | None, typer.Option("--csv", help="同时写成 CSV 文件（UTF-8，带 BOM，可用 Excel 打开）")] = None,
    as_json: Json = False,
) -> None:
    """重复采集报告：哪些数据项可通过共享从权威来源取得，却又采集了一遍（第十条第四款、第十二条）。

    例：districtlake catalog duplicates --csv 重复采集.csv
    """
    import csv

    from districtlake.catalog.duplicates import duplicates
    from districtlake.catalog.load import load_catalog
    from districtlake.settings import Settings

    catalog = load_catalog(Settings.from_environment().catalog_dirs)
    rows = []
    for one in duplicates(catalog):
        collector, source = catalog.resources[one.resource], catalog.resources[one.source]
        advice = "为比对保留" if one.evidence else "保留作比对依据，或改为引用权威来源" if one.compared else "停止采集，改为引用权威来源"
        rows.append(
            {
                "agency": catalog.agencies[collector.agency].name, "resource": one.resource, "title": collector.title, "item": one.item,
                "item_title": one.title, "authority_agency": catalog.agencies[source.agency].name, "authority": one.source,
                "authority_item": one.source_item, "why": {"declared": "一数一源表", "structure": "资源结构"}[one.why],
                "compared": "、".join(one.compared), "evidence": one.evidence, "advice": advice,
            }
        )  # fmt: skip
    headings = {"agency": "采集单位", "title": "资源", "item_title": "数据项", "authority_agency": "权威单位", "authority": "权威来源", "why": "依据",
                "compared": "用于比对", "advice": "建议"}  # fmt: skip
    if as_csv is not None:
        with as_csv.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, headings, extrasaction="ignore")
            writer.writerow(headings)
            writer.writerows(rows)
    show_rows(rows, headings, as_json=as_json, empty="没有重复采集。")
    if not as_json:
        wrong = sum(not row["evidence"] for row in rows)
        console.print(f"重复采集 {wrong} 项，另有为比对保留 {len(rows) - wrong} 项。" + (f" 已写入 {as_csv}。" if as_csv else ""))


@app.command("list")
def list_resources(as_json: Json = False) -> None:
    """列出全部资源：编码、名称、提供单位、更新周期、共享与开放属性、规则数。

    例：districtlake catalog list
    """
    from districtlake.catalog.load import load_catalog
    from districtlake.quality.derive import rules_of
    from districtlake.settings import Settings

    catalog = load_catalog(Settings.from_environment().catalog_dirs)
    rows = [
        {
            "id": r.id, "code": r.code, "title": r.title, "agency": catalog.agencies[r.agency].name, "update_cycle": r.update_cycle,
            "sharing": r.sharing.class_, "opening": r.opening.class_, "mode": r.source.mode, "items": len(r.items),
            "rules": len(rules_of(r, catalog)),
        }
        for r in sorted(catalog.resources.values(), key=lambda r: r.id)
    ]  # fmt: skip
    columns = {"id": "资源", "code": "编码", "title": "名称", "agency": "提供单位", "update_cycle": "更新周期", "sharing": "共享", "opening": "开放",
               "mode": "方式", "items": "数据项", "rules": "规则"}  # fmt: skip
    show_rows(rows, columns, as_json=as_json)


@app.command("show")
def show(resource: Annotated[str, typer.Argument(help="资源")], as_json: Json = False) -> None:
    """一个资源的数据项和规则。

    例：districtlake catalog show market_regulation.business_entities
    """
    from districtlake.catalog.load import load_catalog
    from districtlake.errors import NotFound
    from districtlake.quality.derive import rules_of
    from districtlake.settings import Settings

    catalog = load_catalog(Settings.from_environment().catalog_dirs)
    if resource not in catalog.resources:
        raise NotFound(f"There is no resource {resource}.", hint=f"Resources are: {', '.join(sorted(catalog.resources))}.")
    entry = catalog.resources[resource]
    rules = rules_of(entry, catalog)
    if as_json:
        show_json(
            {
                **entry.model_dump(mode="json", by_alias=True),
                "rules": [{"id": r.id, "title": r.title, "expectation": r.expectation, "dimension": r.dimension, "severity": r.severity,
                           "on_failure": r.on_failure, "version": r.version} for r in rules],
            }
        )  # fmt: skip
        return
    items = [
        {"name": i.name, "title": i.title, "element": i.element, "kind": catalog.element_of(i).kind, "required": i.required,
         "sensitivity": catalog.sensitivity_of(i), "key": i.name in entry.key}
        for i in entry.items
    ]  # fmt: skip
    show_rows(items, {"name": "数据项", "title": "名称", "element": "数据元", "kind": "类型", "required": "必填", "key": "主键",
                      "sensitivity": "敏感级别"}, as_json=False, title=f"{entry.title} {entry.code}")  # fmt: skip
    listed = [{"id": r.id, "title": r.title, "dimension": r.dimension, "severity": r.severity, "on_failure": r.on_failure} for r in rules]
    show_rows(listed, {"id": "规则", "title": "说明", "dimension": "维度", "severity": "严重程度", "on_failure": "后果"}, as_json=False)

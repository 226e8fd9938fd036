"""``districtlake catalog``: is the catalogue right, and what does it say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.markup import escape

from districtlake.cli.options import Json, Yes
from districtlake.cli.output import console, errors, show_json, show_rows

app = typer.Typer(help="目录：检查、列出、查看一个资源，由文件起草新条目。", no_args_is_help=True)


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


@app.command("cleansing")
def list_cleansing(
    element: Annotated[str | None, typer.Argument(help="数据元，如 citizen_id；不写则全部")] = None, as_json: Json = False
) -> None:
    """数据元的清洗规则，按执行的先后：规则、版本、说明，以及是数据元自己声明的还是类型缺省的。

    例：districtlake catalog cleansing person_name
    """
    from districtlake.catalog.load import load_catalog
    from districtlake.errors import NotFound
    from districtlake.settings import Settings
    from districtlake.standards.kinds import KINDS

    elements = load_catalog(Settings.from_environment().catalog_dirs).elements
    if element is not None and element not in elements:
        raise NotFound.of("element.none", element=element)
    rows = [
        {"element": one.id, "name": one.name, "kind": one.kind, "order": order, "rule": repair.id, "version": repair.version, "title": repair.title,
         "declared": one.cleansing is not None}
        for one in elements.values() if element in (None, one.id)
        for order, repair in enumerate(KINDS[one.kind].repairs_of(one), 1)
    ]  # fmt: skip
    if as_json:
        show_json(rows)
        return
    shown = [{**row, "declared": "数据元" if row["declared"] else "类型"} for row in rows]
    show_rows(shown, {"element": "数据元", "name": "名称", "kind": "类型", "order": "次序", "rule": "规则", "version": "版本", "title": "说明",
                      "declared": "声明于"}, as_json=False)  # fmt: skip


@app.command("draft")
def draft_entry(
    paths: Annotated[list[Path], typer.Argument(help="同一资源的文件或文件夹；份数越多依据越足")],
    agency: Annotated[str, typer.Option("--agency", help="提供单位，如 market_regulation")],
    name: Annotated[str | None, typer.Option("--name", help="资源的英文标识；缺省由文件名推出")] = None,
    title: Annotated[str | None, typer.Option("--title", help="资源的中文名称；缺省取文件名")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="写入这个目录文件夹（如 catalog）；缺省只显示")] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="只看一个工作表：名称，或从 0 数的序号")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """由文件起草一个目录条目：数据项、数据元、主键、代码表、范围、格式、列间关系，每项附依据；草案可直接加载和运行。

    例：districtlake catalog draft 出租汽车_202603*.csv --agency transport_bureau --to catalog
    """
    from districtlake.clock import local_date
    from districtlake.delivery.district import open_district
    from districtlake.drafting.draft import draft
    from districtlake.drafting.entry import existing, files_of, tried, write
    from districtlake.errors import NotFound, OperationRefused
    from districtlake.ingestion.limits import Limits
    from districtlake.inspection.inspect import files_below
    from districtlake.quality.validation import ReferenceUnreadable

    for path in paths:
        if not path.exists():
            raise NotFound(f"There is no file or folder {path}.", hint="Check the path; quote names that hold blanks.")
    files = [file for path in paths for file in (files_below(path) if path.is_dir() else [path])]
    if not files:
        raise NotFound(f"{paths[0]} holds no files.", hint="Name a folder with files, or a file.")
    district = open_district()
    limits = Limits.of(district.settings)

    def values(resource: str, item: str) -> pl.Series | None:
        try:
            return district.reference_values(resource, item)
        except ReferenceUnreadable:
            return None

    drafted = draft(
        files, agency, district.catalog, local_date(district.clock.now()), limits=limits, values=values, name=name, title=title, sheet=sheet,
        progress=lambda at, of, file: errors.print(f"{at}/{of} {file}", style="dim", markup=False),
    )  # fmt: skip
    _, read = tried(drafted, district.settings.catalog_dirs, limits)
    texts = files_of(drafted)
    trial = [{"file": one.file, "rows": one.rows, "missing": list(one.missing), "error": one.error} for one in read]
    if as_json:
        show_json({"resource": drafted.id, "files": texts, "read": trial, "remarks": drafted.remarks})
    elif to is None:
        for relative, text in texts.items():
            console.print(f"# ---- {relative}", markup=False, soft_wrap=True)
            console.print(text, markup=False, soft_wrap=True)
    for remark in drafted.remarks:
        errors.print(f"注意：{remark}", style="yellow", markup=False)
    for one in read:
        lacking = f"，缺列 {'、'.join(one.missing)}" if one.missing else ""
        errors.print(f"试读 {one.file}：{one.error or f'{one.rows:,} 行{lacking}'}", markup=False)
    if to is None:
        return
    there = existing(drafted, to)
    if there and not yes:
        listed = "、".join(str(path) for path in there)
        if as_json or not typer.confirm(f"{listed} 已存在，覆盖吗？"):
            raise OperationRefused(f"Nothing was written: {listed} is there already.", hint="Choose another --name, or say --yes.")
    for path in write(drafted, to):
        errors.print(f"已写入 {path}", markup=False)
    errors.print(f"下一步：填写“待填”，然后 districtlake catalog check；districtlake catalog show {drafted.id}", markup=False)

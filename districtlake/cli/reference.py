"""``districtlake reference``: code lists, their versions, and importing a new one with its difference first."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from districtlake.cli.options import Json, Yes
from districtlake.cli.output import console, show_json, show_rows
from districtlake.errors import NotFound, OperationRefused

app = typer.Typer(help="代码表：列出、查看、导入新版本（先显示差异）、退回上一版本。", no_args_is_help=True)
ListId = Annotated[str, typer.Argument(help="代码表，如 gb_t_2261_1")]
_FIELDS = {"name": "名称", "source": "来源", "valid_from": "生效日期", "valid_to": "失效日期", "partial": "不完整"}


@app.command("list")
def list_lists(as_json: Json = False) -> None:
    """列出全部代码表：名称、版本、生效日期、代码数、使用它的资源数。

    例：districtlake reference list
    """
    from districtlake.catalog.code_list_versions import earlier_of
    from districtlake.catalog.load import load_catalog
    from districtlake.settings import Settings

    dirs = Settings.from_environment().catalog_dirs
    catalog = load_catalog(dirs)
    lists = _lists(catalog)
    rows = [
        {"id": one.id, "name": one.name, "version": one.version, "valid_from": one.valid_from, "codes": len(one.codes),
         "users": len(_users(catalog, one.id)), "earlier": len(earlier_of(one.id, dirs)), "source": one.source or "（不完整）"}
        for one in sorted(lists.values(), key=lambda one: one.id)
    ]  # fmt: skip
    columns = {"id": "代码表", "name": "名称", "version": "版本", "valid_from": "生效", "codes": "代码", "users": "使用资源", "earlier": "旧版本",
               "source": "来源"}  # fmt: skip
    show_rows(rows, columns, as_json=as_json)


@app.command("show")
def show(
    name: ListId,
    on: Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="某日有效的版本；缺省为最新版本")] = None,
    as_json: Json = False,
) -> None:
    """一个代码表的代码、曾有的版本和使用它的资源。

    例：districtlake reference show gb_t_2261_1 --on 2020-01-01
    """
    from districtlake.catalog.code_list_versions import earlier_of, read_list
    from districtlake.catalog.load import load_catalog
    from districtlake.settings import Settings

    dirs = Settings.from_environment().catalog_dirs
    catalog = load_catalog(dirs)
    lists = _lists(catalog)
    if name not in lists:
        raise NotFound(f"There is no code list {name}.", hint="See: districtlake reference list.")
    one = lists[name] if on is None else lists[name].on(on.date())
    earlier = [
        {"version": old.version, "valid_from": old.valid_from, "codes": len(old.codes)} for old in (read_list(path, name) for path in earlier_of(name, dirs))
    ]  # fmt: skip
    users = _users(catalog, name)
    if as_json:
        show_json({**one.model_dump(mode="json"), "earlier": earlier, "users": users})
        return
    rows = [{"code": code, "name": label} for code, label in one.codes.items()]
    show_rows(rows, {"code": "代码", "name": "名称"}, as_json=False, title=f"{one.name} 版本 {one.version} {one.source or ''}")
    for old in earlier:
        console.print(f"旧版本 {old['version']}：生效 {old['valid_from'] or '未注明'}，{old['codes']} 个代码", markup=False)
    console.print(f"使用它的资源：{'、'.join(users) or '无'}", markup=False, soft_wrap=True)


@app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="新版本：目录格式的 YAML，或含“代码”“名称”两列的表（CSV、Excel 等）")],
    list_id: Annotated[str, typer.Option("--list", help="代码表，如 gb_t_2261_1；没有的须同时给出 --name 和 --source")],
    version: Annotated[str | None, typer.Option("--version", help="版本号；缺省加一")] = None,
    valid_from: Annotated[
        datetime | None,
        typer.Option("--valid-from", formats=["%Y-%m-%d"], help="生效日期，可以是将来；缺省为今天。数据日期在此之前的交付仍按旧版本"),
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="来源，如标准号；缺省不变")] = None,
    name: Annotated[str | None, typer.Option("--name", help="名称；缺省不变")] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="工作表：名称，或从 0 数的序号")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="文件只列一部分：其中没有的代码保留")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """导入代码表的新版本：先显示新增、删除、改名和受影响的资源，确认后生效；旧版本保留。

    例：districtlake reference import 行业代码2027.xlsx --list gb_t_4754 --valid-from 2027-01-01 --source "GB/T 4754-2027"
    """
    import re

    from districtlake.catalog.code_list_versions import apply, built_in, difference, next_version
    from districtlake.catalog.models import DIVISIONS
    from districtlake.clock import local_date
    from districtlake.delivery.district import open_district
    from districtlake.ingestion.limits import Limits
    from districtlake.inspection.codes import codes_of
    from districtlake.standards.division_code import fault_of_code

    if not file.is_file():
        raise NotFound(f"There is no file {file}.", hint="Check the path.")
    if not re.fullmatch("[a-z][a-z0-9_]*", list_id):
        raise OperationRefused(f"'{list_id}' is no identifier.", hint="Write small letters, digits and underscores, a letter first.")
    district = open_district()
    dirs = district.settings.catalog_dirs
    today = local_date(district.clock.now())
    current = district.catalog.code_lists.get(list_id) or built_in(list_id)
    first = valid_from.date() if valid_from is not None else today
    divisions = list_id == DIVISIONS
    stays = current.codes if keep and current is not None else {}
    codes = codes_of(file, list_id, Limits.of(district.settings), sheet, fault_of_code if divisions else lambda code: "")
    if divisions and list_id not in district.catalog.code_lists and source is None:
        raise OperationRefused(
            "The first version of division codes needs its source.", hint="Give --source, e.g. 民政部2026年县以上行政区划代码."
        )
    codes = {**stays, **codes}
    new = next_version(current, list_id, codes, valid_from=first, version=version, source=source, name=name)
    differs = difference(current, new)
    users = _users(district.catalog, list_id)
    touched = _touched(district, list_id, differs)
    counts = {"added": len(differs.added), "removed": len(differs.removed), "renamed": len(differs.renamed), "same": len(codes) - len(differs.added) - len(differs.renamed)}  # fmt: skip
    rows = [
        *({"what": "新增", "code": code, "before": "", "after": label} for code, label in differs.added.items()),
        *({"what": "删除", "code": code, "before": label, "after": ""} for code, label in differs.removed.items()),
        *({"what": "改名", "code": code, "before": old, "after": label} for code, (old, label) in differs.renamed.items()),
        *({"what": _FIELDS[field], "code": "", "before": old, "after": now} for field, (old, now) in differs.fields.items()),
        *({"what": "同义写法失效", "code": code, "before": text, "after": ""} for text, code in differs.synonyms_lost.items()),
    ]
    if not as_json:
        title = f"{list_id}：版本 {current.version if current else '（无）'} → {new.version}"
        show_rows(rows, {"what": "变化", "code": "代码", "before": "原", "after": "新"}, as_json=False, title=title, empty="没有差异。")
        console.print(f"新增 {counts['added']}，删除 {counts['removed']}，改名 {counts['renamed']}，不变 {counts['same']}。", markup=False)
        console.print(
            f"使用它的资源：{'、'.join(users) or '无'}；下次夜间作业重新校验，各交付按其数据日期当时的版本。", markup=False, soft_wrap=True
        )
        for told in touched:
            console.print(
                f"{told['resource']}.{told['item']}：仓内含删除的代码 {told['removed']:,} 行，隔离中含新增的代码 {told['added']:,} 行。",
                markup=False,
            )
    if not differs:
        if as_json:
            show_json({"applied": False, "counts": counts, "changes": []})
        return
    if not yes and (as_json or not typer.confirm("生效吗？")):
        raise OperationRefused("Nothing was changed.", hint="Say --yes to apply what is shown.")
    path = apply(new, dirs)
    _audit(district, "reference.import", list_id, {"version": new.version, "before": current.version if current else None, **counts})
    if as_json:
        show_json(
            {
                "applied": True,
                "file": str(path),
                "version": new.version,
                "counts": counts,
                "changes": rows,
                "users": users,
                "touched": touched,
            }
        )
    else:
        console.print(f"已生效：{path}。退回：districtlake reference revert {list_id}", markup=False, soft_wrap=True)


@app.command("revert")
def revert_list(name: ListId, yes: Yes = False) -> None:
    """退回代码表的上一版本；现版本作废。

    例：districtlake reference revert gb_t_4754
    """
    from districtlake.catalog.code_list_versions import difference, earlier_of, read_list, revert
    from districtlake.delivery.district import open_district

    district = open_district()
    dirs = district.settings.catalog_dirs
    kept = earlier_of(name, dirs)
    if kept:
        before, now = read_list(kept[-1], name), district.catalog.code_lists[name]
        differs = difference(now, before)
        console.print(
            f"{name}：版本 {now.version} → {before.version}；恢复 {len(differs.added)}，去掉 {len(differs.removed)}，改名 {len(differs.renamed)}。",
            markup=False,
        )
        if not yes and not typer.confirm("退回吗？"):
            raise OperationRefused("Nothing was changed.", hint="Say --yes to go back.")
    path = revert(name, dirs)
    _audit(district, "reference.revert", name, {})
    console.print(f"已退回：{path}", markup=False, soft_wrap=True)


def _lists(catalog: Any) -> dict[str, Any]:
    """The catalogue's lists, and those that come with the program where it holds none."""
    from districtlake.catalog.code_list_versions import built_in
    from districtlake.catalog.models import DIVISIONS

    return {DIVISIONS: built_in(DIVISIONS), **catalog.code_lists}


def _users(catalog: Any, list_id: str) -> list[str]:
    """Resources with an item, or a check, that takes the list; of division codes, with an item that holds one."""
    from districtlake.catalog.models import DIVISIONS
    from districtlake.quality.fingerprints import OF_DIVISIONS

    if list_id == DIVISIONS:
        return sorted(
            one.id for one in catalog.resources.values() if any(catalog.element_of(item).kind in OF_DIVISIONS for item in one.items)
        )
    return sorted(
        one.id for one in catalog.resources.values()
        if any(catalog.element_of(item).codes == list_id for item in one.items) or any(check.arguments.get("code_list") == list_id for check in one.checks)
    )  # fmt: skip


def _touched(district: Any, list_id: str, differs: Any) -> list[dict[str, Any]]:
    """Per item: rows of the warehouse with a code that goes, and rows in quarantine with one that comes; nothing where there are none."""
    import polars as pl

    from districtlake.catalog.models import DIVISIONS
    from districtlake.warehouse.history import scan

    catalog = district.catalog
    found = []
    for entry in sorted(catalog.resources.values(), key=lambda one: str(one.id)):
        for item in entry.items:
            element = catalog.element_of(item)
            division = list_id == DIVISIONS and element.kind == "division_code"
            if (element.codes != list_id and not division) or item.volatile:
                continue
            code = pl.col(item.name).str.slice(0, 6) if division else pl.col(item.name)
            counts = {}
            for what, layer, codes in (("removed", "warehouse", differs.removed), ("added", "quarantine", differs.added)):
                try:
                    rows = scan(district.lake, layer, entry.id) if codes else None
                    counts[what] = 0 if rows is None else rows.select(code.is_in(list(codes)).sum()).collect().item() or 0
                except NotFound:  # never delivered
                    counts[what] = 0
            if any(counts.values()):
                found.append({"resource": entry.id, "item": item.name, **counts})
    return found


def _audit(district: Any, action: str, list_id: str, data: dict[str, Any]) -> None:
    from districtlake.store.tables import AuditEvent

    with district.store.session() as session:
        session.add(
            AuditEvent(at=district.clock.now(), actor=district.settings.actor, action=action, object_kind="code_list", object_id=list_id, data=data)
        )  # fmt: skip

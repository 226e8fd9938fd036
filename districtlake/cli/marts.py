"""``districtlake marts``: the tables for analysts: how they stand, building them, what one holds and where its columns come from."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from districtlake.cli.options import Json, Limit
from districtlake.cli.output import console, errors, show_json, show_rows
from districtlake.errors import NotFound, OperationRefused

app = typer.Typer(help="数据集市：列出、生成、查看（定义在 catalog/marts）。", no_args_is_help=True)

Mart = Annotated[str, typer.Argument(help="集市表，如 population.persons")]


@app.command("list")
def list_marts(
    library: Annotated[str | None, typer.Option("--library", help="只看一个库，如 population")] = None, as_json: Json = False
) -> None:
    """列出全部集市表：行数、最近一次生成的结果和时间、现在是否需要重算、所缺的资源。

    例：districtlake marts list --library credit
    """
    from districtlake.delivery.district import open_district
    from districtlake.marts import record
    from districtlake.marts.build import due_marts
    from districtlake.marts.definition import in_build_order, resources_behind
    from districtlake.marts.stale import stale_resources

    district = open_district()
    known = district.catalog.libraries
    if library is not None and library not in known:
        raise NotFound(f"There is no library {library}.", hint=f"Libraries are: {', '.join(sorted(known))}.")
    last, good = record.latest(district.lake)
    due = {one.mart.id: one.reason for one in due_marts(district)}
    stale = stale_resources(district)
    rows = []
    for mart in sorted(in_build_order(district.catalog.marts.values()), key=lambda one: one.id):
        if library is not None and mart.library != library:
            continue
        build, best = last.get(mart.id), good.get(mart.id)
        rows.append(
            {
                "id": mart.id, "title": mart.title, "library": known[mart.library].name, "owner": mart.owner,
                "rows": best.rows if best else None, "version": best.version if best else None,
                "outcome": build.outcome if build else None,
                "outcome_title": record.outcome_title(build.outcome, build.version) if build else "从未生成", "mode": build.mode if build else None,
                "built_at": best.finished_at if best else None, "reason": build.reason if build else "", "due": due.get(mart.id, ""),
                "stale_sources": [one for one in resources_behind(mart, district.catalog) if one in stale],
            }
        )  # fmt: skip
    shown = [{**row, "lacking": "、".join(one for one in stale if one in resources_behind(district.catalog.marts[str(row["id"])], district.catalog))}
             for row in rows]  # fmt: skip
    columns = {
        "id": "表",
        "title": "名称",
        "rows": "行数",
        "outcome_title": "最近一次",
        "built_at": "生成时间",
        "due": "待重算",
        "lacking": "来源滞后",
    }
    show_rows(rows if as_json else shown, columns, as_json=as_json, empty="目录里没有集市表（catalog/marts）。")


@app.command("build")
def build(
    mart: Annotated[str | None, typer.Argument(help="只生成这一张表；不写则生成全部来源有变的表")] = None,
    full: Annotated[bool, typer.Option("--full", help="不论来源是否有变，全部重新计算")] = False,
    as_json: Json = False,
) -> None:
    """生成集市表（在 Dagster 中运行）：来源和定义都没有变化的不重算；一张表失败只影响读取它的表。

    例：districtlake marts build population.persons --full
    退出码：0 没有失败；1 有表失败。
    """
    from districtlake.cli.subprocesses import pipeline_events
    from districtlake.delivery.district import open_district

    district = open_district()
    if mart is not None:
        _known(district, mart)
    arguments = [*([mart] if mart else []), *(["--full"] if full else [])]
    told: dict[str, Any] = {}
    for event in pipeline_events("pipelines.marts", arguments, district.settings):
        if event["event"] == "marts_finished":
            told = event
        elif event["event"] == "catalog_error" and not as_json:
            errors.print(f"[bold red]目录错误[/] {escape(event['message'])} [bold]处理[/] {escape(event['hint'])}")
    if as_json:
        show_json({key: value for key, value in told.items() if key != "event"})
    else:
        render(told, mart)
    if not told.get("ok"):
        raise typer.Exit(1)


def render(told: dict[str, Any], only: str | None = None) -> None:
    """What a run of the marts did, and what it could not do."""
    done = [row for row in told["marts"] if row["state"] != "skipped" or row["id"] == only]
    shown = [{**row, "mode_title": _MODES.get(row["mode"], ""), "lacks": "、".join(row["lacking"])} for row in done]
    if shown:
        columns = {"id": "表", "title": "名称", "state_title": "结果", "mode_title": "方式", "rows": "行数", "lacks": "来源滞后"}
        show_rows(shown, columns, as_json=False)
    console.print(counted(told))
    for row in told["failed"]:
        console.print(f"[red]{escape(row['title'])}[/]（{row['id']}）：{escape(row['why'])}")
        console.print(f"  处理 {escape(row['hint'])}", soft_wrap=True)


def counted(told: dict[str, Any]) -> str:
    """One line: how many marts ended how."""
    counts: dict[str, int] = {}
    for row in told["marts"]:
        counts[row["state_title"]] = counts.get(row["state_title"], 0) + 1
    return "[bold]数据集市[/] " + "，".join(f"{title} {count}" for title, count in counts.items())


_MODES = {"full": "全量", "incremental": "增量"}


@app.command("show")
def show(
    mart: Mart,
    lineage: Annotated[bool, typer.Option("--lineage", help="每一列取自哪些资源的哪些数据项")] = False,
    sql: Annotated[bool, typer.Option("--sql", help="显示它的 SQL")] = False,
    builds: Annotated[bool, typer.Option("--builds", help="历次生成：读了各来源的哪个版本，变了多少行")] = False,
    version: Annotated[int | None, typer.Option("--version", help="看某一版的行（版本号见 --builds）")] = None,
    limit: Limit = 10,
    as_json: Json = False,
) -> None:
    """一张集市表：列、校验结果和若干行（敏感列脱敏）；或血缘、SQL、历次生成。

    例：districtlake marts show credit.entities --lineage
    """
    from districtlake.delivery.district import open_district

    if lineage + sql + builds > 1:
        raise OperationRefused("--lineage, --sql and --builds exclude each other.", hint="Give one of them.")
    district = open_district()
    entry = _known(district, mart)
    if lineage:
        _show_lineage(district, entry, as_json)
    elif sql:
        show_json({"id": entry.id, "sql": entry.sql}) if as_json else console.print(entry.sql, markup=False, soft_wrap=True)
    elif builds:
        _show_builds(district, entry, limit, as_json)
    else:
        _show_rows(district, entry, version, limit, as_json)


def _known(district: Any, mart: str) -> Any:
    from districtlake.catalog.model_faults import close_to

    try:
        return district.catalog.marts[mart]
    except KeyError:
        known = sorted(district.catalog.marts)
        raise NotFound(f"There is no mart {mart}.", hint=f"{close_to(mart, known)}Marts are: {', '.join(known) or 'none'}.") from None


def _show_lineage(district: Any, entry: Any, as_json: bool) -> None:
    from districtlake.marts.definition import lineage_of, resources_behind, sources_of

    columns = lineage_of(entry, district.catalog)
    if as_json:
        origins = {name: [{"source": source, "column": column} for source, column in found] for name, found in columns.items()}
        behind = list(resources_behind(entry, district.catalog))
        show_json({"id": entry.id, "sources": list(sources_of(entry)), "resources": behind, "columns": origins})
        return
    rows = [
        {"column": name, "title": entry.column(name).title, "origin": "、".join(f"{s}.{c}" for s, c in found) or "（常量或计数）"}
        for name, found in columns.items()
    ]
    show_rows(rows, {"column": "列", "title": "名称", "origin": "取自"}, as_json=False, title=f"{entry.title}（{entry.id}）")
    console.print(f"读取：{'、'.join(sources_of(entry))}", soft_wrap=True)


def _show_builds(district: Any, entry: Any, limit: int, as_json: bool) -> None:
    import polars as pl

    from districtlake.marts import record

    found = record.builds(district.lake).filter(pl.col("mart") == entry.id).reverse().head(limit).to_dicts()
    shown = [
        {
            **row,
            "inputs": _versions(row["inputs"]),
            "outcome_title": record.outcome_title(row["outcome"], row["version"]),
            "mode_title": _MODES.get(row["mode"], ""),
        }
        for row in found
    ]
    columns = {"finished_at": "时间", "outcome_title": "结果", "mode_title": "方式", "version": "版本", "rows": "行数", "inserted": "新增",
               "updated": "变更", "deleted": "删除", "inputs": "读取的版本", "reason": "说明"}  # fmt: skip
    show_rows(found if as_json else shown, columns, as_json=as_json, empty="从未生成。")


def _versions(inputs: str) -> str:
    import json

    return "，".join(f"{source} {'未归集' if version == 'absent' else version}" for source, version in json.loads(inputs).items())


def _show_rows(district: Any, entry: Any, version: int | None, limit: int, as_json: bool) -> None:
    import polars as pl

    from districtlake.marts import record, table
    from districtlake.marts.definition import mart_schema, sensitivity_of
    from districtlake.marts.masking import masked

    scan = table.scan_mart(district.lake, entry.id, version=version)
    total = int(scan.select(pl.len()).collect().item())
    rows = masked(scan.head(limit).collect(), entry, district.catalog).to_dicts()
    results = record.latest_results(district.lake, entry.id).select("rule", "rule_title", "outcome", "evaluated", "failed").to_dicts()
    types = mart_schema(entry, district.catalog)
    columns = [
        {"name": c.name, "title": c.title, "type": str(types[c.name]), "sensitivity": sensitivity_of(c, district.catalog),
         "key": c.name in entry.key, "description": c.description}
        for c in entry.columns
    ]  # fmt: skip
    if as_json:
        show_json({"id": entry.id, "title": entry.title, "description": entry.description, "owner": entry.owner, "total": total,
                   "columns": columns, "results": results, "rows": rows})  # fmt: skip
        return
    console.print(f"[bold]{escape(entry.title)}[/]（{entry.id}，{entry.owner}）\n{escape(entry.description)}", soft_wrap=True)
    headings = {"name": "列", "title": "名称", "type": "类型", "key": "主键", "sensitivity": "敏感级别", "description": "说明"}
    show_rows(columns, headings, as_json=False)
    if results:
        told = {"rule": "规则", "rule_title": "说明", "outcome": "结论", "evaluated": "评价", "failed": "不符合"}
        words = {"passed": "通过", "failed": "不通过", "not_evaluated": "未评价"}
        show_rows([{**row, "outcome": words[row["outcome"]]} for row in results], told, as_json=False)
    show_rows(rows, {c.name: c.title for c in entry.columns}, as_json=False, empty="没有行。")
    console.print(f"共 {total:,} 行，显示 {len(rows)} 行。")

"""``districtlake comparisons``: how the comparisons between agencies stand, carrying them out, and their leads."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from districtlake.cli.options import Agency, Json, Limit
from districtlake.cli.output import console, errors, show_json, show_rows
from districtlake.errors import NotFound, OperationRefused
from districtlake.wording.sentences import Listed

app = typer.Typer(help="跨部门比对：列出、进行、查看线索（定义在 catalog/comparisons）。", no_args_is_help=True)

CERTAINTIES = {"conflict": "不一致", "suspected": "疑似"}
CLOSINGS = {"passed": "已不矛盾", "absent": "行已消失", "rule_removed": "规则已撤"}


@app.command("list")
def list_comparisons(as_json: Json = False) -> None:
    """列出全部比对：被核实方、依据方、最近一次的结果和方式、两方数据截至日、未核实的线索数。

    例：districtlake comparisons list
    """
    import polars as pl

    from districtlake.comparison import record
    from districtlake.delivery.district import open_district
    from districtlake.warehouse.leads import read_leads

    district = open_district()
    last, _ = record.latest(district.lake)
    standing = dict(read_leads(district.lake).filter(pl.col("state") == "open").group_by("pairing").len().iter_rows())
    rows = []
    for one in sorted(district.catalog.comparisons.values(), key=lambda one: (one.code, one.id)):
        for left in one.left:
            done = last.get(f"{one.id}/{left.name}")
            rows.append(
                {
                    "id": one.id, "code": one.code, "version": one.version, "title": one.title, "left": left.name, "asked": left.resource,
                    "against": [side.resource for side in one.right], "outcome": done.outcome if done else None,
                    "outcome_title": record.OUTCOME_TITLES[done.outcome] if done else "从未比对", "mode": done.mode if done else None,
                    "as_of": done.as_of if done else None, "right_as_of": done.right_as_of if done else None,
                    "compared_at": done.finished_at if done else None, "reason": done.reason if done else "", "open": standing.get(f"{one.id}/{left.name}", 0),
                }
            )  # fmt: skip
    shown = [{**row, "against": "、".join(row["against"]), "mode": record.MODE_TITLES[row["mode"] or ""]} for row in rows]
    columns = {"code": "编号", "id": "比对", "asked": "被核实方", "against": "依据方", "outcome_title": "最近一次", "mode": "方式", "as_of": "截至",
               "right_as_of": "依据方截至", "open": "未核实", "reason": "说明"}  # fmt: skip
    show_rows(rows if as_json else shown, columns, as_json=as_json, empty="目录里没有比对（catalog/comparisons）。")


@app.command("run")
def run(
    comparison: Annotated[str | None, typer.Argument(help="只进行这一个比对；不写则进行全部有变化的")] = None,
    full: Annotated[bool, typer.Option("--full", help="不论来源是否有变，全部重新比对")] = False,
    as_json: Json = False,
) -> None:
    """进行比对（在 Dagster 中运行）：只比对有变化的主体；一个失败不影响其他。线索在下一次工单流转时转为工单。

    例：districtlake comparisons run name_against_registration --full
    退出码：0 没有失败；1 有比对失败。
    """
    from districtlake.cli.subprocesses import pipeline_events
    from districtlake.delivery.district import open_district

    district = open_district()
    if comparison is not None:
        _known(district, comparison)
    arguments = [*([comparison] if comparison else []), *(["--full"] if full else [])]
    told: dict[str, Any] = {}
    for event in pipeline_events("pipelines.comparisons", arguments, district.settings):
        if event["event"] == "comparisons_finished":
            told = event
        elif event["event"] == "comparisons_started" and not as_json:
            console.print(f"比对 {len(event['comparisons'])} 个……")
        elif event["event"] == "catalog_error" and not as_json:
            errors.print(f"[bold red]目录错误[/] {escape(event['message'])} [bold]处理[/] {escape(event['hint'])}")
    if as_json:
        show_json({key: value for key, value in told.items() if key != "event"})
    elif told:
        shown = [one for one in told["pairings"] if one["outcome"] != "skipped" and comparison in (None, one["comparison"])]
        columns = {"code": "编号", "pairing": "比对", "outcome_title": "结果", "mode_title": "方式", "keys": "比对键", "opened": "新线索", "closed": "消除",
                   "open": "未核实", "seconds": "秒", "reason": "说明"}  # fmt: skip
        if shown:
            show_rows(shown, columns, as_json=False)
        console.print(f"[bold]跨部门比对[/] {told['line']}")
    if not told.get("ok"):
        raise typer.Exit(1)


@app.command("leads")
def leads(
    comparison: Annotated[str | None, typer.Argument(help="只看一个比对，如 pension_after_death")] = None,
    agency: Agency = None,
    state: Annotated[str, typer.Option("--state", help="open（未核实）、closed（已关闭）或 all")] = "open",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """列出线索：两方的值（按敏感级别脱敏）、两方数据截至日、规则版本、比对依据、首见和最近。

    例：districtlake comparisons leads pension_after_death --state all
    """
    import polars as pl

    from districtlake.comparison.shown import shown_lead
    from districtlake.delivery.district import open_district
    from districtlake.warehouse.leads import read_leads

    if state not in ("open", "closed", "all"):
        raise OperationRefused.of("asked.no_state", state=state, known=Listed.of(("open", "closed", "all")))
    district = open_district()
    found = read_leads(district.lake)
    if comparison is not None:
        _known(district, comparison)
        found = found.filter(pl.col("comparison") == comparison)
    if agency:
        found = found.filter(pl.col("agency") == agency)
    if state != "all":
        found = found.filter(pl.col("state") == state)
    found = found.sort("code", "comparison", "resource", "first_seen_at", "lead_id")
    rows = [shown_lead(row, district.catalog) for row in found.head(limit).iter_rows(named=True)]
    told = [{**row, "certainty": CERTAINTIES[row["certainty"]], "closing": CLOSINGS.get(row["closing"] or "", "")} for row in rows]
    columns = {"code": "规则", "rule_version": "版", "resource": "被核实", "key": "主键", "value": "值", "as_of": "截至", "right_resource": "依据",
               "right_value": "依据值", "right_as_of": "依据截至", "certainty": "把握", "first_seen": "首见", "sightings": "次数", "closing": "关闭"}  # fmt: skip
    show_rows(rows if as_json else told, columns, as_json=as_json, empty="没有线索。")
    if not as_json and found.height > len(rows):
        console.print(f"共 {found.height:,} 条，显示 {len(rows)} 条；--limit 可增加。")


def _known(district: Any, comparison: str) -> None:

    known = sorted(district.catalog.comparisons)
    if comparison not in known:
        raise NotFound.of("comparison.none", comparison=comparison, known=Listed.of(known or ["—"]))

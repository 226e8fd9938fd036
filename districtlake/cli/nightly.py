"""``districtlake nightly``: the main job, with progress while it runs and a summary a person understands at the end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from districtlake.cli.marts import counted
from districtlake.cli.options import Json
from districtlake.cli.output import console, errors, show_json
from districtlake.errors import NotFound


def nightly(
    inbox: Annotated[Path | None, typer.Option("--deliveries", help="交付所在文件夹（默认：收件箱）")] = None,
    as_json: Json = False,
) -> None:
    """夜间作业：登记收件箱中的交付，逐机构清洗、校验、入仓，生成工单与反馈单，最后给出汇总。

    例：districtlake nightly --deliveries ./deliveries
    退出码：0 全部完成（数据有问题不算失败）；1 有运行失败，或有应有而没有的结果。
    """
    from districtlake.cli.subprocesses import RunEnded, pipeline_events
    from districtlake.delivery.district import open_district

    if inbox is not None and not inbox.is_dir():
        raise NotFound(f"There is no folder {inbox}.", hint="Give an existing folder of deliveries: <folder>/…/<agency>/<file>.")
    district = open_district()
    started = time.monotonic()
    arguments = ["--inbox", str(inbox.resolve())] if inbox is not None else []
    summary: dict[str, Any] | None = None
    with console.status("启动 Dagster…", spinner="dots") if not as_json and console.is_terminal else _quiet() as status:
        for event in pipeline_events("pipelines.nightly", arguments, district.settings):
            if event["event"] == "summary":
                summary = event["summary"]
            elif not as_json:
                _progress(event, status)
    if summary is None:
        raise RunEnded("The night ended without a summary.", hint="See the log in the state folder: logs/.")
    summary["seconds"] = round(time.monotonic() - started, 2)  # with the start of the process
    if as_json:
        show_json(summary)
    else:
        render(summary)
    if not summary["success"]:
        raise typer.Exit(1)


class _quiet:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _progress(event: dict[str, Any], status: Any) -> None:
    kind = event["event"]
    if kind == "waiting":
        errors.print(f"[yellow]等待[/] {escape(event['message'])}")
    elif kind == "received":
        console.print(
            f"收件：新 {event['new']}，已登记 {event['known']}，重复 {len(event['duplicates'])}，仍在写入 {len(event['growing'])}"
        )
        if status and event["new"]:
            status.update("加载图与校验引擎…")
    elif kind == "agency_started" and status:
        status.update(f"{event.get('day') or ''} {event['name']}…")
    elif kind == "agency_finished":
        mark = "[green]完成[/]" if event["success"] else "[bold red]失败[/]"
        console.print(f"{mark} {event.get('day') or '不分日期  '} {escape(event['name'])} {event['seconds']:.1f} 秒")
        for reason in event["reasons"]:
            errors.print(f"  [red]{escape(reason)}[/]")
    elif kind == "revalidating" and status:
        status.update(event["message"])
    elif kind == "revalidated":
        from districtlake.nights.report import revalidated_words

        mark = "[bold red]失败[/]" if event["error"] else "[green]完成[/]"
        console.print(f"{mark} 重新校验 {escape(event['resource'])}：{escape(revalidated_words(event))}", soft_wrap=True)
    elif kind == "marts_started" and status:
        status.update(f"数据集市：{len(event['marts'])} 张表…")
    elif kind == "marts_finished" and event["run_id"]:
        console.print(f"{'[green]完成[/]' if event['ok'] else '[bold red]失败[/]'} 数据集市 {event['seconds']:.1f} 秒")
    elif kind == "night":
        for alarm in event["before"]:
            errors.print(f"[yellow]提醒[/] {escape(alarm['message'])}")
    elif kind == "step_failed":
        errors.print(f"[bold red]失败[/] {escape(event['message'])}")
    elif kind == "catalog_error":
        errors.print(f"[bold red]目录错误[/] {escape(event['message'])} [bold]处理[/] {escape(event['hint'])}")


def render(summary: dict[str, Any]) -> None:
    """The summary as tables: deliveries, conservation, problems, tickets, tables, time."""
    console.print()
    if summary["deliveries"]:
        table = Table(title="本次处理的交付", title_justify="left", header_style="bold")
        table.add_column("文件", overflow="fold")
        table.add_column("状态", no_wrap=True)
        for heading in ("交付", "新增", "变更", "未变", "重复", "隔离", "暂停", "消失"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in summary["deliveries"]:
            counts = row["counts"]
            cells = [f"{counts.get(k, 0):,}" for k in _COUNTS]
            table.add_row(row["file"], row["state_title"], *cells)
        console.print(table)
        total = summary["conservation"]
        operations = "".join(
            f" + {word} {total[name]:,}" for name, word in (("deletions", "删除"), ("superseded", "被后续操作取代")) if total[name]
        )
        console.print(
            f"[bold]守恒[/] 交付 {total['delivered']:,} = 新增 {total['inserted']:,} + 变更 {total['changed']:,} + 未变 {total['unchanged']:,}"
            f" + 完全重复 {total['duplicates']:,}{operations} + 隔离 {total['quarantined']:,} + 暂停 {total['held']:,}"
            f"  {'[green]✓ 一行不少[/]' if total['balanced'] else '[bold red]✗ 不平[/]'}"
        )
    else:
        console.print("没有新的交付：数据、问题、工单均无变化。")
    _problems(summary)
    console.print(
        f"[bold]工单[/] 新开 {summary['tickets']['opened']}，办结 {summary['tickets']['closed']}，在办 {summary['tickets']['open']}"
        + (f"，逾期 {summary['tickets']['overdue']}" if summary["tickets"]["overdue"] else "")
        + (f"；最早期限 {summary['tickets']['next_due']}" if summary["tickets"]["next_due"] else "")
        + ("（含暂定期限：节假日安排未公布）" if summary["tickets"]["provisional"] else "")
    )
    for package in summary["packages"]:
        console.print(f"  反馈单 {escape(package['path'])}（{package['tickets']} 个工单，{package['rows']} 行）", soft_wrap=True)
    if summary["tables"]:
        table = Table(title="区级数据仓", title_justify="left", header_style="bold")
        for heading, justify in (
            ("表", "left"),
            ("名称", "left"),
            ("现有行", "right"),
            ("其中陈旧", "right"),
            ("历史版本", "right"),
            ("隔离中", "right"),
        ):
            table.add_column(heading, justify=justify)  # type: ignore[arg-type]
        for row in summary["tables"]:
            counts = [f"{row[k]:,}" for k in ("rows", "stale", "history", "quarantine")]
            table.add_row(row["resource"], row["title"], *(["✗", "", "", ""] if row.get("error") else counts))
        console.print(table)
    if summary.get("comparisons", {}).get("pairings"):
        console.print(f"[bold]跨部门比对[/] {summary['comparisons']['line']}")
    if summary["marts"].get("marts"):
        console.print(counted(summary["marts"]))
    _attention(summary)
    for left_out in summary["left_out"]:
        console.print(f"[yellow]未处理[/] {escape(left_out)}")
    _time(summary)
    if summary.get("report"):
        console.print(f"[bold]报告[/] {escape(summary['report']['path'])}（同名 .eml 可直接发送）", soft_wrap=True)
    if summary.get("quality"):
        console.print(f"[bold]质量[/] {escape(summary['quality']['headline'])}", soft_wrap=True)
        console.print(
            f"  质量报告 {escape(summary['quality']['html'])}、{escape(summary['quality']['workbook'])}（在 outbox 中）", soft_wrap=True
        )
    if summary["success"]:
        console.print("查看：[bold]make ui[/]（图、检查、图表）　.venv/bin/districtlake problems | tickets | tables | history 资源")
    else:
        errors.print("[bold red]有运行失败或缺少结果：见上；日志在状态文件夹的 logs/。[/]")


def _attention(summary: dict[str, Any]) -> None:
    colours = {"alarm": "bold red", "failed": "red", "held": "yellow", "warning": "yellow", "notice": "yellow"}
    console.print(f"[bold]{escape(summary['headline'])}[/]")
    for entry in summary["attention"]:
        why = f"：{entry['why']}" if entry["why"] else ""
        console.print(f"  [{colours[entry['level']]}]{entry['level_title']}[/] {escape(entry['what'] + why)}")
        if entry["marts"]:
            console.print(f"      缺于数据集市：{escape('、'.join(entry['marts']))}")
        if entry["remedy"]:
            console.print(f"      处理 {escape(entry['remedy'])}", soft_wrap=True)


def _time(summary: dict[str, Any]) -> None:
    """Where the time went; Dagster's share is what its runs took beyond the work on the deliveries."""
    timing, total = summary["timing"], max(summary["seconds"], 0.001)
    console.print(f"[bold]用时[/] {summary['seconds']:.1f} 秒　{summary['note']}")
    if timing["events"]:
        console.print(
            f"  其中 交付处理 {timing['processing']:.1f} 秒，Dagster 编排 {timing['orchestration']:.1f} 秒"
            f"（占 {100 * timing['orchestration'] / total:.0f}%；{timing['events']:,} 个事件写入 {timing['event_log']:.1f} 秒，余为图、检查、预览、图表）"
        )
    if slow := summary["slow_rules"]:
        worst = "、".join(f"{row['resource']} {row['rule']} {row['seconds']:.2f} 秒" for row in slow[:3])
        console.print(
            f"  逐格判定的规则 {len(slow)} 条，共 {sum(row['seconds'] for row in slow):.2f} 秒：{escape(worst)}{'……' if len(slow) > 3 else ''}"
        )


_COUNTS = ("delivered", "inserted", "changed", "unchanged", "duplicates", "quarantined", "held", "deleted")


def _problems(summary: dict[str, Any]) -> None:
    matrix = summary["problems"]
    if not matrix["agencies"]:
        console.print("[bold]问题[/] 没有未关闭的问题。")
        return
    table = Table(title="未关闭的问题（机构 × 维度）", title_justify="left", header_style="bold")
    table.add_column("机构")
    for title in matrix["dimensions"].values():
        table.add_column(title, justify="right")
    table.add_column("合计", justify="right")
    for row in matrix["agencies"]:
        cells = [f"{row['dimensions'].get(d, 0):,}" for d in matrix["dimensions"]]
        table.add_row(row["name"], *cells, f"{row['total']:,}")
    console.print(table)

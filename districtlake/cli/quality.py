"""``districtlake quality report``: the quality report as page, workbook or JSON."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from districtlake.cli.options import Agency, Json, Resource
from districtlake.cli.output import console, errors, show_json, show_rows
from districtlake.errors import OperationRefused

app = typer.Typer(help="数据质量：六个维度（GB/T 36344）的 A、B 和 A/B。", no_args_is_help=True)


@app.command("report")
def report(
    since: Annotated[str | None, typer.Option("--since", help="起始数据日期 YYYY-MM-DD（默认：截止日之前 30 天）")] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="截止数据日期 YYYY-MM-DD（默认：今天；近 30 天没有交付时为最近有交付的一日）")
    ] = None,
    agency: Agency = None,
    resource: Resource = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="写到文件夹（网页和 Excel 都写），或一个 .html / .xlsx 文件（默认：状态文件夹/quality_report）"),
    ] = None,
    as_json: Json = False,
) -> None:
    """生成数据质量报告：按部门、资源、规则、交付和日，A/B 总带两个数；网页可离线打开和打印，Excel 为中文。只读已有的校验结果。

    例：districtlake quality report
    例：districtlake quality report --since 2026-03-01 --until 2026-03-31 --agency market_regulation
    例：districtlake quality report --to 月报.xlsx
    """
    from districtlake.delivery.district import open_district
    from districtlake.quality_report.figures import quality_figures
    from districtlake.quality_report.files import KINDS, content_of, name_of, put
    from districtlake.quality_report.period import percent, scope_of

    if to is not None and to.suffix and to.suffix.lower() not in KINDS and not to.is_dir():
        raise OperationRefused.of("asked.no_report_file", to=to)
    district = open_district()
    scope = scope_of(district, first=_day(since), last=_day(until), agency=agency, resource=resource)

    def tell(message: str) -> None:
        errors.print(f"{message} …", style="dim", markup=False)

    figures = quality_figures(district, scope, tell)
    target = (to or district.settings.state / "quality_report").absolute()
    paths = [target] if target.suffix.lower() in KINDS and not target.is_dir() else [target / f"{name_of(figures)}{kind}" for kind in KINDS]
    if not as_json or to is not None:
        for path in paths:
            tell(f"写 {path.name}")
            put(path, content_of(figures, path.suffix.lower(), district.settings.portal_url))
    if as_json:
        show_json({**figures, "files": paths if to is not None else []})
        return
    rows = [
        {
            **row,
            "share_title": percent(row["share"]),
            "before_title": percent(row["before"]["share"]) if row["before"]["evaluated"] else "—",
        }
        for row in figures["dimensions"]
    ]
    columns = {
        "title": "维度", "satisfying": "符合 A", "evaluated": "评价 B", "share_title": "A/B", "before_title": "上期 A/B", "failed_rules": "不符合的规则",
        "not_evaluated_rules": "未评价的规则",
    }  # fmt: skip
    show_rows(rows, columns, as_json=False, title=f"数据质量 {scope.first} 至 {scope.last}（GB/T 36344-2018）")
    console.print(
        f"综合得分 {percent(figures['total']['score'])}，未关闭问题 {figures['open']['problems']:,}，在办工单 {figures['open']['tickets']:,}　{figures['note']}"
    )
    for path in paths:
        console.print(os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path), soft_wrap=True, markup=False)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise OperationRefused.of("asked.no_date", text=text) from None

"""The report as an Excel workbook in Chinese: 总览, 按部门, 按资源, 按规则, 按日, 说明. Counts and ids; no cell of a row, no formula from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.chart.label import DataLabelList
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.quality_report.page import FAILURES, SEVERITIES, instant, title_of
from districtlake.tickets.sheet_rows import MAX_TEXT, neutralised

FONT = "微软雅黑"
MOST_RULES = 200_000
"""Excel takes a million lines; office machines do not."""
_LINE = Side(style="thin", color="D0D7DE")
_GRID = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
_HEAD = PatternFill("solid", fgColor="1F4E79")
_COUNT, _SHARE, _DAY = "#,##0", "0.00%", "yyyy-mm-dd"
COLOURS = ("0072B2", "E69F00", "D55E00", "009E73", "56B4E9", "CC79A7")
"""Okabe and Ito's palette: told apart by colour-blind readers too."""
Cell = str | int | float | date | None


def write_workbook(figures: Mapping[str, Any], target: IO[bytes]) -> None:
    """Write ``figures.quality_figures`` as a workbook to an open binary file."""
    book = Workbook()
    book.properties.creator = book.properties.lastModifiedBy = "DistrictLake"
    book.properties.title = title_of(figures)
    book.properties.created = book.properties.modified = figures["made_at"].replace(tzinfo=None)
    first = book.active
    assert isinstance(first, Worksheet)
    first.title = "总览"
    _overview(first, figures)
    sheets = {name: book.create_sheet(name) for name in ("按部门", "按资源", "按规则", "按日", "说明")}
    _by_agency(sheets["按部门"], figures)
    _by_resource(sheets["按资源"], figures)
    _by_rule(sheets["按规则"], figures)
    _by_day(sheets["按日"], figures)
    _guide(sheets["说明"], figures)
    book.save(target)


def _overview(sheet: Worksheet, figures: Mapping[str, Any]) -> None:
    sheet.merge_cells("A1:I1")
    sheet["A1"].value = cell_safe(title_of(figures))
    sheet["A1"].font = Font(name=FONT, size=15, bold=True, color="1F4E79")
    sheet.row_dimensions[1].height = 30
    total, opened = figures["total"], figures["open"]
    facts: list[tuple[str, Cell, str]] = [
        ("综合得分", total["score"] if total["score"] is not None else "未评价", _SHARE), ("交付", figures["deliveries_count"], _COUNT),
        ("未关闭的问题", opened["problems"], _COUNT), ("在办工单", opened["tickets"], _COUNT), ("其中逾期", opened["overdue"], _COUNT),
    ]  # fmt: skip
    for number, (name, value, form) in enumerate(facts):
        _put(sheet, 2, 1 + number, name, head=True)
        _put(sheet, 3, 1 + number, value, form)
    columns = (
        ("质量维度", 14), ("符合数 A", 14), ("评价数 B", 14), ("A/B", 12), ("上期 A", 12), ("上期 B", 12), ("上期 A/B", 12), ("不符合", 12), ("未评价的规则", 14),
    )  # fmt: skip
    rows = [
        (
            row["title"], row["satisfying"], row["evaluated"], _share(row["share"]), row["before"]["satisfying"], row["before"]["evaluated"],
            _share(row["before"]["share"]), row["failed"], row["not_evaluated_rules"],
        )
        for row in figures["dimensions"]
    ]  # fmt: skip
    _table(sheet, columns, rows, {"A/B": _SHARE, "上期 A/B": _SHARE}, at=5, filtered=False)
    last = 5 + len(rows)
    chart = BarChart()
    chart.type, chart.title, chart.height, chart.width, chart.legend = "col", "六个维度的 A/B（未评价的没有柱）", 8.5, 20, None
    chart.add_data(Reference(sheet, min_col=4, min_row=6, max_row=last), titles_from_data=False)
    chart.set_categories(Reference(sheet, min_col=1, min_row=6, max_row=last))
    chart.y_axis.number_format, chart.y_axis.scaling.max, chart.y_axis.delete, chart.x_axis.delete = "0%", 1, False, False
    shares = [row["share"] for row in figures["dimensions"] if row["share"] is not None]
    chart.y_axis.scaling.min = _axis_floor(shares)
    chart.dataLabels = DataLabelList(showVal=True, showSerName=False, showCatName=False, showLegendKey=False)
    chart.series[0].graphicalProperties.solidFill = "1F6FB5"
    sheet.add_chart(chart, f"A{last + 2}")


def _by_agency(sheet: Worksheet, figures: Mapping[str, Any]) -> None:
    columns = [
        ("部门", 20),
        ("得分", 10),
        *_dimension_columns(),
        ("A 合计", 12),
        ("B 合计", 12),
        ("A/B", 10),
        ("交付", 8),
        ("未关闭问题", 11),
    ]
    rows = [
        (row["name"], _share(row["score"]), *_dimension_cells(row), row["satisfying"], row["evaluated"], _share(row["share"]), row["deliveries"], row["open_problems"])
        for row in figures["agencies"]
    ]  # fmt: skip
    _table(sheet, columns, rows, _shares_of(columns) | {"得分": _SHARE})


def _by_resource(sheet: Worksheet, figures: Mapping[str, Any]) -> None:
    columns = [
        ("部门", 18), ("资源", 24), ("资源编号", 38), *_dimension_columns(), ("A 合计", 12), ("B 合计", 12), ("A/B", 10), ("不符合", 9), ("交付", 8), ("未关闭问题", 11),
    ]  # fmt: skip
    rows = [
        (
            row["agency_name"], row["title"], row["resource"], *_dimension_cells(row), row["satisfying"], row["evaluated"], _share(row["share"]),
            row["failed"], row["deliveries"], row["open_problems"],
        )
        for row in figures["resources"]
    ]  # fmt: skip
    _table(sheet, columns, rows, _shares_of(columns))


def _by_rule(sheet: Worksheet, figures: Mapping[str, Any]) -> None:
    reasons: dict[tuple[str, str], str] = {(row["resource"], row["rule"]): row["reason"] for row in figures["not_evaluated"]}
    columns = [
        ("部门", 16), ("资源", 22), ("规则", 46), ("规则编号", 30), ("维度", 9), ("严重程度", 9), ("后果", 13), ("A", 11), ("B", 11), ("A/B", 10), ("不符合", 9),
        ("上期 A", 11), ("上期 B", 11), ("上期 A/B", 10), ("交付次数", 9), ("不符合次数", 10), ("未评价次数", 10), ("未评价的原因", 34), ("未关闭问题", 11),
        ("最近不符合的交付", 34), ("查看行的命令", 60),
    ]  # fmt: skip
    rows = (
        (
            row["agency_name"], row["resource_title"], row["title"], row["rule"], DIMENSION_TITLES[row["dimension"]],
            SEVERITIES.get(row["severity"], row["severity"]), FAILURES.get(row["on_failure"], row["on_failure"]), row["satisfying"], row["evaluated"],
            _share(row["share"]), row["failed"], row["before_satisfying"], row["before_evaluated"],
            _share(row["share_before"]) if row["before_evaluated"] else None, row["times"], row["failed_times"], row["not_evaluated_times"],
            reasons.get((row["resource"], row["rule"])), row["open_problems"], row["last_failed"], row["command"],
        )
        for row in figures["rules"][:MOST_RULES]
    )  # fmt: skip
    _table(sheet, columns, rows, {"A/B": _SHARE, "上期 A/B": _SHARE}, freeze="D2")


def _by_day(sheet: Worksheet, figures: Mapping[str, Any]) -> None:
    columns = [("数据日期", 13), ("交付", 8), *_dimension_columns(), ("A 合计", 12), ("B 合计", 12), ("A/B", 10)]
    rows = [
        (row["day"], row["deliveries"], *_dimension_cells(row, blank=True), row["satisfying"], row["evaluated"], row["share"])
        for row in figures["days"]
    ]
    _table(sheet, columns, rows, _shares_of(columns) | {"数据日期": _DAY})
    if len(rows) < 2:
        return
    chart = LineChart()
    chart.title, chart.height, chart.width, chart.legend.position = "各维度 A/B（逐日）", 9.5, 24, "b"
    for number in range(len(DIMENSION_TITLES)):
        chart.add_data(Reference(sheet, min_col=5 + 3 * number, min_row=1, max_row=len(rows) + 1), titles_from_data=True)
        series = chart.series[-1]
        series.graphicalProperties.line.solidFill = COLOURS[number]
        series.graphicalProperties.line.width = 22_000
        series.smooth = False
    chart.set_categories(Reference(sheet, min_col=1, min_row=2, max_row=len(rows) + 1))
    shares = [cell["share"] for row in figures["days"] for cell in row["dimensions"].values() if cell["share"] is not None]
    chart.y_axis.number_format, chart.y_axis.scaling.max, chart.y_axis.scaling.min = "0.0%", 1, _axis_floor(shares)
    chart.x_axis.number_format, chart.y_axis.delete, chart.x_axis.delete = "mm-dd", False, False
    sheet.add_chart(chart, f"A{len(rows) + 4}")


def _guide(sheet: Worksheet, figures: Mapping[str, Any]) -> None:
    scope, weights = figures["scope"], figures["weights"]
    named = "、".join(f"{title} {weights['values'][name]:g}" for name, title in DIMENSION_TITLES.items())
    lines = [
        ("统计期", f"{scope['first']} 至 {scope['last']}（数据日期，{scope['days']} 天）；上期 {scope['before_first']} 至 {scope['before_last']}"),
        ("生成时间", instant(figures["made_at"])),
        ("A、B", "A 为符合规则的数，B 为参与评价的数，A/B 由合计的 A、B 算出。B 为零是未评价，不是 100%。规则不适用的行不计入 B。"),
        ("维度", "GB/T 36344-2018：规范性、完整性、准确性、一致性、时效性、可访问性。"),
        ("时效性", "含交付次序和更新及时（《暂行办法》第二十六条：应更新一次计 B 一次，宽限期内收到计 A 一次；宽限期是内控指标）。"),
        ("可访问性", "交付的文件能否读取。"),
        ("综合得分", f"有评价的维度的加权平均。标准没有规定权重：{named}（政策参数 {weights['pack']} 的 quality_weights，可修改）。"),
        ("未评价", f"{len(figures['not_evaluated'])} 条，原因见“按规则”。没有任何结果的资源在“按资源”中 B 为零。"),
        ("明细", "每行的“查看行的命令”列出涉及的行（按敏感级别脱敏）；一个交付的结果见 districtlake docs delivery 交付编号。"),
        ("隐私", "本表只含编号、规则与计数，不含数据行和个人信息。"),
        ("依据", figures["note"]),
    ]  # fmt: skip
    _table(sheet, (("项目", 14), ("说明", 110)), lines, {}, filtered=False)


def _dimension_columns() -> list[tuple[str, float]]:
    return [(f"{title} {part}", 11.0) for title in DIMENSION_TITLES.values() for part in ("A", "B", "A/B")]


def _dimension_cells(row: Mapping[str, Any], *, blank: bool = False) -> list[Cell]:
    cells: list[Cell] = []
    for name in DIMENSION_TITLES:
        one = row["dimensions"][name]
        cells += [one["satisfying"], one["evaluated"], one["share"] if blank else _share(one["share"])]
    return cells


def _share(value: float | None) -> Cell:
    return "未评价" if value is None else value


def _shares_of(columns: Iterable[tuple[str, float]]) -> dict[str, str]:
    return {title: _SHARE for title, _ in columns if title.endswith("A/B")}


def _axis_floor(shares: Sequence[float]) -> float:
    low = min(shares, default=0.0)
    return next((floor for floor in (0.99, 0.95, 0.9, 0.8, 0.5) if floor < low), 0.0)


def _table(
    sheet: Worksheet, columns: Sequence[tuple[str, float]], rows: Iterable[Sequence[Cell]], formats: Mapping[str, str], *, at: int = 1,
    filtered: bool = True, freeze: str = "",
) -> None:  # fmt: skip
    """A header and its rows, from line ``at``."""
    for number, (title, width) in enumerate(columns, start=1):
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = max(width, sheet.column_dimensions[letter].width if at > 1 else 0)
        _put(sheet, at, number, title, head=True)
    sheet.row_dimensions[at].height = 32
    last = at
    for last, row in enumerate(rows, start=at + 1):
        for number, (value, (title, width)) in enumerate(zip(row, columns, strict=True), start=1):
            form = formats.get(title, _COUNT if isinstance(value, int) else "General")
            _put(sheet, last, number, value, form, wrap=width >= 30)
    sheet.sheet_view.showGridLines = False
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight, sheet.sheet_properties.pageSetUpPr.fitToPage = 1, 0, True
    sheet.oddFooter.center.text = "第 &P 页，共 &N 页"
    if filtered:
        sheet.freeze_panes = freeze or "B2"
        sheet.auto_filter.ref = f"A{at}:{get_column_letter(len(columns))}{last}"
        sheet.print_title_rows = "1:1"
    else:
        sheet.freeze_panes = f"A{at + 1}"


_STYLES = {
    False: (Font(name=FONT, size=10), Alignment(vertical="center")),
    True: (Font(name=FONT, size=10), Alignment(vertical="center", wrap_text=True)),
}
_HEAD_STYLE = (Font(name=FONT, size=10, bold=True, color="FFFFFF"), Alignment(horizontal="center", vertical="center", wrap_text=True))
_RIGHT = Alignment(horizontal="right", vertical="center")


def _put(sheet: Worksheet, row: int, column: int, value: Cell, form: str = "General", *, head: bool = False, wrap: bool = False) -> None:
    cell = sheet.cell(row, column)
    if isinstance(value, str):
        cell.value = cell_safe(value)
        cell.data_type = "s"  # text, whatever it looks like
    else:
        cell.value = value
    font, alignment = _HEAD_STYLE if head else _STYLES[wrap]
    cell.font, cell.alignment, cell.border = font, _RIGHT if value == "未评价" else alignment, _GRID
    if head:
        cell.fill = _HEAD
    elif not isinstance(value, str):
        cell.number_format = form


def cell_safe(text: str) -> str:
    """What a cell may hold: nothing a spreadsheet would compute, no character that XML cannot hold, no more than Excel takes."""
    return ILLEGAL_CHARACTERS_RE.sub("\ufffd", neutralised(text))[:MAX_TEXT]

"""How a package looks: 说明, 工单, 问题明细. Written for a clerk who never saw one: what is wrong, where, why, by when, how to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import IO

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.clock import SHANGHAI
from districtlake.policy.cycles import CYCLE_TITLES
from districtlake.policy.pack import Limit, PolicyPack
from districtlake.store.tables import Ticket
from districtlake.tickets.overdue import OVERDUE
from districtlake.tickets.sheet_rows import lines_of, neutralised, row_height, write_workbook

ROWS_PER_SHEET = 500_000
"""Excel takes 1,048,576, but a sheet of half of it is what office machines still open."""

SEVERITY_TITLES = {"critical": "严重", "warning": "警告", "info": "提示"}
KIND_TITLES = {"problem": "问题", "lead": "线索", "notice": "告知", "overdue_update": "更新逾期"}

TICKET_COLUMNS: tuple[tuple[str, float], ...] = (
    ("工单号", 15), ("类别", 7), ("资源", 24), ("规则", 46),
    ("维度", 9), ("严重程度", 9), ("问题数", 9), ("涉及行（示例）", 44), ("处理期限", 19),
)  # fmt: skip
DETAIL_COLUMNS: tuple[tuple[str, float], ...] = (
    ("工单号", 15), ("资源", 22), ("文件", 26), ("工作表", 12), ("行号", 8), ("数据项", 18), ("主键", 30), ("当前值", 28),
    ("规则", 34), ("原因", 34),
    ("维度", 9), ("严重程度", 9), ("处理期限", 19), ("处理方式", 12), ("更正值", 24), ("处理说明", 30), ("计划", 22), ("日期", 13), ("编号", 12),
)  # fmt: skip
OVERDUE_COLUMNS: tuple[tuple[str, float], ...] = (
    ("工单号", 15), ("资源", 28), ("更新周期", 10), ("最近数据日期", 14), ("最近接收", 18), ("应更新至", 12), ("宽限至", 18), ("已错过期数", 11),
    ("处理期限", 19), ("处理方式", 12), ("处理说明", 34), ("计划", 22), ("日期", 13), ("编号", 12),
)  # fmt: skip
OVERDUE_SHEET = "更新逾期"
GUIDE_WIDTH = 96.0
VALUE = "更正值"
ANSWER_COLUMNS = ("处理方式", VALUE, "处理说明", "计划", "日期")
REFERENCE = "编号"
PACKAGE_LABEL, SEAL_LABEL = "反馈单编号", "校验码"
EXTENSION = "申请延期"
"""What can be chosen beside the dispositions of the pack (Article 27, paragraph 3)."""
CENTRED = {
    "工单号", "类别", "维度", "严重程度", "行号", "问题数", "处理期限", "处理方式", "更新周期", "最近数据日期", "最近接收", "应更新至", "宽限至", "已错过期数", "日期",
}  # fmt: skip
WHOLE_NUMBERS = ("行号", "问题数", "已错过期数")

FONT = "微软雅黑"
_LINE = Side(style="thin", color="D0D7DE")
_GRID = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
_HEAD = PatternFill("solid", fgColor="1F4E79")
_ANSWER_HEAD = PatternFill("solid", fgColor="C55A11")
_ANSWER = PatternFill("solid", fgColor="FFF8E5")
_LABEL = PatternFill("solid", fgColor="EAF1F8")

Row = Sequence[str | int | None]


@dataclass(frozen=True)
class Contents:
    """What goes into one package.

    Attributes:
        tickets: in order of their numbers.
        resource_titles: resource id -> Chinese title.
        details: rows as ``DETAIL_COLUMNS`` without the answers.
        package, seal: its number and digest, by which it is known when it comes back; references: ticket id -> what stands in 编号 of a
            ticket that is answered as a whole.
        row_count: how many ``details`` yields.
    """

    agency_name: str
    tickets: Sequence[Ticket]
    resource_titles: dict[str, str]
    details: Iterable[Row]
    row_count: int
    made_at: datetime
    package: str = ""
    seal: str = ""
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def overdue(self) -> list[Ticket]:
        """The tickets about updates that did not come: they have no rows."""
        return [ticket for ticket in self.tickets if ticket.kind == OVERDUE]

    @property
    def about_rows(self) -> list[Ticket]:
        return [ticket for ticket in self.tickets if ticket.kind != OVERDUE]


def due_text(ticket: Ticket) -> str:
    if ticket.due_date is None:
        return ""
    return f"{ticket.due_date.isoformat()}（暂定）" if ticket.provisional else ticket.due_date.isoformat()


def write_package(contents: Contents, policy: PolicyPack, target: IO[bytes], *, rows_per_sheet: int = ROWS_PER_SHEET) -> None:
    """The workbook of one agency, written to an open binary file."""
    book = Workbook()
    book.properties.creator = book.properties.lastModifiedBy = "DistrictLake"
    book.properties.created = book.properties.modified = contents.made_at.replace(tzinfo=None)
    guide = book.active
    assert isinstance(guide, Worksheet)
    guide.title = "说明"
    _guide(guide, contents, policy)
    _table(book.create_sheet("工单"), TICKET_COLUMNS, len(contents.tickets))
    if contents.overdue:
        late = book.create_sheet(OVERDUE_SHEET)
        _table(late, OVERDUE_COLUMNS, len(contents.overdue))
        _answers(late, policy, len(contents.overdue), OVERDUE_COLUMNS)
    pages = max(1, -(-contents.row_count // rows_per_sheet)) if contents.about_rows else 0
    titles = ["问题明细" if page == 1 else f"问题明细({page})" for page in range(1, pages + 1)]
    for page, title in enumerate(titles):
        rows = min(rows_per_sheet, contents.row_count - page * rows_per_sheet)
        sheet = book.create_sheet(title)
        _table(sheet, DETAIL_COLUMNS, rows)
        _answers(sheet, policy, rows, DETAIL_COLUMNS)
    rest = iter(contents.details)
    bodies: dict[str, Iterable[Row]] = {"工单": map(_ticket_row, contents.tickets, [contents.resource_titles] * len(contents.tickets))}
    if contents.overdue:
        bodies[OVERDUE_SHEET] = (_overdue_row(ticket, contents) for ticket in contents.overdue)
    for page, title in enumerate(titles):
        bodies[title] = _page(rest, min(rows_per_sheet, contents.row_count - page * rows_per_sheet))
    write_workbook(book, bodies, target)


def _page(rows: Iterable[Row], count: int) -> Iterable[Row]:
    for _, row in zip(range(count), rows, strict=False):
        yield (*row[:-1], *NOT_ANSWERED, row[-1])


def _ticket_row(ticket: Ticket, titles: dict[str, str]) -> Row:
    rows = "、".join(str(number) for number in ticket.sample_rows)
    where = f"连续 {ticket.open_problems} 期未更新" if ticket.kind == OVERDUE else "整个文件"
    more = " 等" if ticket.open_problems > len(ticket.sample_rows) and rows else ""
    return (
        ticket.number, KIND_TITLES[ticket.kind], titles.get(ticket.resource, ticket.resource), ticket.rule_title,
        DIMENSION_TITLES.get(ticket.dimension, ticket.dimension), SEVERITY_TITLES.get(ticket.severity, ticket.severity),
        ticket.open_problems, f"{rows}{more}" if rows else where, due_text(ticket),
    )  # fmt: skip


NOT_ANSWERED: Row = (None,) * len(ANSWER_COLUMNS)
WHOLE_NOT_ANSWERED: Row = NOT_ANSWERED[1:]
"""Of a ticket that is answered as a whole: there is no value to correct."""


def _overdue_row(ticket: Ticket, contents: Contents) -> Row:
    titles, update = contents.resource_titles, ticket.terms.get("update", {})
    received, grace = update.get("last_received_at"), update.get("grace_until")
    return (
        ticket.number, titles.get(ticket.resource, ticket.resource), CYCLE_TITLES.get(update.get("cycle", ""), ""),
        update.get("last_data_date") or "", _moment(received) if received else "从未交付", update.get("due_date") or "",
        _moment(grace) if grace else "", ticket.open_problems, due_text(ticket), *WHOLE_NOT_ANSWERED, contents.references.get(ticket.id, ""),
    )  # fmt: skip


def _moment(instant: str) -> str:
    """An instant as people write it in Shanghai; the end of a day is 24:00 of that day, not 0:00 of the next."""
    local = datetime.fromisoformat(instant).astimezone(SHANGHAI)
    if local.time() == time():
        return f"{(local - timedelta(1)).date().isoformat()} 24:00"
    return local.strftime("%Y-%m-%d %H:%M")


def _table(sheet: Worksheet, columns: Sequence[tuple[str, float]], rows: int) -> None:
    """Header, widths, print set-up, and the specimen row."""
    for number, (title, width) in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
        answer = title in ANSWER_COLUMNS
        head = sheet.cell(1, number, title)
        head.font = Font(name=FONT, size=10, bold=True, color="FFFFFF")
        head.fill = _ANSWER_HEAD if answer else _HEAD
        head.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        head.border = _GRID
        cell = sheet.cell(2, number)
        cell.font = Font(name=FONT, size=10)
        cell.alignment = Alignment(horizontal="center" if title in CENTRED else "left", vertical="center", wrap_text=True)
        cell.border = _GRID
        cell.number_format = "0" if title in WHOLE_NUMBERS else "@"
        if answer:
            cell.fill = _ANSWER
    last = get_column_letter(len(columns))
    sheet.row_dimensions[1].height = 26
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:{last}{max(rows, 0) + 1}"
    sheet.sheet_view.showGridLines = False
    sheet.print_title_rows = "1:1"
    _printable(sheet, landscape=True)


def _printable(sheet: Worksheet, *, landscape: bool) -> None:
    sheet.page_setup.orientation = "landscape" if landscape else "portrait"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_margins.left = sheet.page_margins.right = 0.4
    sheet.oddFooter.center.text = "第 &P 页，共 &N 页"


def _answers(sheet: Worksheet, policy: PolicyPack, rows: int, columns: Sequence[tuple[str, float]]) -> None:
    """The drop-down of what can be answered."""
    choices = [*policy.dispositions.values.values(), EXTENSION]
    dropdown = DataValidation(type="list", formula1='"' + ",".join(choices) + '"', allow_blank=True, showErrorMessage=True)
    dropdown.errorTitle, dropdown.error = "处理方式", f"请从下拉列表中选择：{'、'.join(choices)}"
    dropdown.promptTitle, dropdown.prompt, dropdown.showInputMessage = "处理方式", "请选择", True
    column = get_column_letter([title for title, _ in columns].index("处理方式") + 1)
    dropdown.add(f"{column}2:{column}{max(rows, 1) + 1}")
    sheet.add_data_validation(dropdown)


def _guide(sheet: Worksheet, contents: Contents, policy: PolicyPack) -> None:
    sheet.sheet_view.showGridLines = False
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 16, GUIDE_WIDTH
    title = _put(sheet, 1, 1, f"问题数据反馈单　{contents.agency_name}")
    title.font = Font(name=FONT, size=18, bold=True, color="1F4E79")
    sheet.merge_cells("A1:B1")
    sheet.row_dimensions[1].height = 40
    line = 2
    for label, text in _facts(contents, policy):
        line += 1
        _pair(sheet, line, label, text)
    line += 2
    _heading(sheet, line, "如何答复")
    for number, text in enumerate(_steps(contents, policy), start=1):
        line += 1
        _pair(sheet, line, f"第{'一二三四五六七八九'[number - 1]}步", text)
    line += 2
    _heading(sheet, line, "须知")
    for label, text in _notes(contents, policy):
        line += 1
        _pair(sheet, line, label, text)
    _printable(sheet, landscape=False)


def _facts(contents: Contents, policy: PolicyPack) -> list[tuple[str, str]]:
    tickets = contents.tickets
    kinds = [f"{KIND_TITLES[kind]} {n} 件" for kind in KIND_TITLES if (n := sum(ticket.kind == kind for ticket in tickets))]
    days = sorted({ticket.due_date for ticket in tickets if ticket.due_date is not None})
    due = _day(days[0]) if len(days) == 1 else f"{_day(days[0])}（最早）至 {_day(days[-1])}（最晚），逐件见“工单”表"
    limits = {limit.title: limit for limit in _limits(contents, policy)}
    facts = [
        ("接收单位", contents.agency_name),
        ("制发日期", _day(contents.made_at.astimezone(SHANGHAI).date())),
        ("工单", f"共 {len(tickets)} 件（{'，'.join(kinds)}），{tickets[0].number} 至 {tickets[-1].number}"),
    ]
    if contents.about_rows:
        facts.append(("问题", f"共 {contents.row_count} 处，逐处见“问题明细”表"))
    if contents.overdue:
        facts.append((OVERDUE_SHEET, f"{len(contents.overdue)} 项资源没有按更新周期更新，逐项见“{OVERDUE_SHEET}”表"))
    facts.append(("处理期限", f"{due}　24时前（自收到反馈之日起 {'、'.join(limits)}，收到当日不计入）"))
    if any(ticket.provisional for ticket in tickets):
        facts.append(
            ("期限说明", "标注“（暂定）”的期限跨入尚未公布放假安排的年度，暂按周一至周五为工作日推算，安排公布后重新计算并另行告知。")
        )
    if contents.package:
        facts += [(PACKAGE_LABEL, contents.package), (SEAL_LABEL, contents.seal)]
    articles = "、".join(dict.fromkeys(limit.article for limit in _limits(contents, policy)))
    facts.append(("流程依据", f"{policy.note}　{policy.document.number} {articles}"))
    return facts


def _limits(contents: Contents, policy: PolicyPack) -> list[Limit]:
    deadlines = policy.deadlines
    return [deadlines.problem_handling] * bool(contents.about_rows) + [deadlines.update_overdue] * bool(contents.overdue)


def _steps(contents: Contents, policy: PolicyPack) -> list[str]:
    return (_steps_for_rows(policy) if contents.about_rows else []) + (_steps_for_updates() if contents.overdue else [])


def _steps_for_updates() -> list[str]:
    return [
        f"“{OVERDUE_SHEET}”表所列的资源，请尽快按目录规定的方式交付最新的数据；没有变化的，也请以新的数据日期照常交付。",
        f"新的交付入仓后，“{OVERDUE_SHEET}”工单自动办结；一时不能更新的，请在“处理方式”选择{EXTENSION}，在“处理说明”写明原因，在“日期”写明预计的日期。",
    ]


def _steps_for_rows(policy: PolicyPack) -> list[str]:
    words = policy.dispositions.values
    choices = "、".join([*words.values(), EXTENSION])
    ceiling = policy.deadlines.problem_ceiling
    return [
        "打开“问题明细”表，按“文件”“工作表”“行号”在贵单位交付的文件中找到该行；“数据项”“当前值”是有疑问的单元格，“原因”说明为什么。",
        f"在“处理方式”一栏从下拉列表选择：{choices}。{policy.dispositions.note}。",
        f"在“处理说明”一栏写明改正的情况、确认无误的依据、商定的办法或延期的理由。选择{words['settled']}的，还要填“计划”和回看的“日期”；选择{EXTENSION}的，还要填延至的“日期”。",
        f"需要改正的，请在业务系统中修正源数据，并在处理期限前重新交付；也可以选择{words['corrected']}，并在“{VALUE}”一栏写明改正后的值（只改这一个数据项；请保持单元格为文本格式），由系统按主键更新该行。新的交付经核验通过后，工单自动办结。不必修改本文件中的“当前值”。",
        f"确因特殊原因不能按期完成的，请在期限前{EXTENSION}，最长至自收到之日起合计{ceiling.title}（{ceiling.article}）。",
        f"填好后在门户“答复反馈单”上传本文件，即可一次答复各工单；可以只填一部分，分几次上传。请保留“{REFERENCE}”一栏和本页的{PACKAGE_LABEL}、{SEAL_LABEL}，否则无法识别。",
    ]


def _notes(contents: Contents, policy: PolicyPack) -> list[tuple[str, str]]:
    notes = [
        (
            "严重程度",
            "严重：该行或该文件未入仓、数据没有按期更新或可能被误用，应当改正；警告：数值可疑，请核实；提示：比对发现的线索，不作为错误结论，请核实。",
        ),
        ("当前值", "按交付原文列出；以 = + - @ 等符号开头的，前面加了一个单引号，以免被表格软件当作公式执行。"),
        ("信息保护", "本文件可能含有个人信息，只供处理所列问题使用，不得转给第三方，用毕按本单位规定保管或销毁。"),
    ]
    if any(ticket.kind == "lead" for ticket in contents.tickets):
        notes.insert(1, ("线索", "“线索”由不同单位的数据比对得出，可能因各方数据的时点不同而出现，请核实后选择处理方式。"))
    return notes


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _put(sheet: Worksheet, row: int, column: int, text: str) -> Cell:
    cell = sheet.cell(row, column)
    assert isinstance(cell, Cell)
    cell.value = neutralised(text)
    cell.data_type = "s"
    return cell


def _pair(sheet: Worksheet, row: int, label: str, text: str) -> None:
    head, body = _put(sheet, row, 1, label), _put(sheet, row, 2, text)
    head.font, body.font = Font(name=FONT, size=10, bold=True), Font(name=FONT, size=10)
    head.fill, head.border, body.border = _LABEL, _GRID, _GRID
    head.alignment = Alignment(horizontal="center", vertical="center")
    body.alignment = Alignment(horizontal="left", vertical="center", wrap_text=True, indent=1)
    sheet.row_dimensions[row].height = row_height(lines_of(text, GUIDE_WIDTH)) + 6


def _heading(sheet: Worksheet, row: int, text: str) -> None:
    cell = _put(sheet, row, 1, text)
    cell.font = Font(name=FONT, size=12, bold=True, color="1F4E79")
    sheet.row_dimensions[row].height = 24

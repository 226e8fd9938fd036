"""Reading a package that an agency has filled in: what was answered to which finding, and what could not be understood.

Only the answers and the reference are read. What the other cells show may have been changed, sorted or deleted: it has no effect.
"""

from __future__ import annotations

import hmac
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from sqlalchemy.orm import Session

from districtlake.errors import DistrictLakeError, IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.workbook_guard import check_workbook
from districtlake.policy.pack import PolicyPack
from districtlake.store.tables import Package
from districtlake.tickets.seal import NO_PROBLEM, Seal
from districtlake.tickets.workbook import ANSWER_COLUMNS, EXTENSION, PACKAGE_LABEL, REFERENCE, SEAL_LABEL

MOST_TEXT = 4000
MOST_ROWS = 1_000_000
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:\s+00:00:00)?")


class PackageRefused(DistrictLakeError):
    """The file is no package of ours for this agency, or was tampered with. Nothing of it was taken."""

    code = "package.refused"


@dataclass(frozen=True)
class Answer:
    """One answered row.

    Attributes:
        choice: a disposition's code in the pack, or "extension".
        problem: the finding; ``seal.NO_PROBLEM``: the ticket as a whole.
    """

    sheet: str
    row: int
    number: str
    problem: str
    choice: str
    explanation: str
    plan: str
    day: date | None


@dataclass(frozen=True)
class NotUnderstood:
    """A row that was not taken, and why, for whoever filled it in."""

    sheet: str
    row: int
    number: str
    why: str


@dataclass
class Filled:
    """A package as it came back. ``blank``: rows without an answer."""

    package: str
    answers: list[Answer]
    faults: list[NotUnderstood]
    blank: int = 0


def read_answers(path: Path, session: Session, seal: Seal, policy: PolicyPack, agency: str, limits: Limits | None = None) -> Filled:
    """Read a filled package.

    Args:
        agency: whose answers they are; the package must have gone to it.

    Raises:
        PackageRefused: not an .xlsx, not ours, another agency's, or its number and digest do not fit each other.
    """
    try:
        check_workbook(path, path.name, limits or Limits(max_bytes=1 << 30))
        book = load_workbook(path, read_only=True, data_only=True)
    except (IngestionError, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        reason = error.message if isinstance(error, IngestionError) else "不是可以读取的工作簿"
        raise PackageRefused(f"文件“{path.name}”无法读取：{reason}。", hint="请上传填好的反馈单（.xlsx），不要另存为其他格式。") from error
    try:
        package = _package_of(book, path.name, session, seal, agency)
        filled = Filled(package, [], [])
        for name in book.sheetnames:
            for row, cells in _rows(book[name]):
                _take(filled, name, row, cells, seal, policy)
    finally:
        book.close()
    return filled


def _package_of(book: Any, file: str, session: Session, seal: Seal, agency: str) -> str:
    said: dict[str, str] = {}
    guide = book[book.sheetnames[0]]
    guide.reset_dimensions()
    for row in guide.iter_rows(max_row=60, max_col=2, values_only=True):
        if len(row) == 2 and row[0] in (PACKAGE_LABEL, SEAL_LABEL):
            said[str(row[0])] = str(row[1] or "").strip()
    package = said.get(PACKAGE_LABEL, "")
    if not package:
        raise PackageRefused(f"文件“{file}”不是本系统发出的问题数据反馈单。", hint="请从工单页下载反馈单，填好后原样上传。")
    found = session.get(Package, package)
    genuine = seal.of_package(package, agency).encode()
    if found is None or found.agency != agency or not hmac.compare_digest(genuine, said.get(SEAL_LABEL, "").encode()):
        # another agency's package is not told apart from a forged one
        raise PackageRefused(f"文件“{file}”不是发给贵单位的反馈单，或其编号、校验码已被改动。", hint="请从工单页重新下载反馈单。")
    return package


def _rows(sheet: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and cells (by the header's titles) of every row of a sheet that can be answered; nothing of the others."""
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_row=MOST_ROWS, max_col=40, values_only=True)
    header = [str(cell or "").strip() for cell in next(rows, ())]
    if not {"工单号", "处理方式", REFERENCE} <= set(header):
        return
    for number, row in enumerate(rows, start=2):
        yield number, {title: cell for title, cell in zip(header, row, strict=False) if title}


def _take(filled: Filled, sheet: str, row: int, cells: dict[str, Any], seal: Seal, policy: PolicyPack) -> None:
    texts = {title: _text(cells.get(title)) for title in ("工单号", REFERENCE, *ANSWER_COLUMNS)}
    if not any(texts[title] for title in ANSWER_COLUMNS):
        filled.blank += any(texts.values())
        return None
    number = texts["工单号"].upper()

    def wrong(why: str) -> None:
        filled.faults.append(NotUnderstood(sheet, row, number[:20], why))

    problem = seal.problem_of(filled.package, number, texts[REFERENCE])
    if problem is None:
        return wrong("工单号与编号对不上：该行不是本反馈单的，或被改动过。请从原反馈单中恢复这两栏。")
    words = {title: code for code, title in policy.dispositions.values.items()} | {EXTENSION: "extension"}
    choice = words.get(texts["处理方式"])
    if choice is None:
        given = f"“{texts['处理方式'][:20]}”不是可选的处理方式" if texts["处理方式"] else "没有选择处理方式"
        return wrong(f"{given}；请选择{'、'.join(words)}之一。")
    day = _day(cells.get("日期"))
    if texts["日期"] and day is None:
        return wrong(f"“{texts['日期'][:20]}”不是日期；请写成 2026-03-09 的形式。")
    if any(len(text) > MOST_TEXT for text in texts.values()):
        return wrong(f"文字过长；每格最多 {MOST_TEXT} 个字。")
    needs = {"confirmed": ("处理说明",), "settled": ("处理说明", "计划", "日期"), "extension": ("处理说明", "日期")}.get(choice, ())
    missing = [title for title in needs if not texts[title]]
    if missing:
        return wrong(f"{texts['处理方式']}还要填写：{'、'.join(missing)}。")
    if problem == NO_PROBLEM and choice == "confirmed":
        return wrong(f"更新逾期不能以“{texts['处理方式']}”答复；请交付最新的数据，或选择{EXTENSION}。")
    filled.answers.append(Answer(sheet, row, number, problem, choice, texts["处理说明"], texts["计划"], day))
    return None


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _day(value: Any) -> date | None:
    """A day as people write it; a cell that a spreadsheet has turned into a date is one."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    found = _DAY.fullmatch(_text(value))
    try:
        return date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        return None

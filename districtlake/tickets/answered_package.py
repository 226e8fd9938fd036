"""Reading a package that an agency has filled in: what was answered to which finding, and what could not be understood.

Only the answers and the reference are read. What the other cells show may have been changed, sorted or deleted: it has no effect.
"""

from __future__ import annotations

import hmac
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
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
from districtlake.tickets.sheet_rows import neutralised
from districtlake.tickets.workbook import ANSWER_COLUMNS, EXTENSION, PACKAGE_LABEL, REFERENCE, SEAL_LABEL, VALUE
from districtlake.wording.sentences import Listed, Named, Sentence

MOST_TEXT = 4000
MOST_ROWS = 1_000_000
MOST_COLUMNS = 40
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
EXACT = 10**15
"""Spreadsheets keep 15 digits of a number."""
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:\s+00:00:00)?")


class PackageRefused(DistrictLakeError):
    """The file is no package of ours for this agency, or was tampered with. Nothing of it was taken."""

    code = "package.refused"


@dataclass(frozen=True)
class Answer:
    """One answered row.

    Attributes:
        choice: a disposition's code in the pack, or "extension".
        problem: the finding, or the report; ``seal.NO_PROBLEM``: the ticket as a whole.
        value: the corrected value; "": none was given.
    """

    sheet: str
    row: int
    number: str
    problem: str
    choice: str
    explanation: str
    plan: str
    day: date | None
    value: str = ""


@dataclass(frozen=True)
class NotUnderstood:
    """A row that was not taken, and why, for whoever filled it in (``why.whole``)."""

    sheet: str
    row: int
    number: str
    why: Sentence


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
        raise PackageRefused.of("package.unreadable", file=path.name) from error
    try:
        package = _package_of(book, path.name, session, seal, agency)
        filled = Filled(package, [], [])
        for name in book.sheetnames:
            for row, cells in _rows(book[name]):
                _take(filled, name, row, cells, seal, policy)
    finally:
        book.close()
    if _computes(path):
        _refuse_formulas(filled, path)
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
        raise PackageRefused.of("package.foreign", file=file)
    found = session.get(Package, package)
    genuine = seal.of_package(package, agency).encode()
    if found is None or found.agency != agency or not hmac.compare_digest(genuine, said.get(SEAL_LABEL, "").encode()):
        # another agency's package is not told apart from a forged one
        raise PackageRefused.of("package.not_yours", file=file)
    return package


def _rows(sheet: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and cells (by the header's titles) of every row of a sheet that can be answered; nothing of the others."""
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_row=MOST_ROWS, max_col=MOST_COLUMNS, values_only=True)
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

    def wrong(key: str, **values: object) -> None:
        filled.faults.append(NotUnderstood(sheet, row, number[:20], Sentence.of(key, **values)))

    problem = seal.problem_of(filled.package, number, texts[REFERENCE])
    if problem is None:
        return wrong("answer.reference")
    words = {title: code for code, title in policy.dispositions.values.items()} | {EXTENSION: "extension"}
    choice = words.get(texts["处理方式"])
    if choice is None:
        choices = Listed.of(choice_named(code, policy) for code in words.values())
        if not texts["处理方式"]:
            return wrong("answer.no_choice", choices=choices)
        return wrong("answer.unknown_choice", given=texts["处理方式"][:20], choices=choices)
    day = _day(cells.get("日期"))
    if texts["日期"] and day is None:
        return wrong("answer.no_day", given=texts["日期"][:20])
    if any(len(text) > MOST_TEXT for text in texts.values()):
        return wrong("answer.too_long", most=MOST_TEXT)
    needs = {"confirmed": ("处理说明",), "settled": ("处理说明", "计划", "日期"), "extension": ("处理说明", "日期")}.get(choice, ())
    missing = [title for title in needs if not texts[title]]
    if missing:
        titles = Listed.of(Named("column", title, title) for title in missing)
        return wrong("answer.needs", choice=choice_named(choice, policy), missing=titles)
    if problem == NO_PROBLEM and choice == "confirmed":
        return wrong("answer.overdue_confirmed", choice=choice_named(choice, policy), extension=choice_named("extension", policy))
    value = _value(cells.get(VALUE))
    if isinstance(value, Sentence):
        return wrong(value.key)
    if value and choice != "corrected":
        return wrong("value.only_corrected", choice=choice_named("corrected", policy))
    filled.answers.append(Answer(sheet, row, number, problem, choice, texts["处理说明"], texts["计划"], day, value))
    return None


def choice_named(code: str, policy: PolicyPack) -> Named:
    """A disposition, or the extension, for sentences."""
    return Named("answer", code, {**policy.dispositions.values, "extension": EXTENSION}[code])


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _value(cell: Any) -> str | Sentence:
    """A corrected value as text, whatever a spreadsheet has made of what was typed; "" where nothing was."""
    if isinstance(cell, bool):
        return Sentence.of("value.no_text")
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, int | float):
        if not abs(cell) < EXACT:  # an identity number that was typed into a cell of numbers has lost its end
            return Sentence.of("value.number_lost")
        return str(int(cell)) if cell == int(cell) else repr(cell)
    if cell is not None and not isinstance(cell, str):
        return Sentence.of("value.no_text")
    text = _text(cell)
    return text[1:] if text.startswith("'") and neutralised(text[1:]) == text else text


def _computes(path: Path) -> bool:
    """Whether any sheet has a formula; ours have none."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with archive.open(name) as part:
                    tail = b""
                    while chunk := part.read(1 << 20):
                        if _FORMULA.search(tail + chunk):
                            return True
                        tail = chunk[-4:]
    return False


def _refuse_formulas(filled: Filled, path: Path) -> None:
    """What a formula came to is in the file, but not what it will come to: a corrected value is a value. The reader above saw results only."""
    book = load_workbook(path, read_only=True, data_only=False)
    try:
        wanted = {(answer.sheet, answer.row) for answer in filled.answers if answer.choice == "corrected"}
        computed: set[tuple[str, int]] = set()
        for name in {sheet for sheet, _ in wanted}:
            sheet = book[name]
            sheet.reset_dimensions()
            place = -1
            for number, row in enumerate(sheet.iter_rows(max_row=MOST_ROWS, max_col=MOST_COLUMNS), start=1):
                if number == 1:
                    head = [str(cell.value or "").strip() for cell in row]
                    place = head.index(VALUE) if VALUE in head else MOST_COLUMNS
                elif (name, number) in wanted and place < len(row) and row[place].data_type == "f":
                    computed.add((name, number))
    finally:
        book.close()
    for answer in [answer for answer in filled.answers if (answer.sheet, answer.row) in computed]:
        filled.answers.remove(answer)
        filled.faults.append(NotUnderstood(answer.sheet, answer.row, answer.number[:20], Sentence.of("value.formula")))


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

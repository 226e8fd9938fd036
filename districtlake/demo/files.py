"""Bytes of the files: CSV in the agency's encoding, Excel written here so that the same rows are the same bytes.

The Excel writer makes the smallest workbook that Excel, openpyxl and calamine read (ECMA-376): inline strings, numbers, true
dates, fixed time stamps. Equal bytes are promised for one build of zlib.
"""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from districtlake.demo.spelling import Cell

_EPOCH = date(1899, 12, 30)  # Excel's day 0, right from 1 March 1900 on


def replace_file(path: Path, content: bytes, *, scratch: Path) -> None:
    """Write ``content`` so that ``path`` is either absent, as before, or whole. ``scratch`` is on the same file system."""
    scratch.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = scratch / path.name
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
        scratch.rmdir()


@dataclass(frozen=True)
class Csv:
    """A CSV file: header in line 1, CRLF, minimal quoting."""

    encoding: str  # a Python codec; "utf-8-sig" writes the mark
    sheet: None = None

    def content(self, headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
        buffer = StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\r\n")
        writer.writerow(headers)
        writer.writerows(rows)
        return buffer.getvalue().encode(self.encoding)

    def lines(self, rows: Sequence[Sequence[Cell]]) -> Iterator[int]:
        """The line on which each row starts."""
        line = 2
        for row in rows:
            yield line
            line += 1 + sum(cell.count("\n") for cell in row if isinstance(cell, str))

    def footer(self, rows: Sequence[Sequence[Cell]]) -> None:
        return None


@dataclass(frozen=True)
class Excel:
    """A workbook: title rows (blank ones included), header, data, and a total row ``合计：<rows>条`` in its first cell.

    ``remarks`` is a second sheet of plain text, as agencies attach instructions.
    """

    sheet: str
    titles: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def content(self, headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
        total = [f"合计：{len(rows)}条"]
        sheets = {self.sheet: [*([title] for title in self.titles), headers, *rows, total]}
        if self.remarks:
            sheets["填报说明"] = [[remark] for remark in self.remarks]
        return workbook(sheets)

    def lines(self, rows: Sequence[Sequence[Cell]]) -> Iterator[int]:
        """The row of the sheet each row is in."""
        return iter(range(len(self.titles) + 2, len(self.titles) + 2 + len(rows)))

    def footer(self, rows: Sequence[Sequence[Cell]]) -> int:
        """The row of the total."""
        return len(self.titles) + 2 + len(rows)


def workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> bytes:
    """An .xlsx of the sheets, name -> rows of cells; "" is an empty cell, a date a true date. At most 26 columns."""
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": (
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_CONTENT}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_CONTENT}.styles+xml"/>'
            + "".join(f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_CONTENT}.worksheet+xml"/>' for n in numbers)
            + "</Types>"
        ),
        "_rels/.rels": _relations(f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
            + "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>' for n, name in zip(numbers, sheets, strict=True))
            + "</sheets></workbook>"
        ),
        "xl/_rels/workbook.xml.rels": _relations(
            "".join(f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers)
            + f'<Relationship Id="rId{len(sheets) + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        ),
        "xl/styles.xml": _STYLES,
    }
    for n, rows in zip(numbers, sheets.values(), strict=True):
        parts[f"xl/worksheets/sheet{n}.xml"] = _worksheet(rows)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 0, 0
            archive.writestr(entry, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}'.encode(), compresslevel=6)
    return buffer.getvalue()


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# Format 1 is built-in format 14, the locale's short date: that a reader takes the cell for a date rests on it.
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font><sz val="11"/><name val="宋体"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def _relations(inner: str) -> str:
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{inner}</Relationships>'


def _worksheet(rows: Sequence[Sequence[Cell]]) -> str:
    lines = [f'<worksheet xmlns="{_MAIN}"><sheetData>']
    for number, row in enumerate(rows, 1):
        lines.append(f'<row r="{number}">')
        for place, cell in enumerate(row):
            if cell == "":
                continue
            at = f"{chr(65 + place)}{number}"
            if isinstance(cell, str):
                lines.append(f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>')
            elif isinstance(cell, Decimal):
                lines.append(f'<c r="{at}"><v>{cell}</v></c>')
            else:
                lines.append(f'<c r="{at}" s="1"><v>{(cell - _EPOCH).days}</v></c>')
        lines.append("</row>")
    lines.append("</sheetData></worksheet>")
    return "".join(lines)

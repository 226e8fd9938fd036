"""Cells of an OpenDocument sheet that the workbook reader leaves empty or bends: times of day, errors of formulas, tabs and line breaks.

They are gathered while the guard reads the sheet anyway, and put over what the reader gives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import polars as pl

_DURATION = re.compile(r"(-?)P(?:([0-9]+)D)?T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:[.,]([0-9]+))?S)?")
_CELLS = ("table:table-cell", "table:covered-table-cell")


@dataclass(frozen=True)
class OddCell:
    """A cell (and its repetitions) of a sheet, counted from 0, as it is shown."""

    sheet: str
    row: int
    column: int
    rows: int
    columns: int
    text: str


@dataclass
class OddCells:
    """Takes the events of one ``content.xml`` in order; ``found`` holds the cells the reader would bend."""

    found: list[OddCell] = field(default_factory=list)
    _sheet: str = ""
    _row: int = 0
    _rows: int = 1
    _column: int = 0
    _columns: int = 1
    _time: str = ""
    _odd: bool = False
    _beside: int = 0  # inside a comment
    _paragraphs: list[str] = field(default_factory=list)
    _waiting: list[tuple[int, int, str]] = field(default_factory=list)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._beside or tag == "office:annotation":
            self._beside += 1
        elif tag == "table:table":
            self._sheet, self._row = attributes.get("table:name", ""), 0
        elif tag == "table:table-row":
            self._rows, self._column = int(attributes.get("table:number-rows-repeated", "1")), 0
            self._waiting = []
        elif tag in _CELLS:
            self._columns = int(attributes.get("table:number-columns-repeated", "1"))
            self._time = attributes.get("office:time-value", "") if attributes.get("office:value-type") == "time" else ""
            self._odd = attributes.get("calcext:value-type") == "error"
            self._paragraphs = []
        elif tag == "text:p":
            self._paragraphs.append("")
        elif tag == "text:s":
            self.text(" " * min(int(attributes.get("text:c", "1")), 1000))
        elif tag in ("text:tab", "text:line-break"):
            self._odd = True
            self.text("\t" if tag == "text:tab" else "\n")

    def text(self, data: str) -> None:
        if self._paragraphs and not self._beside:
            self._paragraphs[-1] += data

    def end(self, tag: str) -> None:
        if self._beside:
            self._beside -= 1
        elif tag in _CELLS:
            shown = time_of_day(self._time) if self._time else "\n".join(self._paragraphs) if self._odd else ""
            if shown:
                self._waiting.append((self._column, self._columns, shown))
            self._column += self._columns
        elif tag == "table:table-row":
            self.found.extend(OddCell(self._sheet, self._row, at, self._rows, wide, shown) for at, wide, shown in self._waiting)
            self._row += self._rows


def time_of_day(text: str) -> str:
    """A duration of ISO 8601 (PT08H30M00S) as hours, minutes and seconds: 08:30:00, 30:15:00; itself where it is none."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return text
    sign, days, hours, minutes, seconds, parts = match.groups()
    parts = (parts or "").rstrip("0")
    return f"{sign}{int(days or 0) * 24 + int(hours or 0):02d}:{int(minutes or 0):02d}:{int(seconds or 0):02d}" + (
        f".{parts}" if parts else ""
    )


def put_over(cells: pl.DataFrame, sheet: str, first_column: int, odd: tuple[OddCell, ...]) -> pl.DataFrame:
    """The frame of a sheet (``c0`` … from its first row on) with the odd cells as they are shown."""
    shown: dict[int, dict[int, str]] = {}
    for cell in odd:
        if cell.sheet == sheet:
            for column in range(max(0, cell.column - first_column), min(cells.width, cell.column + cell.columns - first_column)):
                for row in range(cell.row, min(cells.height, cell.row + cell.rows)):
                    shown.setdefault(column, {})[row] = cell.text
    return cells.with_columns(cells[f"c{column}"].scatter(list(texts), list(texts.values())) for column, texts in shown.items())

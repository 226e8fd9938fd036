"""Is a workbook safe to open? Answered before any reader allocates memory for it.

The reader puts a sheet into the smallest rectangle around its filled cells and aborts the whole process when that does not fit:
two cells in opposite corners make five kilobytes into half a terabyte. So the corners are looked for first.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from xml.parsers import expat

import numpy as np

from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.ods_cells import OddCell, OddCells
from districtlake.ingestion.packed import members, refuse_bomb, unpacked

# Addresses as every program writes them, r="AB12"; with a plain beginning these are searched three times faster.
_COLUMNS = re.compile(rb' r="([A-Za-z]+)')
_HIGH_ROWS = ((re.compile(rb' r="[A-Za-z]*[0-9]{6}'), 999_999), (re.compile(rb' r="[A-Za-z]*[0-9]{7}'), 9_999_999))
_OTHER_SPELLINGS = (b"r='", b" r =", b"\tr", b"\nr", b"\rr", b" r= ")
# A cell that holds something: <c r="AB12" ...> with content; an empty formatted one closes itself and takes no memory.
_CELL = re.compile(rb"""<(?:\w+:)?c(?=\s)[^<>]*?\sr\s*=\s*["']([A-Za-z]+)([0-9]+)["'](?:[^<>]*[^/<>])?>""")
# Values of cells that may be numbers that do not show as they are written: sixteen digits and more, exponents, a negative zero.
_ODD_NUMBER = re.compile(rb"<v(?: [^>]*)?>(?:-?[0-9]{16}|[^<]*[eE]|-0)")
_DATE_1904 = re.compile(rb'<(?:\w+:)?workbookPr[^<>]*\bdate1904="(1|true|on)"')
_BRT_ROW, _BRT_WB_PROP = 0, 153
_BRT_CELLS = frozenset(range(2, 12))  # RK, error, truth, number, text (in place, shared), and the four results of formulas
_OVERLAP = 4096  # longer than any start tag of a cell


@dataclass(frozen=True)
class Told:
    """What the parts of a workbook tell beforehand of the cells in it; True where nobody looked.

    Attributes:
        epoch_1904: dates count from 1904.
        odd_numbers: a number may show otherwise than it is written. truths: a cell may be a truth value.
        midnights_in_text: a text may look like the moments that are shown without their midnight.
        odd_cells: of an OpenDocument sheet, as it shows them: the reader bends these.
    """

    epoch_1904: bool = False
    odd_numbers: bool = True
    truths: bool = True
    midnights_in_text: bool = True
    odd_cells: tuple[OddCell, ...] = ()


def check_workbook(path: Path, name: str, limits: Limits) -> Told:
    """Refuse a zip-based workbook (.xlsx, .xlsm, .xlsb, .ods) that is damaged, a zip bomb, or too wide or high to hold in memory.

    Raises:
        IngestionError: ``ingestion.damaged``, ``ingestion.encrypted``, ``ingestion.too_large``, ``ingestion.too_many_columns``.
    """
    infos = members(path, name)
    refuse_bomb(infos, path.stat().st_size, name, limits)
    epoch_1904, found = False, _Found(all_looked_at=True)
    odd_cells: tuple[OddCell, ...] = ()
    with path.open("rb") as file:
        for info in infos:
            if info.filename == "xl/workbook.xml":
                epoch_1904 = bool(_DATE_1904.search(b"".join(unpacked(file, info, name))))
            elif info.filename == "content.xml":
                odd_cells = _check_ods(unpacked(file, info, name), name, limits)
                found.all_looked_at = False
            elif info.filename == "xl/workbook.bin":
                epoch_1904 = _binary_1904(b"".join(unpacked(file, info, name)))
            elif info.filename.endswith(".bin") and "worksheet" in info.filename.lower():
                _check_binary(b"".join(unpacked(file, info, name)), name, limits)
                found.all_looked_at = False
            # A sheet may lie under any name; every part is read anyway, for its size and checksum.
            elif not _surely_small(unpacked(file, info, name), limits, found):
                _check_sheet(unpacked(file, info, name), name, limits)
    return replace(found.told(epoch_1904), odd_cells=odd_cells)


def is_workbook(infos: list[zipfile.ZipInfo]) -> str | None:
    """ "xlsx", "xlsb" or "ods" when the zip is one; None for any other zip."""
    names = {info.filename for info in infos}
    if "xl/workbook.bin" in names:
        return "xlsb"
    if "[Content_Types].xml" in names and any(name.lower().startswith("xl/") for name in names):
        return "xlsx"
    return "ods" if {"mimetype", "content.xml"} <= names else None


class _Found:
    """Evidence of odd cells, gathered while every part goes by."""

    def __init__(self, all_looked_at: bool):
        self.all_looked_at = all_looked_at
        self.odd_numbers = self.truths = self.midnights = False

    def look(self, data: bytes, otherwise: bool) -> None:
        # What is spelled otherwise, by numbers of characters, in UTF-16, or around comments is not found by these searches. (Single bytes are
        # found ten times faster than pairs.)
        if otherwise or b"\0" in data or (b"!" in data and b"<!" in data) or (b"&" in data and b"&#" in data):
            self.all_looked_at = False
        codes = np.frombuffer(data, dtype=np.uint8)
        colons = np.flatnonzero(codes[: max(0, len(codes) - 3)] == 58)
        following = codes[colons + 1]
        if not self.odd_numbers:
            prefixed = bool(((following == 118) & ((codes[colons + 2] == 62) | (codes[colons + 2] == 32))).any())  # :v> or ":v "
            self.odd_numbers = prefixed or _ODD_NUMBER.search(data) is not None
        self.truths = self.truths or b't="b"' in data
        if not self.midnights:
            timed = (codes[colons + 3] == 58) & (codes[np.maximum(colons - 3, 0)] == 32)  # a blank, hours:minutes:seconds
            pieces = (following == 114) & (codes[colons + 2] == 62)  # a text in pieces, :r>, in which they may lie anywhere
            self.midnights = bool((timed | pieces).any()) or b"<r>" in data

    def told(self, epoch_1904: bool) -> Told:
        if not self.all_looked_at:
            return Told(epoch_1904)
        return Told(epoch_1904, self.odd_numbers, self.truths, self.midnights)


def _surely_small(chunks: Iterator[bytes], limits: Limits, found: _Found) -> bool:
    """Whether no sheet can be in this part that is too large, by the highest column and the digits of the highest row."""
    letters: set[bytes] = set()
    rows, rest, small = 99_999, b"", True
    for chunk in chunks:
        data = rest + chunk
        otherwise = _spelled_otherwise(data)
        found.look(data, otherwise)
        letters.update(_COLUMNS.findall(data))
        for pattern, height in _HIGH_ROWS:
            if rows < height:
                if not pattern.search(data):
                    break
                rows = height
        if otherwise:
            small = False
            break
        rest = data[-64:]
    columns = max((_column(letter) for letter in letters), default=0)
    return small and columns <= limits.max_columns and columns * rows <= limits.max_cells


def _spelled_otherwise(data: bytes) -> bool:
    """Whether an address may be spelled as no spreadsheet program spells it. Nearly always it has none of the characters for that."""
    if not any(mark in data for mark in (b"'", b"\t", b"\n", b"\r")):
        codes = np.frombuffer(data, dtype=np.uint8)
        blank, equals = codes == 32, codes == 61
        if not (blank[:-1] & equals[1:]).any() and not (equals[:-1] & blank[1:]).any():
            return False
    return any(spelling in data for spelling in _OTHER_SPELLINGS)


def _check_sheet(chunks: Iterator[bytes], name: str, limits: Limits) -> None:
    columns: set[bytes] = set()
    lowest, highest, rest = 0, 0, b""
    for chunk in chunks:
        data = rest + chunk
        for letters, digits in _CELL.findall(data):
            columns.add(letters)
            row = int(digits[:9])
            lowest, highest = min(lowest or row, row), max(highest, row)
        rest = data[-_OVERLAP:]
    if columns:
        numbers = [_column(letters) for letters in columns]
        refuse_extent(max(numbers) - min(numbers) + 1, highest - lowest + 1, name, limits)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters[:8].upper():
        number = number * 26 + letter - 64
    return number


def _binary_records(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, place and length of each record of a binary part ([MS-XLSB] 2.1.4); ends where the part contradicts itself."""
    at, end = 0, len(data)
    while at < end:
        kind = data[at]
        at += 1
        if kind & 0x80:
            if at >= end:
                return
            kind = (kind & 0x7F) | (data[at] << 7)
            at += 1
        length = shift = 0
        while True:
            if at >= end or shift > 21:
                return
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if at + length > end:
            return
        yield kind, at, length
        at += length


def _check_binary(data: bytes, name: str, limits: Limits) -> None:
    """The corners of a sheet in a binary workbook: rows announce themselves, cells that hold something name their column."""
    row = 0
    rows: set[int] = set()
    lowest, highest = 1 << 31, -1
    for kind, at, length in _binary_records(data):
        if kind == _BRT_ROW and length >= 4:
            row = int.from_bytes(data[at : at + 4], "little")
        elif kind in _BRT_CELLS and length >= 4:
            column = int.from_bytes(data[at : at + 4], "little")
            lowest, highest = min(lowest, column), max(highest, column)
            rows.add(row)
    if rows:
        refuse_extent(highest - lowest + 1, max(rows) - min(rows) + 1, name, limits)


def _binary_1904(data: bytes) -> bool:
    return any(kind == _BRT_WB_PROP and length >= 4 and data[at] & 1 for kind, at, length in _binary_records(data))


def _check_ods(chunks: Iterator[bytes], name: str, limits: Limits) -> tuple[OddCell, ...]:
    """OpenDocument repeats cells and rows by attributes: count as far as the last filled one. Gives the cells the reader bends."""
    extents = _OdsExtents()
    parser = expat.ParserCreate()
    parser.StartElementHandler = extents.start
    parser.EndElementHandler = extents.end
    parser.CharacterDataHandler = extents.text
    # A document type could define entities that explode; no spreadsheet program writes one.
    parser.StartDoctypeDeclHandler = extents.doctype
    try:
        for chunk in chunks:
            parser.Parse(chunk)
            refuse_extent(extents.columns, extents.rows, name, limits)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: an encoding nobody knows
        raise IngestionError.of("reading.damaged_sheet", code="ingestion.damaged", file=name) from error
    refuse_extent(extents.columns, extents.rows, name, limits)
    return tuple(extents.odd.found)


class _OdsExtents:
    """The widest and highest sheet so far, up to the last cell that holds something."""

    def __init__(self) -> None:
        self.columns = self.rows = 0
        self._row = self._column = self._filled_to = self._repeat_row = self._repeat_cell = 0
        self._filled = False
        self.odd = OddCells()

    def doctype(self, *_: object) -> None:
        raise ValueError("document type declared")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.odd.start(tag, attributes)
        if tag == "table:table":
            self._row = 0
        elif tag == "table:table-row":
            self._repeat_row = int(attributes.get("table:number-rows-repeated", "1"))
            self._column = self._filled_to = 0
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            self._repeat_cell = int(attributes.get("table:number-columns-repeated", "1"))
            self._filled = "office:value-type" in attributes

    def text(self, data: str) -> None:
        self.odd.text(data)
        self._filled = self._filled or bool(data.strip())

    def end(self, tag: str) -> None:
        self.odd.end(tag)
        if tag in ("table:table-cell", "table:covered-table-cell"):
            self._column += self._repeat_cell
            if self._filled:
                self._filled_to = self._column
        elif tag == "table:table-row":
            self._row += self._repeat_row
            if self._filled_to:
                self.columns, self.rows = max(self.columns, self._filled_to), max(self.rows, self._row)


def encrypted(name: str) -> IngestionError:
    return IngestionError.of("reading.encrypted", code="ingestion.encrypted", file=name)


def refuse_extent(columns: int, rows: int, name: str, limits: Limits) -> None:
    """Refuse a sheet whose filled cells span so many columns and rows."""
    if columns > limits.max_columns:
        raise IngestionError.of(
            "reading.wide_sheet", code="ingestion.too_many_columns", file=name, columns=f"{columns:,}", most=f"{limits.max_columns:,}"
        )
    if columns * rows > limits.max_cells:
        raise IngestionError.of(
            "reading.large_sheet",
            code="ingestion.too_large",
            file=name,
            rows=f"{rows:,}",
            columns=f"{columns:,}",
            most=f"{limits.max_cells:,}",
        )

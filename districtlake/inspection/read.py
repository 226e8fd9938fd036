"""Any file as tables, without a catalogue entry. What kind of file it is, its content says.

The same readers and guards as a delivery passes; only the catalogue's knowledge (which header, which sheet) is replaced by evidence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from districtlake.errors import IngestionError
from districtlake.ingestion.excel import sheets_of
from districtlake.ingestion.json_records import looks_like_json, read_json
from districtlake.ingestion.json_text import Literal, storable
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.names import is_junk
from districtlake.ingestion.packed import extract_gzip, extract_zip, member_name, members
from districtlake.ingestion.parquet import parquet_batches, parquet_cells, parquet_columns
from districtlake.ingestion.read import content_of, empty_file, refuse_foreign, refuse_size
from districtlake.ingestion.report import RowNote
from districtlake.ingestion.text import TextFile, temporary_file
from districtlake.ingestion.workbook_guard import Told, check_workbook
from districtlake.ingestion.xls_guard import check_xls
from districtlake.inspection.found import Decision, FoundFile, FoundTable, Noted, Wanted
from districtlake.inspection.layout import Row, arrange
from districtlake.inspection.members import OpenCollector, places_of
from districtlake.inspection.tables import rows_table, table_of_region
from districtlake.inspection.texts import open_decoded, read_text

_MAX_MEMBERS = 200
_DOCUMENT_BYTES = 64 << 20


@contextmanager
def opened(path: Path, name: str, wanted: Wanted, limits: Limits) -> Iterator[FoundFile]:
    """The tables of a file; their rows can be read inside the ``with``.

    Raises:
        IngestionError: the file cannot be read; codes as in docs/formats.md.
    """
    found = FoundFile(name, "", path.stat().st_size)
    with ExitStack() as stack:
        _read(path, found, wanted, limits, stack, packed=False)
        yield found


def _read(path: Path, found: FoundFile, wanted: Wanted, limits: Limits, stack: ExitStack, packed: bool) -> None:
    name = found.name
    refuse_size(path, name, limits)
    content, head = content_of(path, name)
    if content == "gzip" or content == "zip":
        if packed:
            raise IngestionError(f"{name} is packed twice.", hint="Deliver it packed once or not at all.", code="ingestion.packed")
        _packed(path, found, wanted, limits, stack, content)
    elif content in ("xlsx", "xlsb", "ods"):
        _workbook(path, found, wanted, limits, content, check_workbook(path, name, limits))
    elif content == "xls":
        check_xls(path, name, limits)
        _workbook(path, found, wanted, limits, "xls", Told())
    elif content == "parquet":
        found.format = "parquet"
        names, rows = parquet_columns(path, name, limits)
        if names and not packed:
            found.tables.append(_parts_table(path, name, names, rows, limits))
        else:  # a damaged member must not keep the others of its package from being read
            names, cells, odd = parquet_cells(path, name, limits)
            notes = [RowNote(None, at + 1, reason) for at, reason in odd.items()]
            found.tables.append(_whole_table("", len(found.tables), names, cells, notes))
    else:
        refuse_foreign(head, name)
        text, decision = open_decoded(path, name, wanted, _for_json(limits) if head[:1] in b"{[" else limits, stack)
        found.decisions.append(decision)
        start = text.head()
        if text.size - text.start < 1 << 16 and not start.strip():
            raise empty_file(name)
        if looks_like_json(start[:4096], name) and _json(text, found, wanted, limits):
            return
        read_text(text, found, wanted, limits)


def _for_json(limits: Limits) -> Limits:
    """A JSON document may be one line, as long as it is."""
    return replace(limits, max_line_bytes=limits.max_bytes)


# workbooks -----------------------------------------------------------------------------------------------------------
def _workbook(path: Path, found: FoundFile, wanted: Wanted, limits: Limits, kind: str, told: Told) -> None:
    found.format = kind
    if told.epoch_1904:
        found.decisions.append(Decision("dates", "1904", "工作簿声明日期从1904年起算"))
    for sheet in sheets_of(path, found.name, limits, told, wanted.sheet):
        if not sheet.cells.width:
            found.tables.append(_whole_table(sheet.name, len(found.tables), [], pl.DataFrame(), []))
            found.tables[-1].hidden = not sheet.visible
            continue
        cells = sheet.cells
        if sheet.first_column and wanted.as_is:  # columns left of the first filled one are part of what the sheet shows
            left = [pl.Series(f"_{at}", [None] * cells.height, dtype=pl.String) for at in range(sheet.first_column)]
            cells = pl.DataFrame(left).hstack(cells)
        rows = [Row(number, tuple(cell or "" for cell in line)) for number, line in enumerate(cells.iter_rows(), 1)]
        rows = rows[wanted.skip : len(rows) - wanted.footer if wanted.footer else None]
        for region in arrange(rows, wanted.header_row, wanted.header_rows, wanted.as_is):
            table = table_of_region(region, sheet.name, len(found.tables), empty_right=True)
            table.hidden = not sheet.visible
            found.tables.append(table)
    if not found.tables:
        raise empty_file(found.name)


# records -------------------------------------------------------------------------------------------------------------
def _json(text: TextFile, found: FoundFile, wanted: Wanted, limits: Limits) -> bool:
    """Read a JSON text; False when it only looked like one and is delimited text."""
    places: list[str | tuple[str, ...] | None] = [wanted.records]
    document: Any = None
    if wanted.records is None and text.size <= _DOCUMENT_BYTES:
        with text.path.open("rb") as file:
            file.seek(text.start)
            try:
                document = json.loads(file.read().decode("utf-8"), parse_float=Literal, parse_int=Literal, parse_constant=Literal)
            except (ValueError, RecursionError):
                document = None  # lines of JSON, or broken: the reader says which
        if _is_grid(document):
            found.format, found.encoding = "json", text.encoding
            rows = [Row(number, tuple("" if cell is None else _scalar(cell) for cell in line)) for number, line in enumerate(document, 1)]
            for at, region in enumerate(arrange(rows, wanted.header_row, wanted.header_rows, wanted.as_is)):
                found.tables.append(table_of_region(region, "", at))
            return True
        places = [*places_of(document)] or [None]
    beside: list[str] | None = None
    for place in places:
        collector = OpenCollector(found.name, limits)
        try:
            told = read_json(text, found.name, place, collector, limits)
        except IngestionError as error:
            if (
                error.code == "ingestion.json"
                and not found.tables
                and not found.name.lower().endswith((".json", ".geojson", ".ndjson", ".jsonl"))
            ):
                return False
            raise
        found.format, found.encoding = told.format, text.encoding
        names, cells, notes, numbers = collector.finish()
        title = told.records
        table = _whole_table(title if len(places) > 1 else "", len(found.tables), names, cells, notes, numbers)
        table.decisions.append(
            Decision("records", title or "(root)", "唯一的对象数组" if len(places) == 1 else "对象数组", option="--records")
        )
        found.tables.append(table)
        beside = told.beside if beside is None else [member for member in beside if member in told.beside]
    if beside := [member for member in beside or () if not any(f"{table.name}.".startswith(f"{member}.") for table in found.tables)]:
        found.warnings.append(f"记录之外的成员没有读取：{'、'.join(beside[:20])}。")
    return True


def _is_grid(document: Any) -> bool:
    return isinstance(document, list) and len(document) > 1 and all(isinstance(line, list) for line in document) and not any(
        isinstance(cell, (list, dict)) for line in document[:100] for cell in line
    )  # fmt: skip


def _scalar(value: Any) -> str:
    return storable(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _whole_table(
    name: str, at: int, names: list[str], cells: pl.DataFrame, notes: Iterable[RowNote], numbers: list[int] | None = None
) -> FoundTable:
    """A table whose format itself names its columns."""
    frame = (
        cells.with_columns(pl.Series("_row", numbers or range(1, cells.height + 1), dtype=pl.Int64)) if cells.width else rows_table([], 0)
    )

    def batches() -> Iterator[pl.DataFrame]:
        yield frame

    table = FoundTable(name, at, list(names), (), batches, estimated_rows=frame.height)
    for note in notes:
        table.noted.odd(note)
    return table


def _parts_table(path: Path, name: str, names: list[str], rows: int, limits: Limits) -> FoundTable:
    """A Parquet file, its rows read when they are asked for: a gigabyte of text stays within some hundred megabytes."""

    def batches() -> Iterator[pl.DataFrame]:
        begun = 0
        table.noted = Noted()
        for cells, odd in parquet_batches(path, name, limits):
            for at in odd:
                table.noted.odd(RowNote(None, begun + at + 1, "bad_escape"))
            yield cells.with_columns(pl.int_range(begun + 1, begun + cells.height + 1, dtype=pl.Int64, eager=True).alias("_row"))
            begun += cells.height

    table = FoundTable("", 0, list(names), (), batches, estimated_rows=rows)
    return table


# packed --------------------------------------------------------------------------------------------------------------
def _packed(path: Path, found: FoundFile, wanted: Wanted, limits: Limits, stack: ExitStack, kind: str) -> None:
    if kind == "gzip":
        target = stack.enter_context(temporary_file(found.name))
        extract_gzip(path, found.name, limits, target)
        target.flush()
        _member(Path(target.name), found.name.rpartition("/")[2].removesuffix(".gz"), "", found, wanted, limits, stack)
        return
    names = [member for info in members(path, found.name) if not is_junk(member := member_name(info))]
    if not names:
        raise empty_file(found.name)
    failures: list[IngestionError] = []
    for member in names[:_MAX_MEMBERS]:
        target = stack.enter_context(temporary_file(found.name))
        extract_zip(path, found.name, limits, partial(_chosen, member), target)
        target.flush()
        try:
            _member(Path(target.name), member, member if len(names) > 1 else "", found, wanted, limits, stack)
        except IngestionError as error:
            failures.append(error)
            found.warnings.append(f"压缩包中的{member}未能读取：{error.message}")
    if failures and not found.tables:
        raise failures[0]
    if len(names) > _MAX_MEMBERS:
        found.warnings.append(f"压缩包有{len(names)}个文件，只读取了前{_MAX_MEMBERS}个。")


def _chosen(member: str, _: list[str]) -> str:
    return member


def _member(path: Path, member: str, label: str, found: FoundFile, wanted: Wanted, limits: Limits, stack: ExitStack) -> None:
    inner = FoundFile(f"{found.name}/{member}", "", path.stat().st_size)
    _read(path, inner, wanted, limits, stack, packed=True)
    found.decisions.append(Decision("member", member, "压缩包中的文件"))
    found.format, found.encoding, found.dialect = inner.format, inner.encoding, inner.dialect
    found.decisions.extend(inner.decisions)
    found.warnings.extend(inner.warnings)
    for table in inner.tables:
        table.name = "/".join(part for part in (label, table.name) if part)
        table.at = len(found.tables)
        found.tables.append(table)

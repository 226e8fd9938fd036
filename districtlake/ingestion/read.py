"""One delivered file as a raw frame and a receipt. What kind of file it is, its content says; its name is only what people call it."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import polars as pl

from districtlake.catalog.globs import matches
from districtlake.catalog.models import Resource
from districtlake.errors import IngestionError
from districtlake.ingestion.collect import Collector
from districtlake.ingestion.delimited import Form, read_delimited, sniff
from districtlake.ingestion.encodings import bent_columns
from districtlake.ingestion.excel import read_workbook
from districtlake.ingestion.header import HeaderFinder
from districtlake.ingestion.json_records import looks_like_json, read_json
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.names import is_junk
from districtlake.ingestion.packed import extract_gzip, extract_zip, members
from districtlake.ingestion.parquet import read_parquet
from districtlake.ingestion.report import ReadReport, RowNotes, SheetReport, drift
from districtlake.ingestion.rows import Assembled, Table, assemble, raw_schema
from districtlake.ingestion.text import TextFile, open_text, temporary_file
from districtlake.ingestion.workbook_guard import Told, check_workbook, is_workbook
from districtlake.ingestion.xls_guard import check_xls
from districtlake.wording.sentences import Listed, Named

__all__ = ["Limits", "RawDelivery", "RawStream", "ReadReport", "drift", "open_delivery", "raw_schema", "read_file"]

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_FOREIGN = (
    (b"%PDF", "pdf"),
    (b"{\\rtf", "rtf"),
    (b"ID;P", "slk"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"GIF8", "image"),
    (b"\x00\x01\x00\x00Standard ", "access"),
    (b"ARROW1", "arrow"),
    (b"\x09\x00", "excel2"),
    (b"\x09\x02", "excel3"),
    (b"\x09\x04", "excel4"),
    (b"Rar!", "rar"),
    (b"7z\xbc\xaf", "seven_zip"),
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"SQLite format 3", "database"),
)
_FOREIGN_TITLES = {
    "pdf": "PDF",
    "docx": "Word 文档（.docx）",
    "rtf": "Word 文档（RTF）",
    "slk": "SYLK 表格（.slk）",
    "bzip2": "bzip2 压缩包",
    "xz": "xz 压缩包",
    "zstd": "zstd 压缩包",
    "image": "图片",
    "access": "Access 数据库",
    "arrow": "Arrow 文件",
    "excel2": "Excel 2 工作表",
    "excel3": "Excel 3 工作表",
    "excel4": "Excel 4 工作表",
    "rar": "RAR 压缩包",
    "seven_zip": "7-Zip 压缩包",
    "database": "数据库文件",
    "pptx": "演示文稿（.pptx）",
    "markup": "网页或 XML（不论文件名怎么写）",
}
_QUOTED = re.compile(r'"([^"\\]{1,100})"\s*:')
_MAX_NAMED = 20
_MARKUP = (b"<!doctype", b"<html", b"<table", b"<head", b"<?xml", b"<meta", b"<style")


@dataclass(frozen=True)
class RawDelivery:
    """``frame``: the raw frame of docs/architecture.md, every column of ``raw_schema``; ``report``: what reading it found."""

    frame: pl.DataFrame
    report: ReadReport

    @property
    def height(self) -> int:
        """Rows delivered, wherever they lie."""
        return self.frame.height

    def cells(self, item: str) -> Iterator[pl.Series]:
        """One column of all rows, in parts."""
        yield self.frame[item]


class RawStream:
    """A delivery while it is read: iterate over its raw frames (at least one), then ask for the report."""

    def __init__(self, frames: Iterator[pl.DataFrame], report: Callable[[], ReadReport]):
        self._frames, self._report = frames, report

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return self._frames

    def report(self) -> ReadReport:
        """What reading found; whole once the frames have been read."""
        return self._report()


def read_file(path: Path, original_name: str, resource: Resource, limits: Limits) -> RawDelivery:
    """Read one file, as the catalogue's ``source`` says, into raw text: ``open_delivery`` collected.

    Raises:
        IngestionError: the file cannot be read.
    """
    with open_delivery(path, original_name, resource, limits) as stream:
        frames = list(stream)
        return RawDelivery(pl.concat(frames), stream.report())


@contextmanager
def open_delivery(path: Path, original_name: str, resource: Resource, limits: Limits) -> Iterator[RawStream]:
    """A delivered file as raw frames one after the other. Delimited text of any length stays within some hundred megabytes; the other
    formats come as one frame.

    Args:
        path: where the bytes lie (in the archive, under their hash).
        original_name: what the agency calls the file; goes into ``_file`` and every message. For a packed delivery ``_file`` is
            ``original_name/member``.

    A missing column is no error of reading: its cells are null and ``report.missing`` names it.

    Raises:
        IngestionError: the file cannot be read; the code says why, the hint what to do. See the modules of this package.
    """
    with ExitStack() as stack:
        yield _opened(path, original_name, resource, limits, stack)


def _opened(path: Path, original_name: str, resource: Resource, limits: Limits, stack: ExitStack) -> RawStream:
    refuse_size(path, original_name, limits)
    content, head = content_of(path, original_name)
    if content == "gzip":
        return _packed(original_name, resource, limits, lambda target: _gunzip(path, original_name, limits, target), stack)
    if content == "zip":
        return _packed(original_name, resource, limits, lambda target: _unzip(path, original_name, resource, limits, target), stack)
    if content in ("xlsx", "xlsb", "ods"):
        return _read_workbook(path, original_name, resource, limits, content, check_workbook(path, original_name, limits))
    if content == "xls":
        check_xls(path, original_name, limits)
        return _read_workbook(path, original_name, resource, limits, "xls", Told())
    if content == "parquet":
        table = read_parquet(path, original_name, HeaderFinder(resource, limits.header_rows), limits)
        return _delivered([table], [], ReadReport(format="parquet"), resource, original_name)
    refuse_foreign(head, original_name)
    if looks_like_json(_first_characters(head), original_name):
        return _read_json(path, original_name, resource, limits)
    return _read_text(path, original_name, resource, limits, stack)


def refuse_size(path: Path, name: str, limits: Limits) -> None:
    """Refuse an empty file and one beyond the limit."""
    size = path.stat().st_size
    if size == 0:
        raise empty_file(name)
    if size > limits.max_bytes:
        raise IngestionError.of("reading.too_large", code="ingestion.too_large", file=name, size=f"{size:,}", most=f"{limits.max_bytes:,}")


def content_of(path: Path, name: str) -> tuple[str, bytes]:
    """What a file is by its content, "gzip" "zip" "xlsx" "xlsb" "ods" "xls" "parquet" or "text" (JSON too), and its beginning."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"\x1f\x8b"):
        return "gzip", head
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        infos = members(path, name)
        names = {info.filename for info in infos}
        for member, what in (("word/document.xml", "docx"), ("ppt/presentation.xml", "pptx")):
            if member in names:
                raise _unreadable(name, what)
        return is_workbook(infos) or "zip", head
    if head.startswith(_OLE):
        return "xls", head
    if head.startswith((b"PAR1", b"PARE")):
        return "parquet", head
    return "text", head


def _read_text(path: Path, name: str, resource: Resource, limits: Limits, stack: ExitStack) -> RawStream:
    source, finder = resource.source, HeaderFinder(resource, limits.header_rows)
    form = Form.of(source)

    def recognised(text: TextFile) -> bool:
        return sniff(text, form, finder, limits) is not None

    text = open_text(path, name, source.encoding, limits, stack, recognised)
    if text.size - text.start < 1 << 16 and not text.head().strip():
        raise empty_file(name)
    tables, delimiter = read_delimited(text, name, form, finder, limits)
    return _delivered(tables, [], ReadReport(format="csv", encoding=text.encoding, delimiter=delimiter), resource, name)


def _first_characters(head: bytes) -> str:
    """The head of a file as far as JSON is recognised by it: ASCII, in UTF-8 or GB18030, or in UTF-16 or UTF-32 with its mark."""
    for mark, encoding in ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(mark):
            return head.decode(encoding, errors="ignore")
    return head.decode("utf-8", errors="ignore")


def _read_json(path: Path, name: str, resource: Resource, limits: Limits) -> RawStream:
    finder = HeaderFinder(resource, limits.header_rows)
    collector = Collector(resource, finder, name, limits)

    def recognised(text: TextFile) -> bool:
        return bool(finder.columns(_QUOTED.findall(text.head())))

    with ExitStack() as stack:
        # a document may be one line, as long as it is; read_json bounds each record instead
        text = open_text(path, name, resource.source.encoding, replace(limits, max_line_bytes=limits.max_bytes), stack, recognised)
        found = read_json(text, name, resource.source.records, collector, limits)
        records = collector.finish()
    titles = {item.name: item.title for item in resource.items}
    warnings = [] if records.frame.height else ["The file holds no records."]
    if found.beside:
        listed = ", ".join(found.beside[:_MAX_NAMED]) + (", …" if len(found.beside) > _MAX_NAMED else "")
        warnings.append(f"What lies beside the records is not read: {listed}.")
    report = ReadReport(
        format=found.format,
        encoding=text.encoding,
        records=found.records,
        rows=records.frame.height,
        columns=records.columns,
        # without records nothing can be said of their names
        missing={item: title for item, title in titles.items() if records.frame.height and item not in records.columns.values()},
        unexpected=records.unexpected,
        irregular=RowNotes.of(records.irregular),
        warnings=tuple(warnings),
    )
    return RawStream(iter([records.frame]), lambda: report)


def _read_workbook(path: Path, name: str, resource: Resource, limits: Limits, kind: str, told: Told) -> RawStream:
    finder = HeaderFinder(resource, limits.header_rows)
    tables, sheets = read_workbook(path, name, resource.source.sheet, finder, limits, told, Form.of(resource.source))
    return _delivered(tables, sheets, ReadReport(format=kind), resource, name)


def _delivered(tables: Iterable[Table], sheets: list[SheetReport], report: ReadReport, resource: Resource, name: str) -> RawStream:
    receipt = _Receipt(sheets, report, resource)

    def frames() -> Iterator[pl.DataFrame]:
        for table in tables:
            part = assemble(table, resource, name)
            receipt.add(table, part)
            yield part.frame

    return RawStream(frames(), receipt.report)


class _Receipt:
    """What is told of the parts of a delivery, put together while they go by."""

    def __init__(self, sheets: list[SheetReport], begun: ReadReport, resource: Resource):
        self._sheets, self._begun = sheets, begun
        self._titles = {item.name: item.title for item in resource.items}
        self._header_row: int | None = None
        self._rows: Counter[str | None] = Counter()
        self._columns: dict[str, str] = {}
        self._missing: set[str] = set()
        self._unexpected: dict[str, None] = {}
        self._skipped, self._irregular = RowNotes(), RowNotes()
        self._warnings: dict[str, None] = {}
        self._bent: dict[str, dict[str, int]] = {}

    def add(self, table: Table, part: Assembled) -> None:
        if not self._rows:
            self._header_row = table.header.row or None
        self._rows[table.sheet] += part.frame.height
        for item, index in sorted(table.header.columns.items(), key=lambda pair: pair[1]):
            self._columns.setdefault(table.header.texts[index].strip(), item)
        self._missing.update(item for item in self._titles if item not in table.header.columns)
        self._unexpected.update(dict.fromkeys(part.unexpected))
        self._skipped = self._skipped.and_then(part.skipped)
        self._irregular = self._irregular.and_then(part.irregular)
        for item, kinds in bent_columns(part.frame, self._titles).items():
            for kind, count in kinds.items():
                self._bent.setdefault(kind, {}).setdefault(item, 0)
                self._bent[kind][item] += count
        if again := [label for label in _labels(table) if label.rpartition("#")[0]]:
            self._warnings[f"Headers stand more than once; only the leftmost column is read: {', '.join(again)}."] = None

    def _bent_warnings(self) -> list[str]:
        return [
            f"Cells bent by a wrong decoding ({kind}; looked for in a sample): {', '.join(f'{item} ({count})' for item, count in sorted(items.items()))}."
            for kind, items in sorted(self._bent.items())
        ]

    def report(self) -> ReadReport:
        rows = self._rows.total()
        return replace(
            self._begun,
            header_row=self._header_row,
            sheets=tuple(replace(sheet, rows=self._rows[sheet.name]) if sheet.read else sheet for sheet in self._sheets),
            rows=rows,
            columns=self._columns,
            missing={item: title for item, title in self._titles.items() if item in self._missing},
            unexpected=tuple(self._unexpected),
            skipped=self._skipped,
            irregular=self._irregular,
            warnings=(*([] if rows else ["The file has a header but no rows."]), *self._warnings, *self._bent_warnings()),
        )


def _labels(table: Table) -> list[str]:
    known = set(table.header.columns.values())
    return [table.header.label(index, table.first_column) for index in range(len(table.header.texts)) if index not in known]


def _packed(name: str, resource: Resource, limits: Limits, extract: Callable[[IO[bytes]], str], stack: ExitStack) -> RawStream:
    file = stack.enter_context(temporary_file(name))
    member = extract(file)
    file.flush()
    with Path(file.name).open("rb") as unpacked:
        head = unpacked.read(8)
    if head.startswith(b"\x1f\x8b") or (head.startswith(b"PK\x03\x04") and is_workbook(members(Path(file.name), name)) is None):
        raise IngestionError.of("reading.packed_twice", code="ingestion.packed", file=name)
    inner = _opened(Path(file.name), f"{name}/{member}", resource, limits, stack)
    return RawStream(iter(inner), lambda: replace(inner.report(), member=member))


def _gunzip(path: Path, name: str, limits: Limits, target: IO[bytes]) -> str:
    extract_gzip(path, name, limits, target)
    return name.rpartition("/")[2].removesuffix(".gz").removesuffix(".GZ")


def _unzip(path: Path, name: str, resource: Resource, limits: Limits, target: IO[bytes]) -> str:
    globs = (*resource.source.corrections, *resource.source.files)

    def choose(names: list[str]) -> str:
        data = [member for member in names if not is_junk(member)]
        fitting = data
        if len(data) > 1:
            fitting = [member for member in data if any(matches(glob, member.replace("\\", "/")) for glob in globs)]
        if len(fitting) == 1:
            return fitting[0]
        raise IngestionError.of(
            "reading.not_one_file", code="ingestion.packed", file=name, files=len(data), fitting=len(fitting), names=Listed.of(globs)
        )

    return extract_zip(path, name, limits, choose, target)


def refuse_foreign(head: bytes, name: str) -> None:
    """Refuse what is no text by its first bytes."""
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise _unreadable(name, what)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_MARKUP):
        raise _unreadable(name, "markup")


def _unreadable(name: str, what: str) -> IngestionError:
    return IngestionError.of("reading.foreign", code="ingestion.format", file=name, what=Named("foreign", what, _FOREIGN_TITLES[what]))


def empty_file(name: str) -> IngestionError:
    return IngestionError.of("reading.empty", code="ingestion.empty", file=name)

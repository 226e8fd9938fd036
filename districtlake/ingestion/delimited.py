"""Delimited text: one fast way for regular files, one careful way for the others, the same answer from both.

The fast way is Arrow's reader, which sets apart any row with another number of fields. It is taken only where no quoted field can
span lines, so that every record is one physical line and a quote left open cannot swallow the rows below it.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import polars as pl
import pyarrow as pa
import pyarrow.csv

from districtlake.catalog.models import Source
from districtlake.errors import IngestionError
from districtlake.ingestion.dialect import Dialect, delimiter_of
from districtlake.ingestion.header import Header, HeaderFinder
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.records import Record, records
from districtlake.ingestion.report import RowNote
from districtlake.ingestion.rows import Table, titles_above
from districtlake.ingestion.text import TextFile

DELIMITERS = (",", ";", "\t", "|")
_BLOCK = 4 << 20
_BATCH = 20_000
_MAX_ODD = 50_000


@dataclass(frozen=True)
class Form:
    """What the catalogue declares of a text under ``source``; None: found by the header it makes."""

    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    comment: str | None = None
    header_rows: int = 1
    skip: int = 0
    footer: int = 0

    @classmethod
    def of(cls, source: Source) -> Form:
        return cls(source.delimiter, source.quote, source.escape, source.comment, source.header_rows, source.skip, source.footer)

    def dialects(self) -> Iterator[Dialect]:
        """Those that are tried."""
        for delimiter in (delimiter_of(self.delimiter),) if self.delimiter else DELIMITERS:
            quote = '"' if self.quote is None else None if self.quote == "none" else self.quote
            escape = None if self.escape in (None, "none") else self.escape
            yield Dialect(delimiter, quote, escape, self.comment, runs=delimiter == " ")


def read_delimited(text: TextFile, name: str, form: Form, finder: HeaderFinder, limits: Limits) -> tuple[Table, str]:
    """The table in a text and its delimiter.

    Raises:
        IngestionError: ``ingestion.header`` when no line is a header of the resource; ``ingestion.too_many_columns``.
    """
    found = sniff(text, form, finder, limits)
    if found is None:
        if declared := form.delimiter:
            raise IngestionError.of(
                "reading.no_header_declared", code="ingestion.header", file=name, most=finder.max_rows, delimiter=declared
            )
        raise IngestionError.of("reading.no_header_text", code="ingestion.header", file=name, most=finder.max_rows)
    dialect, header, above = found
    refuse_columns(len(header.texts), name, limits)
    width = _width(header, above.after)
    header = replace(header, texts=(header.texts + ("",) * width)[:width])
    offset = text.start + above.bytes_until_data
    notes = [RowNote(None, line + 1, "title") for line in range(form.skip)]
    notes.extend(titles_above(iter(above.before), header.row, None))
    collected = None
    if dialect.plain and text.lines and not text.returns and not text.spanning:
        collected = _fast(text, name, dialect.delimiter, width, offset, above.lines_until_data, limits)
    if collected is None:
        collected = _careful(text, name, dialect, width, offset, above.lines_until_data, limits)
    notes.extend(RowNote(None, line, "comment") for line in collected.comments)
    if form.footer:
        end = max(0, collected.cells.height - form.footer)
        notes.extend(RowNote(None, line, "footer") for line in collected.rows[end:])
        collected = collected.head(end)
    return Table(header, collected.cells, collected.rows, None, 0, collected.surplus, tuple(notes), collected.irregular), dialect.delimiter


def refuse_columns(columns: int, name: str, limits: Limits) -> None:
    if columns > limits.max_columns:
        raise IngestionError.of(
            "reading.too_many_columns", code="ingestion.too_many_columns", file=name, columns=f"{columns:,}", most=f"{limits.max_columns:,}"
        )


_SLICE = 32 << 20


def read_batches(
    text: TextFile, name: str, dialect: Dialect, width: int, offset: int, lines_before: int, limits: Limits, any_end: bool = False
) -> Iterator[Collected]:
    """The records below ``offset`` in batches that stay small however long the text is: the fast way wherever it holds, line by line else.

    Args:
        offset: byte of the first record; ``lines_before``: lines above it.
        any_end: a bare carriage return ends a line too.
    """
    if not dialect.plain or text.spanning or text.returns or not text.lines:
        yield from _careful_batches(text, name, dialect, width, offset, lines_before, limits, any_end)
        return
    for begin, end, lines in _slices(text, offset):
        part = replace(text, size=end, lines=lines_before + lines)
        collected = _fast(part, name, dialect.delimiter, width, begin, lines_before, limits)
        if collected is None:
            collected = _careful(part, name, dialect, width, begin, lines_before, limits)
        yield collected
        lines_before += lines


def _slices(text: TextFile, offset: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of whole lines: first byte, byte behind the last, line feeds."""
    with text.path.open("rb") as file:
        while offset < text.size:
            file.seek(offset)
            data = file.read(min(_SLICE, text.size - offset))
            end = offset + len(data)
            if end < text.size:
                rest = file.readline()
                end, data = end + len(rest), data + rest
            yield offset, end, data.count(b"\n")
            offset = end


class _Above:
    """The head of a file, split at its header."""

    def __init__(self, head: Sequence[Record], header: Header, skipped: Sequence[str]):
        at = next(index for index, record in enumerate(head) if record.line == header.row)
        until = head[: at + header.rows]
        self.before = [(record.line, tuple(record.fields)) for record in head[:at]]
        self.after = [record for record in head[at + header.rows :] if record.reason != "comment"]
        self.lines_until_data = sum(record.lines for record in until) + len(skipped)
        self.bytes_until_data = sum(len(record.text.encode("utf-8")) for record in until) + sum(
            len(line.encode("utf-8")) for line in skipped
        )


def sniff(text: TextFile, form: Form, finder: HeaderFinder, limits: Limits) -> tuple[Dialect, Header, _Above] | None:
    """The dialect under which the most catalogue items are recognised, with its header; None when none makes a header."""
    head, best = text.head(), None
    for dialect in form.dialects():
        lines = io.StringIO(head, newline=_terminator(text))
        skipped = list(islice(lines, form.skip))
        read = list(islice(records(lines, dialect, None, limits.max_line_bytes, len(skipped)), finder.max_rows * 4))
        header = finder.find(((record.line, record.fields) for record in read if record.reason != "comment"), form.header_rows)
        if header is not None and (best is None or len(header.columns) > len(best[1].columns)):
            best = dialect, header, _Above(read, header, skipped)
    return best


def _terminator(text: TextFile) -> str:
    return "\n" if text.lines else "\r"


def _width(header: Header, data: Sequence[Record]) -> int:
    """Columns of the table: as far as the header names them, or as far as most rows go (a delimiter may end each row)."""
    named = max(index for index, cell in enumerate(header.texts) if cell.strip()) + 1
    counts = Counter(len(record.fields) for record in data if record.text.strip())
    return max(named, counts.most_common(1)[0][0]) if counts else named


@dataclass
class Collected:
    """What the file holds below its header: the fields of ``rows.Table``."""

    cells: pl.DataFrame
    rows: pl.Series
    surplus: dict[int, list[str]]
    irregular: dict[int, str]
    comments: list[int] = field(default_factory=list)  # lines that are no data

    def head(self, count: int) -> Collected:
        """The first so many rows."""
        surplus = {at: texts for at, texts in self.surplus.items() if at < count}
        irregular = {at: reason for at, reason in self.irregular.items() if at < count}
        return Collected(self.cells[:count], self.rows[:count], surplus, irregular, self.comments)


class _Collector:
    """Puts records into columns: short ones padded, the surplus of long ones kept apart, both remembered."""

    def __init__(self, width: int, name: str, limits: Limits):
        self.width, self.name, self.limits = width, name, limits
        self.columns = [f"c{index}" for index in range(width)]
        self.schema = dict.fromkeys(self.columns, pl.String)
        self.surplus: dict[int, list[str]] = {}
        self.irregular: dict[int, str] = {}
        self._batches: list[pl.DataFrame] = [pl.DataFrame(schema=self.schema)]
        self._batch: list[list[str]] = []

    def add(self, at: int, record: Record) -> None:
        fields = record.fields
        if record.reason:
            self.irregular[at] = record.reason
        if len(fields) != self.width:
            refuse_columns(len(fields), self.name, self.limits)
            if len(fields) < self.width:
                if len(fields) > 1 or fields[0].strip():  # else a blank line
                    self.irregular[at] = "too_few_fields"
            elif any(fields[self.width :]):
                self.surplus[at] = fields[self.width :]
                self.irregular[at] = "too_many_fields"
            fields = [*fields[: self.width], *[""] * (self.width - len(fields))]
        self._batch.append(fields)
        if len(self._batch) == _BATCH:
            self._flush()

    def cells(self) -> pl.DataFrame:
        self._flush()
        return pl.concat(self._batches)

    def _flush(self) -> None:
        if self._batch:
            frame = pl.DataFrame(dict(zip(self.columns, zip(*self._batch, strict=True), strict=True)), schema=self.schema)
            self._batches.append(frame.select(pl.when(pl.all() != "").then(pl.all())))
            self._batch.clear()


def _fast(text: TextFile, name: str, delimiter: str, width: int, offset: int, lines_before: int, limits: Limits) -> Collected | None:
    """The cells by Arrow's reader, which hands over the rows with another number of fields. None when there are too many of
    those, or when the records are not the lines."""
    collector = _Collector(width, name, limits)
    if offset >= text.size:
        return Collected(collector.cells(), pl.Series([], dtype=pl.Int64), {}, {})
    if len(delimiter.encode()) != 1:
        return None
    odd: dict[int, str] = {}

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        odd[row.number - 1] = row.text
        return "skip" if len(odd) <= _MAX_ODD else "error"

    with pa.memory_map(str(text.path)) as mapped:
        data = mapped.read_buffer(text.size).slice(offset)
        lines = text.lines - lines_before + (data[-1:].to_pybytes() != b"\n")
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(data),
                # One thread: only then are odd rows numbered; more would save no CPU time and hold more memory.
                pyarrow.csv.ReadOptions(use_threads=False, block_size=max(_BLOCK, 2 * text.longest_line), column_names=collector.columns),
                pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=False, ignore_empty_lines=False, invalid_row_handler=keep),
                pyarrow.csv.ConvertOptions(
                    check_utf8=False,  # checked already
                    column_types=dict.fromkeys(collector.columns, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
                memory_pool=_memory_pool(),
            )
        except pa.ArrowInvalid:
            return None
    if table.num_rows + len(odd) != lines:
        return None
    cells = pl.DataFrame(pl.from_arrow(table))
    if lines - 1 not in odd and not _last_row_agrees(text, name, delimiter, width, offset, cells, limits):
        return None
    if odd:
        for at, line in odd.items():
            split = list(records([line], Dialect(delimiter), width, limits.max_line_bytes))
            if len(split) != 1:
                return None
            collector.add(at, split[0])
        places = pl.int_range(lines, dtype=pl.Int64, eager=True).alias("_at")
        regular = cells.with_columns(places.filter(~places.is_in(list(odd))))
        cells = pl.concat([regular, collector.cells().with_columns(pl.Series("_at", list(odd), dtype=pl.Int64))]).sort("_at").drop("_at")
    rows = pl.int_range(lines_before + 1, lines_before + 1 + lines, dtype=pl.Int64, eager=True)
    return Collected(cells, rows, collector.surplus, collector.irregular)


def _last_row_agrees(text: TextFile, name: str, delimiter: str, width: int, offset: int, cells: pl.DataFrame, limits: Limits) -> bool:
    """Whether Arrow read the last line as the careful way does: a quote that the end of the file leaves open, it drops."""
    if cells.height == 0:
        return True
    with text.path.open("rb") as file:
        file.seek(max(offset, text.size - text.longest_line - 4))
        tail = file.read().removesuffix(b"\n").removesuffix(b"\r")
    line = tail.rpartition(b"\n")[2].decode("utf-8", errors="replace")
    if '"' not in line:
        return True
    split = list(records([line], Dialect(delimiter), width, limits.max_line_bytes))
    if len(split) != 1:
        return False
    alone = _Collector(width, name, limits)
    alone.add(0, split[0])
    return alone.cells().rows() == [cells.row(-1)]


def _memory_pool() -> pa.MemoryPool:
    """jemalloc where Arrow was built with it: half the time of the default pool, which returns and faults in its pages again and again."""
    try:
        return pa.jemalloc_memory_pool()
    except NotImplementedError:  # pragma: no cover
        return pa.default_memory_pool()


def _careful(text: TextFile, name: str, dialect: Dialect, width: int, offset: int, lines_before: int, limits: Limits) -> Collected:
    """The same, record by record, for files with quoted line breaks, quotes left open, bare returns, or many odd rows."""
    (whole,) = _careful_batches(text, name, dialect, width, offset, lines_before, limits, batch=None)
    return whole


def _careful_batches(
    text: TextFile, name: str, dialect: Dialect, width: int, offset: int, lines_before: int, limits: Limits,
    any_end: bool = False, batch: int | None = 50_000,
) -> Iterator[Collected]:  # fmt: skip
    collector = _Collector(width, name, limits)
    numbers: list[int] = []
    given = False
    comments: list[int] = []
    for record in text_records(text, dialect, width, limits, offset, lines_before, any_end):
        if record.reason == "comment":
            comments.append(record.line)
            continue
        collector.add(len(numbers), record)
        numbers.append(record.line)
        if batch and len(numbers) == batch:
            yield Collected(collector.cells(), pl.Series(numbers, dtype=pl.Int64), collector.surplus, collector.irregular, comments)
            collector, numbers, comments, given = _Collector(width, name, limits), [], [], True
    if numbers or comments or not given:
        yield Collected(collector.cells(), pl.Series(numbers, dtype=pl.Int64), collector.surplus, collector.irregular, comments)


def text_records(
    text: TextFile, dialect: Dialect, width: int | None, limits: Limits, offset: int = 0, lines_before: int = 0, any_end: bool = False
) -> Iterator[Record]:
    """The records of a text one by one, from byte ``offset`` (at least its start) to ``text.size``."""
    with text.path.open("rb") as file:
        file.seek(max(offset, text.start))
        wrapped = io.TextIOWrapper(file, encoding="utf-8", newline="" if any_end else _terminator(text))
        lines: Iterable[str] = wrapped
        if text.size < text.path.stat().st_size:
            lines = _Bounded(lines, text.size - max(offset, text.start))
        yield from records(lines, dialect, width, limits.max_line_bytes, lines_before)
        wrapped.detach()


class _Bounded:
    """Lines as far as so many bytes go."""

    def __init__(self, lines: Iterable[str], size: int):
        self._lines, self._left = iter(lines), size

    def __iter__(self) -> Iterator[str]:
        while self._left > 0 and (line := next(self._lines, None)) is not None:
            self._left -= len(line.encode())
            yield line

"""Delimited text: a fast way for regular stretches, a careful way for the others, the same answer from both, in batches.

The fast way (``regular``) is taken only where the places of the quotes prove that there is one way to read: a quote left open cannot
swallow the rows below it. What cannot be proven is read record by record (``records``), and behind it the fast way is tried again.
"""

from __future__ import annotations

import io
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BufferedIOBase
from itertools import islice

import polars as pl

from districtlake.catalog.models import Source
from districtlake.errors import IngestionError
from districtlake.ingestion.cells import CellCollector, Collected, refuse_columns
from districtlake.ingestion.dialect import Dialect, delimiter_of
from districtlake.ingestion.header import Header, HeaderFinder
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.records import Record, records
from districtlake.ingestion.regular import read_regular, regular_stretch
from districtlake.ingestion.report import RowNote
from districtlake.ingestion.rows import Table, titles_above
from districtlake.ingestion.text import TextFile

DELIMITERS = (",", ";", "\t", "|")
_BATCH = 50_000
_WINDOW = 16 << 20
"""So many bytes are read the fast way at once."""
_SHORT_WINDOW = 1 << 20
_SHORT = 1 << 16
_PATIENCE = 500


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


def read_delimited(text: TextFile, name: str, form: Form, finder: HeaderFinder, limits: Limits) -> tuple[Iterator[Table], str]:
    """The table in a text, in parts that follow one another (at least one), and its delimiter.

    Raises:
        IngestionError: ``ingestion.header`` when no line is a header of the resource; ``ingestion.too_many_columns``, also while
            the parts are read.
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
    notes = [RowNote(None, line + 1, "title") for line in range(form.skip)]
    notes.extend(titles_above(iter(above.before), header.row, None))
    batches = read_batches(text, name, dialect, width, text.start + above.bytes_until_data, above.lines_until_data, limits)
    return _tables(batches, header, notes, form.footer), dialect.delimiter


def _tables(batches: Iterator[Collected], header: Header, notes: list[RowNote], footer: int) -> Iterator[Table]:
    for collected, ending in _without_footer(batches, footer):
        notes.extend(RowNote(None, line, "comment") for line in collected.comments)
        notes.extend(RowNote(None, line, "footer") for line in ending)
        yield Table(header, collected.cells, collected.rows, None, 0, collected.surplus, tuple(notes), collected.irregular)
        notes = []


def _without_footer(batches: Iterator[Collected], footer: int) -> Iterator[tuple[Collected, list[int]]]:
    """The batches without the last ``footer`` rows of all, and the lines of those."""
    waiting: deque[Collected] = deque()
    for collected in batches:
        waiting.append(collected)
        while waiting and sum(later.cells.height for later in islice(waiting, 1, None)) >= footer:
            yield waiting.popleft(), []
    left = footer
    cut: deque[tuple[Collected, list[int]]] = deque()
    while waiting:
        last = waiting.pop()
        end = max(0, last.cells.height - left)
        left -= last.cells.height - end
        cut.appendleft((last.head(end), last.rows[end:].to_list()))
    yield from cut


def read_batches(
    text: TextFile, name: str, dialect: Dialect, width: int, offset: int, lines_before: int, limits: Limits, any_end: bool = False
) -> Iterator[Collected]:
    """The records below ``offset`` in batches that stay small however long the text is: the fast way wherever it holds, line by line else.

    Args:
        offset: byte of the first record; ``lines_before``: lines above it.
        any_end: a bare carriage return ends a line too.
    """
    if not dialect.plain or text.returns or not text.lines or offset >= text.size:
        yield from _careful_batches(text, name, dialect, width, offset, lines_before, limits, any_end)
        return
    window, patience = _WINDOW, _PATIENCE
    buffer = bytearray(min(_WINDOW, text.size - offset))
    with text.path.open("rb") as file:
        while (left := text.size - offset) > 0:
            read, end = _lines_into(buffer, file, offset, min(window, left), left)
            stretch = regular_stretch(read, end, dialect.delimiter, text.longest_line, limits)
            if stretch is not None and not (stretch.stopped and stretch.size < _SHORT):
                collected = read_regular(memoryview(read)[:end], stretch, name, dialect, width, lines_before, limits)
                if collected is not None:
                    yield collected
                    offset, lines_before = offset + stretch.size, lines_before + stretch.lines
                    if not stretch.stopped:
                        window, patience = min(2 * window, _WINDOW), _PATIENCE
                        continue
            # Quotes out of place: line by line for a while, longer each time that did not help, then a shorter look again.
            collected, size, lines = _careful_lines(text, name, dialect, width, offset, lines_before, limits, patience)
            yield collected
            offset, lines_before = offset + size, lines_before + lines
            window, patience = _SHORT_WINDOW, min(2 * patience, _BATCH)


def _lines_into(buffer: bytearray, file: BufferedIOBase, offset: int, window: int, left: int) -> tuple[bytearray, int]:
    """About ``window`` bytes of whole lines from ``offset`` on, at least one, and where they end. They lie in
    ``buffer`` (the same pages again and again cost half of new ones), unless one line is longer."""
    while True:
        file.seek(offset)
        view, filled = memoryview(buffer)[:window], 0
        while filled < window and (count := file.readinto(view[filled:])):
            filled += count
        if filled < window or window == left:
            return buffer, filled
        if end := buffer.rfind(b"\n", 0, filled) + 1:
            return buffer, end
        window = min(2 * window, left)
        buffer = bytearray(window)  # for one line that long


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


def _careful(text: TextFile, name: str, dialect: Dialect, width: int, offset: int, lines_before: int, limits: Limits) -> Collected:
    """All of it record by record, for files with quotes left open or out of place, or bare returns."""
    (whole,) = _careful_batches(text, name, dialect, width, offset, lines_before, limits, batch=None)
    return whole


def _careful_lines(
    text: TextFile, name: str, dialect: Dialect, width: int, offset: int, lines_before: int, limits: Limits, count: int
) -> tuple[Collected, int, int]:
    """The records that begin in the next ``count`` lines; their bytes and lines."""
    collector = CellCollector(width, name, limits)
    numbers: list[int] = []
    size = lines = 0
    for record in text_records(text, dialect, width, limits, offset, lines_before, until=lines_before + count):
        collector.add(len(numbers), record)
        numbers.append(record.line)
        size, lines = size + len(record.text.encode()), lines + record.lines
    found = Collected(collector.cells(), pl.Series(numbers, dtype=pl.Int64), collector.surplus, collector.irregular)
    return found, size, lines


def _careful_batches(
    text: TextFile, name: str, dialect: Dialect, width: int, offset: int, lines_before: int, limits: Limits,
    any_end: bool = False, batch: int | None = _BATCH,
) -> Iterator[Collected]:  # fmt: skip
    collector = CellCollector(width, name, limits)
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
            collector, numbers, comments, given = CellCollector(width, name, limits), [], [], True
    if numbers or comments or not given:
        yield Collected(collector.cells(), pl.Series(numbers, dtype=pl.Int64), collector.surplus, collector.irregular, comments)


def text_records(
    text: TextFile, dialect: Dialect, width: int | None, limits: Limits, offset: int = 0, lines_before: int = 0, any_end: bool = False,
    until: int | None = None,
) -> Iterator[Record]:  # fmt: skip
    """The records of a text one by one, from byte ``offset`` (at least its start) to ``text.size`` or the first that begins below line ``until``."""
    with text.path.open("rb") as file:
        file.seek(max(offset, text.start))
        wrapped = io.TextIOWrapper(file, encoding="utf-8", newline="" if any_end else _terminator(text))
        lines: Iterable[str] = wrapped
        if text.size < text.path.stat().st_size:
            lines = _Bounded(lines, text.size - max(offset, text.start))
        yield from records(lines, dialect, width, limits.max_line_bytes, lines_before, until)
        wrapped.detach()


class _Bounded:
    """Lines as far as so many bytes go."""

    def __init__(self, lines: Iterable[str], size: int):
        self._lines, self._left = iter(lines), size

    def __iter__(self) -> Iterator[str]:
        while self._left > 0 and (line := next(self._lines, None)) is not None:
            self._left -= len(line.encode())
            yield line

"""Delimited text: one fast way for regular files, one careful way for the others, the same answer from both.

The fast way is Arrow's reader, which refuses any row with another number of fields. It is taken only where no quoted field can
span lines, so that every record is one physical line and a quote left open cannot swallow the rows below it.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import polars as pl
import pyarrow as pa
import pyarrow.csv

from districtlake.errors import IngestionError
from districtlake.ingestion.header import Header, HeaderFinder
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.records import Record, records
from districtlake.ingestion.rows import Table, titles_above
from districtlake.ingestion.text import TextFile

DELIMITERS = (",", ";", "\t", "|")
_BLOCK = 4 << 20
_BATCH = 20_000
_NAMES = {"tab": "\t", "\\t": "\t"}


def read_delimited(text: TextFile, name: str, declared: str | None, finder: HeaderFinder, limits: Limits) -> tuple[Table, str]:
    """The table in a text and its delimiter.

    Raises:
        IngestionError: ``ingestion.header`` when no line is a header of the resource; ``ingestion.too_many_columns``.
    """
    found = sniff(text, declared, finder, limits)
    if found is None:
        what = f"delimiter '{declared}' (source.delimiter)" if declared else "any of the delimiters comma, semicolon, tab, bar"
        raise IngestionError(
            f"{name}: none of its first {finder.max_rows} lines is a header of this resource, with {what}.",
            hint="The first line must hold the column titles of the catalogue; if they are spelled otherwise, add them as aliases.",
            code="ingestion.header",
        )
    delimiter, header, above = found
    refuse_columns(len(header.texts), name, limits)
    width = _width(header, above.after)
    header = Header(header.row, (header.texts + ("",) * width)[:width], header.columns)
    offset = text.start + above.bytes_until_data
    cells = rows = None
    if text.lines and not text.returns and not text.spanning:
        cells = _fast(text, delimiter, width, offset, text.lines - above.lines_until_data)
    notes = tuple(titles_above(iter(above.before), header.row, None))
    if cells is not None:
        rows = pl.int_range(above.lines_until_data + 1, above.lines_until_data + 1 + cells.height, dtype=pl.Int64, eager=True)
        return Table(header, cells, rows, notes=notes), delimiter
    return _careful(text, name, delimiter, header, offset, above.lines_until_data, notes, limits), delimiter


def refuse_columns(columns: int, name: str, limits: Limits) -> None:
    if columns > limits.max_columns:
        raise IngestionError(
            f"{name} has {columns:,} columns; at most {limits.max_columns:,} are read.",
            hint="Deliver the table of the catalogue; delete what stands to its right.",
            code="ingestion.too_many_columns",
        )


class _Above:
    """The head of a file, split at its header."""

    def __init__(self, head: Sequence[Record], header: Header):
        at = next(index for index, record in enumerate(head) if record.line == header.row)
        until = head[: at + 1]
        self.before = [(record.line, tuple(record.fields)) for record in head[:at]]
        self.after = head[at + 1 :]
        self.lines_until_data = sum(record.lines for record in until)
        self.bytes_until_data = sum(len(record.text.encode("utf-8")) for record in until)


def sniff(text: TextFile, declared: str | None, finder: HeaderFinder, limits: Limits) -> tuple[str, Header, _Above] | None:
    """The delimiter under which the most catalogue items are recognised, with its header; None when none makes a header."""
    head, best = text.head(), None
    for delimiter in (_NAMES.get(declared, declared),) if declared else DELIMITERS:
        lines = io.StringIO(head, newline=_terminator(text))
        read = list(islice(records(lines, delimiter, None, limits.max_line_bytes), finder.max_rows * 4))
        header = finder.find((record.line, record.fields) for record in read)
        if header is not None and (best is None or len(header.columns) > len(best[1].columns)):
            best = delimiter, header, _Above(read, header)
    return best


def _terminator(text: TextFile) -> str:
    return "\n" if text.lines else "\r"


def _width(header: Header, data: Sequence[Record]) -> int:
    """Columns of the table: as far as the header names them, or as far as most rows go (a delimiter may end each row)."""
    named = max(index for index, cell in enumerate(header.texts) if cell.strip()) + 1
    counts = Counter(len(record.fields) for record in data if record.text.strip())
    return max(named, counts.most_common(1)[0][0]) if counts else named


def _fast(text: TextFile, delimiter: str, width: int, offset: int, line_feeds: int) -> pl.DataFrame | None:
    """The cells by Arrow's reader; None when a row is irregular, or a quoted field spans lines."""
    if offset >= text.size:
        return pl.DataFrame(schema={f"c{index}": pl.String for index in range(width)})
    if len(delimiter.encode()) != 1:
        return None
    names = [f"c{index}" for index in range(width)]
    with pa.memory_map(str(text.path)) as mapped:
        data = mapped.read_buffer(text.size).slice(offset)
        lines = line_feeds + (data[-1:].to_pybytes() != b"\n")
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(data),
                # One thread: more would read blocks ahead and hold more memory, and save no CPU time.
                pyarrow.csv.ReadOptions(use_threads=False, block_size=max(_BLOCK, 2 * text.longest_line), column_names=names),
                pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=False, ignore_empty_lines=False),
                pyarrow.csv.ConvertOptions(
                    check_utf8=False,  # checked already
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
                memory_pool=_memory_pool(),
            )
        except pa.ArrowInvalid:
            return None
    if table.num_rows != lines:
        return None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _memory_pool() -> pa.MemoryPool:
    """jemalloc where Arrow was built with it: half the time of the default pool, which returns and faults in its pages again and again."""
    try:
        return pa.jemalloc_memory_pool()
    except NotImplementedError:  # pragma: no cover
        return pa.default_memory_pool()


def _careful(
    text: TextFile, name: str, delimiter: str, header: Header, offset: int, lines_before: int, notes: tuple, limits: Limits
) -> Table:
    """The same, record by record, for files with short or long rows, quoted line breaks, quotes left open, or bare returns."""
    width = len(header.texts)
    columns = [f"c{index}" for index in range(width)]
    schema = dict.fromkeys(columns, pl.String)
    batches: list[pl.DataFrame] = [pl.DataFrame(schema=schema)]
    numbers: list[int] = []
    batch: list[list[str | None]] = []
    surplus: dict[int, list[str]] = {}
    irregular: dict[int, str] = {}

    def flush() -> None:
        if batch:
            frame = pl.DataFrame(dict(zip(columns, zip(*batch, strict=True), strict=True)), schema=schema)
            batches.append(frame.select(pl.when(pl.all() != "").then(pl.all())))
            batch.clear()

    with text.path.open("rb") as file:
        file.seek(offset)
        lines = io.TextIOWrapper(file, encoding="utf-8", newline=_terminator(text))
        for record in records(lines, delimiter, width, limits.max_line_bytes, lines_before):
            at, fields = len(numbers), record.fields
            if record.reason:
                irregular[at] = record.reason
            if len(fields) != width:
                refuse_columns(len(fields), name, limits)
                if len(fields) < width:
                    if len(fields) > 1 or fields[0].strip():
                        irregular[at] = "too_few_fields"
                elif any(fields[width:]):
                    surplus[at] = fields[width:]
                    irregular[at] = "too_many_fields"
                fields = [*fields[:width], *[""] * (width - len(fields))]
            numbers.append(record.line)
            batch.append(fields)  # type: ignore[arg-type]
            if len(batch) == _BATCH:
                flush()
        flush()
        lines.detach()
    cells = pl.concat(batches)
    return Table(header, cells, pl.Series(numbers, dtype=pl.Int64), surplus=surplus, notes=notes, irregular=irregular)

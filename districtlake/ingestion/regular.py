"""Stretches of delimited text that can be read in one way only, and Arrow's fast reader for them.

RFC 4180 leaves nothing open where every quote stands in its place: it opens a field right behind a delimiter or a line end, closes it
right before one, or is doubled inside. Then a line end belongs to a field exactly where an odd number of quotes lies before it, and
the careful way (``records``) gives the same records. The proof takes two looks at the quotes; where it fails, the careful way reads.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.csv

from districtlake.ingestion.cells import CellCollector, Collected
from districtlake.ingestion.dialect import Dialect
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.records import MAX_QUOTED_LINES, leaves_open, records

_BLOCK = 1 << 20
"""Arrow parses so many bytes at once, or two records: blocks that stay in the processor's cache cost two thirds of larger ones."""
_PIECE = 1 << 18
_MAX_ODD = 50_000
_MAX_APART = 0.05
_LINE_FEED, _RETURN, _QUOTE = 10, 13, 34
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stretch:
    """Whole records at the beginning of some bytes.

    Attributes:
        size: bytes; ``lines``: physical lines.
        starts: line on which each record begins, from 0; None: on each one.
        longest: bytes of the longest record, or a little more.
        spanning: some record is more than one line.
        apart: records with quotes out of place, each one line; the careful way reads them.
        stopped: behind it comes what only the careful way reads; else only the end of the bytes cut it off.
    """

    size: int
    lines: int
    starts: Places | None
    longest: int
    spanning: bool = False
    apart: tuple[int, ...] = ()
    stopped: bool = False

    @property
    def records(self) -> int:
        return self.lines if self.starts is None else len(self.starts)


def regular_stretch(buffer: bytearray, end: int, delimiter: str, longest_line: int, limits: Limits) -> Stretch | None:
    """The stretch at the beginning of ``buffer``, whose bytes up to ``end`` begin with a record and end with a line (the text's last may
    lack its end).

    There are no bare carriage returns in it. None when the first record already needs the careful way.

    Args:
        longest_line: bytes of the longest line of the text, or a little more.
    """
    unended = buffer[end - 1] != _LINE_FEED
    if buffer.find(b'"', 0, end) < 0:
        return Stretch(end, buffer.count(b"\n", 0, end) + unended, None, longest_line)
    codes = np.frombuffer(buffer, dtype=np.uint8, count=end)
    quotes, breaks = _places(codes, _QUOTE), _places(codes, _LINE_FEED)
    if unended:
        breaks = np.append(breaks, end)
    misplaced = _misplaced(codes, quotes, ord(delimiter))
    inside = np.searchsorted(quotes, breaks) % 2 == 1
    if not inside.any():
        apart = np.unique(np.searchsorted(breaks, misplaced))
        if len(apart) > max(16, _MAX_APART * len(breaks)):
            return None
        return Stretch(end, len(breaks), None, longest_line, apart=tuple(apart.tolist()))
    ends = np.flatnonzero(~inside)
    stopped = bool(len(misplaced))
    if stopped:
        ends = ends[breaks[ends] < misplaced[0]]
    lines = np.diff(ends, prepend=-1)
    sizes = np.diff(breaks[ends], prepend=-1)
    beyond = np.flatnonzero((lines > MAX_QUOTED_LINES) | (sizes > limits.max_line_bytes))
    if len(beyond):
        ends, sizes, stopped = ends[: beyond[0]], sizes[: beyond[0]], True
    if not len(ends):
        return None
    starts = np.concatenate(([0], ends[:-1] + 1))
    return Stretch(min(int(breaks[ends[-1]]) + 1, end), int(ends[-1]) + 1, starts, int(sizes.max()), True, stopped=stopped)


def _places(codes: npt.NDArray[np.uint8], byte: int) -> Places:
    """Where a byte stands, in order; looked for piece by piece, within the processor's cache."""
    found = [np.flatnonzero(codes[at : at + _PIECE] == byte) + at for at in range(0, len(codes), _PIECE)]
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _misplaced(codes: npt.NDArray[np.uint8], quotes: Places, delimiter: int) -> Places:
    """Places of quotes that neither open nor close a field nor are doubled in one, counted off in pairs; in order."""
    opening, closing = quotes[0::2], quotes[1::2]
    before = codes[np.maximum(opening - 1, 0)]
    good = (before == delimiter) | (before == _LINE_FEED) | (before == _QUOTE) | (opening == 0)
    after = codes[np.minimum(closing + 1, len(codes) - 1)]
    closed = (after == delimiter) | (after == _LINE_FEED) | (after == _RETURN) | (after == _QUOTE) | (closing == len(codes) - 1)
    if good.all() and closed.all():
        return quotes[:0]
    return np.sort(np.concatenate((opening[~good], closing[~closed])))


def read_regular(
    data: memoryview, stretch: Stretch, name: str, dialect: Dialect, width: int, lines_before: int, limits: Limits
) -> Collected | None:
    """The cells of a stretch by Arrow's reader, which sets apart the rows with another number of fields.

    None when there are too many of those, or when the careful way might read one of them otherwise.
    """
    collector = CellCollector(width, name, limits)
    taken, apart = _without(data, stretch)
    odd: dict[int, str] = {}

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        odd[row.number - 1] = row.text
        return "skip" if len(odd) <= _MAX_ODD else "error"

    count = stretch.records
    if len(apart) == count:
        cells = pl.DataFrame(schema=collector.schema)
    else:
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(taken),
                # One thread: only then are odd rows numbered; more would save no CPU time and hold more memory.
                pyarrow.csv.ReadOptions(use_threads=False, block_size=max(_BLOCK, 2 * stretch.longest), column_names=collector.columns),
                pyarrow.csv.ParseOptions(
                    delimiter=dialect.delimiter,
                    newlines_in_values=stretch.spanning,
                    ignore_empty_lines=False,
                    invalid_row_handler=keep,
                ),
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
        cells = pl.DataFrame(pl.from_arrow(table, rechunk=False))
    if cells.height + len(odd) + len(apart) != count:
        return None
    if odd or apart:
        places = np.delete(np.arange(count), list(apart)) if apart else np.arange(count)
        lone = {**apart, **{int(places[at]): text for at, text in odd.items()}}
        for at, text in sorted(lone.items()):
            split = list(records(io.StringIO(text, newline="\n"), dialect, width, limits.max_line_bytes))
            if len(split) != 1 or (at in apart and leaves_open(text, dialect)):
                return None
            collector.add(at, split[0])
        rows = np.delete(places, list(odd)) if odd else places
        together = [
            cells.with_columns(pl.Series("_at", rows, dtype=pl.Int64)),
            collector.cells().with_columns(pl.Series("_at", sorted(lone), dtype=pl.Int64)),
        ]
        cells = pl.concat(together).sort("_at").drop("_at")
    if stretch.starts is None:
        numbers = pl.int_range(lines_before + 1, lines_before + 1 + count, dtype=pl.Int64, eager=True)
    else:
        numbers = pl.Series(stretch.starts + (lines_before + 1), dtype=pl.Int64)
    return Collected(cells, numbers, collector.surplus, collector.irregular)


def _without(data: memoryview, stretch: Stretch) -> tuple[bytes | memoryview, dict[int, str]]:
    """The bytes of the stretch without the records that are read apart, and those by their place."""
    if not stretch.apart:
        return data[: stretch.size], {}
    breaks = _places(np.frombuffer(data, dtype=np.uint8), _LINE_FEED)
    begins = np.concatenate(([0], breaks + 1, [len(data)]))
    kept, apart, done = [], {}, 0
    for line in stretch.apart:
        begin, end = int(begins[line]), int(begins[line + 1])
        kept.append(data[done:begin])
        apart[line] = str(data[begin:end], "utf-8")
        done = end
    return b"".join([*kept, data[done:]]), apart


def _memory_pool() -> pa.MemoryPool:
    """jemalloc where Arrow was built with it: half the time of the default pool, which returns and faults in its pages again and again."""
    try:
        return pa.jemalloc_memory_pool()
    except NotImplementedError:  # pragma: no cover
        return pa.default_memory_pool()

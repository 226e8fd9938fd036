"""What is validated: a frame in memory, or a scan of Parquet or Delta files that is read batch by batch and never held whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Protocol, runtime_checkable

import polars as pl

from districtlake.errors import ValidationFailed
from districtlake.quality.validation import Known


class SourceUnreadable(ValidationFailed):
    """The table under validation cannot be read, or changed while it was."""

    code = "validation.source_unreadable"
    retryable = True


BATCH_ROWS = 131_072
"""Rows a batch. Measured: fewer cost more of Polars' planning, more cost memory and gain nothing."""


class Source(Protocol):
    """Rows with a fixed order; a row's position in it is its name in every result.

    Attributes:
        schema: column -> type.
        height: number of rows.
    """

    schema: dict[str, pl.DataType]
    height: int

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, pl.DataFrame]]:
        """(position of its first row, rows) in order; at least one batch, also without rows."""
        ...

    def whole(self, columns: Sequence[str]) -> pl.DataFrame:
        """These columns of all rows, in memory."""
        ...

    def nulls(self, columns: Sequence[str]) -> set[str]:
        """Those of ``columns`` that have a null."""
        ...


@runtime_checkable
class Carried(Source, Protocol):
    """A source whose batches somebody carries to other processes (``districtlake.distributed``): functions go to the rows."""

    def each(self, columns: Sequence[str], step: Callable[[int, pl.DataFrame], Any]) -> Iterator[Any]:
        """What ``step(position of the first row, rows)`` gives for every batch, in the rows' order."""
        ...

    def repeated(self, columns: Sequence[str], parts: Callable[[int, pl.DataFrame], pl.DataFrame]) -> pl.Series:
        """Positions (UInt32, ascending) of the rows whose key another row has. ``parts``: ``_at`` and the key's columns of a batch's rows."""
        ...

    def unknown(self, columns: Sequence[str], parts: Callable[[int, pl.DataFrame], pl.DataFrame], known: Known) -> tuple[int, pl.Series]:
        """How many rows ``table.Referring`` asks, and the positions (UInt32, ascending) of those that fail."""
        ...


class FrameSource:
    """A frame in memory; its batches are slices and copy nothing."""

    def __init__(self, frame: pl.DataFrame, batch_rows: int = BATCH_ROWS):
        self.frame = frame
        self.schema = dict(frame.schema)
        self.height = frame.height
        self._rows = batch_rows

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, pl.DataFrame]]:
        frame = self.whole(columns)
        for start in range(0, max(self.height, 1), self._rows):
            yield start, frame.slice(start, self._rows)

    def whole(self, columns: Sequence[str]) -> pl.DataFrame:
        if not columns:  # a frame without columns would have no rows
            return pl.DataFrame({"__row": pl.Series([None], dtype=pl.Null).new_from_index(0, self.height)})
        return self.frame.select(columns)

    def nulls(self, columns: Sequence[str]) -> set[str]:
        return {column for column in columns if self.frame.get_column(column).null_count()}


class ScanSource:
    """A lazy frame over files. Each pass reads only the columns it needs; the files must not change meanwhile."""

    def __init__(self, scan: pl.LazyFrame, batch_rows: int = BATCH_ROWS):
        self._scan = scan
        with _readable():
            self.schema = dict(scan.collect_schema())
            self.height = int(scan.select(pl.len()).collect(engine="streaming").item())
        self._rows = batch_rows

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, pl.DataFrame]]:
        seen = 0
        for frame in self._frames(columns):
            for start in range(0, frame.height, self._rows):
                part = frame.slice(start, self._rows)
                yield seen, part
                seen += part.height
        if seen != self.height:
            raise SourceUnreadable(
                f"the table under validation had {self.height} rows and now has {seen}.",
                hint="Scan one version of it: a Delta table opened at a version, or files that nobody writes.",
            )
        if self.height == 0:
            yield 0, pl.DataFrame(schema={column: self.schema[column] for column in columns})

    def _frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        if not columns:
            yield from (pl.DataFrame({"__row": pl.Series([None], dtype=pl.Null).new_from_index(0, self.height)}),)
            return
        with _readable():
            yield from self._scan.select(columns).collect_batches(chunk_size=self._rows, maintain_order=True, engine="streaming")

    def whole(self, columns: Sequence[str]) -> pl.DataFrame:
        parts = [frame for _, frame in self.batches(columns)]
        return pl.concat(parts)

    def nulls(self, columns: Sequence[str]) -> set[str]:
        if not columns:
            return set()
        with _readable():
            counts = self._scan.select(pl.col(columns).null_count()).collect(engine="streaming").row(0, named=True)
        return {column for column, count in counts.items() if count}


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:  # their words name paths and may quote cells
        raise SourceUnreadable(
            f"the table under validation cannot be read ({type(error).__name__}).",
            hint="See whether its files are there, whole, and written by nobody else; validate one version of it.",
        ) from None


def source_of(data: pl.DataFrame | pl.LazyFrame | Source, batch_rows: int = BATCH_ROWS) -> Source:
    if batch_rows < 1:
        raise ValueError(f"a batch holds at least one row, not {batch_rows}")
    if not isinstance(data, pl.DataFrame | pl.LazyFrame):
        return data
    return ScanSource(data, batch_rows) if isinstance(data, pl.LazyFrame) else FrameSource(data, batch_rows)


def rows_at(source: Source, columns: Sequence[str], positions: pl.Series) -> pl.DataFrame:
    """These columns of the rows at ``positions`` (ascending), read batch by batch."""
    found = []
    taken = 0
    with closing(source.batches(columns)) as batches:  # type: ignore[type-var]
        for start, batch in batches:
            until = int(positions.search_sorted(start + batch.height))
            if until > taken:
                found.append(batch[positions[taken:until] - start])
                taken = until
            if taken == len(positions):
                break
    return pl.concat(found) if found else pl.DataFrame(schema={column: source.schema[column] for column in columns})

"""Parquet, every value as the text a person would write for it; types are the cleansing's business, as in every other format.

Arrow reads the pages; the footer is judged before them, for what it says they unpack to. Strings are read as dictionaries, so that
one long text repeated a million times is counted before it is unrolled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from districtlake.errors import IngestionError
from districtlake.ingestion.cells import refuse_columns
from districtlake.ingestion.header import Header, HeaderFinder
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.rows import Table

_BATCH = 1 << 16
_WHOLE = 2.0**53  # up to here a float is the whole number it looks like


def read_parquet(path: Path, name: str, finder: HeaderFinder, limits: Limits) -> Table:
    """The table of a Parquet file; rows are numbered from 1.

    Raises:
        IngestionError: ``ingestion.header`` (hardly a column is an item of the resource), ``ingestion.too_many_columns``,
            ``ingestion.too_large``, ``ingestion.encrypted``, ``ingestion.damaged``.
    """

    def recognised(names: list[str]) -> None:
        if not finder.enough(finder.columns(names)):
            raise IngestionError.of("reading.no_header_parquet", code="ingestion.header", file=name, columns=len(names))

    names, cells, odd = parquet_cells(path, name, limits, recognised)
    header = Header(0, tuple(names), finder.columns(names))
    return Table(header, cells, pl.int_range(1, cells.height + 1, dtype=pl.Int64, eager=True), irregular=odd, every_row=True)


def parquet_cells(
    path: Path, name: str, limits: Limits, recognised: Callable[[list[str]], None] = lambda names: None
) -> tuple[list[str], pl.DataFrame, dict[int, str]]:
    """Names of the columns, the cells as text (``c0`` …), and the rows in which something had to be shown as its escape.

    Args:
        recognised: called with the names before the cells are read; may raise.
    """
    names, _ = parquet_columns(path, name, limits)
    recognised(names)
    parts: list[pl.DataFrame] = []
    odd: dict[int, str] = {}
    begun = 0
    for cells, places in parquet_batches(path, name, limits):
        parts.append(cells)
        odd.update((begun + at, "bad_escape") for at in places)
        begun += cells.height
    return names, pl.concat(parts), odd


def parquet_columns(path: Path, name: str, limits: Limits) -> tuple[list[str], int]:
    """Names of the columns and how many rows the footer promises; refuses by the footer what is too large."""
    with _guarded(name), pq.ParquetFile(path) as file:
        _check(file.metadata, path.stat().st_size, name, limits)
        return [str(field.name) for field in file.schema_arrow], int(file.metadata.num_rows)


def parquet_batches(path: Path, name: str, limits: Limits) -> Iterator[tuple[pl.DataFrame, list[int]]]:
    """The cells as text in parts of some ten thousand rows, at least one, each with the places of rows in which something had to be shown
    as its escape. A row group's packed pages are all that is held besides.

    Raises:
        IngestionError: as ``read_parquet``, also while the parts are read.
    """
    with _guarded(name):
        with pq.ParquetFile(path) as file:
            strings = [field.name for field in file.schema_arrow if pa.types.is_string(field.type) or pa.types.is_binary(field.type)]
            width = len(file.schema_arrow)
        with pq.ParquetFile(path, read_dictionary=strings, pre_buffer=False) as file:
            for cells in _cells(file, width, name, limits):
                yield _presentable(cells)


@contextmanager
def _guarded(name: str) -> Iterator[None]:
    """Arrow's errors become ours."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        if "encrypt" in str(error).lower() or "decrypt" in str(error).lower():
            raise IngestionError.of("reading.encrypted", code="ingestion.encrypted", file=name) from error
        raise _damaged(name) from error


def _check(footer: Any, size: int, name: str, limits: Limits) -> None:
    """Refuse by what the footer says; what it lies about is found while reading."""
    refuse_columns(footer.num_columns, name, limits)
    unpacked = sum(max(footer.row_group(at).total_byte_size, 0) for at in range(footer.num_row_groups))
    cells = footer.num_rows * footer.num_columns
    if unpacked > limits.max_bytes or cells > max(limits.max_cells, limits.max_ratio * size):
        raise _too_large(name, footer.num_rows, unpacked, limits)


def _cells(file: Any, width: int, name: str, limits: Limits) -> Iterator[pl.DataFrame]:
    schema = {f"c{at}": pl.String() for at in range(width)}
    size = 0
    given = False
    # Each row group by itself: over several, Arrow gathers one dictionary of all their texts.
    batches = (file.iter_batches(_BATCH, row_groups=[at], use_threads=False) for at in range(file.metadata.num_row_groups))
    for batch in chain.from_iterable(batches):
        batch.validate(full=True)
        columns = []
        for at, column in enumerate(batch.columns):
            size += _unrolled(column)
            if size > limits.max_bytes:
                raise _too_large(name, file.metadata.num_rows, size, limits)
            columns.append(text_of(column).alias(f"c{at}"))
        frame = pl.DataFrame(columns, schema=schema) if columns else pl.DataFrame(schema=schema)
        yield frame.select(pl.when(pl.all() != "").then(pl.all()))
        given = True
    if not given:
        yield pl.DataFrame(schema=schema)


def _unrolled(column: Any) -> int:
    """The bytes of a column as plain values."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary)
    return int(pc.sum(pc.take(lengths, column.indices).cast(pa.int64())).as_py() or 0) + 16 * len(column)


def text_of(column: Any) -> pl.Series:
    """An Arrow array as text: whole numbers without a point, days and times in ISO form, what is nested as JSON."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return text_of(column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _series(column)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            return _series(column.cast(pa.binary()).cast(pa.string()))  # old writers do not mark text as text
        except pa.ArrowInvalid:
            return pl.Series([None if value is None else value.hex() for value in column.to_pylist()], dtype=pl.String)
    if pa.types.is_floating(kind):
        return _floats(column)
    if pa.types.is_timestamp(kind):
        moments = pl.Series(pl.from_arrow(column))
        return moments.dt.to_string("%Y-%m-%dT%H:%M:%S%.f" + ("%:z" if kind.tz else ""))
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_date(kind):
        return _series(column.cast(pa.string()))
    return pl.Series([_written(value) for value in column.to_pylist()], dtype=pl.String)


def _series(column: Any) -> pl.Series:
    return pl.Series(pl.from_arrow(column), dtype=pl.String)


def _floats(column: Any) -> pl.Series:
    """A whole number loses its ".0": a table with an empty cell makes floats of all its integers. Beyond 2^53 digits may be lost, and
    the text says so by its exponent."""
    text = pl.Series(pl.from_arrow(column.cast(pa.string())))
    value = pl.Series(pl.from_arrow(column.cast(pa.float64())))
    words = text.replace({"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"})
    whole = value.is_finite() & (value.abs() <= _WHOLE) & (value == value.round())
    digits = value.cast(pl.Int64, strict=False).cast(pl.String)
    return pl.select(pl.when(whole).then(digits).otherwise(words)).to_series()


def _written(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, (list, dict, tuple)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_inner)
    return str(value)


def _inner(value: Any) -> str:
    """A value inside a nested one, as it would stand in a cell: days and times in ISO form, bytes as text or hexadecimal."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    return value.isoformat() if isinstance(value, date) else str(value)


def _presentable(cells: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    r"""A NUL, which no text can hold, shows its escape \u0000; the places of such rows."""
    if not cells.width or not cells.height:
        return cells, []
    odd = cells.select(pl.any_horizontal(pl.all().str.contains("\0", literal=True))).to_series().fill_null(False).arg_true().to_list()
    if odd:
        cells = cells.with_columns(pl.all().str.replace_all("\0", "\\u0000", literal=True))
    return cells, odd


def _too_large(name: str, rows: int, size: int, limits: Limits) -> IngestionError:
    return IngestionError.of(
        "reading.parquet_large",
        code="ingestion.too_large",
        file=name,
        rows=f"{rows:,}",
        size=f"{size:,}",
        most=f"{limits.max_bytes:,}",
        cells=f"{limits.max_cells:,}",
    )


def _damaged(name: str) -> IngestionError:
    return IngestionError.of("reading.damaged_parquet", code="ingestion.damaged", file=name)

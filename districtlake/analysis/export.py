"""A result on its way out: CSV, JSON, NDJSON, Parquet, Arrow, Excel; written batch by batch, so that a large one needs no memory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import polars as pl
import pyarrow as pa

from districtlake.clock import SHANGHAI
from districtlake.errors import OperationRefused

Batches = Iterator[pa.RecordBatch]
EXCEL_ROWS = 1_048_576
_EXCEL_DIGITS = 15  # of a number; more are lost
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_CELL = (int, float, str, bool)


def json_value(value: Any) -> Any:
    """A value as JSON takes it: instants in Shanghai time, decimals as text (they would lose digits as numbers), bytes as hex."""
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).isoformat(timespec="seconds") if value.tzinfo else value.isoformat()
    if isinstance(value, dict):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return None if isinstance(value, float) and value != value else value
    return str(value)


def _rows(batches: Batches) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()


def write_csv(batches: Batches, schema: pa.Schema, to: IO[bytes]) -> None:
    """UTF-8 with a header; null is the empty cell, nested values are JSON text."""
    to.write(_flat(pl.DataFrame(schema.empty_table())).write_csv().encode())
    for batch in batches:
        to.write(_flat(pl.DataFrame(pa.Table.from_batches([batch]))).write_csv(include_header=False).encode())


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    nested = [name for name, kind in frame.schema.items() if kind.is_nested() or kind == pl.Binary]
    texts = [
        pl.Series(
            name, [None if v is None else json.dumps(json_value(v), ensure_ascii=False) for v in frame[name].to_list()], dtype=pl.String
        )
        for name in nested
    ]
    instants = [
        pl.col(name).dt.convert_time_zone("Asia/Shanghai").dt.to_string("%Y-%m-%dT%H:%M:%S%:z")
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Datetime) and kind.time_zone
    ]
    return frame.with_columns(*texts, *instants)


def write_ndjson(batches: Batches, schema: pa.Schema, to: IO[bytes]) -> None:
    for row in _rows(batches):
        to.write((json.dumps(json_value(row), ensure_ascii=False) + "\n").encode())


def write_json(batches: Batches, schema: pa.Schema, to: IO[bytes]) -> None:
    """One array of objects."""
    first = True
    for row in _rows(batches):
        to.write((("[\n" if first else ",\n") + json.dumps(json_value(row), ensure_ascii=False)).encode())
        first = False
    to.write(b"[]\n" if first else b"\n]\n")


def write_parquet(batches: Batches, schema: pa.Schema, to: IO[bytes]) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(to, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def write_arrow(batches: Batches, schema: pa.Schema, to: IO[bytes]) -> None:
    """The Arrow IPC stream format: what pandas, Polars, R and DuckDB read from a pipe."""
    with pa.ipc.new_stream(to, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def write_xlsx(batches: Batches, schema: pa.Schema, to: IO[bytes]) -> None:
    """One sheet; text is never a formula, long digits stay text.

    Raises:
        OperationRefused: more rows than a sheet holds.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("结果")
    sheet.freeze_panes = "A2"

    def cell(value: Any) -> Any:
        if isinstance(value, Decimal) and value.is_finite() and len(value.normalize().as_tuple().digits) <= _EXCEL_DIGITS:
            value = float(value)
        value = json_value(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1e15:
            value = str(value)
        if not isinstance(value, _CELL) and value is not None:
            value = json.dumps(value, ensure_ascii=False)
        if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
            made = WriteOnlyCell(sheet, value=value)
            made.data_type = "s"
            return made
        return value

    sheet.append([cell(name) for name in schema.names])
    for written, row in enumerate(_rows(batches), 2):
        if written > EXCEL_ROWS:
            raise OperationRefused(
                f"The result has more rows than an Excel sheet holds ({EXCEL_ROWS - 1:,}).", hint="用 --format csv 或 parquet。"
            )
        sheet.append([cell(value) for value in row.values()])
    workbook.save(to)


WRITERS: dict[str, Callable[[Batches, pa.Schema, IO[bytes]], None]] = {
    "csv": write_csv, "json": write_json, "ndjson": write_ndjson, "parquet": write_parquet, "arrow": write_arrow, "xlsx": write_xlsx,
}  # fmt: skip
ENDINGS = {f".{name}": name for name in WRITERS} | {".jsonl": "ndjson", ".arrows": "arrow"}
BINARY = frozenset({"parquet", "arrow", "xlsx"})


def format_of(path: Path) -> str:
    """By the file's ending.

    Raises:
        OperationRefused: an ending that means nothing here.
    """
    kind = ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise OperationRefused(f"{path.name}: unknown kind of file.", hint=f"Endings are: {', '.join(ENDINGS)}. Or say it: --format csv.")
    return kind


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears whole or not at all, readable by its owner only (it may hold personal data).

    Raises:
        OperationRefused: the folder is not there or may not be written to.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OperationRefused(f"{path} cannot be written: {error.strerror}.", hint="换一个有写权限、已存在的文件夹。") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise

"""What must hold of any bytes whatever: a sound frame or one of our refusals, and nothing lost beside an independent reading."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from districtlake.errors import IngestionError
from districtlake.ingestion import read
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.read import RawDelivery, raw_schema, read_file
from districtlake.ingestion.workbook_guard import Told, check_workbook
from districtlake.inspection.found import Wanted
from districtlake.inspection.read import opened
from tests.property.test_ingestion_properties import ITEMS, resource

LIMITS = Limits(max_bytes=32 << 20, max_cells=2_000_000)
RESOURCE = resource()
LISTED = 1000


def judge(target: str, name: str, content: bytes, folder: Path) -> str:
    """Read the bytes as a delivery and as a file nobody described. Gives "read" or the code of the refusal.

    Raises ``AssertionError`` where something was lost or is unsound; whatever else comes out is a crash.
    """
    path = folder / "delivered"
    path.write_bytes(content)
    inspected(path, name)
    delivery = delivered(path, name)
    if isinstance(delivery, str):
        return delivery
    sound(delivery)
    ORACLES[target](content, delivery)
    return "read"


def delivered(path: Path, name: str) -> RawDelivery | str:
    try:
        return read_file(path, name, RESOURCE, LIMITS)
    except IngestionError as error:
        return refused(error)


def inspected(path: Path, name: str) -> None:
    try:
        with opened(path, name, Wanted(), LIMITS) as found:
            for table in found.tables:
                for batch in table.batches():
                    assert batch.width == table.width + 1, (batch.width, table.width)
                    batch.write_ipc(io.BytesIO())
                json.dumps([decision.as_dict() for decision in table.decisions] + [table.noted.as_dict()])
    except IngestionError as error:
        refused(error)


def refused(error: IngestionError) -> str:
    """A refusal says what and how to mend it, in words that can be stored."""
    assert error.code.startswith("ingestion."), error
    assert error.hint, error
    json.dumps(error.as_dict(), ensure_ascii=False).encode()
    return error.code


def sound(delivery: RawDelivery) -> None:
    frame, report = delivery.frame, delivery.report
    assert frame.height == report.rows
    assert frame.schema == raw_schema(RESOURCE)
    frame.write_ipc(io.BytesIO())  # every cell is text that can be stored
    json.dumps(report.as_dict(), ensure_ascii=False).encode()
    for part in frame.partition_by("_sheet", maintain_order=True):
        rows = part["_row"].to_list()
        assert rows == sorted(set(rows)), "row numbers out of order or twice"
        assert not rows or rows[0] >= 1


def held(delivery: RawDelivery) -> list[Counter[str]]:
    """Of each row its cells that are filled, wherever they went."""
    found = []
    for *cells, extra in delivery.frame.select(*ITEMS, "_extra").rows():
        beside = json.loads(extra).values() if extra else ()
        found.append(Counter(cell for cell in (*cells, *beside) if cell))
    return found


def delimited(content: bytes, delivery: RawDelivery) -> None:
    report = delivery.report
    if report.format != "csv" or report.skipped.total + report.irregular.total > LISTED or not report.header_row:
        return
    text = content.decode(report.encoding)
    text = text.removeprefix("\ufeff")
    end = "\n" if "\n" in text else "\r"
    physical = list(io.StringIO(text, newline=end))
    noted = {note.row for note in report.skipped.first}
    rows = delivery.frame["_row"].to_list()
    if '"' not in text:
        # every line is the header, delivered or noted
        told = {*rows, *noted, report.header_row}
        assert told == set(range(1, len(physical) + 1)), f"lines nobody speaks of: {sorted(set(range(1, len(physical) + 1)) - told)[:5]}"
        expected = [Counter(cell for cell in physical[row - 1].rstrip("\r\n").split(report.delimiter) if cell) for row in rows]
        assert held(delivery) == expected
        return
    below = physical[report.header_row :]
    if (
        report.irregular.counts.keys() - {"too_few_fields", "too_many_fields"}
        or "\r" in text.replace("\r\n", "")
        or '"' in physical[report.header_row - 1]
    ):
        return
    csv.field_size_limit(1 << 27)
    records, numbers = [], []
    reader = csv.reader(below, delimiter=report.delimiter)
    before = 0
    for record in reader:
        records.append(Counter(cell for cell in record if cell))
        numbers.append(report.header_row + before + 1)
        before = reader.line_num
    kept = [(number, record) for number, record in zip(numbers, records, strict=True) if number not in noted]
    assert rows == [number for number, _ in kept], "records begin elsewhere than Python's csv module sees them"
    assert held(delivery) == [record for _, record in kept]


class _Twice(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Twice
    return dict(pairs)


def _same_texts(delivery: RawDelivery, records: list[Any]) -> None:
    assert delivery.frame.height == len(records), f"{len(records)} records, {delivery.frame.height} rows"
    if delivery.report.irregular.total:
        return
    for kept, record in zip(held(delivery), records, strict=True):
        texts = Counter(value for value in record.values() if isinstance(value, str) and value)
        assert not texts - kept, "a text of a record is in no cell"


def document(content: bytes, delivery: RawDelivery) -> None:
    if delivery.report.format != "json":
        return
    try:
        found = json.loads(content.decode(delivery.report.encoding).removeprefix("\ufeff"), object_pairs_hook=_once)
    except (_Twice, RecursionError, ValueError):
        return
    for name in filter(None, delivery.report.records.split(".")):
        if not isinstance(found, dict) or name not in found:
            return
        found = found[name]
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        _same_texts(delivery, found)


def lines(content: bytes, delivery: RawDelivery) -> None:
    if delivery.report.format != "ndjson":
        return
    text = content.decode(delivery.report.encoding).removeprefix("\ufeff")
    filled = [line for line in text.split("\n") if line.strip("\ufeff\x1e \t\r")]
    assert delivery.frame.height == len(filled), f"{len(filled)} lines, {delivery.frame.height} rows"


def features(content: bytes, delivery: RawDelivery) -> None:
    if delivery.report.format != "geojson":
        return
    try:
        found = json.loads(content.decode(delivery.report.encoding).removeprefix("\ufeff"), object_pairs_hook=_once)
        count = len(found["features"])
    except (_Twice, RecursionError, ValueError, KeyError, TypeError):
        return
    assert delivery.frame.height == count, f"{count} features, {delivery.frame.height} rows"


def parquet(content: bytes, delivery: RawDelivery) -> None:
    if delivery.report.format == "parquet":
        try:
            count = pq.read_table(io.BytesIO(content)).num_rows
        except (pa.ArrowException, OSError, ValueError):
            return
        assert delivery.frame.height == count, f"{count} rows, {delivery.frame.height} delivered"


def workbook(content: bytes, delivery: RawDelivery) -> None:
    """Rows below the header that openpyxl finds filled are delivered or noted. (Where openpyxl fails, or the sheet gives cells no rightful place, nothing is said.)"""
    if delivery.report.format != "xlsx":
        return
    assert looked_at_twice(content).equals(delivery.frame), "what the parts of the workbook told beforehand was wrong"
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
        sheets = {sheet.title: [(row[0].row, [cell.value for cell in row]) for row in sheet.iter_rows()] for sheet in book.worksheets}
    except Exception:  # another reader's errors are its own
        return
    for part in delivery.report.sheets:
        if not part.read or part.header_row is None or part.name not in sheets or delivery.report.skipped.total > LISTED:
            continue
        seen = {row for row, cells in sheets[part.name] if any(isinstance(cell, str) and cell.strip() for cell in cells)}
        seen = {row for row in seen if row > part.header_row}
        noted = {note.row for note in delivery.report.skipped.first if note.sheet == part.name}
        given = set(delivery.frame.filter(delivery.frame["_sheet"] == part.name)["_row"])
        assert not seen - noted - given, f"rows nobody speaks of: {sorted(seen - noted - given)[:5]}"


def looked_at_twice(content: bytes) -> pl.DataFrame:
    """The raw frame of a workbook of which nothing is told beforehand: every doubtful cell is looked at again."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder, "delivered")
        path.write_bytes(content)
        patch.setattr(read, "check_workbook", lambda *given: Told(check_workbook(*given).epoch_1904))
        found = delivered(path, "d.xlsx")
    assert isinstance(found, RawDelivery), found
    return found.frame


def _inner(content: bytes, delivery: RawDelivery) -> None:
    """What was packed reads as it does by itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "inner")
        path.write_bytes(content)
        alone = delivered(path, delivery.report.member)
        assert isinstance(alone, RawDelivery), alone
        assert alone.frame.drop("_file").equals(delivery.frame.drop("_file"))


def archive(content: bytes, delivery: RawDelivery) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            inner = next((file.read(info) for info in file.infolist() if info.filename == delivery.report.member), None)
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError, NotImplementedError, ValueError):
        return
    if inner is not None:
        _inner(inner, delivery)


def gzipped(content: bytes, delivery: RawDelivery) -> None:
    try:
        inner = gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return
    _inner(inner, delivery)


def nothing_more(content: bytes, delivery: RawDelivery) -> None:
    """No independent reader of this format is at hand."""


ORACLES: dict[str, Any] = {
    "delimited": delimited, "json": document, "ndjson": lines, "geojson": features, "parquet": parquet, "xlsx": workbook, "ods": nothing_more,
    "xls": nothing_more, "zip": archive, "gzip": gzipped,
}  # fmt: skip
TARGETS = tuple(ORACLES)

"""Laws of reading: what was written is read back, the encoding does not matter, the two ways through a text agree, no row is lost."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import tempfile
from pathlib import Path

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from hypothesis import example, given, settings
from hypothesis import strategies as st

from districtlake.catalog.models import Item, Opening, Resource, Sharing, Source
from districtlake.ingestion import delimited
from districtlake.ingestion.dialect import Dialect
from districtlake.ingestion.header import HeaderFinder
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.read import RawDelivery, read_file
from districtlake.ingestion.text import open_text

TITLES = {"id": "登记号", "name": "姓名", "address": "现住址", "remark": "备注"}
ITEMS = list(TITLES)


def resource(required: tuple[str, ...] = ("id",)) -> Resource:
    return Resource(
        agency="police_bureau",
        name="residents",
        code="301001001/000001",
        title="居住登记",
        business="业务",
        system="系统",
        items=tuple(Item(name=name, title=title, element="text", required=name in required) for name, title in TITLES.items()),
        storage_format="spreadsheet",
        sharing=Sharing(class_="unconditional"),
        opening=Opening(class_="unconditional"),
        provision=("api",),
        update_cycle="daily",
        sharing_term="permanent",
        source=Source(files=("*",), mode="append"),
    )


def read(content: bytes) -> RawDelivery:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "delivered")
        path.write_bytes(content)
        return read_file(path, "residents", resource(), Limits())


def table(delivery: RawDelivery) -> list[tuple[str | None, ...]]:
    return delivery.frame.select(ITEMS).rows()


# Two filled cells make a row that is never passed over; the other cells may hold anything a text can.
anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ['"', '""', ",", "\n", "\r\n", "\r", '",', '"\n', "𠮷", "㙍", "\ufeff", " x ", "合计", "\x1a", "\u2028", "\x85"]
)
filled = st.from_regex(r"[A-Z0-9]{1,8}", fullmatch=True)
rows_of_text = st.lists(st.tuples(filled, filled, anything, anything), max_size=12)


@given(
    rows=rows_of_text,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    titles=st.integers(0, 2),
    last_end=st.booleans(),
)
@settings(deadline=None)
def test_text_written_by_csv_is_read_back(
    rows: list[tuple[str, ...]], encoding: str, end: str, delimiter: str, quoting: int, titles: int, last_end: bool
) -> None:
    if any("\r" in cell or "\n" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # Python's writer leaves a bare return unquoted, which no reader can tell from a line end
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    for number in range(titles):
        writer.writerow([f"标题{number}"])
    starts = []
    for row in [tuple(TITLES.values()), *rows]:
        starts.append(buffer.getvalue().count("\n") + 1)
        writer.writerow(row)
    text = buffer.getvalue()
    if not last_end and rows:
        text = text.removesuffix(end)
    delivery = read(text.encode(encoding))
    assert table(delivery) == [tuple(cell or None for cell in row) for row in rows]
    assert delivery.frame["_row"].to_list() == starts[1:]
    assert delivery.report.delimiter == delimiter
    assert delivery.report.header_row == starts[0]
    assert delivery.report.irregular.total == 0


@given(rows=rows_of_text)
@settings(deadline=None)
def test_the_encoding_does_not_matter(rows: list[tuple[str, ...]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([tuple(TITLES.values()), *rows])
    frames = [read(buffer.getvalue().encode(encoding)).frame for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16")]
    assert all(frame.equals(frames[0]) for frame in frames[1:])


pieces = st.sampled_from(
    ["a", "1", "中", '"', ",", "\n", " ", '""', ',"', '",', '"\n', '"a\nb"', '"1,中"', "a,1,中,a\n", '"a\n""1""",1,,"中"\n']
)


@given(
    body=st.lists(pieces, max_size=30).map("".join),
    crlf=st.booleans(),
    window=st.sampled_from([1, 7, 40, 1 << 20]),
    patience=st.integers(1, 3),
    short=st.sampled_from([0, 1 << 16]),
)
@example(body='"a\n1,"\n', crlf=False, window=7, patience=1, short=0)
@example(body='a",b\n",\n', crlf=False, window=40, patience=1, short=0)
@example(body='1",,,"', crlf=False, window=40, patience=1, short=0)
@example(body='1,"a"b,2,3\n"5""","",\n', crlf=False, window=40, patience=1, short=0)
@settings(max_examples=300, deadline=None)
def test_the_fast_way_agrees_with_the_careful_one(body: str, crlf: bool, window: int, patience: int, short: int) -> None:
    """On any text at all, however it is cut into windows: cells, line numbers, surplus and every note."""
    text = ",".join(TITLES.values()) + "\n" + body
    if crlf:
        text = text.replace("\n", "\r\n")
    sizes = {"_WINDOW": window, "_SHORT_WINDOW": window, "_PATIENCE": patience, "_SHORT": short}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder, "delivered")
        path.write_bytes(text.encode())
        for name, value in sizes.items():
            patch.setattr(delimited, name, value)
        found = open_text(path, "x", None, Limits(), None, lambda _: True)  # type: ignore[arg-type]
        offset = len(text.partition("\n")[0].encode()) + 1
        fast = list(delimited.read_batches(found, "x", Dialect(), len(TITLES), offset, 1, Limits()))
        careful = delimited._careful(found, "x", Dialect(), len(TITLES), offset, 1, Limits())
    assert pl.concat([part.cells for part in fast]).rows() == careful.cells.rows()
    assert [row for part in fast for row in part.rows] == careful.rows.to_list()
    begins = [0, *itertools.accumulate(part.cells.height for part in fast)]
    for seen in ("surplus", "irregular"):
        together = {begin + at: told for begin, part in zip(begins, fast, strict=False) for at, told in getattr(part, seen).items()}
        assert together == getattr(careful, seen)


@given(body=st.text(st.sampled_from(list('a1中",\n\r ')), max_size=80))
@settings(max_examples=300, deadline=None)
def test_no_character_of_any_text_is_lost(body: str) -> None:
    """Whatever the quotes do: every letter that was delivered stands in a cell, in ``_extra``, or in a row that is noted as skipped."""
    delivery = read((",".join(TITLES.values()) + "\n" + body).encode())
    kept = "".join(cell for row in delivery.frame.select(*ITEMS, "_extra").rows() for cell in row if cell)
    for letter in "a中":
        # a skipped row holds at most one filled item; here only a lone cell
        assert kept.count(letter) <= body.count(letter)
        if not delivery.report.skipped.counts.get("banner") and not delivery.report.skipped.counts.get("footer"):
            assert kept.count(letter) == body.count(letter)


cell = st.none() | st.sampled_from(["", " ", "北京市（3所）", "合计", "注：略", "A1", "x y", "1"])


@given(rows=st.lists(st.tuples(cell, cell, cell, cell, cell), max_size=15))
@settings(deadline=None)
def test_every_row_is_delivered_or_noted(rows: list[tuple[str | None, ...]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([(*TITLES.values(), "其他"), *rows])
    delivery = read(buffer.getvalue().encode())
    delivered = delivery.frame["_row"].to_list()
    skipped = {note.row: note.reason for note in delivery.report.skipped.first}
    assert sorted([*delivered, *skipped]) == list(range(2, 2 + len(rows)))
    for number, row in enumerate(rows, 2):
        items = sum(bool(text and text.strip()) for text in row[:4])
        if items >= 2:
            assert number in delivered
        assert (skipped.get(number) == "blank") == (not any(text and text.strip() for text in row))


# XML knows no control characters, and makes one line end of three.
in_xml = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=12).filter(
    lambda text: "_x" not in text and not text.startswith("=")
)
numbers = st.integers(-(10**15) + 1, 10**15 - 1)
days = st.dates(dt.date(1900, 3, 1), dt.date(9999, 12, 30))


@given(
    rows=st.lists(st.tuples(filled, filled, in_xml | numbers | days, in_xml | numbers | days), min_size=1, max_size=8),
    top=st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_a_workbook_by_xlsxwriter_is_read_back(rows: list[tuple[str | int | dt.date, ...]], top: int) -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet, day = book.add_worksheet("数据"), book.add_format({"num_format": "yyyy/m/d"})
    for at, row in enumerate([tuple(TITLES.values()), *rows], top):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(at, column, value)
            elif isinstance(value, dt.date):
                sheet.write_datetime(at, column, value, day)
            else:
                sheet.write_number(at, column, value)
    book.close()
    delivery = read(buffer.getvalue())
    assert table(delivery) == [tuple(map(_seen, row)) for row in rows]
    assert delivery.frame["_row"].to_list() == list(range(top + 2, top + 2 + len(rows)))


wordy = in_xml.filter(str.strip)  # openpyxl does not mark a cell of blanks alone as to be preserved: Excel too reads it as empty


@given(rows=st.lists(st.tuples(filled, filled, wordy | numbers | days, wordy), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_a_workbook_by_openpyxl_is_read_back(rows: list[tuple[str | int | dt.date, ...]]) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(tuple(TITLES.values()))
    for at, row in enumerate(rows, 2):
        for column, value in enumerate(row, 1):
            written = book.active.cell(at, column, value)
            if isinstance(value, str):
                written.data_type = "s"
    buffer = io.BytesIO()
    book.save(buffer)
    assert table(read(buffer.getvalue())) == [tuple(map(_seen, row)) for row in rows]


@given(number=st.floats(-1e12, 1e12, allow_nan=False).map(lambda value: float(f"{value:.15g}")).filter(lambda value: abs(value) >= 1e-6))
@settings(max_examples=60, deadline=None)
def test_fractions_keep_the_digits_excel_keeps(number: float) -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, list(TITLES.values()))
    sheet.write_row(1, 0, ["A", "B", number, 1 / 3])
    book.close()
    (row,) = table(read(buffer.getvalue()))
    assert row[2] is not None
    assert float(row[2]) == number
    assert "e" not in row[2].lower()


def _seen(value: str | int | dt.date) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)


@given(st.lists(st.sampled_from([*TITLES.values(), "其他", "", "姓 名", "ＮＡＭＥ", "*备注"]), max_size=8))
@settings(deadline=None)
def test_a_header_maps_each_item_to_one_column(cells: list[str]) -> None:
    found = HeaderFinder(resource(), 50).columns(cells)
    assert len(set(found.values())) == len(found)
    assert all(item in TITLES for item in found)
    assert pl.Series(list(found.values()), dtype=pl.Int64).is_between(0, len(cells), closed="left").all()

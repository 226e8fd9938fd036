"""Whole files to begin with: small, of every format and form, built here; no persons."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import struct
import zipfile
from random import Random
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from hypothesis import strategies as st

from tests.integration.test_ingestion_guards import ole

TITLES = ("登记号", "姓名", "现住址", "备注")
ROWS = (
    ("A1", "甲乙", "石碶街道1号", "无"), ("A2", "丙,丁", "望春路\n2号", '他说"好"'), ("A3", "", "", ""), ("A4", "𠮷", "12.50", "2026-03-02"),
    ("A5", "合计", "x" * 300, "110101"), ("A6", "=1+1", " ", "\u3000"),
)  # fmt: skip


def text(rows: Any = ROWS, delimiter: str = ",", end: str = "\n", **how: Any) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, **how).writerows([TITLES, *rows])
    return out.getvalue()


def delimited() -> list[bytes]:
    plain = [row for row in ROWS if not any("\n" in cell for cell in row)]
    return [
        text().encode(), text(quoting=csv.QUOTE_ALL, end="\r\n").encode("gb18030"), text(plain, "\t").encode("utf-16"), text(plain, "|").encode("utf-8-sig"),
        ("标题\n\n" + text(plain, ";", "\r\n") + "合计,3\n").encode(), text(plain, end="\r").encode("big5", "replace"),
        (text(plain) * 40).encode(), b"".join(text(plain).encode().splitlines(keepends=True)[:2]) + b'A7,"b"c,d"e,f\nA8,"open,1,2\nA9,"x""y",,"z"\n',
        text(plain).encode("utf-16-le"), ",".join(TITLES).encode() + b"\n",
    ]  # fmt: skip


def _records() -> list[dict[str, Any]]:
    return [dict(zip(TITLES, row, strict=True)) | {"n": at, "x": [1.50, {"y": None}], "t": True} for at, row in enumerate(ROWS)]


def documents() -> list[bytes]:
    records = _records()
    return [
        json.dumps(records, ensure_ascii=False).encode(), json.dumps({"code": 0, "data": {"rows": records}}, indent=1).encode(),
        json.dumps({"data": records[:2], "total": 2}, ensure_ascii=False).encode("gb18030"), json.dumps(records[0]).encode("utf-16"), b"[]",
        json.dumps([list(TITLES), *map(list, ROWS)], ensure_ascii=False).encode(),
    ]  # fmt: skip


def lines() -> list[bytes]:
    return [
        "\n".join(json.dumps(one, ensure_ascii=False) for one in _records()).encode(),
        b'{"id": "1"}\n\n{"id": 2, "name": null}\nnonsense\n',
    ]


def features() -> list[bytes]:
    shapes = [{"type": "Point", "coordinates": [121.5, 29.8]}, {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}, None]
    made = [
        {"type": "Feature", "id": at, "geometry": shape, "properties": one}
        for at, (one, shape) in enumerate(zip(_records(), shapes, strict=False))
    ]
    return [
        json.dumps({"type": "FeatureCollection", "features": made}, ensure_ascii=False).encode(),
        b"\x1e" + b"\n\x1e".join(json.dumps(one).encode() for one in made),
    ]


def tables() -> list[bytes]:
    made = []
    columns: dict[str, Any] = {title: [row[at] or None for row in ROWS] for at, title in enumerate(TITLES)}
    numbers = {
        "n": list(range(len(ROWS))),
        "f": [1.0, None, 2.5, 1e300, -0.0, 3.0],
        "l": [[1], None, [], [2, 3], [4], [5]],
        "b": [b"\xff", b"a", None, b"", b"x", b"y"],
    }
    for more, how in (
        ({}, {}),
        (numbers, {"compression": "zstd"}),
        (numbers, {"use_dictionary": False, "row_group_size": 2, "version": "1.0"}),
    ):
        out = io.BytesIO()
        pq.write_table(pa.table(columns | more), out, **how)
        made.append(out.getvalue())
    return made


def books() -> list[bytes]:
    out, second = io.BytesIO(), io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    for name in ("数据", "说明"):
        sheet = book.add_worksheet(name)
        for at, row in enumerate([TITLES, *ROWS]):
            sheet.write_row(at + 1, 1, row)
        sheet.write_number(9, 1, 330203199001011234)
        sheet.write_formula(9, 2, "=1/0", None, "#DIV/0!")
        sheet.write_datetime(9, 3, dt.date(2026, 3, 2), book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.merge_range(0, 0, 0, 3, "标题")
    book.close()
    other = openpyxl.Workbook()
    assert other.active is not None
    for line in (TITLES, *ROWS):
        other.active.append(line)
    other.save(second)
    return [out.getvalue(), second.getvalue()]


def ods() -> list[bytes]:
    cells = "".join(
        "<table:table-row>" + "".join(f'<table:table-cell office:value-type="string"><text:p>{cell if cell.isalnum() else "x"}</text:p></table:table-cell>' for cell in row) + "</table:table-row>"
        for row in (TITLES, *ROWS)
    )  # fmt: skip
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
        f'<office:spreadsheet><table:table table:name="s">{cells}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    manifest = '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    return [
        packed(
            {
                "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
                "content.xml": body.encode(),
                "META-INF/manifest.xml": manifest.encode(),
            }
        )
    ]


def xls() -> list[bytes]:
    """BIFF8 by hand: a globals stream with one sheet of labels and numbers."""

    def record(kind: int, content: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(content)) + content

    def label(row: int, column: int, words: str) -> bytes:
        return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(words.encode("utf-16-le")) // 2, 1) + words.encode("utf-16-le"))

    sheet = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0)) + record(0x0200, struct.pack("<IIHHH", 0, 7, 0, 4, 0))
    for at, row in enumerate([TITLES, *ROWS]):
        sheet += b"".join(label(at, column, cell) for column, cell in enumerate(row) if cell)
    sheet += record(0x0203, struct.pack("<HHHd", 7, 0, 0, 330203.0)) + record(0x000A)
    name = "s".encode("utf-16-le")
    begin = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    bound = len(begin) + 4 + 8 + len(name) + 4
    globals_ = begin + record(0x0085, struct.pack("<IHBB", bound, 0, 1, 1) + name) + record(0x000A)
    return [ole({"Workbook": globals_ + sheet})]


def packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def archives() -> list[bytes]:
    inner = delimited()[0]
    return [
        packed({"数据/residents.csv": inner}),
        packed({"a.xlsx": books()[1]}),
        packed({"b.json": documents()[0], "__MACOSX/._b.json": b"x"}),
        packed({"c.zip": packed({"d.csv": inner})}),
    ]


def gzips() -> list[bytes]:
    return [gzip.compress(one, mtime=0) for one in (delimited()[0], delimited()[1], documents()[0], tables()[0], lines()[0])]


SEEDS = {
    "delimited": ("d.csv", delimited), "json": ("d.json", documents), "ndjson": ("d.ndjson", lines), "geojson": ("d.geojson", features),
    "parquet": ("d.parquet", tables), "xlsx": ("d.xlsx", books), "ods": ("d.ods", ods), "xls": ("d.xls", xls), "zip": ("d.zip", archives),
    "gzip": ("d.gz", gzips),
}  # fmt: skip
"""Target -> name of its files, its seeds. A corpus adds real files of the same endings."""
ENDINGS = {
    "delimited": (".csv", ".txt", ".tsv"), "json": (".json",), "ndjson": (".ndjson", ".jsonl"), "geojson": (".geojson",), "parquet": (".parquet",),
    "xlsx": (".xlsx", ".xlsm", ".xlsb"), "ods": (".ods",), "xls": (".xls",), "zip": (".zip",), "gzip": (".gz",),
}  # fmt: skip

cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"', '""', ",", "\n", "\r\n", "\r", '",', "合计", "𠮷", "\ufeff", "1e400", "NaN", "\0"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | cells,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(cells, inner, max_size=3),
)
_rows = st.lists(st.lists(cells, max_size=6), max_size=12)


@st.composite
def structured(draw: st.DrawFn, target: str) -> bytes:
    """A file of the target that is whole, whatever its cells hold."""
    if target in ("json", "ndjson", "geojson"):
        records = draw(st.lists(st.dictionaries(st.sampled_from(TITLES) | cells, values, max_size=5), max_size=8))
        if target == "ndjson":
            return "\n".join(json.dumps(one, ensure_ascii=draw(st.booleans())) for one in records).encode("utf-8", "surrogatepass")
        if target == "geojson":
            made = [{"type": "Feature", "geometry": draw(values), "properties": one} for one in records]
            return json.dumps({"type": "FeatureCollection", "features": made}).encode()
        return json.dumps({"d": records} if draw(st.booleans()) else records).encode(draw(st.sampled_from(["utf-8", "utf-16", "gb18030"])))
    if target == "parquet":
        out = io.BytesIO()
        columns = draw(st.lists(st.lists(st.none() | cells, min_size=3, max_size=3), min_size=1, max_size=4))
        pq.write_table(pa.table(dict(zip(TITLES, columns, strict=False))), out)
        return out.getvalue()
    if target == "xlsx":
        out = io.BytesIO()
        book = xlsxwriter.Workbook(out, {"in_memory": True, "nan_inf_to_errors": True})
        sheet = book.add_worksheet()
        for at, row in enumerate([list(TITLES), *draw(_rows)], draw(st.integers(0, 2))):
            for column, cell in enumerate(row):
                sheet.write_string(at, column, cell.replace("\0", ""))
        book.close()
        return out.getvalue()
    if target in ("xls", "ods"):
        return draw(st.sampled_from(SEEDS[target][1]()))
    delimiter, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    written = text(draw(_rows), delimiter, end, quoting=quoting).encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"])))
    return packed({"d.csv": written}) if target == "zip" else gzip.compress(written, mtime=0) if target == "gzip" else written


def seeded(target: str, corpus: list[bytes], random: Random) -> bytes:
    return random.choice([*SEEDS[target][1](), *corpus])

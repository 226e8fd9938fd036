"""Laws of reading records: what was written to JSON, NDJSON, GeoJSON or Parquet is read back cell by cell, and no bytes at all crash it."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from districtlake.catalog.models import Item, Opening, Resource, Sharing, Source
from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.read import RawDelivery, read_file

TITLES = {"id": "登记号", "name": "姓名", "address": "现住址", "remark": "备注", "longitude": "经度", "latitude": "纬度"}
ITEMS = ["id", "name", "address", "remark"]


def resource(records: str | None = None) -> Resource:
    return Resource(
        agency="police_bureau",
        name="residents",
        code="301001001/000001",
        title="居住登记",
        business="业务",
        system="系统",
        items=tuple(Item(name=name, title=title, element="text", required=name == "id") for name, title in TITLES.items()),
        storage_format="self_describing",
        sharing=Sharing(class_="unconditional"),
        opening=Opening(class_="unconditional"),
        provision=("api",),
        update_cycle="daily",
        sharing_term="permanent",
        source=Source(files=("*",), mode="append", records=records),
    )


def read(content: bytes, name: str = "residents", of: Resource | None = None, limits: Limits | None = None) -> RawDelivery:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "delivered")
        path.write_bytes(content)
        return read_file(path, name, of or resource(), limits or Limits())


anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ['"', "\\", "\n", "\r\n", "𠮷", "\ufeff", " x ", "合计", "\x1a", "\u2028", "备注：", "{", "]"]
)
scalar = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | anything
value = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3), max_leaves=6)
record = st.fixed_dictionaries(
    {"id": st.from_regex(r"[0-9A-Z]{1,20}", fullmatch=True)}, optional=dict.fromkeys(["name", "现住址", "备注"], value)
)
records = st.lists(record, min_size=1, max_size=8)


def cell(written: Any) -> str | None:
    """A value as json writes it, which is how it must stand in its cell."""
    if written is None or isinstance(written, str):
        return written or None
    return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


def expected(rows: list[dict[str, Any]]) -> list[tuple[str | None, ...]]:
    return [tuple(cell(row.get(name, row.get(TITLES[name]))) for name in ITEMS) for row in rows]


@given(
    rows=records,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
    wrapped=st.sampled_from([None, "data", "result.rows"]),
)
@settings(deadline=None)
def test_json_is_read_back(rows: list[dict[str, Any]], encoding: str, indent: int | None, ascii_only: bool, wrapped: str | None) -> None:
    document: Any = rows
    for part in reversed(wrapped.split(".") if wrapped else []):
        document = {"code": 0, part: document, "多余": ["x"]}
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    delivery = read(text.encode(encoding), of=resource(wrapped if wrapped and "." in wrapped else None))
    assert delivery.frame.select(ITEMS).rows() == expected(rows)
    assert delivery.frame["_row"].to_list() == list(range(1, len(rows) + 1))
    assert (delivery.report.format, delivery.report.records) == ("json", wrapped or "")
    assert delivery.report.irregular.total == 0


@given(rows=records, blank_lines=st.booleans())
@settings(deadline=None)
def test_ndjson_is_read_back(rows: list[dict[str, Any]], blank_lines: bool) -> None:
    text = ("\n\n" if blank_lines else "\n").join(json.dumps(row, ensure_ascii=False) for row in rows)
    delivery = read(text.encode(), "residents.ndjson")
    assert delivery.frame.select(ITEMS).rows() == expected(rows)
    assert delivery.frame["_row"].to_list() == [1 + at * (1 + blank_lines) for at in range(len(rows))]
    assert delivery.report.format == "ndjson"


numbers = st.floats(-180, 180).map(lambda number: round(number, 6))


@given(rows=records, points=st.lists(st.tuples(numbers, numbers), min_size=8, max_size=8))
@settings(deadline=None)
def test_geojson_points_are_read_back(rows: list[dict[str, Any]], points: list[tuple[float, float]]) -> None:
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": point}, "properties": row}
        for row, point in zip(rows, points, strict=False)
    ]
    delivery = read(json.dumps({"features": features, "type": "FeatureCollection"}).encode())
    assert delivery.frame.select(ITEMS).rows() == expected(rows)
    assert delivery.frame.select("longitude", "latitude").rows() == [(cell(x), cell(y)) for x, y in points[: len(rows)]]
    assert delivery.report.format == "geojson"
    assert delivery.report.unexpected == ()


YEARS = dt.datetime.fromisoformat("1900-01-01"), dt.datetime.fromisoformat("2200-01-01")
COLUMNS: list[tuple[pa.DataType, st.SearchStrategy[Any], Any]] = [
    (pa.string(), anything, lambda text: text or None),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1), str),
    (pa.bool_(), st.booleans(), lambda flag: str(flag).lower()),
    (pa.date32(), st.dates(), dt.date.isoformat),
    (pa.decimal128(20, 3), st.decimals(-(10**15), 10**15, places=3), lambda number: f"{number:.3f}"),
    (pa.timestamp("s"), st.datetimes(*YEARS).map(lambda when: when.replace(microsecond=0)), dt.datetime.isoformat),
    (pa.list_(pa.int32()), st.lists(st.integers(0, 9), max_size=3), lambda numbers: json.dumps(numbers, separators=(",", ":"))),
]  # fmt: skip


@given(data=st.data(), kind=st.sampled_from(range(len(COLUMNS))), compression=st.sampled_from(["none", "snappy", "zstd"]))
@settings(deadline=None, max_examples=60)
def test_parquet_is_read_back(data: st.DataObject, kind: int, compression: str) -> None:
    dtype, values, shown = COLUMNS[kind]
    column = data.draw(st.lists(st.none() | values, min_size=1, max_size=8))
    ids = [f"00{at}" for at in range(len(column))]
    table = pa.table({"登记号": pa.array(ids), "姓名": pa.array(column, type=dtype), "不在目录": pa.array(column, type=dtype)})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression=compression)
    delivery = read(buffer.getvalue())
    texts = [None if one is None else shown(one) for one in column]
    assert delivery.frame["id"].to_list() == ids
    assert delivery.frame["name"].to_list() == texts
    assert [json.loads(extra)["不在目录"] if extra else None for extra in delivery.frame["_extra"]] == texts
    assert delivery.frame["_row"].to_list() == list(range(1, len(ids) + 1))
    assert delivery.report.header_row is None


@given(number=st.floats(allow_nan=False, allow_infinity=False))
@example(number=330203001.0)
@example(number=3.30203e17)
@settings(deadline=None)
def test_a_float_of_a_parquet_file_keeps_its_value(number: float) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"登记号": ["1"], "姓名": [number]}), buffer)
    text = read(buffer.getvalue()).frame["name"][0]
    assert float(text) == number
    if number.is_integer() and abs(number) < 2**53:
        assert Decimal(text) == int(number)
        assert "." not in text


DOCUMENT = json.dumps([{"登记号": f"{at}", "姓名": "张三", "备注": None, "x": [1.50, {"y": "\\"}]} for at in range(4)], ensure_ascii=False)
SAMPLES = {
    "json": DOCUMENT.encode(),
    "lines.ndjson": b"".join(json.dumps({"id": str(at), "name": "x", "z": {"q": 1}}).encode() + b"\n" for at in range(4)),
    "geo.geojson": json.dumps({
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"id": "1", "name": "x"}}] * 3,
    }).encode(),
}  # fmt: skip


def sample_parquet() -> bytes:
    buffer = io.BytesIO()
    frame = pa.table({"登记号": ["1", "2", "3"], "姓名": ["张", None, "李"], "备注": [1.5, None, 3.0], "t": [[1], None, [2, 3]]})
    pq.write_table(frame, buffer)
    return buffer.getvalue()


SAMPLES["table.parquet"] = sample_parquet()
damage = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3), st.integers(0, 3)), min_size=1, max_size=6)


@given(name=st.sampled_from(sorted(SAMPLES)), hits=damage, cut=st.floats(0, 1) | st.none())
@settings(max_examples=400, deadline=None)
def test_damaged_bytes_are_read_or_refused(name: str, hits: list[tuple[float, bytes, int]], cut: float | None) -> None:
    """Whatever happens to a file on its way: a frame whose rows are numbered and whole, or one of our errors."""
    content = SAMPLES[name]
    for where, replacement, length in hits:
        at = int(where * len(content))
        content = content[:at] + replacement + content[at + length :]
    if cut is not None:
        content = content[: int(cut * len(content))]
    with contextlib.suppress(IngestionError):
        delivery = read(content, name)
        assert delivery.frame.height == delivery.report.rows
        assert delivery.frame["_row"].is_unique().all()
        delivery.frame.write_ipc(io.BytesIO())  # every cell is text that can be stored


@given(text=st.text(st.sampled_from(list('{}[]",:1eE.-ntf中\\u0d8 \n')), max_size=60), name=st.sampled_from(["x.json", "x.ndjson"]))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused(text: str, name: str) -> None:
    with contextlib.suppress(IngestionError):
        delivery = read(text.encode(), name)
        assert delivery.frame.height == delivery.report.rows


@given(
    good=st.integers(1, 6), bad=st.lists(st.sampled_from(['{"id": "1", ', "nonsense", "[1, 2]", "7", '{"id": }']), min_size=1, max_size=4)
)
@settings(deadline=None)
def test_no_line_of_ndjson_is_lost(good: int, bad: list[str]) -> None:
    lines = [f'{{"id": "{at}", "name": "x"}}' for at in range(good)] + bad
    delivery = read("\n".join(lines).encode(), "x.jsonl")
    assert delivery.frame["_row"].to_list() == list(range(1, len(lines) + 1))
    assert delivery.report.irregular.total == len(bad)
    kept = [json.loads(extra) for extra in delivery.frame["_extra"].slice(good)]
    assert [extra.get("#line", extra.get("#value")) for extra in kept] == [line.replace("[1, 2]", "[1,2]") for line in bad]


@given(rows=records, cut=st.floats(0.01, 0.99))
@settings(deadline=None)
def test_a_document_cut_off_is_never_taken_for_whole(rows: list[dict[str, Any]], cut: float) -> None:
    content = json.dumps({"data": rows}).encode()
    content = content[: max(2, int(cut * len(content)))]
    with pytest.raises(IngestionError) as refused:
        read(content, "x.json")
    assert refused.value.code == "ingestion.damaged"


@given(rows=records, chunk=st.integers(1, 40))
@settings(deadline=None)
def test_the_size_of_the_chunks_does_not_matter(rows: list[dict[str, Any]], chunk: int) -> None:
    from districtlake.ingestion import json_text

    content = json.dumps({"n": 12345, "rows": rows, "t": True}, ensure_ascii=False).encode()
    whole = read(content).frame
    before, json_text.CHUNK = json_text.CHUNK, chunk
    try:
        assert read(content).frame.equals(whole)
    finally:
        json_text.CHUNK = before
    assert whole.select(pl.col("id")).height == len(rows)

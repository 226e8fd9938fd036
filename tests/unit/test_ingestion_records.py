"""JSON, NDJSON, GeoJSON and Parquet by example: what is read, where it says it stood, and what is refused with which sentence."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from districtlake.catalog.models import Item, Opening, Resource, Sharing, Source
from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.read import RawDelivery, read_file
from tests.refusals import words

TITLES = {"code": "站点编码", "name": "站点名称", "aqi": "空气质量指数", "longitude": "经度", "latitude": "纬度"}


def resource(items: dict[str, str] = TITLES, **source: Any) -> Resource:
    return Resource(
        agency="ecology_bureau",
        name="stations",
        code="305001001/000001",
        title="站点",
        business="业务",
        system="系统",
        items=tuple(Item(name=name, title=title, element="text", required=name == "code") for name, title in items.items()),
        storage_format="self_describing",
        sharing=Sharing(class_="unconditional"),
        opening=Opening(class_="unconditional"),
        provision=("api",),
        update_cycle="daily",
        sharing_term="permanent",
        source=Source(files=("*.json",), mode="append", **source),
    )


def read(
    tmp_path: Path, content: str | bytes, name: str = "s.json", of: Resource | None = None, limits: Limits | None = None
) -> RawDelivery:
    path = tmp_path / "delivered"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_file(path, name, of or resource(), limits or Limits())


def refused(tmp_path: Path, content: str | bytes, code: str, name: str = "s.json", **how: Any) -> IngestionError:
    with pytest.raises(IngestionError) as caught:
        read(tmp_path, content, name, **how)
    error = caught.value
    assert error.code == code, error
    assert name in words(error)
    assert error.message.endswith((".", "。"))
    assert error.hint
    return error


def irregular(delivery: RawDelivery) -> list[tuple[int, str]]:
    return [(note.row, note.reason) for note in delivery.report.irregular.first]


def test_numbers_keep_their_digits_and_nested_values_their_text(tmp_path: Path) -> None:
    delivery = read(
        tmp_path, '[{"code": 330203001001000000000001, "name": {"a": [1.50, true, null, "x"]}, "aqi": 1.20E+3, "longitude": false}]'
    )
    assert delivery.frame.row(0)[3:] == ("330203001001000000000001", '{"a":[1.50,true,null,"x"]}', "1.20E+3", "false", None, None)


def test_a_record_may_lack_members_and_have_others(tmp_path: Path) -> None:
    delivery = read(
        tmp_path, '[{"code": "1", "站点名称": "甲"}, {"空气质量指数": "5", "id": 7, "code": "2"}, {"code": "3", "name": "", "id": ""}]'
    )
    assert delivery.frame.select("code", "name", "aqi", "_extra").rows() == [
        ("1", "甲", None, None),
        ("2", None, "5", '{"id":"7"}'),
        ("3", None, None, None),
    ]
    report = delivery.report
    assert report.columns == {"code": "code", "站点名称": "name", "空气质量指数": "aqi", "name": "name"}
    assert report.unexpected == ("id",)
    assert set(report.missing) == {"longitude", "latitude"}
    assert (report.header_row, report.encoding, report.irregular.total) == (None, "utf-8", 0)


def test_a_member_named_twice_loses_neither_value(tmp_path: Path) -> None:
    delivery = read(tmp_path, '[{"code": "1", "name": "甲", "name": "乙", "站点名称": "丙"}]')
    assert delivery.frame.select("name", "_extra").rows() == [("甲", '{"name":"乙","站点名称":"丙"}')]
    assert irregular(delivery) == [(1, "duplicate_key")]


def test_what_json_does_not_know_stays_the_word_it_was(tmp_path: Path) -> None:
    delivery = read(tmp_path, '[{"code": "1", "aqi": NaN}, {"code": "2", "aqi": -Infinity}, {"code": "3", "aqi": 1}]')
    assert delivery.frame["aqi"].to_list() == ["NaN", "-Infinity", "1"]
    assert irregular(delivery) == [(1, "not_a_number"), (2, "not_a_number")]


def test_escapes_no_text_can_hold_are_shown(tmp_path: Path) -> None:
    delivery = read(
        tmp_path, r'[{"code": "1", "name": "\ud83d"}, {"code": "2", "name": "a\u0000b"}, {"code": "3", "name": "\ud83d\ude00"}]'
    )
    assert delivery.frame["name"].to_list() == [r"\ud83d", r"a\u0000b", "😀"]
    assert irregular(delivery) == [(1, "bad_escape"), (2, "bad_escape")]


def test_an_element_that_is_no_object_is_a_row_its_agency_is_told_about(tmp_path: Path) -> None:
    delivery = read(tmp_path, '[{"code": "1", "name": "甲"}, null, [1, 2], "文字"]')
    assert delivery.frame["_row"].to_list() == [1, 2, 3, 4]
    assert delivery.frame["_extra"].to_list() == [None, '{"#value":"null"}', '{"#value":"[1,2]"}', '{"#value":"文字"}']
    assert irregular(delivery) == [(row, "not_an_object") for row in (2, 3, 4)]


@pytest.mark.parametrize(
    ("document", "place", "found"),
    [
        ('[{"code": "1", "name": "x"}]', None, ""),
        ('{"code": "1", "name": "x"}', None, ""),
        ('{"total": 1, "rows": [{"code": "1", "name": "x"}], "ok": true, "bbox": [1, 2]}', None, "rows"),
        ('{"data": {"old": [{}], "rows": [{"code": "1", "name": "x"}]}, "list": [{}]}', "data.rows", "data.rows"),
        ('{"rows": [{"code": "1", "name": "x"}], "codes": [{"code": "z"}]}', "rows", "rows"),
    ],
)
def test_where_the_records_lie(tmp_path: Path, document: str, place: str | None, found: str) -> None:
    delivery = read(tmp_path, document, of=resource(records=place))
    assert delivery.frame["code"].to_list() == ["1"]
    assert delivery.report.records == found
    assert delivery.report.as_dict()["records"] == found


def test_what_lies_beside_the_records_is_named(tmp_path: Path) -> None:
    delivery = read(tmp_path, '{"total": 1, "rows": [{"code": "1", "name": "x"}], "crs": {"name": "urn:x"}}')
    assert delivery.report.warnings == ("What lies beside the records is not read: total, crs.",)


@pytest.mark.parametrize("document", ["[]", '{"total": 0, "rows": []}', '{"type": "FeatureCollection", "features": []}'])
def test_no_records_are_no_fault_of_their_names(tmp_path: Path, document: str) -> None:
    delivery = read(tmp_path, document)
    assert (delivery.frame.height, delivery.report.missing) == (0, {})
    assert delivery.report.warnings[0] == "The file holds no records."


def feature(geometry: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": {"code": "1"}, **members}


def test_features(tmp_path: Path) -> None:
    polygon = {"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [5, 6], [1, 2]]]}
    features = [
        feature({"type": "Point", "coordinates": [121.50, 29.8]}),
        feature(polygon, id=7),
        feature(None),
        feature({"type": "Point"}),
    ]
    text = json.dumps({"features": features, "type": "FeatureCollection"}).replace("121.5", "121.50")
    delivery = read(tmp_path, text)
    assert delivery.report.format == "geojson"
    assert delivery.frame.select("code", "longitude", "latitude").rows() == [("1", "121.50", "29.8"), *[("1", None, None)] * 3]
    extra = [json.loads(text) if text else {} for text in delivery.frame["_extra"]]
    assert json.loads(extra[1]["geometry"]) == polygon
    assert extra[1]["id"] == "7"
    assert (extra[2], json.loads(extra[3]["geometry"])) == ({}, {"type": "Point"})


def test_a_resource_may_name_the_parts_of_a_geometry_otherwise(tmp_path: Path) -> None:
    named = resource({"code": "编码", "lon": "经度", "lat": "纬度", "shape": "几何"})
    delivery = read(tmp_path, json.dumps([feature({"type": "Point", "coordinates": [1, 2, 3]})]), of=named)
    assert delivery.frame.select("lon", "lat", "shape", "_extra").rows() == [
        ("1", "2", '{"type":"Point","coordinates":[1,2,3]}', '{"altitude":"3"}')
    ]


def test_lines_of_features_and_records(tmp_path: Path) -> None:
    sequence = "".join(f"\x1e{json.dumps(feature({'type': 'Point', 'coordinates': [1, at]}))}\n" for at in range(3))
    assert read(tmp_path, sequence, "s.geojsons").frame["latitude"].to_list() == ["0", "1", "2"]
    lines = read(tmp_path, '{"code": "1", "name": "x"}\r\n\r\n{"code": "2"}\r\n{"code": \r\n', "s.txt")
    assert lines.report.format == "ndjson"
    assert lines.frame["_row"].to_list() == [1, 3, 4]
    assert lines.frame["_extra"].to_list() == [None, None, '{"#line":"{\\"code\\": "}']
    assert irregular(lines) == [(4, "not_json")]


def test_encodings_and_packing(tmp_path: Path) -> None:
    text = '[{"code": "1", "name": "镇海站"}]'
    for encoding in ("utf-8-sig", "gb18030", "utf-16", "utf-32"):
        delivery = read(tmp_path, text.encode(encoding))
        assert delivery.frame["name"].to_list() == ["镇海站"]
        assert delivery.report.encoding == encoding
    assert read(tmp_path, gzip.compress(text.encode()), "s.json.gz").report.member == "s.json"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("s.json", text)
    assert read(tmp_path, packed.getvalue(), "s.zip").frame["_file"].to_list() == ["s.zip/s.json"]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        ('[{"code": "1"}, {"code": "2",}]', "ingestion.json", "line 1"),
        ('[{"code": "1", "name": "x"}\n{"code": "2"}]', "ingestion.json", "line 2"),
        ('[{"code": "1", "name": "x"}] x []', "ingestion.json", "follows"),
        ('[{"code": "1", "name": "x"}', "ingestion.damaged", "cut off"),
        ('{"rows": [{"code": "1", "na', "ingestion.damaged", "cut off"),
        ('{"a": [{"code": "1"}], "b": [{"code": "1"}]}', "ingestion.records", "a, b"),
        ('{"status": 500, "message": "error"}', "ingestion.header", "没有对象含有足够的数据项"),
        ("[1, 2, 3]", "ingestion.header", "没有对象含有足够的数据项"),
        ('[{"foo": 1}]', "ingestion.header", "没有对象含有足够的数据项"),
        ('[{"code": "1", "name": ' + "[" * 100 + "]" * 100 + "}]", "ingestion.too_deep", "record 1"),
        ("[" * 100_000, "ingestion.too_deep", "nested"),
    ],
)  # fmt: skip
def test_refusals_of_json(tmp_path: Path, content: str, code: str, says: str) -> None:
    assert says in words(refused(tmp_path, content, code))


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("[]", "root is an array"),
        ('{"data": {"list": []}}', "beside it there is: data.list"),
        ('{"data": {"rows": {"code": "1"}}}', "no array"),
        ('{"data": {"rows": [], "rows": []}}', "twice"),
        ('{"data": 1}', "no array"),
    ],
)
def test_a_declared_place_that_is_not_there(tmp_path: Path, document: str, why: str) -> None:
    error = refused(tmp_path, document, "ingestion.records", of=resource(records="data.rows"))
    assert "data.rows" in words(error)
    assert why in words(error)


def test_bounds(tmp_path: Path) -> None:
    limits = Limits(max_line_bytes=1000, max_columns=20)
    long = json.dumps([{"code": "1", "name": "x" * 1200}])
    assert "longer than 1,000" in words(refused(tmp_path, long, "ingestion.line_too_long", limits=limits))
    assert "line 1" in words(refused(tmp_path, long[1:-1], "ingestion.line_too_long", "s.ndjson", limits=limits))
    many = [{"code": str(at), "name": "x"} for at in range(500)]
    assert read(tmp_path, json.dumps(many), limits=limits).frame.height == 500, "a document may be one line, longer than a record"
    refused(tmp_path, json.dumps([{"code": "1", **{f"k{at}": 1 for at in range(30)}}]), "ingestion.too_many_columns", limits=limits)
    refused(tmp_path, json.dumps({"code": "1", "x": list(range(1000))}), "ingestion.line_too_long", limits=limits)


def test_text_that_only_begins_like_json_is_delimited_text(tmp_path: Path) -> None:
    assert read(tmp_path, "[站点编码],站点名称,站点编码\n1,2,3\n", "s.csv").report.format == "csv"
    assert read(tmp_path, "站点编码,站点名称\n1,甲\n", "s.json").report.format == "csv"


# Parquet -----------------------------------------------------------------------------------------------------------
def parquet(table: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(table), buffer, **how)
    return buffer.getvalue()


def test_parquet_rows_that_look_like_banners_are_rows(tmp_path: Path) -> None:
    table = {"站点编码": ["合计", None, "3"], "站点名称": pa.array([None, None, None], pa.string()), "其他": [None, None, 1.5]}
    delivery = read(tmp_path, parquet(table), "s.parquet")
    assert delivery.frame.select("_row", "code", "_extra").rows() == [(1, "合计", None), (2, None, None), (3, "3", '{"其他":"1.5"}')]
    assert delivery.report.skipped.total == 0
    assert (delivery.report.format, delivery.report.encoding, delivery.report.unexpected) == ("parquet", "", ("其他",))


def test_parquet_values_as_a_person_writes_them(tmp_path: Path) -> None:
    moment = pa.array(["2018-02-20T07:00:00"]).cast(pa.timestamp("us")).cast(pa.timestamp("us", "Asia/Shanghai"))
    cases = {
        "a": (pa.array([330203001001.0]), "330203001001"),
        "b": (pa.array([float("nan")]), "NaN"),
        "c": (pa.array([0.1], pa.float32()), "0.1"),
        "d": (moment, "2018-02-20T15:00:00+08:00"),
        "e": (pa.array([b"\xe7\x94\xb2"]), "甲"),
        "f": (pa.array([b"\xff\x00"]), "ff00"),
        "g": (pa.array([{"x": 1, "y": ["甲"]}]), '{"x":1,"y":["甲"]}'),
        "h": (pa.array(["甲"]).dictionary_encode(), "甲"),
        "i": (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
        "j": (pa.array([1], pa.time32("s")), "00:00:01"),
        "k": (pa.nulls(1), None),
    }
    items = {"code": "编码", **{name: f"列{name}" for name in cases}}
    content = parquet({"编码": ["1"], **{name: array for name, (array, _) in cases.items()}})
    delivery = read(tmp_path, content, "s.parquet", resource(items))
    assert delivery.frame.select(list(cases)).row(0, named=True) == {name: text for name, (_, text) in cases.items()}


def test_parquet_text_with_a_nul_shows_it(tmp_path: Path) -> None:
    delivery = read(tmp_path, parquet({"code": ["1", "a\0b"], "name": ["x", "y"]}), "s.parquet")
    assert delivery.frame["code"].to_list() == ["1", r"a\u0000b"]
    assert irregular(delivery) == [(2, "bad_escape")]


def test_refusals_of_parquet(tmp_path: Path) -> None:
    whole = parquet({"code": ["1"], "name": ["x"]})
    refused(tmp_path, whole[:-5], "ingestion.damaged", "s.parquet")
    refused(tmp_path, b"PAR1" + b"x" * 50 + b"PAR1", "ingestion.damaged", "s.parquet")
    refused(tmp_path, b"PARE" + whole[4:-4] + b"PARE", "ingestion.encrypted", "s.parquet")
    refused(tmp_path, parquet({"x": ["1"], "y": ["x"]}), "ingestion.header", "s.parquet")
    wide = parquet({"code": ["1"], "name": ["x"], **{f"k{at}": ["1"] for at in range(30)}})
    refused(tmp_path, wide, "ingestion.too_many_columns", "s.parquet", limits=Limits(max_columns=20))


def test_a_parquet_file_that_unpacks_to_too_much_is_refused_before_it_does(tmp_path: Path) -> None:
    rows = 2_000_000
    same = pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int32()).fill_null(0), ["x" * 10_000])
    bomb = parquet({"code": same, "name": same})
    assert len(bomb) < 1 << 20
    error = refused(tmp_path, bomb, "ingestion.too_large", "s.parquet", limits=Limits(max_cells=10**9))
    assert "bytes" in words(error)
    assert f"{rows:,} rows" in words(
        refused(tmp_path, bomb, "ingestion.too_large", "s.parquet", limits=Limits(max_cells=1_000_000, max_ratio=1))
    )

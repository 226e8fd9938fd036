"""Cells that readers bend without a word when nobody looks: hours beyond a day, times and errors of .ods, digits of JSON, nested Parquet, half-decoded text."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.ods_cells import time_of_day
from districtlake.inspection.found import Wanted
from districtlake.inspection.inspect import inspect_file
from tests.fuzz.seeds import packed
from tests.inspecting import grids

_NAMESPACES = (
    "".join(
        f' xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (("office", "office"), ("table", "table"), ("text", "text"))
    )
    + ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)


def ods(path: Path, rows: str) -> Path:
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{_NAMESPACES}><office:body><office:spreadsheet>'
        f'<table:table table:name="表">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    manifest = b'<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    parts = {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": content.encode()}
    path.write_bytes(packed(parts | {"META-INF/manifest.xml": manifest}))
    return path


def cell(inner: str, kind: str = "string", more: str = "") -> str:
    return f'<table:table-cell office:value-type="{kind}"{more}><text:p>{inner}</text:p></table:table-cell>'


def test_times_errors_tabs_and_breaks_of_an_opendocument_sheet_are_read(tmp_path: Path) -> None:
    head = "".join(cell(title) for title in ("号", "时", "式", "文"))
    row = (
        cell("1") + cell("08:30", "time", ' office:time-value="PT30H15M00S"')
        + cell("#DIV/0!", "string", ' office:string-value="" calcext:value-type="error"') + cell("前<text:s text:c=\"2\"/>后<text:tab/>制<text:line-break/>换")
    )  # fmt: skip
    path = ods(
        tmp_path / "a.ods",
        f'<table:table-row>{head}</table:table-row><table:table-row table:number-rows-repeated="2">{row}</table:table-row>',
    )
    assert grids(path) == [[["号", "时", "式", "文"], *[["1", "30:15:00", "#DIV/0!", "前  后\t制\n换"]] * 2]]


@pytest.mark.parametrize(
    ("written", "shown"), [("PT8H3M2.50S", "08:03:02.5"), ("P1DT2H", "26:00:00"), ("-PT1H", "-01:00:00"), ("下午", "下午")]
)
def test_durations_of_iso_8601(written: str, shown: str) -> None:
    assert time_of_day(written) == shown


def test_hours_beyond_a_day_are_hours_and_no_day_of_1900(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["工时", "日"], [dt.timedelta(hours=30, minutes=15), dt.date(1900, 3, 2)], [dt.timedelta(minutes=90, seconds=1.5), None]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert grids(tmp_path / "a.xlsx") == [[["工时", "日"], ["30:15:00", "1900-03-02"], ["01:30:01.5", ""]]]


def test_rows_of_a_json_grid_keep_their_digits(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[["编号","值"],[1.50,123456789012345678901],[1E5,0.10]]', encoding="utf-8")
    assert grids(tmp_path / "a.json") == [[["编号", "值"], ["1.50", "123456789012345678901"], ["1E5", "0.10"]]]


def _told(path: Path) -> dict[str, Any]:
    return inspect_file(path, path.name, Wanted(), Limits(), None).as_dict()


def test_every_array_of_objects_is_read_whatever_its_name_and_the_rest_is_named(tmp_path: Path) -> None:
    document = {"数据 表": [{"x": "1"}, {"x": "\ud83d"}], "b.c": [{"y": "1"}], "总数": 3}
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    assert grids(tmp_path / "a.json") == [[["x"], ["1"], ["\\ud83d"]], [["y"], ["1"]]]
    told = _told(tmp_path / "a.json")
    assert told["warnings"] == ["记录之外的成员没有读取：总数。"]
    assert told["tables"][0]["irregular"]["first"] == [[None, 2, "bad_escape"]]


def test_what_is_nested_in_parquet_is_written_as_in_a_cell_of_its_own(tmp_path: Path) -> None:
    inner = {"时": dt.datetime.fromisoformat("2024-01-02T03:04:05"), "字": "海曙".encode(), "节": b"\xff", "额": Decimal("1.50")}
    pq.write_table(pa.table({"a": [inner], "b": ["x"]}), tmp_path / "a.parquet")
    assert json.loads(grids(tmp_path / "a.parquet")[0][1][0]) == {"时": "2024-01-02T03:04:05", "字": "海曙", "节": "ff", "额": "1.50"}


@pytest.mark.parametrize("end", ["鄞州区丙区".encode(), "截断".encode("gbk")[:-1]])
def test_chinese_that_breaks_off_is_refused_at_its_byte_and_not_read_as_western(end: bytes, tmp_path: Path) -> None:
    begin = ("编号,名称\n" + "".join(f"A{at},单位{at}\n" for at in range(9))).encode("gbk") + b"A9,"
    (tmp_path / "a.csv").write_bytes(begin + end)
    with pytest.raises(IngestionError) as caught:
        grids(tmp_path / "a.csv")
    assert caught.value.code == "ingestion.encoding"


def test_big5_of_hong_kong_is_a_likeness(tmp_path: Path) -> None:
    rows = [["姓名", "住址", "電話", "備註"], *[["陳大文", "九龍旺角", "27654321", "啫"], ["黃家強", "新界沙田", "26001234", "冇"]] * 8]
    (tmp_path / "a.csv").write_bytes("".join(",".join(row) + "\n" for row in rows).encode("big5hkscs"))
    assert grids(tmp_path / "a.csv") == [rows]
    assert _told(tmp_path / "a.csv")["decisions"][0]["certain"] is False

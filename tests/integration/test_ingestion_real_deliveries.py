"""The real deliveries, counted; and the conformance files of others, as their authors say they are to be read."""

from __future__ import annotations

import contextlib
import csv
import json
from pathlib import Path

import polars as pl
import pytest

from districtlake.catalog.models import Item, Opening, Resource, Sharing, Source
from districtlake.errors import IngestionError
from districtlake.ingestion.read import Limits, RawDelivery, read_file

UNIVERSITIES = (("seq", "序号"), ("name", "学校名称"), ("code", "学校标识码"), ("authority", "主管部门"), ("place", "所在地"),
                ("level", "办学层次"), ("remark", "备注"))  # fmt: skip
REPORTS = (("day", "报道时间"), ("province", "省份"), ("city", "城市"), ("confirmed", "新增确诊"), ("cured", "新增出院"),
           ("dead", "新增死亡"), ("source", "消息来源"), ("link1", "来源链接1"), ("link2", "来源链接2"), ("link3", "来源链接3"),
           ("remark", "备注"))  # fmt: skip


def resource(items: tuple[tuple[str, str], ...], required: tuple[str, ...] = (), sheet: str | None = None) -> Resource:
    return Resource(
        agency="education_bureau",
        name="trial",
        code="305001001/000001",
        title="试",
        business="业务",
        system="系统",
        items=tuple(Item(name=name, title=title, element="text", required=name in required) for name, title in items),
        storage_format="spreadsheet",
        sharing=Sharing(class_="unconditional"),
        opening=Opening(class_="unconditional"),
        provision=("api",),
        update_cycle="yearly",
        sharing_term="permanent",
        source=Source(files=("*",), mode="append", sheet=sheet),
    )


def read(path: Path, of: Resource) -> RawDelivery:
    return read_file(path, path.name, of, Limits())


@pytest.mark.parametrize(
    ("name", "rows", "header_row", "last_row"),
    [("2017全国高等学校名单.xls", 2631, 3, 2665), ("2025全国高等学校名单.xls", 2919, 3, 2953)],
)
def test_university_lists(shared_data: Path, name: str, rows: int, header_row: int, last_row: int) -> None:
    delivery = read(shared_data / "deliveries" / "education_bureau" / name, resource(UNIVERSITIES, ("name", "code")))
    frame, report = delivery.frame, delivery.report
    assert frame.height == rows
    assert report.header_row == header_row
    assert report.skipped.counts == {"title": 2, "banner": 31}
    assert (frame["_row"][0], frame["_row"][-1]) == (header_row + 2, last_row)
    assert frame["code"].str.contains(r"^[0-9]{10}$").all()
    assert frame["code"].n_unique() == rows
    assert frame["seq"].to_list() == [str(number) for number in range(1, rows + 1)]
    assert frame.row(0)[3:7] == ("1", "北京大学", "4111010001", "教育部")
    assert report.missing == {}
    assert [sheet.name for sheet in report.sheets if sheet.read] == [report.sheets[0].name]
    assert all(sheet.reason for sheet in report.sheets[1:])


def test_the_list_of_2016_has_no_code(shared_data: Path) -> None:
    delivery = read(shared_data / "deliveries" / "education_bureau" / "2016全国普通高校名单.xlsx", resource(UNIVERSITIES, ("name", "code")))
    assert delivery.frame.height == 2595
    assert delivery.report.missing == {"code": "学校标识码"}
    assert delivery.report.unexpected == ("类型一", "类型二", "博硕点")
    assert delivery.report.skipped.counts == {"banner": 31}
    assert delivery.frame["_extra"][0] == '{"类型一":"985","类型二":"211"}'


def test_a_workbook_of_code_page_10008(shared_data: Path) -> None:
    path = shared_data / "deliveries" / "education_bureau" / "全国普通高等学校数据统计（2016年版）.xls"
    without_code = tuple(pair for pair in UNIVERSITIES if pair[0] != "code")
    delivery = read(path, resource(without_code, ("name",), sheet="总数据"))
    assert delivery.frame.height == 2595
    assert delivery.frame["name"][0] == "北京大学"
    reference = read(path.with_name("2016全国普通高校名单.xlsx"), resource(without_code, ("name",)))
    columns = ["_row", *(name for name, _ in without_code)]
    assert delivery.frame.select(columns).equals(reference.frame.select(columns))


def test_case_reports(shared_data: Path) -> None:
    path = shared_data / "deliveries" / "health_bureau" / "covid-reports.csv"
    delivery = read(path, resource(REPORTS, ("day",)))
    frame, report = delivery.frame, delivery.report
    assert (frame.height, report.encoding, report.delimiter) == (27_424, "gb18030", ",")
    assert report.skipped.total == report.irregular.total == 0
    with path.open(encoding="gb18030", newline="") as file:
        expected = [[cell or None for cell in row] for row in csv.reader(file)][1:]
    assert frame.select(name for name, _ in REPORTS).rows() == [tuple(row) for row in expected]
    spanning = frame.filter(pl.any_horizontal(pl.col("source", "remark", "city").str.contains("\n", literal=True)))["_row"].to_list()
    assert spanning == [55]
    assert frame["_row"].to_list() == [row for row in range(2, 27_427) if row != 56]
    assert frame["city"].null_count() == 11_069


def test_division_codes_stay_text(shared_data: Path) -> None:
    path = shared_data / "deliveries" / "civil_affairs_bureau" / "villages_haishu330203_subset.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    items = tuple((f"item{index}", title) for index, title in enumerate(rows[0]))
    delivery = read(path, resource(items))
    assert delivery.frame.select(name for name, _ in items).rows() == [tuple(row) for row in rows[1:]]
    assert delivery.frame.height == 280


def test_air_stations(shared_data: Path) -> None:
    items = (
        ("code", "stationcode"),
        ("name", "positionname"),
        ("aqi", "aqi"),
        ("pm10", "pm10"),
        ("longitude", "经度"),
        ("latitude", "纬度"),
    )
    path = shared_data / "deliveries" / "ecology_bureau" / "airnow.json"
    delivery = read(path, resource(items, ("code",)))
    frame, report = delivery.frame, delivery.report
    assert (frame.height, report.format, report.records, report.encoding) == (1495, "geojson", "features", "utf-8")
    assert (frame["_row"][0], frame["_row"][-1]) == (1, 1495)
    assert frame["code"].n_unique() == 1495
    assert frame.row(0)[3:9] == ("1001A", "万寿西宫", "54", "-;", "116.366", "39.8673")
    assert (frame["pm10"] == "-;").sum() == 273
    assert report.irregular.total == 0
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    written = [tuple(map(str, feature["geometry"]["coordinates"])) for feature in features]
    assert frame.select("longitude", "latitude").rows() == written


def test_protected_workbooks(shared_data: Path) -> None:
    paths = sorted((shared_data / "file-formats" / "excel").glob("password_*.xls"))
    assert paths
    for path in paths:
        with pytest.raises(IngestionError) as caught:
            read(path, resource(UNIVERSITIES))
        assert caught.value.code == "ingestion.encrypted", path.name


def test_csv_spectrum(shared_data: Path) -> None:
    folder = shared_data / "file-formats" / "D_csv_spectrum" / "csvs"
    paths = sorted(folder.glob("*.csv"))
    assert len(paths) == 12
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        items = tuple((f"item{index}", title) for index, title in enumerate(rows[0]))
        delivery = read(path, resource(items))
        assert delivery.frame.select(name for name, _ in items).rows() == [tuple(cell or None for cell in row) for row in rows[1:]], (
            path.name
        )


def test_no_workbook_of_the_collection_does_worse_than_an_error(shared_data: Path) -> None:
    """Whatever the file, the answer is a frame or one of our errors: never a crash, a panic or a foreign exception."""
    everything = resource((("a", "Name"), ("b", "Value")))
    seen = 0
    for path in sorted((shared_data / "file-formats" / "excel").iterdir()):
        if path.suffix in (".xls", ".xlsx", ".ods", ".csv"):
            seen += 1
            with contextlib.suppress(IngestionError):
                read(path, everything)
    assert seen > 100

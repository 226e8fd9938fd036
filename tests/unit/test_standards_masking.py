"""What may be shown of a cell."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from districtlake.catalog.load import load_catalog
from districtlake.catalog.masking import mask_item
from districtlake.settings import PROJECT_ROOT
from districtlake.standards.masking import mask, mask_numbers
from tests.cells import element


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("name", "张三", "张*"),
        ("name", "欧阳娜娜", "欧*"),
        ("name", "𠮷野", "𠮷*"),
        ("citizen_id", "330203195006150018", "330203********0018"),
        ("citizen_id", "110105491231002", "110105*****1002"),
        ("citizen_id", "3.30203E+17", "3***"),
        ("phone", "13812345678", "138****5678"),
        ("phone", "0574-87123456", "0574-****3456"),
        ("phone", "87123456", "8***"),
        ("address", "浙江省宁波市海曙区南门街道甬风路1号", "浙江省宁波市海曙区南门街道***"),
        ("address", "浙江省宁波市镇海区招宝山街道1号", "浙江省宁波市镇海区招宝山街道***"),
        ("address", "宁波市海曙区甬风路1号2室", "宁波市海曙区***"),
        ("address", "浙江省慈溪市周巷镇2号", "浙江省慈溪市周巷镇***"),
        ("address", "甬风路1号", "甬***"),
        ("text", "公开内容", "公开内容"),
        ("uscc", "91330203MA2AFAAA4Y", "91330203MA2AFAAA4Y"),
    ],
)
def test_masks(kind: str, value: str, shown: str) -> None:
    assert mask(value, element(kind)) == shown
    assert mask(pl.Series("x", [value, None]), element(kind)).to_list() == [shown, None]


def test_by_sensitivity() -> None:
    assert mask("敏感", element("text", sensitivity="L3")) == "敏***"
    assert mask("敏感", element("text", sensitivity="L2")) == "敏感"
    assert mask("敏感", element("text", sensitivity="L1"), "L4") == "敏***"
    assert mask(None, element("text", sensitivity="L4")) is None


def test_typed_values() -> None:
    assert mask(pl.Series([date(2021, 1, 2), None]), element("date", sensitivity="L3")).to_list() == ["2***", None]
    assert mask(pl.Series("n", [12]), element("integer")).to_list() == ["12"]
    assert mask(pl.Series("n", [12]), element("integer")).name == "n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("名单_20260303_330203199006150016.csv", "名单_20260303_330203********0016.csv"),
        ("x11010519491231002X", "x110105********002X"),
        ("旧号110105491231002。", "旧号110105********002。"),
        ("联系人13812345678", "联系人138****5678"),
        ("导出_20260305123000123.xlsx", "导出_20260305123000123.xlsx"),
        ("202603051230001234", "202603051230001234"),
        ("people_20260305.csv", "people_20260305.csv"),
        ("8613812345678", "8613812345678"),
    ],
)
def test_numbers_of_persons_are_masked_in_names_of_files(text: str, shown: str) -> None:
    assert mask_numbers(text) == shown
    assert mask_numbers(shown) == shown


CATALOG = load_catalog([PROJECT_ROOT / "catalog"])
PERSONS, BUSINESSES, STATIONS = "public_security_bureau.population", "market_regulation.business_entities", "ecology_bureau.air_stations"


@pytest.mark.parametrize(
    ("item", "value", "shown"),
    [
        ((PERSONS, "sex"), "女", "女"),
        ((PERSONS, "sex"), "1", "1"),
        ((PERSONS, "sex"), "欧阳甲", "欧***"),
        ((PERSONS, "sex"), "欧阳甲***", "欧***"),
        ((PERSONS, "sex"), "13812345678", "138****5678"),
        ((PERSONS, "sex"), "330203199006150016", "330203********0016"),
        ((BUSINESSES, "established_date"), "二〇二一年十二月", "二〇二一年十二月"),
        ((BUSINESSES, "established_date"), "2021/1/2", "2021/1/2"),
        ((BUSINESSES, "established_date"), "欧阳甲", "欧***"),
        ((BUSINESSES, "established_date"), None, None),
        ((PERSONS, "citizen_id"), "海曙区古林镇暗记路七十七号二室", "海***"),
        ((STATIONS, "station_name"), "海曙[2026]1号站", "海曙[2026]1号站"),
        ((STATIONS, "station_name"), "[2026]1号站", "[2026]1号站"),
        ((STATIONS, "station_name"), '{"name":"欧阳甲"}', "{***"),
        ((STATIONS, "station_name"), '[{"home": [{"road": "暗记路"}]}]', "[***"),
        ((STATIONS, "station_name"), '["欧阳甲"', "[***"),
    ],
)
def test_a_cell_that_holds_what_does_not_belong_there(item: tuple[str, str], value: str | None, shown: str | None) -> None:
    resource, name = item
    assert mask_item(value, CATALOG.resources[resource].item(name), CATALOG) == shown

"""Small synthetic twins of the real published files: the catalogue's entries for them hold where the real folder is absent."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl

from districtlake.warehouse.commit import read
from tests.running import run_folder

CIVIL = "civil_affairs_bureau"
DIVISIONS = {
    "provinces.csv": 'code,name\n33,"浙江省"\n',
    "cities.csv": 'code,name,provinceCode\n3302,"宁波市",33\n',
    "areas.csv": 'code,name,cityCode,provinceCode\n330203,"海曙区",3302,33\n330299,"无上级区",3399,33\n',
    "streets.csv": 'code,name,areaCode,provinceCode,cityCode\n330203001,"南门街道",330203,33,3302\n',
    "villages_haishu330203_subset.csv": "code,name,streetCode,provinceCode,cityCode,areaCode\n330203001001,甲社区,330203001,33,3302,330203\n",
    "villages_zhejiang33_subset.csv": "code,name,streetCode,provinceCode,cityCode,areaCode\n"
    "330203001001,甲社区,330203001,33,3302,330203\n330203001002,乙社区,330203001,33,3302,330203\n33020300100,短码社区,330203001,33,3302,330203\n",
    "ok_data_level3.csv": "\ufeffid,pid,deep,name,pinyin_prefix,pinyin,ext_id,ext_name\n"
    '33,0,0,"浙江","z","zhe jiang","330000000000","浙江省"\n3302,33,1,"宁波","n","ning bo","330200000000","宁波市"\n'
    '330203,3302,2,"海曙","h","hai shu","330203000000","海曙区"\n91,0,0,"国外","~4","guo wai","0","国外"\n',
}


def write(folder: Path, files: dict[str, str], agency: str = CIVIL) -> Path:
    (folder / agency).mkdir(parents=True)
    for name, text in files.items():
        (folder / agency / name).write_text(text, encoding="utf-8")
    return folder


def test_divisions(tmp_path: Path, open_test_district: Callable[..., object]) -> None:
    district = open_test_district()
    _, outcomes = run_folder(district, write(tmp_path / "in", DIVISIONS))
    assert {outcome.state for outcome in outcomes} == {"done"}
    # a part of a province says nothing about the rest, whichever file comes last
    assert sorted(read(district.lake, "warehouse", f"{CIVIL}.villages")["code"]) == ["330203001001", "330203001002"]
    [short] = read(district.lake, "quarantine", f"{CIVIL}.villages").to_dicts()
    assert (short["code"], set(short["rules"])) == ("33020300100", {"code.conforms", "code.pattern"})
    levels = read(district.lake, "warehouse", f"{CIVIL}.divisions_level3").sort("id")
    assert levels.select("id", "parent_id", "full_code").rows() == [
        ("33", None, "330000000000"), ("3302", "33", "330200000000"), ("330203", "3302", "330203000000"), ("91", None, None),
    ]  # fmt: skip
    problems = read(district.lake, "problems", f"{CIVIL}.divisions_level3")
    assert sorted(problems["key"]) == ["33", "3302", "91"]
    assert set(problems["rule"]) == {"id.full_length"}


def test_the_order_of_the_two_village_files_does_not_matter(tmp_path: Path, open_test_district: Callable[..., object]) -> None:
    swapped = {f"villages_{prefix}.csv": DIVISIONS[name] for prefix, name in (("a", "villages_zhejiang33_subset.csv"), ("b", "villages_haishu330203_subset.csv"))}  # fmt: skip
    district = open_test_district()
    run_folder(district, write(tmp_path / "in", swapped))
    assert sorted(read(district.lake, "warehouse", f"{CIVIL}.villages")["code"]) == ["330203001001", "330203001002"]


def test_inside_an_agency_what_others_refer_to_goes_first(open_test_district: Callable[..., object]) -> None:
    from assets.resources import references_below

    catalog = open_test_district().catalog  # type: ignore[attr-defined]
    names = ("provinces", "cities", "areas", "streets", "villages", "low_income_persons")
    assert [references_below(catalog.resources[f"{CIVIL}.{name}"], catalog) for name in names] == [0, 1, 2, 3, 4, 0]
    # two resources that refer to each other end the count, not the load of the graph
    provinces, cities = (catalog.resources[f"{CIVIL}.{name}"] for name in ("provinces", "cities"))
    circle = provinces.model_copy(update={"items": (*provinces.items, cities.items[2].model_copy(update={
        "name": "capital", "references": cities.items[2].references.model_copy(update={"resource": cities.id})})),})  # fmt: skip
    turned = catalog.model_copy(update={"resources": {**catalog.resources, provinces.id: circle}})
    assert (references_below(circle, turned), references_below(cities, turned)) == (1, 1)


def station(code: str, point: list[float], **properties: str) -> dict[str, object]:
    values = {
        "aqi": "54", "area": "甲市", "co": "0.7", "pm10": "-;", "pm2_5": "38", "positionname": "甲站", "primarypollutant": "-;",
        "quality": "良", "stationcode": code, "timepoint": "2018-02-20T07:00:00", "ispublish": "true", "orderid": "1",
    } | properties  # fmt: skip
    return {"geometry": {"coordinates": point, "type": "Point"}, "properties": values, "type": "Feature"}


def test_air_stations(tmp_path: Path, open_test_district: Callable[..., object]) -> None:
    features = [
        station("1001A", [116.366, 39.8673]),
        station("1002A", [118.06361111, 31.87888889], aqi="-;", quality="-;"),
        station("1003A", [121.5, 29.8], aqi="501"),
        station("1004A", [29.8, 121.5]),
        station("1005A", [121.5, 29.8], quality="很好"),
    ]
    document = json.dumps({"features": features, "type": "FeatureCollection"})
    district = open_test_district()
    _, [outcome] = run_folder(district, write(tmp_path / "in", {"airnow.json": document}, "ecology_bureau"))
    stations = read(district.lake, "warehouse", "ecology_bureau.air_stations").sort("station_code")
    assert stations.select("station_code", "aqi", "pm10", "pm2_5", "longitude").rows() == [
        ("1001A", 54, None, Decimal(38), Decimal("116.366")),
        ("1002A", None, None, Decimal(38), Decimal("118.06361111")),
        ("1005A", 54, None, Decimal(38), Decimal("121.5")),
    ]
    quarantined = read(district.lake, "quarantine", "ecology_bureau.air_stations").sort("station_code")
    assert [(row["station_code"], row["_row"], sorted(row["rules"])) for row in quarantined.to_dicts()] == [
        ("1003A", 3, ["aqi.range"]),
        ("1004A", 4, ["latitude.conforms", "longitude.range"]),
    ]
    problems = read(district.lake, "problems", "ecology_bureau.air_stations").filter(pl.col("rule") == "quality.known")
    assert problems.select("key", "severity").rows() == [("1005A|2018-02-20T07:00:00", "warning")]
    assert outcome.counts["delivered"] == 5


def test_place_names(tmp_path: Path, open_test_district: Callable[..., object]) -> None:
    text = "\ufeffprovince/country,city,province_eng,city_eng,country_eng\n阿曼,,,,Oman\n甲省,乙市,Jia,Yi,China\n甲省,乙市,Jia,Yishi,China\n甲省,丙市,Jia,Bing,\n"
    district = open_test_district()
    run_folder(district, write(tmp_path / "in", {"ch-en-reference.csv": text}, "health_bureau"))
    assert sorted(read(district.lake, "warehouse", "health_bureau.place_names")["place"]) == ["甲省", "甲省", "阿曼"]
    problems = read(district.lake, "problems", "health_bureau.place_names")
    assert sorted(problems["rule"]) == ["city.once", "city.once", "country_en.required"]

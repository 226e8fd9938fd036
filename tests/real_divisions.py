"""The two real sources of divisions held against each other by YAML alone, beside what plain Python finds in their files."""

from __future__ import annotations

import csv
from pathlib import Path

FACTS = """
town_name: {subject: town, title: 乡级区划名称, element: division_name, source: civil_affairs_bureau.streets.name}
county_name: {subject: county, title: 县级区划名称, element: division_name, source: civil_affairs_bureau.areas.name}
"""
_COMPARISON = """
code: %(code)s
title: 区划名称与统计用区划不一致
description: 第二来源的代码有截短的、有12位的，按代码归到同一级后比对；代码在统计用区划中没有的，也是线索。
authority: {element: division_name, subject: %(level)s}
left:
  resource: civil_affairs_bureau.divisions_level%(file)s
  join: {division: %(code_item)s}
  columns: {name: full_name}
  absent: flag
right: {resource: civil_affairs_bureau.%(register)s, join: {division: code}, columns: {name: name}}
match:
  division: division_%(level)s
  name: [text, division_name]
flag_when:
  - {differs: name}
as_of: {fresher: either}
"""
TOWNS = _COMPARISON % {"code": "D1", "level": "town", "file": 4, "code_item": "id", "register": "streets"}
COUNTIES = _COMPARISON % {"code": "D2", "level": "county", "file": 3, "code_item": "full_code", "register": "areas"}
_GENERIC = (
    "特别行政区",
    "自治区",
    "自治州",
    "自治县",
    "自治旗",
    "街道办事处",
    "街道",
    "地区",
    "省",
    "市",
    "区",
    "县",
    "旗",
    "盟",
    "镇",
    "乡",
)


def write_catalog(folder: Path) -> Path:
    """A catalogue folder to be added to the shipped one."""
    (folder / "comparisons").mkdir(parents=True)
    (folder / "authority.yaml").write_text(FACTS, encoding="utf-8")
    (folder / "comparisons" / "towns.yaml").write_text(TOWNS, encoding="utf-8")
    (folder / "comparisons" / "counties.yaml").write_text(COUNTIES, encoding="utf-8")
    return folder


def expected(deliveries: Path) -> dict[str, set[str]]:
    """Comparison -> keys of the rows of the second source that are leads: another name, or a code that the first does not have."""
    folder = deliveries / "civil_affairs_bureau"
    found = {}
    for name, file, register, item, digits in (
        ("towns", "ok_data_level4.csv", "streets.csv", "id", 9), ("counties", "ok_data_level3.csv", "areas.csv", "ext_id", 6),
    ):  # fmt: skip
        known = {row["code"]: row["name"] for row in _rows(folder / register)}
        leads = set()
        for row in _rows(folder / file):
            code = row[item]
            group = code[digits - (3 if digits == 9 else 2) : digits]
            if len(code) < digits or not group.strip("0"):
                continue  # stands for something larger
            other = known.get(code[:digits])
            if other is None or _bare(other) != _bare(row["ext_name"]):
                leads.add(row["id"])
        found[name] = leads
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _bare(name: str) -> str:
    name = name.strip()
    ending = next((one for one in _GENERIC if name.endswith(one) and len(name) - len(one) >= 2), "")
    return name.removesuffix(ending)

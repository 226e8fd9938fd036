"""One rule of each of our own expectations that rest on standards or on what surrounds a delivery, and such surroundings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from districtlake.catalog.models import CodeList
from districtlake.policy.pack import load_policy
from districtlake.quality.rules import Rule
from districtlake.quality.surroundings import Surroundings
from districtlake.settings import PROJECT_ROOT

# GB 11643-1999's own example, and ids made from it: none belongs to a person.
WOMAN, MAN, OLD = "11010519491231002X", "110105194912310011", "110105491231002"

CITIZEN_ID = Rule("id", "t", (), "expect_column_values_to_be_valid_citizen_id", {"column": "id"})
USCC = Rule("uscc", "t", (), "expect_column_values_to_be_valid_uscc", {"column": "uscc"})
ORG_CODE = Rule("org_code", "t", (), "expect_column_values_to_be_valid_org_code", {"column": "org_code"})
DIVISION = Rule("division", "t", (), "expect_column_values_to_be_valid_division_code", {"column": "division"})
DIVISION_THEN = Rule(
    "division_then", "t", (), "expect_column_pair_division_code_to_be_valid_on_date", {"column_A": "division", "column_B": "day"}
)
CODE = Rule("code", "t", (), "expect_column_values_to_be_in_code_list", {"column": "code", "code_list": "sex"})
EQUAL = Rule(
    "equal", "t", (), "expect_multicolumn_values_to_equal_resource",
    {"column_list": ["name", "id"], "resource": "police.population", "item": "name", "key": ["citizen_id"], "as_of": "data_date",
     "normalise": "person_name"},
    severity="info", on_failure="report",
)  # fmt: skip
FRESH = Rule("fresh", "t", (), "expect_table_data_to_be_fresh", {}, on_failure="report", scope="table")
COUNT = Rule(
    "count",
    "t",
    (),
    "expect_table_row_count_to_be_near_earlier_deliveries",
    {"within": 0.1, "mads": 5.0, "last": 10},
    on_failure="report",
    scope="table",
)


def varied(rule: Rule, name: str, **arguments: Any) -> Rule:
    return replace(rule, id=name, arguments={**rule.arguments, **arguments})


RULES = [
    CITIZEN_ID, varied(CITIZEN_ID, "id_15", accept_15_digits=True), varied(CITIZEN_ID, "id_region", region_known=True, mostly=0.5),
    varied(CITIZEN_ID, "id_ours", accept_residence_permits=False, accept_foreigners=False, row_condition="name.notna()"),
    USCC, varied(USCC, "uscc_twice", org_code_check=True), ORG_CODE,
    DIVISION, varied(DIVISION, "division_2015", valid_on="2015-06-30"), varied(DIVISION, "division_data", valid_on="data_date", lengths=[6]),
    DIVISION_THEN, varied(DIVISION_THEN, "division_short", lengths=[2, 6], row_condition="code.notna()"),
    CODE, EQUAL, varied(EQUAL, "equal_now", as_of="now", normalise="exact"), FRESH, COUNT,
]  # fmt: skip
COLUMNS = {
    "id": pl.String,
    "uscc": pl.String,
    "org_code": pl.String,
    "division": pl.String,
    "day": pl.Date,
    "code": pl.String,
    "name": pl.String,
}
POLICY = load_policy([PROJECT_ROOT / "catalog"])
SEX_CODES = CodeList(id="sex", name="性别", source="GB/T 2261.1", codes={"1": "男", "2": "女"})


def population(resource: str, items: tuple[str, ...], day: date | None) -> pl.DataFrame:
    """What the police say: now another name than on the day of the data."""
    names = ["阿不都·热合曼", "张三", None] if day else ["阿不都·热合曼", "李四", None]
    return pl.DataFrame({"citizen_id": [WOMAN, MAN, OLD], "name": names}).select(items)


AROUND = Surroundings(
    lambda *_: None, population, {"sex": SEX_CODES}, today=date(2026, 3, 3), data_date=date(2026, 3, 2),
    received_at=datetime(2026, 3, 3, 1, tzinfo=UTC), update_cycle="daily", policy=POLICY, row_counts=(12, 5, 5, 6),
)  # fmt: skip

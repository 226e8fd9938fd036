"""Checks of our own expectations in the catalogue: their sentences, their arguments, what they refer to."""

from __future__ import annotations

import inspect
from datetime import date
from typing import Any

import pytest
import yaml

from districtlake.catalog.load import Loaded, load_catalog
from districtlake.catalog.models import Check
from districtlake.quality.check import check_own_expectations
from districtlake.quality.derive import declared
from districtlake.quality.own_expectations import OWN
from districtlake.settings import PROJECT_ROOT

ENTITIES = "market_regulation.business_entities"
CATALOG = load_catalog([PROJECT_ROOT / "catalog"])
TITLES = {"id": "公民身份号码", "name": "姓名", "code": "行政区划代码", "day": "登记日期", "uscc": "代码"}


def rule(expect: str, **arguments: Any) -> Any:
    return declared(Check.model_validate({"expect": expect, **arguments}), TITLES, CATALOG)


@pytest.mark.parametrize(
    ("expect", "arguments", "sentence"),
    [
        ("expect_column_values_to_be_valid_citizen_id", {"column": "id"}, "公民身份号码应是有效的公民身份号码（GB 11643-1999；也接受港澳台居民居住证号码、外国人永久居留身份证号码）"),
        ("expect_column_values_to_be_valid_uscc", {"column": "uscc", "org_code_check": True}, "代码应是有效的统一社会信用代码（GB 32100-2015），其第9至17位应是有效的组织机构代码（GB 11714-1997）"),
        ("expect_column_values_to_be_valid_org_code", {"column": "uscc"}, "代码应是有效的组织机构代码（GB 11714-1997）"),
        ("expect_column_values_to_be_valid_division_code", {"column": "code"}, "行政区划代码应是历年曾使用的行政区划代码（GB/T 2260）"),
        ("expect_column_values_to_be_valid_division_code", {"column": "code", "valid_on": date(2016, 1, 1)}, "行政区划代码应是2016-01-01有效的行政区划代码（GB/T 2260）"),
        ("expect_column_pair_division_code_to_be_valid_on_date", {"column_A": "code", "column_B": "day"}, "行政区划代码应是登记日期当时有效的行政区划代码（GB/T 2260）"),
        ("expect_column_values_to_be_in_code_list", {"column": "code", "code_list": "gb_t_2261_1"}, "行政区划代码应是代码表“人的性别代码”中的代码"),
        ("expect_multicolumn_values_to_equal_resource", {"column_list": ["name", "id"], "resource": "public_security_bureau.population", "item": "name", "key": ["citizen_id"]}, "姓名应与“户籍人口基本信息”中同一公民身份号码的记录一致（线索，须核实）"),
        ("expect_column_values_to_exist_in_resource", {"column": "id", "resource": "public_security_bureau.population", "item": "citizen_id"}, "公民身份号码应在“户籍人口基本信息”中存在"),
        ("expect_table_data_to_be_fresh", {}, "数据日期距收到之日不应超过更新周期及其宽限期"),
        ("expect_table_row_count_to_be_near_earlier_deliveries", {"within": 0.2, "mads": 5}, "行数与最近10次交付的中位数之差不应超过20%与5倍绝对中位差中较大者"),
    ],
)  # fmt: skip
def test_each_makes_a_chinese_sentence_of_its_arguments(expect: str, arguments: dict[str, Any], sentence: str) -> None:
    assert rule(expect, **arguments).title == sentence
    assert rule(expect, **arguments, title="另一句").title == "另一句"


def test_a_comparison_is_a_lead_about_the_compared_item() -> None:
    arguments = {"column_list": ["name", "id"], "resource": "public_security_bureau.population", "item": "name", "key": ["citizen_id"]}
    found = rule("expect_multicolumn_values_to_equal_resource", **arguments)
    assert (found.severity, found.on_failure, found.items, found.scope) == ("info", "report", ("name",), "row")
    assert rule("expect_multicolumn_values_to_equal_resource", **arguments, severity="warning").severity == "warning"
    assert rule("expect_table_data_to_be_fresh").scope == "table"


def test_the_catalogue_knows_exactly_the_expectations_and_arguments_that_there_are() -> None:
    """Names, arguments, which are required, and defaults: what the domain says equals what the expectation takes."""
    from expectations.own import MODULES
    from expectations.session import load

    load()
    from great_expectations.expectations.registry import get_expectation_impl

    assert set(OWN) == set(MODULES)
    ours = {
        "id",
        "meta",
        "notes",
        "result_format",
        "description",
        "catch_exceptions",
        "rendered_content",
        "severity",
        "windows",
        "batch_id",
    }
    for name, arguments in OWN.items():
        fields = {key: field for key, field in get_expectation_impl(name).__fields__.items() if key not in ours}
        assert set(fields) == set(arguments.model_fields), name
        for key, field in arguments.model_fields.items():
            assert (bool(fields[key].required), fields[key].default) == (
                field.is_required(),
                None if field.is_required() else field.default,
            ), (
                name,
                key,
            )
        assert inspect.getdoc(get_expectation_impl(name))


@pytest.mark.parametrize(
    ("check", "key", "words"),
    [
        ("{expect: expect_column_values_to_be_valid_citizen_id}", "", "needs 'column'"),
        ("{expect: expect_column_values_to_be_valid_uscc, column: uscc, org_code: true}", ".org_code", "Did you mean 'org_code_check'"),
        ("{expect: expect_column_values_to_be_valid_uscc, column: uscc, org_code_check: perhaps}", ".org_code_check", "boolean"),
        ("{expect: expect_column_values_to_be_valid_division_code, column: uscc, valid_on: soon}", ".valid_on", "date"),
        ("{expect: expect_column_values_to_be_valid_division_code, column: uscc, lengths: [7]}", ".lengths", "2, 4, 6, 9 or 12"),
        ("{expect: expect_column_values_to_be_in_code_list, column: status, code_list: sexes}", ".code_list", "there is no code list"),
        ("{expect: expect_table_data_to_be_fresh, update_cycle: hourly}", ".update_cycle", "daily"),
        ("{expect: expect_table_row_count_to_be_near_earlier_deliveries}", "", "no bound"),
        ("{expect: expect_table_row_count_to_be_near_earlier_deliveries, within: 0.1, last: 2, at_least: 3}", "", "never be evaluated"),
        ("{expect: expect_column_values_to_exist_in_resource, column: uscc, resource: education_bureau.school, item: uscc}", ".resource", "education_bureau.schools"),
        ("{expect: expect_column_values_to_exist_in_resource, column: uscc, resource: education_bureau.schools, item: usc}", "", "has no item 'usc'"),
        ("{expect: expect_multicolumn_values_to_equal_resource, column_list: [name, uscc], resource: education_bureau.schools, item: name, key: [uscc, stage]}", "", "write the compared column first"),
        ("{expect: expect_multicolumn_values_to_equal_resource, column_list: [name, uscc], resource: education_bureau.schools, item: name, key: [uscc], on_failure: hold}", ".on_failure", "lead"),
    ],
)  # fmt: skip
def test_a_wrong_check_is_told_with_its_place_and_remedy(check: str, key: str, words: str) -> None:
    given = yaml.safe_load(check)
    entry = CATALOG.resources[ENTITIES].model_copy(update={"checks": (Check.model_validate({"id": "test.check", **given}),)})
    loaded = Loaded(CATALOG.model_copy(update={"resources": {**CATALOG.resources, ENTITIES: entry}}), (), {})
    (finding,) = check_own_expectations(loaded)
    assert finding.file.endswith("business_entities.yaml")
    assert finding.key.startswith(f"checks[test.check]{key}")
    assert words.lower() in f"{finding.problem} {finding.remedy}".lower()
    assert finding.level == "error"


def test_a_partial_list_is_warned_of() -> None:
    partial = CATALOG.code_lists["gb_t_2261_1"].model_copy(update={"partial": True})
    check = Check.model_validate({"expect": "expect_column_values_to_be_in_code_list", "column": "status", "code_list": "gb_t_2261_1"})
    entry = CATALOG.resources[ENTITIES].model_copy(update={"checks": (check,)})
    catalog = CATALOG.model_copy(update={"resources": {ENTITIES: entry}, "code_lists": {"gb_t_2261_1": partial}, "marts": {}})
    (finding,) = check_own_expectations(Loaded(catalog, (), {}))
    assert finding.level == "warning"


def test_the_shipped_catalogue_has_nothing_to_correct() -> None:
    assert check_own_expectations(Loaded(CATALOG, (), {})) == []

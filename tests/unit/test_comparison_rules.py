"""Comparisons as declared: what the loader refuses, what the catalogue check finds, how keys and names are matched, when sides are comparable."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from districtlake.catalog.check import check_catalog
from districtlake.catalog.comparisons import AsOf
from districtlake.catalog.load import load_catalog, read_catalog
from districtlake.catalog.match_steps import MATCH_STEPS
from districtlake.comparison.check import check_comparisons
from districtlake.comparison.expressions import ExpressionError, expression, held_to, values_on
from districtlake.comparison.freshness import dates_of
from districtlake.comparison.matching import identifier_sql, macros, matched_sql, suspected, text_sql
from districtlake.comparison.statement import Pairing, pairings_of
from districtlake.marts.translation import OWN_FUNCTIONS
from districtlake.settings import PROJECT_ROOT
from tests.small_comparison import YAML, write_comparison
from tests.small_district import NOTES, PEOPLE

SHIPPED = load_catalog([PROJECT_ROOT / "catalog"])


def test_the_shipped_comparisons_are_the_eight_rules_and_stand_the_check() -> None:
    assert {one.code for one in SHIPPED.comparisons.values()} == {f"C{number}" for number in range(1, 9)}
    assert check_comparisons(read_catalog([PROJECT_ROOT / "catalog"])) == []
    assert not [
        finding for finding in check_catalog([PROJECT_ROOT / "catalog"]) if "comparisons" in finding.file or "authority" in finding.file
    ]


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("join: {code: code}\n  columns: {name: name, amount: amount}\nright", "join: {code: remark}\n  columns: {name: name, amount: amount}\nright",
         "left", "nothing in the join identifies"),
        (f"resource: {PEOPLE}", "resource: registry_bureau.peopel", "left", "no resource 'registry_bureau.peopel'"),
        (f"resource: {NOTES}", "resource: other_bureau.note", "right", "no table 'other_bureau.note'"),
        ("columns: {name: name, amount: amount}\nright", "columns: {name: label, amount: amount}\nright", "left", "no item 'label'"),
        ("differs: name", "differs: colour", "", "has no such column"),
        ("matching: name}", "matching: name, sql: 'true'}", "flag_when", "a condition says one thing"),
        ("code: T1", "code: T1\ncolour: red", "colour", "unknown"),
        ("matching: name", "matching: sound", "flag_when", "not allowed"),
        ("right:", "valid_from: 2026-02-01\nvalid_to: 2026-01-01\nright:", "", "lies after valid_to"),
        ("right:", "matches_at_least: many\nright:", "", "no whole-number parameter"),
        ("right:", "match: {code: [trim, sound]}\nright:", "match", "there is no step 'sound'"),
        ("right:", "match: {code: [trim, trim]}\nright:", "match", "stands there twice"),
        ("right:", "match: {amount: trim}\nright:", "", "compared by no differs or equals"),
        ("right:", "match: {name: division_town}\nright:", "match.name", "is not for registry_bureau.people.name, a text"),
        ("right:", "match: {code: org_code, name: person}\nright:", "match", "there is no step 'person'"),
    ],
)  # fmt: skip
def test_the_loader_names_file_key_and_remedy(tmp_path: Path, old: str, new: str, key: str, problem: str) -> None:
    assert old in YAML
    file = write_comparison(tmp_path / "catalog", YAML.replace(old, new, 1))
    loaded = read_catalog([tmp_path / "catalog"])
    assert "labels" not in loaded.catalog.comparisons
    faults = [fault for fault in loaded.faults if fault.file.endswith(file.name)]
    assert any(key in fault.key and problem in fault.problem and fault.hint for fault in faults), loaded.faults
    assert len(loaded.catalog.resources) == 4, "the rest of the catalogue goes on"


def test_persons_are_never_joined_by_their_names(tmp_path: Path) -> None:
    for join in ("{who: name}", "{who: name, birth: citizen_id}"):
        path = tmp_path / "comparisons"
        path.mkdir(exist_ok=True)
        (path / "by_name.yaml").write_text(
            f"""
code: X1
title: 按姓名
description: 不允许
authority: {{element: person_name, subject: person}}
left: {{resource: education_bureau.students, join: {join}}}
right: {{resource: public_security_bureau.population, join: {join}}}
""",
            encoding="utf-8",
        )
        loaded = read_catalog([PROJECT_ROOT / "catalog", tmp_path])
        assert "by_name" not in loaded.catalog.comparisons
        assert any("never joined by their names" in fault.problem and "Join by an identifier" in fault.hint for fault in loaded.faults)


def faults_of(folder: Path, **given: str) -> list[str]:
    """What the loader says of one comparison over the shipped catalogue."""
    fields = {"code": "X1", "title": "试", "description": "试", "authority": "{element: person_name, subject: person}", **given}
    path = folder / "comparisons" / "tried.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{key}: {value}\n" for key, value in fields.items()), encoding="utf-8")
    loaded = read_catalog([PROJECT_ROOT / "catalog", folder])
    assert ("tried" in loaded.catalog.comparisons) == (not loaded.faults)
    return [fault.problem for fault in loaded.faults]


def test_match_makes_no_identifier_of_what_is_none_and_names_join_nobody(tmp_path: Path) -> None:
    students, population, addresses = (
        "education_bureau.students",
        "public_security_bureau.population",
        "natural_resources_bureau.standard_addresses",
    )
    by_name = {"left": f"{{resource: {students}, join: {{who: name}}}}", "right": f"{{resource: {population}, join: {{who: name}}}}"}
    for steps in ("{who: [text]}", "{who: [org_code]}", "{who: [citizen_id]}"):
        assert any("never joined by their names" in one for one in faults_of(tmp_path, **by_name, match=steps)), steps
    coarse = {
        "left": f"{{resource: {population}, join: {{p: citizen_id}}}}", "right": f"{{resource: {addresses}, join: {{p: street_code}}}}",
        "match": "{p: division_town}",
    }  # fmt: skip
    assert any("is not for public_security_bureau.population.citizen_id" in one for one in faults_of(tmp_path, **coarse))
    by_place = {
        "left": f"{{resource: {population}, join: {{p: household_no}}, columns: {{name: name}}}}",
        "right": f"{{resource: {population}, join: {{p: household_no}}, columns: {{name: name}}}}", "flag_when": "[{equals: name}]",
    }  # fmt: skip
    assert faults_of(tmp_path, **by_place) == []
    assert any("names would join persons" in one for one in faults_of(tmp_path, **by_place, match="{p: division_town}"))


def test_a_credit_code_is_joined_to_an_organisation_code_only_by_match(tmp_path: Path) -> None:
    resource = (PROJECT_ROOT / "catalog/resources/market_regulation/food_licences.yaml").read_text(encoding="utf-8")
    path = tmp_path / "resources" / "market_regulation" / "old_register.yaml"
    path.parent.mkdir(parents=True)
    elements = tmp_path / "standards" / "elements.yaml"
    elements.parent.mkdir()
    kind = "{name: 组织机构代码, name_en: c, definition: c, data_type: C, format: c9, domain: GB 11714-1997, kind: org_code}"
    elements.write_text(f"old_org_code: {kind}\n", encoding="utf-8")
    head = (
        resource.partition("items:")[0]
        .replace("key: [licence_no]", "key: [code]")
        .replace("food_licences", "old_register")
        .replace("/0", "/7")
    )
    path.write_text(head + "items:\n  - {name: code, title: 代码, element: old_org_code, required: true}\n", encoding="utf-8")
    sides = {
        "left": "{resource: market_regulation.food_licences, join: {body: uscc}}",
        "right": "{resource: market_regulation.old_register, join: {body: code}}",
    }
    assert any("they can never be equal" in one for one in faults_of(tmp_path, **sides))
    assert faults_of(tmp_path, **sides, match="{body: org_code}") == []


@pytest.mark.parametrize(
    ("step", "value", "key"),
    [
        ("trim", "\u3000 甲 乙 ", "甲 乙"), ("blanks", "甲 乙\u3000", "甲乙"), ("width", "Ａ１（", "A1("), ("case", "a甲", "A甲"),
        ("dots", "阿·卜•杜", "阿卜杜"), ("text", "Ａ 1•", "A1·"), ("leading_zeros", "00120", "120"),
        ("citizen_id", "110105491231002", "11010519491231002X"),
        ("org_code", "91330203MA2AFAAA4Y", "MA2AFAAA4"), ("org_code", "ma2afaaa-4", "MA2AFAAA4"), ("org_code", "330203000000017", None),
        ("org_name", "宁波Ａ（集团）有限责任公司", "宁波A集团有限公司"),
        ("division_province", "330203", "33"), ("division_city", "330200", "3302"), ("division_city", "330000", None),
        ("division_county", "330203001002", "330203"), ("division_county", "330200000000", None), ("division_county", "3302", None),
        ("division_town", "330203001", "330203001"), ("division_town", "330203001000", "330203001"), ("division_town", "330203000000", None),
        ("division_town", "441900003", "441900003"), ("division_village", "330203001002", "330203001002"), ("division_village", "330203001000", None),
        ("division_full", "3302", "330200000000"), ("division_full", "海曙", None),
        ("division_name", "海曙区", "海曙"), ("division_name", "内蒙古自治区", "内蒙古"), ("division_name", "市区", "市区"), ("division_name", "南门", "南门"),
        ("address_street", "浙江省宁波市海曙区月湖街道中山西路10号", "海曙区月湖街道"), ("address_street", "海曙区集士港镇", "海曙区集士港镇"),
        ("address_street", "中山西路10号", None),
    ],
)  # fmt: skip
def test_steps_of_match(step: str, value: str, key: str | None) -> None:
    with duckdb.connect() as connection:
        connection.execute(macros())
        assert connection.execute(
            f"SELECT {matched_sql([step], 'x')}, {matched_sql([step], 'NULL')} FROM (SELECT ? AS x)", [value]
        ).fetchall() == [(key, None)]


def test_every_step_has_its_sql_and_no_more() -> None:
    with duckdb.connect() as connection:
        connection.execute(macros())
        made = connection.execute("select function_name from duckdb_functions() where function_type = 'macro' and not internal").fetchall()
    assert {name for (name,) in made} == OWN_FUNCTIONS == {"with_check_digit", *(f"match_{step}" for step in MATCH_STEPS)}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("differs: name, matching: name", "sql: l.name > r.nothing", "names r.nothing"),
        ("differs: name, matching: name", "sql: l.name = $colour", r"$colour, which is not defined"),
        ("differs: name, matching: name", "sql: l.amount > (select max(1))", "no part of a comparison"),
        ("differs: name, matching: name", "sql: sum(l.amount) > 1", "no part of a comparison"),
        ("differs: name, matching: name", "sql: l.amount > current_date", "no part of a comparison"),
        ("differs: name, matching: name", "sql: l.amount - r.name > 1", "DuckDB"),
        ("differs: name, matching: name", "sql: 'l.amount >'", "cannot be parsed"),
        ("right:", "parameters: {days: 3}\nright:", "'days' is used nowhere"),
        ("right:", "moments: {term: $tomorrow}\nright:", "$tomorrow"),
    ],
)
def test_the_check_tries_every_expression(tmp_path: Path, old: str, new: str, problem: str) -> None:
    write_comparison(tmp_path / "catalog", YAML.replace(old, new, 1))
    found = check_comparisons(read_catalog([tmp_path / "catalog"]))
    assert any(problem in finding.problem + finding.remedy and finding.file.endswith("labels.yaml") for finding in found), found


def test_the_matrix_must_know_why_the_right_side_is_believed(tmp_path: Path) -> None:
    write_comparison(tmp_path / "catalog", YAML.replace("element: remark", "element: count_integer"))
    assert any("no entry for count_integer of person" in one.problem for one in check_catalog([tmp_path / "catalog"]))
    write_comparison(tmp_path / "catalog")
    facts = tmp_path / "catalog" / "authority.yaml"
    facts.write_text(facts.read_text(encoding="utf-8").replace("other_bureau.notes.name", "registry_bureau.people.name"), encoding="utf-8")
    problems = [one.problem for one in check_catalog([tmp_path / "catalog"])]
    assert any("is no authority" in one for one in problems)
    assert any("itself the authority" in one for one in problems)


# matching ----------------------------------------------------------------------------------------------------------
def matched(kind: str, value: str) -> str:
    with duckdb.connect() as connection:
        connection.execute(macros())
        ((found,),) = connection.execute(f"SELECT {identifier_sql(kind, 'x')} FROM (SELECT ? AS x)", [value]).fetchall()
    return str(found)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("110105491231002", "11010519491231002X"),  # the example of GB 11643
        ("11010519491231002x", "11010519491231002X"),
        ("110105491231996", "110105491231996"),  # a centenarian's: the century is not known
        ("33020349123100", "33020349123100"),
        ("ABC491231002XYZ", "ABC491231002XYZ"),
    ],
)
def test_fifteen_digits_match_as_eighteen(value: str, key: str) -> None:
    assert matched("citizen_id", value) == key


def test_names_match_without_blanks_width_case_and_dots() -> None:
    with duckdb.connect() as connection:
        connection.execute(macros())
        for one, other in (("张 三", "张三"), ("阿卜杜•热合曼", "阿卜杜·热合曼"), ("Ｊｏｈｎ", "john"), ("李　四", "李四")):
            ((same,),) = connection.execute(
                f"SELECT {text_sql('a')} = {text_sql('b')} FROM (SELECT ? AS a, ? AS b)", [one, other]
            ).fetchall()
            assert same, (one, other)


@pytest.mark.parametrize(
    ("one", "other", "is_suspected"),
    [
        ("王䶮", "王龑", True), ("李□", "李淼", True), ("张?", "张三", True), ("沈峯", "沈峰", True), ("阿卜杜热合曼", "阿卜杜·热合曼", True),
        ("张三", "李四", False), ("张三", "张三丰", False), ("王伟", "王维", False), ("张三", None, False),
    ],
)  # fmt: skip
def test_rare_and_lost_characters_make_a_suspicion_only(one: str, other: str | None, is_suspected: bool) -> None:
    assert suspected(pl.Series([one]), pl.Series([other], dtype=pl.String)).to_list() == [is_suspected]


# expressions and days ----------------------------------------------------------------------------------------------
def test_values_become_literals_and_never_text_of_the_statement() -> None:
    found = expression("name = $who and day < $today")
    sql = found.sql({"who": "O'Brien'; drop table x; --", "today": date(2026, 3, 1)}, {("", "name"): 't."name"', ("", "day"): 't."day"'})
    with duckdb.connect() as connection:
        connection.execute("create table t as select 'O''Brien''; drop table x; --' as name, date '2026-02-01' as day")
        assert connection.execute(f"select {sql} from t").fetchall() == [(True,)]
    with pytest.raises(ExpressionError, match="names name"):
        held_to(found, {("", "day")}, {"who", "today"})


def test_moments_are_computed_from_the_day() -> None:
    comparison = SHIPPED.comparisons["age_against_grade"]
    assert values_on(comparison, date(2026, 12, 31))["this_year"] == 2026
    assert values_on(comparison, date(2027, 1, 1))["this_year"] == 2027


def pairing(name: str, index: int = 0) -> Pairing:
    comparison = SHIPPED.comparisons[name]
    return pairings_of(comparison, SHIPPED, values_on(comparison, date(2026, 3, 6)))[index]


def test_stale_or_missing_sides_are_not_comparable_yet() -> None:
    today = date(2026, 3, 6)
    food, register = "market_regulation.food_licences", "market_regulation.business_entities"
    one = pairing("licence_without_subject")
    assert "尚未归集" in dates_of(one, {food: today}, today).why_not
    assert "早于另一方" in dates_of(one, {food: today, register: date(2026, 3, 5)}, today).why_not
    assert dates_of(one, {food: date(2026, 3, 5), register: today}, today).why_not == ""
    # of two death registers one that never came is empty; with neither there is nothing to compare with
    pension, deaths, certificates = (
        "human_resources_bureau.pension_payments", "public_security_bureau.deaths", "health_bureau.death_certificates",
    )  # fmt: skip
    two = pairing("pension_after_death")
    assert dates_of(two, {pension: today, certificates: date(2026, 1, 1)}, today).why_not == ""
    assert "尚未归集" in dates_of(two, {pension: today}, today).why_not
    # 'unless' must be known, or every certificate would be a lead
    assert (
        "死亡注销"
        in dates_of(pairing("death_without_cancellation"), {"public_security_bureau.population": today, certificates: today}, today).why_not
    )
    assert deaths not in {pension, certificates}


def test_the_dates_may_lie_apart_only_so_far() -> None:
    today, one = date(2026, 3, 6), pairing("tenant_with_dwelling")
    leases, estate = "housing_bureau.public_rental_leases", "natural_resources_bureau.real_estate"
    assert dates_of(one, {leases: today, estate: date(2026, 1, 3)}, today).why_not == ""
    assert "相差超过" in dates_of(one, {leases: today, estate: date(2026, 1, 2)}, today).why_not
    old = Pairing(one.comparison.model_copy(update={"as_of": AsOf(fresher="either", max_age_days=10)}), one.left, one.catalog, one.values)
    assert "超过10天" in dates_of(old, {leases: date(2026, 2, 23), estate: date(2026, 2, 23)}, today).why_not


def test_the_golden_values_follow_the_one_source_matrix() -> None:
    """Each fact that a base library holds is taken from the matrix's sources, in no other order."""
    import re

    for mart in ("population.golden_values", "legal_entities.golden_values"):
        named = re.findall(r"'(\w+)' as fact,.*?'(\w+\.\w+)' as source", SHIPPED.marts[mart].sql, flags=re.S)
        assert named
        taken: dict[str, list[str]] = {}
        for fact, source in named:
            taken.setdefault(fact, []).append(source)
        assert taken == {fact: list(SHIPPED.facts[fact].resources) for fact in taken}

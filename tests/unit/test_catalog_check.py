"""The cross-checks: each finds what it is for, and the shipped catalogues have nothing to correct."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import polars as pl
import pytest

from districtlake.catalog.check import Finding, check_catalog
from districtlake.catalog.models import Element
from districtlake.settings import PROJECT_ROOT

SHIPPED = [PROJECT_ROOT / "catalog"]
RESOURCES = Path("resources")
POPULATION = RESOURCES / "public_security_bureau/population.yaml"
DEATHS = RESOURCES / "public_security_bureau/deaths.yaml"
LICENCES = RESOURCES / "market_regulation/food_licences.yaml"
ENTITIES = RESOURCES / "market_regulation/business_entities.yaml"
LOW_INCOME = RESOURCES / "civil_affairs_bureau/low_income_persons.yaml"
AGENCIES = Path("agencies.yaml")
ELEMENTS = Path("standards/elements.yaml")

_DTYPES = {"date": pl.Date(), "integer": pl.Int64(), "decimal": pl.Decimal(18, 2)}
_TEXTS = "text name org_name citizen_id uscc org_code division_code code phone postcode address identifier"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped catalogue, judged with kinds that have types only."""
    module = ModuleType("districtlake.standards.kinds")
    dtypes = {**dict.fromkeys(_TEXTS.split(), pl.String()), **_DTYPES}
    kinds = {
        name: SimpleNamespace(codes={}, dtype=lambda element, dtype=dtype: dtype, faults_of=option_faults) for name, dtype in dtypes.items()
    }
    monkeypatch.setattr(module, "KINDS", kinds, raising=False)
    monkeypatch.setitem(sys.modules, "districtlake.standards.kinds", module)
    return Path(shutil.copytree(SHIPPED[0], tmp_path / "catalog"))


def option_faults(element: Element) -> list[str]:
    return [f"option '{name}' is unknown; take another" for name in element.options if name == "nonsense"]


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


MEANT = {  # delivered beside the citizen number: evidence for comparison, and in the grid visits what Article 12 forbids
    ("catalog/resources/civil_affairs_bureau/low_income_persons.yaml", "items[name]"),
    ("catalog/resources/civil_affairs_bureau/marriages.yaml", "items[name_a]"),
    ("catalog/resources/civil_affairs_bureau/marriages.yaml", "items[name_b]"),
    ("catalog/resources/education_bureau/students.yaml", "items[name]"),
    ("catalog/resources/towns_and_streets/grid_visits.yaml", "items[name]"),
}


def test_shipped_catalogues_have_no_error_and_the_warnings_that_are_meant() -> None:
    findings = check_catalog(SHIPPED)
    assert [finding for finding in findings if finding.level == "error"] == []
    assert {(finding.file, finding.key) for finding in findings} == MEANT


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "problem", "level"),
    [
        (ELEMENTS, "kind: citizen_id", "kind: citizen_ids", "citizen_id.kind", "no kind 'citizen_ids'", "error"),
        (ELEMENTS, "  codes: gb_t_2261_1\n", "", "sex.codes", "needs a code list", "error"),
        (ELEMENTS, "kind: citizen_id\n", "kind: citizen_id\n  codes: gb_t_3304\n", "citizen_id.codes", "takes no code list", "error"),
        (ELEMENTS, "data_type: D", "data_type: N", "birth_date.data_type", "whose values are dates", "error"),
        (ELEMENTS, "options: {not_after: today}", "options: {nonsense: 1}", "death_date.options", "'nonsense' is unknown", "error"),
        (POPULATION, "description: 本", "# ", "description", "no description", "warning"),
        (POPULATION, "aliases: [族别]", "aliases: [性别]", "items[ethnicity]", "both sex and ethnicity", "error"),
        (POPULATION, "citizen_id, required: true", "citizen_id", "items[citizen_id].required", "is not required", "error"),
        (LICENCES, "licence_no, req", "licence_no, on_failure: report, req", "items[licence_no].on_failure", "must not pass", "error"),
        (POPULATION, "opening: {class: none, ", "opening: {class: conditional, ", "items[citizen_id]", "is L4", "error"),
        (ENTITIES, "element: address, sensitivity: L1}", "element: address}", "items[address]", "is L3", "error"),
        (POPULATION, "element: address}", "element: address, min: 1}", "items[address]", "min and max need a number", "error"),
        (LOW_INCOME, "min: 1, max: 20", "max_length: 3", "items[persons]", "pattern and max_length need text", "error"),
        (ENTITIES, "unit: 万元", "unit: 元", "items[registered_capital].unit", "differs from '万元'", "error"),
        (DEATHS, "item: citizen_id}", "item: name}", "items[citizen_id].references", "can never be equal", "error"),
        (LICENCES, "item: uscc}", "item: uscc}\n    title: 证号", "", "", "duplicate"),
        (POPULATION, "id: sex.matches_id", "id: birth_date.matches_id", "checks[birth_date.matches_id]", "two checks", "error"),
        (POPULATION, "id: sex.matches_id", "id: key.unique", "checks[key.unique]", "belongs to a rule derived", "error"),
        (DEATHS, "code: 101001002/000001", "code: 101001001/000001", "code", "already that of public_security_bureau.deaths", "error"),
        (DEATHS, "死亡注销*.csv", "户籍人口更正*.csv", "source", "files can match both", "error"),
        (POPULATION, "户籍人口*更正*.csv", "户籍人口*.csv", "source.corrections", "both a files and a corrections", "error"),
        (DEATHS, "element: event_date, required", "element: person_name, required", "", "", "same agency"),
        (
            RESOURCES / "human_resources_bureau/insured_persons.yaml",
            "title: 停保日期, element: validity_date",
            "title: 停保日期, element: birth_date",
            "items[end_date]",
            "can be had through sharing from public_security_bureau.population",
            "warning",
        ),
        (AGENCIES, "  security_officer: 科技信息化大队数据安全管理岗\n", "", "public_security_bureau", "Article 31", "warning"),
        (AGENCIES, "  contact: public-security-data@haishu.example\n", "", "owner", "has no owner", "error"),
    ],
)  # fmt: skip
def test_each_check_finds_its_fault(folder: Path, file: Path, old: str, new: str, key: str, problem: str, level: str) -> None:
    before = check_catalog([folder])
    rewrite(folder / file, old, new)
    findings = [finding for finding in check_catalog([folder]) if finding not in before]
    if level == "duplicate":  # the same YAML key twice is the loader's
        assert any("written twice" in finding.problem for finding in findings)
        return
    if level == "same agency":  # an agency may hold its own element twice
        assert not any("through sharing" in finding.problem for finding in findings if finding.file.endswith(file.name))
        return
    assert findings
    assert any(finding.key == key and problem in finding.problem and finding.level == level for finding in findings), findings
    assert all(finding.remedy and finding.file for finding in findings)


def test_reference_outside_the_key_is_a_warning(folder: Path) -> None:
    rewrite(folder / LICENCES, "element: uscc\n", "element: household_no\n")
    rewrite(folder / LICENCES, "market_regulation.business_entities, item: uscc", "public_security_bureau.population, item: household_no")
    found = [finding for finding in check_catalog([folder]) if finding.key == "items[uscc].references"]
    assert [(finding.level, "not part of that resource's key" in finding.problem) for finding in found] == [("warning", True)]


def test_reference_cycles_are_allowed(folder: Path) -> None:
    back = "references: {resource: public_security_bureau.deaths, item: citizen_id}"
    rewrite(folder / POPULATION, "element: citizen_id, ", f"element: citizen_id, {back}, ")
    assert [finding for finding in check_catalog([folder]) if finding.level == "error"] == []


def test_faults_of_the_loader_are_findings_too(folder: Path) -> None:
    (folder / DEATHS).write_text("title: [", encoding="utf-8")
    rewrite(folder / POPULATION, "update_cycle: daily", "update_cycle: never_ever")
    findings = check_catalog([folder])
    errors = [finding for finding in findings if finding.level == "error"]
    assert {Path(finding.file).name for finding in errors} == {"deaths.yaml", "population.yaml"}
    assert findings[: len(errors)] == errors, "errors come first"


def test_empty_folder_of_an_unknown_agency(folder: Path) -> None:
    (folder / "resources" / "ghost_bureau").mkdir()
    assert any(finding.level == "warning" and "ghost_bureau" in finding.problem for finding in check_catalog([folder]))


def test_findings_are_values() -> None:
    assert Finding("f", "k", "p", "r") == Finding("f", "k", "p", "r", "error")

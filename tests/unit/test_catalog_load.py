"""Reading the catalogue: what is accepted, and that every fault names file, line or key, and the remedy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from districtlake.catalog.load import load_catalog, load_catalog_tolerant
from districtlake.catalog.yaml_file import CatalogFault
from districtlake.errors import CatalogError
from districtlake.settings import PROJECT_ROOT

SHIPPED = (PROJECT_ROOT / "catalog",)
POPULATION = Path("resources/public_security_bureau/population.yaml")
ENTRIES = len(list((SHIPPED[0] / "resources").glob("*/*.yaml")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED[0], tmp_path / "catalog"))


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def only_fault(folder: Path) -> CatalogFault:
    _, faults = load_catalog_tolerant([folder])
    assert len(faults) == 1, [str(fault) for fault in faults]
    assert isinstance(faults[0], CatalogFault)
    return faults[0]


def test_shipped_catalogues_load_together() -> None:
    catalog = load_catalog(SHIPPED)
    assert len(load_catalog(SHIPPED[:1]).resources) == ENTRIES
    assert {"education_bureau.universities", "education_bureau.universities_2016", "health_bureau.case_reports"} <= set(catalog.resources)
    assert catalog.resources["market_regulation.business_entities"].file == "catalog/resources/market_regulation/business_entities.yaml"
    assert catalog.resources["civil_affairs_bureau.low_income_persons"].source.max_shrink == pytest.approx(0.2)
    assert catalog.resources["education_bureau.universities"].source.max_shrink is None


def test_every_listed_element_exists() -> None:
    expected = """citizen_id person_name sex ethnicity birth_date death_date event_date validity_date start_month address household_no
        uscc org_name entity_type industry money_yuan money_wan registration_status residence_status insurance_type insurance_status
        benefit_status licence_no division_code phone postcode person_count count_integer source_text url school_code school_name
        authority place education_level remark sequence_no"""
    assert set(expected.split()) <= set(load_catalog(SHIPPED[:1]).elements)


def test_code_lists_carry_source_or_are_partial() -> None:
    lists = load_catalog(SHIPPED[:1]).code_lists
    assert len(lists["gb_t_3304"].codes) == 56
    assert len(lists["gb_t_4754"].codes) == 20 + 97 + 473 + 1381
    assert "to be checked against the standard" in lists["gb_t_4754"].remark
    assert lists["gb_t_2261_1"].synonyms["男"] == lists["gb_t_2261_1"].synonyms["M"] == "1"
    assert lists["gb_t_3304"].synonyms["汉"] == "01"
    assert {name for name, codes in lists.items() if codes.partial} == {"insurance_type", "entity_type"}
    assert all("demonstration" in (codes.source or "") for name, codes in lists.items() if not name.startswith("gb_") and not codes.partial)


def test_classes_below_unconditional_state_reason_and_basis() -> None:
    restricted = [r for r in load_catalog(SHIPPED).resources.values() if r.sharing.class_ != "unconditional"]
    assert restricted
    assert all("第" in r.sharing.legal_basis and r.sharing.reason for r in restricted)


# faults ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new", "key", "problem", "hint"),
    [
        ("update_cycle: daily", "update_cycle: dayly", "update_cycle (line 14)", "'dayly' is not allowed", "'daily'"),
        ("title: 姓名, element", "titel: 姓名, element", "items[name].title (line 20)", "'title' is missing", "title"),
        ("max_shrink: 10%", "max_shrinkage: 10%", "source.max_shrinkage", "unknown", "Did you mean 'max_shrink'?"),
        ("code: 101001001/000001", "code: 1-1", "code (line 1)", "not well formed", "^[1-3]"),
        ("business: 户籍管理\n", "", "business", "'business' is missing", "business"),
        ("business: 户籍管理\n", "business: ''\n", "business", "empty", "business"),
        ("  legal_basis: ", "  # ", "sharing (line 7)", "needs 'reason' and 'legal_basis' (Article 16", "Add both"),
        ("key: [citizen_id]", "key: [citizen]", "", "key names citizen", "Items are"),
        ("max_shrink: 10%", "max_shrink: ten%", "source.max_shrink", "no percentage", "10%"),
        ("column_A: birth_date", "column_A: born", "", "names column born", "citizen_id"),
        ("aliases: [身份证号, 身份证号码]", "pattern: '[0-9'", "items[citizen_id].pattern", "no regular expression", ""),
        ("title: 户籍人口基本信息", "title: 2024-01-01", "title", "not text", "quotes"),
        ("aliases: [族别]", "aliases: 族别", "items[ethnicity].aliases", "not a list", "[a, b]"),
    ],
)  # fmt: skip
def test_invalid_entry_names_key_and_remedy(folder: Path, old: str, new: str, key: str, problem: str, hint: str) -> None:
    rewrite(folder / POPULATION, old, new)
    catalog, faults = load_catalog_tolerant([folder])
    assert "public_security_bureau.population" not in catalog.resources
    assert len(catalog.resources) == ENTRIES - 1, "one broken file stopped others"
    matching = [fault for fault in faults if isinstance(fault, CatalogFault) and key in fault.key and problem in fault.problem]
    assert matching, [str(fault) for fault in faults]
    assert hint in matching[0].hint
    assert matching[0].hint
    assert matching[0].file.endswith("population.yaml")
    with pytest.raises(CatalogError, match=r"population\.yaml"):
        load_catalog([folder])


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        (b"title: [a\nb: c\n", "line", "malformed YAML"),
        (b"title: a\n\tb: c\n", "line 2", "malformed YAML"),
        (b"a: 1\nb:\n  c: 1\n  c: 2\n", "line 4", "key 'c' is written twice (first in line 3)"),
        (b"", "", "the file is empty"),
        (b"- a\n", "", "list"),
        ("title: 户籍".encode("gb18030"), "byte", "not UTF-8"),
        (b"sharing_term: 2027-02-30\n", "", "day is out of range"),
        (b"1: a\n", "line 1", "key 1 is not text"),
        (b"title: !!python/object:os.system {}\n", "line 1", "malformed YAML"),
    ],
)
def test_broken_file_is_one_fault_and_the_others_go_on(folder: Path, text: bytes, key: str, problem: str) -> None:
    (folder / POPULATION).write_bytes(text)
    fault = only_fault(folder)
    assert key in fault.key
    assert problem in fault.problem
    assert fault.hint
    assert "population.yaml" in str(fault)
    assert len(load_catalog_tolerant([folder])[0].resources) == ENTRIES - 1


def test_unknown_element_is_named_with_the_nearest(folder: Path) -> None:
    rewrite(folder / POPULATION, "element: citizen_id", "element: citizen_idd")
    fault = only_fault(folder)
    assert fault.key == "line 19"
    assert "Did you mean 'citizen_id'?" in fault.hint


def test_unknown_reference_is_a_fault_but_the_resource_stays(folder: Path) -> None:
    deaths = folder / "resources/public_security_bureau/deaths.yaml"
    rewrite(deaths, "item: citizen_id}", "item: citizen_no}")
    assert "has no item 'citizen_no'" in only_fault(folder).problem
    rewrite(deaths, "resource: public_security_bureau.population", "resource: public_security_bureau.people")
    assert "unknown resource" in only_fault(folder).problem
    assert "public_security_bureau.deaths" in load_catalog_tolerant([folder])[0].resources


def test_faulty_element_takes_only_its_users_with_it(folder: Path) -> None:
    rewrite(folder / "standards/elements.yaml", "  name_en: licence number\n", "")
    catalog, faults = load_catalog_tolerant([folder])
    text = "element: licence_no"
    users = [path for path in (folder / "resources").glob("*/*.yaml") if text in path.read_text(encoding="utf-8")]
    assert "market_regulation.food_licences" not in catalog.resources
    assert len(catalog.resources) == ENTRIES - len(users)
    assert any("licence_no.name_en" in str(fault) for fault in faults)


def test_missing_code_list_is_named(folder: Path) -> None:
    (folder / "standards/codes/benefit_status.yaml").unlink()
    catalog, faults = load_catalog_tolerant([folder])
    assert any("there is no code list 'benefit_status'" in str(fault) for fault in faults)
    assert "civil_affairs_bureau.low_income_persons" not in catalog.resources


def test_code_list_without_source_must_be_partial(folder: Path) -> None:
    rewrite(folder / "standards/codes/entity_type.yaml", "partial: true\n", "")
    _, faults = load_catalog_tolerant([folder])
    assert any("has no source" in str(fault) and "partial: true" in fault.hint for fault in faults)


def test_unquoted_code_is_refused_not_reinterpreted(folder: Path) -> None:
    rewrite(folder / "standards/codes/gb_t_3304.yaml", "'07': 彝族", "07: 彝族")
    _, faults = load_catalog_tolerant([folder])
    assert any("gb_t_3304.yaml" in str(fault) and "quotes" in fault.hint for fault in faults)


def test_synonym_must_lead_to_a_code(folder: Path) -> None:
    rewrite(folder / "standards/codes/gb_t_2261_1.yaml", "'男': '1'", "'男': '3'")
    _, faults = load_catalog_tolerant([folder])
    assert any("leads to '3'" in str(fault) for fault in faults)


def test_folder_and_file_give_agency_and_name(folder: Path) -> None:
    path = folder / POPULATION
    path.write_text("agency: health_bureau\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert "agency says 'health_bureau'" in only_fault(folder).problem
    shutil.move(path.parent, path.parent.parent / "unknown_bureau")
    rewrite(folder / "resources/unknown_bureau/population.yaml", "agency: health_bureau\n", "")
    _, faults = load_catalog_tolerant([folder])
    assert any("'unknown_bureau', which does not exist" in str(fault) for fault in faults)


def test_nothing_is_defined_twice(folder: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    shutil.copy(folder / "agencies.yaml", second / "agencies.yaml")
    catalog, faults = load_catalog_tolerant([folder, second])
    assert len(faults) == len(catalog.agencies)
    assert all("already defined in" in str(fault) and str(folder) in str(fault) for fault in faults)


def test_strays_are_named(folder: Path) -> None:
    shutil.copy(folder / POPULATION, folder / "resources" / "stray.yaml")
    assert "folder of its agency" in only_fault(folder).problem
    (folder / "resources" / "stray.yaml").rename(folder / POPULATION.parent / "stray.yml")
    assert ".yml is not read" in only_fault(folder).problem


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such catalogue folder"):
        load_catalog([tmp_path / "nowhere"])
    with pytest.raises(CatalogError, match="no catalogue folder"):
        load_catalog([])


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("min: 1, max: 20", "min: 21, max: 20", "min 21 is greater than max 20"),
        ("key: [citizen_id, household_no]\n", "", "without a key"),
        ("max_shrink: 20%}", "max_shrink: 20%, period: '(?P<month>..)'}", "period must name"),
        ("files: \"最低生活保障*.csv\", ", "files: [], ", "source.files"),
        ("name: persons, ", "name: persons__n, ", "two underscores"),
        ("element: person_count, required: true", "element: person_count, required: true, volatile: true", None),
        ("element: household_no, required: true", "element: household_no, required: true, volatile: true", "is volatile"),
    ],
)  # fmt: skip
def test_entry_against_itself(folder: Path, old: str, new: str, problem: str | None) -> None:
    rewrite(folder / "resources/civil_affairs_bureau/low_income_persons.yaml", old, new)
    _, faults = load_catalog_tolerant([folder])
    assert [problem in str(fault) for fault in faults] == ([] if problem is None else [True])

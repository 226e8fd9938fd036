"""The catalogue check on marts: file, line or key, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from districtlake.catalog.load import read_catalog
from districtlake.marts.check import check_marts
from districtlake.settings import PROJECT_ROOT
from tests.small_district import write_catalog
from tests.small_marts import BIG_YAML, TOTALS_YAML, write_marts


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    folder = write_catalog(tmp_path / "catalog")
    write_marts(folder)
    return folder


def found(catalog: Path) -> list[tuple[str, str, str]]:
    loaded = read_catalog([catalog])
    faults = [(Path(fault.file).name, fault.key, fault.problem) for fault in loaded.faults]
    return faults + [(Path(one.file).name, one.key, one.problem) for one in check_marts(loaded) if one.level == "error"]


def test_the_shipped_marts_have_no_findings() -> None:
    loaded = read_catalog([PROJECT_ROOT / "catalog"])
    assert [fault.problem for fault in loaded.faults] == []
    assert check_marts(loaded) == []
    assert len(loaded.catalog.marts) >= 12


def test_the_small_marts_have_no_findings(catalog: Path) -> None:
    assert found(catalog) == []


@pytest.mark.parametrize(
    ("sql", "place", "problem"),
    [
        ("select name,\n  amount\nfrom base.totale", "line 3", "there is no table 'base.totale'"),
        ("select name,\n  amout as amount\nfrom base.totals", "line 2", "amout"),
        ("select name, amount\nfrom base.totals where", "line 2", "cannot be parsed"),
        ("select name, amount, 1 as more from base.totals", "", "'more', which is not declared"),
        ("select name, amount from base.totals where current_date > date '2020-01-01'", "", "gives another value each time"),
        ("select name, amount from base.big", "", "in a circle"),
        ("select name, amount from registry_bureau", "line 1", "There is no table registry_bureau"),
    ],
)
def test_the_sql_is_held_against_the_tables_and_the_line_is_named(catalog: Path, sql: str, place: str, problem: str) -> None:
    write_marts(catalog, big=sql)
    findings = [(key, text) for file, key, text in found(catalog) if file in ("big.sql", "big.yaml")]
    assert any(problem in text and (not place or key == place) for key, text in findings), findings


@pytest.mark.parametrize(
    ("yaml", "key", "problem"),
    [
        (BIG_YAML + "  - {name: lost, title: 缺, type: text}\n", "columns[lost]", "declared, but the SQL does not give it"),
        (BIG_YAML.replace("type: integer", "type: date"), "columns[amount]", "is declared Date, but the SQL gives Int64"),
        (BIG_YAML.replace("key: [name]", "key: [names]"), "", "key names names, which is no column"),
        (BIG_YAML.replace("element: remark", "element: remork"), "", "unknown data element 'remork'"),
        (BIG_YAML.replace("type: integer", "element: count_integer, type: integer"), "", "needs either 'element' or 'type'"),
        (BIG_YAML + "checks:\n  - {expect: expect_column_values_to_be_unique, column: nome}\n", "", "names column nome"),
        (
            BIG_YAML + "checks:\n  - {expect: expect_column_values_to_be_unique, column: name, on_failure: quarantine}\n",
            "",
            "would quarantine",
        ),
        (
            BIG_YAML + "incremental: {changes: {registry_bureau.people: {name: name}}}\n",
            "incremental.changes.registry_bureau.people",
            "does not read",
        ),
        (BIG_YAML + "incremental: {changes: {base.totals: {label: name}}}\n", "incremental.changes.base.totals", "has no column 'label'"),
        (
            BIG_YAML + "incremental: {changes: {base.totals: {amount: name}}}\n",
            "incremental.changes.base.totals",
            "the key column name is String",
        ),
        (BIG_YAML + "incremental: {changes: {base.totals: {name: amount}}}\n", "", "must give every key column once (name)"),
        (BIG_YAML + "cheks: []\n", "cheks", "the key 'cheks' is unknown"),
    ],
)
def test_the_yaml_is_held_against_the_sql(catalog: Path, yaml: str, key: str, problem: str) -> None:
    (catalog / "marts" / "base" / "big.yaml").write_text(yaml, encoding="utf-8")
    assert any(problem in text and place.startswith(key) for file, place, text in found(catalog) if file == "big.yaml"), found(catalog)


def test_wrong_entries_of_a_list_are_named_and_not_the_list_too(catalog: Path) -> None:
    (catalog / "marts" / "base" / "big.yaml").write_text(BIG_YAML.replace("{name: ", "{sensitivity: public, name: "), encoding="utf-8")
    problems = [problem for file, _, problem in found(catalog) if file == "big.yaml"]
    assert problems == ["'public' is not allowed for 'sensitivity'"] * 2


def test_a_more_sensitive_item_is_not_passed_on_by_the_way(catalog: Path) -> None:
    path = catalog / "marts" / "base" / "totals.yaml"
    path.write_text(TOTALS_YAML.replace("element: remark}", "type: text}"), encoding="utf-8")
    elements = catalog / "standards" / "elements.yaml"
    text = elements.read_text(encoding="utf-8")
    head, _, rest = text.partition("\nremark:")
    elements.write_text(head + "\nremark:" + rest.replace("sensitivity: L1", "sensitivity: L3", 1), encoding="utf-8")
    findings = found(catalog)
    assert any("column name is L1, but shows registry_bureau.people.name" in problem for _, _, problem in findings), findings
    path.write_text(TOTALS_YAML.replace("element: remark}", "type: text, sensitivity: L1}"), encoding="utf-8")
    assert not [problem for file, _, problem in found(catalog) if file == "totals.yaml"]


def test_a_mart_without_sql_and_sql_without_a_mart_are_named(catalog: Path) -> None:
    (catalog / "marts" / "base" / "big.sql").rename(catalog / "marts" / "base" / "other.sql")
    assert {("big.yaml", "the mart has no SQL"), ("other.sql", "the SQL has no mart")} <= {(file, text) for file, _, text in found(catalog)}

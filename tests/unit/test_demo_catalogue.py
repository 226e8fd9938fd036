"""The demonstration and its catalogue fit: every layout is the catalogue's, and every rule that somebody declared is broken somewhere."""

from __future__ import annotations

from random import Random

import pytest

from districtlake.catalog.load import load_catalog
from districtlake.catalog.models import Catalog
from districtlake.demo import RESOURCES
from districtlake.demo.faults import FAULTS
from districtlake.demo.layouts import LATER_TABLES
from districtlake.demo.tables import TABLES
from districtlake.quality.derive import rules_of
from districtlake.settings import PROJECT_ROOT

LAYOUTS = {f"{table.agency}.{table.resource}": table for table in (*TABLES, *LATER_TABLES)}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog([PROJECT_ROOT / "catalog"])


@pytest.mark.parametrize("name", RESOURCES)
def test_headers_items_and_key_are_the_catalogues(name: str, catalog: Catalog) -> None:
    resource, layout = catalog.resources[name], LAYOUTS[name]
    assert {column.item for column in layout.columns} == set(resource.item_names)
    assert layout.key == resource.key
    for column in layout.columns:
        item = resource.item(column.item)
        assert column.header in (item.title, item.name, *item.aliases)


@pytest.mark.parametrize("name", RESOURCES)
def test_every_way_to_write_nothing_is_one_the_catalogue_knows(name: str, catalog: Catalog) -> None:
    resource = catalog.resources[name]
    for column in LAYOUTS[name].columns:
        item = resource.item(column.item)
        if item.required:
            continue
        try:
            spellings = {str(column.spell(None, Random(seed))).strip() for seed in range(60)}
        except (TypeError, AttributeError):
            spellings = {"None"}
        if any("None" in spelling for spelling in spellings):
            continue  # a column that the demonstration always fills
        assert spellings - {""} <= {*catalog.element_of(item).missing, *item.missing}, f"{name}.{item.name}"


@pytest.mark.parametrize("name", RESOURCES)
def test_every_declared_rule_is_broken_by_some_fault_and_every_fault_has_its_rule(name: str, catalog: Catalog) -> None:
    """That the generator really seeds each fault is asserted beside the generator."""
    resource = catalog.resources[name]
    rules = {rule.id: rule for rule in rules_of(resource, catalog)}
    kinds = FAULTS[resource.name]
    for kind in kinds:
        for rule in (kind.rule, *(rule for _, rule, _ in kind.also)):
            assert rules[rule].on_failure == kind.fate, f"{rule} of {name}"
    broken = {kind.rule for kind in kinds}
    # a fault is of a row: a rule on the delivery as a whole (freshness, its size) is broken by none
    declared = {check.rule_id for check in resource.checks if rules[check.rule_id].scope == "row"}
    implied = {id_ for id_ in rules if id_.endswith((".pattern", ".range", ".exists"))}
    assert declared | implied <= broken

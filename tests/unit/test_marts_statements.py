"""Reading a mart's SQL: which tables, which lines, where a column comes from, in which order marts are built."""

from __future__ import annotations

import polars as pl
import pytest

from districtlake.catalog.load import load_catalog
from districtlake.catalog.marts import Mart
from districtlake.marts.definition import circle_of, in_build_order, lineage_of, marts_behind
from districtlake.marts.statements import StatementError, parse
from districtlake.settings import PROJECT_ROOT
from districtlake.warehouse.statement import runnable

CATALOG = load_catalog([PROJECT_ROOT / "catalog"])


def mart(name: str, sql: str, *columns: str) -> Mart:
    fields = {
        "title": "表", "description": "一表", "owner": "office@district.example", "key": [columns[0]],
        "columns": [{"name": column, "title": column, "type": "text"} for column in columns],
    }  # fmt: skip
    return Mart.model_validate({"library": "subjects", "name": name, "sql": sql, **fields})


def test_tables_are_read_from_the_sql_and_not_from_comments_strings_or_ctes() -> None:
    statement = parse(
        """-- from a.comment
        with population as (select * from public_security_bureau.population)
        select 'from b.string' as s from population p
        left join (select 1 from "market_regulation"."penalties") x on true
        where exists (select 1 from SYSTEM.deliveries)"""
    )
    assert statement.sources == ("market_regulation.penalties", "public_security_bureau.population", "system.deliveries")
    assert [table.line for table in statement.tables] == [2, 4, 5]


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("select *\nfrom population", 2),
        ("delete from a.b", 1),
        ("select 1; select 2", 1),
        ("select *\n\nfrm a.b", 3),
        ("select * from memory.a.b", 1),
    ],
)
def test_what_is_no_single_select_over_named_tables_is_refused_with_its_line(sql: str, line: int) -> None:
    with pytest.raises(StatementError) as refused:
        parse(sql)
    assert refused.value.line == line


def test_the_schema_system_is_renamed_where_it_names_a_schema_and_nowhere_else() -> None:
    text = "select 'system.x', 系统.system.today, s.system from \"system\".today s, System.codes -- system.y\n"
    assert runnable(text) == "select 'system.x', 系统.system.today, s.system from system_.today s, system_.codes -- system.y\n"


def test_a_column_comes_from_the_source_columns_its_value_is_computed_from() -> None:
    sql = """
    with d as (select citizen_id, min(death_date) as day from public_security_bureau.deaths group by all)
    select p.citizen_id, d.day as died, p.name || '·' || s.name as label, '本区' as place
    from public_security_bureau.population p
    left join d using (citizen_id)
    left join system.codes s on s.code = p.sex
    """
    found = lineage_of(mart("m", sql, "citizen_id", "died", "label", "place"), CATALOG)
    people = "public_security_bureau.population"
    assert found == {
        "citizen_id": ((people, "citizen_id"),),
        "died": (("public_security_bureau.deaths", "death_date"),),
        "label": ((people, "name"), ("system.codes", "name")),
        "place": (),
    }


def test_a_union_by_name_is_followed_by_name() -> None:
    sql = """
    with every as (
        select uscc, name, address from market_regulation.business_entities
        union all by name
        select name, uscc from education_bureau.schools
        union all by name
        select address, uscc, classes as name from education_bureau.schools
    )
    select uscc, name, address from every
    """
    found = lineage_of(mart("m", sql, "uscc", "name", "address"), CATALOG)
    firms, schools = "market_regulation.business_entities", "education_bureau.schools"
    assert found == {
        "uscc": ((schools, "uscc"), (firms, "uscc")),
        "name": ((schools, "classes"), (schools, "name"), (firms, "name")),
        "address": ((schools, "address"), (firms, "address")),
    }


def test_marts_are_built_after_the_marts_they_read_and_a_circle_is_named() -> None:
    base = mart("base", "select '1' as k", "k")
    above = mart("above", "select k from subjects.base", "k")
    assert [one.name for one in in_build_order([above, base])] == ["base", "above"]
    first, second = mart("first", "select k from subjects.second", "k"), mart("second", "select k from subjects.first", "k")
    reader = mart("apart", "select k from subjects.first", "k")
    named = {one.id: one for one in (reader, first, second, base, above)}
    assert sorted(one.name for one in in_build_order(named.values())) == ["above", "apart", "base", "first", "second"]
    assert circle_of(first, named) == ("subjects.first", "subjects.second", "subjects.first")
    assert circle_of(reader, named) == () == circle_of(above, named)
    itself = mart("itself", "select k from subjects.itself", "k")
    assert circle_of(itself, {itself.id: itself}) == ("subjects.itself", "subjects.itself")


def test_a_resource_leads_to_the_marts_that_rest_on_it_through_others_too() -> None:
    behind = marts_behind(CATALOG)
    assert {"population.persons", "population.households", "geography.streets"} <= set(behind["public_security_bureau.population"])
    assert "credit.entities" in behind["market_regulation.penalties"]
    assert all(set(names) <= set(CATALOG.marts) for names in behind.values())


@pytest.mark.parametrize("name", sorted(CATALOG.marts))
def test_every_shipped_mart_is_described_and_its_columns_have_an_origin(name: str) -> None:
    entry = CATALOG.marts[name]
    assert len(entry.description) >= 10
    lineage = lineage_of(entry, CATALOG)
    known = [column for column, origins in lineage.items() if origins]
    assert len(known) >= len(entry.columns) / 2, f"lineage of {name} is known for {known} only"
    for origins in lineage.values():
        for source, column in origins:
            from districtlake.marts.definition import source_schema

            schema = source_schema(source, CATALOG)
            assert isinstance(schema, pl.Schema)
            assert column in schema, f"{name}: {source} has no column {column}"

"""The cross-checks of marts for ``districtlake catalog check``: each finding names the SQL file and the line, or the key in the YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb
import polars as pl
from sqlglot import exp

from districtlake.catalog.check import Finding
from districtlake.catalog.load import Loaded
from districtlake.catalog.marts import Mart
from districtlake.catalog.model_faults import close_to
from districtlake.catalog.models import Catalog
from districtlake.marts.definition import (
    circle_of,
    column_type,
    in_build_order,
    lineage_of,
    mart_schema,
    sensitivity_of,
    source_schema,
    sources_of,
    statement_of,
)
from districtlake.marts.rules import mart_rules
from districtlake.marts.sources import given_schema
from districtlake.marts.statements import Statement, StatementError
from districtlake.marts.system import SYSTEM_TABLES
from districtlake.marts.translation import obstacles_of
from districtlake.settings import Engine
from districtlake.warehouse.statement import duck_words

_UNREPEATABLE = (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.Rand, exp.Uuid)


def check_marts(loaded: Loaded) -> list[Finding]:
    """Every finding on the marts of a loaded catalogue."""
    findings: list[Finding] = []
    for mart in sorted(loaded.catalog.marts.values(), key=lambda one: one.id):
        findings.extend(_mart(mart, loaded.catalog))
    told = set[str]()
    for mart in in_build_order(loaded.catalog.marts.values()):
        if (circle := circle_of(mart, loaded.catalog.marts)) and mart.id not in told:
            told |= set(circle)
            findings.append(
                Finding(
                    mart.sql_file, "", f"marts read each other in a circle: {' → '.join(circle)}", "Let one of them read the resources."
                )
            )
    for library in loaded.catalog.libraries.values():
        if not any(mart.library == library.id for mart in loaded.catalog.marts.values()):
            remedy = "Add a mart below its folder, or delete the library."
            findings.append(Finding(loaded.files["library", library.id], library.id, "the library has no mart", remedy, "warning"))
    return findings


def _mart(mart: Mart, catalog: Catalog) -> Iterator[Finding]:
    try:
        statement = statement_of(mart.sql)
    except StatementError as error:
        yield Finding(mart.sql_file, f"line {error.line}" if error.line else "", error.message.rstrip("."), error.hint)
        return
    unknown = list(_unknown_sources(mart, statement, catalog))
    yield from unknown
    yield from _unrepeatable(mart, statement)
    yield from not_portable(statement.text, mart.sql_file, mart.engine)
    yield from _incremental(mart, catalog)
    yield from _rules(mart)
    if not unknown:
        yield from _columns(mart, statement, catalog)
        yield from _sensitivity(mart, catalog)


def _unknown_sources(mart: Mart, statement: Statement, catalog: Catalog) -> Iterator[Finding]:
    known = [*catalog.resources, *catalog.marts, *(f"system.{name}" for name in SYSTEM_TABLES)]
    for table in statement.tables:
        if source_schema(table.id, catalog) is None:
            hint = f"{close_to(table.id, known)}Write agency.resource, library.mart or system.table."
            yield Finding(mart.sql_file, f"line {table.line}", f"there is no table '{table.id}'", hint)


def _unrepeatable(mart: Mart, statement: Statement) -> Iterator[Finding]:
    """A build must be repeatable from its pinned inputs."""
    for node in statement.tree.find_all(*_UNREPEATABLE):
        problem = f"{node.sql(dialect='duckdb')} gives another value each time, so the build could not be repeated"
        remedy = "Take the day from system.today (select today from system.today)."
        yield Finding(mart.sql_file, f"line {_line(node)}".removesuffix("line 0"), problem, remedy)


def not_portable(sql: str, file: str, engine: Engine | None, place: str = "") -> Iterator[Finding]:
    """What Spark could not carry: an error where ``engine`` asks for Spark, a warning where only the settings may, nothing where it excludes it."""
    if engine == "embedded":
        return
    for one in obstacles_of(sql):
        where = place or (f"line {one.line}" if one.line else "")
        remedy = one.remedy if engine == "spark" else f"{one.remedy} Or write 'engine: embedded'."
        yield Finding(file, where, f"the Spark engine cannot carry it: {one.problem}", remedy, "error" if engine == "spark" else "warning")


def _line(node: exp.Expr) -> int:
    return next((int(part.meta["line"]) for part in node.walk() if "line" in part.meta), 0)


def _incremental(mart: Mart, catalog: Catalog) -> Iterator[Finding]:
    if mart.incremental is None:
        return
    read = sources_of(mart)
    schema = mart_schema(mart, catalog)
    for source, mappings in mart.incremental.changes.items():
        place = f"incremental.changes.{source}"
        columns = source_schema(source, catalog)
        if source not in read:
            yield Finding(mart.file, place, "the SQL does not read this table", f"{close_to(source, read)}Delete the entry.")
        elif source.startswith("system."):
            yield Finding(mart.file, place, "a system table has no change feed", "Delete the entry: its changes make a full build.")
        elif columns is not None:
            for name, key in (pair for mapping in mappings for pair in mapping.items()):
                if name not in columns:
                    yield Finding(
                        mart.file, place, f"{source} has no column '{name}'", f"{close_to(name, columns)}".strip() or "Correct it."
                    )
                elif columns[name] != schema[key]:
                    problem = f"{source}.{name} is {columns[name]}, but the key column {key} is {schema[key]}"
                    yield Finding(mart.file, place, problem, "Map a column of the same type.")


def _rules(mart: Mart) -> Iterator[Finding]:
    ids = [check.rule_id for check in mart.checks]
    for rule in mart_rules(mart):
        if rule.id not in ids:
            yield Finding(mart.file, "checks", f"two checks have the id '{rule.id.rpartition('_')[0]}'", "Give each an 'id' of its own.")


# what the SQL gives ------------------------------------------------------------------------------------------------
def _columns(mart: Mart, statement: Statement, catalog: Catalog) -> Iterator[Finding]:
    try:
        given = given_schema(statement, catalog)
    except duckdb.Error as error:
        line = re.search(r"^LINE (\d+):", str(error), flags=re.M)
        yield Finding(mart.sql_file, f"line {line.group(1)}" if line else "", duck_words(error).rstrip("."), _remedy(str(error)))
        return
    for column in mart.columns:
        if column.name not in given:
            problem = f"column {column.name} is declared, but the SQL does not give it"
            yield Finding(mart.file, f"columns[{column.name}]", problem, f"{close_to(column.name, given)}It gives {', '.join(given)}.")
            continue
        declared = column_type(column, catalog)
        if not fits(given[column.name], declared):
            problem = f"column {column.name} is declared {declared}, but the SQL gives {given[column.name]}"
            yield Finding(mart.file, f"columns[{column.name}]", problem, f"Cast it in {mart.sql_file}, or declare another type.")
    for name in given:
        if name not in mart.column_names:
            remedy = f"Declare it in {mart.file}, or leave it out of the SELECT."
            yield Finding(mart.sql_file, "", f"the SQL gives column '{name}', which is not declared", remedy)


def _sensitivity(mart: Mart, catalog: Catalog) -> Iterator[Finding]:
    """A text or date that comes from a more sensitive item keeps its level; lowering it is a person's decision, written down."""
    schema = mart_schema(mart, catalog)
    for name, origins in lineage_of(mart, catalog).items():
        column = mart.column(name)
        if column.sensitivity is not None or not (schema[name] == pl.String or schema[name].is_temporal()):
            continue
        level = sensitivity_of(column, catalog)
        for source, origin in origins:
            above = _level(source, origin, catalog)
            if above > level:
                problem = f"column {name} is {level}, but shows {source}.{origin}, which is {above}"
                remedy = f"Write 'sensitivity: {above}', or a lower one deliberately where the value no longer tells as much."
                yield Finding(mart.file, f"columns[{name}]", problem, remedy)
                break


def _level(source: str, column: str, catalog: Catalog) -> str:
    if source in catalog.marts and column in catalog.marts[source].column_names:
        return sensitivity_of(catalog.marts[source].column(column), catalog)
    resource = catalog.resources.get(source)
    return catalog.sensitivity_of(resource.item(column)) if resource is not None and column in resource.item_names else "L1"


def fits(given: pl.DataType, declared: pl.DataType) -> bool:
    """Whether values of one type can be stored as the other without bending them (numbers are checked value by value when built)."""
    if given == declared or given == pl.Null:
        return True
    if declared.is_numeric():
        return given.is_numeric() and (not declared.is_integer() or not given.is_float())
    if declared.is_temporal() and given.is_temporal():
        return isinstance(given, pl.Datetime) == isinstance(declared, pl.Datetime)
    return isinstance(given, (pl.String, pl.Enum, pl.Categorical)) and declared == pl.String


def _remedy(words: str) -> str:
    near = re.search(r"Candidate bindings: (.+)", words)
    return f"Columns near it: {near.group(1)}." if near else "Correct the SQL at that line."

"""What a mart's SQL says, read and not declared: its sources, the types it gives, where each column comes from, and in which order marts are built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import polars as pl

from districtlake.catalog.marts import Mart, MartColumn
from districtlake.catalog.models import Catalog
from districtlake.marts.set_operations import by_position
from districtlake.marts.statements import Statement, parse
from districtlake.marts.system import SYSTEM_TABLES
from districtlake.warehouse.tables import schema_of

ENGINE = 1
"""Raised when the engine would make another table of the same SQL and the same inputs: every mart is then built anew."""

_TYPES: dict[str, Any] = {
    "text": pl.String(), "integer": pl.Int64(), "number": pl.Float64(), "date": pl.Date(), "timestamp": pl.Datetime("us", "UTC"),
    "boolean": pl.Boolean(),
}  # fmt: skip

Origin = tuple[str, str]
"""(source, column): where a column's value comes from."""


def column_type(column: MartColumn, catalog: Catalog) -> pl.DataType:
    """The Polars type a column is stored with: its element's, or the declared one."""
    if column.element is None:
        return _TYPES[str(column.type)]
    from districtlake.standards.kinds import KINDS

    element = catalog.elements[column.element]
    return KINDS[element.kind].dtype(element)


def sensitivity_of(column: MartColumn, catalog: Catalog) -> str:
    """The column's own level, else its element's, else L1 (a count, a day, a name of a street)."""
    if column.sensitivity is not None:
        return column.sensitivity
    return catalog.elements[column.element].sensitivity if column.element is not None else "L1"


def mart_schema(mart: Mart, catalog: Catalog) -> pl.Schema:
    """Columns and types of the mart's table, in the declared order."""
    return pl.Schema({column.name: column_type(column, catalog) for column in mart.columns})


def source_schema(source: str, catalog: Catalog) -> pl.Schema | None:
    """Columns and types of ``agency.resource``, ``library.mart`` or ``system.table``; None when there is no such table."""
    schema, _, name = source.partition(".")
    if schema == "system":
        return SYSTEM_TABLES[name].schema if name in SYSTEM_TABLES else None
    if source in catalog.marts:
        return mart_schema(catalog.marts[source], catalog)
    if source in catalog.resources:
        return schema_of("warehouse", catalog.resources[source], catalog)
    return None


@lru_cache(maxsize=512)
def statement_of(sql: str) -> Statement:
    """The parsed SQL, once per text and process."""
    return parse(sql)


def sources_of(mart: Mart) -> tuple[str, ...]:
    """The tables the mart reads. Raises ``StatementError`` when its SQL cannot be parsed."""
    return statement_of(mart.sql).sources


def definition_hash(mart: Mart, catalog: Catalog) -> str:
    """Changes when the table would come out otherwise, or be judged otherwise, from the same inputs."""
    said = {
        "engine": ENGINE, "sql": mart.sql, "key": mart.key, "checks": [check.model_dump(mode="json") for check in mart.checks],
        "columns": [(name, str(dtype)) for name, dtype in mart_schema(mart, catalog).items()],
    }  # fmt: skip
    return hashlib.blake2b(json.dumps(said, sort_keys=True, ensure_ascii=False).encode(), digest_size=8).hexdigest()


# order and readers -------------------------------------------------------------------------------------------------
def in_build_order(marts: Iterable[Mart]) -> list[Mart]:
    """Marts after the marts they read. Where they read each other in a circle any of them comes first: ``circle_of`` tells which must not be built."""
    named = {mart.id: mart for mart in marts}
    ordered: dict[str, Mart | None] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        ordered[name] = None  # on the way: a circle ends here
        for source in _sources_or_none(named[name]):
            if source in named:
                visit(source)
        del ordered[name]
        ordered[name] = named[name]

    for name in sorted(named):
        visit(name)
    return [mart for mart in ordered.values() if mart is not None]


def circle_of(mart: Mart, marts: Mapping[str, Mart]) -> tuple[str, ...]:
    """The way from a mart back to itself through what it reads, ``("a", "b", "a")``, by the fewest steps; empty: it reads itself in no way."""
    trails: list[tuple[str, ...]] = [(mart.id,)]
    seen = set[str]()
    while trails:
        trail = trails.pop(0)
        for source in _sources_or_none(marts[trail[-1]]):
            if source == mart.id:
                return (*trail, source)
            if source in marts and source not in seen:
                seen.add(source)
                trails.append((*trail, source))
    return ()


def _sources_or_none(mart: Mart) -> tuple[str, ...]:
    from districtlake.marts.statements import StatementError

    try:
        return sources_of(mart)
    except StatementError:  # reported when it is checked and when it is built
        return ()


def resources_behind(mart: Mart, catalog: Catalog, *, with_unknown: bool = False) -> tuple[str, ...]:
    """The resources a mart rests on, through other marts too; sorted.

    Args:
        with_unknown: those, too, that the catalogue does not know: an entry that is broken is left out of it, and its marts lack it all the same.
    """
    found: set[str] = set()
    todo, seen = [mart.id], set[str]()
    while todo:
        name = todo.pop()
        if name in seen or name not in catalog.marts:
            continue
        seen.add(name)
        for source in _sources_or_none(catalog.marts[name]):
            if source in catalog.resources or (with_unknown and source not in catalog.marts and not source.startswith("system.")):
                found.add(source)
            todo.append(source)
    return tuple(sorted(found))


def marts_behind(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """Resource -> the marts that rest on it, directly or through other marts: what is missing when it is missing."""
    readers: dict[str, list[str]] = {}
    for mart in sorted(catalog.marts.values(), key=lambda one: one.id):
        for resource in resources_behind(mart, catalog, with_unknown=True):
            readers.setdefault(resource, []).append(mart.id)
    return {resource: tuple(names) for resource, names in sorted(readers.items())}


# lineage -----------------------------------------------------------------------------------------------------------


def lineage_of(mart: Mart, catalog: Catalog) -> dict[str, tuple[Origin, ...]]:
    """Where each declared column comes from: (source, column) pairs, sorted. A column whose origin cannot be told has none.

    What only filters or joins rows is no origin of a value and is not named; ``sources_of`` names every table read.
    """
    schema: dict[str, dict[str, str]] = {}
    for source in sources_of(mart):
        columns = source_schema(source, catalog)
        agency, _, name = source.partition(".")
        schema.setdefault(agency, {})[name] = dict.fromkeys(columns or {}, "text")  # type: ignore[assignment]
    found = _lineage(mart.sql, json.dumps(schema, sort_keys=True))
    return {name: found.get(name, ()) for name in mart.column_names}


@lru_cache(maxsize=512)
def _lineage(sql: str, schema_json: str) -> dict[str, tuple[Origin, ...]]:
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    schema = json.loads(schema_json)
    try:
        written = statement_of(sql).tree.copy()
        for query in [*written.find_all(exp.SetOperation)][::-1]:  # the innermost first
            by_position(query)
        tree = qualify(
            written, schema=schema, dialect="duckdb", quote_identifiers=False, identify=False,
            validate_qualify_columns=False,
        )  # fmt: skip
        scope = build_scope(tree)
    except SqlglotError:
        return {}
    found: dict[str, tuple[Origin, ...]] = {}
    for selected in tree.selects:
        try:
            node: Any = lineage(selected.alias_or_name, tree, schema, scope=scope, dialect="duckdb", copy=False)
        except (SqlglotError, ValueError):
            continue
        origins = {
            (f"{leaf.source.db}.{leaf.source.name}".lower(), leaf.name.rpartition(".")[2].strip('"').lower())
            for leaf in node.walk()
            if not leaf.downstream and isinstance(leaf.source, exp.Table) and leaf.source.db
        }
        found[selected.alias_or_name.lower()] = tuple(sorted(origins))
    return found

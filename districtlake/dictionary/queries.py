"""Sample queries of a table: those the catalogue gives by hand, and those its columns suggest. All give aggregates, never rows of persons."""

from __future__ import annotations

from collections.abc import Iterator, Set

from districtlake.catalog.models import Catalog, Mart, Resource, SampleQuery
from districtlake.marts.definition import column_type, sensitivity_of
from districtlake.standards.kinds import KINDS

_MOST_CODES = 200
"""A longer list (industries, divisions) makes no first look."""


def queries_of(resource: Resource, catalog: Catalog, known: Set[str]) -> list[dict[str, str]]:
    """``title``, ``sql`` and ``origin`` (``catalogue`` or ``generated``).

    Args:
        known: tables that exist now; a join with one that was never delivered is no good example.
    """
    return [*_written(resource.queries), *_generated(resource, catalog, known)]


def queries_of_mart(mart: Mart, catalog: Catalog) -> list[dict[str, str]]:
    """Those of its YAML, then its size and, where its columns suggest one, a grouping. Only public columns are grouped by."""
    found = _written(mart.queries)
    found.append(query("现有多少行", f"select count(*) as rows\nfrom {mart.id}"))
    kinds = {column.name: column_type(column, catalog) for column in mart.columns}
    measures = [column for column in mart.columns if kinds[column.name].is_numeric() and column.name not in mart.key]
    groups = [
        column
        for column in mart.columns
        if not kinds[column.name].is_numeric() and not kinds[column.name].is_nested() and sensitivity_of(column, catalog) == "L1"
        and (len(mart.key) > 1 or column.name not in mart.key)
    ]  # fmt: skip
    if measures and groups:
        group, measure = groups[0], measures[0]
        sql = f"select {group.name}, sum({measure.name}) as {measure.name}, count(*) as rows\nfrom {mart.id}\ngroup by {group.name}\norder by {group.name}\nlimit 20"
        found.append(query(f"按{group.title}汇总{measure.title}", sql))
    return found


def _written(queries: tuple[SampleQuery, ...]) -> list[dict[str, str]]:
    return [{"title": one.title, "sql": one.sql.strip(), "origin": "catalogue"} for one in queries]


def query(title: str, sql: str) -> dict[str, str]:
    """One that was not written by hand."""
    return {"title": title, "sql": sql, "origin": "generated"}


def _generated(resource: Resource, catalog: Catalog, known: Set[str]) -> Iterator[dict[str, str]]:
    table = resource.id
    yield query("现有多少行，其中多少行陈旧", f"select count(*) as rows, count(*) filter (where _stale) as stale\nfrom {table}")
    yield from _by_code(resource, catalog)
    yield from _by_date(resource, catalog)
    yield from _references(resource, known)
    yield query(
        "每天有多少行生效（含已被替换的版本）",
        f"select cast(_valid_from + interval 8 hours as date) as valid_from, count(*) as versions\nfrom {table}__history\n"
        "group by all\norder by valid_from desc\nlimit 10",
    )


def _by_code(resource: Resource, catalog: Catalog) -> Iterator[dict[str, str]]:
    for item in resource.items:
        codes = catalog.code_list_of(item)
        if codes is not None and len(codes.codes) <= _MOST_CODES and not item.volatile:
            sql = f"select {item.name}, count(*) as rows\nfrom {resource.id}\ngroup by {item.name}\norder by rows desc\nlimit 20"
            yield query(f"按{item.title}计数", sql)
            return


def _by_date(resource: Resource, catalog: Catalog) -> Iterator[dict[str, str]]:
    for item in resource.items:
        element = catalog.element_of(item)
        if KINDS[element.kind].dtype(element).is_temporal() and not item.volatile:
            sql = f"select year({item.name}) as year, count(*) as rows\nfrom {resource.id}\ngroup by year\norder by year desc\nlimit 10"
            yield query(f"按{item.title}的年份计数", sql)
            return


def _references(resource: Resource, known: Set[str]) -> Iterator[dict[str, str]]:
    for item in resource.items:
        other = item.references
        if other is not None and other.resource in known and other.resource != resource.id:
            sql = (
                f"select count(a.{item.name}) as rows, count(b.{other.item}) as found\nfrom {resource.id} a\n"
                f"left join (select distinct {other.item} from {other.resource}) b on a.{item.name} = b.{other.item}"
            )
            yield query(f"{item.title}有多少在 {other.resource} 中", sql)

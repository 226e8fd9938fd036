"""Sample queries of a table: those the catalogue gives by hand, and those its columns suggest. All give aggregates, never rows of persons."""

from __future__ import annotations

from collections.abc import Iterator, Set

from districtlake.catalog.models import Catalog, Mart, Resource, SampleQuery
from districtlake.standards.kinds import KINDS

_MOST_CODES = 200
"""A longer list (industries, divisions) makes no first look."""


def queries_of(resource: Resource, catalog: Catalog, known: Set[str]) -> list[dict[str, str]]:
    """``title``, ``sql`` and ``origin`` (``catalogue`` or ``generated``).

    Args:
        known: tables that exist now; a join with one that was never delivered is no good example.
    """
    return [*_written(resource.queries), *_generated(resource, catalog, known)]


def queries_of_mart(mart: Mart) -> list[dict[str, str]]:
    """Those of its YAML, then its size and, where it has one, its first grouping."""
    found = _written(mart.queries)
    found.append(_query("现有多少行", f"select count(*) as rows\nfrom {mart.id}"))
    measures = [column for column in mart.columns if column.type in ("integer", "number") and column.name not in mart.key]
    groups = [
        column
        for column in mart.columns
        if column.name in mart.key and column.type in ("text", "date") and (column.sensitivity or "L1") == "L1"
    ]
    if measures and groups:
        group, measure = groups[0], measures[0]
        sql = f"select {group.name}, sum({measure.name}) as {measure.name}\nfrom {mart.id}\ngroup by {group.name}\norder by {group.name}\nlimit 20"
        found.append(_query(f"按{group.title}汇总{measure.title}", sql))
    return found


def _written(queries: tuple[SampleQuery, ...]) -> list[dict[str, str]]:
    return [{"title": query.title, "sql": query.sql.strip(), "origin": "catalogue"} for query in queries]


def _query(title: str, sql: str) -> dict[str, str]:
    return {"title": title, "sql": sql, "origin": "generated"}


def _generated(resource: Resource, catalog: Catalog, known: Set[str]) -> Iterator[dict[str, str]]:
    table = resource.id
    yield _query("现有多少行，其中多少行陈旧", f"select count(*) as rows, count(*) filter (where _stale) as stale\nfrom {table}")
    yield from _by_code(resource, catalog)
    yield from _by_date(resource, catalog)
    yield from _references(resource, known)
    yield _query(
        "每天有多少行生效（含已被替换的版本）",
        f"select cast(_valid_from + interval 8 hours as date) as valid_from, count(*) as versions\nfrom {table}__history\n"
        "group by all\norder by valid_from desc\nlimit 10",
    )


def _by_code(resource: Resource, catalog: Catalog) -> Iterator[dict[str, str]]:
    for item in resource.items:
        codes = catalog.code_list_of(item)
        if codes is not None and len(codes.codes) <= _MOST_CODES and not item.volatile:
            sql = f"select {item.name}, count(*) as rows\nfrom {resource.id}\ngroup by {item.name}\norder by rows desc\nlimit 20"
            yield _query(f"按{item.title}计数", sql)
            return


def _by_date(resource: Resource, catalog: Catalog) -> Iterator[dict[str, str]]:
    for item in resource.items:
        element = catalog.element_of(item)
        if KINDS[element.kind].dtype(element).is_temporal() and not item.volatile:
            sql = f"select year({item.name}) as year, count(*) as rows\nfrom {resource.id}\ngroup by year\norder by year desc\nlimit 10"
            yield _query(f"按{item.title}的年份计数", sql)
            return


def _references(resource: Resource, known: Set[str]) -> Iterator[dict[str, str]]:
    for item in resource.items:
        other = item.references
        if other is not None and other.resource in known and other.resource != resource.id:
            sql = (
                f"select count(a.{item.name}) as rows, count(b.{other.item}) as found\nfrom {resource.id} a\n"
                f"left join (select distinct {other.item} from {other.resource}) b on a.{item.name} = b.{other.item}"
            )
            yield _query(f"{item.title}有多少在 {other.resource} 中", sql)

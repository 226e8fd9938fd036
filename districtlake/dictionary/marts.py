"""The dictionary's entries for what is computed: marts and system tables. Shaped as those of resources; what does not apply is empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from districtlake.analysis.ask import open_session
from districtlake.catalog.models import DIMENSION_TITLES, Mart
from districtlake.delivery.district import District
from districtlake.dictionary.queries import queries_of_mart, query
from districtlake.dictionary.words import rule_entry, sensitivity, sql_type
from districtlake.marts import record
from districtlake.marts.definition import column_type, lineage_of, sensitivity_of, sources_of
from districtlake.marts.rules import mart_rules
from districtlake.marts.statements import StatementError
from districtlake.marts.system import SYSTEM_TABLES
from districtlake.quality.results import by_dimension

_NOT_OF_RESOURCES: dict[str, Any] = {"freshness": None, "changes": [], "sample": None, "quality": None, "counts": None, "rules": []}


def readers_of(district: District) -> dict[str, list[str]]:
    """Table -> marts that read it, from their SQL."""
    found: dict[str, list[str]] = {}
    for mart in district.catalog.marts.values():
        for source in _sources(mart):
            found.setdefault(source, []).append(mart.id)
    return found


def _sources(mart: Mart) -> tuple[str, ...]:
    try:
        return sources_of(mart)
    except StatementError:  # ``catalog check`` says what is wrong with it
        return ()


def mart_entry(district: District, mart: Mart, known: set[str], readers: Mapping[str, list[str]]) -> dict[str, Any]:
    catalog = district.catalog
    lineage = lineage_of(mart, catalog) if _sources(mart) else {}
    columns = []
    for column in mart.columns:
        element = catalog.elements[column.element] if column.element else None
        columns.append(
            {
                **_column(column.name, column.title, column_type(column, catalog), column.name in mart.key),
                "element": column.element, "element_title": element.name if element else "", "format": element.format if element else "",
                "definition": column.description or (element.definition if element else ""), "unit": column.unit or "",
                "codes": element.codes if element else None, **sensitivity(sensitivity_of(column, catalog)),
                "from": [f"{source}.{name}" for source, name in lineage.get(column.name, ())],
            }
        )  # fmt: skip
    return {
        **_NOT_OF_RESOURCES, "id": mart.id, "schema": mart.library, "name": mart.name, "kind": "mart", "title": mart.title,
        "description": mart.description, "library": catalog.libraries[mart.library].name, "owner": mart.owner, "key": list(mart.key),
        "columns": columns, "rules": [rule_entry(rule) for rule in mart_rules(mart)], "sql": mart.sql,
        "counts": {"rows": _rows(district, mart.id)} if mart.id in known else None, **_built(district, mart),
        "lineage": {"reads": list(_sources(mart)), "read_by": readers.get(mart.id, [])}, "queries": queries_of_mart(mart, catalog),
    }  # fmt: skip


def _built(district: District, mart: Mart) -> dict[str, Any]:
    """How the newest build went, and what its checks said."""
    good = record.latest(district.lake)[1].get(mart.id)
    if good is None:
        return {"build": None}
    results = record.results(district.lake).filter(pl.col("_delivery") == good.id)
    dimensions = [
        {"dimension": d["dimension"], "title": DIMENSION_TITLES[d["dimension"]], "A": int(d["passed"] or 0), "B": int(d["evaluated"] or 0),
         "rules": d["rules"], "failed_rules": d["failed_rules"], "not_evaluated": d["not_evaluated"]}
        for d in by_dimension(results).to_dicts()
    ]  # fmt: skip
    failed = {row["rule"]: row["failed"] for row in results.filter(pl.col("outcome") == "failed").to_dicts()}
    return {
        "build": {"finished_at": good.finished_at, "outcome": good.outcome, "mode": good.mode, "stale_sources": dict(good.stale_sources)},
        "quality": {"delivery": good.id, "validated_at": good.finished_at, "dimensions": dimensions, "failed": failed}
        if dimensions
        else None,
    }


def system_entries(district: District, readers: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """The system tables: what the district knows about its own data."""
    entries = []
    for name, table in SYSTEM_TABLES.items():
        id_ = f"system.{name}"
        entries.append(
            {
                **_NOT_OF_RESOURCES, "id": id_, "schema": "system", "name": name, "kind": "system", "title": table.title,
                "description": f"{table.title}：数据仓关于自身的记录，只有编号、计数、状态和日期，没有任何一行业务数据的内容。", "library": "系统表",
                "owner": "", "key": [], "counts": {"rows": _rows(district, id_)},
                "columns": [
                    {**_column(column, title, dtype, False), "element": None, "element_title": "", "format": "", "definition": "", "unit": "",
                     "codes": None, **sensitivity("L1"), "from": []}
                    for column, (dtype, title) in table.columns.items()
                ],
                "lineage": {"reads": [], "read_by": readers.get(id_, [])}, "queries": [query("现有多少行", f"select count(*) as rows\nfrom {id_}")],
            }
        )  # fmt: skip
    return entries


def _column(name: str, title: str, dtype: Any, key: bool) -> dict[str, Any]:
    kind = dtype if isinstance(dtype, pl.DataType) else dtype()
    return {"name": name, "title": title, "type": sql_type(kind), "required": False, "key": key, "references": None}


def _rows(district: District, table: str) -> int:
    with open_session(district, f"select count(*) as n from {table}") as session:
        return int(json.loads(str(session.table()["n"][0].as_py())))

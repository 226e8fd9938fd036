"""The dictionary as data: one JSON document about every table of the district."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from deltalake import DeltaTable

from districtlake.analysis.export import json_value
from districtlake.analysis.relations import relations_of
from districtlake.analysis.samples import masked_sample
from districtlake.catalog.models import DIMENSION_TITLES, Catalog, CodeList, Item, Resource
from districtlake.clock import local_date
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.dictionary.marts import mart_entry, readers_of, system_entries
from districtlake.dictionary.queries import queries_of
from districtlake.dictionary.words import MODES, rule_entry, sensitivity, sql_type
from districtlake.policy.cycles import CYCLE_TITLES
from districtlake.quality.derive import rules_of
from districtlake.quality.results import by_dimension
from districtlake.standards.kinds import KINDS
from districtlake.supervision.timeliness import STATE_TITLES, timeliness_frame
from districtlake.warehouse.tables import address, scan_table

VERSION = 1
"""Of the document's shape; grows when a key changes its meaning or goes."""
SHOWN_DELIVERIES = 12
SAMPLE_ROWS = 3
_SAMPLED = "unconditional"
"""Samples, though masked, are shown of what is shared without conditions; the dictionary is a file that travels (ADR 0008)."""


def dictionary(district: District) -> dict[str, Any]:
    """Everything about every table; JSON-safe. Holds counts and descriptions, and no row but masked samples."""
    catalog = district.catalog
    known = {name for name, relation in relations_of(district).items() if relation.exists()}
    readers = readers_of(district)
    freshness = {row["resource"]: row for row in timeliness_frame(district).to_dicts()}
    tables = [_resource(district, entry, known, readers, freshness.get(entry.id)) for entry in catalog.resources.values()]
    tables += [mart_entry(district, mart, known, readers) for mart in catalog.marts.values()]
    tables += system_entries(district, readers)
    used = {column["codes"] for table in tables for column in table["columns"] if column.get("codes")}
    document = {
        "version": VERSION,
        "generated_at": district.clock.now(),
        "note": district.policy.note,
        "policy": {"id": district.policy.id, "version": district.policy.version, "name": district.policy.name},
        "groups": _groups(catalog, tables),
        "tables": tables,
        "code_lists": {name: _code_list(catalog.code_lists[name]) for name in sorted(used)},
    }
    safe: dict[str, Any] = json_value(document)
    return safe


def _groups(catalog: Catalog, tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Agencies, then libraries, then the system tables, each with its tables; what holds nothing is left out."""
    named = {name: ("agency", agency.name, agency.contact or "") for name, agency in catalog.agencies.items()}
    named |= {name: ("library", library.name, library.description) for name, library in catalog.libraries.items()}
    held: dict[str, list[str]] = {}
    for table in tables:
        held.setdefault(table["schema"], []).append(table["id"])
    named["system"] = ("system", "系统表", "")
    order = sorted(named, key=lambda name: ("agency", "library", "system").index(named[name][0]))
    return [
        {"id": name, "kind": named[name][0], "title": named[name][1], "description": named[name][2], "tables": held[name]}
        for name in order
        if name in held
    ]


def _resource(
    district: District, entry: Resource, known: set[str], readers: Mapping[str, list[str]], freshness: dict[str, Any] | None
) -> dict[str, Any]:
    catalog, policy = district.catalog, district.policy
    agency = catalog.agencies[entry.agency]
    there = entry.id in known
    return {
        "id": entry.id, "schema": entry.agency, "name": entry.name, "kind": "resource", "title": entry.title,
        "description": entry.description or entry.business, "code": entry.code, "agency": agency.name,
        "owner": entry.owner or agency.contact or "", "business": entry.business, "system": entry.system,
        "storage_format": entry.storage_format, "mode": entry.source.mode, "mode_title": MODES[entry.source.mode],
        "update_cycle": entry.update_cycle, "update_cycle_title": CYCLE_TITLES[entry.update_cycle], "sharing_term": str(entry.sharing_term),
        "provision": [policy.provision_modes.values[one] for one in entry.provision],
        "sharing": {
            "class": entry.sharing.class_, "title": policy.sharing_classes.values[entry.sharing.class_], "reason": entry.sharing.reason,
            "legal_basis": entry.sharing.legal_basis, "scenarios": list(entry.sharing.scenarios),
        },
        "opening": {
            "class": entry.opening.class_, "title": policy.opening_classes.values[entry.opening.class_], "reason": entry.opening.reason,
        },
        "key": list(entry.key),
        "columns": [_column(item, entry, catalog) for item in entry.items if not item.volatile],
        "rules": [rule_entry(rule) for rule in rules_of(entry, catalog)],
        "freshness": _freshness(freshness),
        "counts": _counts(district, entry) if there else None,
        "quality": _quality(district, entry) if there else None,
        "changes": _changes(district, entry),
        "lineage": {"reads": [], "read_by": readers.get(entry.id, [])},
        "queries": queries_of(entry, catalog, known),
        "sample": _sample(district, entry) if there and entry.sharing.class_ == _SAMPLED else None,
    }  # fmt: skip


def _column(item: Item, entry: Resource, catalog: Catalog) -> dict[str, Any]:
    element = catalog.element_of(item)
    level = catalog.sensitivity_of(item)
    return {
        "name": item.name, "title": item.title, "element": element.id, "element_title": element.name, "definition": element.definition,
        "type": sql_type(KINDS[element.kind].dtype(element)), "format": element.format, "unit": item.unit or element.unit or "",
        "codes": element.codes, **sensitivity(level), "required": item.required,
        "key": item.name in entry.key, "references": f"{item.references.resource}.{item.references.item}" if item.references else None,
        "from": [],
    }  # fmt: skip


def _freshness(row: dict[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    kept = ("state", "last_delivery", "last_data_date", "last_received_at", "due_date", "missed", "data_lag_days", "data_lagging")
    return {"state_title": STATE_TITLES[row["state"]], **{name: row[name] for name in kept}}


def _counts(district: District, entry: Resource) -> dict[str, int]:
    def rows(layer: str) -> int:
        if not DeltaTable.is_deltatable(str(address(district.lake, layer, entry.id))):
            return 0
        return int(scan_table(district.lake, layer, entry.id).select(pl.len()).collect().item())

    stale = int(scan_table(district.lake, "warehouse", entry.id).select(pl.col("_stale").sum()).collect().item() or 0)
    return {"rows": rows("warehouse"), "stale": stale, "ended_versions": rows("history"), "quarantine": rows("quarantine")}


def _quality(district: District, entry: Resource) -> dict[str, Any] | None:
    """A and B by dimension of the delivery judged last."""
    if not DeltaTable.is_deltatable(str(address(district.lake, "results", entry.id))):
        return None
    last = ledger.last_judged(district.store, entry.id)
    results = scan_table(district.lake, "results", entry.id).filter(pl.col("_delivery") == last).collect()
    if results.height == 0:
        return None
    dimensions = [
        {
            "dimension": row["dimension"], "title": DIMENSION_TITLES[row["dimension"]], "A": int(row["passed"] or 0),
            "B": int(row["evaluated"] or 0), "rules": row["rules"], "failed_rules": row["failed_rules"], "not_evaluated": row["not_evaluated"],
        }
        for row in by_dimension(results).to_dicts()
    ]  # fmt: skip
    order = list(DIMENSION_TITLES)
    return {
        "delivery": last,
        "validated_at": results["validated_at"].max(),
        "dimensions": sorted(dimensions, key=lambda row: order.index(row["dimension"])),
        "failed": {row["rule"]: row["failed"] for row in results.filter(pl.col("outcome") == "failed").to_dicts()},
    }


def _changes(district: District, entry: Resource) -> list[dict[str, Any]]:
    found = []
    for one in ledger.recent(district.store, entry.id, SHOWN_DELIVERIES):
        if one.state != "done" or one.counts is None:
            continue
        label = (one.data_date or local_date(one.received_at)).strftime("%m-%d") + ("*" if one.mode == "correction" else "")
        counts = {
            name: int(one.counts.get(name, 0)) for name in ("delivered", "inserted", "changed", "deleted", "unchanged", "quarantined")
        }
        found.append({"delivery": one.id, "file": one.file_name, "data_date": one.data_date, "mode": one.mode, "label": label, **counts})
    return found


def _sample(district: District, entry: Resource) -> dict[str, Any]:
    frame = masked_sample(district, entry.id, SAMPLE_ROWS)
    return {"columns": frame.columns, "rows": [list(row) for row in frame.rows()], "masked": True}


def _code_list(codes: CodeList) -> dict[str, Any]:
    return {"title": codes.name, "source": codes.source or "", "partial": codes.partial, "codes": dict(codes.codes)}

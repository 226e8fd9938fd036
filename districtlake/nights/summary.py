"""The nightly summary as data, from the tables of record (not from what the run said of itself)."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable
from sqlalchemy import func, select

from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.delivery.district import District
from districtlake.delivery.states import TITLES as STATES
from districtlake.store.tables import Delivery, Operation, Ticket
from districtlake.warehouse.tables import address, scan_table

CONSERVED = ("inserted", "changed", "unchanged", "duplicates", "quarantined", "held")


def nightly_summary(district: District, events: list[dict[str, Any]], *, since: datetime, seconds: float) -> dict[str, Any]:
    """What a run did and what now stands: deliveries, conservation, problems, tickets, packages, tables, notices, time."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_kind.setdefault(event["event"], []).append(event)
    received = by_kind.get("received", [{}])[-1]
    routed = by_kind.get("routed", [{}])[-1]
    finished = by_kind["finished"][-1]
    deliveries = _deliveries(district, since)
    totals = {name: sum(row["counts"].get(name, 0) for row in deliveries) for name in ("delivered", *CONSERVED, "deleted")}
    left_out = [f"{file} 仍在写入，下次再取。" for file in received.get("growing", [])]
    left_out += [f"{event['message']} {event['hint']}" for event in by_kind.get("catalog_error", [])]
    return {
        "success": bool(finished["success"]),
        "deliveries": deliveries,
        "conservation": {**totals, "balanced": totals["delivered"] == sum(totals[name] for name in CONSERVED)},
        "problems": problem_matrix(district),
        "tickets": {**_tickets(district), "opened": routed.get("opened", 0), "closed": routed.get("closed", 0)},
        "packages": [{**package, "path": _shown(district.settings.outbox / package["file"])} for package in routed.get("packages", [])],
        "tables": table_rows(district),
        "notices": received.get("notices", []),
        "duplicates": received.get("duplicates", []),
        "left_out": left_out,
        "runs": by_kind.get("agency_finished", []),
        "seconds": round(seconds, 2),
        "note": district.policy.note,
    }


def _shown(path: Path) -> str:
    """A path as the person would type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _deliveries(district: District, since: datetime) -> list[dict[str, Any]]:
    """Deliveries touched by operations begun since ``since`` (a fixed clock makes them equal), in the order of their work."""
    query = (
        select(Delivery, Operation)
        .join(Operation, Operation.delivery_id == Delivery.id)
        .where(Operation.started_at >= since, Operation.kind == "process", Operation.state != "running")
        .order_by(Operation.id)
    )
    rows: dict[str, dict[str, Any]] = {}
    with district.store.session() as session:
        for delivery, operation in session.execute(query):
            state = delivery.state if operation.state != "failed" else "failed"
            resource = district.catalog.resources.get(delivery.resource)
            rows[delivery.id] = {
                "id": delivery.id, "resource": delivery.resource, "title": resource.title if resource else delivery.resource,
                "file": delivery.file_name, "data_date": delivery.data_date, "state": state, "state_title": STATES[state],
                "why": delivery.state_reason, "counts": delivery.counts or {}, "attempts": delivery.attempts,
            }  # fmt: skip
    return list(rows.values())


def problem_matrix(district: District) -> dict[str, Any]:
    """Open problems by agency and dimension."""
    counted: dict[str, dict[str, int]] = {}
    for resource in district.catalog.resources.values():
        frame = _table(district, "problems", resource.id)
        if frame is None:
            continue
        by_dimension = frame.filter(pl.col("state") == "open").group_by("dimension").len().collect()
        for dimension, count in by_dimension.iter_rows():
            agency = counted.setdefault(resource.agency, {})
            agency[dimension] = agency.get(dimension, 0) + count
    present = {dimension for by_dimension in counted.values() for dimension in by_dimension}
    return {
        "dimensions": {name: title for name, title in DIMENSION_TITLES.items() if name in present},
        "agencies": [
            {"agency": agency, "name": district.catalog.agencies[agency].name, "dimensions": found, "total": sum(found.values())}
            for agency, found in sorted(counted.items())
        ],
    }


def table_rows(district: District) -> list[dict[str, Any]]:
    """Every warehouse table that exists: rows, stale rows, ended versions, rows in quarantine."""
    rows = []
    for resource in sorted(district.catalog.resources.values(), key=lambda r: r.id):
        current = _table(district, "warehouse", resource.id)
        if current is None:
            continue
        stale = current.select(pl.len(), pl.col("_stale").sum()).collect().row(0)
        rows.append(
            {
                "resource": resource.id, "title": resource.title, "rows": stale[0], "stale": stale[1],
                "history": _count(district, "history", resource.id), "quarantine": _count(district, "quarantine", resource.id),
                "version": DeltaTable(str(address(district.lake, "warehouse", resource.id))).version(),
                "path": str(address(district.lake, "warehouse", resource.id)),
            }
        )  # fmt: skip
    return rows


def _table(district: District, layer: str, resource: str) -> pl.LazyFrame | None:
    exists = DeltaTable.is_deltatable(str(address(district.lake, layer, resource)))
    return scan_table(district.lake, layer, resource) if exists else None


def _count(district: District, layer: str, resource: str) -> int:
    frame = _table(district, layer, resource)
    return 0 if frame is None else int(frame.select(pl.len()).collect().item())


def _tickets(district: District) -> dict[str, Any]:
    with district.store.session() as session:
        count, due, provisional = session.execute(
            select(func.count(), func.min(Ticket.due_date), func.count().filter(Ticket.provisional)).where(Ticket.state == "open")
        ).one()
    return {"open": count, "next_due": due, "provisional": bool(provisional)}

"""What now stands in the lake, counted: open problems by agency and dimension, rows of every warehouse table, update timeliness.

A table that cannot be read is told as such and stops nothing: its neighbours' counts are still right.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from deltalake import DeltaTable

from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.clock import local_date
from districtlake.delivery.district import District
from districtlake.warehouse.tables import address, collected, scan_table

MOST_PRESSING = 20
"""A report names so many; the rest is `districtlake timeliness`."""


def problem_matrix(district: District) -> dict[str, Any]:
    """Open problems by agency and dimension. ``unreadable``: resources whose register does not open."""
    counted: dict[str, dict[str, int]] = {}
    unreadable: list[str] = []
    for resource in district.catalog.resources.values():
        try:
            frame = _table(district, "problems", resource.id)
            if frame is None:
                continue
            by_dimension = collected(frame.filter(pl.col("state") == "open").group_by("dimension").len())
        except Exception:  # a damaged log, a missing file: whatever it is, the others are counted
            unreadable.append(resource.id)
            continue
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
        "unreadable": unreadable,
    }


def table_rows(district: District) -> list[dict[str, Any]]:
    """Every warehouse table that exists: rows, stale rows, ended versions, rows in quarantine; ``error`` where it does not open."""
    rows = []
    for resource in sorted(district.catalog.resources.values(), key=lambda r: r.id):
        path = address(district.lake, "warehouse", resource.id)
        row = {"resource": resource.id, "title": resource.title, "rows": 0, "stale": 0, "history": 0, "quarantine": 0, "path": str(path)}
        try:
            current = _table(district, "warehouse", resource.id)
            if current is None:
                continue
            row["rows"], row["stale"] = collected(current.select(pl.len(), pl.col("_stale").sum())).row(0)
            row["history"], row["quarantine"] = (_count(district, layer, resource.id) for layer in ("history", "quarantine"))
            row["version"] = DeltaTable(str(path)).version()
        except Exception as error:
            row["error"] = f"表无法打开（{type(error).__name__}）"
        rows.append(row)
    return rows


def _table(district: District, layer: str, resource: str) -> pl.LazyFrame | None:
    exists = DeltaTable.is_deltatable(str(address(district.lake, layer, resource)))
    return scan_table(district.lake, layer, resource) if exists else None


def _count(district: District, layer: str, resource: str) -> int:
    frame = _table(district, layer, resource)
    return 0 if frame is None else int(collected(frame.select(pl.len())).item())


def timeliness_now(district: District) -> dict[str, Any]:
    """How many resources stand in which state of update timeliness, and those that press, the most pressing first."""
    from districtlake.supervision.timeliness import STATE_TITLES, timeliness_frame

    rows = timeliness_frame(district).to_dicts()
    order = list(STATE_TITLES)
    counted = {state: sum(row["state"] == state for row in rows) for state in order}
    pressing = sorted(
        (row for row in rows if row["state"] in ("overdue", "due", "near")), key=lambda r: (order.index(r["state"]), r["due_date"])
    )
    return {
        "resources": len(rows),
        "overdue": counted["overdue"],
        "states": [{"state": state, "title": STATE_TITLES[state], "count": count} for state, count in counted.items() if count],
        "pressing": [
            {
                "resource": row["resource"], "title": row["title"], "agency_name": row["agency_name"], "state": row["state"],
                "state_title": STATE_TITLES[row["state"]], "due": row["due_date"],
                "received": local_date(row["last_received_at"]) if row["last_received_at"] else None,
            }
            for row in pressing[:MOST_PRESSING]
        ],
    }  # fmt: skip

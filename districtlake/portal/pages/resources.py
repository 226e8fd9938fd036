"""The catalogue for people: every entry with its items; to those whose data it is, its quality, timeliness and deliveries as well."""

from __future__ import annotations

from typing import Any

import polars as pl
from deltalake import DeltaTable
from fastapi import APIRouter, Response

from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.delivery import ledger
from districtlake.portal.guard import Visit, Visiting
from districtlake.portal.rendering import language_of, page
from districtlake.quality.results import by_dimension
from districtlake.store.tables import Delivery
from districtlake.supervision.timeliness import timeliness_frame
from districtlake.warehouse.commit import read
from districtlake.warehouse.tables import address, scan_table
from districtlake.wording.sentences import Sentence, is_chinese

router = APIRouter()
SHOWN_DELIVERIES = 15


@router.get("/resources")
def catalogue(visit: Visiting, q: str = "", agency: str = "") -> Response:
    """The list. ``q`` is looked for in code, name and title of the resource and titles of its items."""
    catalog = visit.district.catalog
    words = q.casefold().split()
    found = [
        resource
        for resource in sorted(catalog.resources.values(), key=lambda one: (one.agency, one.code))
        if (not agency or resource.agency == agency)
        and (visit.viewer.role != "contractor" or visit.viewer.sees(resource.agency, resource.id))
        and all(
            word in f"{resource.id} {resource.code} {resource.title} {' '.join(i.title for i in resource.items)}".casefold()
            for word in words
        )
    ]
    standing = {
        row["resource"]: row
        for row in timeliness_frame(visit.district).iter_rows(named=True)
        if visit.viewer.sees(row["agency"], row["resource"])
    }
    agencies = sorted(
        {one.agency for one in catalog.resources.values() if visit.viewer.role != "contractor" or visit.viewer.sees(one.agency, one.id)}
    )
    return page(
        visit.request, "resources.html", visit.signed, resources=found, standing=standing, q=q, agency=agency, agencies=agencies
    )  # fmt: skip


@router.get("/resources/{resource_id}")
def entry(visit: Visiting, resource_id: str) -> Response:
    """One entry."""
    district = visit.district
    resource = district.resource(resource_id)
    mine = visit.viewer.sees(resource.agency, resource.id)
    if visit.viewer.role == "contractor":
        visit.viewer.require(resource.agency, resource.id)  # commissioned with others, it has no business here
    deliveries = ledger.recent(district.store, resource.id, SHOWN_DELIVERIES, ("done", "held", "failed"))[::-1] if mine else []
    standing = next(row for row in timeliness_frame(district).iter_rows(named=True) if row["resource"] == resource.id) if mine else None
    return page(
        visit.request, "resource.html", visit.signed, resource=resource, catalog=district.catalog, mine=mine, standing=standing,
        deliveries=deliveries, reasons=_reasons(visit, deliveries),
        quality=_quality(visit, resource.id) if mine else [], rows=_rows(visit, resource.id) if mine else None,
        dimensions=DIMENSION_TITLES,
    )  # fmt: skip


def _reasons(visit: Visit, deliveries: list[Delivery]) -> dict[str, Sentence | str]:
    """Why deliveries were stopped or failed. What a failure left in the other language, for engineers, is told as a sentence with its code."""
    language = language_of(visit.request, visit.signed)
    unreadable = [one.id for one in deliveries if one.state == "failed" and is_chinese(one.state_reason) != (language == "zh")]
    codes = ledger.failure_codes(visit.district.store, unreadable)
    told = {one: Sentence.of("delivery.unprocessed", code=codes.get(one, "system.unexpected")) for one in unreadable}
    return {one.id: told.get(one.id, one.state_reason) for one in deliveries if one.state in ("held", "failed")}


def _quality(visit: Visit, resource: str) -> list[dict[str, Any]]:
    """The delivery judged last: A and B by dimension, and the rules that were broken."""
    path = address(visit.district.lake, "results", resource)
    newest = ledger.last_judged(visit.district.store, resource)
    if newest is None or not DeltaTable.is_deltatable(str(path)):
        return []
    results = read(visit.district.lake, "results", resource).filter(pl.col("_delivery") == newest)
    rules = results.sort("failed", descending=True).to_dicts()
    return [
        {**row, "rules_of": [rule for rule in rules if rule["dimension"] == row["dimension"]]}
        for row in by_dimension(results).to_dicts()
    ]  # fmt: skip


def _rows(visit: Visit, resource: str) -> int | None:
    if not DeltaTable.is_deltatable(str(address(visit.district.lake, "warehouse", resource))):
        return None
    return int(scan_table(visit.district.lake, "warehouse", resource).select(pl.len()).collect().item())

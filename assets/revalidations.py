"""A revalidation in Dagster: an event of the resource's quarantine, which it wrote, and a note on its warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from districtlake.delivery.district import District
from districtlake.nights.report import revalidated_words
from districtlake.warehouse.commit import read


def report_revalidation(instance: dg.DagsterInstance, district: District, result: Mapping[str, Any]) -> None:
    """Tell Dagster of one revalidation (``delivery.revalidate.Revalidated.as_dict``), a failed one included.

    The warehouse is only noted: a materialisation would count as an update, and its freshness is that of what the agency delivers. Checks are
    left alone: they tell of the delivery judged last (ADR 19, 5).
    """
    resource = district.resource(result["resource"])
    told = f"重新校验：{revalidated_words(result)}"
    counts = {
        name: int(result[name]) for name in ("deliveries", "rows", "released", "quarantined", "changed", "opened", "closed", "unplaced")
    }
    metadata: dict[str, Any] = {"revalidated_because": result["why"], **counts}
    quarantine, warehouse = (dg.AssetKey([resource.agency, resource.name, layer]) for layer in ("quarantine", "warehouse"))
    if result["error"]:
        failed = {"revalidated_because": result["why"], "error": result["error"], "hint": result["hint"]}
        instance.report_runless_asset_event(dg.AssetObservation(quarantine, description=told, metadata=failed))
        return
    height = read(district.lake, "quarantine", resource.id, columns=["key"]).height
    instance.report_runless_asset_event(
        dg.AssetMaterialization(quarantine, description=told, metadata={**metadata, "dagster/row_count": height})
    )
    instance.report_runless_asset_event(dg.AssetObservation(warehouse, description=told, metadata=metadata))

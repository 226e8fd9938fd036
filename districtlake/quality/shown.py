"""A problem as it may be shown on screens: key and value masked item by item, its place in words. One form for command line and portal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from districtlake.catalog.masking import mask_item
from districtlake.catalog.models import DIMENSION_TITLES, Catalog, Resource
from districtlake.standards.masking import mask_numbers

_KEPT = (
    "problem_id", "resource", "agency", "rule", "rule_title", "state", "sightings", "first_delivery", "last_delivery", "closing",
    "severity", "on_failure", "dimension", "reason", "first_seen_at", "closed_at", "item", "file", "sheet", "row",
)  # fmt: skip


def shown(record: Mapping[str, Any], resource: Resource, catalog: Catalog, *, unmasked: bool = False) -> dict[str, Any]:
    """One row of the register (``quality.problems.REGISTER``) as a person sees it.

    Args:
        unmasked: show key and value as delivered; the caller answers for the audit.

    Returns:
        The register's identity and dates, and ``key``, ``value``, ``place``, ``dimension_title``, ``item_title``.
    """
    items = [name for name in record["item"].split("+") if name in resource.item_names]
    key, value = record["key"], record["value"]
    if not unmasked:
        if value is not None and items:
            value = " / ".join(_masked(value.split(" / "), items, resource, catalog))
        key = masked_key(key, resource, catalog)
    place = (
        f"{record['file']}"
        + (f"·{mask_numbers(record['sheet'])}" if record["sheet"] else "")
        + (f" 第 {record['row']} 行" if record["row"] else "")
    )
    return {
        **{name: record[name] for name in _KEPT},
        "sheet": mask_numbers(record["sheet"]) if record["sheet"] else record["sheet"], "key": key, "value": value, "place": place, "dimension_title": DIMENSION_TITLES[record["dimension"]],
        "item_title": "、".join(resource.item(name).title for name in items),
    }  # fmt: skip


def masked_key(key: str, resource: Resource, catalog: Catalog) -> str:
    """A text key with each part masked as its item; fingerprints say nothing and stay."""
    if not key or key.startswith("row:") or not resource.key:
        return key
    return "|".join(_masked(key.split("|"), list(resource.key), resource, catalog))


def _masked(parts: Sequence[str], items: Sequence[str], resource: Resource, catalog: Catalog) -> list[str]:
    """Each part masked as its item; parts that cannot be told apart are hidden altogether."""
    if len(parts) != len(items):
        return ["***"]
    return [mask_item(part, resource.item(name), catalog) or "" for part, name in zip(parts, items, strict=True)]

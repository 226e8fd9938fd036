"""A lead as it may be shown on screens: keys and values of both sides masked item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from districtlake.catalog.comparison_links import column_of, element_of
from districtlake.catalog.models import Catalog, Item
from districtlake.marts.definition import sensitivity_of
from districtlake.standards.masking import mask
from districtlake.warehouse.tables import key_columns

_KEPT = (
    "lead_id", "comparison", "code", "rule_version", "title", "pairing", "resource", "agency", "item", "delivery", "as_of", "right_resource",
    "right_agency", "right_item", "right_delivery", "right_as_of", "match_by", "certainty", "matches", "reason", "first_run", "first_seen_at",
    "last_run", "last_seen_at", "sightings", "state", "closing", "closed_at", "turned_over_at",
)  # fmt: skip


def shown_lead(lead: Mapping[str, Any], catalog: Catalog) -> dict[str, Any]:
    """One row of the table of leads as a person of the Office sees it."""
    return {
        **{name: lead[name] for name in _KEPT},
        "key": _key(lead["resource"], lead["key"], catalog), "value": _values(lead["resource"], lead["item"], lead["value"], catalog),
        "right_key": _key(lead["right_resource"], lead["right_key"], catalog),
        "right_value": _values(lead["right_resource"], lead["right_item"], lead["right_value"], catalog),
        "first_seen": lead["first_seen_at"].date() if lead["first_seen_at"] else None,
    }  # fmt: skip


def _key(source: str, key: str | None, catalog: Catalog) -> str | None:
    if key is None:
        return None
    resource = catalog.resources.get(source)
    names = key_columns(resource) if resource is not None else catalog.marts[source].key if source in catalog.marts else ()
    return "|".join(_masked(key.split("|"), source, names, catalog))


def _values(source: str, items: str, value: str | None, catalog: Catalog) -> str | None:
    return None if value is None else " / ".join(_masked(value.split(" / "), source, items.split("+"), catalog))


def _masked(parts: Sequence[str], source: str, names: Sequence[str], catalog: Catalog) -> list[str]:
    """Each part masked as its item; parts that cannot be told apart are hidden altogether."""
    if len(parts) != len(names):
        return ["***"]
    found = []
    for part, name in zip(parts, names, strict=True):
        column, element = column_of(catalog, source, name), element_of(catalog, source, name)
        if column is None or element is None:
            found.append(part if name.startswith("_") else "***")
            continue
        level = catalog.sensitivity_of(column) if isinstance(column, Item) else sensitivity_of(column, catalog)
        found.append(mask(part, element, level) or "")
    return found

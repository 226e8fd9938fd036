"""A lead as it may be shown on screens: keys and values of both sides masked item by item, and the other side's only as its class allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from districtlake.catalog.comparison_links import column_of, element_of
from districtlake.catalog.masking import mask_as
from districtlake.catalog.models import Catalog, Item
from districtlake.marts.definition import sensitivity_of
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


def shown_to(lead: Mapping[str, Any], catalog: Catalog, sees: Callable[[str, str], bool]) -> dict[str, Any]:
    """One lead for somebody who sees the rows of some agencies only (``sees(agency, resource)``).

    Beside ``shown_lead``: ``parts`` and ``right_parts``, (title, masked value, codes by name) of each item in question, None where it must
    not be seen: a side that is not the viewer's shows no key, and of a resource that is not shared no value either. ``absent``: there is
    no row on the other side.
    """
    found = {**shown_lead(lead, catalog), "absent": lead["right_key"] is None}
    for side in ("", "right_"):
        resource, agency = lead[f"{side}resource"], lead[f"{side}agency"]
        own = sees(agency, resource)
        entry = catalog.resources.get(resource)
        closed = not own and (entry is None or entry.sharing.class_ == "none")
        found[f"{side}own"] = own
        found[f"{side}parts"] = None if closed else _parts(resource, lead[f"{side}item"], found[f"{side}value"], catalog)
        if not own:
            found[f"{side}key"] = None
        if closed:
            found[f"{side}value"] = None
    return found


def _parts(source: str, items: str, value: str | None, catalog: Catalog) -> list[tuple[str, str]]:
    names, values = items.split("+"), [] if value is None else value.split(" / ")
    if len(names) != len(values):  # a value with the separator in it was hidden altogether
        return [("", one) for one in values]
    found = []
    for name, part in zip(names, values, strict=True):
        column, element = column_of(catalog, source, name), element_of(catalog, source, name)
        codes = catalog.code_lists[element.codes].codes if element is not None and element.codes is not None else {}
        found.append((column.title if column is not None else name, codes.get(part, part)))
    return found


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
        found.append(mask_as(pl.Series([part], dtype=pl.String), element, level, catalog).item() or "")
    return found

"""Duplicate collection (重复采集): what an agency collects although another has it and shares it (Article 10 paragraph 4, Article 12).

The one-source matrix decides whose a data element is. Where it says nothing, the structure of the resources does: one that holds the
identifier of another agency's objects and beside it a property that the other has collects again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

from districtlake.catalog.authority import Fact
from districtlake.catalog.models import Catalog, Item, Resource

Why = Literal["declared", "structure"]


@dataclass(frozen=True)
class Duplicate:
    """An item that is collected again.

    Attributes:
        source: the authority's ``agency.resource``; source_item: its item, where the matrix names it, else "".
        why: "declared" in the matrix, or told from the structure.
        compared: the comparisons that use the item, so that it is evidence as well as duplicate.
        evidence: declared as evidence in the matrix: no fault.
    """

    resource: str
    item: str
    title: str
    element: str
    source: str
    source_item: str
    why: Why
    compared: tuple[str, ...]
    evidence: bool


def duplicates(catalog: Catalog) -> list[Duplicate]:
    """Everything collected twice, by resource and item."""
    found = {(one.resource, one.item): one for one in _structural(catalog)}
    decided = {fact.element for fact in catalog.facts.values()}
    found = {place: one for place, one in found.items() if one.element not in decided}
    for fact in catalog.facts.values():
        for one in _declared(fact, catalog):
            found[one.resource, one.item] = one
    return [found[place] for place in sorted(found)]


def _declared(fact: Fact, catalog: Catalog) -> Iterator[Duplicate]:
    source, source_item = fact.authorities[0]
    authority = catalog.resources[source]
    mine = {catalog.resources[resource].agency for resource in fact.resources}
    named = set(fact.source)
    for resource in catalog.resources.values():
        if resource.agency in mine:  # an agency's own registers are its own affair (Article 12 paragraph 2)
            continue
        for item in resource.items:
            place = f"{resource.id}.{item.name}"
            declared = place in fact.evidence
            again = item.element == fact.element and _about(resource, authority) and not _identifies(resource, item) and not _refers(item)
            if place not in named and (again or declared):
                yield Duplicate(
                    resource.id, item.name, item.title, item.element, source, source_item, "declared", _compared(resource.id, item.name, catalog),
                    declared,
                )  # fmt: skip


def _about(resource: Resource, authority: Resource) -> bool:
    """Whether the resource holds what the authority's subjects are identified by."""
    keys = {authority.item(name).element for name in authority.key}
    return bool(keys) and bool(keys & {item.element for item in resource.items})


def _identifies(resource: Resource, item: Item) -> bool:
    return item.name in resource.key


def _refers(item: Item) -> bool:
    return item.references is not None


def _compared(resource: str, item: str, catalog: Catalog) -> tuple[str, ...]:
    return tuple(
        sorted(
            one.id
            for one in catalog.comparisons.values()
            if any(side.resource == resource and item in side.columns.values() for _, side in one.sides)
        )
    )


def _structural(catalog: Catalog) -> Iterator[Duplicate]:
    by_id = {resource.id: resource for resource in catalog.resources.values()}
    held = {id_: {item.element for item in resource.items} for id_, resource in by_id.items()}
    keys = {id_: frozenset(resource.item(name).element for name in resource.key) for id_, resource in by_id.items()}

    def identifies(source: Resource, collector: Resource) -> bool:
        return bool(keys[source.id]) and keys[source.id] <= held[collector.id]

    def authority(resource: Resource) -> tuple[int, str]:
        """Of two that could each have it from the other, the one with the simpler key describes the object itself."""
        return len(keys[resource.id]), resource.id

    for collector, source in permutations(by_id.values(), 2):
        if collector.agency == source.agency or not identifies(source, collector):
            continue
        refers = any(item.references and item.references.resource == source.id for item in collector.items)
        if not refers and identifies(collector, source) and authority(collector) < authority(source):
            continue
        for item in collector.items:
            own = _identifies(collector, item) or _refers(item)
            if not own and catalog.element_of(item).object_class and item.element in held[source.id] - keys[source.id]:
                yield Duplicate(
                    collector.id,
                    item.name,
                    item.title,
                    item.element,
                    source.id,
                    "",
                    "structure",
                    _compared(collector.id, item.name, catalog),
                    False,
                )

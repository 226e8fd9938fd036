"""What a comparison names in the rest of the catalogue: tables, their items, the data elements behind them. Asked by the loader: what
cannot be linked, or would join persons by their names, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from districtlake.catalog.authority import Fact
from districtlake.catalog.comparisons import Comparison, Side
from districtlake.catalog.match_steps import MATCH_STEPS, kind_after, wrong_step
from districtlake.catalog.model_faults import close_to
from districtlake.catalog.models import Catalog, Element, Item, MartColumn

IDENTIFYING = ("citizen_id", "uscc", "org_code", "identifier", "division_code")
"""Kinds by which a subject is known. A name is none: two persons may share it, and one may write it in two ways."""

Fault = tuple[tuple[int | str, ...], str, str]
"""(place in the file, problem, remedy)."""


def column_of(catalog: Catalog, source: str, name: str) -> Item | MartColumn | None:
    """An item of a resource or a column of a mart; None when there is none."""
    if source in catalog.resources:
        resource = catalog.resources[source]
        return resource.item(name) if name in resource.item_names else None
    mart = catalog.marts.get(source)
    return mart.column(name) if mart is not None and name in mart.column_names else None


def element_of(catalog: Catalog, source: str, name: str) -> Element | None:
    """The data element behind a column; None for a mart's column of a plain type."""
    column = column_of(catalog, source, name)
    return catalog.elements.get(column.element) if column is not None and column.element is not None else None


def faults_of_comparison(comparison: Comparison, catalog: Catalog) -> Iterator[Fault]:
    """Everything that keeps a comparison from being carried out."""
    before = dict[str, str]()
    for place, side in comparison.sides:
        name, _, index = place.rstrip("]").partition("[")
        where: tuple[int | str, ...] = (name, int(index))
        if name == "left" and side.resource not in catalog.resources:
            hint = f"{close_to(side.resource, catalog.resources)}Only a resource has an agency that can be asked."
            yield (*where, "resource"), f"there is no resource '{side.resource}' to ask about", hint
            continue
        if side.resource not in catalog.resources and side.resource not in catalog.marts:
            hint = f"{close_to(side.resource, [*catalog.resources, *catalog.marts])}Write agency.resource or library.mart."
            yield (*where, "resource"), f"there is no table '{side.resource}'", hint
            continue
        yield from _columns(side, where, catalog)
        yield from _join(side, where, catalog, before, comparison.match)
        yield from _matched(side, where, catalog, comparison.match)
    yield from _persons_by_place(comparison, catalog)


def _columns(side: Side, where: tuple[int | str, ...], catalog: Catalog) -> Iterator[Fault]:
    names = catalog.resources[side.resource].item_names if side.resource in catalog.resources else catalog.marts[side.resource].column_names
    for part in ("join", "columns"):
        for name, item in getattr(side, part).items():
            if item not in names:
                yield (*where, part, name), f"{side.resource} has no item '{item}'", f"{close_to(item, names)}It has {', '.join(names)}."
            elif side.resource in catalog.resources and catalog.resources[side.resource].item(item).volatile:
                yield (*where, part, name), f"{side.resource}.{item} is volatile: the warehouse does not keep it", "Take another item."


def _matched(side: Side, where: tuple[int | str, ...], catalog: Catalog, match: Mapping[str, tuple[str, ...]]) -> Iterator[Fault]:
    """Steps that mean nothing for what a side holds under the name."""
    for part in ("join", "columns"):
        for name, item in getattr(side, part).items():
            element = element_of(catalog, side.resource, item)
            if element is None or name not in match or (part == "join" and element.kind == "name"):
                continue
            if (found := wrong_step(element.kind, match[name])) is not None:
                step, kind = found
                others = ", ".join(one for one, meaning in MATCH_STEPS.items() if not meaning.takes or kind in meaning.takes)
                yield ("match", name), f"the step '{step}' is not for {side.resource}.{item}, a {kind}", f"For a {kind} there are {others}."


def _persons_by_place(comparison: Comparison, catalog: Catalog) -> Iterator[Fault]:
    """A division holds many persons: joined by it, their names would say who is who."""
    left = comparison.left[0]
    kinds = {
        kind_after(element.kind, comparison.match.get(name, ()))
        for name, item in left.join.items()
        if (element := element_of(catalog, left.resource, item)) is not None
    }
    if "division_code" not in kinds or kinds & (set(IDENTIFYING) - {"division_code"}):
        return
    for place, side in comparison.sides:
        for name, item in side.columns.items():
            element = element_of(catalog, side.resource, item)
            if element is not None and element.kind == "name":
                part, _, index = place.rstrip("]").partition("[")
                problem = f"{side.resource}.{item} is a person's name, and the join holds nothing but a division: names would join persons"
                yield (part, int(index), "columns", name), problem, "Add an identifier of the person to the join, or leave the name out."


def _join(
    side: Side, where: tuple[int | str, ...], catalog: Catalog, before: dict[str, str], match: Mapping[str, tuple[str, ...]]
) -> Iterator[Fault]:
    kinds = dict[str, str]()
    for name, item in side.join.items():
        element = element_of(catalog, side.resource, item)
        if element is None:
            if column_of(catalog, side.resource, item) is not None:
                yield (*where, "join", name), f"{side.resource}.{item} is no data element", "Join by a column with an 'element'."
            continue
        kinds[name] = kind = kind_after(element.kind, match.get(name, ()))
        if element.kind == "name":
            problem = f"{side.resource}.{item} is a person's name; persons are never joined by their names"
            yield (*where, "join", name), problem, "Join by an identifier, and compare the names in flag_when (differs, matching: name)."
        elif before.setdefault(name, kind) != kind:
            problem = f"'{name}' is a {before[name]} on one side and a {kind} here; they can never be equal"
            remedy = "Join items of the same kind, or make them one under 'match', e.g. org_code of a uscc and an org_code."
            yield (*where, "join", name), problem, remedy
    if kinds and not any(kind in IDENTIFYING for kind in kinds.values()) and "name" not in kinds.values():
        problem = f"nothing in the join identifies a subject ({', '.join(f'{name}: {kind}' for name, kind in kinds.items())})"
        yield (*where, "join"), problem, f"Add an item of kind {', '.join(IDENTIFYING)}."


def faults_of_fact(fact: Fact, catalog: Catalog) -> Iterator[Fault]:
    """Everything in an entry of the one-source matrix that names nothing."""
    if fact.element not in catalog.elements:
        hint = f"{close_to(fact.element, catalog.elements)}Data elements are in standards/elements.yaml."
        yield (fact.id, "element"), f"there is no data element '{fact.element}'", hint
    for part in ("source", "evidence"):
        for given in getattr(fact, part):
            resource, _, item = given.rpartition(".")
            if resource not in catalog.resources:
                hint = f"{close_to(resource, catalog.resources)}Write agency.resource.item."
                yield (fact.id, part), f"there is no resource '{resource}'", hint
            elif item not in catalog.resources[resource].item_names:
                names = catalog.resources[resource].item_names
                yield (fact.id, part), f"{resource} has no item '{item}'", f"{close_to(item, names)}Its items are {', '.join(names)}."

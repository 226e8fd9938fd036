"""How a cell became its value: the repairs of the change log one by one, each with name, version, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from districtlake.catalog.models import Catalog, Item
from districtlake.standards.kind import CellContext
from districtlake.standards.kinds import KINDS
from districtlake.standards.repairs import MISSING_BLANK, MISSING_SPELLING, Repair


@dataclass(frozen=True)
class Step:
    """One repair of one cell; ``after`` None: recognised as "no value"."""

    rule: str
    title: str
    version: int
    before: str
    after: str | None


def steps_of(item: Item, catalog: Catalog, before: str, after: str | None, rule: str, today: date) -> list[Step]:
    """The repairs that the log names, carried out again in their order.

    A log of an older version of a repair may not come out at ``after`` any more: the last step then says what the log says.
    """
    element = catalog.element_of(item)
    kind = KINDS[element.kind]
    context = CellContext(element, item, catalog.code_list_of(item, today), today)
    known: dict[str, list[Repair]] = {}
    for repair in (*kind.repairs_of(element), *kind.conversions(context), MISSING_BLANK, MISSING_SPELLING):
        known.setdefault(repair.id, []).append(repair)
    told: list[Step] = []
    text = before
    names = rule.split("+")
    for at, name in enumerate(names):
        repair = known.get(name, [Repair(name, name, lambda series: series)])[0]
        last = at == len(names) - 1
        result: str | None = after if last else repair.apply(pl.Series([text], dtype=pl.String)).item()
        told.append(Step(name, repair.title, repair.version, text, result))
        text = result or ""
    return told

"""One column of cells, cleansed by its kind: what the tests of the standards are written with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from districtlake.catalog.models import CodeList, Element, Item
from districtlake.standards.kinds import KINDS, CellContext, CleanedColumn

TODAY = date(2026, 3, 6)


@dataclass(frozen=True)
class Cell:
    value: Any
    text: str | None
    status: str | None
    rule: str | None


def element(
    kind: str,
    *,
    unit: str = "",
    missing: tuple[str, ...] = (),
    sensitivity: Any = "L1",
    cleansing: tuple[str, ...] | None = None,
    **options: Any,
) -> Element:
    return Element(
        id="element",
        name="数据元",
        name_en="element",
        definition="",
        data_type="C",
        format="",
        domain="",
        kind=kind,
        unit=unit,
        missing=missing,
        sensitivity=sensitivity,
        cleansing=cleansing,
        options=options,
    )


def context(
    kind: str,
    *,
    codes: CodeList | None = None,
    today: date = TODAY,
    item_unit: str | None = None,
    item_missing: tuple[str, ...] = (),
    **given: Any,
) -> CellContext:
    item = Item(name="item", title="数据项", element="element", unit=item_unit, missing=item_missing)
    return CellContext(element=element(kind, **given), item=item, code_list=codes, today=today)


def column(kind: str, cells: Sequence[str | None], **given: Any) -> CleanedColumn:
    return KINDS[kind].clean(pl.Series("cells", cells, dtype=pl.String), context(kind, **given))


def cleaned(kind: str, cells: Sequence[str | None], **given: Any) -> list[Cell]:
    result = column(kind, cells, **given)
    parts = (result.value, result.text, result.status, result.rule)
    return [Cell(*row) for row in zip(*(part.to_list() for part in parts), strict=True)]


def one(kind: str, cell: str | None, **given: Any) -> Cell:
    return cleaned(kind, [cell], **given)[0]

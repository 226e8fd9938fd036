"""A raw frame to a cleansed frame and its log of changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from districtlake.catalog.models import Catalog, Resource
from districtlake.cleansing.plan import PLACE_COLUMNS, CleansingPlan, plan_of

CHANGES_SCHEMA: dict[str, pl.DataType] = {
    "_file": pl.String(),
    "_sheet": pl.String(),
    "_row": pl.Int64(),
    "item": pl.String(),
    "before": pl.String(),
    "after": pl.String(),
    "rule": pl.String(),
}


@dataclass(frozen=True)
class Cleansed:
    """A cleansed delivery.

    Attributes:
        frame: ``_file _sheet _row _extra``, then each item typed with its ``<item>__status`` beside it; rows as in raw.
        changes: ``_file _sheet _row item before after rule``, one line per altered cell, by row, then in the catalogue's order of
            items; ``after`` null: recognised as "no value".
    """

    frame: pl.DataFrame
    changes: pl.DataFrame


def cleanse(raw: pl.DataFrame, resource: Resource, catalog: Catalog, today: date, as_of: date | None = None) -> Cleansed:
    """Cleanse a raw frame of ``resource``. Pure, idempotent on the text, and independent of how rows are split or ordered.

    ``today``: the Asia/Shanghai day of processing, for dates that may not lie in the future. ``as_of``: the day the data speak of, for the
    version of a code list; None: today.
    Raises ``CatalogError`` for an unknown kind, ``RawFrameInvalid`` when ``raw`` is not a raw frame of the resource.
    """
    return cleanse_by_plan(raw, plan_of(resource, catalog, today, as_of))


def cleanse_by_plan(raw: pl.DataFrame, plan: CleansingPlan) -> Cleansed:
    """``cleanse`` with a plan made beforehand."""
    frame, changes = cleanse_columns(raw, plan)
    places = raw.select("_file", "_sheet", "_row").cast({name: PLACE_COLUMNS[name] for name in ("_file", "_sheet", "_row")})
    index = changes["_index"]
    return Cleansed(frame, pl.concat([places[index], changes.drop("_index")], how="horizontal").select(list(CHANGES_SCHEMA)))


def cleanse_columns(raw: pl.DataFrame, plan: CleansingPlan) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The cleansed frame, and the changes as ``_index`` (UInt32, row of ``raw``), ``item``, ``before``, ``after``, ``rule``."""
    plan.check(raw)
    columns = [raw[name].cast(dtype) for name, dtype in PLACE_COLUMNS.items()]
    altered: list[pl.DataFrame] = []
    for column in plan.columns:
        delivered = raw[column.item].cast(pl.String)
        cleaned = column.cleanser.clean(delivered, column.context)
        columns.append(cleaned.value.alias(column.item))
        if column.cleanser.codes:
            columns.append(cleaned.status.alias(column.status))
        if cleaned.altered.size:
            index = pl.Series(cleaned.altered, dtype=pl.UInt32)
            cells = {"before": delivered.gather(index), "after": cleaned.after, "rule": cleaned.rules}
            altered.append(pl.DataFrame({"_index": index, "item": pl.repeat(column.item, len(index), eager=True), **cells}))
    return pl.DataFrame(columns), _by_row(altered)


def _by_row(altered: list[pl.DataFrame]) -> pl.DataFrame:
    if not altered:
        cells = {name: CHANGES_SCHEMA[name] for name in ("item", "before", "after", "rule")}
        return pl.DataFrame(schema={"_index": pl.UInt32(), **cells})
    changes = pl.concat(altered)
    # numpy's stable sort of integers is a radix sort; the frame is then moved once
    return changes[np.argsort(changes["_index"].to_numpy(), kind="stable")]

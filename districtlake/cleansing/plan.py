"""Which kind cleanses which item of a resource, and in which context. Picklable, so that a plan can travel to workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from districtlake.catalog.models import Catalog, Resource
from districtlake.errors import CatalogError, DistrictLakeError
from districtlake.standards.kind import STATUS_SUFFIX, CellContext, Kind
from districtlake.standards.kinds import KINDS

PLACE_COLUMNS: dict[str, pl.DataType] = {"_file": pl.String(), "_sheet": pl.String(), "_row": pl.Int64(), "_extra": pl.String()}


class RawFrameInvalid(DistrictLakeError):
    """The frame given to cleansing is not a raw frame of the resource."""

    code = "cleansing.raw_frame"


@dataclass(frozen=True)
class ColumnPlan:
    """One item: its column in raw, and how its cells are cleansed."""

    item: str
    kind: str
    context: CellContext

    @property
    def cleanser(self) -> Kind:
        return KINDS[self.kind]

    @property
    def dtype(self) -> pl.DataType:
        return self.cleanser.dtype(self.context.element)

    @property
    def status(self) -> str:
        return self.item + STATUS_SUFFIX


@dataclass(frozen=True)
class CleansingPlan:
    """All items of a resource in catalogue order."""

    resource: str
    columns: tuple[ColumnPlan, ...]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Columns and types of the cleansed frame."""
        schema = dict(PLACE_COLUMNS)
        for column in self.columns:
            schema[column.item] = column.dtype
            if column.cleanser.codes:
                schema[column.status] = column.cleanser.status_dtype
        return schema

    def check(self, raw: pl.DataFrame) -> None:
        """Raises ``RawFrameInvalid`` naming the first column that is absent or not text."""
        for name, dtype in {**PLACE_COLUMNS, **{column.item: pl.String() for column in self.columns}}.items():
            if name not in raw.columns:
                raise RawFrameInvalid(
                    f"The raw frame of {self.resource} has no column '{name}'.", hint="Pass what ingestion.read returned."
                )
            found = raw.schema[name]
            if found != dtype and found != pl.Null:
                raise RawFrameInvalid(
                    f"Column '{name}' of the raw frame of {self.resource} is {found}, not {dtype}.", hint="Raw cells are text."
                )


def plan_of(resource: Resource, catalog: Catalog, today: date, as_of: date | None = None) -> CleansingPlan:
    """The plan of ``resource`` on the Asia/Shanghai day ``today``; codes by the lists in force on ``as_of`` (None: today), the day the data
    speak of.

    Raises ``CatalogError`` when an element's kind does not exist.
    """
    columns, divisions = [], catalog.divisions
    for item in resource.items:
        element = catalog.element_of(item)
        if element.kind not in KINDS:
            message = (
                f"{resource.file or resource.id}, items[{item.name}]: data element '{element.id}' has the unknown kind '{element.kind}'."
            )
            raise CatalogError(message, hint=f"Write one of {', '.join(KINDS)} in standards/elements.yaml.")
        code_list = catalog.code_list_of(item, as_of or today)
        context = CellContext(element=element, item=item, code_list=code_list, today=today, divisions=divisions)
        columns.append(ColumnPlan(item.name, element.kind, context))
    return CleansingPlan(resource.id, tuple(columns))

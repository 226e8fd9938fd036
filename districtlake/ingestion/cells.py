"""Cells of a text put into columns: short records padded, the surplus of long ones kept apart, both remembered."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.records import Record

_BATCH = 20_000


def refuse_columns(columns: int, name: str, limits: Limits) -> None:
    if columns > limits.max_columns:
        raise IngestionError.of(
            "reading.too_many_columns", code="ingestion.too_many_columns", file=name, columns=f"{columns:,}", most=f"{limits.max_columns:,}"
        )


@dataclass
class Collected:
    """Rows of a text as they were read: the fields of ``rows.Table``."""

    cells: pl.DataFrame
    rows: pl.Series
    surplus: dict[int, list[str]]
    irregular: dict[int, str]
    comments: list[int] = field(default_factory=list)  # lines that are no data

    def head(self, count: int) -> Collected:
        """The first so many rows."""
        surplus = {at: texts for at, texts in self.surplus.items() if at < count}
        irregular = {at: reason for at, reason in self.irregular.items() if at < count}
        return Collected(self.cells[:count], self.rows[:count], surplus, irregular, self.comments)


class CellCollector:
    """Puts records into columns ``c0`` ``c1`` …"""

    def __init__(self, width: int, name: str, limits: Limits):
        self.width, self.name, self.limits = width, name, limits
        self.columns = [f"c{index}" for index in range(width)]
        self.schema = dict.fromkeys(self.columns, pl.String)
        self.surplus: dict[int, list[str]] = {}
        self.irregular: dict[int, str] = {}
        self._batches: list[pl.DataFrame] = [pl.DataFrame(schema=self.schema)]
        self._batch: list[list[str]] = []

    def add(self, at: int, record: Record) -> None:
        fields = record.fields
        if record.reason:
            self.irregular[at] = record.reason
        if len(fields) != self.width:
            refuse_columns(len(fields), self.name, self.limits)
            if len(fields) < self.width:
                if len(fields) > 1 or fields[0].strip():  # else a blank line
                    self.irregular.setdefault(at, "too_few_fields")  # a quote left open says why there are too few
            elif any(fields[self.width :]):
                self.surplus[at] = fields[self.width :]
                self.irregular.setdefault(at, "too_many_fields")
            fields = [*fields[: self.width], *[""] * (self.width - len(fields))]
        self._batch.append(fields)
        if len(self._batch) == _BATCH:
            self._flush()

    def cells(self) -> pl.DataFrame:
        self._flush()
        return pl.concat(self._batches)

    def _flush(self) -> None:
        if self._batch:
            frame = pl.DataFrame(dict(zip(self.columns, zip(*self._batch, strict=True), strict=True)), schema=self.schema)
            self._batches.append(frame.select(pl.when(pl.all() != "").then(pl.all())))
            self._batch.clear()

"""Records of named values (JSON, GeoJSON, NDJSON, Parquet) gathered into the raw frame.

Such a file has no header: each record names its own values, may lack some and have others. A record is always a row; what the
catalogue does not know of it goes to ``_extra``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.errors import IngestionError
from districtlake.ingestion.cells import refuse_columns
from districtlake.ingestion.header import HeaderFinder
from districtlake.ingestion.json_text import compact, storable
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.report import RowNote
from districtlake.ingestion.rows import raw_schema

_BATCH = 20_000


@dataclass(frozen=True)
class Collected:
    """What the records made.

    Attributes:
        frame: the raw frame.
        columns: name as written -> item; ``unexpected``: names the catalogue does not know.
        irregular: records that are not simply data; they are delivered all the same.
    """

    frame: pl.DataFrame
    columns: dict[str, str]
    unexpected: tuple[str, ...]
    irregular: list[RowNote]


class RecordSink(Protocol):
    """What takes records of named values from a reader."""

    def knows(self, name: str) -> bool:
        """Whether a name stands for an item."""

    def enough(self, names: Iterable[str]) -> bool:
        """Whether an object with these names is a record."""

    def add(self, row: int, values: Iterable[tuple[str, str | None]], reasons: Iterable[str] = ()) -> None:
        """Take one record."""


class Collector:
    """Takes records one by one; ``file`` is what the agency calls the file."""

    def __init__(self, resource: Resource, finder: HeaderFinder, file: str, limits: Limits):
        self._resource, self._finder, self._file, self._limits = resource, finder, file, limits
        self._places = {item: place for place, item in enumerate(resource.item_names)}
        self._width = len(self._places)
        self._known: dict[str, str | None] = {}
        self._rows: list[tuple[int, list[str | None]]] = []
        self._frames: list[pl.DataFrame] = [pl.DataFrame(schema=raw_schema(resource))]
        self.irregular: list[RowNote] = []

    def knows(self, name: str) -> bool:
        """Whether a name stands for an item; does not remember it."""
        return self._finder.item(name) is not None

    def enough(self, names: Iterable[str]) -> bool:
        """Whether an object with these names is a record of the resource."""
        return self._finder.enough({item for name in names if (item := self._finder.item(name)) is not None})

    def item(self, name: str) -> str | None:
        """The item a name stands for; remembers the name."""
        if name not in self._known:
            self._known[name] = self._finder.item(name)
            refuse_columns(len(self._known), self._file, self._limits)
        return self._known[name]

    def add(self, row: int, values: Iterable[tuple[str, str | None]], reasons: Iterable[str] = ()) -> None:
        """One record: names and texts in their order. Of two values for one item the first that is there is taken, the other
        kept in ``_extra``."""
        cells: list[str | None] = [None] * (self._width + 1)
        extra: dict[str, str] = {}
        for name, text in values:
            item = self.item(name)
            if item is not None and cells[self._places[item]] is None:
                cells[self._places[item]] = text or None
            elif text:
                extra[_free(name, extra)] = text
        if extra:
            cells[self._width] = compact(extra)
        self.irregular.extend(RowNote(None, row, reason) for reason in reasons)
        self._rows.append((row, cells))
        if len(self._rows) == _BATCH:
            self._flush()

    def finish(self) -> Collected:
        """Everything that was added.

        Raises:
            IngestionError: ``ingestion.header``: there are records, but hardly one of their names is an item of the resource.
        """
        self._flush()
        frame = pl.concat(self._frames)
        columns = {storable(name): item for name, item in self._known.items() if item is not None}
        if frame.height and not self._finder.enough(set(columns.values())):
            raise no_records(self._file)
        unexpected = tuple(storable(name) for name, item in self._known.items() if item is None)
        return Collected(frame, columns, unexpected, sorted(self.irregular, key=lambda note: note.row))

    def _flush(self) -> None:
        if not self._rows:
            return
        numbers = [row for row, _ in self._rows]
        cells = [cells for _, cells in self._rows]
        try:
            frame = self._frame(numbers, cells)
        except UnicodeEncodeError:
            frame = self._frame(numbers, self._presentable(numbers, cells))
        else:
            if frame.select(pl.any_horizontal(pl.col(pl.String).exclude("_file").str.contains("\0", literal=True).any())).item():
                frame = self._frame(numbers, self._presentable(numbers, cells))
        self._frames.append(frame)
        self._rows.clear()

    def _frame(self, numbers: list[int], cells: list[list[str | None]]) -> pl.DataFrame:
        schema = raw_schema(self._resource)
        names = [*self._resource.item_names, "_extra"]
        columns = dict(zip(names, zip(*cells, strict=True), strict=True))
        return pl.DataFrame({"_row": numbers, **columns}, schema={"_row": pl.Int64(), **{name: pl.String() for name in names}}).select(
            pl.lit(self._file, dtype=pl.String).alias("_file") if name == "_file" else
            pl.lit(None, dtype=pl.String).alias("_sheet") if name == "_sheet" else pl.col(name)
            for name in schema
        )  # fmt: skip

    def _presentable(self, numbers: list[int], cells: list[list[str | None]]) -> list[list[str | None]]:
        """The cells with what no text can hold shown as its escape; their rows are noted."""
        shown = []
        for row, line in zip(numbers, cells, strict=True):
            seen = [None if cell is None else storable(cell) for cell in line]
            if seen != line:
                self.irregular.append(RowNote(None, row, "bad_escape"))
            shown.append(seen)
        return shown


def _free(name: str, taken: dict[str, str]) -> str:
    """The name itself, or ``name#2`` when a member named twice took it."""
    label, count = name, 1
    while label in taken:
        count += 1
        label = f"{name}#{count}"
    return label


def no_records(file: str) -> IngestionError:
    return IngestionError.of("reading.no_records", code="ingestion.header", file=file)

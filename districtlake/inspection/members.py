"""JSON without a catalogue entry: where arrays of records lie, and their members as columns in the order they are first met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from districtlake.ingestion.cells import refuse_columns
from districtlake.ingestion.json_text import storable
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.report import RowNote

_DEPTH = 5
_BATCH = 20_000
"""So many records lie in memory as Python's objects, some ten times as large as their texts."""


def places_of(document: Any) -> list[tuple[str, ...]]:
    """Places of arrays of objects in an object, the longest first; none for an array at the root."""
    found = list(_arrays(document, [], 0))
    found.sort(key=lambda pair: -pair[1])
    return [place for place, _ in found]


def _arrays(value: Any, above: list[str], depth: int) -> Iterator[tuple[tuple[str, ...], int]]:
    if not isinstance(value, dict) or depth > _DEPTH:
        return
    for name, inner in value.items():
        if isinstance(inner, list) and inner and all(isinstance(element, dict) for element in inner):
            yield (*above, name), len(inner)
        elif isinstance(inner, dict):
            yield from _arrays(inner, [*above, name], depth + 1)


class OpenCollector:
    """Takes records one by one; every member is a column."""

    def __init__(self, file: str, limits: Limits):
        self._file, self._limits = file, limits
        self._names: dict[str, int] = {}
        self._rows: list[tuple[int, dict[int, str]]] = []
        self._parts: list[pl.DataFrame] = []
        self._numbers: list[int] = []
        self._notes: list[RowNote] = []

    def knows(self, name: str) -> bool:
        return False

    def enough(self, names: Iterable[str]) -> bool:
        return any(True for _ in names)

    def add(self, row: int, values: Iterable[tuple[str, str | None]], reasons: Iterable[str] = ()) -> None:
        cells: dict[int, str] = {}
        for name, text in values:
            label, again = name, 1
            while (at := self._names.get(label)) is not None and at in cells:
                again += 1
                label = f"{name}#{again}"
            if at is None:
                at = self._names[label] = len(self._names)
                refuse_columns(len(self._names), self._file, self._limits)
            cells[at] = text or ""
        self._notes.extend(RowNote(None, row, reason) for reason in reasons)
        self._rows.append((row, cells))
        if len(self._rows) == _BATCH:
            self._flush()

    def finish(self) -> tuple[list[str], pl.DataFrame, list[RowNote], list[int]]:
        """Names, cells (``c0`` …), notes, and the number of each record."""
        self._flush()
        names = [storable(name) for name in self._names]
        self._notes.sort(key=lambda note: note.row)
        return names, pl.concat(self._parts, how="diagonal") if self._parts else pl.DataFrame(), self._notes, self._numbers

    def _flush(self) -> None:
        """The records so far as columns: those that came up by now; later ones are empty in them."""
        if not self._rows:
            return
        columns = {}
        for at in range(len(self._names)):
            texts = [self._kept(row, text) if (text := cells.get(at)) else None for row, cells in self._rows]
            columns[f"c{at}"] = pl.Series(texts, dtype=pl.String)
        self._parts.append(pl.DataFrame(columns, height=len(self._rows)))
        self._numbers.extend(row for row, _ in self._rows)
        self._rows.clear()

    def _kept(self, row: int, text: str) -> str:
        """The text as it can be stored; where that is an escape, the record is noted."""
        shown = storable(text)
        if shown != text and RowNote(None, row, "bad_escape") not in self._notes:
            self._notes.append(RowNote(None, row, "bad_escape"))
        return shown

"""Finding the header of a table, and which column holds which catalogue item."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from districtlake.catalog.models import Resource
from districtlake.catalog.parts import normal_text as normal

__all__ = ["Header", "HeaderFinder", "joined_header", "normal"]


@dataclass(frozen=True)
class Header:
    """A header row.

    Attributes:
        row: 1-based, as a person sees it.
        texts: one per column; "" where the cell is empty.
        columns: item -> index of its column.
        rows: how many rows make it, ``row`` being the first.
    """

    row: int
    texts: tuple[str, ...]
    columns: dict[str, int]
    rows: int = 1

    def label(self, index: int, first_column: int = 0) -> str:
        """The header of a column; ``#5`` for the fifth column if it has none; ``text#5`` for a text seen further left."""
        text = self.texts[index].strip() if index < len(self.texts) else ""
        if not text:
            return f"#{index + first_column + 1}"
        if text in (earlier.strip() for earlier in self.texts[:index]):
            return f"{text}#{index + first_column + 1}"
        return text


def joined_header(rows: Sequence[Sequence[str | None]]) -> list[str]:
    """One text a column from several header rows, joined by blanks; a group's title stands over each column below it."""
    width = max((len(row) for row in rows), default=0)
    lines = []
    for at, row in enumerate(rows):
        cells = [(row[column] or "") if column < len(row) else "" for column in range(width)]
        below = [any(column < len(lower) and (lower[column] or "").strip() for lower in rows[at + 1 :]) for column in range(width)]
        for column in range(1, width):
            if not cells[column].strip() and below[column] and below[column - 1] and cells[column - 1].strip():
                cells[column] = cells[column - 1]
        lines.append(cells)
    if len(lines) == 1:
        return lines[0]
    return [" ".join(part.strip() for part in parts if part.strip()) for parts in zip(*lines, strict=True)]


class HeaderFinder:
    """Recognises a resource's header by titles, then names, then aliases."""

    def __init__(self, resource: Resource, max_rows: int):
        self.max_rows = max_rows
        self._items: dict[str, str] = {}
        for spellings in (
            [(item.title, item.name) for item in resource.items],
            [(item.name, item.name) for item in resource.items],
            [(alias, item.name) for item in resource.items for alias in item.aliases],
        ):
            for text, item in spellings:
                self._items.setdefault(normal(text), item)
        self._required = frozenset(item.name for item in resource.items if item.required or item.name in resource.key)
        self._total = len(resource.items)

    def item(self, text: str) -> str | None:
        """The item whose title, name or alias a text is."""
        return self._items.get(normal(text))

    def columns(self, cells: Sequence[str | None]) -> dict[str, int]:
        """Item -> index of the first cell that is one of its headers."""
        found: dict[str, int] = {}
        for index, cell in enumerate(cells):
            item = self.item(cell) if cell else None
            if item is not None:
                found.setdefault(item, index)
        return found

    def find(self, rows: Iterable[tuple[int, Sequence[str | None]]], count: int = 1) -> Header | None:
        """The first of the rows (number, cells) that names the most items: at least two, or half of the required ones, or all.

        Args:
            count: so many rows together make the header (``source.header_rows``).
        """
        if count > 1:
            listed = list(islice(rows, self.max_rows + count))
            windows = (listed[at : at + count] for at in range(len(listed) - count + 1))
            joined = self.find((part[0][0], joined_header([cells for _, cells in part])) for part in windows)
            return None if joined is None else replace(joined, rows=count)
        best: Header | None = None
        seen = 0
        for number, cells in rows:
            if not any(cell and cell.strip() for cell in cells):
                continue
            seen += 1
            if seen > self.max_rows:
                break
            found = self.columns(cells)
            if self.enough(found) and (best is None or len(found) > len(best.columns)):
                best = Header(number, tuple(cell or "" for cell in cells), found)
        return best

    def enough(self, found: Collection[str]) -> bool:
        """Whether these items make a header: two, half of the required ones, or all."""
        required = len(self._required.intersection(found))
        return len(found) >= 2 or (required > 0 and 2 * required >= len(self._required)) or 0 < len(found) == self._total

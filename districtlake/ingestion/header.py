"""Finding the header of a table, and which column holds which catalogue item."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from districtlake.catalog.models import Resource

_IGNORED = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_MARKS = "*★☆:"  # forms mark required columns with a star


@dataclass(frozen=True)
class Header:
    """A header row.

    Attributes:
        row: 1-based, as a person sees it.
        texts: one per column; "" where the cell is empty.
        columns: item -> index of its column.
    """

    row: int
    texts: tuple[str, ...]
    columns: dict[str, int]

    def label(self, index: int, first_column: int = 0) -> str:
        """The header of a column; ``#5`` for the fifth column if it has none; ``text#5`` for a text seen further left."""
        text = self.texts[index].strip() if index < len(self.texts) else ""
        if not text:
            return f"#{index + first_column + 1}"
        if text in (earlier.strip() for earlier in self.texts[:index]):
            return f"{text}#{index + first_column + 1}"
        return text


def normal(text: str) -> str:
    """A header reduced to what makes it itself: width, case, blanks, line breaks and required-marks do not."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", text)).casefold().strip(_MARKS)


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

    def find(self, rows: Iterable[tuple[int, Sequence[str | None]]]) -> Header | None:
        """The first of the rows (number, cells) that names the most items: at least two, or half of the required ones, or all."""
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

"""What inspection finds: files of tables, tables of text cells, and the decisions that led there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from districtlake.ingestion.report import RowNote, RowNotes


@dataclass(frozen=True)
class Decision:
    """One thing that was decided without being told.

    Attributes:
        what: ``encoding`` ``delimiter`` ``quote`` ``escape`` ``header`` ``tables`` …
        value: what was decided, as an option would say it.
        evidence: why, in Chinese, without cells.
        alternatives: what else was possible, best first.
        option: how to decide otherwise, for example ``--delimiter``.
        certain: False: a likeness only; a person should confirm it.
    """

    what: str
    value: str
    evidence: str
    alternatives: tuple[str, ...] = ()
    option: str = ""
    certain: bool = True

    def as_dict(self) -> dict[str, Any]:
        return {"what": self.what, "value": self.value, "evidence": self.evidence, "alternatives": list(self.alternatives),
                "option": self.option, "certain": self.certain}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What a person said about a file; None: find it. Numbers of rows count from 1 as an editor shows them.

    Attributes:
        header_row: 0: the table has no header.
        header_rows: how many rows make the header.
        skip: physical rows at the top that are passed over; ``footer``: rows at the end.
        records: place of the records in a JSON document.
        as_is: every row is a row: no title, header, banner or footer is looked for (the first row stays the header).
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    comment: str | None = None
    header_row: int | None = None
    header_rows: int | None = None
    skip: int = 0
    footer: int = 0
    sheet: str | None = None
    records: str | None = None
    as_is: bool = False


@dataclass
class Noted:
    """Rows passed over and rows that are not simply data, counted by reason, the first listed."""

    skipped: list[RowNote] = field(default_factory=list)
    irregular: list[RowNote] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def odd(self, note: RowNote) -> None:
        self.counts[note.reason] += 1
        if len(self.irregular) < 1000:
            self.irregular.append(note)

    def as_dict(self) -> dict[str, Any]:
        passed = RowNotes.of(self.skipped)
        return {
            "skipped": passed.as_dict(),
            "irregular": {"counts": dict(self.counts), "first": [note.as_list() for note in self.irregular]},
        }


@dataclass
class FoundTable:
    """One table.

    Attributes:
        name: of its sheet or member, "" where there is only one; ``at``: its number in the file, from 0.
        header: one text a column; made up (``column_1`` …) where ``generated``. A column of surplus cells has "".
        header_rows: rows the header stands on; empty where there is none.
        batches: gives the rows, String columns ``c0`` … and ``_row`` (Int64, where each begins), in frames; may widen the table.
        hidden: its sheet is hidden.
        streamed: too long for a look at every row: titles and footers were looked for at both ends only.
    """

    name: str
    at: int
    header: list[str]
    header_rows: tuple[int, ...]
    batches: Callable[[], Iterator[pl.DataFrame]]
    noted: Noted = field(default_factory=Noted)
    decisions: list[Decision] = field(default_factory=list)
    generated: bool = False
    hidden: bool = False
    streamed: bool = False
    estimated_rows: int = 0

    @property
    def width(self) -> int:
        return len(self.header)

    def labels(self) -> list[str]:
        """Names of the columns, each one different: ``#5`` for a column without, ``name#5`` for a name seen further left."""
        seen: set[str] = set()
        found: list[str] = []
        for number, text in enumerate(self.header, 1):
            label = " ".join(text.split()) or f"#{number}"
            if label in seen:
                label = f"{label}#{number}"
            seen.add(label)
            found.append(label)
        return found

    def frame(self) -> pl.DataFrame:
        """All rows; for tables that fit into memory."""
        parts = list(self.batches())
        return pl.concat(parts, how="diagonal") if parts else pl.DataFrame(schema={"_row": pl.Int64()})


@dataclass
class FoundFile:
    """One file: its format as ``ReadReport`` names it, its tables, and what was decided about the whole."""

    name: str
    format: str
    size: int
    tables: list[FoundTable] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    encoding: str = ""
    dialect: dict[str, Any] = field(default_factory=dict)

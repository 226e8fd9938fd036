"""One file of one day: which records it holds, in which form, and the answer book's lines for it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from districtlake.demo.files import Csv, Excel
from districtlake.demo.schedule import Day
from districtlake.demo.spelling import Cell
from districtlake.demo.tables import Record, Table, written, written_twin
from districtlake.demo.truth import TruthLine

_Row = tuple[list[Cell], Record | None, bool]  # cells; the record when it carries a fault; whether an exact duplicate


@dataclass(frozen=True)
class Delivery:
    """A file to be written. Written before the district lives on: it shows the records as they are now.

    ``copies``: how many clean rows are delivered twice. ``renamed``: header -> the header used today.
    ``unknown``: header and text of a column the catalogue does not know.
    """

    day: Day
    table: Table
    title: str
    form: Csv | Excel
    records: Sequence[Record]
    copies: int = 0
    renamed: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        return f"{self.title}_{self.day.today:%Y%m%d}.{'csv' if isinstance(self.form, Csv) else 'xlsx'}"

    @property
    def path(self) -> str:
        """Below the inbox."""
        return f"{self.day.today:%Y-%m-%d}/{self.table.agency}/{self.name}"

    def write(self) -> tuple[bytes, list[TruthLine]]:
        placed = self._placed()
        rows = [cells for cells, _, _ in placed]
        headers = [dict(self.renamed).get(header, header) for header in self.table.headers]
        if self.unknown is not None:
            headers.append(self.unknown[0])
            rows = [[*cells, self.unknown[1]] for cells in rows]
        lines: list[TruthLine] = []
        for row, (cells, record, copy) in zip(self.form.lines(rows), placed, strict=True):
            if record is not None or copy:
                lines += self._lines(row, cells, record)
        footer = self.form.footer(rows)
        if footer is not None:
            lines.append(self._harmless(footer, {}, "footer"))
        return self.form.content(headers, rows), lines

    def _placed(self) -> list[_Row]:
        """The rows in file order: each record, the twins and copies somewhere below their firsts."""
        rng = self.day.chance(f"file/{self.name}")
        below: list[tuple[int, _Row]] = []
        for place, record in enumerate(self.records):
            if record.fault is not None and record.fault.twin is not None:
                below.append((rng.randint(place, len(self.records) - 1), (written_twin(self.table, record), record, False)))
        clean = [place for place, record in enumerate(self.records) if record.fault is None]
        for place in sorted(rng.sample(clean, min(self.copies, len(clean)))):
            below.append((rng.randint(place, len(self.records) - 1), (written(self.table, self.records[place]), None, True)))
        below.sort(key=lambda extra: extra[0])
        after = [place for place, _ in below]
        rows: list[_Row] = []
        done = 0
        for place, record in enumerate(self.records):
            rows.append((written(self.table, record), record if record.fault is not None else None, False))
            upto = bisect_right(after, place)
            rows.extend(row for _, row in below[done:upto])
            done = upto
        return rows

    def _lines(self, row: int, cells: list[Cell], record: Record | None) -> list[TruthLine]:
        key = {item: str(cells[self.table.places[item]]) for item in self.table.key}
        if record is None or record.fault is None:
            return [self._harmless(row, key, "exact_duplicate")]
        fault = record.fault
        return [
            TruthLine(
                day=f"{self.day.today}",
                agency=self.table.agency,
                resource=self.table.resource,
                file=self.name,
                sheet=self.form.sheet,
                row=row,
                key=key,
                item=item,
                fault=fault.slug,
                rule=rule,
                fate=fault.fate,
                first_day=fault.since == self.day.index,
            )
            for item, rule in ((fault.item, fault.rule), *((item, rule) for item, rule, _ in fault.also))
        ]

    def _harmless(self, row: int, key: dict[str, str], fault: str) -> TruthLine:
        return TruthLine(
            day=f"{self.day.today}",
            agency=self.table.agency,
            resource=self.table.resource,
            file=self.name,
            sheet=self.form.sheet,
            row=row,
            key=key,
            item="",
            fault=fault,
            rule=None,
            fate="duplicate" if fault == "exact_duplicate" else "footer",
            first_day=True,
        )

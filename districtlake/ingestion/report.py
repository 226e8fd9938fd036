"""The receipt of one reading: what was found, what was passed over and why, and what differs from the delivery before.

It speaks of headers (without the numbers of persons), row numbers and counts, never of cells: it may be shown, logged and stored anywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from districtlake.standards.masking import mask_numbers

MAX_LISTED = 1000
"""So many rows are listed one by one; the counts are always whole."""


@dataclass(frozen=True)
class RowNote:
    """One row that is not simply data. ``row`` counts from 1 as a person sees it.

    Reasons of skipped rows: ``title`` ``blank`` ``banner`` ``footer`` ``comment`` ``repeated_header``. Reasons of irregular rows, which are delivered all the
    same: ``too_few_fields`` (padded with null), ``too_many_fields`` (surplus kept in ``_extra``), ``unclosed_quote`` (its quote
    taken as a character), ``text_after_quote``, ``stray_quote`` (quotes nobody doubled, taken as characters); of records: ``duplicate_key`` (a member named twice: the first is taken, the other
    kept in ``_extra``), ``not_json`` and ``not_an_object`` (delivered as a row without items, its text in ``_extra``), ``not_a_number``
    (NaN or Infinity, kept as that word), ``bad_escape`` (half a surrogate pair or a NUL, shown as its escape).
    """

    sheet: str | None
    row: int
    reason: str

    def as_list(self) -> list[str | int | None]:
        return [self.sheet, self.row, self.reason]


@dataclass(frozen=True)
class RowNotes:
    """Counts by reason, and the first ``MAX_LISTED`` notes."""

    counts: dict[str, int] = field(default_factory=dict, hash=False)
    first: tuple[RowNote, ...] = ()

    @classmethod
    def of(cls, notes: Iterable[RowNote]) -> RowNotes:
        return cls().and_then(notes)

    def and_then(self, notes: Iterable[RowNote]) -> RowNotes:
        """With those of the next part of the file."""
        counts, first = Counter(self.counts), list(self.first)
        for note in notes:
            counts[note.reason] += 1
            if len(first) < MAX_LISTED:
                first.append(note)
        return RowNotes(dict(counts), tuple(first))

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def as_dict(self) -> dict[str, Any]:
        return {"counts": dict(self.counts), "first": [note.as_list() for note in self.first]}


@dataclass(frozen=True)
class SheetReport:
    """One sheet of a workbook. ``reason`` says why it was skipped; empty for a sheet that was read."""

    name: str
    read: bool
    header_row: int | None = None
    rows: int = 0
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"name": mask_numbers(self.name), "read": self.read, "header_row": self.header_row, "rows": self.rows, "reason": self.reason}


@dataclass(frozen=True)
class ReadReport:
    """What reading one file found.

    Attributes:
        format: "csv" (any delimited text), "xlsx", "xls", "ods", "json", "ndjson", "geojson" or "parquet".
        encoding: as Python names it; "" for workbooks and Parquet.
        delimiter: "" for all but delimited text.
        header_row: of the text file, or of the first sheet that was read; None where records name their values themselves.
        records: place of the records in a JSON document, for example "features"; "" at the root and in other formats.
        member: the file inside a zip or gzip delivery; "" when it came unpacked.
        rows: data rows delivered, skipped ones not counted.
        columns: header as written -> item.
        missing: item -> title, of items for which at least one table that was read has no column.
        unexpected: headers the catalogue does not know; their cells are in ``_extra``. ``#5`` is a column without a header.
    """

    format: str
    encoding: str = ""
    delimiter: str = ""
    header_row: int | None = None
    records: str = ""
    member: str = ""
    sheets: tuple[SheetReport, ...] = ()
    rows: int = 0
    columns: dict[str, str] = field(default_factory=dict, hash=False)
    missing: dict[str, str] = field(default_factory=dict, hash=False)
    unexpected: tuple[str, ...] = ()
    skipped: RowNotes = RowNotes()
    irregular: RowNotes = RowNotes()
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-safe; what ``drift`` takes."""
        return {
            "format": self.format,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "header_row": self.header_row,
            "records": self.records,
            "member": mask_numbers(self.member),
            "sheets": [sheet.as_dict() for sheet in self.sheets],
            "rows": self.rows,
            "columns": dict(self.columns),
            "missing": dict(self.missing),
            "unexpected": [mask_numbers(header) for header in self.unexpected],
            "skipped": self.skipped.as_dict(),
            "irregular": self.irregular.as_dict(),
            "warnings": list(self.warnings),
        }


def drift(previous: dict[str, Any] | None, current: dict[str, Any]) -> dict[str, Any]:
    """What changed in the form of a delivery since the one before; ``{}`` when nothing did or there is none before.

    Both arguments are ``ReadReport.as_dict()``. Keys of the answer, each present only if it says something: ``format``,
    ``encoding``, ``delimiter``, ``header_row``, ``records`` ({"before", "after"}), ``columns_gone`` and ``columns_come`` (items),
    ``headers_renamed`` (item -> {"before", "after"}), ``order_changed`` (True), ``unexpected_gone``, ``unexpected_come``,
    ``sheets_gone``, ``sheets_come``. The number of rows is not drift: the drop guard judges it.
    """
    if not previous:
        return {}
    found: dict[str, Any] = {}
    for key in ("format", "encoding", "delimiter", "header_row"):
        if previous.get(key) != current.get(key):
            found[key] = {"before": previous.get(key), "after": current.get(key)}
    if (previous.get("records") or "") != (current.get("records") or ""):  # receipts of old do not have it
        found["records"] = {"before": previous.get("records") or "", "after": current.get("records") or ""}
    before = {item: header for header, item in (previous.get("columns") or {}).items()}
    after = {item: header for header, item in (current.get("columns") or {}).items()}
    _put(found, "columns_gone", [item for item in before if item not in after])
    _put(found, "columns_come", [item for item in after if item not in before])
    renamed = {item: {"before": header, "after": after[item]} for item, header in before.items() if item in after and after[item] != header}
    _put(found, "headers_renamed", renamed)
    if [item for item in before if item in after] != [item for item in after if item in before]:
        found["order_changed"] = True
    _compare(found, "unexpected", previous.get("unexpected") or [], current.get("unexpected") or [])
    _compare(found, "sheets", _read_sheets(previous), _read_sheets(current))
    return found


def _read_sheets(report: dict[str, Any]) -> list[str]:
    return [sheet["name"] for sheet in report.get("sheets") or [] if sheet["read"]]


def _compare(found: dict[str, Any], name: str, before: list[str], after: list[str]) -> None:
    _put(found, f"{name}_gone", [value for value in before if value not in after])
    _put(found, f"{name}_come", [value for value in after if value not in before])


def _put(found: dict[str, Any], key: str, value: list[str] | dict[str, Any]) -> None:
    if value:
        found[key] = value

"""From a table's cells to the raw frame: columns put under their items, rows that are no data passed over and noted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.ingestion.footers import is_footer
from districtlake.ingestion.header import Header
from districtlake.ingestion.report import RowNote

_BARE = re.compile(r"[0-9A-Za-z-]+")


@dataclass(frozen=True)
class Table:
    """The cells below one header, as they were read.

    Attributes:
        header: where it stood and what it names.
        cells: String columns ``c0`` ``c1`` ... in the order of the sheet, null for empty cells.
        rows: Int64, the row each line of ``cells`` starts on.
        sheet: None for text.
        first_column: how many columns lie left of ``c0``.
        surplus: position in ``cells`` -> cells beyond its last column (text with too many delimiters).
        notes: what was already noted while reading (titles above the header, blank lines).
        irregular: position in ``cells`` -> reason.
        every_row: the format itself says what is a row (Parquet): none is taken for a banner or a footer.
    """

    header: Header
    cells: pl.DataFrame
    rows: pl.Series
    sheet: str | None = None
    first_column: int = 0
    surplus: dict[int, list[str]] = field(default_factory=dict)
    notes: tuple[RowNote, ...] = ()
    irregular: dict[int, str] = field(default_factory=dict)
    every_row: bool = False


@dataclass(frozen=True)
class Assembled:
    """A table as part of the raw frame, and what is to be said about it."""

    frame: pl.DataFrame
    skipped: list[RowNote]
    irregular: list[RowNote]
    unexpected: list[str]


def raw_schema(resource: Resource) -> dict[str, pl.DataType]:
    """The columns of the raw frame, in order (docs/architecture.md)."""
    schema: dict[str, pl.DataType] = {"_file": pl.String(), "_sheet": pl.String(), "_row": pl.Int64()}
    schema.update({item.name: pl.String() for item in resource.items})
    schema["_extra"] = pl.String()
    return schema


def assemble(table: Table, resource: Resource, file: str) -> Assembled:
    """The raw frame of one table. Every row is delivered or noted as skipped; a row with two filled items is always delivered."""
    skipped = list(table.notes)
    skip = _skipped(table, resource)
    skipped.extend(RowNote(table.sheet, row, reason) for row, reason in zip(table.rows.gather(list(skip)), skip.values(), strict=True))
    irregular = [RowNote(table.sheet, table.rows[at], reason) for at, reason in sorted(table.irregular.items()) if at not in skip]

    extra, unexpected = _extra(table, skip)
    frame = (
        table.cells.select(
            pl.lit(file, dtype=pl.String).alias("_file"),
            pl.lit(table.sheet, dtype=pl.String).alias("_sheet"),
            pl.lit(table.rows).alias("_row"),
            *(
                pl.col(f"c{table.header.columns[item]}").alias(item)
                if item in table.header.columns
                else pl.lit(None, dtype=pl.String).alias(item)
                for item in resource.item_names
            ),
            pl.lit(extra).alias("_extra"),
        )
        if table.cells.height
        else pl.DataFrame(schema=raw_schema(resource))
    )
    if skip:
        keep = pl.Series([True]).new_from_index(0, frame.height).scatter(list(skip), False)
        frame = frame.filter(keep)
    return Assembled(frame, skipped, irregular, unexpected)


def _filled(column: str) -> pl.Expr:
    return (pl.col(column).str.strip_chars() != "").fill_null(False)


def _skipped(table: Table, resource: Resource) -> dict[int, str]:
    """Position -> reason, for the rows that are no data."""
    cells = table.cells
    catalogued = [f"c{index}" for index in sorted(set(table.header.columns.values()))]
    if not cells.height or table.every_row:
        return {}
    # Nearly every row is decided by its two fullest columns; only the rest pays for a look at every cell.
    fullest = sorted(catalogued, key=lambda name: cells[name].null_count())[:2]
    undecided = cells.with_row_index("_at")
    if len(fullest) == 2:
        undecided = undecided.filter(~(_filled(fullest[0]) & _filled(fullest[1])))
    undecided = undecided.with_columns(
        pl.sum_horizontal(_filled(name) for name in catalogued).alias("_items"),
        pl.sum_horizontal(_filled(name) for name in cells.columns).alias("_cells"),
    ).filter(pl.col("_items") <= 1)
    if not undecided.height:
        return {}
    must = [item.name for item in resource.items if item.required or item.name in resource.key]
    required = {f"c{table.header.columns[name]}" for name in must if name in table.header.columns}
    found: dict[int, str] = {}
    for line in undecided.iter_rows(named=True):
        if line["_at"] not in table.surplus and (reason := _reason(line, cells.columns, required)):
            found[line["_at"]] = reason
    return found


def _reason(line: dict[str, str | None], columns: list[str], required: set[str]) -> str | None:
    """Why a row with at most one filled item is no data; None if it is."""
    filled = [name for name in columns if (text := line[name]) and text.strip()]
    if not filled:
        return "blank"
    first = str(line[filled[0]])
    if is_footer(first):
        return "footer"
    if len(columns) < 3:
        return None
    if len(filled) == 1:
        # A merged banner lies in the leftmost cell, in words. A lone value elsewhere under a required item, or one
        # that looks like a key, is a row with everything else missing: delivered, so that its agency is told.
        only, bare = filled[0], _BARE.fullmatch(first.strip())
        return None if (only in required and (only != columns[0] or bare)) or (bare and not required) else "banner"
    return "banner" if filled[0] == columns[0] and required and not required.intersection(filled) else None


def _extra(table: Table, skip: dict[int, str]) -> tuple[pl.Series, list[str]]:
    """The JSON objects of cells outside the catalogue, and the headers they came under."""
    cells, header = table.cells, table.header
    known = set(header.columns.values())
    labels: dict[str, str] = {}
    for index in range(cells.width):
        if index not in known and (header.label(index)[0] != "#" or cells[f"c{index}"].null_count() < cells.height):
            labels[f"c{index}"] = header.label(index, table.first_column)
    # Without the braces, so that parts can be joined; a null part leaves nothing behind.
    parts: list[pl.Expr] = [
        pl.when(pl.col(name).is_not_null()).then(pl.struct(pl.col(name).alias(label)).struct.json_encode().str.head(-1).str.tail(-1))
        for name, label in labels.items()
        if cells[name].null_count() < cells.height
    ]
    unexpected = list(labels.values())
    if table.surplus:
        surplus: list[str | None] = [None] * cells.height
        for at, texts in table.surplus.items():
            named = {f"#{cells.width + table.first_column + offset}": text for offset, text in enumerate(texts, 1) if text}
            unexpected.extend(label for label in named if label not in unexpected)
            surplus[at] = json.dumps(named, ensure_ascii=False, separators=(",", ":"))[1:-1]
        parts.append(pl.lit(pl.Series(surplus, dtype=pl.String)))
    if not parts or not cells.height:
        return pl.Series([None], dtype=pl.String).new_from_index(0, cells.height), unexpected
    joined = cells.select(pl.concat_str(parts, separator=",", ignore_nulls=True).alias("_extra"))
    return joined.select(pl.when(pl.col("_extra") != "").then("{" + pl.col("_extra") + "}").alias("_extra")).to_series(), unexpected


def titles_above(rows: Iterator[tuple[int, tuple[str | None, ...]]], header_row: int, sheet: str | None) -> Iterator[RowNote]:
    """Notes for what stands above the header."""
    for number, cells in rows:
        if number >= header_row:
            return
        yield RowNote(sheet, number, "title" if any(cell and cell.strip() for cell in cells) else "blank")

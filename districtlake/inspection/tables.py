"""From a region of a grid to a ``FoundTable``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from districtlake.ingestion.report import RowNote
from districtlake.inspection.found import Decision, FoundTable
from districtlake.inspection.layout import Region, Row, header_texts


def table_of_region(region: Region, name: str, at: int, skipped: Sequence[RowNote] = (), empty_right: bool = False) -> FoundTable:
    """A table of rows that are held in memory. Columns right of the header and of every cell are left out (``empty_right``: sheets have
    such by formats alone)."""
    width = max((len(row.cells) for row in (*region.header, *region.body)), default=0)
    if empty_right:
        width = max((_extent(row) for row in (*region.header, *region.body)), default=0)
    sheet = name or None
    generated = not region.header
    header = header_texts(region.header, width) if region.header else [f"column_{number}" for number in range(1, width + 1)]
    table = FoundTable(name, at, header, tuple(row.number for row in region.header), lambda: iter(()), generated=generated)
    numbers = "+".join(str(row.number) for row in region.header) or "none"
    evidence = region.evidence if region.header else f"{region.evidence}；列名为自动生成"
    table.decisions.append(Decision("header", numbers, evidence, option="--header-row", certain=region.certain))
    table.noted.skipped.extend(skipped)
    table.noted.skipped.extend(RowNote(sheet, row.number, "title" if row.filled else "blank") for row in region.titles)
    table.noted.skipped.extend(RowNote(sheet, row.number, reason) for row, reason in region.passed)
    table.noted.skipped.sort(key=lambda note: note.row)
    expected = max((len(row.cells) for row in region.header), default=width)
    for row in region.body:
        reason = row.reason
        if reason is None and not empty_right and len(row.cells) != expected:
            reason = "too_few_fields" if len(row.cells) < expected else "too_many_fields" if any(row.cells[expected:]) else None
        if reason:
            table.noted.odd(RowNote(sheet, row.number, reason))
    table.estimated_rows = len(region.body)
    frame = rows_table(region.body, width)

    def batches() -> Iterator[pl.DataFrame]:
        yield frame

    table.batches = batches
    return table


def rows_table(rows: Sequence[Row], width: int) -> pl.DataFrame:
    """Rows as a frame: ``c0`` … (null for empty cells) and ``_row``."""
    schema = {f"c{at}": pl.String() for at in range(width)}
    padded = [row.cells + ("",) * (width - len(row.cells)) if len(row.cells) < width else row.cells[:width] for row in rows]
    frame = pl.DataFrame(dict(zip(schema, zip(*padded, strict=True), strict=True)) if padded and width else None, schema=schema)
    if width:
        frame = frame.select(pl.when(pl.all() != "").then(pl.all()))
    return frame.with_columns(pl.Series("_row", [row.number for row in rows], dtype=pl.Int64))


def _extent(row: Row) -> int:
    return next((at for at in range(len(row.cells), 0, -1) if row.cells[at - 1]), 0)

"""What a file reads as, without configuration: for tests that compare cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from districtlake.ingestion.limits import Limits
from districtlake.inspection.found import FoundTable, Wanted
from districtlake.inspection.read import opened


def rows_of(table: FoundTable) -> list[list[str]]:
    """The body, empty cells as ""."""
    return [[cell or "" for cell in line[:-1]] for batch in table.batches() for line in batch.iter_rows()]


def grids(path: Path, name: str | None = None, **wanted: Any) -> list[list[list[str]]]:
    """Every table with its header first (a made up one left out)."""
    with opened(path, name or path.name, Wanted(**wanted), Limits()) as found:
        return [([] if table.generated or not table.width else [list(table.header)]) + rows_of(table) for table in found.tables]


def trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Without empty cells at the ends of rows, and without empty rows: what expectations of other tools leave open."""
    kept = []
    for row in rows:
        end = next((at for at in range(len(row), 0, -1) if row[at - 1]), 0)
        kept.append(row[:end])
    return [row for row in kept if row]

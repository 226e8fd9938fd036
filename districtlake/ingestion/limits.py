"""What one delivered file may cost the machine that reads it."""

from __future__ import annotations

from dataclasses import dataclass

from districtlake.settings import Settings


@dataclass(frozen=True)
class Limits:
    """Bounds checked before or while reading, never after.

    Attributes:
        max_bytes: size of the file, and of everything packed in it together, unpacked.
        max_line_bytes: one physical line of text; also one record whose quoted fields span lines, and one JSON record (in characters).
        max_columns: columns of one table.
        max_cells: rows x columns of the smallest rectangle around a sheet's filled cells: the reader allocates 32 bytes for each.
        max_ratio: unpacked to packed size of a zip or gzip (deflate itself ends near 1,030; workbooks seldom pass 50).
        max_depth: how deep a value inside a JSON record may be nested.
        header_rows: the header must be among so many first non-blank rows.
    """

    max_bytes: int = 4 << 30
    max_line_bytes: int = 16 << 20
    max_columns: int = 1000
    max_cells: int = 60_000_000
    max_ratio: int = 200
    max_depth: int = 64
    header_rows: int = 50

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(max_bytes=settings.max_file_mb << 20)

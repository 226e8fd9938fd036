"""What was read, written as CSV: UTF-8, comma, header first, RFC 4180 quoting, every cell as the file shows it."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import polars as pl

from districtlake.inspection.found import FoundTable

_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


class CsvWriter:
    """Writes a table batch by batch beside its final name and puts it there when it is whole."""

    def __init__(self, path: Path, header: Iterable[str]):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part = path.with_name(path.name + ".part")
        self._width = len(header := list(header))
        self._file: IO[bytes] = self._part.open("wb")
        self._file.write(_line(header))

    def add(self, batch: pl.DataFrame) -> None:
        cells = batch.drop("_row")
        missing = [pl.lit(None, dtype=pl.String).alias(f"c{at}") for at in range(cells.width, self._width)]
        if missing:
            cells = cells.with_columns(missing)
        if cells.height and cells.width:
            cells.write_csv(self._file, include_header=False, line_terminator="\n", quote_style="necessary")

    def finish(self, header: list[str]) -> None:
        """Put the file in place; where rows widened the table, every line gets as many cells as the header."""
        self._file.close()
        if len(header) > self._width:
            widened = self._part.with_name(self._part.name + "2")
            csv.field_size_limit(1 << 30)
            with self._part.open(encoding="utf-8", newline="") as before, widened.open("wb") as after:
                lines = csv.reader(before)
                next(lines, None)
                after.write(_line(header))
                for line in lines:
                    after.write(_line([*line, *[""] * (len(header) - len(line))]))
            self._part.unlink()
            self._part = widened
        os.replace(self._part, self.path)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def _line(cells: Iterable[str]) -> bytes:
    texts = [f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(char in cell for char in ',"\r\n') else cell for cell in cells]
    if len(texts) == 1 and not texts[0]:
        texts = ['""']
    return (",".join(texts) + "\n").encode("utf-8", "backslashreplace")


def targets(tables: list[FoundTable], to: Path) -> dict[int, Path]:
    """Table -> file: the first visible table goes to ``to`` itself, every other one beside it, under the name of its sheet or its number.

    Hidden sheets are not written unless nothing else is there.
    """
    shown = [table for table in tables if not table.hidden and table.width] or [table for table in tables if table.width] or tables[:1]
    found: dict[int, Path] = {}
    stem = to.name.removesuffix(".csv")
    taken = {to.name}
    for number, table in enumerate(shown):
        if number == 0:
            found[table.at] = to
            continue
        part = _UNSAFE.sub("_", table.name).strip(" .") or str(number + 1)
        if part != str(number + 1) and f"{stem}.{part}.csv" in taken:
            part = f"{part}.{number + 1}"
        if table.name == shown[0].name:
            part = str(number + 1) if not table.name else f"{part}.{number + 1}" if f"{stem}.{part}.csv" in taken else part
        name = f"{stem}.{part}.csv"
        taken.add(name)
        found[table.at] = to.with_name(name)
    return found

"""The files of one resource side by side: the same columns in each, the rows as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from districtlake.errors import DistrictLakeError, IngestionError, OperationRefused
from districtlake.ingestion.header import normal
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.names import date_in, natural_key
from districtlake.inspection.found import FoundTable, Wanted
from districtlake.inspection.inspect import Inspected, InspectedTable, source_of
from districtlake.inspection.profile import SAMPLE_ROWS, TableProfile
from districtlake.inspection.read import opened

CORRECTION = re.compile("更正|补正|修正|correction", re.IGNORECASE)
"""What agencies call a file that holds corrected rows only: no evidence of what a whole delivery looks like."""


@dataclass(frozen=True)
class Sample:
    """One file: its rows as String columns named by the canonical titles; ``rows`` in the file, of which ``frame`` is an even sample."""

    path: Path
    day: date | None
    format: str
    frame: pl.DataFrame
    rows: int
    source: dict[str, Any]


@dataclass
class Gathered:
    """Attributes:
    titles: the columns in the order of the first file, then those that only later files have.
    samples: by the data's date, then the name.
    corrections: files named as corrections. ``left_out``: files and tables that are no part of it, one Chinese sentence each.
    """

    titles: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    corrections: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    spellings: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(sample.frame.height for sample in self.samples)

    @property
    def sampled(self) -> bool:
        return any(sample.frame.height < sample.rows for sample in self.samples)

    def renamed(self, elements: Mapping[str, str]) -> bool:
        """Columns that some files call otherwise (never both in one file, the same element) become one with two spellings; whether there were any.

        Args:
            elements: title -> the particular element it is, or "".
        """
        merged = False
        for title in list(self.titles):
            for first in self.titles[: self.titles.index(title)]:
                apart = not any(first in sample.frame.columns and title in sample.frame.columns for sample in self.samples)
                if apart and elements[title] and elements[title] == elements[first]:
                    self.samples = [
                        replace(sample, frame=sample.frame.rename({title: first})) if title in sample.frame.columns else sample
                        for sample in self.samples
                    ]
                    self.spellings[first] = [*self.spellings[first], *self.spellings.pop(title)]
                    self.titles.remove(title)
                    merged = True
                    break
        return merged

    def frame(self) -> pl.DataFrame:
        """All samples under each other; a column that a file lacks is null."""
        whole = [sample.frame.with_columns(pl.lit(at, dtype=pl.Int64).alias("_sample")) for at, sample in enumerate(self.samples)]
        return pl.concat(whole, how="diagonal").select("_sample", *self.titles)


def gather(
    paths: Sequence[Path], limits: Limits, sheet: str | None = None, progress: Callable[[int, int, str], None] = lambda at, of, name: None
) -> Gathered:
    """Read files of one kind.

    Raises:
        OperationRefused: none of them has a table with a header, or the files share too few columns to be one resource.
        IngestionError: the only file cannot be read.
    """
    found = Gathered()
    failures: list[DistrictLakeError] = []
    for at, path in enumerate(sorted(paths, key=lambda one: (date_in(one.name) or date.min, natural_key(one.name))), 1):
        progress(at, len(paths), path.name)
        if CORRECTION.search(path.name) and len(paths) > 1:
            found.corrections.append(path)
            continue
        try:
            _add(found, path, limits, sheet)
        except DistrictLakeError as error:
            failures.append(error)
            found.left_out.append(f"{path.name} 未能读取：{error.message}")
        except (OSError, UnicodeError, ArithmeticError, LookupError, RecursionError) as error:
            failures.append(IngestionError(f"{path.name} cannot be read: {type(error).__name__}.", code="ingestion.unreadable"))
            found.left_out.append(f"{path.name} 未能读取（{type(error).__name__}）")
    if not found.samples:
        if failures:
            raise failures[0]
        raise OperationRefused(
            "None of the files holds a table with a header and rows.", hint="See: districtlake inspect FILE; --sheet names another sheet."
        )
    return found


def _add(found: Gathered, path: Path, limits: Limits, sheet: str | None) -> None:
    with opened(path, path.name, Wanted(sheet=sheet), limits) as file:
        groups: dict[frozenset[str], list[FoundTable]] = {}
        for table in file.tables:
            if table.generated or not any(table.header) or table.hidden or not table.estimated_rows:
                continue
            groups.setdefault(frozenset(normal(text) for text in table.header if text.strip()), []).append(table)
        if not groups:
            found.left_out.append(f"{path.name} 没有带表头和数据行的表")
            return
        known = {normal(title) for title in found.titles}
        main = max(groups, key=lambda header: (len(header & known) if known else 0, sum(one.estimated_rows for one in groups[header])))
        if known and 2 * len(main & known) < len(main):
            found.left_out.append(f"{path.name} 的表头与前面的文件不同（{len(main)} 列中只有 {len(main & known)} 列相同），应另行起草")
            return
        for header, tables in groups.items():
            if header != main:
                found.left_out.append(f"{path.name} 的表“{tables[0].name or tables[0].at + 1}”另有表头，没有起草（--sheet 可指定）")
        parts, rows = [], 0
        for table in groups[main]:
            part, count = _rows(found, table)
            parts.append(part)
            rows += count
        inspected = Inspected(path, path.name, file, [InspectedTable(one, TableProfile(0, 0, [], [], 0)) for one in groups[main]])
        source = source_of(inspected)
        if sheet is not None:
            source["sheet"] = sheet
        records = next((one.value for one in groups[main][0].decisions if one.what == "records" and one.value != "(root)"), "")
        if records and len(groups) > 1:
            source["records"] = records
        found.samples.append(Sample(path, date_in(path.name), file.format, pl.concat(parts, how="diagonal"), rows, source))


def _rows(found: Gathered, table: FoundTable) -> tuple[pl.DataFrame, int]:
    """An even sample of a table, and how many rows it has."""
    step = max(1, -(-table.estimated_rows // SAMPLE_ROWS))
    kept, rows = [], 0
    for batch in table.batches():
        kept.append(batch if step == 1 else batch[-rows % step :].gather_every(step))
        rows += batch.height
    frame = pl.concat(kept, how="diagonal") if kept else pl.DataFrame()
    columns: dict[str, pl.Expr] = {}
    by_form = {normal(title): title for title in found.titles}
    for at, text in enumerate(table.header):
        title = " ".join(text.split())
        if not title or f"c{at}" not in frame.columns:
            continue
        canonical = by_form.setdefault(normal(title), title)
        if canonical not in found.titles:
            found.titles.append(canonical)
        spelled = found.spellings.setdefault(canonical, [])
        if title not in spelled:
            spelled.append(title)
        columns.setdefault(canonical, pl.col(f"c{at}").cast(pl.String).alias(canonical))  # of two alike the first is read
    return frame.select(list(columns.values())), rows

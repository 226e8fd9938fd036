"""One file or a whole folder inspected: read once, profiled and written in the same pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from districtlake.errors import DistrictLakeError, IngestionError
from districtlake.ingestion.encodings import mojibake_of
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.names import is_junk
from districtlake.inspection.elements import Standards
from districtlake.inspection.export import CsvWriter, targets
from districtlake.inspection.found import FoundFile, FoundTable, Wanted
from districtlake.inspection.profile import MOJIBAKE, SAMPLE_ROWS, Profiler, TableProfile
from districtlake.inspection.read import opened


@dataclass
class InspectedTable:
    """A table's form and profile; ``written``: the CSV it went to."""

    table: FoundTable
    profile: TableProfile
    written: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        table = self.table
        return {
            "name": table.name, "at": table.at, "hidden": table.hidden, "header": list(table.header), "header_rows": list(table.header_rows),
            "header_generated": table.generated, "decisions": [decision.as_dict() for decision in table.decisions], **table.noted.as_dict(),
            **self.profile.as_dict(), "written": str(self.written) if self.written else None,
        }  # fmt: skip


@dataclass
class Inspected:
    """What came of one file: its tables, or the error that says why it cannot be read."""

    path: Path
    name: str
    found: FoundFile | None = None
    tables: list[InspectedTable] = field(default_factory=list)
    error: DistrictLakeError | None = None

    @property
    def rows(self) -> int:
        return sum(table.profile.rows for table in self.tables)

    def as_dict(self) -> dict[str, Any]:
        """JSON-safe; values of sensitive elements are masked."""
        told: dict[str, Any] = {"file": self.name, "ok": self.error is None}
        if self.error is not None:
            return {**told, "error": self.error.as_dict()}
        assert self.found is not None
        return {
            **told, "format": self.found.format, "bytes": self.found.size, "encoding": self.found.encoding, "dialect": self.found.dialect,
            "rows": self.rows, "decisions": [decision.as_dict() for decision in self.found.decisions], "warnings": list(self.found.warnings),
            "source": source_of(self), "tables": [table.as_dict() for table in self.tables],
        }  # fmt: skip


def source_of(inspected: Inspected) -> dict[str, Any]:
    """The fields a catalogue's ``source:`` needs to read such a file: what differs from what reading finds by itself."""
    found = inspected.found
    if found is None:
        return {}
    said: dict[str, Any] = {}
    if found.encoding not in ("", "utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"):
        said["encoding"] = found.encoding
    dialect = found.dialect
    if dialect:
        if dialect["delimiter"] not in (",", ";", "\t", "|"):
            said["delimiter"] = dialect["delimiter"]
        if dialect["quote"] != '"':
            said["quote"] = dialect["quote"] or "none"
        if dialect["escape"]:
            said["escape"] = dialect["escape"]
        if dialect["comment"]:
            said["comment"] = dialect["comment"]
    main = next((one.table for one in inspected.tables if not one.table.hidden), None)
    place = next((one.value for one in main.decisions if one.what == "records"), "") if main is not None else ""
    if place != "(root)" and ("." in place or (place and len(inspected.tables) > 1)):
        said["records"] = place
    if main is not None and len(main.header_rows) > 1:
        said["header_rows"] = len(main.header_rows)
    return said


def inspect_file(
    path: Path,
    name: str,
    wanted: Wanted,
    limits: Limits,
    standards: Standards | None,
    to: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    sample_rows: int = SAMPLE_ROWS,
) -> Inspected:
    """Read, profile and, where ``to`` is given, write one file. A file that cannot be read is told as ``error``, never raised.

    Args:
        to: CSV of the first table; further ones go beside it (``export.targets``).
        progress: called with rows read and rows expected.
    """
    inspected = Inspected(path, name)
    try:
        with opened(path, name, wanted, limits) as found:
            inspected.found = found
            paths = targets(found.tables, to) if to is not None else {}
            for table in found.tables:
                inspected.tables.append(_pass(table, paths.get(table.at), standards, progress, sample_rows))
                found.warnings.extend(f"{count}个列名乱码：{MOJIBAKE[kind]}。" for kind, count in _bent_names(table).items())
    except DistrictLakeError as error:
        inspected.error = error
    except (OSError, UnicodeError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
        inspected.error = IngestionError(
            f"{name} cannot be read: {type(error).__name__}.",
            hint="Report this file; the others are read all the same.",
            code="ingestion.unreadable",
        )
    return inspected


def _bent_names(table: FoundTable) -> Counter[str]:
    """How the names of columns were bent by a wrong decoding, with counts."""
    return Counter(kind for kind in map(mojibake_of, table.header) if kind is not None)


def _pass(
    table: FoundTable, path: Path | None, standards: Standards | None, progress: Callable[[int, int], None] | None, sample_rows: int
) -> InspectedTable:
    profiler = Profiler(table.estimated_rows, sample_rows)
    writer = CsvWriter(path, table.header) if path is not None else None
    try:
        for batch in table.batches():
            profiler.add(batch)
            if writer is not None:
                writer.add(batch)
            if progress is not None:
                progress(profiler.rows, table.estimated_rows)
        if writer is not None:
            writer.finish(table.header)
    except BaseException:
        if writer is not None:
            writer.abandon()
        raise
    return InspectedTable(table, profiler.profile(table.labels(), table.header, standards), path)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file of a folder, in order of their names; temporary and system files are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not is_junk(path.relative_to(folder).as_posix()):
            yield path

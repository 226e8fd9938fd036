"""Manifests (对账清单): what an agency says its files hold. A side file of one delivery (``people.csv.md5``, ``.sha256``, ``.sm3``,
``.manifest.json``), or a list of many as JSON, CSV or Excel (文件名, 行数, 校验值, 合计列, 合计值), named by ``source.manifest``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from districtlake.catalog.parts import normal_text
from districtlake.errors import IngestionError
from districtlake.ingestion.excel import guarded
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.workbook_guard import check_workbook

SIDE_FILES = (".md5", ".sha256", ".sm3", ".manifest.json")
MAX_BYTES = 16 << 20
_FILE = frozenset({"文件名", "文件名称", "文件", "file", "filename", "file_name", "name"})
_ROWS = frozenset({"行数", "记录数", "数据行数", "数据量", "rows", "row_count", "records", "count"})
_HASH = frozenset({"校验值", "校验码", "哈希值", "摘要", "hash", "checksum", "digest"})
_ALGORITHM = frozenset({"校验算法", "算法", "algorithm"})
_COLUMN = frozenset({"合计列", "合计项", "sum_column"})
_TOTAL = frozenset({"合计值", "合计数", "sum_value"})
_SUMS = frozenset({"sums", "合计"})
_ALGORITHMS = {"md5": "md5", "sha256": "sha256", "sha-256": "sha256", "sm3": "sm3"}
_LENGTHS = {32: "md5", 64: "sha256|sm3"}
_SUMMED = re.compile(r"(?:合计[:：](?P<after>.+)|(?P<before>.+?)(?:合计|总和)|sum\((?P<inside>.+)\))")
_HEX = re.compile(r"[0-9a-f]+")
_LINE = re.compile(r"(?P<hash>[0-9a-fA-F]{32,64})(?:\s+\*?(?P<file>.+))?")


@dataclass(frozen=True)
class Expected:
    """What a manifest says of one file.

    Attributes:
        file: its name, as the manifest has it, below the manifest's folder. manifest: the manifest's path below the inbox.
        hashes: "md5", "sha256", "sm3", or "sha256|sm3" (64 digits without a word which) -> digits in lower case.
        sums: header of a column -> its exact total as a plain decimal.
    """

    file: str
    manifest: str
    rows: int | None = None
    hashes: dict[str, str] = field(default_factory=dict, hash=False)
    sums: dict[str, str] = field(default_factory=dict, hash=False)

    def as_dict(self) -> dict[str, Any]:
        return {"file": self.file, "manifest": self.manifest, "rows": self.rows, "hashes": self.hashes, "sums": self.sums}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Expected:
        return cls(kept["file"], kept["manifest"], kept["rows"], dict(kept["hashes"]), dict(kept["sums"]))


def side_file_of(name: str) -> str | None:
    """The file that a side file speaks of; None for any other file."""
    lower = name.lower()
    return next((name[: -len(suffix)] for suffix in SIDE_FILES if lower.endswith(suffix) and len(name) > len(suffix)), None)


def read_manifest(path: Path, relative: str) -> list[Expected]:
    """What a manifest says, file by file.

    Raises:
        IngestionError: ``ingestion.manifest``: it cannot be understood; the hint shows the forms.
    """
    name = relative.rpartition("/")[2]
    covered = side_file_of(name)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
        if data.startswith(b"PK\x03\x04"):
            lines: Iterator[Mapping[str, Any]] = _sheet(path, name)
        elif covered is not None and not name.lower().endswith(".json"):
            lines = _digests(_text(data), covered, name.rpartition(".")[2].lower())
        elif _text(data).lstrip()[:1] in ("{", "["):
            lines = _documents(json.loads(_text(data), parse_float=str, parse_int=str))
        else:
            lines = _table(_text(data))
        found: dict[str, Expected] = {}
        for line in lines:
            said = _expected(line, covered, relative)
            known = found.get(said.file)
            if known is not None:  # one line a summed column
                said = Expected(
                    said.file,
                    relative,
                    said.rows if said.rows is not None else known.rows,
                    known.hashes | said.hashes,
                    known.sums | said.sums,
                )
            found[said.file] = said
        if not found:
            raise ValueError("it names no file")
    except IngestionError:
        raise
    except (ValueError, OSError, csv.Error, RecursionError) as error:
        raise IngestionError(
            f"{relative} cannot be read as a manifest: {error if isinstance(error, ValueError) and not isinstance(error, UnicodeError) else type(error).__name__}.",
            hint='Write one line a file under 文件名, 行数, 校验值 (合计列, 合计值), or {"files": [{"file": …, "rows": …, "sha256": …, "sums": {…}}]}.',
            code="inbox.manifest",
        ) from error
    return list(found.values())


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def _digests(text: str, covered: str, algorithm: str) -> Iterator[Mapping[str, Any]]:
    for line in text.splitlines():
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError("a line is no checksum")
        yield {"file": (match["file"] or covered).strip(), algorithm: match["hash"]}


def _documents(document: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, dict):
        listed = next(
            (value for key, value in document.items() if normal_text(key) in ("files", "文件", "清单") and isinstance(value, list)), None
        )
        document = [document] if listed is None else listed
    for one in document:
        if not isinstance(one, dict):
            raise ValueError("an entry is no object")
        yield one


def _table(text: str) -> Iterator[Mapping[str, Any]]:
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",\t;|", key=first.count)
    for line in csv.DictReader(io.StringIO(text.lstrip()), delimiter=delimiter):
        if any(isinstance(cell, str) and cell.strip() for cell in line.values()):
            yield {key: cell for key, cell in line.items() if isinstance(key, str)}


def _sheet(path: Path, name: str) -> Iterator[Mapping[str, Any]]:
    import fastexcel

    check_workbook(path, name, Limits())
    table = guarded(name, lambda: fastexcel.read_excel(path).load_sheet(0, dtypes="string").to_polars())
    for line in table.iter_rows(named=True):
        if any(line.values()):
            yield line


def _expected(line: Mapping[str, Any], covered: str | None, manifest: str) -> Expected:
    file, rows, digest, algorithm, column, total = covered or "", None, "", "", "", ""
    hashes: dict[str, str] = {}
    sums: dict[str, str] = {}
    for key, cell in line.items():
        word = normal_text(key)
        if cell is None or cell == "":
            continue
        if word in _SUMS and isinstance(cell, dict):
            sums |= {str(name): _number(value) for name, value in cell.items()}
        elif word in _FILE:
            file = str(cell).strip().replace("\\", "/")
        elif word in _ROWS:
            rows = int(_number(cell).removesuffix(".0"))
        elif word in _HASH:
            digest = str(cell)
        elif word in _ALGORITHM:
            algorithm = normal_text(str(cell))
        elif word in _ALGORITHMS:
            hashes[_ALGORITHMS[word]] = _hex(cell)
        elif word in _COLUMN:
            column = str(cell).strip()
        elif word in _TOTAL:
            total = _number(cell)
        elif (match := _SUMMED.fullmatch(word)) is not None:
            sums[next(part for part in match.groups() if part)] = _number(cell)
    if digest:
        digits = _hex(digest)
        hashes[_ALGORITHMS.get(algorithm) or _LENGTHS.get(len(digits), "")] = digits
    if column and total:
        sums[column] = total
    if not file:
        raise ValueError("a line names no file")
    if "" in hashes or any(len(digits) not in _LENGTHS for digits in hashes.values()):
        raise ValueError("a checksum is neither MD5 nor SHA-256 nor SM3")
    return Expected(file, manifest, rows, hashes, sums)


def _hex(cell: Any) -> str:
    digits = str(cell).strip().lower()
    if not _HEX.fullmatch(digits):
        raise ValueError("a checksum is not hexadecimal")
    return digits


def number_of(text: str) -> Decimal | None:
    """A cell as an exact number: full-width digits, blanks and thousands separators make no difference; None for anything else."""
    try:
        value = Decimal(normal_text(text).replace(",", ""))
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) < 100 and len(text) < 200 else None


def _number(cell: Any) -> str:
    value = number_of(str(cell))
    if value is None:
        raise ValueError("a number of rows or a total is no number")
    return f"{value:f}"

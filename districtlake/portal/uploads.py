"""Files that people hand in: kept under a clean name, refused when they carry programs, are not what their name says, or are too large.

What a good file holds is judged by the same reading as everything that agencies deliver.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from districtlake.errors import DistrictLakeError
from districtlake.ingestion.workbook_guard import is_workbook
from districtlake.wording.sentences import Listed

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ZIP = b"PK\x03\x04"
_MACROS = ("vbaproject.bin", "vbadata.xml", "xlm.bin")
_OLE_MACROS = tuple(word.encode("utf-16-le") for word in ("_VBA_PROJECT", "VBA"))
_KINDS = {
    ".csv": "text", ".txt": "text", ".tsv": "text", ".json": "text", ".ndjson": "text", ".geojson": "text",
    ".xlsx": "xlsx", ".xls": "ole", ".ods": "ods", ".zip": "zip", ".gz": "gzip", ".parquet": "parquet",
}  # fmt: skip
_MAY_HOLD_MACROS = frozenset({".xlsm", ".xlsb", ".xltm", ".xlam"})
"""Refused for what they can hold, not for what is found in them: nobody's browser hands a program on. Agencies' inboxes are not bound by it."""


class UploadRefused(DistrictLakeError):
    """The file cannot be taken; says what to do instead."""

    code = "portal.upload"


def clean_name(name: str) -> str:
    """The last part of a file name, without anything that is not a letter, digit or plain sign; its ending in lower case.

    Raises:
        UploadRefused: the ending is of no kind that is taken.
    """
    plain = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    plain = re.sub(r"[^\w.()（）\-－ ]", "_", "".join(char for char in plain if unicodedata.category(char)[0] != "C")).strip(" .")
    stem, dot, ending = plain.rpartition(".")
    kind = f".{ending.lower()}"
    if dot and kind in _MAY_HOLD_MACROS:
        raise UploadRefused.of("upload.may_hold_macros", file=plain[:80])
    if not dot or kind not in _KINDS:
        raise UploadRefused.of("upload.kind", file=plain[:80], kinds=Listed.of(_KINDS))
    return f"{stem[:120].strip(' .') or 'file'}{kind}"


@contextmanager
def kept(source: BinaryIO, name: str, folder: Path, *, most: int) -> Iterator[Path]:
    """The upload as a file of its own below ``folder`` while the block runs.

    Raises:
        UploadRefused: too large, empty, with macros, or not of the kind that its name says.
    """
    clean = clean_name(name)
    place = folder / secrets.token_hex(8)
    place.mkdir(parents=True)
    path = place / clean
    try:
        size = 0
        with path.open("wb") as target:
            while chunk := source.read(1 << 20):
                size += len(chunk)
                if size > most:
                    raise UploadRefused.of("upload.too_large", file=clean, most=most // 2**20)
                target.write(chunk)
        if size == 0:
            raise UploadRefused.of("upload.empty", file=clean)
        _check(path, clean)
        yield path
    finally:
        path.unlink(missing_ok=True)
        place.rmdir()


def _check(path: Path, name: str) -> None:
    with path.open("rb") as file:
        head = file.read(8)
    found = _kind_of(path, head)
    said = _KINDS[path.suffix]
    if found in ("xlsx", "ole") and _has_macros(path, found):
        raise UploadRefused.of("upload.macros", file=name)
    if found == "xlsb":
        raise UploadRefused.of("upload.binary", file=name)
    same = found == said or {found, said} == {"xlsx", "ole"}  # an .xls that is really an .xlsx is common and harmless
    if not same:
        raise UploadRefused.of("upload.not_its_kind", file=name)


def _kind_of(path: Path, head: bytes) -> str:
    if head == _OLE:
        return "ole"
    if head.startswith(_ZIP):
        try:
            with zipfile.ZipFile(path) as archive:
                return is_workbook(archive.infolist()) or "zip"
        except zipfile.BadZipFile:
            return "damaged"
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"%PDF", b"MZ", b"\x7fELF", b"Rar!", b"7z\xbc\xaf", b"\x89PNG", b"\xff\xd8\xff", b"SQLite f")):
        return "foreign"
    return "text"


def _has_macros(path: Path, kind: str) -> bool:
    if kind == "xlsx":
        with zipfile.ZipFile(path) as archive:
            names = [info.filename.lower() for info in archive.infolist()]
        return any(name.endswith(_MACROS) or "/macrosheets/" in name for name in names)
    content = path.read_bytes()  # .xls are small: the format ends at 65,536 rows
    return any(word in content for word in _OLE_MACROS)

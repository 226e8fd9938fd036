"""The guard of old workbooks (.xls): where the corners of their sheets lie, and whether a password keeps them shut.

One damaged address in such a file makes the reader ask for 137 GB and abort the process, so the records are walked first, for
their addresses alone. Structure: [MS-CFB] for the container, [MS-XLS] for the records. What this walk cannot follow it leaves to
the reader, which answers with an error of its own.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import numpy as np

from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.workbook_guard import encrypted, refuse_extent

_HEADER = struct.Struct("<HH")
_END_OF_CHAIN = 0xFFFFFFFA  # this and above are marks, not sectors
_BOF, _FILEPASS, _MULRK, _DIMENSIONS = (0x0809, 0x0009, 0x0209, 0x0409), 0x002F, 0x00BD, 0x0200
# FORMULA (three generations), LABELSST, NUMBER, RK, BOOLERR, LABEL, RSTRING: each begins with row and column.
_CELLS = frozenset((0x0006, 0x0206, 0x0406, 0x00FD, 0x0203, 0x027E, 0x0205, 0x0204, 0x00D6))


def check_xls(path: Path, name: str, limits: Limits) -> None:
    """Refuse an OLE workbook that needs a password or whose filled cells lie too far apart.

    Raises:
        IngestionError: ``ingestion.encrypted``, ``ingestion.too_large``, ``ingestion.too_many_columns``, ``ingestion.damaged``.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            streams = _streams(data)
        except (struct.error, IndexError, ValueError) as error:
            raise IngestionError.of("reading.damaged_ole", code="ingestion.damaged", file=name) from error
    if "encryptedpackage" in streams:
        raise encrypted(name)
    for key in ("workbook", "book"):
        if key in streams:
            _walk(streams[key], name, limits)


def _walk(stream: bytes, name: str, limits: Limits) -> None:
    at, end = 0, len(stream) - 4
    rows: list[int] = []
    columns: list[int] = []
    unpack = _HEADER.unpack_from
    while at <= end:
        kind, length = unpack(stream, at)
        if kind in _CELLS and at + 8 <= len(stream):
            row, column = unpack(stream, at + 4)
            rows.append(row)
            columns.append(column)
        elif kind == _MULRK and length >= 6 and at + 4 + length <= len(stream):
            row, column = unpack(stream, at + 4)
            rows += (row, row)
            columns += (column, int.from_bytes(stream[at + 2 + length : at + 4 + length], "little"))
        elif kind == _DIMENSIONS and length in (10, 14) and at + 4 + length <= len(stream):
            # the reader makes room for as many cells as the sheet says it has, whatever it holds
            top, bottom, left, right = struct.unpack_from("<HHHH" if length == 10 else "<IIHH", stream, at + 4)
            rows_said, columns_said = (bottom - top) % (1 << 32), (right - left) % (1 << 32)  # it counts round the corner, too
            if bottom and right and rows_said * columns_said > limits.max_cells:
                refuse_extent(columns_said, rows_said, name, limits)
        elif kind in _BOF:  # the next sheet
            _refuse(rows, columns, name, limits)
        elif kind == _FILEPASS:
            raise encrypted(name)
        at += 4 + length
    _refuse(rows, columns, name, limits)


def _refuse(rows: list[int], columns: list[int], name: str, limits: Limits) -> None:
    if rows:
        refuse_extent(max(columns) - min(columns) + 1, max(rows) - min(rows) + 1, name, limits)
    rows.clear()
    columns.clear()


def _streams(data: mmap.mmap) -> dict[str, bytes]:
    """The workbook's stream, and the names of all, in lower case."""
    shift, small_shift = struct.unpack_from("<HH", data, 30)
    if not 7 <= shift <= 16 or not 2 <= small_shift <= shift:
        raise ValueError("sector size")
    directory_start, _, cutoff, small_start, _, difat_start, difat_count = struct.unpack_from("<II I II II", data, 48)
    sector = 1 << shift
    # the reader makes room for what the header says, however short the file is
    if any(struct.unpack_from("<I", data, at)[0] > len(data) >> shift for at in (44, 64, 72)) or (
        shift > 9 and struct.unpack_from("<I", data, 40)[0] > len(data) >> shift
    ):
        raise ValueError("more sectors than there are")
    difat = list(struct.unpack_from("<109I", data, 76))
    for _ in range(min(difat_count, len(data) >> shift)):
        if difat_start >= _END_OF_CHAIN:
            break
        more = struct.unpack_from(f"<{sector // 4}I", data, (difat_start + 1) << shift)
        difat.extend(more[:-1])
        difat_start = more[-1]
    table = b"".join(data[(at + 1) << shift : (at + 2) << shift] for at in difat if at < _END_OF_CHAIN)
    fat = np.frombuffer(table[: len(table) // 4 * 4], dtype="<u4")

    def chain(start: int, links: np.ndarray) -> list[int]:
        visited: list[int] = []
        while start < _END_OF_CHAIN:
            if len(visited) > len(data) >> small_shift:  # a chain that bites its tail
                raise ValueError("endless chain")
            visited.append(start)
            start = int(links[start])
        return visited

    def read(start: int) -> bytes:
        return b"".join(data[(at + 1) << shift : (at + 2) << shift] for at in chain(start, fat))

    directory = read(directory_start)
    small_links = small = None
    small_container = _END_OF_CHAIN
    found: dict[str, bytes] = {}
    for at in range(0, len(directory) - 127, 128):
        length, kind = struct.unpack_from("<HB", directory, at + 64)
        start, size = struct.unpack_from("<II", directory, at + 116)
        text = directory[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace").lower()
        said = size if shift == 9 else int.from_bytes(directory[at + 120 : at + 128], "little")
        if said > len(data) and (kind == 5 or (kind == 2 and text in ("workbook", "book"))):
            raise ValueError("a stream longer than the file")
        if kind == 5:
            small_container = start
        if kind != 2 or text not in ("workbook", "book"):
            if kind == 2:
                found.setdefault(text, b"")
            continue
        if size >= cutoff:
            found[text] = read(start)[:size]
            continue
        if small is None or small_links is None:
            small, small_links = read(small_container), np.frombuffer(read(small_start), dtype="<u4")
        step = 1 << small_shift
        found[text] = b"".join(small[at << small_shift : (at << small_shift) + step] for at in chain(start, small_links))[:size]
    return found

"""Zip and gzip, bounded: what is inside by its names, and unpacking that stops before it hurts.

A workbook (.xlsx, .ods) is a zip too and passes the same guard before any reader opens it.
"""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits

CHUNK = 1 << 18
"""So many unpacked bytes are looked at at once: within the processor's cache."""
_SMALL = 32 << 20  # below this a high ratio harms nobody: a workbook of empty formatted cells packs very well
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


def members(path: Path, name: str) -> list[zipfile.ZipInfo]:
    """The files in a zip (folders left out). Raises ``IngestionError`` when it is damaged or protected by a password."""
    try:
        with zipfile.ZipFile(path) as packed:
            infos = [info for info in packed.infolist() if not info.is_dir()]
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        struct.error,
        ValueError,
        EOFError,
        IndexError,
    ) as error:  # IndexError: a file without a name
        raise _damaged(name) from error
    if any(info.flag_bits & 1 for info in infos):
        raise IngestionError.of("reading.encrypted", code="ingestion.encrypted", file=name)
    return infos


def member_name(info: zipfile.ZipInfo) -> str:
    """The name as its packer wrote it: Chinese Windows writes GBK without saying so, which zipfile takes for code page 437."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def refuse_bomb(infos: list[zipfile.ZipInfo], packed_bytes: int, name: str, limits: Limits) -> None:
    """Judge by the sizes the zip itself states; ``unpacked`` then holds it to them."""
    total = sum(info.file_size for info in infos)
    if total > limits.max_bytes or (total > _SMALL and total > limits.max_ratio * max(packed_bytes, 1)):
        raise _bomb(name, packed_bytes, total, limits)


def unpacked(file: IO[bytes], info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """The member's bytes in chunks of at most ``CHUNK``. A member that is longer than it states, or whose CRC differs, is refused.

    zipfile itself stops silently at the stated size; other readers do not, so a lie must be found here.
    """
    if info.header_offset < 0:  # a directory that was cut or moved
        raise _damaged(name)
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if (
        len(header) < _LOCAL_HEADER.size
        or header[:4] != b"PK\x03\x04"
        or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    ):
        raise _damaged(name)
    fields = _LOCAL_HEADER.unpack(header)
    file.seek(fields[9] + fields[10], 1)
    inflate = zlib.decompressobj(-15) if info.compress_type == zipfile.ZIP_DEFLATED else None
    left, size, crc = info.compress_size, 0, 0
    while left or (inflate is not None and not inflate.eof):
        packed = file.read(min(CHUNK >> 2, left))
        left -= len(packed)
        if not packed:
            raise _damaged(name)
        pending = packed
        while pending:
            try:
                chunk = inflate.decompress(pending, CHUNK) if inflate else pending
            except zlib.error as error:
                raise _damaged(name) from error
            pending = inflate.unconsumed_tail if inflate and not inflate.eof else b""
            size += len(chunk)
            if size > info.file_size:
                raise _damaged(name)
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if inflate is not None and inflate.eof:
            break
    if size != info.file_size or crc != info.CRC:
        raise _damaged(name)


def extract_zip(path: Path, name: str, limits: Limits, choose: Callable[[list[str]], str], target: IO[bytes]) -> str:
    """Unpack into ``target`` the member that ``choose`` picks from the names; returns its name."""
    infos = members(path, name)
    refuse_bomb(infos, path.stat().st_size, name, limits)
    by_name = {member_name(info): info for info in infos}
    chosen = choose(list(by_name))
    with path.open("rb") as file:
        for chunk in unpacked(file, by_name[chosen], f"{name}/{chosen}"):
            target.write(chunk)
    return chosen


def extract_gzip(path: Path, name: str, limits: Limits, target: IO[bytes]) -> None:
    """Unpack a gzip into ``target``; it states no size one could trust, so it is counted."""
    packed_bytes, size = path.stat().st_size, 0
    try:
        with gzip.open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                size += len(chunk)
                if size > limits.max_bytes or (size > _SMALL and size > limits.max_ratio * packed_bytes):
                    raise _bomb(name, packed_bytes, size, limits)
                target.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _damaged(name) from error


def _bomb(name: str, packed: int, total: int, limits: Limits) -> IngestionError:
    return IngestionError.of(
        "reading.bomb", code="ingestion.too_large", file=name, packed=f"{packed:,}", total=f"{total:,}", most=f"{limits.max_bytes:,}",
        ratio=limits.max_ratio,
    )  # fmt: skip


def _damaged(name: str) -> IngestionError:
    return IngestionError.of("reading.damaged_packing", code="ingestion.damaged", file=name)

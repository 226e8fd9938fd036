"""Damage to bytes as networks, editors and exports do it; inside packages it is done to what is packed, so that it gets beyond the checksums."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from random import Random

TOKENS = (
    b'"', b'""', b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"{", b"}", b"[", b"]", b":", b"\\", b"\\u0000",
    b"\\ud83d", b"NaN", b"1e999", b"-0", b"null", b"true", b"99999999999999999999", b"4294967295", b"2147483648", b"-1", b"\x81\x30\x81\x30", b"\xe5\x90\x88\xe8\xae\xa1",
    b"</c>", b"<row>", b'r="A1048576"', b'r="XFD1"', b't="s"', b't="d"', b't="e"', b"&#x0;", b"&amp;", b"<!--", b"]]>", b"\x1e", b"\x1f\x8b", b"PK\x03\x04", b"PAR1",
)  # fmt: skip
MAX_BYTES = 1 << 18


def mutated(content: bytes, random: Random) -> bytes:
    """One to six wounds."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        at, more = random.randint(0, len(data)), random.randint(0, len(data))
        length = random.choice((1, 1, 2, 4, 8, 64))
        match random.randrange(9):
            case 0 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 1 if at < len(data):
                data[at] = random.choice((0, 1, 10, 13, 34, 44, 127, 128, 254, 255))
            case 2:
                data[at:at] = random.choice(TOKENS)
            case 3:
                token = random.choice(TOKENS)
                data[at : at + len(token)] = token
            case 4:
                del data[at : at + length]
            case 5:
                data[at:at] = data[more : more + length] * random.choice((1, 2, 50))
            case 6:
                del data[at:]
            case 7:
                data[at : at + length] = data[more : more + length]
            case _:
                data[at:at] = bytes(random.randrange(256) for _ in range(length))
    return bytes(data[:MAX_BYTES])


def damaged(content: bytes, random: Random) -> bytes:
    """As ``mutated``; of a package four times in five inside one member, packed again with right checksums."""
    if random.random() < 0.8:
        if content[:2] == b"PK" and (again := _repacked(content, random)) is not None:
            return again
        if content[:2] == b"\x1f\x8b":
            try:
                return gzip.compress(mutated(gzip.decompress(content), random), mtime=0)
            except (OSError, EOFError, zlib.error):
                pass
    return mutated(content, random)


def _repacked(content: bytes, random: Random) -> bytes | None:
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            names = old.namelist()
            hit = random.choice(
                [name for name in names if "sheet" in name or "Strings" in name or "styles" in name or "content" in name] or names
            )
            hit = hit if random.random() < 0.8 else random.choice(names)
            for name in names:
                member = old.read(name)
                new.writestr(zipfile.ZipInfo(name), mutated(member, random) if name == hit else member, zipfile.ZIP_DEFLATED)
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError, NotImplementedError, ValueError, IndexError):
        return None
    return out.getvalue()

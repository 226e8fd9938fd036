"""One random key of the installation, below the state folder; everything that is signed or sealed uses a key derived from it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from districtlake.errors import DistrictLakeError

FILE = "master.key"
BYTES = 32


class KeyUnusable(DistrictLakeError):
    """The key of the installation cannot be read or made."""

    code = "secrets.unusable"


def derived(folder: Path, purpose: str) -> bytes:
    """The key for one purpose, 32 bytes; the same for the same purpose as long as the installation's key stays.

    Args:
        folder: ``Settings.secrets``; made, with the key, when it is not there. Only its owner may read either.

    Raises:
        KeyUnusable: it cannot be written or read, or holds something else.
    """
    return hmac.digest(_master(folder), purpose.encode(), hashlib.sha256)


def _master(folder: Path) -> bytes:
    path = folder / FILE
    try:
        if not path.exists():
            _make(path)
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise KeyUnusable(
            f"The key {folder.name}/{FILE} of the state folder cannot be used ({type(error).__name__}).",
            hint="Restore it from the backup; without it packages sent earlier cannot be answered and webhooks need new secrets.",
        ) from error
    if len(key) != BYTES:
        raise KeyUnusable(f"The key {folder.name}/{FILE} of the state folder is damaged.", hint="Restore it from the backup.")
    return key


def _make(path: Path) -> None:
    """Complete under its name or not there at all; of two processes that make one the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)

"""The immutable archive of delivered files: content-addressed, so the same bytes are stored once and any change shows.

``<root>/ab/<sha256>``, read-only. A delivery is copied while it is hashed, into ``<root>/.incoming`` first; only a whole, synced
copy is renamed into place. A crash leaves at most a temporary file, swept after a day.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import signal
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from districtlake.errors import IngestionError, NotFound

try:  # Linux; elsewhere the check for open writers is left out
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_STALE_SECONDS = 86_400


class StillBeingWritten(IngestionError):
    """The file changes, changed a moment ago, or another process has it open for writing: come back later."""

    code = "ingestion.still_being_written"
    retryable = True


@dataclass(frozen=True)
class Archived:
    """A file in the archive: its identity, its size in bytes, and where it lies."""

    sha256: str
    bytes: int
    path: Path


@dataclass(frozen=True)
class Damaged:
    """An archive entry that is not what its name says."""

    path: Path
    reason: Literal["changed", "unreadable", "foreign"]
    found: str = ""  # the sha256 of what lies there now


def path_of(archive_root: Path, sha256: str) -> Path:
    """Where the archive keeps a file; raises ``NotFound`` if it does not."""
    path = archive_root / sha256[:2] / sha256
    if not _SHA256.fullmatch(sha256) or not path.is_file():
        raise NotFound(f"The archive holds no file {sha256}.", hint="Restore the archive folder from its backup.")
    return path


def store_file(path: Path, archive_root: Path, *, settle_seconds: float, max_bytes: int) -> Archived:
    """Copy one delivered file into the archive and return its identity. The delivered file is never touched.

    Args:
        path: a regular file; a symbolic link is refused (a scan resolves those that stay inside the inbox).
        settle_seconds: a file modified more recently than this, by the file system's clock, is still being written.
        max_bytes: larger files are refused before they are copied.

    Raises:
        StillBeingWritten: retryable; the file is left alone.
        IngestionError: ``ingestion.not_a_file``, ``ingestion.too_large``, ``ingestion.unreadable``, or retryable
            ``ingestion.disk_full``. No temporary file remains.
    """
    incoming = archive_root / ".incoming"
    try:
        incoming.mkdir(parents=True, exist_ok=True)
        _sweep(incoming)
        handle, temporary = tempfile.mkstemp(dir=incoming)
    except OSError as error:
        raise _storage_error(path, archive_root, error) from error
    try:
        with os.fdopen(handle, "wb") as copy:
            sha256, size = _copy(path, copy.fileno(), archive_root, settle_seconds, max_bytes)
        target = archive_root / sha256[:2] / sha256
        try:
            _publish(Path(temporary), target, size)
        except OSError as error:
            raise _storage_error(path, archive_root, error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    return Archived(sha256, size, target)


def verify(archive_root: Path) -> list[Damaged]:
    """Hash every archived file again; the entries whose content is not their name's, in order of path."""
    damaged: list[Damaged] = []
    if not archive_root.is_dir():
        return damaged
    for folder in sorted(archive_root.iterdir()):
        if folder.name == ".incoming":
            continue
        for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
            if not _SHA256.fullmatch(path.name) or path.parent.name != path.name[:2] or not path.is_file():
                damaged.append(Damaged(path, "foreign"))
                continue
            try:
                with path.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                damaged.append(Damaged(path, "unreadable"))
                continue
            if found != path.name:
                damaged.append(Damaged(path, "changed", found))
    return damaged


def _copy(path: Path, target: int, archive_root: Path, settle_seconds: float, max_bytes: int) -> tuple[str, int]:
    source = _open_source(path)
    try:
        before = os.fstat(source)
        if not stat.S_ISREG(before.st_mode):
            raise IngestionError.of("reading.not_a_file", code="ingestion.not_a_file", file=path.name)
        _refuse_large(path, before.st_size, max_bytes)
        _refuse_unsettled(path, before, os.fstat(target).st_mtime, settle_seconds)
        _refuse_open_for_writing(path, source)
        digest, size = hashlib.sha256(), 0
        while chunk := _read(path, source):
            size += len(chunk)
            _refuse_large(path, size, max_bytes)
            digest.update(chunk)
            _write(path, target, chunk, archive_root)
        try:
            os.fsync(target)
        except OSError as error:
            raise _storage_error(path, archive_root, error) from error
        _refuse_open_for_writing(path, source)
        _refuse_changed(path, before, os.fstat(source), size)
    finally:
        os.close(source)
    return digest.hexdigest(), size


def _open_source(path: Path) -> int:
    # O_NOFOLLOW: a link swapped in after the scan must not lead outside; O_NONBLOCK: a pipe must not hang us.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, flags)
    except FileNotFoundError as error:
        raise StillBeingWritten.of("reading.moved", file=path.name) from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise IngestionError.of("reading.not_a_file", code="ingestion.not_a_file", file=path.name) from error
        raise _source_error(path, error) from error


def _read(path: Path, source: int) -> bytes:
    try:
        return os.read(source, CHUNK)
    except OSError as error:
        raise _source_error(path, error) from error


def _write(path: Path, target: int, chunk: bytes, archive_root: Path) -> None:
    view = memoryview(chunk)
    while view:
        try:
            written = os.write(target, view)
        except OSError as error:
            raise _storage_error(path, archive_root, error) from error
        view = view[written:]


def _refuse_large(path: Path, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise IngestionError.of("reading.too_large", code="ingestion.too_large", file=path.name, size=f"{size:,}", most=f"{max_bytes:,}")


def _refuse_unsettled(path: Path, status: os.stat_result, now: float, settle_seconds: float) -> None:
    # "now" is the mtime of a file just made: the file systems' clock, which may differ from ours. A time in the future
    # (a sender's clock that runs ahead, kept by the copy program) would never settle: then the inode's change time counts.
    changed = status.st_mtime if status.st_mtime - now <= settle_seconds else status.st_ctime
    if now - changed < settle_seconds:
        raise StillBeingWritten.of("reading.unsettled", file=path.name)


def _refuse_open_for_writing(path: Path, source: int) -> None:
    """Linux grants a read lease only while nobody on this host has the file open for writing."""
    if fcntl is None or not hasattr(fcntl, "F_SETLEASE"):
        return
    try:
        # If a writer comes while the lease is held the kernel signals us, and SIGIO, the default, would end the process.
        fcntl.fcntl(source, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(source, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(source, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise StillBeingWritten.of("reading.open_elsewhere", file=path.name) from error
        # EACCES (another owner's file), EINVAL (file system without leases): the other checks have to do.


def _refuse_changed(path: Path, before: os.stat_result, after: os.stat_result, size: int) -> None:
    try:
        named = os.stat(path, follow_symlinks=False)
    except OSError as error:
        raise StillBeingWritten.of("reading.moved", file=path.name) from error
    seen = {(status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns) for status in (before, after, named)}
    if len(seen) > 1 or size != after.st_size:
        raise StillBeingWritten.of("reading.changed", file=path.name)


def _publish(temporary: Path, target: Path, size: int) -> None:
    if target.is_file() and target.stat().st_size == size:
        return  # stored before
    target.parent.mkdir(exist_ok=True)
    os.chmod(temporary, 0o444)
    os.replace(temporary, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(incoming: Path) -> None:
    oldest = time.time() - _STALE_SECONDS
    for path in incoming.iterdir():
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _source_error(path: Path, error: OSError) -> IngestionError:
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return IngestionError.of("reading.unreadable", file=path.name, reason=reason)


def _storage_error(path: Path, archive_root: Path, error: OSError) -> IngestionError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return IngestionError.of("reading.archive_full", code="ingestion.disk_full", retryable=True, archive=archive_root, file=path.name)
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return IngestionError.of(
        "reading.archive_locked", code="ingestion.archive", retryable=True, archive=archive_root, reason=reason, file=path.name
    )

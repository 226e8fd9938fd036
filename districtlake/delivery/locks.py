"""One lock per name (a resource, the nightly run), held across processes; the operating system frees it when a process dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from districtlake.errors import DistrictLakeError


class Busy(DistrictLakeError):
    """Somebody else holds the lock."""

    code = "lock.busy"
    retryable = True


@contextmanager
def lock(folder: Path, name: str, *, wait_seconds: float = 3600.0, tell: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock ``name``; wait for whoever has it, saying so once through ``tell``.

    Raises:
        Busy: after ``wait_seconds``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline, told = time.monotonic() + wait_seconds, False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip() or "unknown"
                if time.monotonic() >= deadline:
                    raise Busy(
                        f"{name} is being worked on by process {holder}.", hint="Wait for it to finish, then run this again."
                    ) from None
                if tell and not told:
                    tell(f"{name} is being worked on by process {holder}; waiting for it to finish.")
                    told = True
                time.sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def held(folder: Path, name: str) -> bool:
    """Whether somebody holds the lock at this moment."""
    path = folder / f"{name}.lock"
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

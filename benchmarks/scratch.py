"""The folder a benchmark works in."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch(benchmark: str, *, keep: bool = False) -> Iterator[Path]:
    """A folder that goes with the benchmark's end, however it ends; ``keep`` leaves it and says where."""
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{benchmark}-"))
    try:
        yield folder
    finally:
        if keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)

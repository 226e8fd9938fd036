"""A run that fails, in a process of its own: ``python -m tests.failing_child own|value|killed TEXT``; TEXT is what the error quotes."""

from __future__ import annotations

import os
import signal
import sys

from districtlake.errors import CatalogError
from pipelines.child import emitter, guarded


def main() -> int:
    way, text = sys.argv[1:]
    emitter()("started")
    if way == "killed":
        print("working", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "own":
        raise CatalogError("population.yaml: items is empty.", hint=text)
    try:
        return int(text)
    except ValueError as error:
        raise KeyError(f"no row {text}") from error


if __name__ == "__main__":
    sys.exit(guarded(main))

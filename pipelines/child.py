"""A run as a process of its own: its standard output is one JSON document a line, its standard error a log without values."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable
from typing import Any

Emit = Callable[..., None]


def emitter() -> Emit:
    """Writes events to the real standard output and sends everything else that prints to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def emit(event: str, **data: Any) -> None:
        out.write(json.dumps({"event": event, **data}, ensure_ascii=False, default=str) + "\n")

    return emit


def guarded(main: Callable[[], int]) -> int:
    """Carry out ``main``. What it fails with goes to standard error as places and kinds, numbered, for whoever started the process to name.

    Python's own traceback would end with the exception's words, and they may quote a cell.
    """
    try:
        return main()
    except Exception as error:
        from districtlake.cli.faults import fault_line, trace_of

        print(trace_of(error), fault_line(error, secrets.token_hex(4)), sep="\n", file=sys.stderr, flush=True)
        return 1


def reason_of(error: Any) -> str:
    """Why a step failed, from what Dagster keeps of it (``SerializableErrorInfo``): the innermost error's sentence where it is ours, else its class."""
    while error.cause is not None:  # Dagster wraps what a step raised in a sentence of its own
        error = error.cause
    text = str(error.message).strip()
    return text if text.startswith("districtlake.") else f"{error.cls_name}: see the run in Dagster and the log in the state folder."

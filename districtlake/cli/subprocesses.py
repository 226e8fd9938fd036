"""Starting a run: Dagster in a process of its own, its JSON lines as events, everything else into a log file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from districtlake.clock import SHANGHAI
from districtlake.errors import DistrictLakeError
from districtlake.settings import PROJECT_ROOT, Settings


class RunEnded(DistrictLakeError):
    """The process ended before it said that it was finished."""

    code = "run.ended_early"
    retryable = True


def pipeline_events(module: str, arguments: list[str], settings: Settings) -> Iterator[dict[str, Any]]:
    """Run ``python -m module`` and yield its events.

    Raises:
        RunEnded: it ended without its last event; names the log file.
    """
    log = log_file(settings, module)
    environment = {**os.environ, "DISTRICTLAKE_STATE": str(settings.state), "PYTHONPATH": str(PROJECT_ROOT), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, stderr=sink, env=environment, cwd=PROJECT_ROOT, text=True
        )
        assert process.stdout is not None
        finished = False
        try:
            for line in process.stdout:
                try:
                    event = json.loads(line)
                except json.JSONDecodeError:
                    sink.write(line.encode())
                    continue
                finished = finished or event.get("event") == "finished"
                yield event
            code = process.wait()
        finally:
            if process.poll() is None:  # whoever asked for it was stopped: so is the run, which leaves nothing half-done
                process.terminate()
                process.wait()
            process.stdout.close()
    if not finished:
        raise RunEnded(
            f"The run ended with {'signal ' + str(-code) if code < 0 else 'exit code ' + str(code)} before it was finished.{_fault(log)}",
            hint=f"Run it again: what was not committed is done anew. The log is {log}.",
        )


def log_file(settings: Settings, module: str) -> Path:
    """A new log file below the state folder; the last fifty are kept."""
    folder = settings.state / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[:-50]:
        old.unlink(missing_ok=True)
    stamp = datetime.now(SHANGHAI).strftime("%Y%m%d-%H%M%S-%f")
    return folder / f"{stamp}-{module.rsplit('.', 1)[-1]}.log"


def _fault(log: Path) -> str:
    """What it failed with, by number and class. Never the end of a traceback: an exception's words may quote a cell."""
    from districtlake.cli.faults import last_fault

    found = last_fault(log.read_text(encoding="utf-8", errors="replace"))
    return f" It failed with {found}." if found else ""

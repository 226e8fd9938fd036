"""One nightly run as a user starts it, measured from outside: what the kernel counts for the command and all it started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-c", "from districtlake.cli import main; main()")


def command(
    *arguments: str, state: Path, catalogs: tuple[Path, ...] = (), variables: dict[str, str] | None = None
) -> tuple[str, dict[str, float]]:
    """Run ``districtlake …`` (with further environment ``variables``); its output, and wall and CPU seconds and the largest process's peak memory."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DISTRICTLAKE_")}
    environment |= {
        "PYTHONPATH": str(PROJECT), "DISTRICTLAKE_STATE": str(state), "DISTRICTLAKE_SETTLE_SECONDS": "0",
        "DISTRICTLAKE_CATALOG": os.pathsep.join(str(folder) for folder in (PROJECT / "catalog", *catalogs)),
    } | (variables or {})  # fmt: skip
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([*COMMAND, *arguments], stdout=output, cwd=PROJECT, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        output.seek(0)
        text = output.read().decode()
    if process.returncode:
        raise SystemExit(f"{text}\ndistrictlake {' '.join(arguments)} ended with {process.returncode}.")
    return text, {"wall": round(wall, 2), "cpu": round(used.ru_utime + used.ru_stime, 2), "peak_bytes": used.ru_maxrss * 1024}


def night(state: Path, inbox: Path, catalogs: tuple[Path, ...] = (), variables: dict[str, str] | None = None) -> dict[str, Any]:
    """Run the night over ``inbox`` and check its own account of it; its measurements, and where the time went.

    The share of orchestration is what the agencies' runs took beyond the deliveries' own processing (graph, events, checks, plots).
    """
    text, used = command("nightly", "--json", "--deliveries", str(inbox), state=state, catalogs=catalogs, variables=variables)
    summary = json.loads(text)
    total = summary["conservation"]
    if not total["balanced"]:
        raise SystemExit(f"rows were lost: {total}")
    timing = summary["timing"]
    return {
        **used,
        "deliveries": len(summary["deliveries"]),
        "states": sorted({row["state"] for row in summary["deliveries"]}),
        "rows": total["delivered"],
        "changed_rows": total["inserted"] + total["changed"] + total["deleted"],
        "quarantined": total["quarantined"],
        "processing": timing["processing"],
        "orchestration": timing["orchestration"],
        "event_log": timing["event_log"],
        "events": timing["events"],
        "steps": timing["steps"],
    }


def show(title: str, figures: dict[str, Any]) -> None:
    """One line of the table for a person, and the shares of the time under it."""
    print(
        f"{title:<34} {figures['wall']:>8.1f} {figures['cpu']:>8.1f} {figures['peak_bytes'] / 2**20:>9.0f} {figures['deliveries']:>11,}"
        f" {figures['rows']:>11,}"
    )
    if figures["deliveries"]:
        each = figures["wall"] / figures["deliveries"]
        share = figures["orchestration"] / figures["wall"]
        print(
            f"    {each:.2f} s a delivery; deliveries' own work {figures['processing']:.1f} s, orchestration {figures['orchestration']:.1f} s"
            f" ({share:.0%} of the night; {figures['events']:,} events {figures['event_log']:.1f} s)"
        )


HEADING = f"{'':<34} {'wall s':>8} {'CPU s':>8} {'peak MiB':>9} {'deliveries':>11} {'rows':>11}"

"""The whole way of a delivery beside a hand-written Polars script: ratio, CPU seconds, peak memory.

``python -m benchmarks.way --rows 1000000 --columns 20 [--kind snapshot|incremental] [--form csv|xlsx] [--faults 0.01] [--repeat 3] [--seed N] [--keep]``

Two daily deliveries of one resource are generated, of that kind and form. Both sides write day 1 and day 2; their seven tables are compared row by row, and
only if they are equal are they timed, alternating, each day of each side in a process of its own. ``cpu`` is the whole process as the
kernel counts it (imports included); ``cpu_work`` is measured inside, without imports. Medians of the repeats.
This process stays small: the kernel counts a child's peak memory from its parent's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.scratch import scratch
from benchmarks.way_delivery_names import AGENCY, CHECKED_ON, DAYS, RESOURCE, effective

SIDES = ("ours", "by_hand")
PROJECT = Path(__file__).resolve().parent.parent


def child(module: str, *arguments: str, python: str = sys.executable) -> tuple[str, dict[str, float]]:
    """Run ``python -m benchmarks.<module>``; its output, and what the kernel says it used."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DISTRICTLAKE_", "PYTHONDONT"))}
    environment |= {"PYTHONPATH": str(PROJECT), "GX_ANALYTICS_ENABLED": "false", "PYTHONHASHSEED": "0"}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([python, "-m", f"benchmarks.{module}", *arguments], stdout=output, cwd=PROJECT, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        output.seek(0)
        text = output.read().decode()
    if process.returncode:
        raise SystemExit(f"{text}\nbenchmarks.{module} {' '.join(arguments)} ended with {process.returncode}.")
    return text, {"cpu": used.ru_utime + used.ru_stime, "wall": wall, "peak_bytes": used.ru_maxrss * 1024}


def one_day(side: str, folder: Path, place: Path, day: int, delivered: dict[int, dict[str, Any]], kind: str) -> dict[str, Any]:
    """One side's day; its measurements."""
    date = DAYS[day].isoformat()
    if side == "ours":
        text, used = child("way_ours", str(folder), str(place), date)
        report = json.loads(text.splitlines()[-1])
        delivered[day] = {name: report[name] for name in ("delivery", "file", "now")}
    else:
        file = next((folder / "deliveries" / date / AGENCY).iterdir())
        given = {**delivered[day], "path": str(file), "kind": kind, "today": CHECKED_ON.isoformat(), "at": effective(DAYS[day])}
        arguments = folder / f"arguments-{day + 1}.json"
        arguments.write_text(json.dumps(given, ensure_ascii=False), encoding="utf-8")
        text, used = child("way_by_hand", str(folder), str(place), str(arguments))
        report = json.loads(text.splitlines()[-1])
    return {**used, "cpu_work": report["cpu"], "wall_work": report["wall"], "phases": report["phases"], "counts": report.get("counts", {})}


def both_days(
    folder: Path, number: int, delivered: dict[int, dict[str, Any]], order: tuple[str, ...], kind: str
) -> dict[tuple[str, int], dict[str, Any]]:
    """Both days of both sides, alternating, on lakes of their own."""
    found = {}
    places = {side: folder / f"run-{number}" / side for side in SIDES}
    for day in range(len(DAYS)):
        for side in order:
            found[side, day] = one_day(side, folder, places[side], day, delivered, kind)
    return found


def compare(folder: Path, number: int) -> None:
    lakes = [folder / f"run-{number}" / "ours" / "lake", folder / f"run-{number}" / "by_hand"]
    text, _ = child("way_compare", str(lakes[0]), f"{AGENCY}.{RESOURCE}", str(lakes[1]))
    print(text, end="", flush=True)


def medians(runs: list[dict[tuple[str, int], dict[str, Any]]]) -> dict[str, dict[str, dict[str, Any]]]:
    """day -> side -> figures."""
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for day in range(len(DAYS)):
        sides: dict[str, dict[str, Any]] = {}
        for side in SIDES:
            measured = [run[side, day] for run in runs]
            figures: dict[str, Any] = {
                name: round(statistics.median(one[name] for one in measured), 3)
                for name in ("cpu", "cpu_work", "wall", "wall_work", "peak_bytes")
            }
            phases = {
                name: statistics.median(one["phases"].get(name, {"cpu": 0})["cpu"] for one in measured) for name in measured[0]["phases"]
            }
            figures["phases_cpu"] = {name: round(seconds, 3) for name, seconds in phases.items()}
            sides[side] = figures
        result[f"day_{day + 1}"] = sides
    return result


def ratios(figures: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, float]]:
    names = ("cpu", "cpu_work", "wall_work", "peak_bytes")
    return {day: {name: round(sides["ours"][name] / sides["by_hand"][name], 3) for name in names} for day, sides in figures.items()}


def show(figures: dict[str, dict[str, dict[str, Any]]], found: dict[str, dict[str, float]]) -> None:
    for day, sides in figures.items():
        print(f"\n{day.replace('_', ' ')}                           ours   by hand   ratio")
        for name, title, unit in (
            ("cpu_work", "CPU s, imports left out", 1), ("cpu", "CPU s, whole process", 1), ("wall_work", "wall s, imports left out", 1),
            ("peak_bytes", "peak memory, MiB", 2**20),
        ):  # fmt: skip
            ours, by_hand = sides["ours"][name] / unit, sides["by_hand"][name] / unit
            print(f"  {title:<26} {ours:>9.2f} {by_hand:>9.2f} {found[day][name]:>7.2f}")
        for side in SIDES:
            print(f"  CPU s by phase, {side.replace('_', ' ')}:")
            for name, seconds in sorted(sides[side]["phases_cpu"].items(), key=lambda pair: -pair[1]):
                if seconds >= 0.005:
                    print(f"    {name:<40} {seconds:>8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--kind", choices=["snapshot", "incremental"], default="snapshot", help="how the second day is delivered")
    parser.add_argument("--form", choices=["csv", "xlsx"], default="csv")
    parser.add_argument("--faults", type=float, default=0.01, help="share of rows with a fault")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--keep", action="store_true", help="leave the folder with data and tables")
    asked = parser.parse_args()
    with scratch("way", keep=asked.keep) as folder:
        print(
            f"{asked.rows:,} rows x {asked.columns} columns, {asked.kind} {asked.form}, {asked.faults:.1%} faulty, seed {asked.seed}",
            flush=True,
        )
        child("way_delivery", str(folder), str(asked.rows), str(asked.columns), str(asked.faults), str(asked.seed), asked.kind, asked.form)
        child("way_ours", str(folder), "prepare")
        delivered: dict[int, dict[str, Any]] = {}
        first = both_days(folder, 0, delivered, SIDES, asked.kind)
        compare(folder, 0)
        runs = []
        for number in range(1, asked.repeat + 1):
            shutil.rmtree(folder / f"run-{number - 1}")
            runs.append(both_days(folder, number, delivered, SIDES if number % 2 else SIDES[::-1], asked.kind))
        figures = medians(runs or [first])
        found = ratios(figures)
        show(figures, found)
        counts = {f"day_{day + 1}": first["ours", day]["counts"] for day in range(len(DAYS))}
        print(
            "\n"
            + json.dumps(
                {
                    "benchmark": "way", "kind": asked.kind, "form": asked.form, "rows": asked.rows, "columns": asked.columns, "faults": asked.faults, "seed": asked.seed,
                    "repeat": asked.repeat, "equal": True, "ratio": found, "figures": figures, "counts": counts,
                }
            )
        )  # fmt: skip


if __name__ == "__main__":
    main()

"""A comparison of two registers beside hand-written DuckDB and pandas: first night, and the next with few rows changed.

``python -m benchmarks.compare --rows 1000000 [--changed 0.001] [--different 0.01] [--repeat 3] [--seed N] [--keep]``

Two warehouse tables of ROWS rows are written, persons and visits, whose names differ in some rows (the shipped comparison C2). Each side of each night runs in a
process of its own: ours compares, keeps leads and record; by hand both join everything, normalise the names and write what differs as Parquet. Only if all find
the same leads are they told. ``cpu`` is the whole process as the kernel counts it, ``cpu_work`` is measured inside, without imports. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.scratch import scratch
from benchmarks.way import child

SIDES = ("ours", "duckdb", "pandas")
NIGHTS = ("first_night", "next_night")


def night(folder: Path, number: int, name: str) -> dict[str, dict[str, Any]]:
    """Every side of one night; raises where their leads differ."""
    found = {}
    for side in SIDES:
        text, used = child("compare_side", str(folder), side, name, str(number))
        found[side] = {**used, **json.loads(text.splitlines()[-1])}
    if len({one["digest"] for one in found.values()}) != 1:
        raise SystemExit(f"{name}: the sides found other leads: { ({side: one['leads'] for side, one in found.items()}) }")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--changed", type=float, default=0.001, help="share of rows changed on each side before the next night")
    parser.add_argument("--different", type=float, default=0.01, help="share of rows whose names differ")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--keep", action="store_true", help="leave the folder with data and tables")
    asked = parser.parse_args()
    runs: list[dict[str, dict[str, dict[str, Any]]]] = []
    for number in range(max(asked.repeat, 1)):
        with scratch("compare", keep=asked.keep) as folder:
            child("compare_data", str(folder), "first", str(asked.rows), str(asked.different), str(asked.seed))
            run = {NIGHTS[0]: night(folder, number, NIGHTS[0])}
            child("compare_data", str(folder), "change", str(asked.rows), str(asked.changed), str(asked.seed))
            run[NIGHTS[1]] = night(folder, number, NIGHTS[1])
            runs.append(run)
    figures: dict[str, dict[str, dict[str, Any]]] = {}
    for name in NIGHTS:
        print(
            f"\n{name.replace('_', ' ')}: {asked.rows:,} × {asked.rows:,} rows, {runs[-1][name]['ours']['leads']:,} leads, {runs[-1][name]['ours']['mode']}"
        )
        print(f"  {'':<10}{'CPU s':>8}{'without imports':>17}{'wall s':>8}{'peak MiB':>10}")
        figures[name] = {}
        for side in SIDES:
            measured = [run[name][side] for run in runs]
            one: dict[str, Any] = {
                key: round(statistics.median(m[key] for m in measured), 3) for key in ("cpu", "cpu_work", "wall", "wall_work", "peak_bytes")
            }
            figures[name][side] = one | {key: measured[-1][key] for key in ("leads", "mode", "keys", "opened", "closed")}
            print(f"  {side:<10}{one['cpu']:>8.2f}{one['cpu_work']:>17.2f}{one['wall_work']:>8.2f}{one['peak_bytes'] / 2**20:>10.0f}")
    print(
        json.dumps(
            {
                "benchmark": "compare",
                "rows": asked.rows,
                "changed": asked.changed,
                "seed": asked.seed,
                "repeat": len(runs),
                "equal": True,
                "figures": figures,
            }
        )
    )


if __name__ == "__main__":
    main()

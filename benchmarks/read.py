"""Delivered files as raw Delta tables with provenance, beside pandas, DuckDB, pyarrow and Polars by hand; and check digits.

``python -m benchmarks.read --rows 1000000 [--excel-rows 100000] [--large 10000000] [--digits 5000000] [--repeat 3] [--seed N] [--keep]``

ROWS × 21 columns as CSV in UTF-8, in GB18030, and with line breaks in quoted cells; a workbook; a large CSV that passes by in parts; citizen
numbers and credit codes. Each side of each case runs in a process of its own, in turn, and writes every cell as text, with delivery,
file, sheet and row; only if all tables hold the same cells are the times told. ``cpu`` is the whole process as the kernel counts it,
``cpu_work`` is measured inside, without imports; medians of the repeats. 0 leaves a part out. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.scratch import scratch
from benchmarks.way import child

SIDES = {
    "utf8": ("ours", "polars", "pyarrow", "duckdb", "pandas"),
    "gb18030": ("ours", "polars", "pyarrow", "duckdb", "pandas"),
    "breaks": ("ours", "polars", "pyarrow", "duckdb", "pandas"),
    "large": ("ours", "pyarrow"),
    "book": ("ours", "polars", "pandas"),
}
TITLES = {"utf8": "CSV, UTF-8", "gb18030": "CSV, GB18030", "breaks": "CSV, quoted line breaks", "large": "large CSV", "book": "workbook"}
MEASURES = ("cpu_work", "wall_work", "cpu", "wall", "peak_bytes")


def case_of(folder: Path, case: str, rows: int, repeat: int) -> dict[str, dict[str, Any]]:
    """Figures by side. Raises ``SystemExit`` where the tables differ: in every case but the workbook, whose numbers each library spells its own way."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES[case]}
    for number in range(repeat):
        for side in SIDES[case] if number % 2 == 0 else SIDES[case][::-1]:
            print(f"  {case}, run {number + 1} of {repeat}: {side}", file=sys.stderr, flush=True)
            target = folder / f"table-{side}"
            text, used = child("read_side", str(folder), side, case, str(target))
            runs[side].append({**used, **json.loads(text.splitlines()[-1])})
            if number == 0:
                told, _ = child("read_side", str(folder), "check", case, runs[side][0]["table"])
                runs[side][0].update(json.loads(told.splitlines()[-1]))
            for leftover in folder.glob(f"table-{side}*"):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    first = {side: measured[0] for side, measured in runs.items()}
    if {one["rows"] for one in first.values()} != {rows}:
        raise SystemExit(f"{case}: rows were lost: { ({side: one['rows'] for side, one in first.items()}) } of {rows:,}.")
    if case != "book" and len({one["digest"] for one in first.values()}) != 1:
        raise SystemExit(f"{case}: the sides hold other cells: { ({side: one['digest'] for side, one in first.items()}) }.")
    return {
        side: {name: round(statistics.median(run[name] for run in measured), 4) for name in MEASURES} for side, measured in runs.items()
    }


def show(case: str, rows: int, figures: dict[str, dict[str, Any]]) -> None:
    print(f"\n{TITLES[case]}, {rows:,} rows\n  {'':<10}{'CPU s':>8}{'x ours':>8}{'wall s':>8}{'process CPU s':>15}{'peak MiB':>10}")
    for side, one in figures.items():
        share = one["cpu_work"] / figures["ours"]["cpu_work"]
        print(
            f"  {side:<10}{one['cpu_work']:>8.2f}{share:>8.2f}{one['wall_work']:>8.2f}{one['cpu']:>15.2f}{one['peak_bytes'] / 2**20:>10,.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each CSV")
    parser.add_argument("--excel-rows", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=10_000_000, help="rows of the CSV that passes by in parts")
    parser.add_argument("--digits", type=int, default=5_000_000, help="citizen numbers and credit codes")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--keep", action="store_true", help="leave the folder with the files")
    asked = parser.parse_args()
    repeat = max(asked.repeat, 1)
    figures: dict[str, Any] = {}
    with scratch("read", keep=asked.keep) as folder:
        plan = (
            ("csv", asked.rows, ("utf8", "gb18030", "breaks")),
            ("xlsx", asked.excel_rows, ("book",)),
            ("large", asked.large, ("large",)),
        )
        for kind, rows, cases in plan:
            if not rows:
                continue
            child("read_data", str(folder), kind, str(rows), str(asked.seed))
            for case in cases:
                figures[case] = case_of(folder, case, rows, 1 if case == "large" else repeat)
                show(case, rows, figures[case])
            if not asked.keep:
                for file in (*folder.glob("*.csv"), *folder.glob("*.xlsx")):
                    file.unlink()
        if asked.digits:
            child("read_data", str(folder), "digits", str(asked.digits), str(asked.seed))
            print("\ncheck digits, rows per CPU second")
            figures["digits"] = {}
            for side in ("ours", "python-stdnum"):
                text, _ = child("read_side", str(folder), side, "digits", "-")
                figures["digits"][side] = json.loads(text.splitlines()[-1])
                told = ", ".join(f"{name} {one['rows_per_cpu_second']:,}" for name, one in figures["digits"][side].items())
                print(f"  {side:<14} {told}")
        print("\n" + json.dumps({
            "benchmark": "read", "rows": asked.rows, "excel_rows": asked.excel_rows, "large": asked.large, "digits": asked.digits,
            "columns": 21, "seed": asked.seed, "repeat": repeat, "figures": figures,
        }))  # fmt: skip


if __name__ == "__main__":
    main()

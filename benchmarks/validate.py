"""Twenty-seven rules over one table, beside Great Expectations' own engine, four other libraries and a hand-written query.

``python -m benchmarks.validate [--rows 1000000] [--columns 20] [--resources 500] [--large 10000000] [--repeat 3] [--peers PYTHON] [--keep]``

The table is generated with dirt; each tool judges it in a process of its own, in turn. Before any time is told, the failures each
counted are held against the hand-written query's, rule by rule: what a tool cannot say, or counts otherwise, is named. ``CPU s`` is
from the table in the tool's own memory to verdicts, and failing keys in a Parquet file where the tool can name them; ``process`` is all
the kernel counted: imports, a warm-up of a thousand rows, reading. Medians of the repeats. ``--peers`` is the Python in which
``requirements/bench.txt`` is installed (``make bench-validate`` does it); without it they are left out.

``ours_from_file`` reads the table in batches while it judges. Then ours alone: the same rules at ``--large`` rows from a file, the fixed cost of 30 rules over 1,000 rows, ``--resources`` resources of 1,000 rows
in one process. This process stays small: the kernel counts a child's peak memory from its parent's.
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
from benchmarks.validate_rules import RULES
from benchmarks.validate_side import IN_PRODUCT, MODULES
from benchmarks.way import child

BASE = "by_hand"
SMALL_RULES, SMALL_ROWS, SMALL_RUNS = 30, 1000, 20


def one(tool: str, folder: Path, table: Path, peers: str) -> dict[str, Any]:
    """One run of one tool; its verdicts and measurements."""
    python = sys.executable if tool in IN_PRODUCT else peers
    text, used = child("validate_side", tool, str(table), str(folder / f"{tool}.parquet"), python=python)
    return {**used, **json.loads(text.splitlines()[-1])}


def agreement(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per tool: how many rules it can say, how many it counts like the hand-written query, and the others by name."""
    truth = found[BASE]["failed"]
    said: dict[str, dict[str, Any]] = {}
    for tool, run in found.items():
        counts = run["failed"]
        cannot = {rule.id: counts[rule.id] for rule in RULES if isinstance(counts[rule.id], str)}
        other = {rule.id: counts[rule.id] - truth[rule.id] for rule in RULES if rule.id not in cannot and counts[rule.id] != truth[rule.id]}
        said[tool] = {
            "says": len(RULES) - len(cannot),
            "agrees": len(RULES) - len(cannot) - len(other),
            "cannot": cannot,
            "counts_otherwise": other,
        }
    return said


def told_apart(said: dict[str, dict[str, Any]]) -> None:
    """The rules a tool cannot say, and those that it counts otherwise."""
    for tool, one_said in said.items():
        for why in sorted(set(one_said["cannot"].values())):
            print(f"  {tool} has {why}: {', '.join(rule for rule, text in one_said['cannot'].items() if text == why)}")
        if one_said["counts_otherwise"]:
            listed = ", ".join(f"{rule} {more:+,}" for rule, more in one_said["counts_otherwise"].items())
            print(f"  {tool} counts otherwise: {listed}")


def show(figures: dict[str, dict[str, Any]], said: dict[str, dict[str, Any]]) -> None:
    print(f"\n{'':<15}{'rules':>6}{'agree':>7}{'keys':>10}{'CPU s':>9}{'x ours':>8}{'wall s':>9}{'process CPU s':>15}{'peak MiB':>10}")
    for tool, one_figures in figures.items():
        pairs = one_figures["pairs"]
        print(
            f"{tool:<15}{said[tool]['says']:>6}{said[tool]['agrees']:>7}{f'{pairs:,}' if pairs is not None else 'none':>10}"
            f"{one_figures['cpu_work']:>9.2f}{one_figures['cpu_work'] / figures['ours']['cpu_work']:>8.2f}{one_figures['wall_work']:>9.2f}"
            f"{one_figures['cpu']:>15.2f}{one_figures['peak_bytes'] / 2**20:>10,.0f}"
        )
    told_apart(said)


def beside_peers(folder: Path, rows: int, columns: int, seed: int, repeat: int, peers: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and agreement by tool. Raises ``SystemExit`` when ours and the hand-written query disagree."""
    table = folder / "table.parquet"
    child("validate_data", str(table), str(rows), str(columns), str(seed))
    tools = [tool for tool in MODULES if tool in IN_PRODUCT or peers]
    runs: dict[str, list[dict[str, Any]]] = {tool: [] for tool in tools}
    for number in range(repeat):
        for tool in tools if number % 2 == 0 else tools[::-1]:
            print(f"  run {number + 1} of {repeat}: {tool}", file=sys.stderr, flush=True)
            runs[tool].append(one(tool, folder, table, peers))
    found = {tool: measured[0] for tool, measured in runs.items()}
    said = agreement(found)
    for tool in ("ours", "ours_from_file"):
        if said[tool]["agrees"] != len(RULES) or found[tool]["pairs"] != found[BASE]["pairs"]:
            raise SystemExit(f"{tool} does not count what the hand-written query counts: {said[tool]}; keys {found[tool]['pairs']}.")
    figures = {}
    for tool, measured in runs.items():
        names = ("cpu_work", "wall_work", "cpu", "wall", "peak_bytes")
        figures[tool] = {name: round(statistics.median(run[name] for run in measured), 4) for name in names}
        figures[tool]["pairs"] = measured[0]["pairs"]
    table.unlink()
    return figures, said


def ours_large(folder: Path, rows: int, columns: int, seed: int) -> dict[str, Any]:
    """Ours over many rows in a file, read in batches. The hand-written query is not run at that size: it would need the whole table."""
    table = folder / "large.parquet"
    child("validate_data", str(table), str(rows), str(columns), str(seed))
    run = one("ours_from_file", folder, table, "")
    table.unlink()
    return {"rows": rows, **{name: run[name] for name in ("cpu_work", "wall_work", "cpu", "peak_bytes", "pairs")}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20, help="at least the twenty that the rules need")
    parser.add_argument("--resources", type=int, default=500, help="small resources in one process; 0: none")
    parser.add_argument("--large", type=int, default=10_000_000, help="rows of the large table; 0: none")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--peers", default="", help="Python with requirements/bench.txt; default: peers are left out")
    parser.add_argument("--keep", action="store_true", help="leave the folder with the failing keys")
    asked = parser.parse_args()
    if asked.peers and shutil.which(asked.peers) is None:
        parser.error(f"there is no {asked.peers}; make bench-validate installs the peers, or leave --peers out")
    with scratch("validate", keep=asked.keep) as folder:
        print(f"{asked.rows:,} rows x {asked.columns} columns, {len(RULES)} rules, seed {asked.seed}", flush=True)
        figures, said = beside_peers(folder, asked.rows, asked.columns, asked.seed, max(asked.repeat, 1), asked.peers)
        show(figures, said)
        if not asked.peers:
            print("  peers left out: make bench-validate installs them")
        told: dict[str, Any] = {"figures": figures, "agreement": said}
        if asked.large:
            large = told["large"] = ours_large(folder, asked.large, asked.columns, asked.seed)
            print(
                f"\nours, {large['rows']:,} rows: {large['cpu_work']:.2f} CPU s, process peak {large['peak_bytes'] / 2**20:,.0f} MiB",
                flush=True,
            )
        text, used = child("validate_ours", "small", str(SMALL_RULES), str(SMALL_ROWS), str(SMALL_RUNS))
        small = told["small"] = json.loads(text.splitlines()[-1])
        print(f"ours, {SMALL_RULES} rules x {SMALL_ROWS:,} rows: {small['cpu_each'] * 1000:.0f} CPU ms a suite", flush=True)
        if asked.resources:
            text, used = child("validate_ours", "many", str(asked.resources), str(SMALL_ROWS))
            many = told["many"] = {"resources": asked.resources, **json.loads(text.splitlines()[-1]), "peak_bytes": used["peak_bytes"]}
            print(f"ours, {asked.resources} resources of {SMALL_ROWS:,} rows: {many['cpu']:.1f} CPU s, {many['wall']:.1f} s in one process")
        print("\n" + json.dumps({
            "benchmark": "validate", "rows": asked.rows, "columns": asked.columns, "rules": len(RULES), "seed": asked.seed,
            "repeat": asked.repeat, "peers": bool(asked.peers), **told,
        }))  # fmt: skip


if __name__ == "__main__":
    main()

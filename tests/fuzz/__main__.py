"""Fuzz the readers: `python -m tests.fuzz [--target delimited] [--seconds 60] [--engine own|hypothesis|atheris] [--corpus FOLDER] [--seed N]`.

Each target runs in a process of its own, SECONDS each. A process that dies or hangs is a find: its bytes are kept, and the next begins with another seed until
the time is up. What was found lies in `.fuzz/`, with the way to see it again; exit 1 if there is anything. Without `--engine`, the time is divided
between the engines that are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.seeds import SEEDS

PROJECT = Path(__file__).resolve().parent.parent.parent


def run(target: str, engine: str, seconds: float, seed: str, corpus: str, found: Path) -> int:
    """One engine on one target; the number of finds."""
    until, finds, number = time.monotonic() + seconds, 0, 0
    outcomes: dict[str, int] = {}
    peak = 0
    while (left := until - time.monotonic()) > 1 or number == 0:
        folder = found / f"{target}-{engine}-{seed}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.child",
            target,
            str(folder),
            "--engine",
            engine,
            "--seconds",
            str(max(left, 1)),
            "--seed",
            f"{seed}-{number}",
        ]
        if corpus:
            command += ["--corpus", corpus]
        try:
            done = subprocess.run(
                command,
                cwd=PROJECT,
                capture_output=True,
                text=True,
                timeout=left + 120,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
                check=False,
            )
            status, output, errors = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            status, output, errors = (
                -9,
                str(late.stdout or b"", "utf-8") if isinstance(late.stdout, bytes) else "",
                "it did not end in time",
            )
        told = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        for one in told:
            finds += 1
            print(f"  FOUND {one['problem']}\n    bytes: {one['file']}\n{one['detail']}", flush=True)
        if (folder / "tally").exists():
            tally = json.loads((folder / "tally").read_text(encoding="utf-8"))
            peak = max(peak, tally["peak_mib"])
            for outcome, count in tally["outcomes"].items():
                outcomes[outcome] = outcomes.get(outcome, 0) + count
        if status != 0 and not told:
            finds += 1
            print(f"  FOUND the process ended with {status}\n    bytes: {folder / 'current'}\n{errors[-3000:]}", flush=True)
        elif not told:
            shutil.rmtree(folder, ignore_errors=True)
        number += 1
        if status == 0 and engine != "atheris":
            break
    total = sum(outcomes.values())
    listed = ", ".join(
        f"{outcome.removeprefix('ingestion.')} {count:,}" for outcome, count in sorted(outcomes.items(), key=lambda pair: -pair[1])
    )
    print(f"{target:<10} {engine:<11}{total:>9,} contents{peak:>6,} MiB  {listed}", flush=True)
    return finds


def main() -> None:
    installed = ["own", "hypothesis", *(["atheris"] if importlib.util.find_spec("atheris") else [])]
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=["all", *SEEDS], default="all")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--engine", choices=installed, default=None, help="default: all that are installed, one after the other")
    parser.add_argument("--seed", default=None, help="default: by the clock")
    parser.add_argument("--corpus", default="", help="a folder of real files to begin with, besides the built ones")
    parser.add_argument("--found", type=Path, default=PROJECT / ".fuzz", help="where finds are kept")
    asked = parser.parse_args()
    seed = asked.seed or str(int(time.time()))
    engines = [asked.engine] if asked.engine else installed
    print(
        f"seed {seed}, {asked.seconds:.0f} s a target, engines {', '.join(engines)}{'' if 'atheris' in installed else ' (atheris is not installed)'}",
        flush=True,
    )
    finds = 0
    for target in SEEDS if asked.target == "all" else (asked.target,):
        for engine in engines:
            finds += run(target, engine, asked.seconds / len(engines), seed, asked.corpus, asked.found.resolve())
    print(f"{finds} finds, kept in {asked.found}" if finds else "nothing found", flush=True)
    raise SystemExit(1 if finds else 0)


if __name__ == "__main__":
    main()

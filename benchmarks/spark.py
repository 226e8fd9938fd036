"""Both engines beside each other: ``python -m benchmarks.spark --rows 1000000 [--large 20000000] [--night 400]``.

One resource of ROWS rows, two days (the second changes 1 %, drops and brings 0.5 %), by the embedded engine, by Spark on one core of this machine (one executor) and on two
(two executors); told are wall and CPU seconds of all processes, the largest process of each kind, and where the time goes. From one core and two follows how much of the work
spreads (Amdahl's law), and a model of more. An executor of one core is a JVM and a Python process that work side by side, so the one core is held by affinity, not by its setting. ``--large``: that many rows on Spark alone, within the stated executor memory. ``--night``: the demonstration's night of that size on both engines.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.night_run import PROJECT, night
from benchmarks.process_tree import ProcessTree
from benchmarks.scratch import scratch
from benchmarks.spark_delivery import write_catalog, write_day

Figures = dict[str, Any]
NIGHT = "2026-03-04T02:00:00+08:00"
"""Moment of the demonstration's night: its deliveries are of the two days before."""
_OF_THE_RUN = {"unfused_seconds", "seconds", "validated_at", "run"}  # durations, an operation's own clock, the number of a run


def side(folder: Path, state: Path, engine: str, cores: int, executor_mb: int, driver_mb: int, days: int = 2) -> list[Figures]:
    """Each day in a process of its own; on Spark it and all it starts share ``cores`` cores, an executor for each."""
    found = []
    every = os.sched_getaffinity(0)
    held = set(sorted(every)[:cores]) if engine == "spark" else every
    for day in range(days):
        master = f"local-cluster[{cores},1,{executor_mb}]"
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.spark_side", str(folder), str(state), str(day), engine, master, str(executor_mb), str(driver_mb)],
            cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False, preexec_fn=lambda: os.sched_setaffinity(0, held),
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{engine}, day {day + 1}: ended with {done.returncode}")
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def show(title: str, figures: list[Figures]) -> None:
    for day, one in enumerate(figures, 1):
        peaks = "，".join(f"{kind} {size:,}" for kind, size in one["peak_mib"].items())
        print(f"{title:<28} day {day} {one['wall']:>8.1f} {one['cpu']:>8.1f}   MiB: {peaks}", flush=True)
        if one["phases"]:
            print("    " + "，".join(f"{name} {seconds:.1f} s" for name, seconds in one["phases"].items()), flush=True)


def equal_tables(left: Path, right: Path) -> int:
    """How many tables both states have; every one of them holds the same rows, whatever their order."""
    import polars as pl
    from deltalake import DeltaTable

    def tables(state: Path) -> list[Path]:
        return sorted(log.parent.relative_to(state / "lake") for log in (state / "lake").rglob("_delta_log"))

    if tables(left) != tables(right):
        raise SystemExit(f"Only one engine has {sorted(map(str, set(tables(left)) ^ set(tables(right))))}.")
    for table in tables(left):
        frames = []
        for state in (left, right):
            frame = pl.scan_delta(DeltaTable(str(state / "lake" / table))).collect()
            kept = [name for name in frame.columns if name not in _OF_THE_RUN]
            texts = frame.select(pl.col(name).list.join(",") if isinstance(frame.schema[name], pl.List) else pl.col(name) for name in kept)
            frames.append(texts.sort(pl.all()))
        if not frames[0].equals(frames[1]):
            raise SystemExit(f"{table}: the engines' tables differ.")
    return len(tables(left))


def modelled(one: Figures, two: Figures) -> dict[str, float]:
    """Wall seconds by cores, from runs on one and on two: ``serial + spread / cores``."""
    spread = max(0.0, 2 * (one["wall"] - two["wall"]))
    serial = one["wall"] - spread
    return {str(cores): round(serial + spread / cores, 1) for cores in (1, 2, 4, 8, 16)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--executor-mb", type=int, default=1536)
    parser.add_argument("--driver-mb", type=int, default=1536)
    parser.add_argument("--night", type=int, default=0, help="residents of the demonstration's night on both engines; 0: none")
    asked = parser.parse_args()
    memory = (asked.executor_mb, asked.driver_mb)
    told: dict[str, Any] = {"benchmark": "spark", "rows": asked.rows, "executor_mb": asked.executor_mb}
    with scratch("spark") as folder:
        write_catalog(folder / "catalog")
        for day in (0, 1):
            write_day(folder, day, asked.rows)
        print(f"{'':<28}       {'wall s':>8} {'CPU s':>8}")
        runs = {
            "embedded": side(folder, folder / "embedded", "embedded", 1, *memory),
            "spark, one core": side(folder, folder / "one", "spark", 1, *memory),
            "spark, two cores": side(folder, folder / "two", "spark", 2, *memory),
        }
        for title, figures in runs.items():
            show(title, figures)
        told["equal_tables"] = equal_tables(folder / "embedded", folder / "two")
        print("tables of both engines: equal")
        told["runs"] = runs
        told["model_wall_by_cores"] = modelled(runs["spark, one core"][0], runs["spark, two cores"][0])
        print(f"model of day 1, seconds by cores: {told['model_wall_by_cores']}")
        if asked.large:
            for name in ("embedded", "one", "two", "2026-03-02", "2026-03-03"):
                shutil.rmtree(folder / name)
            for day in (0, 1):
                write_day(folder, day, asked.large)
            told["large"] = side(folder, folder / "large", "spark", 2, *memory)
            show(f"spark, {asked.large:,} rows", told["large"])
        if asked.night:
            told["night"] = nights(folder, asked.night, memory)
        print(json.dumps(told, ensure_ascii=False))


def nights(folder: Path, size: int, memory: tuple[int, int]) -> dict[str, Any]:
    """The demonstration's night by each engine, at one moment of a fixed clock, so that all tables can be compared."""
    from benchmarks.night_run import command

    found: dict[str, Any] = {}
    spark = {
        "ENGINE": "spark", "SPARK_MASTER": f"local-cluster[2,1,{memory[0]}]", "SPARK_EXECUTOR_MB": str(memory[0]),
        "SPARK_DRIVER_MB": str(memory[1]), "SPARK_UI": "0",
    }  # fmt: skip
    for engine, changes in (("embedded", {}), ("spark", spark)):
        state = folder / f"night-{engine}"
        variables = {f"DISTRICTLAKE_{name}": value for name, value in {**changes, "CLOCK": NIGHT}.items()}
        command("demo", "generate", "--days", "2", "--size", str(size), state=state)
        tree = ProcessTree(os.getpid())
        found[engine] = night(state, state / "demo" / "inbox", variables=variables)
        tree.look()
        tree.end()
        found[engine]["cpu"] = tree.cpu
        print(
            f"night, {engine}: {found[engine]['wall']:.1f} s, {tree.cpu:.1f} CPU s, {found[engine]['deliveries']} deliveries,"
            f" {found[engine]['rows']:,} rows",
            flush=True,
        )
    found["equal_tables"] = equal_tables(folder / "night-embedded", folder / "night-spark")
    print(f"{found['equal_tables']} tables of both nights, marts included: equal")
    return found


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()

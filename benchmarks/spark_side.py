"""One day's delivery of the benchmark's resource by one engine, in this process; prints one line of JSON.

``python -m benchmarks.spark_side FOLDER STATE DAY ENGINE MASTER EXECUTOR_MB DRIVER_MB``
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.process_tree import ProcessTree
from benchmarks.spark_delivery import DAYS, RESOURCE_ID


def run(folder: Path, state: Path, day: int, engine: str, master: str, executor_mb: int, driver_mb: int) -> dict[str, Any]:
    from districtlake.clock import SHANGHAI, FixedClock
    from districtlake.delivery.district import open_district
    from districtlake.delivery.process import Engine, Hooks, process_resource
    from districtlake.delivery.receive import receive
    from districtlake.distributed.carrier import spark_carrier
    from districtlake.settings import PROJECT_ROOT, Settings
    from expectations.validate import validate

    tree = ProcessTree(os.getpid())
    spark = {"engine": engine, "spark_master": master, "spark_executor_mb": executor_mb, "spark_driver_mb": driver_mb, "spark_ui": False}
    settings = Settings(
        state=state, inbox=state / "inbox", catalog_dirs=(PROJECT_ROOT / "catalog", folder / "catalog"), settle_seconds=0, actor="benchmark",
        max_file_mb=1 << 20,
    ).model_copy(update=spark if engine == "spark" else {})  # fmt: skip
    noon = datetime.fromisoformat(DAYS[day]).replace(hour=12, tzinfo=SHANGHAI)
    phases: list[tuple[float, str]] = []

    def tell(message: str) -> None:
        phases.append((time.perf_counter(), message))
        print(f"{time.perf_counter() - started:7.1f} s  {message}", file=sys.stderr, flush=True)

    started = time.perf_counter()
    district = open_district(settings, clock=FixedClock(noon))
    received = receive(district, folder / DAYS[day])
    at = time.perf_counter()
    outcomes = process_resource(district, RESOURCE_ID, Engine(validate, Hooks(tell=tell), {"spark": spark_carrier}))
    wall = time.perf_counter() - at
    if received.notices or len(outcomes) != 1 or outcomes[0].state != "done":
        raise SystemExit(f"not processed: {received.notices} {[(o.state, o.why, o.error) for o in outcomes]}")
    tree.look()
    tree.end()
    seconds: dict[str, float] = {}
    begun = [(moment, text.partition("：Spark ")[2]) for moment, text in phases if "：Spark " in text and "个阶段" not in text]
    for (moment, name), (until, _) in pairwise([*begun, (at + wall, "")]):
        seconds[name] = round(seconds.get(name, 0) + until - moment, 1)
    return {
        "engine": engine, "wall": round(wall, 1), "cpu": tree.cpu, "phases": seconds, "counts": outcomes[0].counts,
        "peak_mib": {kind: round(size / 2**20) for kind, size in sorted(tree.peaks.items())},
    }  # fmt: skip


def main() -> None:
    folder, state, day, engine, master, executor_mb, driver_mb = sys.argv[1:]
    print(json.dumps(run(Path(folder), Path(state), int(day), engine, master, int(executor_mb), int(driver_mb)), ensure_ascii=False))


if __name__ == "__main__":
    main()

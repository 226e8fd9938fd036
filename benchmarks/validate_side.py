"""One tool of the validation benchmark in a process of its own; prints one line of JSON.

``python -m benchmarks.validate_side <tool> <table.parquet> <keys.parquet>``

The module of a tool has ``load(path, tool)``, which gives the table as the tool takes it (not timed), and ``judge(data, keys, tool)``, which
gives the failures of each rule (a text in their place: why the tool cannot say it) and writes the failing keys where it can. Both run
once on a thousand rows beforehand, so that no side pays for its imports.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

MODULES = {
    "ours": "validate_ours", "ours_from_file": "validate_ours", "by_hand": "validate_by_hand", "gx_summary": "validate_gx", "gx_complete": "validate_gx",
    "dataframely": "validate_dataframely", "pointblank": "validate_pointblank", "pandera": "validate_pandera", "cuallee": "validate_cuallee",
}  # fmt: skip
IN_PRODUCT = ("by_hand", "ours", "ours_from_file", "gx_summary", "gx_complete")
"""Sides that run in the product's own environment; the others need ``requirements/bench.txt``."""


def main(tool: str, table: str, keys: str) -> None:
    import polars as pl

    module = import_module(f"benchmarks.{MODULES[tool]}")
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.parquet"
        pl.scan_parquet(table).head(1000).collect().write_parquet(small)
        module.judge(module.load(small, tool), Path(folder) / "keys.parquet", tool)
    data = module.load(Path(table), tool)
    cpu, wall = time.process_time(), time.perf_counter()
    found = module.judge(data, Path(keys), tool)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    pairs = pl.scan_parquet(keys).select(pl.len()).collect().item() if Path(keys).exists() else None
    print(json.dumps({"failed": found, "cpu_work": cpu, "wall_work": wall, "pairs": pairs}))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The catalogue and the two days of deliveries of the benchmark of many resources. Every resource's second day differs from its first.

``python -m benchmarks.many_deliveries <folder> <resources> <rows> <columns> <agencies> <seed>``
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.way_delivery import columns, entry, snapshots
from benchmarks.way_delivery_names import DAYS

FAULTS = 0.01


def agency_of(number: int, agencies: int) -> str:
    return f"bench_agency_{number % agencies:02d}"


def resource_entry(number: int, count: int) -> dict[str, Any]:
    """The entry of one resource: as the way's, under a code, title and file name of its own."""
    described = entry(count)
    described["code"] = f"303009002/{number + 1:06d}"
    described["title"] = f"基准测试参保记录{number:03d}"
    described["source"] = {**described["source"], "files": f"参保记录{number:03d}_*.csv"}
    return described


def write(folder: Path, resources: int, rows: int, count: int, agencies: int, seed: int) -> None:
    """Write ``catalog/`` and ``deliveries/<day>/<agency>/`` below the folder."""
    import polars as pl
    import yaml

    def save(path: Path, content: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")

    named = {
        agency_of(number, agencies): {
            "name": f"基准测试机构{number % agencies:02d}", "kind": "administrative_organ", "contact": f"bench-{number % agencies:02d}@haishu.example",
            "security_officer": "数据安全管理岗",
        }
        for number in range(resources)
    }  # fmt: skip
    save(folder / "catalog" / "agencies.yaml", named)
    for number in range(resources):
        agency = agency_of(number, agencies)
        save(folder / "catalog" / "resources" / agency / f"many_{number:03d}.yaml", resource_entry(number, count))
        for day, frame in zip(DAYS, snapshots(rows, FAULTS, seed + number), strict=True):
            file = folder / "deliveries" / day.isoformat() / agency / f"参保记录{number:03d}_{day:%Y%m%d}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            frame.select(pl.col(c.base).alias(c.title) for c in columns(count)).write_csv(file, include_bom=True)


if __name__ == "__main__":
    target, *numbers = sys.argv[1:]
    write(Path(target), *map(int, numbers))

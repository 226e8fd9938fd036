"""The nightly run as a process of its own: ``python -m pipelines.nightly``. Its standard output is one JSON document a line.

It receives the inbox, runs each agency's job in turn (an agency's failure stops no other), raises tickets, writes the packages,
prunes the event log and ends with ``{"event": "finished", …}``. Without that last line the run has failed.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from districtlake.delivery.locks import lock
from districtlake.settings import Settings

Emit = Callable[..., None]


def emitter() -> Emit:
    """Writes events to the real standard output and sends everything else that prints to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def emit(event: str, **data: Any) -> None:
        out.write(json.dumps({"event": event, **data}, ensure_ascii=False, default=str) + "\n")

    return emit


def main(arguments: list[str] | None = None) -> int:
    """Run once; 0 when every agency's run succeeded, 1 when one failed, 2 when the run could not begin."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.nightly", description=__doc__)
    parser.add_argument("--inbox", type=Path, default=None, help="folder of deliveries (default: the inbox of the settings)")
    options = parser.parse_args(arguments)
    emit = emitter()
    settings = Settings.from_environment()
    with lock(settings.locks, "nightly", tell=lambda message: emit("waiting", message=message)):
        return run(options.inbox, emit)


def run(inbox: Path | None, emit: Emit) -> int:
    """One nightly run under the nightly lock."""
    started = time.monotonic()
    import dagster as dg

    from districtlake.delivery.receive import receive
    from pipelines import resources
    from pipelines.home import dagster_home
    from pipelines.retention import prune_event_log
    from pipelines.routing import route

    district = resources.district()
    os.environ["DAGSTER_HOME"] = str(dagster_home(district.settings))
    os.chdir(os.environ["DAGSTER_HOME"])
    for error in district.catalog_errors:
        emit("catalog_error", **error.as_dict())

    received = receive(district, inbox, tell=lambda message: emit("progress", message=message))
    emit(
        "received", new=len(received.new), known=received.known, growing=received.growing,
        duplicates=[{"file": file, "repeats": twin} for file, twin in received.duplicates],
        notices=[{"code": n.code, "message": n.message, "hint": n.hint, "path": n.relative} for n in received.notices],
    )  # fmt: skip
    ran = _run_agencies(district, dg.DagsterInstance.get(), emit)
    routing_started = time.monotonic()
    routed = route(district)
    emit(
        "routed", opened=routed.opened, closed=routed.closed, seconds=round(time.monotonic() - routing_started, 3),
        packages=[{"agency": p.agency, "file": str(p.file), "tickets": p.tickets, "rows": p.rows} for p in routed.packages],
    )  # fmt: skip
    with dg.DagsterInstance.get() as instance:
        pruned = prune_event_log(instance, district.clock.now(), district.settings.event_log_days)
    failed = [agency for agency, success in ran.items() if not success]
    broken = failed + [error.code for error in district.catalog_errors]
    emit("finished", agencies=ran, pruned_runs=pruned, seconds=round(time.monotonic() - started, 3), success=not broken)
    return 1 if broken else 0


def _run_agencies(district: Any, instance: Any, emit: Emit) -> dict[str, bool]:
    """Run each agency's job over its resources with pending deliveries, day by day; loads the definitions only when there is work."""
    from districtlake.delivery import ledger

    todo = [found for found in ledger.waiting(district.store) if found.resource in district.catalog.resources]
    if not todo:
        return {}
    from pipelines.definitions import definitions

    repository = definitions().get_repository_def()
    ran: dict[str, bool] = {}
    stuck: set[str] = set()  # resources whose run failed tonight: their later days wait
    days: list[date | None] = [None, *sorted({found.data_date for found in todo if found.data_date})]
    for day in days:
        wave: dict[str, list[str]] = {}
        for found in todo:
            if found.data_date == day and found.resource not in stuck and found.resource not in wave.get(_agency(found.resource), []):
                wave.setdefault(_agency(found.resource), []).append(found.resource)
        for agency in _in_dependency_order(district, wave):
            success = _run_agency(district, repository, instance, agency, wave[agency], day, emit)
            ran[agency] = ran.get(agency, True) and success
            if not success:
                stuck |= ledger.unsettled(district.store, day) & set(wave[agency])
    return ran


def _agency(resource: str) -> str:
    return resource.split(".", 1)[0]


def _run_agency(district: Any, repository: Any, instance: Any, agency: str, resources: list[str], day: date | None, emit: Emit) -> bool:
    from pipelines.jobs import agency_job_name, asset_keys, run_config

    began = time.monotonic()
    emit("agency_started", agency=agency, name=district.catalog.agencies[agency].name, resources=resources, day=day)
    run_id, reasons = "", list[str]()
    try:
        # an undated wave takes only undated deliveries: no dated one is that old
        result = repository.get_job(agency_job_name(agency)).execute_in_process(
            instance=instance, asset_selection=asset_keys(resources), run_config=run_config(resources, day or date.min),
            raise_on_error=False, tags={"agency": agency, "launched_by": "nightly", **({"day": day.isoformat()} if day else {})},
        )  # fmt: skip
        success, run_id = result.success, result.run_id
        if not success:
            reasons = _reasons(result)
    except Exception as error:  # Dagster itself failed for this agency: say so, go on with the next
        success, reasons = False, [f"{type(error).__name__}: {error}"]
    seconds = round(time.monotonic() - began, 3)
    emit("agency_finished", agency=agency, day=day, success=success, run_id=run_id, reasons=reasons, seconds=seconds)
    return success


def _reasons(result: Any) -> list[str]:
    return [
        event.step_failure_data.user_failure_data.description
        if event.step_failure_data.user_failure_data
        else str(_cause(event.step_failure_data.error).message if event.step_failure_data.error else event.message).strip()
        for event in result.all_events
        if event.is_step_failure
    ]


def _cause(error: Any) -> Any:
    """The innermost error: Dagster wraps what an asset raised in a sentence of its own."""
    while error.cause is not None:
        error = error.cause
    return error


def _in_dependency_order(district: Any, waiting: dict[str, list[str]]) -> list[str]:
    """Agencies whose resources others refer to go first, so that references find tonight's data; a circle is cut by name."""
    refers: dict[str, set[str]] = {agency: set() for agency in waiting}
    for agency, resources in waiting.items():
        for resource in resources:
            for item in district.catalog.resources[resource].items:
                if item.references:
                    target = item.references.resource.split(".", 1)[0]
                    if target in waiting and target != agency:
                        refers[agency].add(target)
    ordered: list[str] = []
    while len(ordered) < len(waiting):
        rest = [agency for agency in sorted(waiting) if agency not in ordered]
        free = [agency for agency in rest if not (refers[agency] - set(ordered))]
        ordered.append((free or rest)[0])
    return ordered


if __name__ == "__main__":
    sys.exit(main())

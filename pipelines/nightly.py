"""The nightly run as a process of its own: ``python -m pipelines.nightly``. Its standard output is one JSON document a line.

The command line and the schedule both start this. It writes down what the night owes, receives the inbox, runs each agency's job in
turn (an agency's failure stops no other), asks changed rules of the rows that stand, compares the agencies' tables, raises tickets, sends the digests, builds the marts, writes the quality report, prunes the event log, compares what came of it with what
was owed, writes the report, closes the record and ends with ``{"event": "finished", …}``. Without that last line the run has failed.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from districtlake.delivery.locks import lock
from districtlake.nights import record
from districtlake.settings import Settings
from pipelines.child import Emit, emitter, guarded, reason_of

Result = TypeVar("Result")


def main(arguments: list[str] | None = None) -> int:
    """Run once; 0 when everything that was owed has an outcome and no run failed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.nightly", description=__doc__)
    parser.add_argument("--inbox", type=Path, default=None, help="folder of deliveries (default: the inbox of the settings)")
    parser.add_argument("--launched-by", default="command line", help="who starts it: kept in the record of nights")
    options = parser.parse_args(arguments)
    emit = emitter()
    settings = Settings.from_environment()
    with lock(settings.locks, record.LOCK, tell=lambda message: emit("waiting", message=message)):
        return run(options.inbox, emit, options.launched_by)


def run(inbox: Path | None, emit: Emit, launched_by: str = "command line") -> int:
    """One nightly run under the nightly lock."""
    started = time.monotonic()
    from districtlake.marts.definition import marts_behind
    from districtlake.nights.expected import Course, alarms, expected_of, outcomes
    from districtlake.nights.report import write_report
    from districtlake.nights.summary import figures_of, last_operation, night_summary, shown_path
    from districtlake.nights.watch import watch
    from pipelines.timing import Timing

    timing, course = Timing(), Course()
    with timing.part("start"):
        import dagster as dg

        from assets.nights import report_night
        from pipelines import resources
        from pipelines.dead_runs import settle_dead_runs
        from pipelines.home import dagster_home
        from pipelines.revalidation import revalidate_changed

        district = resources.district()
        os.environ["DAGSTER_HOME"] = str(dagster_home(district.settings))
        os.chdir(os.environ["DAGSTER_HOME"])
    night = record.begin(district, launched_by)
    emit("night", id=night.id, night=night.night, before=[alarm.as_dict() for alarm in night.before])
    for error in district.catalog_errors:
        emit("catalog_error", **error.as_dict())

    def step(name: str, work: Callable[[], Result]) -> Result | None:
        """Carry out a step; whatever stops it is recorded and stops no other step."""
        with timing.part(name):
            try:
                done = work()
            except Exception as error:
                course.steps[name] = _sentence(error)
                emit("step_failed", step=name, message=course.steps[name])
                return None
        course.steps[name] = ""
        return done

    with dg.DagsterInstance.get() as instance:
        settle_dead_runs(instance)
        received = step("receive", lambda: _receive(district, inbox, emit)) or {}
        expected = expected_of(district, district.catalog.marts)
        record.expect(district, night.id, expected.as_dict())
        runs = step("agencies", lambda: _run_agencies(district, instance, emit, course, timing)) or []
        asked_again = step("revalidate", lambda: revalidate_changed(district, instance, emit)) or []
        # before routing: leads become tickets tonight
        comparisons = step("comparisons", lambda: _compare(district, instance, emit)) or {}
        routed = step("routing", lambda: _route(district, emit)) or {}
        step("notify", lambda: _notify(district, emit))
        # after routing: marts tell of tonight's tickets, too
        marts = step("marts", lambda: _build_marts(district, instance, emit)) or {}
        course.marts = marts.get("states", {})
        quality = step("quality", lambda: _write_quality(district, emit)) or {}
        step("retention", lambda: _prune(district, instance, emit))

        tonight = outcomes(district, expected.deliveries, course, night.after_operation)

        def told() -> dict[str, Any]:
            raised = alarms(expected, course, tonight)
            return night_summary(
                district, night, received=received, revalidated=asked_again, routed=routed, runs=runs, course=course, tonight=tonight, alarms=raised, comparisons=comparisons,
                readers=marts_behind(district.catalog), marts=marts, quality=quality, timing=timing.as_dict(), left_out=[], seconds=time.monotonic() - started,
            )  # fmt: skip

        course.steps["report"] = ""
        summary = told()
        written = step("report", lambda: write_report(district, summary))
        if written is None:  # its absence is an alarm like any other
            summary = told()
        else:
            summary["report"] = {"html": written.html, "mail": written.mail, "path": shown_path(district.settings.outbox / written.html)}
        figures = {**figures_of(summary), "last_operation": last_operation(district)}
        raised = [record.Alarm(**alarm) for alarm in summary["alarms"]]
        report = written.html if written is not None else None
        record.finish(district, night.id, success=summary["success"], figures=figures, alarms=raised, report=report)
        watch(district)
        try:
            report_night(instance, summary, district.settings.outbox / report if report else None)
        except Exception as error:  # the record and the report stand; the UI alone lacks the night
            emit("step_failed", step="dagster", message=_sentence(error))
    emit("summary", summary=summary)
    emit("finished", agencies=course.agencies, seconds=round(time.monotonic() - started, 3), success=summary["success"])
    return 0 if summary["success"] else 1


def _sentence(error: Exception) -> str:
    """Our own errors carry a sentence; another's text may quote a cell, so only its kind and place are told."""
    from districtlake.errors import DistrictLakeError, kind_and_place

    return str(error) if isinstance(error, DistrictLakeError) else kind_and_place(error)


def _receive(district: Any, inbox: Path | None, emit: Emit) -> dict[str, Any]:
    from districtlake.delivery.fetch import fetch, fetched_resources
    from districtlake.delivery.receive import receive

    asked = fetched_resources(district)
    fetched = fetch(district, asked, tell=lambda resource, rows: emit("progress", message=f"{resource}：已读 {rows:,} 行"))
    received = receive(district, inbox, tell=lambda message: emit("progress", message=message))
    told = {
        "fetched": [
            {"resource": one.resource, "rows": one.rows, "delivery": one.delivery, "error": one.error.as_dict() if one.error else None} for one in fetched
        ],
        "new": len(received.new) + sum(bool(one.delivery) for one in fetched), "known": received.known, "growing": received.growing,
        "duplicates": [{"file": file, "repeats": twin} for file, twin in received.duplicates],
        "notices": [{"code": n.code, "message": n.message, "hint": n.hint, "path": n.relative} for n in received.notices],
    }  # fmt: skip
    emit("received", **told)
    return told


def _build_marts(district: Any, instance: Any, emit: Emit) -> dict[str, Any]:
    from pipelines.marts import run_marts

    return run_marts(district, instance, emit)


def _write_quality(district: Any, emit: Emit) -> dict[str, Any]:
    """The quality report of the last thirty days; after the marts, so that it tells of tonight."""
    from districtlake.quality_report.files import write_nightly

    written = write_nightly(district)
    portal = district.settings.portal_url.rstrip("/")
    told = {
        "html": written.html, "workbook": written.workbook, "headline": written.headline, "anew": written.anew,
        "link": f"{portal}/quality" if portal else "",
    }  # fmt: skip
    emit("quality", **told)
    return told


def _compare(district: Any, instance: Any, emit: Emit) -> dict[str, Any]:
    from pipelines.comparisons import run_comparisons

    return run_comparisons(district, instance, emit)


def _route(district: Any, emit: Emit) -> dict[str, Any]:
    from districtlake.delivery.confirmed_rows import release_confirmed
    from pipelines import resources
    from pipelines.routing import route

    began = time.monotonic()
    released = release_confirmed(district, resources.engine)
    routed = route(district)
    told = {
        "opened": routed.opened, "closed": routed.closed, "escalated": routed.escalated, "reprocessed": len(released), "seconds": round(time.monotonic() - began, 3),
        "packages": [{"agency": p.agency, "file": str(p.file), "tickets": p.tickets, "rows": p.rows} for p in routed.packages],
        "unreadable": routed.unreadable, "failed": routed.failed,
    }  # fmt: skip
    emit("routed", **told)
    return told


def _notify(district: Any, emit: Emit) -> None:
    """The day's digests. A mail server that is away is no failed night: what waits is sent by the sensor or the next night."""
    from districtlake.notifications.sending import send

    done = send(district)
    emit("notified", queued=done.queued, sent=done.sent, failed=done.failed, dead=done.dead, waiting=done.waiting, closed=done.closed)


def _prune(district: Any, instance: Any, emit: Emit) -> None:
    from pipelines.retention import prune_event_log

    emit("pruned", runs=prune_event_log(instance, district.clock.now(), district.settings.event_log_days))


def _run_agencies(district: Any, instance: Any, emit: Emit, course: Any, timing: Any) -> list[dict[str, Any]]:
    """Run each agency's job over its resources with pending deliveries, day by day; loads the definitions only when there is work."""
    from districtlake.delivery import ledger

    todo = [found for found in ledger.waiting(district.store) if found.resource in district.catalog.resources]
    if not todo:
        return []
    with timing.part("start"):
        from pipelines import resources
        from pipelines.definitions import definitions
        from pipelines.timing import listening

        repository = definitions().get_repository_def()
    runs: list[dict[str, Any]] = []
    stuck: set[str] = set()  # resources whose run failed tonight: their later days wait
    days: list[date | None] = [None, *sorted({found.data_date for found in todo if found.data_date})]
    with listening(timing, instance, resources.engine().hooks) as heard:
        for day in days:
            wave: dict[str, list[str]] = {}
            for found in todo:
                if found.data_date == day and found.resource not in stuck and found.resource not in wave.get(_agency(found.resource), []):
                    wave.setdefault(_agency(found.resource), []).append(found.resource)
            for agency in _in_dependency_order(district, wave):
                told = _run_agency(district, repository, instance, agency, wave[agency], day, emit, heard)
                runs.append(told)
                timing.processing += told["processing_seconds"]
                course.agencies[agency] = course.agencies.get(agency, True) and told["success"]
                course.resources |= told["failures"]
                if not told["success"]:
                    stuck |= ledger.unsettled(district.store, day) & set(wave[agency])
    return runs


def _agency(resource: str) -> str:
    return resource.split(".", 1)[0]


def _run_agency(
    district: Any, repository: Any, instance: Any, agency: str, resources: Sequence[str], day: date | None, emit: Emit, heard: list[float]
) -> dict[str, Any]:
    from pipelines.jobs import agency_job_name, asset_keys, run_config

    began = time.monotonic()
    heard.clear()
    name = district.catalog.agencies[agency].name
    emit("agency_started", agency=agency, name=name, resources=resources, day=day)
    run_id, failures, reasons = "", dict[str, str](), list[str]()
    try:
        # an undated wave takes only undated deliveries: no dated one is that old
        result = repository.get_job(agency_job_name(agency)).execute_in_process(
            instance=instance, asset_selection=asset_keys(resources), run_config=run_config(resources, day or date.min),
            raise_on_error=False, tags={"agency": agency, "launched_by": "nightly", **({"day": day.isoformat()} if day else {})},
        )  # fmt: skip
        success, run_id = result.success, result.run_id
        if not success:
            failures = _failures(result)
            reasons = list(failures.values())
    except Exception as error:  # Dagster itself failed for this agency: say so, go on with the next
        success, reasons = False, [_sentence(error)]
    told = {
        "agency": agency, "name": name, "day": day, "success": success, "run_id": run_id, "failures": failures, "reasons": reasons,
        "seconds": round(time.monotonic() - began, 3), "processing_seconds": round(sum(heard), 3),
    }  # fmt: skip
    emit("agency_finished", **told)
    return told


def _failures(result: Any) -> dict[str, str]:
    """Resource -> why its step failed. The step is named after the resource (``assets.resources.op_name``)."""
    return {
        str(event.step_key).replace("__", ".", 1): event.step_failure_data.user_failure_data.description
        if event.step_failure_data.user_failure_data
        else (reason_of(event.step_failure_data.error) if event.step_failure_data.error else "the step failed")
        for event in result.all_events
        if event.is_step_failure
    }


def _in_dependency_order(district: Any, waiting: dict[str, list[str]]) -> list[str]:
    """Agencies whose resources others refer to, by items or by checks, go first: rules find tonight's data. A circle is cut by name."""
    from districtlake.quality.derive import referred_resources

    refers: dict[str, set[str]] = {agency: set() for agency in waiting}
    for agency, resources in waiting.items():
        for resource in resources:
            targets = {_agency(target) for target in referred_resources(district.catalog.resources[resource])}
            refers[agency] |= targets & set(waiting) - {agency}
    ordered: list[str] = []
    while len(ordered) < len(waiting):
        rest = [agency for agency in sorted(waiting) if agency not in ordered]
        free = [agency for agency in rest if not (refers[agency] - set(ordered))]
        ordered.append((free or rest)[0])
    return ordered


if __name__ == "__main__":
    sys.exit(guarded(main))

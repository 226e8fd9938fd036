"""The marts after the agencies, in a run of their own: inside one run a failed resource would skip every mart that reads it.

``python -m pipelines.marts [MART …] [--full]`` builds them as a process; the nightly run calls ``run_marts``, a sensor starts the job by day.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Collection
from typing import Any

import dagster as dg

from assets.marts import STEP, mart_key
from districtlake.catalog.models import Catalog
from districtlake.delivery.district import District
from districtlake.delivery.locks import lock
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.marts import record
from districtlake.marts.build import due_marts
from districtlake.marts.definition import in_build_order, resources_behind
from districtlake.marts.record import OUTCOME_TITLES, outcome_title
from districtlake.marts.stale import stale_resources
from districtlake.nights.record import LOCK as NIGHT_LOCK
from pipelines.child import Emit, emitter, guarded
from pipelines.retention import FINISHED

JOB = "marts"
DUE_TAG = "districtlake/due_marts"
MOST_ATTEMPTS = 3
"""After so many runs over the same inputs the sensor leaves a mart to the nightly run: what fails thrice fails again."""


def marts_job(catalog: Catalog) -> Any:
    """The job over all marts; its launchpad offers ``full``."""
    return dg.define_asset_job(
        JOB, selection=dg.AssetSelection.groups(*sorted(catalog.libraries)), executor_def=dg.in_process_executor,
        description="数据集市：按依赖次序生成来源有变的表", tags={"agency": "data_office"},
    )  # fmt: skip


def run_marts(
    district: District, instance: dg.DagsterInstance, emit: Emit, *, names: Collection[str] | None = None, full: bool = False
) -> dict[str, Any]:
    """Build what is due (or the named marts) in one Dagster run; nothing due, nothing is loaded or run.

    Emits ``marts_started`` and ``marts_finished``.

    Returns:
        ``marts``: for every mart ``id title state state_title rows lacking`` (titles of resources that are missing in it);
        ``failed``: those not built as they should be, ``id title state why hint``; ``states``: mart -> state; ``ok``: none failed;
        ``run_id``, ``seconds``.
    """
    began = time.monotonic()
    chosen = _chosen(district, names, full)
    run_id, reason = "", ""
    if chosen:
        emit("marts_started", marts=chosen)
        run_id, reason = _run(instance, chosen, full)
    told = told_of(district, run_id, chosen, reason)
    told["seconds"] = round(time.monotonic() - began, 3)
    emit("marts_finished", **told)
    return told


def _chosen(district: District, names: Collection[str] | None, full: bool) -> list[str]:
    known = district.catalog.marts
    if unknown := [name for name in names or () if name not in known]:
        raise NotFound(f"There is no mart {unknown[0]}.", hint=f"Marts are: {', '.join(sorted(known)) or 'none'}.")
    if names or full:
        return [mart.id for mart in in_build_order(known.values()) if not names or mart.id in names]
    return [due.mart.id for due in due_marts(district)]


def _run(instance: dg.DagsterInstance, chosen: list[str], full: bool) -> tuple[str, str]:
    """(run id, why the run itself failed apart from its marts; "" when it did not)."""
    from pipelines.definitions import definitions

    job = definitions().get_repository_def().get_job(JOB)
    try:
        result = job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(mart_key(name)) for name in chosen], raise_on_error=False,
            run_config={"ops": {STEP: {"config": {"full": full}}}}, tags={"launched_by": "nightly"},
        )  # fmt: skip
    except Exception as error:  # Dagster itself failed
        return "", type(error).__name__
    return result.run_id, "" if result.success else "the run failed"


def told_of(district: District, run_id: str, chosen: Collection[str], reason: str) -> dict[str, Any]:
    """What became of every mart of the catalogue, from the record of builds."""
    catalog = district.catalog
    of_run = {build.mart: build for build in record.builds_of_run(district.lake, run_id)} if run_id else {}
    last, _ = record.latest(district.lake)
    stale = stale_resources(district)
    marts, failed = list[dict[str, Any]](), list[dict[str, Any]]()
    for mart in in_build_order(catalog.marts.values()):
        build = of_run.get(mart.id)
        state = build.outcome if build is not None else "none" if mart.id in chosen else "skipped"
        shown = build or last.get(mart.id)
        if build is None and shown is not None and shown.outcome == "held":  # not computed again: still held
            state = "held"
        lacking = [catalog.resources[one].title for one in resources_behind(mart, catalog) if one in stale]
        version = shown.version if shown else None
        title = outcome_title(state, version) if state in OUTCOME_TITLES else "没有结果"
        marts.append(
            {
                "id": mart.id, "title": mart.title, "state": state, "state_title": title, "rows": shown.rows if shown else None,
                "mode": build.mode if build else "", "lacking": lacking,
            }
        )  # fmt: skip
        if state in ("held", "failed", "blocked", "none"):
            why = shown.reason if shown is not None and state != "none" else reason
            failed.append(
                {"id": mart.id, "title": mart.title, "state": state, "why": why, "hint": _HINTS[state], "kept": version is not None}
            )
    states = {row["id"]: row["state"] for row in marts if row["state"] != "none"}
    return {
        "marts": marts, "failed": failed, "states": states, "ok": all(row["state"] == "held" for row in failed) and not reason,
        "run_id": run_id,
    }  # fmt: skip


_HINTS = {
    "held": "校验未通过，没有换成新的一版：districtlake marts show 该表；改正数据或规则后会自动重算。",
    "failed": "districtlake catalog check 指出 SQL 的行；改正后运行 districtlake marts build。",
    "blocked": "先解决它读取的表。",
    "none": "运行 districtlake marts build；再次出现时查看状态文件夹的 logs/。",
}


def marts_sensor(job: Any) -> dg.SensorDefinition:
    """By day, too, a changed table reaches the marts: asked from the tables of record, once per set of changes and attempt."""

    @dg.sensor(
        name="marts", job=job, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING,
        description="数据仓的表或集市的定义有变：重新生成受影响的集市",
    )  # fmt: skip
    def marts(context: dg.SensorEvaluationContext, district: dg.ResourceParam[District]) -> dg.SensorResult | dg.SkipReason:
        try:
            with lock(district.settings.locks, NIGHT_LOCK, wait_seconds=0):
                pass
        except DistrictLakeError:
            return dg.SkipReason("夜间作业正在运行，由它生成集市。")
        due = due_marts(district)
        if not due:
            return dg.SkipReason("集市的来源和定义都没有变化。")
        said = [(one.mart.id, one.reason, sorted(one.inputs.items())) for one in due]
        digest = hashlib.blake2b(json.dumps(said, ensure_ascii=False).encode(), digest_size=10).hexdigest()
        attempts = context.instance.get_runs_count(dg.RunsFilter(tags={DUE_TAG: digest}, statuses=FINISHED))
        if attempts >= MOST_ATTEMPTS:
            return dg.SkipReason(f"{len(due)} 张集市表已尝试 {attempts} 次，留待夜间作业。")
        selection = [dg.AssetKey(mart_key(one.mart.id)) for one in due]
        return dg.SensorResult([dg.RunRequest(run_key=f"{digest}-{attempts}", asset_selection=selection, tags={DUE_TAG: digest})])

    return marts


def main(arguments: list[str] | None = None) -> int:
    """0 when no mart failed, else 1; 2 for a wrong request."""
    from pipelines import resources
    from pipelines.home import dagster_home

    parser = argparse.ArgumentParser(prog="python -m pipelines.marts", description=__doc__)
    parser.add_argument("marts", nargs="*", help="library.mart; none: all that are due")
    parser.add_argument("--full", action="store_true", help="compute anew whatever the inputs are")
    options = parser.parse_args(arguments)
    emit = emitter()
    district = resources.district()
    os.environ["DAGSTER_HOME"] = str(dagster_home(district.settings))
    os.chdir(os.environ["DAGSTER_HOME"])
    for error in district.catalog_errors:
        emit("catalog_error", **error.as_dict())
    with dg.DagsterInstance.get() as instance:
        told = run_marts(district, instance, emit, names=options.marts or None, full=options.full)
    emit("finished", success=told["ok"])
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(guarded(main))

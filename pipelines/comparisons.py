"""Comparisons between agencies, in a run of their own after the agencies' and before routing, so that leads become tickets the same night.

``python -m pipelines.comparisons [COMPARISON …] [--full]`` carries them out as a process; the nightly run calls ``run_comparisons``.
"""

import argparse
import os
import sys
import time
from collections.abc import Collection
from typing import Any

import dagster as dg
import polars as pl

from assets.comparisons import GROUP, STEP, comparison_key
from districtlake.comparison import record
from districtlake.comparison.compare import due_comparisons
from districtlake.comparison.record import MODE_TITLES, OUTCOME_TITLES
from districtlake.delivery.district import District
from districtlake.errors import NotFound
from districtlake.warehouse.leads import read_leads
from pipelines.child import Emit, emitter, guarded

JOB = "comparisons"


def comparisons_job() -> Any:
    """The job over all comparisons; its launchpad offers ``full``."""
    return dg.define_asset_job(
        JOB, selection=dg.AssetSelection.groups(GROUP), executor_def=dg.in_process_executor,
        description="跨部门比对：只比对有变化的主体，线索转为工单", tags={"agency": "data_office"},
    )  # fmt: skip


def run_comparisons(
    district: District, instance: dg.DagsterInstance, emit: Emit, *, names: Collection[str] | None = None, full: bool = False
) -> dict[str, Any]:
    """Carry out what is due (or the named comparisons) in one Dagster run; nothing due, nothing is loaded or run.

    Emits ``comparisons_started`` and ``comparisons_finished``.

    Returns:
        ``pairings``: for every left side of every comparison how it stands; ``failed``: those that could not be carried out,
        ``pairing title why hint``; ``opened closed open``: leads; ``line``: all of it in one Chinese line; ``ok``: none failed; ``run_id``, ``seconds``.
    """
    began, known = time.monotonic(), district.catalog.comparisons
    if unknown := [name for name in names or () if name not in known]:
        raise NotFound(f"There is no comparison {unknown[0]}.", hint=f"Comparisons are: {', '.join(sorted(known)) or 'none'}.")
    chosen = sorted(names or known) if names or full else due_comparisons(district)
    before = record.runs(district.lake).height
    run_id, reason = "", ""
    if chosen:
        emit("comparisons_started", comparisons=chosen)
        run_id, reason = _run(instance, chosen, full)
    told = told_of(district, before, reason)
    told |= {"run_id": run_id, "seconds": round(time.monotonic() - began, 3)}
    emit("comparisons_finished", **told)
    return told


def _run(instance: dg.DagsterInstance, chosen: list[str], full: bool) -> tuple[str, str]:
    """(run id, why the run itself failed; "" when it did not)."""
    from pipelines.definitions import definitions

    job = definitions().get_repository_def().get_job(JOB)
    try:
        result = job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(comparison_key(name)) for name in chosen], raise_on_error=False,
            run_config={"ops": {STEP: {"config": {"full": full}}}}, tags={"launched_by": "nightly"},
        )  # fmt: skip
    except Exception as error:  # Dagster itself failed
        return "", type(error).__name__
    return result.run_id, "" if result.success else "the run failed"


def told_of(district: District, before: int, reason: str) -> dict[str, Any]:
    """How every comparison stands; ``before``: lines of the record when this run began."""
    fresh = {row["pairing"]: row for row in record.runs(district.lake).slice(before).iter_rows(named=True)}
    last, _ = record.latest(district.lake)
    leads = read_leads(district.lake).filter(pl.col("state") == "open")
    standing = dict(leads.group_by("pairing").len().iter_rows())
    pairings, failed = list[dict[str, Any]](), list[dict[str, Any]]()
    for comparison in sorted(district.catalog.comparisons.values(), key=lambda one: (one.code, one.id)):
        for left in comparison.left:
            id_ = f"{comparison.id}/{left.name}"
            row, shown = fresh.get(id_), last.get(id_)
            outcome = row["outcome"] if row else "not_comparable" if shown and shown.outcome == "not_comparable" else "skipped"
            resource = district.catalog.resources[left.resource]
            pairings.append(
                {
                    "comparison": comparison.id, "code": comparison.code, "title": comparison.title, "pairing": id_, "asked": left.resource,
                    "asked_title": resource.title, "agency": district.catalog.agencies[resource.agency].name, "outcome": outcome,
                    "outcome_title": OUTCOME_TITLES[outcome], "mode": row["mode"] if row else "", "mode_title": MODE_TITLES[row["mode"] if row else ""],
                    "keys": row["keys"] if row else 0, "opened": row["opened"] if row else 0, "closed": row["closed"] if row else 0,
                    "open": standing.get(id_, 0), "reason": (row["reason"] if row else shown.reason if shown and outcome == "not_comparable" else ""),
                    "seconds": row["seconds"] if row else 0.0,
                }
            )  # fmt: skip
            if outcome == "failed":
                failed.append({"pairing": id_, "title": comparison.title, "why": pairings[-1]["reason"], "hint": _HINT})
    if reason and not failed:
        failed.append(
            {
                "pairing": JOB,
                "title": "跨部门比对",
                "why": reason,
                "hint": "运行 districtlake comparisons run；再次出现时查看状态文件夹的 logs/。",
            }
        )
    opened, closed = (sum(one[name] for one in pairings) for name in ("opened", "closed"))
    waiting = sum(one["outcome"] == "not_comparable" for one in pairings)
    line = (
        f"新线索 {opened}，已消除 {closed}，未核实 {leads.height}"
        + (f"；暂不可比 {waiting}" if waiting else "")
        + (f"；失败 {len(failed)}" if failed else "")
    )
    return {
        "pairings": pairings,
        "failed": failed,
        "opened": opened,
        "closed": closed,
        "open": leads.height,
        "line": line,
        "ok": not failed,
    }


_HINT = "districtlake catalog check 指出规则的问题；改正后运行 districtlake comparisons run。"


def main(arguments: list[str] | None = None) -> int:
    """0 when no comparison failed, else 1; 2 for a wrong request."""
    from pipelines import resources
    from pipelines.home import dagster_home

    parser = argparse.ArgumentParser(prog="python -m pipelines.comparisons", description=__doc__)
    parser.add_argument("comparisons", nargs="*", help="names; none: all that are due")
    parser.add_argument("--full", action="store_true", help="compare everything whatever changed")
    options = parser.parse_args(arguments)
    emit = emitter()
    district = resources.district()
    os.environ["DAGSTER_HOME"] = str(dagster_home(district.settings))
    os.chdir(os.environ["DAGSTER_HOME"])
    for error in district.catalog_errors:
        emit("catalog_error", **error.as_dict())
    with dg.DagsterInstance.get() as instance:
        told = run_comparisons(district, instance, emit, names=options.comparisons or None, full=options.full)
    emit("finished", success=told["ok"])
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(guarded(main))

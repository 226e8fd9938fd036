"""Runs of a night that was killed: Dagster would show them as running for ever, and keep others from their resources."""

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

LAUNCHED_BY_NIGHT = {"launched_by": "nightly"}
_UNFINISHED = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def settle_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark them failed. Call under the nightly lock, before the night starts runs of its own: then none of them can be alive. Returns how many."""
    dead = instance.get_runs(RunsFilter(tags=LAUNCHED_BY_NIGHT, statuses=_UNFINISHED))
    for run in dead:
        instance.report_run_failed(run, "The nightly process was killed; its work was settled or undone by the next night.")
    return len(dead)

"""Retention of Dagster's event log. Nothing of record lives only there, so old runs may go."""

from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def prune_event_log(instance: dg.DagsterInstance, now: datetime, days: int, batch: int = 200) -> int:
    """Delete finished runs created more than ``days`` days before ``now``, oldest first. Returns how many.

    The latest run of each job is kept, so that the UI always shows what happened last.
    """
    before = now - timedelta(days=days)
    removed = 0
    while True:
        records = instance.get_run_records(RunsFilter(statuses=FINISHED, created_before=before), limit=batch, ascending=True)
        doomed = [record for record in records if not _is_latest(instance, record)]
        for record in doomed:
            instance.delete_run(record.dagster_run.run_id)
        removed += len(doomed)
        if len(doomed) < batch:
            return removed


def _is_latest(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    newest = instance.get_run_records(RunsFilter(job_name=record.dagster_run.job_name), limit=1)
    return bool(newest) and newest[0].dagster_run.run_id == record.dagster_run.run_id

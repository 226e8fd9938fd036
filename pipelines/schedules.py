"""Schedules: the event log's retention, after the nightly run (whose schedule is beside its job: ``nightly_job``)."""

import dagster as dg

from pipelines.jobs import retention

retention_schedule = dg.ScheduleDefinition(
    name="event_log_retention", job=retention, cron_schedule="0 4 * * *", execution_timezone="Asia/Shanghai",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)  # fmt: skip

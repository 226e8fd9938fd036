"""Schedules: the nightly run at 02:00 Shanghai time, and the event log's retention after it."""

import dagster as dg

from districtlake.delivery.district import District
from districtlake.delivery.receive import receive
from pipelines.jobs import retention
from pipelines.sensors import agency_requests


def nightly_schedule() -> dg.ScheduleDefinition:
    @dg.schedule(
        name="nightly", cron_schedule="0 2 * * *", execution_timezone="Asia/Shanghai", target=dg.AssetSelection.all(),
        default_status=dg.DefaultScheduleStatus.RUNNING, description="每日 02:00：登记收件箱中的全部交付并逐机构处理",
    )  # fmt: skip
    def nightly(context: dg.ScheduleEvaluationContext, district: dg.ResourceParam[District]) -> dg.SkipReason | list[dg.RunRequest]:
        receive(district)
        requests = list(agency_requests(district, by_job=False))
        return requests or dg.SkipReason("没有待处理的交付。")

    return nightly


retention_schedule = dg.ScheduleDefinition(
    name="event_log_retention", job=retention, cron_schedule="0 4 * * *", execution_timezone="Asia/Shanghai",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)  # fmt: skip

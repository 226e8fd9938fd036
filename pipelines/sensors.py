"""Sensors: arrivals start runs, problems become tickets, a night that did not run becomes a notice. Both ask from tables of record; a cursor only saves time."""

import hashlib
import json
from collections.abc import Iterator

import dagster as dg

from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.delivery.receive import receive
from districtlake.nights.watch import watch
from districtlake.notifications.sending import send
from pipelines.jobs import OPERATOR_JOBS, AssetJob, agency_job_name, asset_keys, run_config
from pipelines.retention import FINISHED
from pipelines.routing import route

DELIVERIES_TAG = "districtlake/deliveries"
MOST_ATTEMPTS = 3
"""After so many runs over the same deliveries the sensor leaves them to the nightly run: what fails thrice fails again."""


def run_requests(district: District, instance: dg.DagsterInstance) -> Iterator[dg.RunRequest]:
    """One run per agency with pending deliveries, over just their resources and its earliest day; the next look brings the next day.

    The run key is the set of deliveries and the attempt, counted from the finished runs over that set: the same work is asked for
    once however often the sensor looks, and a run that failed or was killed does not block it for ever.
    """
    for request in _agency_requests(district):
        digest = request.tags[DELIVERIES_TAG]
        attempts = instance.get_runs_count(dg.RunsFilter(tags={DELIVERIES_TAG: digest}, statuses=FINISHED))
        if attempts < MOST_ATTEMPTS:
            yield request._replace(run_key=f"{digest}-{attempts}")


def _agency_requests(district: District) -> Iterator[dg.RunRequest]:
    """The runs that pending deliveries ask for."""
    by_agency: dict[str, list[ledger.Waiting]] = {}
    for found in ledger.waiting(district.store):
        if found.resource in district.catalog.resources:
            by_agency.setdefault(found.resource.split(".", 1)[0], []).append(found)
    for agency, deliveries in sorted(by_agency.items()):
        days = [found.data_date for found in deliveries if found.data_date]
        through = min(days) if days else None
        wave = [found for found in deliveries if through is None or found.data_date is None or found.data_date <= through]
        digest = hashlib.blake2b(json.dumps(sorted(found.delivery for found in wave)).encode(), digest_size=10).hexdigest()
        resources = sorted({found.resource for found in wave})
        yield dg.RunRequest(
            job_name=agency_job_name(agency),
            asset_selection=asset_keys(resources),
            run_config=run_config(resources, through),
            tags={"agency": agency, DELIVERIES_TAG: digest},
        )


def arrival_sensor(jobs: list[AssetJob]) -> dg.SensorDefinition:
    @dg.sensor(
        name="arrivals", jobs=jobs, minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING,
        description="新交付到达：登记、归档并启动该机构的处理",
    )  # fmt: skip
    def arrivals(context: dg.SensorEvaluationContext, district: dg.ResourceParam[District]) -> dg.SensorResult | dg.SkipReason:
        received = receive(district, wait=False)
        requests = list(run_requests(district, context.instance))
        if not requests:
            growing = f"；{len(received.growing)} 个文件仍在写入" if received.growing else ""
            return dg.SkipReason(f"没有待处理的交付{growing}。")
        context.log.info(f"{len(received.new)} new deliveries; {len(requests)} agencies have work")
        return dg.SensorResult(run_requests=requests)

    return arrivals


def quality_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="quality", jobs=list(OPERATOR_JOBS), minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING,
        description="问题数据变成工单并写出反馈单（第二十七条）",
    )  # fmt: skip
    def quality(context: dg.SensorEvaluationContext, district: dg.ResourceParam[District]) -> dg.SensorResult:
        seen = json.loads(context.cursor) if context.cursor else {}
        routed = route(district, seen)
        for resource, kind in {**routed.unreadable, **routed.failed}.items():
            context.log.error(f"{resource}：其工单未能更新（{kind}），下次再试。")
        reason = f"{routed.opened} 个工单新开，{routed.closed} 个办结，{len(routed.packages)} 个反馈单。"
        return dg.SensorResult(skip_reason=reason, cursor=json.dumps(routed.seen, sort_keys=True))

    return quality


def notification_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="notifications", jobs=list(OPERATOR_JOBS), minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING,
        description="不能等到夜间的消息（业务紧急、逾期、反馈结果）和需要重发的消息",
    )  # fmt: skip
    def notifications(context: dg.SensorEvaluationContext, district: dg.ResourceParam[District]) -> dg.SkipReason:
        done = send(district, everything=False)
        if done.closed and done.waiting:
            context.log.warning(done.closed)
        return dg.SkipReason(f"送达 {done.sent}，未送达 {done.failed}，放弃 {done.dead}，待发送 {done.waiting}。")

    return notifications


def watchdog_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="nightly_watchdog", jobs=list(OPERATOR_JOBS), minimum_interval_seconds=600, default_status=dg.DefaultSensorStatus.RUNNING,
        description="夜间作业没有运行、没有结束或缺少结果：写入提示",
    )  # fmt: skip
    def nightly_watchdog(context: dg.SensorEvaluationContext, district: dg.ResourceParam[District]) -> dg.SkipReason:
        alarms = watch(district)
        for alarm in alarms:
            context.log.error(f"{alarm.message} {alarm.hint}")
        return dg.SkipReason("；".join(alarm.message for alarm in alarms) or "每一夜都已运行，应有的都有结果。")

    return nightly_watchdog

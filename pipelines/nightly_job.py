"""The nightly run in Dagster: the job and its schedule start the very process that ``districtlake nightly`` starts."""

# no `from __future__ import annotations`: Dagster reads the annotation of ``context``
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from districtlake.cli.subprocesses import pipeline_events
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError
from districtlake.settings import Settings


class NightConfig(dg.Config):
    """What the launchpad offers: by default the inbox of the settings."""

    inbox: str = Field(default="", description="交付所在文件夹；留空为收件箱")
    launched_by: str = Field(default="launchpad", description="由谁启动，写入夜间作业记录")


@dg.op(description="夜间作业：收件、逐机构处理、数据集市、工单与反馈单、夜间报告 (the whole night in a process of its own)")
def run_night(context: dg.OpExecutionContext, config: NightConfig, district: dg.ResourceParam[District]) -> None:
    """Fails when a run failed or something that was owed has no outcome; the report says what."""
    if config.inbox and not Path(config.inbox).is_dir():
        raise dg.Failure(description=f"没有文件夹 {config.inbox}：请填写一个存在的交付文件夹，或留空。", allow_retries=False)
    arguments = ["--launched-by", config.launched_by, *(["--inbox", str(Path(config.inbox).resolve())] if config.inbox else [])]
    summary: dict[str, Any] | None = None
    try:
        for event in pipeline_events("pipelines.nightly", arguments, district.settings):
            if event["event"] == "summary":
                summary = event["summary"]
            else:
                _tell(context, event)
    except DistrictLakeError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    if summary is None:
        raise dg.Failure(description="夜间作业没有给出汇总；日志在状态文件夹的 logs/。", allow_retries=False)
    told = {
        "headline": summary["headline"],
        **({"report": dg.MetadataValue.path(summary["report"]["path"])} if summary.get("report") else {}),
    }
    for entry in summary["attention"]:
        context.log.warning(
            f"{entry['level_title']} {entry['what']} {entry['why']} {'；缺于 ' + '、'.join(entry['marts']) if entry['marts'] else ''}"
        )
    context.log.info(summary["headline"])
    context.add_output_metadata(told)
    if not summary["success"]:
        raise dg.Failure(description=summary["headline"], metadata=told, allow_retries=False)


def _tell(context: dg.OpExecutionContext, event: dict[str, Any]) -> None:
    kind = event["event"]
    if kind in ("waiting", "progress", "step_failed", "catalog_error"):
        (context.log.info if kind in ("waiting", "progress") else context.log.error)(event["message"])
    elif kind == "agency_finished":
        log = context.log.info if event["success"] else context.log.error
        log(f"{event['name']} {event['day'] or ''} run {event['run_id']} {event['seconds']} s {'；'.join(event['reasons'])}")
    elif kind in ("received", "routed"):
        context.log.info(f"{kind}: {event.get('new', event.get('opened'))}")


@dg.job(
    name="nightly",
    executor_def=dg.in_process_executor,
    description="夜间作业，与 districtlake nightly 相同",
    tags={"agency": "data_office"},
)
def nightly_job() -> None:
    run_night()


def nightly_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every night at the hour of the settings, Shanghai time."""
    return dg.ScheduleDefinition(
        name="nightly",
        job=nightly_job,
        cron_schedule=f"{settings.nightly_at.minute} {settings.nightly_at.hour} * * *",
        execution_timezone="Asia/Shanghai",
        run_config={"ops": {"run_night": {"config": {"launched_by": "schedule"}}}},
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"每日 {settings.nightly_at:%H:%M}：夜间作业（收件、逐机构处理、数据集市、工单与反馈单、夜间报告）",
    )

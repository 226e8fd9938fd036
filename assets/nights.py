"""The night as an asset: when it last ran, whether it is late, and whether everything it owed has an outcome."""

# no `from __future__ import annotations`: Dagster reads the annotations of a check's parameters
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from districtlake.delivery.district import District
from districtlake.nights.record import Alarm, alarms_of_last_night
from districtlake.settings import Settings

NIGHT = dg.AssetKey(["data_office", "nightly"])
OUTCOMES = "outcomes"


def night_spec(settings: Settings) -> dg.AssetSpec:
    """The asset; the nightly process reports its materialisations, whoever started it."""
    deadline = datetime.combine(date.min, settings.nightly_at) + timedelta(hours=settings.nightly_grace_hours)
    return dg.AssetSpec(
        key=NIGHT,
        group_name="data_office",
        description="夜间作业：收件、逐机构处理、数据集市、工单与反馈单、夜间报告。由 02:00 的计划或 districtlake nightly 运行。",
        kinds={"report"},
        freshness_policy=dg.FreshnessPolicy.cron(
            deadline_cron=f"{deadline.minute} {deadline.hour} * * *",
            lower_bound_delta=timedelta(hours=24) - timedelta(minutes=1),
            timezone="Asia/Shanghai",
        ),
    )


@dg.asset_check(asset=NIGHT, name=OUTCOMES, description="每一夜都运行并结束；应有的每一项都有结果")
def night_outcomes(district: dg.ResourceParam[District]) -> dg.AssetCheckResult:
    alarms = alarms_of_last_night(district)
    return dg.AssetCheckResult(passed=not alarms, description=_sentences(alarms), metadata={"alarms": len(alarms)})


def report_night(instance: dg.DagsterInstance, summary: Mapping[str, Any], report: Path | None) -> None:
    """Tell Dagster of a night that has ended: its figures, what waits for a person, and whether anything has no outcome."""
    alarms = [Alarm(**alarm) for alarm in summary["alarms"]]
    total, timing = summary["conservation"], summary["timing"]
    waits = ["| | 事项 | 原因 | 缺于数据集市 |", "|---|---|---|---|"]
    for entry in summary["attention"]:
        waits.append(
            "| " + " | ".join(_cell(entry[name]) for name in ("level_title", "what", "why")) + f" | {_cell('、'.join(entry['marts']))} |"
        )
    metadata: dict[str, Any] = {
        "headline": summary["headline"], "deliveries": len(summary["deliveries"]), "dagster/row_count": total["delivered"],
        "quarantined": total["quarantined"], "held": total["held"], "open_tickets": summary["tickets"]["open"],
        "attention": dg.MetadataValue.md("\n".join(waits) if summary["attention"] else "没有。"),
        "seconds": timing["seconds"], "processing_seconds": timing["processing"], "orchestration_seconds": timing["orchestration"],
        "event_log_seconds": timing["event_log"], "events": timing["events"],
    }  # fmt: skip
    if quality := summary.get("quality"):
        metadata["quality"] = quality["headline"]
        if report is not None:  # it lies beside the night's own
            metadata["quality_report"] = dg.MetadataValue.path(str(report.parent / Path(quality["html"]).name))
            metadata["quality_workbook"] = dg.MetadataValue.path(str(report.parent / Path(quality["workbook"]).name))
        if quality["link"]:
            metadata["quality_page"] = dg.MetadataValue.url(quality["link"])
    if report is not None:
        metadata["report"] = dg.MetadataValue.path(str(report))
    instance.report_runless_asset_event(dg.AssetMaterialization(NIGHT, description=summary["headline"], metadata=metadata))
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=NIGHT, check_name=OUTCOMES, passed=not alarms, description=_sentences(alarms), metadata={"alarms": len(alarms)}
        )
    )


def _sentences(alarms: list[Alarm]) -> str:
    return "".join(alarm.message for alarm in alarms) or "应有的每一项都有结果。"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

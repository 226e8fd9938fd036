"""Jobs: one per agency over its assets, and an operator's actions on a delivery with their launchpad forms."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, TypeAlias

import dagster as dg
from pydantic import Field

from assets.metadata import delivery_table
from assets.resources import UPSTREAM, op_name
from districtlake.catalog.models import Catalog
from districtlake.delivery import operations
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, Outcome
from districtlake.errors import DistrictLakeError
from pipelines.retention import prune_event_log
from pipelines.routing import Routed, route

AssetJob: TypeAlias = Any
"""What ``dg.define_asset_job`` returns; Dagster does not export the type's name."""


def agency_job_name(agency: str) -> str:
    return f"{agency}__deliveries"


def asset_keys(resources: Sequence[str]) -> list[dg.AssetKey]:
    """The asset keys of resources, all layers."""
    return [dg.AssetKey([*resource.split(".", 1), layer]) for resource in resources for layer in UPSTREAM]


def run_config(resources: Sequence[str], through: date | None) -> dict[str, Any]:
    """Run configuration that takes deliveries up to a day; none means all that wait."""
    if through is None:
        return {}
    return {"ops": {op_name(resource): {"config": {"through": through.isoformat()}} for resource in resources}}


def agency_jobs(catalog: Catalog) -> list[AssetJob]:
    """One job per agency that provides resources: a run carries all its pending deliveries."""
    agencies = sorted({resource.agency for resource in catalog.resources.values()})
    return [
        dg.define_asset_job(
            agency_job_name(agency),
            selection=dg.AssetSelection.groups(agency),
            description=f"{catalog.agencies[agency].name}：处理全部待处理的交付",
            tags={"agency": agency},
            executor_def=dg.in_process_executor,
        )
        for agency in agencies
    ]


class DeliveryAction(dg.Config):
    """What an operator states before acting on a delivery."""

    delivery: str = Field(
        description="交付编号（必填），可只写开头，如 population-20260302（见 districtlake deliveries list 或资源的运行记录）"
    )
    reason: str = Field(description="理由（必填），写入审计记录")
    actor: str = Field(description="操作人（必填）：岗位或账号")
    confirm: str = Field(description="再次输入与上面相同的交付编号以确认；不同则不做任何改动", default="")


class BackfillAction(dg.Config):
    """What an operator states before a resource's deliveries of a range of days are processed again."""

    resource: str = Field(description="资源（必填），如 market_regulation.business_entities")
    since: str = Field(description="起始数据日期（必填），YYYY-MM-DD：从该日及以后的第一个交付起，按序重新处理")
    until: str = Field(description="截止数据日期，YYYY-MM-DD；留空为至今。其后的交付建立在其上，也一并重算", default="")
    reason: str = Field(description="理由（必填），写入审计记录")
    actor: str = Field(description="操作人（必填）：岗位或账号")
    confirm: str = Field(description="再次输入资源名以确认；不同则不做任何改动", default="")


@contextmanager
def _told() -> Iterator[None]:
    """A refusal or failure of ours as one sentence with its remedy on the run's page, without a traceback of Dagster's."""
    try:
        yield
    except DistrictLakeError as error:
        raise dg.Failure(description=f"{error.message} {error.hint}".strip(), allow_retries=False) from error


def _confirmed(subject: str, confirm: str, actor: str) -> None:
    if confirm.strip() != subject.strip():
        raise dg.Failure(
            description=f"未确认：请在 confirm 处再次输入“{subject}”。没有做任何改动。(Not confirmed: nothing was changed.)",
            allow_retries=False,
        )
    if not actor.strip():
        raise dg.Failure(description="请在 actor 处填写操作人（岗位或账号）。没有做任何改动。", allow_retries=False)


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise dg.Failure(description=f"{field} 处的“{text}”不是日期：请写成 YYYY-MM-DD。没有做任何改动。", allow_retries=False) from None


def _routed(context: dg.OpExecutionContext, district: District) -> Routed:
    """Routing; whose tickets it could not bring up to date is said as an error of the log."""
    routed = route(district)
    for resource, kind in {**routed.unreadable, **routed.failed}.items():
        context.log.error(f"{resource}：其工单未能更新（{kind}），下次再试。")
    return routed


def _tell(context: dg.OpExecutionContext, district: District, outcomes: Sequence[Outcome]) -> None:
    """What became of the deliveries, and routing after it."""
    routed = _routed(context, district)
    context.log.info(f"{len(outcomes)} deliveries folded; {routed.opened} tickets opened, {routed.closed} closed")
    rows: list[Mapping[str, object]] = [{"file": o.file, "state": o.state, "counts": o.counts, "why": o.why} for o in outcomes]
    told = delivery_table(rows) if rows else "没有需要重算的交付。"
    context.add_output_metadata({"deliveries": dg.MetadataValue.md(told), "tickets_opened": routed.opened, "tickets_closed": routed.closed})
    if failed := [outcome for outcome in outcomes if outcome.state == "failed"]:
        raise dg.Failure(description=f"{failed[0].file}：{failed[0].why}", allow_retries=False)


@dg.op(description="放行被暂停的交付 (release a held delivery)")
def release(
    context: dg.OpExecutionContext, config: DeliveryAction, district: dg.ResourceParam[District], engine: dg.ResourceParam[Engine]
) -> None:
    _confirmed(config.delivery, config.confirm, config.actor)
    with _told():
        _tell(context, district, operations.release(district, config.delivery, engine, actor=config.actor, reason=config.reason))


@dg.op(description="撤回错误的交付，恢复到从未处理的状态 (withdraw a wrong delivery exactly)")
def withdraw(
    context: dg.OpExecutionContext, config: DeliveryAction, district: dg.ResourceParam[District], engine: dg.ResourceParam[Engine]
) -> None:
    _confirmed(config.delivery, config.confirm, config.actor)
    with _told():
        _tell(context, district, operations.withdraw(district, config.delivery, engine, actor=config.actor, reason=config.reason))


@dg.op(description="按现行规则重新处理一个交付及其后的交付；处理失败的立即重试 (reprocess a delivery under the rules as they are now)")
def reprocess(
    context: dg.OpExecutionContext, config: DeliveryAction, district: dg.ResourceParam[District], engine: dg.ResourceParam[Engine]
) -> None:
    _confirmed(config.delivery, config.confirm, config.actor)
    with _told():
        _tell(context, district, operations.reprocess(district, config.delivery, engine, actor=config.actor, reason=config.reason))


@dg.op(description="按现行规则重新处理一个资源某段数据日期的交付，按序进行 (backfill a resource over a range of data dates)")
def backfill(
    context: dg.OpExecutionContext, config: BackfillAction, district: dg.ResourceParam[District], engine: dg.ResourceParam[Engine]
) -> None:
    _confirmed(config.resource, config.confirm, config.actor)
    since, until = _day(config.since, "since"), _day(config.until, "until") if config.until.strip() else None
    with _told():
        done = operations.backfill(
            district, config.resource.strip(), engine, since=since, until=until, actor=config.actor, reason=config.reason
        )  # fmt: skip
        _tell(context, district, done)


@dg.op(description="生成工单与反馈单 (tickets and packages from the problem registers)")
def route_problems(context: dg.OpExecutionContext, district: dg.ResourceParam[District]) -> None:
    routed = _routed(context, district)
    context.log.info(f"{routed.opened} tickets opened, {routed.closed} closed, {len(routed.packages)} packages written")


@dg.op(description="清理过期的运行日志 (retention of Dagster's event log)")
def prune(context: dg.OpExecutionContext, district: dg.ResourceParam[District]) -> None:
    removed = prune_event_log(context.instance, district.clock.now(), district.settings.event_log_days)
    context.log.info(f"{removed} runs older than {district.settings.event_log_days} days removed from the event log")


@dg.job(executor_def=dg.in_process_executor, description="放行被暂停的交付：在 Launchpad 填写交付编号、理由、操作人并确认")
def release_delivery() -> None:
    release()


@dg.job(executor_def=dg.in_process_executor, description="撤回错误的交付：在 Launchpad 填写交付编号、理由、操作人并确认")
def withdraw_delivery() -> None:
    withdraw()


@dg.job(executor_def=dg.in_process_executor, description="重新处理一个交付（含处理失败的）：在 Launchpad 填写交付编号、理由、操作人并确认")
def reprocess_delivery() -> None:
    reprocess()


@dg.job(executor_def=dg.in_process_executor, description="重新处理一个资源某段日期的交付：在 Launchpad 填写资源、日期、理由、操作人并确认")
def backfill_resource() -> None:
    backfill()


@dg.job(executor_def=dg.in_process_executor, description="生成工单与反馈单")
def routing() -> None:
    route_problems()


@dg.job(executor_def=dg.in_process_executor, description="清理过期的运行日志")
def retention() -> None:
    prune()


OPERATOR_JOBS: Sequence[dg.JobDefinition] = (release_delivery, withdraw_delivery, reprocess_delivery, backfill_resource, routing, retention)

"""Jobs: one per agency over its assets, and an operator's actions on a delivery with their launchpad forms."""

from collections.abc import Sequence
from datetime import date
from typing import Any, TypeAlias

import dagster as dg
from pydantic import Field

from assets.resources import UPSTREAM, op_name
from districtlake.catalog.models import Catalog
from districtlake.delivery import operations
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine
from pipelines.retention import prune_event_log
from pipelines.routing import route

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

    delivery: str = Field(description="交付编号，如 population-20260302-1a2b3c（districtlake deliveries list）")
    reason: str = Field(description="理由，写入审计记录")
    actor: str = Field(description="操作人（岗位或账号）")
    confirm: str = Field(description="再次输入交付编号以确认", default="")


def _confirmed(config: DeliveryAction) -> None:
    if config.confirm != config.delivery:
        raise dg.Failure(
            description="Not confirmed: write the delivery's id once more under `confirm`. Nothing was changed.", allow_retries=False
        )


@dg.op(description="放行被暂停的交付 (release a held delivery)")
def release(
    context: dg.OpExecutionContext, config: DeliveryAction, district: dg.ResourceParam[District], engine: dg.ResourceParam[Engine]
) -> None:
    _confirmed(config)
    outcomes = operations.release(district, config.delivery, engine, actor=config.actor, reason=config.reason)
    context.log.info(f"released; {len(outcomes)} deliveries folded; {route(district).opened} tickets opened")


@dg.op(description="撤回错误的交付，恢复到从未处理的状态 (withdraw a wrong delivery exactly)")
def withdraw(
    context: dg.OpExecutionContext, config: DeliveryAction, district: dg.ResourceParam[District], engine: dg.ResourceParam[Engine]
) -> None:
    _confirmed(config)
    outcomes = operations.withdraw(district, config.delivery, engine, actor=config.actor, reason=config.reason)
    context.log.info(f"withdrawn; {len(outcomes)} later deliveries folded again; {route(district).closed} tickets closed")


@dg.op(description="按现行规则重新处理交付 (reprocess a delivery under the rules as they are now)")
def reprocess(
    context: dg.OpExecutionContext, config: DeliveryAction, district: dg.ResourceParam[District], engine: dg.ResourceParam[Engine]
) -> None:
    _confirmed(config)
    outcomes = operations.reprocess(district, config.delivery, engine, actor=config.actor, reason=config.reason)
    context.log.info(f"reprocessed; {len(outcomes)} deliveries folded; {route(district).opened} tickets opened")


@dg.op(description="生成工单与退回包 (tickets and packages from the problem registers)")
def route_problems(context: dg.OpExecutionContext, district: dg.ResourceParam[District]) -> None:
    routed = route(district)
    context.log.info(f"{routed.opened} tickets opened, {routed.closed} closed, {len(routed.packages)} packages written")


@dg.op(description="清理过期的运行日志 (retention of Dagster's event log)")
def prune(context: dg.OpExecutionContext, district: dg.ResourceParam[District]) -> None:
    removed = prune_event_log(context.instance, district.clock.now(), district.settings.event_log_days)
    context.log.info(f"{removed} runs older than {district.settings.event_log_days} days removed from the event log")


@dg.job(executor_def=dg.in_process_executor, description="放行被暂停的交付")
def release_delivery() -> None:
    release()


@dg.job(executor_def=dg.in_process_executor, description="撤回错误的交付")
def withdraw_delivery() -> None:
    withdraw()


@dg.job(executor_def=dg.in_process_executor, description="重新处理交付")
def reprocess_delivery() -> None:
    reprocess()


@dg.job(executor_def=dg.in_process_executor, description="生成工单与退回包")
def routing() -> None:
    route_problems()


@dg.job(executor_def=dg.in_process_executor, description="清理过期的运行日志")
def retention() -> None:
    prune()


OPERATOR_JOBS: Sequence[dg.JobDefinition] = (release_delivery, withdraw_delivery, reprocess_delivery, routing, retention)

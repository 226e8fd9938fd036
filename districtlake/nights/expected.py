"""What a night owes and whether it was paid: every waiting delivery, every mart, every step has an outcome, or there is an alarm.

What is owed is written down before the night begins; what came of it is asked of the tables of record, not of the run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select

from districtlake.delivery.district import District
from districtlake.nights.record import Alarm
from districtlake.store.tables import Delivery, Operation

STEPS = {
    "receive": "收件", "agencies": "各机构处理", "revalidate": "规则变更后的重新校验", "comparisons": "跨部门比对", "routing": "工单与反馈单", "notify": "消息发送", "marts": "数据集市", "quality": "质量报告", "retention": "运行日志清理", "report": "夜间报告",
}  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """What a night owes.

    Attributes:
        deliveries: ids of those that waited when it began.
        agencies: those whose resources have such deliveries.
        marts: ids of all that the catalogue declares.
    """

    deliveries: tuple[str, ...] = ()
    agencies: tuple[str, ...] = ()
    marts: tuple[str, ...] = ()
    steps: tuple[str, ...] = tuple(STEPS)

    def as_dict(self) -> dict[str, Any]:
        return {name: list(getattr(self, name)) for name in ("deliveries", "agencies", "marts", "steps")}


@dataclass
class Course:
    """How the night went, as far as no table of record holds it.

    Attributes:
        steps: step -> "" when it ended, or why it did not.
        agencies: agency -> whether all its runs succeeded.
        resources: resource whose step failed in Dagster -> why.
        marts: mart -> its state ("built", "unchanged", "failed", …).
    """

    steps: dict[str, str] = field(default_factory=dict)
    agencies: dict[str, bool] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)
    marts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeliveryOutcome:
    """What became of a delivery in a night.

    Attributes:
        outcome: "done" | "held" | "failed" (kept, will be tried again or needs a hand) | "waits" (an earlier one of its resource failed)
            | "uncatalogued" (its catalogue entry is broken) | "withdrawn" | "none": an alarm.
        hint: what helps, where something must be done.
    """

    id: str
    resource: str
    file: str
    data_date: date | None
    outcome: str
    why: str = ""
    hint: str = ""


def expected_of(district: District, marts: Collection[str] = ()) -> Expected:
    """What waits now, and what every night owes: its steps, and the marts that the night builds."""
    with district.store.session(read_only=True) as session:
        query = select(Delivery.id, Delivery.agency).where(Delivery.state == "pending").order_by(Delivery.resource, Delivery.order_key)
        waiting = session.execute(query).tuples().all()
    return Expected(
        deliveries=tuple(identifier for identifier, _ in waiting),
        agencies=tuple(sorted({agency for _, agency in waiting})),
        marts=tuple(sorted(marts)),
    )


def outcomes(district: District, deliveries: Collection[str], course: Course, after_operation: int) -> list[DeliveryOutcome]:
    """What became of each delivery, by the ledger and this night's operations (number above ``after_operation``)."""
    with district.store.session(read_only=True) as session:
        rows = list(session.scalars(select(Delivery).order_by(Delivery.resource, Delivery.order_key, Delivery.id)))
        operations = list(session.scalars(select(Operation).where(Operation.id > after_operation).order_by(Operation.id)))
        session.expunge_all()
    wanted = set(deliveries)
    last = {operation.delivery_id: operation for operation in operations}
    found: list[DeliveryOutcome] = []
    stopped: set[str] = set()  # resources in which an earlier delivery did not go through
    for row in rows:
        if row.id not in wanted:
            continue
        outcome, why, hint = _outcome(district, row, last.get(row.id), course.resources.get(row.resource, ""), row.resource in stopped)
        if outcome in ("failed", "none"):
            stopped.add(row.resource)
        found.append(DeliveryOutcome(row.id, row.resource, row.file_name, row.data_date, outcome, why, hint))
    return found


def _outcome(district: District, row: Delivery, operation: Operation | None, step_failed: str, stopped: bool) -> tuple[str, str, str]:
    if row.state != "pending":
        error: Mapping[str, Any] = (operation.error or {}) if operation is not None and row.state == "failed" else {}
        return row.state, str(error.get("message") or row.state_reason), str(error.get("hint", ""))
    if operation is not None and operation.state == "failed":
        error = operation.error or {}
        return "failed", str(error.get("message", "")), str(error.get("hint", ""))
    if row.resource not in district.catalog.resources:
        return "uncatalogued", "其目录条目有错误，未能处理。", "更正目录条目（districtlake catalog check），下一次夜间作业处理它。"
    if operation is None and stopped:
        return "waits", "同一资源更早的交付未能处理，按序等待。", "先处理更早的那一个。"
    if operation is None and step_failed:
        return "failed", step_failed, "排除原因后再运行一次夜间作业。"
    return "none", "没有结果：没有处理记录，或处理中断。", "再运行一次 districtlake nightly；再次出现时查看状态文件夹的 logs/。"


def alarms(expected: Expected, course: Course, found: Collection[DeliveryOutcome]) -> list[Alarm]:
    """An alarm for everything owed that has no outcome. A failure is an outcome: it is told with its reason, not here."""
    raised = [
        Alarm("night.no_outcome", f"交付 {outcome.id}（{outcome.file}）没有结果。", outcome.hint)
        for outcome in found
        if outcome.outcome == "none"
    ]
    known = {outcome.id for outcome in found}
    raised += [
        Alarm("night.no_outcome", f"交付 {identifier} 已不在账本中。", "账本可能被改动或恢复过：核对数据库备份。")
        for identifier in expected.deliveries
        if identifier not in known
    ]
    if "marts" in course.steps:  # where the step itself has no outcome, that is the one alarm
        raised += [
            Alarm("night.no_outcome", f"数据集市 {mart} 没有结果。", "运行 districtlake marts build；再次出现时查看 logs/。")
            for mart in expected.marts
            if mart not in course.marts
        ]
    for step in expected.steps:
        if step not in course.steps:
            raised.append(Alarm("night.no_outcome", f"步骤“{STEPS.get(step, step)}”没有结果。", "再运行一次 districtlake nightly。"))
        elif course.steps[step]:
            text = course.steps[step].rstrip("。.")
            raised.append(
                Alarm(
                    "night.step_failed", f"步骤“{STEPS.get(step, step)}”没有完成：{text}。", "排除原因后再运行一次 districtlake nightly。"
                )
            )
    return raised

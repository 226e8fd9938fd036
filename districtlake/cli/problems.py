"""``districtlake problems`` and ``districtlake tickets``: what is wrong, and who has it on the desk until when."""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
import typer

from districtlake.cli.options import Agency, Json, Limit, Resource
from districtlake.cli.output import console, show_rows
from districtlake.errors import OperationRefused
from districtlake.wording.sentences import Listed


def problems(
    agency: Agency = None,
    resource: Resource = None,
    rule: Annotated[str | None, typer.Option("--rule", help="只看一条规则，如 citizen_id.conforms")] = None,
    state: Annotated[str, typer.Option("--state", help="open（未关闭）、closed（已关闭）或 all")] = "open",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """列出问题；主键和值按敏感级别脱敏，原值在反馈单中。

    例：districtlake problems --agency market_regulation
    """
    from deltalake import DeltaTable

    from districtlake.delivery.district import open_district
    from districtlake.quality.shown import shown
    from districtlake.warehouse.leads import findings
    from districtlake.warehouse.tables import address

    if state not in ("open", "closed", "all"):
        raise OperationRefused.of("asked.no_state", state=state, known=Listed.of(("open", "closed", "all")))
    district = open_district()
    wanted = [district.resource(resource)] if resource else list(district.catalog.resources.values())
    rows: list[dict[str, Any]] = []
    total = 0
    for entry in wanted:
        if agency and entry.agency != agency:
            continue
        if not DeltaTable.is_deltatable(str(address(district.lake, "problems", entry.id))):
            continue
        frame = findings(district.lake, entry.id).lazy()
        if state != "all":
            frame = frame.filter(pl.col("state") == state)
        if rule:
            frame = frame.filter(pl.col("rule") == rule)
        found = frame.collect()
        total += found.height
        rows += [shown(record, entry, district.catalog) for record in found.head(max(0, limit - len(rows))).iter_rows(named=True)]
    columns = {
        "resource": "资源", "rule": "规则", "key": "主键", "item_title": "数据项", "value": "当前值", "reason": "原因",
        "dimension_title": "维度", "place": "位置", "sightings": "出现次数", "first_delivery": "首见交付",
    }  # fmt: skip
    show_rows(rows, columns, as_json=as_json, empty="没有问题。")
    if not as_json and total > len(rows):
        console.print(f"共 {total:,} 个，显示 {len(rows)} 个；--limit 可增加。")


def list_of_tickets(
    context: typer.Context,
    agency: Agency = None,
    resource: Resource = None,
    state: Annotated[str, typer.Option("--state", help="open（在办）、closed（已办结）或 all")] = "open",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """工单：列表（最紧迫的在前）、办理经过，以及分派、延期、答复等每一个动作。

    例：districtlake tickets --state all --json
    """
    if context.invoked_subcommand is not None:
        return
    from sqlalchemy import select

    from districtlake.clock import local_date
    from districtlake.delivery.district import open_district
    from districtlake.store.tables import Ticket
    from districtlake.tickets.machine import STAGES

    if state not in ("open", "closed", "all"):
        raise OperationRefused.of("asked.no_state", state=state, known=Listed.of(("open", "closed", "all")))
    district = open_district()
    query = select(Ticket).order_by(Ticket.due_at, Ticket.number).limit(limit)
    conditions = ((Ticket.agency, agency), (Ticket.resource, resource), (Ticket.state, None if state == "all" else state))
    for column, wanted in conditions:
        if wanted is not None:
            query = query.where(column == wanted)
    today = local_date(district.clock.now())
    with district.store.session() as session:
        rows = [
            {
                "number": t.number, "id": t.id, "agency": t.agency, "agency_name": _agency_name(district, t.agency), "resource": t.resource,
                "rule": t.rule_id, "rule_title": t.rule_title, "kind": t.kind, "dimension": t.dimension, "severity": t.severity,
                "state": t.state, "stage": t.stage, "state_title": STAGES[t.stage], "urgent": t.urgent, "round": t.round, "problems": t.problems,
                "open_problems": t.open_problems, "received_at": t.received_at, "due_date": t.due_date,
                "due_title": _due(t, today), "provisional": t.provisional, "delivery_id": t.delivery_id, "closing": t.closing,
                "policy": f"{t.policy_id} {t.policy_version}", "package": t.package,
            }
            for t in session.scalars(query)
        ]  # fmt: skip
    columns = {
        "number": "工单号", "agency_name": "提供单位", "resource": "资源", "rule_title": "规则", "open_problems": "未关闭", "problems": "问题",
        "due_title": "处理期限", "state_title": "状态",
    }  # fmt: skip
    show_rows(rows, columns, as_json=as_json, empty="没有工单。")


def _agency_name(district: Any, agency: str) -> str:
    found = district.catalog.agencies.get(agency)
    return found.name if found else agency


def _due(ticket: Any, today: Any) -> str:
    if ticket.due_date is None:
        return ""
    text = f"{ticket.due_date}" + ("（暂定）" if ticket.provisional else "")
    if ticket.state == "closed":
        return text
    days = (ticket.due_date - today).days
    return f"{text} 逾期 {-days} 天" if days < 0 else f"{text} 今日到期" if days == 0 else f"{text} 还有 {days} 天"

"""``districtlake tickets …``: one ticket's story, and everything that people do with tickets, each action a command."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

import polars as pl
import typer

from districtlake.cli.deliveries import _actor
from districtlake.cli.options import Agency, Json, Reason, Resource
from districtlake.cli.output import console, show_json, show_rows
from districtlake.cli.problems import list_of_tickets
from districtlake.errors import OperationRefused

app = typer.Typer()
app.callback(invoke_without_command=True)(list_of_tickets)

Number = Annotated[str, typer.Argument(help="工单号，如 T2026-000001")]
Problems = Annotated[list[str] | None, typer.Option("--problem", help="只针对这些问题（problem_id，可重复）；其余留在原工单")]
Name = Annotated[str | None, typer.Option("--by", help="经办人（默认：当前用户）")]


def _desk() -> Any:
    from districtlake.delivery.district import open_district

    return open_district()


def _office(name: str | None) -> Any:
    from districtlake.tickets.machine import Actor

    return Actor(name or _actor(), "office")


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise OperationRefused.of("asked.no_date", text=text) from None


def _required_day(text: str) -> date:
    day = _day(text)
    if day is None:
        raise OperationRefused.of("asked.day_missing")
    return day


def _register(desk: Any) -> Callable[[str], pl.DataFrame]:
    from districtlake.warehouse.leads import findings

    return lambda resource: findings(desk.lake, resource)


def _told(desk: Any, number: str, as_json: bool) -> None:
    """How the ticket stands after an action."""
    from districtlake.tickets.machine import CLOSINGS, STAGES
    from districtlake.tickets.queries import find_ticket

    ticket = find_ticket(desk.store, number, clock=desk.clock, calendar=desk.calendar)
    if as_json:
        show_json(
            {
                name: getattr(ticket, name)
                for name in ("number", "stage", "closing", "due_date", "urgent", "round", "open_problems", "version")
            }
        )
        return
    closing = f"（{CLOSINGS[ticket.closing]}）" if ticket.closing else ""
    due = f"，处理期限 {ticket.due_date}" if ticket.due_date and ticket.state == "open" else ""
    console.print(f"{ticket.number} 现为“{STAGES[ticket.stage]}”{closing}{due}。")


@app.command("show")
def show(number: Number, as_json: Json = False) -> None:
    """一张工单：现状、期限、办理经过，以及使用单位的反馈（取值脱敏）。

    例：districtlake tickets show T2026-000001
    """
    from districtlake.tickets.machine import CLOSINGS, EVENTS, ROLES, STAGES
    from districtlake.tickets.queries import find_ticket, ticket_events, ticket_reports

    desk = _desk()
    ticket = find_ticket(desk.store, number, clock=desk.clock, calendar=desk.calendar)
    events = [
        {
            "at": event.at, "event": event.event, "title": EVENTS.get(event.event, event.event), "actor": event.actor, "role": event.role,
            "who": f"{ROLES[event.role]} {event.actor}" if event.role != "system" else ROLES["system"], "agency": event.agency,
            "policy": event.policy, "facts": {key: value for key, value in event.data.items() if key != "set"},
        }
        for event in ticket_events(desk.store, ticket.id)
    ]  # fmt: skip
    reports = [_masked(row, desk) for row in ticket_reports(desk.store, ticket.id)]
    document = {name: getattr(ticket, name) for name in ticket.__dataclass_fields__} | {"events": events, "reports": reports}
    if as_json:
        show_json(document)
        return
    agency = desk.catalog.agencies.get(ticket.agency)
    closing = f"（{CLOSINGS[ticket.closing]}）" if ticket.closing else ""
    lines = {
        "工单": f"{ticket.number}　第 {ticket.round} 轮", "状态": f"{STAGES[ticket.stage]}{closing}" + ("　业务紧急" if ticket.urgent else ""),
        "提供单位": agency.name if agency else ticket.agency, "资源": ticket.resource, "规则": ticket.rule_title,
        "问题": f"{ticket.open_problems} 个未关闭，共 {ticket.problems} 个", "收到": ticket.received_at,
        "处理期限": f"{ticket.due_date}{'（暂定）' if ticket.provisional else ''}{'（已延期）' if ticket.extended else ''}" if ticket.due_date else "",
        "期限状态": DUE_TITLES[ticket.due_state], "依据": f"{desk.policy.note}　{ticket.terms.get('article', '')}　{ticket.policy_id} {ticket.policy_version}",
    }  # fmt: skip
    show_rows([{"name": name, "value": value} for name, value in lines.items()], {"name": "项", "value": "值"}, as_json=False)
    rows = [{**event, "facts": _facts(event["facts"])} for event in events]
    show_rows(rows, {"at": "时间", "title": "事件", "who": "经办", "facts": "内容"}, as_json=False)
    if reports:
        columns = {"reporter": "反馈人", "matter": "事由", "key": "主键", "item": "数据项", "claimed": "主张的值", "text": "说明"}
        show_rows(reports, columns, as_json=False)


FACTS = {
    "reason": "理由", "until": "延至", "before": "原为", "into": "转入", "from": "来自", "explanation": "依据", "waived": "豁免", "agreement": "商定",
    "plan": "计划", "review_on": "回看", "due": "限办", "note": "说明", "closing": "方式", "file": "文件", "attachment": "附件", "times": "第几次",
    "due_date": "期限", "channel": "渠道", "problems": "问题数", "open_problems": "未关闭", "rows": "行数", "after": "改为", "split_from": "拆自",
}  # fmt: skip


def _facts(facts: Any) -> str:
    """What an event keeps, in words; references and counts before and after are for the JSON."""
    told = []
    for name, value in dict(facts).items():
        if name not in FACTS or isinstance(value, dict):
            continue
        told.append(f"{FACTS[name]} {len(value) if isinstance(value, list) else value}")
    return "；".join(told)


DUE_TITLES = {
    "waiting": "未分派，期限未起算", "due": "在期限内", "near": "临近期限", "overdue": "逾期", "in_time": "按期办结", "late": "逾期办结", "none": "未起算",
}  # fmt: skip


def _masked(row: dict[str, Any], desk: Any) -> dict[str, Any]:
    from districtlake.catalog.masking import mask_item

    resource = desk.catalog.resources.get(row["resource"])
    if resource is None:
        return {**row, "key": "***", "claimed": "***" if row["claimed"] else row["claimed"]}
    parts = row["key"].split("|")
    key = "***"
    if resource.key and len(parts) == len(resource.key):
        key = "|".join(mask_item(part, resource.item(name), desk.catalog) or "" for part, name in zip(parts, resource.key, strict=True))
    claimed = row["claimed"]
    if claimed is not None:
        claimed = mask_item(claimed, resource.item(row["item"]), desk.catalog) if row["item"] else "***"
    return {**row, "key": key, "claimed": claimed, "item": resource.item(row["item"]).title if row["item"] else ""}


# -- the Office -----------------------------------------------------------------------------------------------------


@app.command("dispatch")
def dispatch(number: Number, by: Name = None, as_json: Json = False) -> None:
    """转提供单位：期限自此起算（第二十七条）。

    例：districtlake tickets dispatch T2026-000001
    """
    from districtlake.tickets import handling

    desk = _desk()
    handling.dispatch(desk, number, _office(by))
    _told(desk, number, as_json)


@app.command("reject")
def reject(number: Number, reason: Reason, by: Name = None, as_json: Json = False) -> None:
    """不受理尚未分派的工单，并告知反馈人。

    例：districtlake tickets reject T2026-000001 --reason "不属于本区数据"
    """
    from districtlake.tickets import handling

    desk = _desk()
    handling.reject(desk, number, _office(by), reason)
    _told(desk, number, as_json)


@app.command("urgent")
def urgent(
    number: Number,
    due: Annotated[str, typer.Option("--due", help="限时办结的日期 YYYY-MM-DD，须早于一般期限")],
    reason: Reason,
    by: Name = None,
    as_json: Json = False,
) -> None:
    """标记业务紧急，限时处理。

    例：districtlake tickets urgent T2026-000001 --due 2026-11-26 --reason "申请人当日办理"
    """
    from districtlake.tickets import handling

    desk = _desk()
    handling.mark_urgent(desk, number, _office(by), due=_required_day(due), reason=reason)
    _told(desk, number, as_json)


@app.command("approve")
def approve(
    number: Number,
    until: Annotated[str | None, typer.Option("--until", help="批准到哪一天 YYYY-MM-DD（默认：申请的日期）")] = None,
    note: Annotated[str, typer.Option("--note", help="审核意见")] = "",
    by: Name = None,
    as_json: Json = False,
) -> None:
    """同意延期，自收到之日起合计不超过上限。

    例：districtlake tickets approve T2026-000001
    """
    from districtlake.tickets import handling

    desk = _desk()
    handling.approve_extension(desk, number, _office(by), until=_day(until), note=note)
    _told(desk, number, as_json)


@app.command("refuse")
def refuse(number: Number, reason: Reason, by: Name = None, as_json: Json = False) -> None:
    """不同意延期：原期限照常计算。

    例：districtlake tickets refuse T2026-000001 --reason "理由不充分"
    """
    from districtlake.tickets import handling

    desk = _desk()
    handling.refuse_extension(desk, number, _office(by), reason)
    _told(desk, number, as_json)


@app.command("return")
def send_back(number: Number, reason: Reason, by: Name = None, as_json: Json = False) -> None:
    """复核不通过，退回提供单位继续处理。

    例：districtlake tickets return T2026-000001 --reason "未见新的交付"
    """
    from districtlake.tickets import handling

    desk = _desk()
    handling.send_back(desk, number, _office(by), reason)
    _told(desk, number, as_json)


@app.command("reopen")
def reopen(number: Number, reason: Reason, by: Name = None, as_json: Json = False) -> None:
    """重新打开已办结或已关闭的工单：新的一轮，待分派。

    例：districtlake tickets reopen T2026-000001 --reason "反馈方有异议"
    """
    from districtlake.tickets import handling

    desk = _desk()
    handling.reopen(desk, number, _office(by), reason)
    _told(desk, number, as_json)


@app.command("merge")
def merge(
    number: Number,
    into: Annotated[str, typer.Option("--into", help="并入哪一张工单")],
    reason: Annotated[str, typer.Option("--reason", help="理由，写入审计记录")] = "",
    by: Name = None,
    as_json: Json = False,
) -> None:
    """把重复的工单并入另一张：问题和反馈人随之转入。

    例：districtlake tickets merge T2026-000002 --into T2026-000001
    """
    from districtlake.tickets import grouping

    desk = _desk()
    grouping.merge(desk, number, into, _office(by), reason=reason)
    _told(desk, number, as_json)


@app.command("split")
def split(number: Number, problem: Problems = None, by: Name = None, as_json: Json = False) -> None:
    """把部分问题拆为单独的工单，期限不变。

    例：districtlake tickets split T2026-000001 --problem 1f0c…
    """
    from districtlake.tickets import grouping

    desk = _desk()
    new = grouping.split(desk, number, _office(by), _register(desk), problems=problem or [])
    _told(desk, new.number, as_json)


@app.command("hold")
def hold(reason: Reason, agency: Agency = None, resource: Resource = None, by: Name = None, as_json: Json = False) -> None:
    """暂缓自动分派：该机构或资源新发现的问题先留在区大数据主管机构。

    例：districtlake tickets hold --resource market_regulation.food_licences --reason "规则待核实"
    """
    from districtlake.tickets import handling

    desk = _desk()
    identity = handling.place_hold(desk, _office(by), reason, agency=agency, resource=resource)
    show_json({"hold": identity}) if as_json else console.print("已暂缓自动分派。")


@app.command("lift")
def lift(agency: Agency = None, resource: Resource = None, by: Name = None, as_json: Json = False) -> None:
    """解除暂缓，并分派因此等待的工单。

    例：districtlake tickets lift --resource market_regulation.food_licences
    """
    from districtlake.tickets import handling

    desk = _desk()
    sent = handling.lift_hold(desk, _office(by), agency=agency, resource=resource)
    show_json({"dispatched": sent}) if as_json else console.print(f"已解除，分派 {len(sent)} 张工单。")


@app.command("suspend")
def suspend(number: Number, reason: Reason, by: Name = None, as_json: Json = False) -> None:
    """侵权类工单：立即暂停共享所涉各行。

    例：districtlake tickets suspend T2026-000001 --reason "涉及个人隐私"
    """
    from districtlake.tickets.suspension import suspend_sharing

    desk = _desk()
    keys = suspend_sharing(desk, number, _office(by), reason)
    show_json({"rows": len(keys)}) if as_json else console.print(f"已暂停共享 {len(keys)} 行。")


@app.command("resume")
def resume(number: Number, reason: Reason, by: Name = None, as_json: Json = False) -> None:
    """恢复共享此前因该工单暂停的各行。

    例：districtlake tickets resume T2026-000001 --reason "核实不涉隐私"
    """
    from districtlake.tickets.suspension import resume_sharing

    desk = _desk()
    rows = resume_sharing(desk, number, _office(by), reason)
    show_json({"rows": rows}) if as_json else console.print(f"已恢复共享 {rows} 行。")


@app.command("revoke")
def revoke(number: Number, reason: Reason, by: Name = None, as_json: Json = False) -> None:
    """撤销“确认无误”：豁免失效，下一次校验照常提出。

    例：districtlake tickets revoke T2026-000001 --reason "抽查不实"
    """
    from districtlake.tickets.dispositions import revoke_waivers

    desk = _desk()
    ended = revoke_waivers(desk, number, _office(by), reason)
    show_json({"waivers": ended}) if as_json else console.print(f"已撤销 {ended} 项豁免。")

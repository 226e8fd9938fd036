"""``districtlake timeliness``: who has updated what, until when the next update is due, and how punctual a period was (Article 26)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

import typer

from districtlake.cli.options import Agency, Json
from districtlake.cli.output import console, show_json, show_rows
from districtlake.errors import OperationRefused
from districtlake.wording.sentences import Listed

STYLES = {
    "overdue": "bold red", "waiting": "magenta", "due": "yellow", "near": "yellow", "not_due": "green", "never_delivered": "dim",
    "no_due_date": "dim",
}  # fmt: skip


def timeliness(
    agency: Agency = None,
    state: Annotated[
        str | None,
        typer.Option("--state", help="只看一种状态：overdue waiting due near not_due never_delivered no_due_date"),
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="改为统计一段时间的及时率：起始日 YYYY-MM-DD")] = None,
    until: Annotated[str | None, typer.Option("--until", help="统计到哪一日（默认：今天）")] = None,
    as_json: Json = False,
) -> None:
    """更新及时性（第二十六条）：各资源最近一次更新、应更新日、状态和更新逾期工单；--since 统计应更新与及时更新次数。

    例：districtlake timeliness --state overdue
    """
    from districtlake.delivery.district import open_district
    from districtlake.supervision.timeliness import STATE_TITLES

    if state is not None and state not in STATE_TITLES:
        raise OperationRefused.of("asked.no_state", state=state, known=Listed.of(STATE_TITLES))
    if until is not None and since is None:
        raise OperationRefused.of("period.no_beginning")
    if since is not None and state is not None:
        raise OperationRefused.of("period.no_states")
    district = open_district()
    if agency is not None and agency not in district.catalog.agencies:
        raise OperationRefused.of("asked.no_agency", agency=agency, known=Listed.of(sorted(district.catalog.agencies)))
    if since is not None:
        _period(district, agency, since, until, as_json)
        return
    rows = [row for row in _rows(district) if (agency is None or row["agency"] == agency) and (state is None or row["state"] == state)]
    columns = {
        "title": "资源", "agency_name": "提供单位", "cycle_title": "更新周期", "data_title": "最近数据日期", "last_received_at": "最近接收",
        "due_title": "应更新至", "state_title": "状态", "ticket": "工单",
    }  # fmt: skip
    show_rows(rows, columns, as_json=as_json, empty="没有资源。", styles={"state_title": _style, "data_title": _lag_style})
    if not as_json and rows:
        order = list(STATE_TITLES)
        counted = [(STATE_TITLES[name], sum(row["state"] == name for row in rows)) for name in order]
        console.print("，".join(f"{title} {count}" for title, count in counted if count) + f"　{district.policy.note}")


def _rows(district: Any) -> list[dict[str, Any]]:
    from districtlake.policy.cycles import CYCLE_TITLES
    from districtlake.supervision.timeliness import STATE_TITLES, timeliness_frame
    from districtlake.tickets.overdue import OVERDUE
    from districtlake.tickets.queries import list_tickets

    tickets = list_tickets(district.store, clock=district.clock, calendar=district.calendar, kind=OVERDUE)
    numbers = {ticket.resource: ticket.number for ticket in tickets}
    order = list(STATE_TITLES)
    rows = []
    for row in timeliness_frame(district).iter_rows(named=True):
        missed = f"（{row['missed']} 期）" if row["missed"] > 1 else ""
        lag = f"（滞后 {row['data_lag_days']} 天）" if row["data_lagging"] else ""
        rows.append(
            {
                **row, "cycle_title": CYCLE_TITLES[row["update_cycle"]], "state_title": f"{STATE_TITLES[row['state']]}{missed}",
                "data_title": f"{row['last_data_date'] or ''}{lag}", "due_title": _due(row), "ticket": numbers.get(row["resource"]),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (order.index(row["state"]), row["due_at"] or row["as_of"], row["resource"]))


def _due(row: Mapping[str, Any]) -> str:
    from districtlake.clock import SHANGHAI

    if row["due_at"] is None:
        return ""
    if row["update_cycle"] == "realtime":
        due: datetime = row["due_at"].astimezone(SHANGHAI)
        return due.strftime("%Y-%m-%d %H:%M")
    return str(row["due_date"])


def _style(row: Mapping[str, Any]) -> str:
    return STYLES[row["state"]]


def _lag_style(row: Mapping[str, Any]) -> str:
    return "yellow" if row["data_lagging"] else ""


def _period(district: Any, agency: str | None, since: str, until: str | None, as_json: bool) -> None:
    from districtlake.clock import local_date
    from districtlake.policy.cycles import CYCLE_TITLES
    from districtlake.supervision.punctuality import punctuality

    first, last = _day(since), _day(until) if until else local_date(district.clock.now())
    if first > last:
        raise OperationRefused.of("period.backwards", first=first, last=last)
    rows = [
        {
            **row,
            "cycle_title": CYCLE_TITLES[row["update_cycle"]],
            "share_title": "无数据" if row["share"] is None else f"{row['share']:.1%}",
        }
        for row in punctuality(district, first, last).iter_rows(named=True)
        if agency is None or row["agency"] == agency
    ]
    due, in_time = sum(row["due"] for row in rows), sum(row["in_time"] for row in rows)
    if as_json:
        show_json({"first_day": first, "last_day": last, "due": due, "in_time": in_time, "resources": rows})
        return
    columns = {
        "title": "资源", "agency_name": "提供单位", "cycle_title": "更新周期", "due": "应更新 B", "in_time": "及时 A", "in_grace": "其中宽限期内",
        "missed": "逾期", "share_title": "A/B",
    }  # fmt: skip
    show_rows(rows, columns, as_json=False, title=f"{first} 至 {last} 的更新及时率（第二十六条）")
    total = f"{in_time / due:.1%}" if due else "无数据"
    console.print(f"合计 应更新 {due:,}，及时 {in_time:,}，{total}　{district.policy.note}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise OperationRefused.of("asked.no_date", text=text) from None

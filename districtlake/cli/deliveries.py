"""``districtlake deliveries``: what was received, and what an operator can do with it."""

from __future__ import annotations

import getpass
import json
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from districtlake.cli.options import Agency, Json, Limit, Reason, Resource, Yes
from districtlake.cli.output import console, errors, show_json, show_rows
from districtlake.delivery.states import TITLES as STATES
from districtlake.errors import DistrictLakeError, OperationRefused
from districtlake.wording.sentences import Listed

app = typer.Typer(help="交付：列出、提交、读取数据库、放行、撤回、重新处理。", no_args_is_help=True)


@app.command("list")
def list_deliveries(
    agency: Agency = None,
    resource: Resource = None,
    state: Annotated[str | None, typer.Option("--state", help=f"状态：{' '.join(STATES)}")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """列出交付，最近的在前。

    例：districtlake deliveries list --state held
    """
    from sqlalchemy import select

    from districtlake.delivery.district import open_district
    from districtlake.store.tables import Delivery

    if state is not None and state not in STATES:
        raise OperationRefused.of("asked.no_state", state=state, known=Listed.of(STATES))
    query = select(Delivery).order_by(Delivery.received_at.desc(), Delivery.order_key.desc()).limit(limit)
    for column, wanted in ((Delivery.agency, agency), (Delivery.resource, resource), (Delivery.state, state)):
        if wanted is not None:
            query = query.where(column == wanted)
    with open_district().store.session() as session:
        rows = [_row(found) for found in session.scalars(query)]
    columns = {
        "id": "编号", "resource": "资源", "file": "文件", "mode": "方式", "data_date": "数据日期", "state_title": "状态",
        "delivered": "行数", "accepted": "入仓", "quarantined": "隔离", "why": "说明",
    }  # fmt: skip
    show_rows(rows, columns, as_json=as_json, empty="没有交付。把文件放入收件箱，或运行 districtlake demo generate。")


@app.command("show")
def show_delivery(delivery: Annotated[str, typer.Argument(help="交付编号，可只写开头")], as_json: Json = False) -> None:
    """一个交付的回执：谁、何时、哈希、行列、与上次相比的变化、处理结果。

    例：districtlake deliveries show population-20260302
    """
    from districtlake.delivery import ledger
    from districtlake.delivery.district import open_district

    found = ledger.get(open_district().store, delivery)
    document = {**_row(found), "sha256": found.sha256, "bytes": found.bytes, "received_by": found.received_by, "counts": found.counts,
                "receipt": found.receipt}  # fmt: skip
    if as_json:
        show_json(document)
        return
    counts = found.counts or {}
    rows = [{"name": key, "value": value} for key, value in {**_row(found), "sha256": found.sha256, "bytes": found.bytes, **counts}.items()]
    show_rows(rows, {"name": "项", "value": "值"}, as_json=False, title=found.id)
    console.print_json(json.dumps(found.receipt or {}, ensure_ascii=False))


@app.command("submit")
def submit(
    file: Annotated[Path, typer.Argument(help="要交付的文件")],
    resource: Annotated[str, typer.Option("--resource", help="交付给哪个资源")],
    correction: Annotated[bool, typer.Option("--correction", help="更正交付：只含更正的行")] = False,
    day: Annotated[str | None, typer.Option("--date", help="数据日期 YYYY-MM-DD")] = None,
    as_json: Json = False,
) -> None:
    """把一个文件交付给指定资源（文件名不限），下一次 nightly 处理它。

    例：districtlake deliveries submit 名单.xlsx --resource education_bureau.universities
    """
    from districtlake.delivery.district import open_district
    from districtlake.delivery.receive import submit as receive_file

    data_date = _date(day)
    received = receive_file(open_district(), file, resource, correction=correction, data_date=data_date, actor=_actor())
    document = {"new": received.new, "duplicates": received.duplicates, "growing": received.growing,
                "notices": [{"code": n.code, "message": n.message, "hint": n.hint} for n in received.notices]}  # fmt: skip
    if as_json:
        show_json(document)
    elif received.new:
        console.print(f"已登记：{received.new[0]}。运行 districtlake nightly 处理。")
    elif received.duplicates:
        console.print(f"内容与交付 {received.duplicates[0][1]} 完全相同，未作改变。")
    elif received.growing:
        console.print("文件仍在写入，稍后再试。")
    elif not received.notices:
        console.print("该文件已登记过，未作改变。")
    if received.notices:
        notice = received.notices[0]
        raise DistrictLakeError(notice.message, hint=notice.hint, code=notice.code)


@app.command("fetch")
def fetch(
    resources: Annotated[list[str] | None, typer.Argument(help="资源；也可以用 --all")] = None,
    every: Annotated[bool, typer.Option("--all", help="全部以数据库为来源的资源")] = False,
    whole: Annotated[bool, typer.Option("--full", help="不从上次的水位接着读，全部重读")] = False,
    as_json: Json = False,
) -> None:
    """从提供单位的数据库（前置库）读取，登记为交付；下一次 nightly 处理。夜间作业也先读取。只读，不在对方库中写任何东西。

    例：districtlake deliveries fetch --all
    例：districtlake deliveries fetch housing_bureau.leases --full
    """
    from districtlake.delivery.district import open_district
    from districtlake.delivery.fetch import fetch as read_databases
    from districtlake.delivery.fetch import fetched_resources

    district = open_district()
    if every == bool(resources):
        raise OperationRefused.of("fetch.which")
    chosen = fetched_resources(district) if every else [district.resource(name) for name in resources or []]
    for entry in chosen:
        if entry.source.database is None:
            raise OperationRefused.of("fetch.no_database", resource=entry.id)
    quiet = as_json or not console.is_terminal
    with nullcontext() if quiet else console.status("连接…") as status:
        told = read_databases(
            district, chosen, whole=whole, actor=_actor(),
            tell=lambda resource, rows: status.update(f"{resource}：已读 {rows:,} 行") if status is not None else None,
        )  # fmt: skip
    rows = [
        {
            "resource": one.resource, "rows": one.rows, "since": one.since, "watermark": one.watermark, "delivery": one.delivery, "same_as": one.same_as,
            "error": one.error.as_dict() if one.error else None,
            "told": one.error.message if one.error else f"已登记 {one.delivery}" if one.delivery else f"与 {one.same_as} 相同" if one.same_as else "没有新数据",
        }
        for one in told
    ]  # fmt: skip
    if as_json:
        show_json([{name: value for name, value in row.items() if name != "told"} for row in rows])
    else:
        columns = {"resource": "资源", "rows": "行数", "since": "自", "watermark": "水位", "told": "结果"}
        show_rows(rows, columns, as_json=False, empty="没有以数据库为来源的资源：在目录中写 source.database。")
        for one in told:
            if one.error is not None:
                errors.print(f"{one.resource}：{one.error.hint}", markup=False)
    if any(one.error is not None for one in told):
        raise typer.Exit(1)


@app.command("release")
def release(delivery: str, reason: Reason, yes: Yes = False, as_json: Json = False) -> None:
    """放行被暂停的交付：照常处理，暂停的原因被人工否决并留痕。

    例：districtlake deliveries release population-20260304 --reason "行政区划调整，已核实"
    """
    _act("release", delivery, reason, yes, as_json, "放行")


@app.command("withdraw")
def withdraw(delivery: str, reason: Reason, yes: Yes = False, as_json: Json = False) -> None:
    """撤回错误的交付：数据仓恢复到它从未处理过的状态；归档原件保留。

    例：districtlake deliveries withdraw population-20260304 --reason "误发测试文件"
    """
    _act("withdraw", delivery, reason, yes, as_json, "撤回")


@app.command("reprocess")
def reprocess(
    reason: Reason,
    delivery: Annotated[str | None, typer.Argument(help="交付编号，可只写开头")] = None,
    resource: Resource = None,
    since: Annotated[str | None, typer.Option("--since", help="起始数据日期 YYYY-MM-DD：与 --resource 一起，从该日起按序重新处理")] = None,
    until: Annotated[str | None, typer.Option("--until", help="截止数据日期 YYYY-MM-DD（默认至今）")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """按现行目录和规则重新处理交付，及其后的全部交付；处理失败的立即重试。也可以是一个资源的一段日期。

    例：districtlake deliveries reprocess population-20260304 --reason "年龄规则已更正"
    """
    if delivery is not None and not (resource or since or until):
        _act("reprocess", delivery, reason, yes, as_json, "重新处理")
        return
    if delivery is not None or resource is None or since is None:
        raise OperationRefused.of("operation.which")
    _backfill(resource, since, until, reason, yes, as_json)


def _backfill(resource: str, since: str, until: str | None, reason: str, yes: bool, as_json: bool) -> None:
    from districtlake.delivery import ledger
    from districtlake.delivery.district import open_district

    district = open_district()
    title = district.resource(resource).title
    _date(since), _date(until)
    if not yes:
        typer.confirm(
            f"重新处理 {title}（{resource}）数据日期 {since} 至 {until or '今'} 的交付，及其后的全部交付？理由：{reason}", abort=True
        )
    _run("backfill", resource, reason, ["--since", since, *(["--until", until] if until else [])])
    rows = [_row(found) for found in ledger.recent(district.store, resource, 1000)]
    first, last = _date(since), _date(until)
    told = [row for row in rows if row["data_date"] and first and row["data_date"] >= first and (last is None or row["data_date"] <= last)]
    columns = {
        "id": "编号", "data_date": "数据日期", "state_title": "状态", "delivered": "行数", "accepted": "入仓", "quarantined": "隔离", "why": "说明",
    }  # fmt: skip
    show_rows(told, columns, as_json=as_json, title=f"重新处理完成：{title}")


def _act(action: str, delivery: str, reason: str, yes: bool, as_json: bool, title: str) -> None:
    from districtlake.delivery import ledger
    from districtlake.delivery.district import open_district

    district = open_district()
    found = ledger.get(district.store, delivery)
    if not yes:
        typer.confirm(f"{title} {found.id}（{found.file_name}，{STATES[found.state]}）？理由：{reason}", abort=True)
    _run(action, found.id, reason, [])
    after = ledger.get(district.store, found.id)
    if as_json:
        show_json({"action": action, **_row(after)})
    else:
        console.print(f"{title}完成：{after.id} 现为“{STATES[after.state]}”。{_summary(after.counts or {})}")


def _run(action: str, subject: str, reason: str, more: list[str]) -> None:
    """The action as a run of Dagster's, so that its UI shows who did what."""
    from districtlake.cli.subprocesses import pipeline_events
    from districtlake.settings import Settings

    last: dict[str, Any] = {}
    arguments = [action, subject, "--reason", reason, "--actor", _actor(), *more]
    for event in pipeline_events("pipelines.action", arguments, Settings.from_environment()):
        last = event
    if not last.get("success"):
        raise OperationRefused(str(last.get("message", f"{action} did not finish.")), hint="The log is in the state folder: logs/.")


def _summary(counts: dict[str, int]) -> str:
    if not counts:
        return ""
    return f"交付 {counts['delivered']} 行：新增 {counts['inserted']}，变更 {counts['changed']}，隔离 {counts['quarantined']}。"


def _row(found: Any) -> dict[str, Any]:
    counts = found.counts or {}
    accepted = sum(counts.get(name, 0) for name in ("inserted", "changed", "unchanged")) if counts else None
    return {
        "id": found.id, "agency": found.agency, "resource": found.resource, "file": found.file_name, "mode": found.mode,
        "data_date": found.data_date, "state": found.state, "state_title": STATES[found.state], "delivered": counts.get("delivered"),
        "accepted": accepted, "quarantined": counts.get("quarantined"), "why": found.state_reason, "received_at": found.received_at,
    }  # fmt: skip


def _actor() -> str:
    from districtlake.settings import Settings

    configured = Settings.from_environment().actor
    return configured if configured != "system" else f"cli:{getpass.getuser()}"


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise OperationRefused.of("asked.no_date", text=text) from None

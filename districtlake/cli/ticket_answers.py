"""``districtlake tickets …``, the other side of the desk: what the provider answers, and what a user of the data reports."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from districtlake.cli.deliveries import _actor
from districtlake.cli.options import Json, Reason
from districtlake.cli.output import console, show_json, show_rows
from districtlake.cli.tickets import Name, Number, Problems, _day, _desk, _register, _required_day, _told, app
from districtlake.errors import OperationRefused


def _provider(desk: Any, number: str, name: str | None) -> Any:
    """The person acts for the agency on whose desk the ticket is."""
    from districtlake.tickets.machine import Actor
    from districtlake.tickets.queries import find_ticket

    ticket = find_ticket(desk.store, number, clock=desk.clock, calendar=desk.calendar)
    return Actor(name or _actor(), "provider", ticket.agency)


# -- the provider ---------------------------------------------------------------------------------------------------


@app.command("extend")
def extend(
    number: Number,
    until: Annotated[str, typer.Option("--until", help="申请延至哪一天 YYYY-MM-DD")],
    reason: Reason,
    attachment: Annotated[str, typer.Option("--attachment", help="附件的文号或编号")] = "",
    by: Name = None,
    as_json: Json = False,
) -> None:
    """提供单位申请延期；审核期间原期限照常计算。

    例：districtlake tickets extend T2026-000001 --until 2027-01-15 --reason "系统改造"
    """
    from districtlake.tickets import handling

    desk = _desk()
    handling.request_extension(desk, number, _provider(desk, number, by), reason=reason, until=_required_day(until), attachment=attachment)
    _told(desk, number, as_json)


@app.command("fixed")
def fixed(
    number: Number, note: Annotated[str, typer.Option("--note", help="改正情况")] = "", by: Name = None, as_json: Json = False
) -> None:
    """提供单位报告已改正：待复核，经新的交付核验通过后自动办结。

    例：districtlake tickets fixed T2026-000001 --note "已在业务系统更正"
    """
    from districtlake.tickets import handling

    desk = _desk()
    handling.claim_fixed(desk, number, _provider(desk, number, by), note)
    _told(desk, number, as_json)


@app.command("confirm")
def confirm(
    number: Number,
    explanation: Annotated[str, typer.Option("--explanation", help="确认无误的依据")],
    until: Annotated[str | None, typer.Option("--until", help="有效至哪一天 YYYY-MM-DD（默认：政策参数的期限）")] = None,
    problem: Problems = None,
    later: Annotated[bool, typer.Option("--later", help="不立即放行隔离行，留给下一次 nightly")] = False,
    by: Name = None,
    as_json: Json = False,
) -> None:
    """提供单位确认无误：告知反馈人，豁免到期前不再提出，隔离行放行入仓。

    例：districtlake tickets confirm T2026-000001 --explanation "已核对原始凭证"
    """
    from districtlake.cli.subprocesses import pipeline_events
    from districtlake.delivery.confirmed_rows import REASON, delivery_to_release
    from districtlake.tickets.dispositions import confirm_correct

    desk = _desk()
    actor = _provider(desk, number, by)
    done = confirm_correct(
        desk, number, actor, _register(desk), desk.catalog, explanation=explanation, until=_day(until), problems=problem or []
    )  # fmt: skip
    delivery = None if later else delivery_to_release(desk, done.resource)
    if delivery is not None:
        arguments = ["reprocess", delivery, "--reason", REASON, "--actor", actor.name]
        last: dict[str, Any] = {}
        for event in pipeline_events("pipelines.action", arguments, desk.settings):
            last = event
        if not last.get("success"):
            raise OperationRefused(
                f"{done.number} is settled, but its rows were not released: {last.get('message', 'the run did not finish')}",
                hint="The next nightly run releases them.",
            )
    _told(desk, done.number, as_json)


@app.command("negotiate")
def negotiate(
    number: Number,
    agreement: Annotated[str, typer.Option("--agreement", help="与反馈方商定的办法")],
    plan: Annotated[str, typer.Option("--plan", help="后续计划")],
    review: Annotated[str, typer.Option("--review", help="回看日期 YYYY-MM-DD")],
    by: Name = None,
    as_json: Json = False,
) -> None:
    """沟通解决：记下商定的办法、计划和回看日期，单独统计。

    例：districtlake tickets negotiate T2026-000001 --agreement "暂按纸质材料受理" --plan "改造后重报" --review 2027-03-01
    """
    from districtlake.tickets.dispositions import negotiate as settle

    desk = _desk()
    settle(desk, number, _provider(desk, number, by), agreement=agreement, plan=plan, review_on=_required_day(review))
    _told(desk, number, as_json)


@app.command("answer")
def answer(
    file: Annotated[Path, typer.Argument(help="填好的反馈单（.xlsx）")],
    agency: Annotated[str, typer.Option("--agency", help="哪个机构的答复，如 market_regulation；须是反馈单发往的机构")],
    by: Name = None,
    as_json: Json = False,
) -> None:
    """提供单位交回填好的反馈单：一次答复其中的工单，并说明哪些行没有采纳、为什么。可以只填一部分；重复上传不会重复办理。

    例：districtlake tickets answer 问题数据反馈单_市场监管局_20260309_T2026-000024.xlsx --agency market_regulation
    退出码：0 全部采纳；1 有的行没有采纳。
    """
    from districtlake.delivery.corrected_rows import take_package
    from districtlake.tickets.machine import Actor
    from districtlake.tickets.workbook import EXTENSION

    desk = _desk()
    if not file.is_file():
        raise OperationRefused.of("delivery.no_file", file=file.name)
    actor = Actor(by or _actor(), "provider", agency)
    done = take_package(desk, file, actor)
    faults = [
        {"sheet": one.sheet, "row": one.row, "number": one.number, "code": one.why.key, "why": one.why.whole()} for one in done.faults
    ]
    if as_json:
        show_json(asdict(done) | {"faults": faults})
    else:
        words = desk.policy.dispositions.values | {"extension": EXTENSION}
        rows = [{"number": number, "choice": words[choice], "count": count} for number, choice, count in done.done]
        show_rows(rows, {"number": "工单", "choice": "处理方式", "count": "问题数"}, as_json=False, empty="没有新的答复。")
        if done.faults:
            show_rows(faults, {"sheet": "工作表", "row": "行", "number": "工单", "why": "没有采纳的原因"}, as_json=False)
        console.print(
            f"采纳 {sum(row['count'] for row in rows)} 行，此前已答复 {done.repeated} 行，未填 {done.blank} 行，未采纳 {len(done.faults)} 行。"
        )
        if done.corrections:
            console.print(f"更正值 {done.corrected} 处已收到，交付编号 {'、'.join(done.corrections)}；处理后请看工单是否办结。")
    if done.faults:
        raise typer.Exit(1)


# -- the user of the data -------------------------------------------------------------------------------------------


@app.command("report")
def report(
    resource: Annotated[str, typer.Option("--resource", help="哪个资源")],
    key: Annotated[str, typer.Option("--key", help="该行的主键；多项主键用 | 连接")],
    request: Annotated[str, typer.Option("--request", help="反馈方自己的编号：同一编号只登记一次")],
    text: Annotated[str, typer.Option("--text", help="说明")] = "",
    item: Annotated[str | None, typer.Option("--item", help="哪个数据项；不填指整行，或缺少的行")] = None,
    claimed: Annotated[str | None, typer.Option("--claimed", help="反馈方主张的值")] = None,
    matter: Annotated[str, typer.Option("--matter", help="error（错误）、omission（遗漏）或 infringement（侵犯第三方合法权益）")] = "error",
    agency: Annotated[str | None, typer.Option("--agency", help="反馈方所属机构")] = None,
    by: Name = None,
    as_json: Json = False,
) -> None:
    """使用单位反馈问题数据：先到区大数据主管机构；重复的并入同一工单。

    例：districtlake tickets report --resource market_regulation.food_licences --key JY23302030000147 --request C-12 --text "已注销"
    """
    from districtlake.tickets import feedback
    from districtlake.tickets.machine import Actor
    from districtlake.warehouse.history import current

    desk = _desk()

    taken = feedback.report(
        desk, Actor(by or _actor(), "user", agency), desk.resource(resource), lambda name: current(desk.lake, name),
        request_id=request, key=key, item=item, claimed=claimed, text=text, matter=matter,
    )  # fmt: skip
    if as_json:
        show_json({"id": taken.id, "number": taken.number, "repeated": taken.repeated, "joined": taken.joined})
        return
    words = "此前已登记" if taken.repeated else "并入已有工单" if taken.joined else "已登记"
    console.print(f"{words}：{taken.number}。")

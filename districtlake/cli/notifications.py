"""``districtlake notifications``: mails and webhooks that wait, were sent, or could not be; the addresses that are called."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from districtlake.cli.options import Json, Limit
from districtlake.cli.output import console, show_json, show_rows
from districtlake.errors import OperationRefused
from districtlake.wording.sentences import Listed

app = typer.Typer(help="消息：工单动态的邮件和回调；只含编号和链接。", no_args_is_help=True)

STATES = {"waiting": "待发送", "sent": "已送达", "dead": "已放弃"}
CHANNELS = {"mail": "邮件", "webhook": "回调"}
AUDIENCES = {"agency": "提供单位", "reporter": "反馈方", "office": "区大数据主管机构"}
Audience = Annotated[str, typer.Option("--audience", help="通知谁：agency（提供单位）、office（区大数据主管机构）、reporter（反馈方）")]
Algorithm = Annotated[str, typer.Option("--algorithm", help="签名算法：hmac-sha256 或 hmac-sm3")]


def _district() -> Any:
    from districtlake.delivery.district import open_district

    return open_district()


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option("--state", help="waiting（待发送）、sent（已送达）或 dead（已放弃）")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """列出消息，新的在前；最后一行是合计。

    例：districtlake notifications list --state dead
    """
    from districtlake.notifications.sending import counts, messages

    if state is not None and state not in STATES:
        raise OperationRefused.of("asked.no_state", state=state, known=Listed.of(STATES))
    district = _district()
    rows, total = messages(district, state=state, limit=limit), counts(district)
    if as_json:
        show_json({"messages": rows, "counts": total})
        return
    shown = [
        {
            **row, "state": STATES[row["state"]], "channel": CHANNELS[row["channel"]],
            "to": f"{AUDIENCES[row['audience']]} {row['recipient']}".strip(),
        }
        for row in rows
    ]  # fmt: skip
    columns = {
        "id": "消息", "channel": "方式", "to": "收件方", "notifications": "条数", "state": "状态", "attempts": "次数", "created_at": "生成", "sent_at": "送达",
        "error": "原因",
    }  # fmt: skip
    show_rows(shown, columns, as_json=False, empty="没有消息。")
    console.print(
        f"待汇总 {total['unqueued']} 条；消息待发送 {total['waiting']}，已送达 {total['sent']}，已放弃 {total['dead']}"
        + ("：districtlake notifications retry 重发" if total["dead"] else "。")
    )


@app.command("send")
def send(
    urgent: Annotated[bool, typer.Option("--urgent", help="只发不能等到夜间的：业务紧急、逾期、暂停共享、反馈结果")] = False,
    as_json: Json = False,
) -> None:
    """现在就发送待发的消息；夜间作业和 Dagster 传感器会自动发送。

    例：districtlake notifications send
    退出码：0 全部送达或无需发送；1 有消息未送达。
    """
    from districtlake.notifications.sending import send as send_now

    done = send_now(_district(), everything=not urgent)
    if as_json:
        show_json(vars(done))
    else:
        console.print(f"新成消息 {done.queued}，送达 {done.sent}，未送达 {done.failed}，放弃 {done.dead}，待发送 {done.waiting}。")
        if done.closed:
            console.print(f"[yellow]{done.closed}[/]")
    if done.failed or done.dead or (done.closed and done.waiting):
        raise typer.Exit(1)


@app.command("retry")
def retry(message: Annotated[str | None, typer.Argument(help="消息的编号；不填：全部已放弃的消息")] = None, as_json: Json = False) -> None:
    """让已放弃的消息重新发送；编号不变，收到过的一方认得出。

    例：districtlake notifications retry
    """
    from districtlake.notifications.sending import retry as again

    count = again(_district(), message)
    show_json({"retried": count}) if as_json else console.print(f"{count} 条消息将重新发送。")


@app.command("hook")
def hook(
    url: Annotated[str, typer.Argument(help="回调地址；主机须在 DISTRICTLAKE_WEBHOOK_HOSTS 之列")],
    audience: Audience = "agency",
    recipient: Annotated[str, typer.Option("--recipient", help="机构、反馈方（接口客户端写 api:编号）；office 不填")] = "",
    algorithm: Algorithm = "hmac-sha256",
    as_json: Json = False,
) -> None:
    """登记一个回调地址；显示一次签名密钥，交给对方的运维人员。

    例：districtlake notifications hook https://hall.district.example/callback --audience reporter --recipient api:hall
    """
    from districtlake.notifications import hooks

    if audience not in AUDIENCES or (audience != "office" and not recipient):
        raise OperationRefused.of("hook.no_audience")
    district = _district()
    made, secret = hooks.add(
        district, audience, "" if audience == "office" else recipient, url, algorithm=algorithm, actor=district.settings.actor
    )
    if as_json:
        show_json({"hook": made.id, "secret": secret, "algorithm": algorithm})
        return
    console.print(f"已登记回调 {made.id}。签名密钥（{algorithm}）：[bold]{secret}[/]", soft_wrap=True)


@app.command("hooks")
def hooks(as_json: Json = False) -> None:
    """列出回调地址。

    例：districtlake notifications hooks
    """
    from districtlake.notifications.hooks import every

    names = ("id", "audience", "recipient", "url", "algorithm", "active", "created_at")
    rows = [{name: getattr(found, name) for name in names} for found in every(_district())]
    columns = {
        "id": "编号",
        "audience": "对象",
        "recipient": "收件方",
        "url": "地址",
        "algorithm": "签名",
        "active": "启用",
        "created_at": "登记",
    }
    show_rows(rows, columns, as_json=as_json, empty="没有回调地址。")


@app.command("unhook")
def unhook(number: Annotated[int, typer.Argument(help="回调的编号")], as_json: Json = False) -> None:
    """停用一个回调地址。

    例：districtlake notifications unhook 3
    """
    from districtlake.notifications import hooks

    district = _district()
    hooks.remove(district, number, actor=district.settings.actor)
    show_json({"unhooked": number}) if as_json else console.print(f"已停用回调 {number}。")

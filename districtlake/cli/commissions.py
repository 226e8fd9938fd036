"""``districtlake portal commission``: what technical service units are commissioned with (Article 29)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from districtlake.cli.options import Json
from districtlake.cli.output import console, show_rows

app = typer.Typer(help="技术服务单位的委托（第二十九条）：账号只看得到受托的资源，数据行脱敏。", no_args_is_help=True)


@app.command("give")
def give(
    login: Annotated[str, typer.Argument(help="技术服务单位的账号，如 contractor.desk")],
    scope: Annotated[str, typer.Argument(help="受托范围：机构（其全部资源）或资源，如 health_bureau、health_bureau.deaths")],
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="委托截止日（含），如 2027-12-31")],
    reference: Annotated[str, typer.Option("--reference", help="委托合同或委托书编号")],
) -> None:
    """登记一项委托；账号的下一次请求起生效。

    例：districtlake portal commission give contractor.desk health_bureau --until 2027-12-31 --reference 甬海数服〔2026〕3号
    """
    from districtlake.access import commissions
    from districtlake.delivery.district import open_district

    district = open_district()
    known = {*district.catalog.agencies, *district.catalog.resources}
    number = commissions.give(
        district.store, district.clock, login, scope, last_day=until.date(), reference=reference, known=known, actor=district.settings.actor
    )
    console.print(f"已登记委托 {number}：{login} {scope}，至 {until.date()}。")


@app.command("list")
def list_(
    login: Annotated[str | None, typer.Option("--login", help="只看这个账号")] = None,
    as_json: Json = False,
) -> None:
    """列出委托，生效的在前。

    例：districtlake portal commission list
    """
    from districtlake.access import commissions
    from districtlake.delivery.district import open_district

    district = open_district()
    rows = [
        {
            "number": one.commission.id, "login": one.login, "scope": one.commission.scope, "reference": one.commission.reference,
            "last_day": one.commission.last_day, "holds": one.holds, "given_by": one.commission.given_by, "given_at": one.commission.given_at,
            "ended_at": one.commission.ended_at,
        }
        for one in commissions.every(district.store, district.clock, login=login)
    ]  # fmt: skip
    columns = {"number": "编号", "login": "账号", "scope": "受托范围", "reference": "合同或委托书", "last_day": "截止日", "holds": "生效"}
    show_rows(rows, columns, as_json=as_json, empty="没有委托：districtlake portal commission give …")


@app.command("end")
def end(number: Annotated[int, typer.Argument(help="委托编号")]) -> None:
    """立即终止一项委托。

    例：districtlake portal commission end 1
    """
    from districtlake.access import commissions
    from districtlake.delivery.district import open_district

    district = open_district()
    commissions.end(district.store, district.clock, number, actor=district.settings.actor)
    console.print(f"已终止委托 {number}。")

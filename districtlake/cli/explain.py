"""``districtlake explain``: one row's story from file and line to the warehouse."""

from __future__ import annotations

from typing import Annotated

import typer

from districtlake.cli.options import Json
from districtlake.cli.output import console, show_json
from districtlake.errors import OperationRefused


def explain(
    resource: Annotated[str, typer.Argument(help="资源，如 market_regulation.business_entities")],
    key: Annotated[str, typer.Argument(help="主键，按存储或按日常写法均可；多个部分用 | 连接；无主键的资源用行指纹")],
    item: Annotated[str | None, typer.Option("--item", help="只看一个数据项：名称或标识")] = None,
    reveal: Annotated[str | None, typer.Option("--reveal", help="显示原值，须写明理由（记入审计）")] = None,
    as_json: Json = False,
) -> None:
    """一行数据的来龙去脉：哪个文件哪一行、原始内容、每步清洗、规则与结果、去向、隔离、工单、仓内各版本、集市和比对线索。

    例：districtlake explain market_regulation.business_entities 91330203MA2AFAAA4Y
    例：districtlake explain public_security_bureau.population 330203195006150018 --item birth_date --reveal "核实来电投诉"
    """
    from districtlake.delivery.district import open_district
    from districtlake.explanation.collect import collect
    from districtlake.explanation.telling import document, lines
    from districtlake.store.tables import AuditEvent

    district = open_district()
    entry = district.resource(resource)
    titles = {one.name: one.title for one in entry.items}
    if item is not None and item not in titles:
        named = {title: name for name, title in titles.items()}
        if item not in named:
            raise OperationRefused(f"{resource} has no item {item}.", hint=f"Items are: {', '.join(titles)}.")
        item = named[item]
    if reveal is not None and not reveal.strip():
        raise OperationRefused("--reveal needs a reason.", hint='For example --reveal "核实来电投诉"; it is kept in the audit.')
    story = collect(district, resource, key)
    if reveal is not None:
        with district.store.session() as session:
            session.add(
                AuditEvent(
                    at=district.clock.now(), actor=district.settings.actor, action="rows.read_unmasked", object_kind="resource", object_id=resource,
                    reason=reveal.strip(), data={"what": f"explain {resource}", "rows": 1, "item": item},
                )
            )  # fmt: skip
    told = document(story, district.catalog, item, reveal=reveal is not None)
    if as_json:
        show_json(told)
        return
    for line in lines(told, titles):
        console.print(line, markup=False, soft_wrap=True)

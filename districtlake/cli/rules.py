"""``districtlake rules``: which rules a resource has, what they found over time, what a changed one would have found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from districtlake.cli.options import Json
from districtlake.cli.output import console, errors, show_json, show_rows
from districtlake.errors import DistrictLakeError, NotFound

app = typer.Typer(help="规则：列出、查看历次结果、试算变更后的规则、确认无误的清单。", no_args_is_help=True)

ResourceName = Annotated[str, typer.Argument(help="资源，如 market_regulation.business_entities")]
OUTCOMES = {"passed": "通过", "failed": "不通过", "not_evaluated": "未评价", "removed": "已删除"}
WORSE = 3
"""Exit code of ``rules test`` when rows would begin to fail."""


@app.command("list")
def list_rules(resource: ResourceName, as_json: Json = False) -> None:
    """一个资源的全部规则：期望、严重程度、后果、维度、版本、生效期、容忍、有效的确认、最近一次的 A/B。

    例：districtlake rules list market_regulation.business_entities
    """
    from districtlake.delivery.district import open_district
    from districtlake.delivery.rule_history import described

    district = open_district()
    rows = described(district, district.resource(resource))
    columns = {
        "id": "规则", "title": "说明", "expectation": "期望", "severity": "严重程度", "on_failure": "后果", "dimension_title": "维度",
        "version": "版本", "effective": "生效", "tolerance": "容忍", "waivers": "有效的确认", "ab": "最近 A/B", "outcome_title": "结论",
    }  # fmt: skip
    show_rows(rows, columns, as_json=as_json)


@app.command("show")
def show(
    resource: ResourceName,
    rule: Annotated[str, typer.Argument(help="规则，如 amount.range")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="最近多少次结果")] = 20,
    as_json: Json = False,
) -> None:
    """一条规则：版本的历史、历次交付的结果（附不符比例的图）、规则变更后的重新校验。

    例：districtlake rules show market_regulation.business_entities uscc.conforms
    """
    from districtlake.delivery.district import open_district
    from districtlake.delivery.rule_history import history_of

    district = open_district()
    told = history_of(district, district.resource(resource), rule, limit)
    if as_json:
        show_json(told)
        return
    console.print(f"[bold]{resource} {rule}[/]　{told['title']}")
    console.print(
        f"期望 {told['expectation']}　版本 {told['version'] or '（规则已删除）'}　生效 {told['effective']}　容忍 {told['tolerance'] or '无'}"
    )
    show_rows(told["versions"], {"since": "起用", "version": "版本", "severity": "严重程度", "on_failure": "后果", "tolerance": "容忍",
                                 "effective": "生效", "fingerprint": "指纹"}, as_json=False, title="版本的历史", empty="还没有用它校验过。")  # fmt: skip
    show_rows(told["results"], {"data_date": "数据日期", "delivery": "交付", "version": "版本", "outcome_title": "结论", "passed": "A", "evaluated": "B",
                                "share": "不符比例", "plot": "图（满格为最高）", "reason": "说明"}, as_json=False, title="历次结果",
              empty="还没有结果。")  # fmt: skip
    if told["revalidations"]:
        show_rows(
            told["revalidations"], {"at": "时间", "why": "原因", "rows": "核对行", "failing": "不符行"}, as_json=False, title="重新校验"
        )


@app.command("test")
def trial(
    resource: ResourceName,
    since: Annotated[
        str, typer.Option("--since", help="从哪个交付（编号或其开头）或哪一天（YYYY-MM-DD）起；默认只看最近一次校验的交付")
    ] = "",
    catalog: Annotated[Path | None, typer.Option("--catalog", help="草稿目录所在文件夹（完整的一份）；默认现行目录")] = None,
    rule: Annotated[str, typer.Option("--rule", help="只试一条规则，如 amount.range")] = "",
    as_json: Json = False,
) -> None:
    """试算：按现行（或草稿）规则重看过去的交付，与当时的结果比较；只读，不改动任何数据。

    例：districtlake rules test market_regulation.business_entities --since 2026-03-02 --rule uscc.conforms
    退出码：0 没有行会由合格变为不符；3 有行会变为不符，或有交付会被暂停；1、2 出错。
    """
    from districtlake.cli.subprocesses import pipeline_events
    from districtlake.delivery.district import open_district

    settings = open_district().settings
    if catalog is not None and not catalog.is_dir():
        raise NotFound(f"There is no folder {catalog}.", hint="Copy the catalogue, change the copy, and name its folder.")
    arguments = [resource, "--since", since, "--rule", rule, *(["--catalog", str(catalog.resolve())] if catalog else [])]
    found: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    with console.status("加载校验引擎…") if console.is_terminal and not as_json else _quiet() as status:
        for event in pipeline_events("pipelines.rules_trial", arguments, settings):
            last = event
            if event["event"] == "progress" and status:
                status.update(event["message"])
            elif event["event"] == "delivery":
                found.append(event)
                if not as_json:
                    _tell(event)
    if not last.get("success"):
        error = last.get("error", {})
        kind = NotFound if error.get("code") == "not_found" else DistrictLakeError
        raise kind(str(error.get("message", "")), hint=str(error.get("hint", "")), code=error.get("code"))
    if as_json:
        show_json(
            {"resource": resource, "worse": last["worse"], "deliveries": [{k: v for k, v in row.items() if k != "event"} for row in found]}
        )
    else:
        newly = sum(entry["newly"] for row in found for entry in row["rules"])
        gone = sum(entry["no_longer"] for row in found for entry in row["rules"])
        console.print(f"{len(found)} 个交付：会变为不符 {newly:,} 行，会变为合格 {gone:,} 行。没有改动任何数据。")
    if last["worse"]:
        raise typer.Exit(WORSE)


@app.command("waivers")
def list_waivers(
    resource: Annotated[str | None, typer.Argument(help="资源；不写则全部")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="也列出已到期、已撤销、规则已换版本的")] = False,
    as_json: Json = False,
) -> None:
    """确认无误的清单：规则及其版本、到期日、谁确认、为什么；最早到期的在前。到期后由夜间作业重新校验。

    例：districtlake rules waivers --ended
    """
    from districtlake.delivery.district import open_district
    from districtlake.delivery.rule_history import waivers_of

    district = open_district()
    rows = waivers_of(district, district.resource(resource).id if resource else None)
    rows = [row for row in rows if ended or row["state"] == "holds"]
    columns = {
        "resource": "资源", "rule": "规则", "rule_version": "版本", "key": "主键", "ticket": "工单", "until": "有效至", "days_left": "剩余天数",
        "state_title": "状态", "granted_by": "确认人", "explanation": "说明",
    }  # fmt: skip
    show_rows(rows, columns, as_json=as_json, empty="没有有效的确认。" if not ended else "没有确认。")


class _quiet:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _tell(row: Mapping[str, Any]) -> None:
    """One delivery: what differs; then the rows that would begin to fail."""
    head = f"[bold]{row['data_date'] or ''} {row['file']}[/]（{row['delivery']}）"
    if row["skipped"]:
        console.print(f"{head} 未试：{row['skipped']}")
        return
    if row["would_hold"]:
        errors.print(f"[yellow]会被暂停[/] {row['would_hold']}")
    lines = [
        {
            "rule": entry["rule"], "outcome": OUTCOMES[entry["outcome"]], "now": ab(entry["evaluated"], entry["failed"]),
            "then": ab(entry["recorded_evaluated"], entry["recorded_failed"] or 0),
            "versions": f"{entry['recorded_version'] or '无'}→{entry['version'] or '无'}", "newly": entry["newly"], "no_longer": entry["no_longer"],
            "reason": entry["reason"],
        }
        for entry in row["rules"]
        if entry["newly"] or entry["no_longer"] or (entry["evaluated"], entry["failed"]) != (entry["recorded_evaluated"], entry["recorded_failed"])
    ]  # fmt: skip
    console.print(f"{head} {row['rows']:,} 行" + ("" if lines else "：与当时的结果相同"))
    if lines:
        show_rows(lines, {"rule": "规则", "outcome": "结论", "now": "A/B", "then": "当时 A/B", "versions": "版本", "newly": "变为不符",
                          "no_longer": "变为合格", "reason": "说明"}, as_json=False)  # fmt: skip
    for entry in row["rules"]:
        for example in entry["examples"]:
            console.print(
                f"  {entry['rule']}　{example['place']}　主键 {example['key']}　{example['item_title']}：{example['value']}　{example['reason']}",
                markup=False,
            )


def ab(evaluated: int | None, failed: int) -> str:
    """A/B as people write it; empty where the rule was not evaluated."""
    return "" if evaluated is None else f"{evaluated - failed:,}/{evaluated:,}"

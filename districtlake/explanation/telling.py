"""A story told: as data for programs and as Chinese lines for people, values masked by class unless they were asked for with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from districtlake.catalog.masking import mask_item
from districtlake.catalog.models import Catalog, Item
from districtlake.clock import SHANGHAI
from districtlake.explanation.collect import Appearance, Cell, Story
from districtlake.quality.shown import shown
from districtlake.tickets.machine import STAGES

FATES = {
    "inserted": "新增入仓", "changed": "变更入仓", "unchanged": "与仓内相同（未变或完全重复）", "quarantined": "隔离", "held": "整批暂停，未入仓",
    "withdrawn": "交付已撤回", "other": "未成为仓内版本（当时被隔离，或同一主键的另一行在后）",
}  # fmt: skip
OUTCOMES = {"passed": "通过", "failed": "未通过", "not_evaluated": "未评估", "error": "出错"}
ENDINGS = {"replaced": "被新版本取代", "deleted": "从全量中消失"}
_ON_FAILURE = {"report": "报告", "quarantine": "隔离", "hold": "整批暂停"}


def document(story: Story, catalog: Catalog, item: str | None = None, *, reveal: bool = False) -> dict[str, Any]:
    """The story as JSON-safe data (dates as they are).

    Args:
        item: only this item's cells and changes.
        reveal: values as they are; the caller answers for the audit.
    """
    resource = story.resource
    items = [one for one in resource.items if item in (None, one.name)]

    def seen(value: str | None, of: Item) -> str | None:
        return value if reveal or value is None else mask_item(value, of, catalog)

    return {
        "resource": resource.id, "title": resource.title, "key": _key(story, catalog, reveal), "stale": story.stale, "warehouse_version": story.delta_version,
        "deliveries": [_appearance(one, items, seen) for one in story.appearances],
        "versions": [
            {**{name: one[name] for name in ("valid_from", "valid_to", "delivery", "ended_by", "ending")},
             "changed": [name for name in one["changed"] if item in (None, name)],
             "values": {of.name: seen(one["values"].get(of.name), of) for of in items if of.name in one["values"]}}
            for one in story.versions
        ],
        "problems": [
            {**shown(one["record"], resource, catalog, unmasked=reveal), "ticket": one["ticket"], "waivers": one["waivers"]}
            for one in story.problems if item is None or item in one["record"]["item"].split("+")
        ],
        "marts": story.marts, "leads": story.leads,
    }  # fmt: skip


def _key(story: Story, catalog: Catalog, reveal: bool) -> str:
    resource, parts = story.resource, story.key.split("|")
    if reveal or not resource.key or len(parts) != len(resource.key):
        return story.key
    return "|".join(mask_item(part, resource.item(name), catalog) or "" for part, name in zip(parts, resource.key, strict=True))


def _appearance(one: Appearance, items: list[Item], seen: Any) -> dict[str, Any]:
    by_name = {cell.item: cell for cell in one.cells}
    return {
        "delivery": {name: value for name, value in one.delivery.items() if name != "order"}, "file": one.file, "sheet": one.sheet, "row": one.row,
        "fate": one.fate, "fate_title": FATES[one.fate], "rules": one.rules, "broken": one.broken,
        "cells": [_cell(by_name[of.name], of, seen) for of in items if of.name in by_name],
    }  # fmt: skip


def _cell(cell: Cell, of: Item, seen: Any) -> dict[str, Any]:
    return {
        "item": of.name, "title": of.title, "raw": seen(cell.raw, of), "value": seen(cell.value, of), "status": cell.status, "reason": cell.reason,
        "steps": [{"rule": step.rule, "title": step.title, "version": step.version, "before": seen(step.before, of), "after": seen(step.after, of)}
                  for step in cell.steps],
    }  # fmt: skip


# in words ------------------------------------------------------------------------------------------------------------
def lines(told: dict[str, Any], titles: dict[str, str]) -> Iterator[str]:
    """The document as lines of Chinese; ``titles``: item -> its title."""
    yield f"{told['title']}（{told['resource']}） 主键 {told['key']}"
    yield from _state(told)
    for one in told["deliveries"]:
        yield ""
        yield from _delivery(one)
    if told["versions"]:
        yield ""
        yield "仓内版本"
        for number, one in enumerate(told["versions"], 1):
            until = _moment(one["valid_to"]) if one["valid_to"] else "今"
            end = f"，{ENDINGS.get(one['ending'], one['ending'])}（{one['ended_by']}）" if one["ending"] else ""
            changed = f"；变更：{'、'.join(titles.get(name, name) for name in one['changed'])}" if one["changed"] else ""
            yield f"  {number}. {_moment(one['valid_from'])} 至 {until}，来自 {one['delivery']}{end}{changed}"
    if told["problems"]:
        yield ""
        yield "问题与工单"
        for one in told["problems"]:
            state = "未关闭" if one["state"] == "open" else f"已关闭（{one['closing']}）"
            yield f"  {one['rule']} {one['item_title']}：{one['reason']} 当前值 {one['value']}；{state}，出现 {one['sightings']} 次，首见 {one['first_delivery']}"
            if (ticket := one["ticket"]) is not None:
                due = f"，期限 {ticket['due_date']}" if ticket["due_date"] else ""
                yield f"    工单 {ticket['number']}：{STAGES.get(ticket['stage'], ticket['stage'])}{due}"
            for waiver in one["waivers"]:
                over = "，已撤销" if waiver["revoked_at"] else f"，有效至 {waiver['expires_on']}"
                yield f"    确认无误 {_moment(waiver['granted_at'])}{over}：{waiver['explanation']}"
    if told["leads"]:
        yield ""
        yield "比对线索"
        for one in told["leads"]:
            yield f"  {one['code']} {one['title']}：{one['reason']}（{one['resource']} 与 {one['right_resource']}，{'未关闭' if one['state'] == 'open' else '已关闭'}）"
    if told["marts"]:
        yield ""
        yield "数据集市"
        for one in told["marts"]:
            held = (
                "尚未建立"
                if one["version"] is None
                else f"版本 {one['version']}，" + ("按自己的主键，不逐行对应" if one["rows"] is None else f"含此主键 {one['rows']} 行")
            )
            yield f"  {one['title']}（{one['mart']}）：{held}"


def _state(told: dict[str, Any]) -> Iterator[str]:
    if told["warehouse_version"] is not None:
        stale = "；陈旧：最近一次交付的这一行在隔离区，仓内仍为其上一个合格版本" if told["stale"] else ""
        yield f"现在：在数据仓（表版本 {told['warehouse_version']}）{stale}"
    elif told["deliveries"] and told["deliveries"][-1]["fate"] == "quarantined":
        yield "现在：在隔离区，不在数据仓"
    else:
        yield "现在：不在数据仓"


def _delivery(one: dict[str, Any]) -> Iterator[str]:
    delivery = one["delivery"]
    sheet = f"·{one['sheet']}" if one["sheet"] else ""
    dated = f"数据日期 {delivery['data_date']}，" if delivery.get("data_date") else ""
    received = f"{_moment(delivery['received_at'])} 收到，" if delivery.get("received_at") else ""
    yield f"交付 {delivery['id']}（{dated}{received}{delivery.get('state_title', '')}）"
    yield f"  {one['file']}{sheet} 第 {one['row']} 行 → {one['fate_title']}"
    for cell in one["cells"]:
        yield f"  {cell['title']}：{'（空）' if cell['raw'] is None else _visible(cell['raw'])}" + (
            f" → {'（无值）' if cell['value'] is None else cell['value']}" if cell["steps"] else ""
        )
        for step in cell["steps"]:
            after = "（无值）" if step["after"] is None else _visible(step["after"])
            yield f"      清洗 {step['rule']} v{step['version']} {step['title']}：{_visible(step['before'])} → {after}"
        if cell["reason"]:
            yield f"      状态 {cell['status']}：{cell['reason']}"
    if one["rules"]:
        yield (
            "  规则："
            + "，".join(f"{OUTCOMES.get(outcome, outcome)} {count}" for outcome, count in sorted(one["rules"].items()))
            + "（整批）"
        )
    for rule in one["broken"]:
        version = f" v{rule['version']}" if rule["version"] is not None else ""
        yield f"    本行未通过 {rule['rule']}{version}（{_ON_FAILURE.get(rule['on_failure'], rule['on_failure'])}）：{rule['reason']}"


def _visible(text: str | None) -> str:
    """Blanks and controls made visible: they are what was cleansed."""
    if text is None:
        return "（空）"
    named = {
        " ": "␠",
        "\u3000": "［全角空格］",
        "\u00a0": "［不换行空格］",
        "\n": "↵",
        "\t": "⇥",
        "\r": "␍",
        "\u200b": "［零宽空格］",
        "\ufeff": "［BOM］",
    }
    edges = len(text) - len(text.lstrip(" ")), len(text.rstrip(" "))
    return "".join(
        (named[char] if char != " " or not edges[0] <= at < edges[1] else char) if char in named else char for at, char in enumerate(text)
    )


def _moment(value: datetime | None) -> str:
    return "" if value is None else value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")

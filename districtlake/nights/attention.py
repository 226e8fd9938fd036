"""What a person must look at after a night, as one list in the order of urgency, and the headline made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEVELS = {"alarm": "告警", "failed": "失败", "held": "暂停", "warning": "提醒", "notice": "提示"}
"""In the order of urgency."""

DEAD_REMEDY = "districtlake notifications list --state dead 查看原因；排除后 districtlake notifications retry 重新发送。"


def attention_of(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Entries ``level what why remedy marts``: everything of a summary that waits for a person. Data problems are the agencies' and not here."""
    entries: list[dict[str, Any]] = []

    def add(level: str, what: str, why: str = "", remedy: str = "", marts: list[str] | None = None) -> None:
        entries.append({"level": level, "what": what, "why": why, "remedy": remedy, "marts": marts or []})

    lost = [entry for entry in summary["missing"] if entry["outcome"] == "none"]
    for alarm in summary["alarms"]:
        about = next((entry for entry in lost if f" {entry['delivery']}（" in alarm["message"]), None)
        add("alarm", alarm["message"], remedy=alarm["hint"], marts=_titles(about) if about else None)
    if not summary["conservation"]["balanced"]:
        add("alarm", "交付行数不守恒。", "各去向之和不等于交付行数。", "这是软件的错误：保留现场，报告开发单位。")
    for entry in summary["missing"]:
        if entry["outcome"] == "none":
            continue  # an alarm, above
        level = "held" if entry["outcome"] == "held" else "failed"
        earlier = "" if entry["tonight"] else "（此前）"
        what = f"{entry['agency_name']}·{entry['title']}：{entry['file'] or '目录条目'} {entry['outcome_title']}{earlier}"
        add(level, what, entry["why"], entry["hint"], _titles(entry))
    named = {entry["resource"] for entry in summary["missing"]}
    for run in summary["runs"]:
        for resource, reason in run["failures"].items():
            if resource not in named:
                add("failed", f"{resource} 的运行失败，其数据已入仓", reason, "数据不受影响；Dagster 中的检查或图表可能不全，详见 logs/。")
        if not run["success"] and not run["failures"]:
            add("failed", f"{run['name']} 的运行失败", "；".join(run["reasons"]), "日志在状态文件夹的 logs/ 和 Dagster 中。")
    for row in summary["tables"]:
        if row.get("error") and row["resource"] not in named:  # else its delivery's failure says so
            add("failed", f"数据仓的表 {row['resource']} 无法打开", row["error"], "从备份恢复该表，或检查磁盘与权限。")
    for resource in summary["problems"]["unreadable"]:
        add("failed", f"{resource} 的问题登记簿无法打开", "本报告的问题数不含它，其工单停在原处。", "从备份恢复该表，或检查磁盘与权限。")
    routing = summary.get("routing", {})
    for resource, kind in routing.get("unreadable", {}).items():
        if resource not in summary["problems"]["unreadable"]:
            add("failed", f"{resource} 的问题登记簿读不全，其工单停在原处", kind, "从备份恢复该表，或检查磁盘与权限。")
    for resource, kind in routing.get("failed", {}).items():
        add(
            "failed",
            f"{resource} 的工单未能更新：新问题没有工单，已解决的没有办结",
            f"软件错误 {kind}",
            "数据与问题登记簿不受影响，下次自动再试；仍有此条时，请连同 logs/ 报告开发单位。",
        )
    for row in summary["revalidated"]:
        if row["error"]:
            add("failed", f"{row['title']}（{row['resource']}）规则已变，现有行未能重新校验", row["error"], row["hint"])
        elif row["unplaced"]:
            remedy = "districtlake deliveries reprocess --resource … --since …"
            add(
                "notice",
                f"{row['title']}（{row['resource']}）有 {row['unplaced']} 行未能重新校验",
                "按现行目录，原交付中已找不到其主键。",
                remedy,
            )
    for mart in summary["marts"].get("failed", []):
        if mart["state"] == "blocked":
            continue  # it waits for one that is told here itself
        kept = "未能更新，保留上一版" if mart.get("kept", True) else "未能生成，尚无任何一版"
        add("failed", f"数据集市 {mart['title']}（{mart['id']}）{kept}", mart.get("why", ""), mart.get("hint", ""))
    for row in summary.get("comparisons", {}).get("failed", []):
        add("failed", f"比对“{row['title']}”（{row['pairing']}）未能进行，已有线索保留", row["why"], row["hint"])
    for alarm in summary["before"]:
        add("warning", alarm["message"], remedy="本次运行已接着处理；原因请核查。")
    if summary["tickets"]["overdue"]:
        add("warning", f"{summary['tickets']['overdue']} 个工单已超过办理期限", remedy="districtlake tickets；督促提供单位办理。")
    late = summary.get("timeliness", {}).get("overdue", 0)
    if late:
        add("warning", f"{late} 个资源更新逾期", remedy="districtlake timeliness；逾期已生成工单。")
    dead = summary.get("messages", {}).get("dead", 0)
    if dead:
        add("warning", f"{dead} 条消息未能送达，已停止发送", remedy=DEAD_REMEDY)
    for row in summary.get("fetched", []):
        if row["error"]:
            add("failed", f"{row['resource']} 的数据库未能读取", row["error"]["message"], row["error"]["hint"])
    for notice in summary["notices"]:
        add("notice", notice["message"], remedy=notice["hint"])
    order = list(LEVELS)
    return sorted(({**entry, "level_title": LEVELS[entry["level"]]} for entry in entries), key=lambda entry: order.index(entry["level"]))


def _titles(entry: Mapping[str, Any]) -> list[str]:
    return [mart["title"] for mart in entry["marts"]]


def headline_of(summary: Mapping[str, Any]) -> str:
    """The night in words."""
    count = len(summary["attention"])
    idle = "" if summary["deliveries"] else "，没有新的交付"
    if not count:
        return f"一切正常{idle}"
    alarms = sum(entry["level"] == "alarm" for entry in summary["attention"])
    return f"有 {count} 项需要处理" + (f"，其中告警 {alarms} 项" if alarms else "") + idle

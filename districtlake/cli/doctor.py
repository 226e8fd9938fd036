"""``districtlake doctor``: is everything in order, and if not, what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import typer

from districtlake.cli.options import Json
from districtlake.cli.output import show_json, show_rows
from districtlake.errors import DistrictLakeError


def doctor(as_json: Json = False) -> None:
    """体检：目录、政策、节假日历、磁盘、归档、数据库、未完成的操作、夜间作业、提示。有问题时退出码为 1。

    例：districtlake doctor
    """
    rows = [_examine(name, check) for name, check in CHECKS.items()]
    if as_json:
        show_json({"ok": all(row["ok"] for row in rows), "checks": rows})
    else:
        show_rows(rows, {"mark": "", "name": "检查", "found": "结果", "remedy": "处理"}, as_json=False)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


def _examine(name: str, check: Callable[[], tuple[bool, str, str]]) -> dict[str, Any]:
    try:
        ok, found, remedy = check()
    except DistrictLakeError as error:
        ok, found, remedy = False, error.message, error.hint
    return {"name": name, "ok": ok, "mark": "✓" if ok else "✗", "found": found, "remedy": "" if ok else remedy}


def _catalog() -> tuple[bool, str, str]:
    from districtlake.catalog.check import check_catalog
    from districtlake.settings import Settings

    findings = check_catalog(Settings.from_environment().catalog_dirs)
    wrong = sum(finding.level == "error" for finding in findings)
    return wrong == 0, f"{wrong} 个错误，{len(findings) - wrong} 个警告", "districtlake catalog check 逐条说明。"


def _calendar() -> tuple[bool, str, str]:
    from districtlake.clock import local_date
    from districtlake.delivery.district import open_district

    district = open_district()
    today = local_date(district.clock.now())
    open_years = [year for year in (today.year, today.year + (today.month >= 11)) if not district.calendar.covers(year)]
    text = f"覆盖 {min(district.calendar.years)}–{max(district.calendar.years)} 年"
    missing = "、".join(map(str, dict.fromkeys(open_years)))
    if open_years:  # nothing is broken: the next year's arrangement is published late in the year
        text += f"；{missing} 年安排未公布，跨年期限为暂定，公布后：districtlake calendar import"
    return today.year not in open_years, text, "国务院公布后导入节假日历：districtlake calendar import 文件。"


def _disk() -> tuple[bool, str, str]:
    from districtlake.settings import Settings

    settings = Settings.from_environment()
    settings.state.mkdir(parents=True, exist_ok=True)
    usage = shutil.disk_usage(settings.state)
    return usage.free > 2 * 2**30, f"可用 {usage.free / 2**30:.1f} GB", "清理状态文件夹所在磁盘，至少留 2 GB。"


def _archive() -> tuple[bool, str, str]:
    from districtlake.ingestion.archive import verify
    from districtlake.settings import Settings

    root = Settings.from_environment().archive
    if not root.exists():
        return True, "空", ""
    damaged = verify(root)
    return not damaged, f"{len(damaged)} 个损坏的原件", "从备份恢复归档文件夹中的文件：" + "、".join(d.path.name[:12] for d in damaged[:5])


def _store() -> tuple[bool, str, str]:
    from sqlalchemy import func, select

    from districtlake.delivery.district import open_district
    from districtlake.store.tables import Delivery, Operation

    with open_district().store.session() as session:
        running = session.scalar(select(func.count()).select_from(Operation).where(Operation.state == "running")) or 0
        states = dict(session.execute(select(Delivery.state, func.count()).group_by(Delivery.state)).tuples().all())
    text = "，".join(f"{state} {count}" for state, count in sorted(states.items())) or "没有交付"
    return (
        running == 0,
        f"{text}；进行中或中断的操作 {running}",
        "若没有夜间作业在运行：再运行一次 districtlake nightly，中断的操作会自行收尾。",
    )


def _nights() -> tuple[bool, str, str]:
    from districtlake.clock import SHANGHAI
    from districtlake.delivery.district import open_district
    from districtlake.nights.record import alarms_of_last_night, latest

    district = open_district()
    nights = latest(district, 1)
    if not nights:
        return True, "还没有运行过夜间作业", ""
    titles = {"running": "正在运行", "done": "完成", "failed": "有失败或缺少结果", "interrupted": "中断"}
    alarms = alarms_of_last_night(district)
    state = "interrupted" if any(alarm.code == "night.interrupted" for alarm in alarms) else nights[0].state
    text = f"最近一次 {nights[0].started_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}（{titles[state]}）"
    failed = nights[0].state == "failed" and not alarms
    remedy = alarms[0].hint if alarms else f"看夜间报告 outbox/{nights[0].report}，排除原因后再运行一次 districtlake nightly。"
    return not alarms and not failed, "；".join([text, *(alarm.message for alarm in alarms)]), remedy


def _notices() -> tuple[bool, str, str]:
    from sqlalchemy import select

    from districtlake.delivery.district import open_district
    from districtlake.store.tables import Notice

    with open_district().store.session() as session:
        standing = select(Notice).where(Notice.cleared_at.is_(None), Notice.code.not_like("night.%"))  # nights have a line of their own
        found = [(n.message, n.hint) for n in session.scalars(standing.limit(5))]
    return not found, f"{len(found)} 条提示" + (f"：{found[0][0]}" if found else ""), found[0][1] if found else ""


def _messages() -> tuple[bool, str, str]:
    from districtlake.delivery.district import open_district
    from districtlake.nights.attention import DEAD_REMEDY
    from districtlake.notifications.sending import counts

    found = counts(open_district())
    text = f"待发 {found['unqueued'] + found['waiting']}，已送达 {found['sent']}，未能送达 {found['dead']}"
    return not found["dead"], text, DEAD_REMEDY


def _spark() -> tuple[bool, str, str]:
    from districtlake.spark.session import missing_parts

    lacking = missing_parts()
    if not lacking:
        return True, "已安装", ""
    return True, f"未安装（缺 {'、'.join(lacking)}）；只有在 Spark 上处理资源时才需要：make spark", ""


CHECKS: dict[str, Callable[[], tuple[bool, str, str]]] = {
    "目录": _catalog, "节假日历": _calendar, "磁盘": _disk, "归档": _archive, "账本": _store, "夜间": _nights,
    "消息": _messages, "提示": _notices, "Spark": _spark,
}  # fmt: skip

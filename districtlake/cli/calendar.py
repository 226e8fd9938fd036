"""``districtlake calendar``: the working days of the State Council: which years are known, and importing a year's arrangement."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from districtlake.cli.options import Json, Yes
from districtlake.cli.output import console, show_json, show_rows
from districtlake.errors import NotFound, OperationRefused

app = typer.Typer(help="节假日历：覆盖的年份、一年的安排、导入（先显示差异）、退回。", no_args_is_help=True)
_WEEKDAYS = "一二三四五六日"


@app.command("list")
def list_years(as_json: Json = False) -> None:
    """列出覆盖的年份：放假和调休上班的天数，出自内置数据还是导入的文件，以及期限为暂定的工单数。

    例：districtlake calendar list
    """
    from districtlake.delivery.district import open_district

    district = open_district()
    files = _files(district)
    rows = []
    for year in district.calendar.years:
        special = [(day, working) for day in _days(year) if (working := district.calendar.is_working_day(day)) != (day.weekday() < 5)]
        rows.append(
            {
                "year": year, "off": sum(not working for _, working in special), "made_up": sum(working for _, working in special),
                "from": str(files[year]) if year in files else "内置",
            }
        )  # fmt: skip
    provisional = len(_provisional(district))
    if as_json:
        show_json({"years": rows, "provisional_tickets": provisional})
        return
    rows = [{**row, "year": str(row["year"])} for row in rows]
    show_rows(rows, {"year": "年", "off": "工作日放假", "made_up": "周末上班", "from": "来源"}, as_json=False)
    console.print(f"期限为暂定的工单：{provisional}。", markup=False)


@app.command("show")
def show_year(year: Annotated[int, typer.Argument(help="年，如 2026")], as_json: Json = False) -> None:
    """一年中与平常不同的日子：工作日放假、周末上班。

    例：districtlake calendar show 2026
    """
    from districtlake.delivery.district import open_district

    calendar = open_district().calendar
    if not calendar.covers(year):
        raise NotFound.of("calendar.not_covered", year=year)
    rows = [_told(day, working) for day in _days(year) if (working := calendar.is_working_day(day)) != (day.weekday() < 5)]
    show_rows(rows, {"day": "日期", "weekday": "星期", "kind": "安排"}, as_json=as_json)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="一年的安排：{year, papers, days: [{name, date, isOffDay}]} 的 JSON 或 YAML")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """导入一年的节假日安排：先显示有变化的日子，确认后生效，并重算期限为暂定的工单；被替换的文件保留。

    例：districtlake calendar import 2027.json
    """
    from districtlake.delivery.district import open_district
    from districtlake.policy.calendar import changes_of, import_year, read_year

    if not file.is_file():
        raise NotFound.of("file.none", file=file)
    district = open_district()
    year = read_year(file)
    changes = [_told(day, working) for day, working in changes_of(district.calendar, year).items()]
    known = district.calendar.covers(year.year)
    if not as_json:
        title = f"{year.year} 年：{'已有安排，有变化的日子' if known else '尚无安排，与平常不同的日子'}"
        show_rows(changes, {"day": "日期", "weekday": "星期", "kind": "改为"}, as_json=False, title=title, empty="没有差异。")
    if known and not changes:
        if as_json:
            show_json({"applied": False, "year": year.year, "changes": [], "tickets": []})
        return
    if not yes and (as_json or not typer.confirm("生效吗？")):
        raise OperationRefused.of("import.unconfirmed")
    target = import_year(file, _folder(district, year.year))
    recounted = _recount(district, "calendar.import", year.year, {"days": len(changes), "papers": list(year.papers)})
    if as_json:
        show_json({"applied": True, "year": year.year, "file": str(target), "changes": changes, "tickets": list(recounted)})
        return
    console.print(f"已生效：{target}。期限重算的工单 {len(recounted)}：{'、'.join(recounted) or '无'}。", markup=False, soft_wrap=True)
    console.print(f"退回：districtlake calendar revert {year.year}", markup=False)


@app.command("revert")
def revert(year: Annotated[int, typer.Argument(help="年，如 2027")], yes: Yes = False) -> None:
    """退回一年最近的导入：恢复被替换的安排；没有的，回到导入之前；受影响的工单期限重新计算。

    例：districtlake calendar revert 2027
    """
    from districtlake.delivery.district import open_district
    from districtlake.policy.calendar import revert_year

    district = open_district()
    if not yes and not typer.confirm(f"退回 {year} 年的安排吗？"):
        raise OperationRefused.of("import.unconfirmed")
    stands = revert_year(year, _folder(district, year))
    recounted = _recount(district, "calendar.revert", year, {})
    console.print(f"已退回：{stands if stands is not None else f'{year} 年没有导入的安排了'}。", markup=False, soft_wrap=True)
    console.print(f"期限重算的工单 {len(recounted)}：{'、'.join(recounted) or '无'}。", markup=False, soft_wrap=True)


def _files(district: Any) -> dict[int, Path]:
    """Year -> the imported file that counts."""
    found = {}
    for folder in district.settings.catalog_dirs:
        for path in sorted((Path(folder) / "calendar").glob("*")):
            if path.suffix in (".json", ".yaml") and path.stem.isdigit():
                found[int(path.stem)] = path
    return found


def _folder(district: Any, year: int) -> Path:
    """Where the file of a year belongs: beside the one that counts, or it would count in its place; else in the first catalogue folder."""
    standing = _files(district).get(year)
    return standing.parent if standing is not None else Path(district.settings.catalog_dirs[0]) / "calendar"


def _days(year: int) -> list[date]:
    return [day for n in range(366) if (day := date(year, 1, 1) + timedelta(n)).year == year]


def _told(day: date, working: bool) -> dict[str, Any]:
    return {"day": day.isoformat(), "weekday": _WEEKDAYS[day.weekday()], "kind": "上班" if working else "放假", "working": working}


def _provisional(district: Any) -> list[str]:
    from sqlalchemy import select

    from districtlake.store.tables import Ticket

    with district.store.session(read_only=True) as session:
        return list(session.scalars(select(Ticket.number).where(Ticket.provisional).order_by(Ticket.number)))


def _recount(district: Any, action: str, year: int, data: dict[str, Any]) -> tuple[str, ...]:
    """Provisional tickets, and those due around the year, counted by the calendar as it now is; audited."""
    from districtlake.policy.calendar import load_calendar
    from districtlake.store.tables import AuditEvent
    from districtlake.tickets.deadlines import recompute_provisional

    calendar = load_calendar(district.settings.catalog_dirs)
    recounted = recompute_provisional(district.store, calendar, clock=district.clock, actor=district.settings.actor, year=year)
    with district.store.session() as session:
        session.add(
            AuditEvent(
                at=district.clock.now(), actor=district.settings.actor, action=action, object_kind="calendar", object_id=str(year),
                data={**data, "tickets": list(recounted)},
            )
        )  # fmt: skip
    return recounted

"""The record of nights: written down before a night begins, closed when it ends; what is missing between two is seen by whoever looks next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from districtlake.clock import SHANGHAI, local_date
from districtlake.delivery.district import District
from districtlake.delivery.locks import held
from districtlake.store.tables import Night, Operation

LOCK = "nightly"
"""Who holds the lock of this name is the night that runs; a night on record as running without it is dead."""
MOST_NAMED = 7
"""So many missed nights are named one by one; of more the first, the last and their number."""


@dataclass(frozen=True)
class Alarm:
    """Something that should be there and is not, in one sentence with its remedy. ``code`` begins with ``night.``."""

    code: str
    message: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint}


@dataclass(frozen=True)
class Begun:
    """A night that has begun.

    Attributes:
        before: what the record says of the nights since the last one that ended: not run, or not finished.
        after_operation: operations with a higher number are this night's.
    """

    id: int
    night: date
    started_at: datetime
    before: tuple[Alarm, ...]
    after_operation: int


def begin(district: District, launched_by: str) -> Begun:
    """Open tonight's record. Call under the lock ``LOCK``: then every night still on record as running is dead, and is marked so."""
    before = tuple(alarms_of_record(district, locked=False))
    now = district.clock.now()
    with district.store.session() as session:
        for dead in session.scalars(select(Night).where(Night.state == "running")):
            dead.state = "interrupted"
        row = Night(
            night=local_date(now), launched_by=launched_by, actor=district.settings.actor, state="running", started_at=now, alarms=[]
        )
        session.add(row)
        session.flush()
        last = session.scalar(select(func.max(Operation.id))) or 0
        return Begun(row.id, row.night, now, before, last)


def expect(district: District, night: int, expected: dict[str, Any]) -> None:
    """Write down what the night owes, before it begins to pay."""
    with district.store.session() as session:
        session.get_one(Night, night).expected = expected


def finish(district: District, night: int, *, success: bool, figures: dict[str, Any], alarms: list[Alarm], report: str | None) -> None:
    """Close tonight's record."""
    with district.store.session() as session:
        row = session.get_one(Night, night)
        row.state, row.finished_at = ("done" if success else "failed"), district.clock.now()
        row.figures, row.report = figures, report
        row.alarms = [alarm.as_dict() for alarm in alarms]


def latest(district: District, count: int) -> list[Night]:
    """The last nights on record, the latest first."""
    with district.store.session(read_only=True) as session:
        found = list(session.scalars(select(Night).order_by(Night.id.desc()).limit(count)))
        session.expunge_all()
    return found


def due_at(district: District, night: date) -> datetime:
    """The moment by which a night must have begun: its hour of the settings and the grace after it (Shanghai time)."""
    hour = datetime.combine(night, district.settings.nightly_at, tzinfo=SHANGHAI)
    return hour + timedelta(hours=district.settings.nightly_grace_hours)


def missed(district: District, last: date) -> list[date]:
    """Nights after ``last`` whose time has passed, oldest first."""
    now = district.clock.now()
    days = (local_date(now) - last).days
    nights = [last + timedelta(days=number) for number in range(1, days + 1)]
    return [night for night in nights if due_at(district, night) < now]


def alarms_of_record(district: District, *, locked: bool | None = None) -> list[Alarm]:
    """What is wrong with the nights as the record now stands; none for a district that never had one.

    Args:
        locked: whether a night is running now; asked from its lock when not given.
    """
    nights = latest(district, 1)
    if not nights:
        return []
    last, alarms = nights[0], list[Alarm]()
    running = held(district.settings.locks, LOCK) if locked is None else locked
    if last.state == "interrupted" or (last.state == "running" and not running):
        began = last.started_at.astimezone(SHANGHAI)
        alarms.append(
            Alarm(
                "night.interrupted",
                f"{last.night} 的夜间作业（{began:%H:%M} 开始）没有结束：进程中断，没有结果和报告。",
                "再运行一次 districtlake nightly：中断的操作自行收尾，未处理的交付接着处理。日志在状态文件夹的 logs/。",
            )
        )
    if nights_missed := missed(district, last.night):
        named = "、".join(f"{night}" for night in nights_missed)
        if len(nights_missed) > MOST_NAMED:
            named = f"{nights_missed[0]} 至 {nights_missed[-1]} 共 {len(nights_missed)} 夜"
        alarms.append(
            Alarm(
                "night.missed",
                f"{named} 的夜间作业没有运行（应在 {district.settings.nightly_at:%H:%M} 开始，宽限 {district.settings.nightly_grace_hours} 小时）。",
                "确认 Dagster 守护进程在运行（make ui 一并启动），或手工运行 districtlake nightly。",
            )
        )
    return alarms


def alarms_of_last_night(district: District) -> list[Alarm]:
    """The above, and what the last night itself found to be without an outcome."""
    nights = latest(district, 1)
    kept = [Alarm(a["code"], a["message"], a["hint"]) for a in nights[0].alarms] if nights and nights[0].state == "failed" else []
    return [*alarms_of_record(district), *kept]

"""Killed while a package is answered in bulk or a correction is uploaded: handed in once more, all is as if nothing had happened."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.settings import PROJECT_ROOT
from districtlake.store.tables import AuditEvent, Delivery, Notification, Ticket, TicketEvent
from districtlake.tickets.journal import COLUMNS, rebuilt
from districtlake.warehouse.commit import read
from pipelines.routing import route
from tests.either_database import Districts, districts_of
from tests.integration.test_package_answers import filled
from tests.portal_people import closing_store, prepare
from tests.running import run_pending
from tests.small_district import NOON, PEOPLE, csv_text, deliver, environment, open_small, small_settings

pytest_plugins = ["tests.postgres_server", "tests.either_database"]
pytestmark = pytest.mark.crash


def prepared(folder: Path) -> None:
    """One ticket is answered in three ways and by one corrected value, another as a whole; a file corrects the same row."""
    prepare(folder)
    with closing_store(open_small(folder)) as found:
        rows = [
            ("A1", "甲", 500, None),
            ("A2", "乙", 600, None),
            ("A3", "丙", 700, None),
            ("A4", "丁", 800, None),
            ("A5", "一个过长的名称啊啊", 1, None),
        ]
        deliver(found.settings.inbox, "people_20260306.csv", [*rows, *((f"B{n}", "好", 1, None) for n in range(20))])
        from districtlake.delivery.receive import receive

        receive(found)
        run_pending(found)
        route(found)
        with found.store.session(read_only=True) as session:
            newest = session.scalars(select(Ticket.number).where(Ticket.package.is_not(None)).order_by(Ticket.number.desc())).first()
        answers = {
            "A1": {"处理方式": "确认无误", "处理说明": "凭证如此"}, "A2": {"处理方式": "完成整改", "更正值": "60"},
            "A3": {"处理方式": "沟通解决", "处理说明": "商定", "计划": "重报", "日期": "2026-06-01"}, "A5": {"处理方式": "完成整改", "更正值": "戊"},
        }  # fmt: skip
        assert newest
        filled(found, lambda row: answers.get(row["主键"]), "filled.xlsx", ticket=newest)
        (folder / "fix.csv").write_text(csv_text([("A2", "乙", 60, None)]), encoding="utf-8")


@pytest.fixture(scope="module")
def districts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Districts:
    return districts_of(prepared, request, tmp_path_factory)


def file_of(action: str, folder: Path) -> Path:
    return folder / "state" / "filled.xlsx" if action == "answer" else folder / "fix.csv"


def child(action: str, folder: Path, point: str) -> subprocess.CompletedProcess[str]:
    settings = small_settings(folder)
    command = [sys.executable, "-m", "tests.hand_in_child", action, str(file_of(action, folder)), point]
    env = environment(settings) | {"DISTRICTLAKE_PORTAL_URL": "http://portal.example"}
    return subprocess.run(command, env=env, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120, check=False)


def standing(folder: Path) -> Mapping[str, Any]:
    """Everything of record after the file was handed in (again) and the next night has run."""
    with closing_store(open_district(small_settings(folder), clock=FixedClock(NOON + timedelta(hours=15)))) as district:
        run_pending(district)
        route(district)
        return of_record(district)


def of_record(district: District) -> Mapping[str, Any]:
    with district.store.session(read_only=True) as session:
        tickets = list(session.scalars(select(Ticket).order_by(Ticket.number)))
        assert [int(one.number[-6:]) for one in tickets] == list(range(1, len(tickets) + 1)), "no number is lost or given twice"
        for ticket in tickets:
            events = session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket.id).order_by(TicketEvent.id))
            assert rebuilt(events) == {name: getattr(ticket, name) for name in COLUMNS}
        number_free = {one.id: (one.rule_id, one.problems, one.open_problems, one.stage, one.closing, one.due_date) for one in tickets}
        told = list(session.scalars(select(Notification)))
        assert len({one.message_id for one in told}) == len(told)
        events = Counter((number_free[one.ticket_id], one.event) for one in session.scalars(select(TicketEvent)))
        return {
            "tickets": Counter(number_free.values()), "events": events,
            "told": Counter((number_free[one.ticket_id], one.event, one.audience, one.recipient) for one in told),
            "deliveries": sorted((one.source_path, one.sha256, one.state) for one in session.scalars(select(Delivery))),
            "received": Counter(session.scalars(select(AuditEvent.object_id).where(AuditEvent.action == "delivery.received"))),
            "rows": sorted(read(district.lake, "warehouse", PEOPLE).select("code", "name", "amount").rows()),
        }  # fmt: skip


@cache
def undisturbed(districts: Districts, action: str, database: str) -> tuple[Mapping[str, Any], int]:
    folder = districts.copy(database, districts.beside(f"undisturbed_{action}_{database}"))
    done = child(action, folder, "count")
    assert done.returncode == 0, done.stderr[-2000:]
    (commits,) = re.findall(r"commits (\d+)", done.stdout)
    again = child(action, folder, "count")
    assert again.returncode == 0, again.stderr[-2000:]
    return standing(folder), int(commits)


def check(districts: Districts, action: str, point: str, database: str, tmp_path: Path) -> None:
    expected, _ = undisturbed(districts, action, database)
    folder = districts.copy(database, tmp_path / point.replace(":", "_"))
    killed = child(action, folder, point)
    assert killed.returncode == -9, f"{point} was never reached: {killed.stderr[-2000:]}"
    again = child(action, folder, "count")
    assert again.returncode == 0, again.stderr[-2000:]
    found = standing(folder)
    for name, value in expected.items():
        assert found[name] == value, (point, name)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("action", ["answer", "upload"])
def test_killed_before_every_single_commit(districts: Districts, action: str, database: str, tmp_path: Path) -> None:
    _, commits = undisturbed(districts, action, database)
    assert commits >= (4 if action == "answer" else 1)
    for point in ["archived", *(f"commit:{number}" for number in range(1, commits + 1))]:
        check(districts, action, point, database, tmp_path)


@pytest.mark.parametrize(("action", "point"), [("answer", "commit:3")])
def test_killed_in_between_and_handed_in_again(districts: Districts, action: str, point: str, tmp_path: Path) -> None:
    check(districts, action, point, "sqlite", tmp_path)

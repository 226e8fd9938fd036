"""``districtlake calendar``: a year's arrangement is shown before it takes effect, moves deadlines, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from districtlake.cli.app import app
from districtlake.clock import SHANGHAI, FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.errors import DistrictLakeError
from districtlake.policy.calendar import load_calendar
from districtlake.store.tables import AuditEvent, Ticket
from pipelines.routing import route
from tests.running import run_folder
from tests.small_district import PAYMENTS, deliver, environment, small_settings

LATE = datetime(2026, 12, 28, 10, 0, tzinfo=SHANGHAI)
"""Five working days from here lie in 2027."""
Command = Callable[..., Result]


def arrangement(folder: Path, *days: tuple[str, bool]) -> Path:
    """2027 with its statutory holidays, and ``days`` (day, off)."""
    statutory = ("2027-01-01", "2027-05-01", "2027-10-01", "2027-10-02", "2027-10-03")
    listed = [{"date": day, "isOffDay": True} for day in statutory] + [{"date": day, "isOffDay": off} for day, off in days]
    path = folder / "2027.json"
    path.write_text(json.dumps({"year": 2027, "papers": ["国办发明电〔2026〕0号"], "days": listed}), encoding="utf-8")
    return path


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    opened = open_district(small_settings(tmp_path), clock=FixedClock(LATE))
    deliver(opened.settings.inbox, "payments_20261228.csv", [("A1", "甲", 150, None)])
    run_folder(opened, opened.settings.inbox)
    route(opened)
    yield opened
    opened.store.close()


@pytest.fixture
def command(district: District, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name, value in (environment(district.settings) | {"DISTRICTLAKE_CLOCK": LATE.isoformat(), "COLUMNS": "200"}).items():
        monkeypatch.setenv(name, value)
    return lambda *words, **more: CliRunner().invoke(app, ["calendar", *map(str, words)], **more)


def due(district: District) -> tuple[date | None, bool]:
    with district.store.session(read_only=True) as session:
        ticket = session.scalars(select(Ticket).where(Ticket.resource == PAYMENTS)).one()
        return ticket.due_date, ticket.provisional


def told(result: Result) -> Any:
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def test_importing_shows_first_moves_deadlines_and_is_taken_back(district: District, command: Command, tmp_path: Path) -> None:
    before = due(district)
    assert before == (date(2027, 1, 4), True)
    assert told(command("list", "--json"))["provisional_tickets"] == 1
    source = arrangement(tmp_path, ("2027-01-04", True), ("2027-01-09", False))

    refused = command("import", source, input="n\n")
    assert "2027-01-04" in refused.output
    assert "上班" in refused.output
    assert (due(district), load_calendar(district.settings.catalog_dirs).covers(2027)) == (before, False), "nothing without a yes"

    done = told(command("import", source, "--yes", "--json"))
    assert (done["applied"], done["tickets"]) == (True, ["T2026-000001"])
    assert {row["day"]: row["kind"] for row in done["changes"]} == {
        "2027-01-01": "放假", "2027-01-04": "放假", "2027-01-09": "上班", "2027-10-01": "放假",
    }  # fmt: skip
    assert due(district) == (date(2027, 1, 6), False)
    assert "2027-01-09" in command("show", 2027).output
    assert [row["from"] != "内置" for row in told(command("list", "--json"))["years"]][-2:] == [False, True]
    assert told(command("import", source, "--yes", "--json"))["applied"] is False, "the same file again changes nothing"

    other = arrangement(tmp_path, ("2027-01-04", True), ("2027-01-05", True))
    assert told(command("import", other, "--yes", "--json"))["tickets"] == ["T2026-000001"], "a corrected arrangement counts again"
    assert due(district) == (date(2027, 1, 7), False)
    assert command("revert", 2027, "--yes").exit_code == 0
    assert due(district) == (date(2027, 1, 6), False)
    assert command("revert", 2027, "--yes").exit_code == 0
    assert due(district) == before
    assert isinstance(command("revert", 2027, "--yes").exception, DistrictLakeError)
    with district.store.session(read_only=True) as session:
        acts = list(session.scalars(select(AuditEvent.action).where(AuditEvent.object_kind == "calendar").order_by(AuditEvent.id)))
    assert acts == ["calendar.import", "calendar.import", "calendar.revert", "calendar.revert"]


def test_a_file_put_into_the_catalogue_counts_from_the_next_night(district: District, tmp_path: Path) -> None:
    folder = district.settings.catalog_dirs[0] / "calendar"
    folder.mkdir()
    arrangement(folder, ("2027-01-04", True))
    tonight = open_district(district.settings, clock=FixedClock(LATE))
    with tonight.store:
        route(tonight)
        assert due(tonight) == (date(2027, 1, 6), False)


def test_what_cannot_be_imported_is_said(command: Command, tmp_path: Path) -> None:
    assert isinstance(command("import", tmp_path / "none.json").exception, DistrictLakeError)
    fragment = tmp_path / "fragment.json"
    fragment.write_text(json.dumps({"year": 2027, "days": [{"date": "2027-01-01", "isOffDay": True}]}), encoding="utf-8")
    error = command("import", fragment, "--yes").exception
    assert isinstance(error, DistrictLakeError)
    assert "2027-05-01" in error.message
    assert isinstance(command("show", 2031).exception, DistrictLakeError)

"""Update timeliness through the real pipeline at fixed clocks: files, the quality sensor, `districtlake timeliness` as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.delivery.district import District
from districtlake.supervision.punctuality import punctuality
from districtlake.tickets.queries import list_tickets
from tests.running import run_folder
from tests.small_district import PEOPLE, deliver, environment, open_small

Run = Callable[..., Any]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    from districtlake.cli.app import app

    def run(at: datetime, *arguments: str) -> Any:
        district = open_small(tmp_path)
        district.store.close()
        for name, value in environment(district.settings).items():
            if name.startswith("DISTRICTLAKE_"):
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("DISTRICTLAKE_CLOCK", at.isoformat())
        return CliRunner().invoke(app, ["timeliness", *arguments])

    return run


def at(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 3, day, hour, 0, tzinfo=SHANGHAI)


def night(district: District, day: int) -> District:
    """Files received and processed, then the quality sensor's look, as the daemon would."""
    from pipelines.sensors import quality_sensor

    tonight = replace(district, clock=FixedClock(at(day)))
    run_folder(tonight, tonight.settings.inbox)
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance=instance, resources={"district": tonight})
        quality_sensor()(context)
    return tonight


def overdue(district: District, state: str) -> list[tuple[str, int, str | None]]:
    tickets = list_tickets(district.store, clock=district.clock, calendar=district.calendar, kind="overdue_update", state=state)
    return [(ticket.resource, ticket.problems, ticket.closing) for ticket in tickets]


def test_the_quality_sensor_opens_counts_and_closes_and_the_command_tells(tmp_path: Path, command: Run) -> None:
    district = open_small(tmp_path)
    try:
        deliver(district.settings.inbox, "people_20260302.csv", [("a", "甲", 1, ""), ("b", "乙", 2, "")])
        night(district, 2)
        assert overdue(night(district, 4), "open") == []
        assert overdue(night(district, 5), "open") == [(PEOPLE, 1, None)]
        assert overdue(night(district, 6), "open") == [(PEOPLE, 2, None)]

        told = json.loads(command(at(6, 10), "--state", "overdue", "--json").output)
        assert [(row["resource"], row["missed"], row["ticket"], row["due_date"]) for row in told] == [
            (PEOPLE, 2, "T2026-000001", "2026-03-03")
        ]
        shown = command(at(6, 10)).output
        assert "更新逾期（2 期）" in shown
        assert "未归集 3" in shown

        deliver(district.settings.inbox, "people_20260307.csv", [("a", "甲", 3, ""), ("b", "乙", 2, "")])
        done = night(district, 7)
        assert overdue(done, "open") == []
        assert overdue(done, "closed") == [(PEOPLE, 2, "updated")]
        (row,) = punctuality(done, at(1).date(), at(7).date()).filter(resource=PEOPLE).to_dicts()
        # the third, due on the 5th, was overdue from the first moment of the 7th: before the file came, after the last look
        assert (row["due"], row["in_time"], row["missed"], row["share"]) == (3, 0, 3, 0.0)
        period = json.loads(command(at(7), "--since", "2026-03-01", "--agency", "registry_bureau", "--json").output)
        assert (period["due"], period["in_time"]) == (3, 0)
        assert "无数据" in command(at(7), "--since", "2026-03-01").output
    finally:
        district.store.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--state", "late"], "没有状态“late”"),
        (["--until", "2026-03-01"], "--until 须与 --since 同用"),
        (["--since", "yesterday"], "不是日期"),
        (["--since", "2026-03-09", "--until", "2026-03-01"], "结束早于开始"),
        (["--agency", "nobody"], "没有机构“nobody”"),
        (["--since", "2026-03-01", "--state", "due"], "--state 不与 --since 同用"),
    ],
)
def test_a_wrong_request_is_a_sentence(command: Run, arguments: list[str], said: str) -> None:
    assert said in str(command(at(6), *arguments).exception)

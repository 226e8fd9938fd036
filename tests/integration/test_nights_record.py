"""The record of nights: a night that never ran, one that was killed, one that ended; on the clock of Shanghai."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.delivery.locks import held, lock
from districtlake.nights import record
from tests.either_database import Districts, districts_of
from tests.small_district import small_settings

pytest_plugins = ["tests.postgres_server", "tests.either_database"]

TWO = datetime(2026, 3, 6, 2, 0, tzinfo=SHANGHAI)


def at(folder: Path, moment: datetime) -> District:
    return open_district(small_settings(folder), clock=FixedClock(moment))


def a_night(
    folder: Path, moment: datetime, *, killed: bool = False, success: bool = True, alarms: list[record.Alarm] | None = None
) -> None:
    with (district := at(folder, moment)).store:
        begun = record.begin(district, "schedule")
        if not killed:
            record.finish(district, begun.id, success=success, figures={}, alarms=alarms or [], report=None)


def codes(folder: Path, moment: datetime) -> list[str]:
    with (district := at(folder, moment)).store:
        return [alarm.code for alarm in record.alarms_of_last_night(district)]


@pytest.fixture(scope="module")
def districts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Districts:
    """Districts in which nothing has happened yet."""
    return districts_of(lambda folder: None, request, tmp_path_factory)


@pytest.fixture
def folder(districts: Districts, database: str, tmp_path: Path) -> Path:
    return districts.copy(database, tmp_path / "district")


def test_a_district_without_nights_has_nothing_to_miss(folder: Path) -> None:
    assert codes(folder, TWO) == []


@pytest.mark.postgresql
def test_a_night_is_missed_once_its_grace_has_passed_and_not_before(folder: Path) -> None:
    a_night(folder, TWO)
    due = TWO + timedelta(days=1, hours=6)
    assert codes(folder, due) == []
    assert codes(folder, due + timedelta(minutes=1)) == ["night.missed"]
    with (district := at(folder, due + timedelta(days=2, minutes=1))).store:
        assert record.missed(district, date(2026, 3, 6)) == [date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9)]
        (alarm,) = record.alarms_of_record(district)
        assert "2026-03-07、2026-03-08、2026-03-09 的夜间作业没有运行" in alarm.message
        assert alarm.hint
    with (district := at(folder, due + timedelta(days=364, minutes=1))).store:
        (alarm,) = record.alarms_of_record(district)
        assert alarm.message.startswith("2026-03-07 至 2027-03-06 共 365 夜 的夜间作业没有运行")


def test_the_next_night_says_what_was_missed_and_then_it_is_told(folder: Path) -> None:
    a_night(folder, TWO)
    with (district := at(folder, TWO + timedelta(days=2))).store:
        begun = record.begin(district, "schedule")
        assert [alarm.code for alarm in begun.before] == ["night.missed"]
        assert "2026-03-07 " in begun.before[0].message
        assert "2026-03-08" not in begun.before[0].message, "tonight is not missed"
        record.finish(district, begun.id, success=True, figures={}, alarms=[], report=None)
        assert record.alarms_of_last_night(district) == []


@pytest.mark.postgresql
def test_a_killed_night_is_seen_and_the_next_marks_it(folder: Path) -> None:
    a_night(folder, TWO, killed=True)
    assert codes(folder, TWO + timedelta(minutes=5)) == ["night.interrupted"]
    with (district := at(folder, TWO + timedelta(hours=1))).store:
        begun = record.begin(district, "command line")
        assert [alarm.code for alarm in begun.before] == ["night.interrupted"]
        assert [night.state for night in record.latest(district, 5)] == ["running", "interrupted"]


def test_a_night_that_runs_is_no_dead_one(folder: Path) -> None:
    with (district := at(folder, TWO)).store:
        with lock(district.settings.locks, record.LOCK):
            record.begin(district, "schedule")
            assert held(district.settings.locks, record.LOCK)
            assert record.alarms_of_record(district) == []
        assert not held(district.settings.locks, record.LOCK)
        assert [alarm.code for alarm in record.alarms_of_record(district)] == ["night.interrupted"]


def test_what_a_night_found_missing_stands_until_a_night_succeeds(folder: Path) -> None:
    alarm = record.Alarm("night.no_outcome", "交付 people-1 没有结果。", "再运行一次。")
    a_night(folder, TWO, success=False, alarms=[alarm])
    with (district := at(folder, TWO)).store:
        assert record.alarms_of_last_night(district) == [alarm]
    a_night(folder, TWO + timedelta(hours=1))
    assert codes(folder, TWO + timedelta(hours=2)) == []

"""Working days: the package's years, imported years, and years that nobody described."""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from districtlake.errors import CatalogError
from districtlake.policy.calendar import WorkingCalendar, import_year, load_calendar
from districtlake.settings import PROJECT_ROOT

HOLIDAYS = Path(os.environ.get("DISTRICTLAKE_SHARED_DATA", PROJECT_ROOT.parent / "shared" / "data")) / "reference" / "holidays"


def year_file(folder: Path, year: int, off: dict[str, bool] | None = None, name: str | None = None) -> Path:
    """An invented arrangement: the statutory days, and what the test adds."""
    days = {f"{year}-{day}": True for day in ("01-01", "05-01", "10-01", "10-02", "10-03")} | (off or {})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or f"{year}.json")
    content = {"year": year, "papers": [], "days": [{"name": "", "date": day, "isOffDay": is_off} for day, is_off in days.items()]}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_package_knows_holidays_and_make_up_days() -> None:
    calendar = load_calendar([])
    assert calendar.covers(2022)
    assert calendar.covers(2026)
    assert calendar.is_working_day(date(2022, 1, 29)), "a Saturday worked for the Spring Festival"
    assert not calendar.is_working_day(date(2022, 2, 1))
    assert not calendar.is_working_day(date(2022, 1, 23)), "an ordinary Sunday"
    assert calendar.next_working_day(date(2026, 9, 30)) == date(2026, 10, 8)


def test_a_year_nobody_described_is_not_covered_and_counted_by_weekdays() -> None:
    calendar = load_calendar([])
    assert not calendar.covers(2031)
    assert calendar.open_years(date(2031, 10, 1)) == (2031,)
    assert calendar.is_working_day(date(2031, 10, 1))


def test_an_empty_file_does_not_cover_its_year(tmp_path: Path) -> None:
    (tmp_path / "calendar").mkdir()
    (tmp_path / "calendar" / "2031.json").write_text('{"year": 2031, "papers": [], "days": []}', encoding="utf-8")
    assert not load_calendar([tmp_path]).covers(2031)


def test_an_imported_year_covers_and_importing_again_changes_nothing(tmp_path: Path) -> None:
    source = year_file(tmp_path / "in", 2031, {"2031-10-04": True, "2031-10-11": False})
    target = import_year(source, tmp_path / "calendar")
    before = target.read_bytes()
    assert import_year(source, tmp_path / "calendar") == target
    assert target.read_bytes() == before
    assert [path.name for path in (tmp_path / "calendar").iterdir()] == ["2031.json"]
    calendar = load_calendar([tmp_path])
    assert calendar.covers(2031)
    assert not calendar.is_working_day(date(2031, 10, 1))
    assert calendar.is_working_day(date(2031, 10, 11)), "a Saturday made up"


def test_a_yaml_year_is_read_like_json(tmp_path: Path) -> None:
    lines = "".join(f"  - {{date: 2031-{day}, isOffDay: true}}\n" for day in ("01-01", "05-01", "10-01", "10-02", "10-03"))
    (tmp_path / "calendar").mkdir()
    (tmp_path / "calendar" / "2031.yaml").write_text(f"year: 2031\ndays:\n{lines}", encoding="utf-8")
    assert not load_calendar([tmp_path]).is_working_day(date(2031, 10, 2))


def test_a_file_corrects_the_package_and_the_later_folder_wins(tmp_path: Path) -> None:
    year_file(tmp_path / "a" / "calendar", 2026, {"2026-03-04": True})
    year_file(tmp_path / "b" / "calendar", 2026, {"2026-03-05": True})
    first, both = load_calendar([tmp_path / "a"]), load_calendar([tmp_path / "a", tmp_path / "b"])
    assert not first.is_working_day(date(2026, 3, 4))
    assert first.is_working_day(date(2026, 2, 17)), "the file describes its year whole: Spring Festival is not in it"
    assert both.is_working_day(date(2026, 3, 4))
    assert not both.is_working_day(date(2026, 3, 5))


def test_the_turn_of_the_year_belongs_to_the_next_arrangement(tmp_path: Path) -> None:
    year_file(tmp_path / "calendar", 2018)  # says nothing of 29 and 31 December 2018; the arrangement for 2019 did
    calendar = load_calendar([tmp_path])
    assert calendar.is_working_day(date(2018, 12, 29))
    assert not calendar.is_working_day(date(2018, 12, 31))
    year_file(tmp_path / "calendar", 2031, {"2030-12-31": True})
    later = load_calendar([tmp_path])
    assert not later.covers(2030)
    assert not later.is_working_day(date(2030, 12, 31))
    assert later.open_years(date(2030, 12, 31)) == ()
    assert load_calendar([]).open_years(date(2026, 12, 30)) == (2027,)
    assert load_calendar([]).open_years(date(2026, 12, 25)) == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"year": 2031, "days": []}, "nothing was imported"),
        ({"year": 2031}, "days"),
        ({"year": 31, "days": []}, "year: 31"),
        ({"year": 2031, "days": [{"date": "2031-01-01", "isOffDay": True}]}, "2031-05-01 is a statutory holiday"),
        ({"year": 2031, "days": [{"date": "2031-02-30", "isOffDay": True}]}, "days.0.date"),
        ({"year": 2031, "days": [{"date": "2029-01-01", "isOffDay": True}]}, "does not belong to 2031"),
        ({"year": 2031, "days": [{"date": "2031-01-01", "isOffDay": True}, {"date": "2031-01-01", "isOffDay": False}]}, "listed twice"),
    ],
)
def test_a_wrong_year_is_refused_and_nothing_written(tmp_path: Path, content: dict[str, object], said: str) -> None:
    source = tmp_path / "source.json"
    source.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        import_year(source, tmp_path / "calendar")
    assert said in caught.value.message
    assert "source.json" in caught.value.message
    assert caught.value.hint
    assert not (tmp_path / "calendar").exists()


def test_malformed_json_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "calendar").mkdir()
    (tmp_path / "calendar" / "2031.json").write_text('{"year": 2031,\n"days": [}', encoding="utf-8")
    with pytest.raises(CatalogError, match=r"calendar/2031.json, line 2"):
        load_calendar([tmp_path])


def test_two_files_of_one_year_are_refused(tmp_path: Path) -> None:
    year_file(tmp_path / "calendar", 2031)
    year_file(tmp_path / "calendar", 2031, name="again.json")
    with pytest.raises(CatalogError, match="already described"):
        load_calendar([tmp_path])


def test_a_calendar_of_its_own_needs_no_files() -> None:
    calendar = WorkingCalendar({date(2031, 1, 1): False}, frozenset({2031, 2032}))
    assert calendar.years == (2031, 2032)
    assert calendar.next_working_day(date(2030, 12, 31)) == date(2031, 1, 2)


@pytest.mark.real
def test_published_years_agree_with_the_package_on_every_day(tmp_path: Path) -> None:
    if not HOLIDAYS.is_dir():
        pytest.skip("left out: DISTRICTLAKE_SHARED_DATA has no reference/holidays")
    for path in HOLIDAYS.glob("20*.json"):
        if path.stem == "2027":
            with pytest.raises(CatalogError, match="nothing was imported"):
                import_year(path, tmp_path / "calendar")
        else:
            import_year(path, tmp_path / "calendar")
    package, imported = load_calendar([]), load_calendar([tmp_path])
    assert not imported.covers(2027)
    day = date(2007, 1, 1)
    while day < date(2027, 1, 1):
        assert imported.is_working_day(day) == package.is_working_day(day), day
        day += timedelta(1)

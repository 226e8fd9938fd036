"""Working days of the State Council: weekdays, public holidays, make-up days (调休).

Two sources: the package chinesecalendar, and files in ``calendar/`` of a catalogue folder (JSON as the project holiday-cn
publishes it, or the same keys in YAML), which win. A year nobody described is *not covered*: its days are counted Monday
to Friday for the time being and whatever is computed from them says so.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from districtlake.errors import CatalogError
from districtlake.policy.pack_file import read_model, shown

STATUTORY_HOLIDAYS = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))
"""Fixed days of 《全国年节及纪念日放假办法》. A file without them is a fragment, not a year."""

YEAR_END = (12, 28)
"""From here on the *next* year's arrangement can still move days: 2018-12-29 became a make-up day, 2018-12-31 a holiday, by the
arrangement for 2019 (likewise 2006, 2007 and 2011; never earlier than 29 December)."""


EARLIER = "earlier"
"""Folder of the files that imports replaced."""


class _Day(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str = ""
    date: date
    isOffDay: bool  # holiday-cn's spelling


class YearFile(BaseModel):
    """One year's arrangement in holiday-cn's format. No days at all = not published yet."""

    model_config = ConfigDict(frozen=True)

    year: int
    papers: tuple[str, ...] = ()
    days: tuple[_Day, ...]

    @field_validator("year")
    @classmethod
    def _plausible(cls, value: int) -> int:
        if not 1999 <= value <= 2200:
            raise ValueError(f"{value} is no year of a holiday arrangement; write the four digits of the year")
        return value

    @model_validator(mode="after")
    def _whole(self) -> YearFile:
        for day in self.days:
            if day.date.year != self.year and day.date not in _turn_of(self.year):
                raise ValueError(f"{day.date} does not belong to {self.year}; each file describes one year")
        stated = [day.date for day in self.days]
        twice = next((day for day in stated if stated.count(day) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} is listed twice; keep one line")
        off = {day.date for day in self.days if day.isOffDay}
        missing = [str(date(self.year, *day)) for day in STATUTORY_HOLIDAYS if date(self.year, *day) not in off]
        if self.days and missing:
            raise ValueError(f"{missing[0]} is a statutory holiday but not listed as off; import the whole year's arrangement")
        return self


def _turn_of(year: int) -> set[date]:
    """The days of the neighbouring years that a year's arrangement may name."""
    return {date(year, 1, 1) - timedelta(n) for n in range(1, 8)} | {date(year, 12, 31) + timedelta(n) for n in range(1, 8)}


class WorkingCalendar:
    """Immutable. ``exceptions``: day -> True for a make-up working day, False for a holiday; all other days go by their weekday."""

    def __init__(self, exceptions: Mapping[date, bool], years: Sequence[int] | frozenset[int]) -> None:
        self._exceptions = dict(exceptions)
        self._years = frozenset(years)

    @property
    def years(self) -> tuple[int, ...]:
        return tuple(sorted(self._years))

    def covers(self, year: int) -> bool:
        """Whether the State Council's arrangement for this year is known."""
        return year in self._years

    def open_years(self, day: date) -> tuple[int, ...]:
        """The years whose missing arrangement could still change this day; () when it is settled."""
        doubtful = [day.year, day.year + 1] if (day.month, day.day) >= YEAR_END else [day.year]
        if day in self._exceptions and self._exceptions[day] is not (day.weekday() < 5):
            return ()  # somebody published this very day
        return tuple(year for year in doubtful if year not in self._years)

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday but for holidays and make-up days; ask ``open_years`` whether that is final."""
        return self._exceptions.get(day, day.weekday() < 5)

    def next_working_day(self, day: date) -> date:
        """The first working day after ``day``."""
        day += timedelta(1)
        while not self.is_working_day(day):
            day += timedelta(1)
        return day


def load_calendar(catalog_dirs: Sequence[Path]) -> WorkingCalendar:
    """The package's years, overlaid by the files of each ``<catalogue folder>/calendar``; a later folder's file for a year wins.

    Raises:
        CatalogError: a file is wrong; names file and key.
    """
    files: dict[int, YearFile] = {}
    for folder in catalog_dirs:
        here: dict[int, Path] = {}
        for path in sorted((Path(folder) / "calendar").glob("*")):
            if path.suffix not in (".json", ".yaml"):
                continue
            year = read_model(path, YearFile)
            if year.year in here:
                raise CatalogError(
                    f"{shown(path)}, year: {year.year} is already described by {shown(here[year.year])}.", hint="Keep one of the two files."
                )
            here[year.year] = path
            files[year.year] = year
    exceptions, years = _from_package()
    for number in sorted(files):
        if not files[number].days:
            continue  # empty means not covered, never "no holidays"
        years.add(number)
        # The file describes its year whole, but the turn of the year belongs to the next arrangement as well: keep what is known of it.
        for day in [day for day in exceptions if day.year == number and (day.month, day.day) < YEAR_END]:
            del exceptions[day]
        exceptions.update({day.date: not day.isOffDay for day in files[number].days})
    return WorkingCalendar(exceptions, frozenset(years))


def _from_package() -> tuple[dict[date, bool], set[int]]:
    from chinese_calendar import constants

    exceptions: dict[date, bool] = dict.fromkeys(constants.holidays, False)
    exceptions.update(dict.fromkeys(constants.workdays, True))
    return exceptions, {day.year for day in constants.holidays}


def import_year(source: Path, calendar_dir: Path) -> Path:
    """Check a year's arrangement in holiday-cn's format and put it into a catalogue's ``calendar`` folder as ``<year>.json``.

    Importing the same file again changes nothing. Recompute provisional deadlines afterwards
    (``districtlake.tickets.queries.recompute_provisional``). The file it replaces is kept in ``earlier/<year>/`` (``revert_year``).

    Raises:
        CatalogError: the file is wrong, a fragment, or empty (then the arrangement is not published and nothing is imported).
    """
    year = read_year(source)
    if not year.days:
        raise CatalogError(
            f"{shown(Path(source))}, days: {year.year} lists no days; nothing was imported.",
            hint="The State Council publishes a year's arrangement in the autumn before; import the file when it has days.",
        )
    content = {
        "year": year.year,
        "papers": list(year.papers),
        "days": [
            {"name": day.name, "date": day.date.isoformat(), "isOffDay": day.isOffDay} for day in sorted(year.days, key=lambda d: d.date)
        ],
    }
    calendar_dir.mkdir(parents=True, exist_ok=True)
    other = calendar_dir / f"{year.year}.yaml"
    if other.exists():
        raise CatalogError(f"{shown(other)} already describes {year.year}.", hint="Delete it, then import again.")
    target = calendar_dir / f"{year.year}.json"
    handle, temporary = tempfile.mkstemp(dir=calendar_dir, prefix=".importing-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            file.write("\n")
        os.chmod(temporary, 0o644)
        if target.exists() and target.read_bytes() != Path(temporary).read_bytes():
            kept = calendar_dir / EARLIER / str(year.year)
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, kept / f"{len(list(kept.iterdir())) + 1}.json")  # a copy: the year is never without its file
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def read_year(source: Path) -> YearFile:
    """A year's arrangement from its file. Raises ``CatalogError`` naming file and key."""
    return read_model(Path(source), YearFile)


def revert_year(year: int, calendar_dir: Path) -> Path | None:
    """Take back the last import of a year: the file it replaced stands again; without one the year is as it was before any import.

    Returns:
        The file that stands now, None when there is none any more.

    Raises:
        CatalogError: no file of that year was imported here.
    """
    target = calendar_dir / f"{year}.json"
    if not target.exists():
        raise CatalogError(f"{shown(target)} is not there: {year} was not imported.", hint="See: districtlake calendar list.")
    kept = sorted((calendar_dir / EARLIER / str(year)).glob("*.json"), key=lambda path: int(path.stem))
    if kept:
        os.replace(kept[-1], target)
        return target
    target.unlink()
    return None


def changes_of(calendar: WorkingCalendar, year: YearFile) -> dict[date, bool]:
    """Days that the arrangement makes another kind of day than the calendar has them: day -> whether it is a working day then."""
    stated = {day.date: not day.isOffDay for day in year.days}
    whole = {date(year.year, 1, 1) + timedelta(n) for n in range(366)}
    days = sorted(stated.keys() | {day for day in whole if day.year == year.year and (day.month, day.day) < YEAR_END})
    after = {day: stated.get(day, day.weekday() < 5) for day in days}
    return {day: working for day, working in after.items() if working != calendar.is_working_day(day)}

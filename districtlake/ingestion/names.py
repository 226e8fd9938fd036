"""Names of delivered files: which are nobody's data, which date they carry, how they are ordered. (Globs: ``catalog.globs``.)"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from pathlib import PurePosixPath

_JUNK = re.compile(
    r"\..*|~.*|.*~|.*\.(part|partial|tmp|temp|crdownload|download|swp|swx|swo|filepart|lock)|thumbs\.db|desktop\.ini|ehthumbs\.db|\$recycle\.bin",
    re.IGNORECASE,
)
_DATES = (
    re.compile(r"(?<!\d)((?:19|20)\d\d)[-_./年](\d{1,2})[-_./月](\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?:(?=\d{4}(?:\d\d)?(?!\d))|(?!\d))"),  # a time of day may follow
)
NaturalKey = tuple[tuple[int, int, str], ...]


def normal(text: str) -> str:
    """Composed and without case: macOS delivers decomposed names, Windows any case."""
    return unicodedata.normalize("NFC", text).casefold()


def is_junk(path: str) -> bool:
    """Half-written, temporary and system files: no part of a delivery, passed over without a word."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return not parts or bool(_JUNK.fullmatch(parts[-1])) or any(part == "__MACOSX" or part.startswith(".") for part in parts[:-1])


def date_in(text: str) -> date | None:
    """The first YYYY-MM-DD (also with . / _ 年月) or YYYYMMDD in a text that is a day of the calendar."""
    found = sorted((match for pattern in _DATES for match in pattern.finditer(text)), key=lambda match: match.start())
    return next((day for match in found if (day := _day(*match.groups())) is not None), None)


def date_by(period: str, text: str) -> date | None:
    """The date a ``source.period`` regex finds: groups year, month?, day?; what is not given is the first."""
    match = re.search(period, unicodedata.normalize("NFC", text), re.IGNORECASE)
    if match is None:
        return None
    groups = match.groupdict()
    year = groups.get("year")
    if year is not None and len(year) == 2:
        year = f"20{year}"
    return _day(year, groups.get("month") or "1", groups.get("day") or "1") if year else None


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def natural_key(text: str) -> NaturalKey:
    """Sorts 2.csv before 10.csv."""
    parts = re.split(r"([0-9]+)", normal(text))
    return tuple((0, int(part), part) if at % 2 else (1, 0, part) for at, part in enumerate(parts) if part)

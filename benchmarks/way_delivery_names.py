"""What the sides of the way's benchmark agree on. Nothing heavy is imported: the process that measures must stay small."""

from __future__ import annotations

from datetime import date, timedelta

AGENCY, RESOURCE = "human_resources_bureau", "way_benchmark"
DAYS = (date(2026, 3, 2), date(2026, 3, 3))
SHEET = "参保记录"
CHECKED_ON = date(2026, 3, 6)
"""The fixed clock's day of both runs."""


def effective(day: date) -> str:
    """The moment the data of ``day`` is valid from, in UTC: its start in Shanghai."""
    return f"{day - timedelta(days=1)}T16:00:00+00:00"

"""Which delivery comes on which day of the district's life, and the one source of chance.

Days are counted from 1. Every stream of chance is named by seed, day and purpose, so a day can be lived again alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random


@dataclass(frozen=True)
class Day:
    """Day ``index`` (from 1) of the district ``seed``, whose first day was ``first_day``; ``size`` persons on day 1."""

    seed: int
    size: int
    first_day: date
    index: int

    @property
    def today(self) -> date:
        return self.first_day + timedelta(days=self.index - 1)

    def chance(self, purpose: str) -> Random:
        return Random(f"{self.seed}/{self.index}/{purpose}")

    def before(self, rng: Random, least: int, most: int) -> date:
        """A date between ``least`` and ``most`` days before this day, never before 1940."""
        return max(date(1940, 1, 1), self.today - timedelta(days=rng.randint(least, most)))

    def count(self, share: float, least: int) -> int:
        """A share of the district's size, at least ``least``."""
        return max(least, round(self.size * share))

    # Day 1 delivers everything. Snapshots of the slow resources come every third day, low-income corrections the day before.
    @property
    def slow_snapshot(self) -> bool:
        return self.index % 3 == 1

    @property
    def low_income_correction(self) -> bool:
        return self.index % 3 == 0

    def comes(self, every: int, offset: int = 0) -> bool:
        """Whether a slow delivery comes today: on day 1, then whenever the day's number leaves ``offset`` over from ``every``.

        The demonstration's calendar is compressed so that a few days show every cycle: a monthly resource comes every third day,
        a weekly one every fourth, the half-yearly one every fifth, the yearly one every seventh.
        """
        return self.index == 1 or self.index % every == offset

    @property
    def insured_correction(self) -> bool:
        """The day before a snapshot of the insured residents, which come on day 1, 2, 5, 8, …"""
        return self.index > 1 and self.index % 3 == 1

    @property
    def population_correction(self) -> bool:
        return self.index % 5 == 3

    @property
    def spoils_keys(self) -> bool:
        """Unreadable keys are seeded only now and all healed by the next population correction, so that some days have none."""
        return self.index % 5 == 1

    @property
    def renamed_header(self) -> bool:
        return self.index % 7 == 2

    @property
    def unknown_column(self) -> bool:
        return self.index % 7 == 3


def style(rng: Random) -> int:
    """The hand a row is written in."""
    return rng.getrandbits(48)

"""One clock for the whole system, injected everywhere, so that a night can be replayed and a year simulated.

Instants are stored in UTC; what the law counts are days in Asia/Shanghai.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, time-zone aware, UTC, whole microseconds."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """Always the same instant: tests, replays, and ``DISTRICTLAKE_CLOCK``."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant.astimezone(UTC)


def local_date(instant: datetime) -> date:
    """The Asia/Shanghai calendar day of an instant."""
    return instant.astimezone(SHANGHAI).date()


def clock_from_environment() -> Clock:
    """``DISTRICTLAKE_CLOCK`` (ISO 8601, Shanghai time when no offset is given) fixes the clock; otherwise the system's."""
    text = os.environ.get("DISTRICTLAKE_CLOCK")
    if not text:
        return SystemClock()
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=SHANGHAI)
    return FixedClock(instant.astimezone(UTC))

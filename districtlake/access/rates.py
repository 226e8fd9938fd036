"""How often a name may try: counted in the operational store, so that all processes of the portal share one count.

A sliding window of two counters: the one of the window before counts by the part of it that still lies within ``seconds``. Names are
kept hashed, two windows long.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from districtlake.clock import Clock
from districtlake.errors import DistrictLakeError
from districtlake.store.access_tables import RateCount
from districtlake.store.engine import Store


class TooManyRequests(DistrictLakeError):
    """A name has used up its share."""

    code = "access.rate"
    retryable = True


@dataclass(frozen=True)
class Rate:
    """At most ``most`` events in ``seconds`` for each name, whichever process counts them.

    Attributes:
        kind: what is counted ("sign-in"); the same name of another kind is another.
    """

    store: Store
    clock: Clock
    kind: str
    most: int
    seconds: int = 60

    def take(self, name: str) -> None:
        """Count one. What is refused is not counted, so who waits gets through.

        Raises:
            TooManyRequests: says after how many seconds to try again.
        """
        now = self.clock.now()
        window, into = divmod(now.timestamp(), self.seconds)
        key, present = hashlib.sha256(f"{self.kind}:{name}".encode()).hexdigest()[:32], int(window)
        with self.store.session(read_only=True) as session:
            query = select(RateCount.window, RateCount.count).where(RateCount.name == key, RateCount.window.in_((present - 1, present)))
            counted = {row[0]: row[1] for row in session.execute(query)}
        before, here = counted.get(present - 1, 0), counted.get(present, 0)
        kept = before * (1 - into / self.seconds)
        if here + kept + 1 > self.most:
            raise self._refused(before, here, into)
        if self._one_more(key, present, now) + kept > self.most:  # others were counted in between
            raise self._refused(before, self.most, into)

    def _one_more(self, key: str, window: int, now: datetime) -> int:
        insert: Any = postgresql.insert if self.store.dialect == "postgresql" else sqlite.insert
        expires = datetime.fromtimestamp((window + 2) * self.seconds, UTC)
        statement = insert(RateCount).values(name=key, window=window, count=1, expires_at=expires)
        statement = statement.on_conflict_do_update(index_elements=["name", "window"], set_={"count": RateCount.count + 1})
        with self.store.session() as session:
            count = int(session.execute(statement.returning(RateCount.count)).scalar_one())
            if count == 1:  # a name's first in a window pays for clearing away
                session.execute(delete(RateCount).where(RateCount.expires_at < now))
        return count

    def _refused(self, before: int, here: int, into: float) -> TooManyRequests:
        """With the seconds after which one more fits: within this window, or else within the next, where this one is the one before."""
        if here + 1 <= self.most and before:
            wait = self.seconds * (1 - (self.most - 1 - here) / before) - into
        else:
            wait = self.seconds - into + self.seconds * max(0.0, 1 - (self.most - 1) / max(here, 1))
        return TooManyRequests.of("access.rate", seconds=max(1, math.ceil(wait)))

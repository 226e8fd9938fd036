"""Which join keys must be compared again: those of rows that changed since the versions last compared, and those that a passing day moves.

What is saved is the joining and judging of all other keys, and the writing of leads that stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from districtlake.catalog.comparisons import Side
from districtlake.comparison.statement import KEYS, Pairing, table
from districtlake.marts.carriers import Carrier
from districtlake.marts.sources import ABSENT, Inputs

MOST_CHANGED, FEW_KEYS = 0.3, 1000
"""Above this share of the larger side's rows, where they are more than a few, comparing everything is cheaper."""


@dataclass(frozen=True)
class Before:
    """What was compared last: versions of the sources, and the values of variables that day."""

    inputs: Mapping[str, str]
    values: Mapping[str, Any]


class Everything(Exception):
    """Why all keys must be compared."""


def feeds_of(pairing: Pairing, before: Before, inputs: Inputs) -> list[tuple[Side, pl.DataFrame]]:
    """(side, its join items in every row image that changed), from the change feeds.

    Raises:
        Everything: a feed cannot be read, or a table is older than what was compared.
    """
    found: list[tuple[Side, pl.DataFrame]] = []
    for side in pairing.sides:
        then, now = before.inputs.get(side.resource), inputs.version(side.resource)
        if then is None:
            raise Everything(f"{side.resource} was not compared before")
        if then == now:
            continue
        start = 0 if then == ABSENT else int(then) + 1
        if now == ABSENT or int(now) < start:
            raise Everything(f"{side.resource} was made anew")
        items = list(side.join.values())
        try:
            feed = inputs.table(side.resource).load_cdf(
                starting_version=start, ending_version=int(now),
                columns=[*dict.fromkeys(items), "_change_type", "_commit_version", "_commit_timestamp"],
            )  # fmt: skip
            found.append((side, pl.DataFrame(feed.read_all()).select(items).unique()))
        except Exception as error:  # vacuumed, rebuilt, feed switched off: the reader says it in many ways
            raise Everything(f"the change feed of {side.resource} since version {then} cannot be read ({type(error).__name__})") from error
    return found


def collect_keys(carried: Carrier, pairing: Pairing, before: Before, feeds: list[tuple[Side, pl.DataFrame]], rows: int) -> int:
    """Fill the table ``KEYS`` with what must be compared again; returns how many keys there are. The sources are readable already.

    Raises:
        Everything: a condition over both sides depends on the day, or too many keys changed.
    """
    changed = {name for name, value in pairing.values.items() if before.values.get(name) != value}
    moved, both = pairing.moved_by(changed)
    if both:
        raise Everything(f"the day moves a condition over both sides ({both})")
    then = {
        (index, side.resource): sql
        for index, (side, sql) in enumerate(pairing.on({**pairing.values, **before.values}).moved_by(changed)[0])
    }
    selects = []
    for index, (side, frame) in enumerate(feeds):
        carried.frame(f"feed_{index}", frame)
        keys = ", ".join(f"{sql} AS {name}" for name, sql in zip(pairing.keys, pairing.key_sql(side), strict=True))
        selects.append(f'SELECT {keys} FROM "feed_{index}" t')
    for index, (side, now) in enumerate(moved):
        keys = ", ".join(f"{sql} AS {name}" for name, sql in zip(pairing.keys, pairing.key_sql(side), strict=True))
        selects.append(f"SELECT {keys} FROM {table(side.resource)} t WHERE ({now}) IS DISTINCT FROM ({then[index, side.resource]})")
    empty = "SELECT " + ", ".join(f"NULL::VARCHAR AS {name}" for name in pairing.keys)
    known = " AND ".join(f"{name} IS NOT NULL" for name in pairing.keys)
    union = " UNION ALL ".join([empty, *selects])
    count = carried.keep(KEYS, f"SELECT DISTINCT * FROM ({union}) WHERE {known}")
    if count > max(MOST_CHANGED * rows, FEW_KEYS):
        raise Everything(f"{count} keys changed, more than {MOST_CHANGED:.0%} of {rows} rows")
    return count

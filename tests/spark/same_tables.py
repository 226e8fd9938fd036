"""What two engines must agree on: every table of the lake, row by row, and what is said of each delivery."""

from __future__ import annotations

from districtlake.delivery.district import District
from districtlake.delivery.process import Outcome
from tests.running import tables

# a duration, and the number of the operation's own clock
_OF_THE_RUN = {"unfused_seconds", "validated_at"}


def state_of(district: District) -> dict[str, list[dict[str, object]]]:
    """Layer/resource -> its rows, without what only tells of the run."""
    kept = {
        table: [{name: cell for name, cell in row.items() if name not in _OF_THE_RUN} for row in rows]
        for table, rows in tables(district).items()
    }
    return {table: sorted(rows, key=lambda row: repr(sorted(row.items(), key=lambda cell: cell[0]))) for table, rows in kept.items()}


def told(outcomes: list[Outcome]) -> list[tuple[object, ...]]:
    return [(one.file, one.state, one.why, one.counts) for one in outcomes]


def assert_same(left: dict[str, list[dict[str, object]]], right: dict[str, list[dict[str, object]]]) -> None:
    """Names the first table that differs, and how many of its rows."""
    assert left.keys() == right.keys()
    for table, rows in left.items():
        other = right[table]
        assert len(rows) == len(other), f"{table}: {len(rows)} and {len(other)} rows"
        apart = [(mine, theirs) for mine, theirs in zip(rows, other, strict=True) if mine != theirs]
        assert not apart, (
            f"{table}: {len(apart)} of {len(rows)} rows differ, the first: {[k for k in apart[0][0] if apart[0][0][k] != apart[0][1].get(k)]}"
        )

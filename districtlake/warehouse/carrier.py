"""What carries a delivery's whole-table work: the embedded engine (here), or Spark (``districtlake.distributed``).

Both take the same row functions. Only set work (which rows share a key, what matches the warehouse, the merge) has two implementations; the differential
tests of tests/spark hold them equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from districtlake.cleansing.cleanse import Cleansed, cleanse_by_plan
from districtlake.cleansing.plan import CleansingPlan
from districtlake.warehouse.changes import Matched, matched
from districtlake.warehouse.commit import Commits


class Carrier(Protocol):
    """One delivery's work on whole tables.

    Attributes:
        name: "embedded" | "spark".
        page: address of the engine's own page, where it has one.
    """

    name: str
    page: str | None

    def match(self, current: pl.DataFrame, accepted: pl.DataFrame, key: Sequence[str], compared: Sequence[str]) -> Matched:
        """A ``changes.Matcher``."""
        ...

    def cleanse(self, raw: pl.DataFrame, plan: CleansingPlan) -> Cleansed:
        """As ``cleansing.cleanse_by_plan``, row for row."""
        ...

    def rows(self, frame: pl.DataFrame) -> Any:
        """What a ``Validator`` takes in the frame's place."""
        ...

    def commits(self, lake: Path, resource: str, base: Mapping[str, int], operation: int, on_commit: Callable[[str], None]) -> Commits:
        """Who writes the operation's tables, by the rules of ADR 4."""
        ...

    def close(self) -> None:
        """Give back what the delivery held."""
        ...


class Embedded:
    """Polars, deltalake, this process."""

    name = "embedded"
    page: str | None = None

    def match(self, current: pl.DataFrame, accepted: pl.DataFrame, key: Sequence[str], compared: Sequence[str]) -> Matched:
        return matched(current, accepted, key, compared)

    def cleanse(self, raw: pl.DataFrame, plan: CleansingPlan) -> Cleansed:
        return cleanse_by_plan(raw, plan)

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame

    def commits(self, lake: Path, resource: str, base: Mapping[str, int], operation: int, on_commit: Callable[[str], None]) -> Commits:
        return Commits(lake, resource, base, operation, on_commit)

    def close(self) -> None:
        pass


EMBEDDED = Embedded()

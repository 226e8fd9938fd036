"""Every mart of the demonstration district equals an independent computation in plain pandas on the same warehouse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.demo import generate
from districtlake.marts import table
from districtlake.marts.build import build_marts
from districtlake.settings import PROJECT_ROOT, Settings
from tests.mart_oracle import Oracle, given
from tests.running import run_folder

NIGHT = datetime(2026, 3, 4, 2, 0, tzinfo=SHANGHAI)


def plain(value: Any) -> Any:
    if not given(value):
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date | str | bool | Decimal | float):
        return value
    return int(value) if isinstance(value, int) else value.item()


def same(held: Any, expected: Any) -> bool:
    """Equal; a mean may be rounded the other way at its last digit (two digits of amounts, six of degrees)."""
    if isinstance(held, float) and isinstance(expected, float | int):
        return abs(held - expected) <= (0.0101 if abs(held) > 1000 else 2e-6)
    return bool(held == expected)


def by_key(rows: list[dict[str, Any]], key: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    found = {tuple(plain(row[name]) for name in key): row for row in rows}
    assert len(found) == len(rows)
    return found


def assert_equal_to_pandas(district: District) -> None:
    oracle = Oracle(district)
    for name, mart in district.catalog.marts.items():
        held = by_key(table.scan_mart(district.lake, name).collect().to_dicts(), mart.key)
        expected = by_key(oracle.mart(name), mart.key)
        assert set(held) == set(expected), name
        differing = [
            (name, column, plain(row[column]), plain(expected[key][column]))
            for key, row in held.items()
            for column in mart.column_names
            if not same(plain(row[column]), plain(expected[key][column]))
        ]
        assert differing == []


@pytest.mark.parametrize("seed", [20260302, pytest.param(7, marks=pytest.mark.slow), pytest.param(424242, marks=pytest.mark.slow)])
def test_marts_equal_pandas(seed: int, tmp_path: Path) -> None:
    from expectations.validate import validate
    from pipelines.routing import route

    generate(tmp_path / "demo", seed=seed, days=2, first_day=date(2026, 3, 2), size=150)
    state = tmp_path / "state"
    settings = Settings(state=state, inbox=state / "inbox", catalog_dirs=(PROJECT_ROOT / "catalog",), settle_seconds=0, actor="test")
    district = open_district(settings, clock=FixedClock(NIGHT))
    build: Callable[[], list[Any]] = lambda: build_marts(district, validate)  # noqa: E731
    try:
        first, later = _by_day(tmp_path / "demo" / "inbox", tmp_path / "day1", "20260302"), tmp_path / "demo" / "inbox"
        run_folder(district, first)
        route(district)
        assert [one.reason for one in build() if one.outcome != "built"] == []
        assert_equal_to_pandas(district)
        run_folder(district, later)  # the second day: incremental builds must come out the same
        route(district)
        builds = build()
        assert {one.outcome for one in builds} <= {"built", "unchanged", "skipped"}
        assert "incremental" in {one.mode for one in builds}
        assert_equal_to_pandas(district)
        full = [table.scan_mart(district.lake, name).collect().height for name in district.catalog.marts]
        assert sum(height > 0 for height in full) == len(full), "every mart of the demonstration has rows"
    finally:
        district.store.close()


def _by_day(inbox: Path, target: Path, day: str) -> Path:
    """A folder with the deliveries of the first day only."""
    import shutil

    for path in inbox.rglob("*"):
        if path.is_file() and day in str(path):
            copy = target / path.relative_to(inbox)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
    return target

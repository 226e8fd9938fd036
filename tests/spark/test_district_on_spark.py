"""Whole districts carried by Spark leave the tables of the embedded engine: every resource of the demonstration, and generated deliveries of every kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from districtlake.clock import FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.demo import generate
from districtlake.distributed import commits
from districtlake.settings import Settings
from tests.demonstration import MORNING, settings_of
from tests.running import run_folder
from tests.small_district import HEADER, PAYMENTS, Row, day, deliver, open_small, small_settings
from tests.spark.same_tables import assert_same, state_of, told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def both(opened: Callable[[str, dict[str, Any]], District], inbox_of: Callable[[Settings], Path], on_spark: dict[str, object]) -> District:
    """Run the same folder on both engines and compare everything; the embedded district."""
    found = []
    for name, changes in (("embedded", {}), ("spark", on_spark)):
        district = opened(name, dict(changes))
        try:
            _, outcomes = run_folder(district, inbox_of(district.settings))
            assert {one.engine for one in outcomes} == {name}
            assert not [one for one in outcomes if one.state == "failed"], [
                (one.file, one.error) for one in outcomes if one.state == "failed"
            ]
            found.append((state_of(district), told(outcomes)))
        finally:
            district.store.close()
    assert_same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    return district


def test_every_resource_of_the_demonstration_is_equal(tmp_path: Path, on_spark: dict[str, object]) -> None:
    generate(tmp_path / "demo", seed=20260302, days=2, first_day=date(2026, 3, 2), size=120)

    def opened(name: str, changes: dict[str, Any]) -> District:
        return open_district(settings_of(tmp_path / name).model_copy(update=changes), clock=FixedClock(MORNING))

    district = both(opened, lambda _: tmp_path / "demo" / "inbox", on_spark)
    assert len(district.catalog.resources) >= 26


OPERATIONS = {
    PAYMENTS: "source: {files: 'payments*.csv', mode: incremental, operation: {column: 操作, insert: [I, 新增], update: U, delete: D}}",
}


@pytest.mark.parametrize("seed", range(4))
def test_generated_deliveries_of_every_kind_are_equal(
    seed: int, tmp_path: Path, on_spark: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snapshots, corrections, increments with an operation column and a manifest, rows without a key; copies, broken cells, lacking columns."""
    monkeypatch.setattr(commits, "BY_SPARK_ROWS", (0, 200_000)[seed % 2])

    def opened(name: str, changes: dict[str, Any]) -> District:
        folder = tmp_path / name
        settings = small_settings(folder)
        if not seed % 2:
            for resource, source in OPERATIONS.items():
                entry = settings.catalog_dirs[0] / "resources" / f"{resource.replace('.', '/')}.yaml"
                text = entry.read_text(encoding="utf-8")
                begin = text.index("source: ")
                entry.write_text(text[:begin] + source + text[text.index("\n", begin) :], encoding="utf-8")
        district = open_small(folder, **changes)
        write_deliveries(district.settings.inbox, random.Random(seed), operations=not seed % 2)
        return district

    both(opened, lambda settings: settings.inbox, on_spark)


def write_deliveries(inbox: Path, rng: random.Random, *, operations: bool) -> None:
    def rows(count: int) -> list[Row]:
        made: list[Row] = []
        for _ in range(count):
            key = rng.choice(["", "A?", *[f"A{n}" for n in range(30)]]) if rng.random() < 0.9 else f"B{rng.randrange(9)}"
            name = rng.choice(["张", "李四", "", "名称长过八个字的一行", "王"])
            made.append((key, name, rng.choice([1, 50, 500, "四", "", "1,000"]), rng.choice(["x", "", "  y ", None])))
            if rng.random() < 0.2:
                made.append(made[-1])
        return made

    for number in (2, 3, 4):
        deliver(inbox, f"people_{day(number)}.csv", rows(60))
        if number == 3:
            deliver(inbox, f"people_fix_{day(number)}.csv", rows(6))
        deliver(inbox, f"visits_{day(number)}.csv", rows(20))
        if number == 4:  # without 备注: what stands there stays
            deliver(inbox, f"notes_{day(number)}.csv", [row[:3] for row in rows(20)], header="编号,名称,数量", agency="other_bureau")
        else:
            deliver(inbox, f"notes_{day(number)}.csv", rows(25), agency="other_bureau")
        if operations:
            told = [(*row, rng.choice(["I", "新增", "U", "D", "D", "?", ""])) for row in rows(25)]
            deliver(inbox, f"payments_{day(number)}.csv", told, header=f"{HEADER},操作")
        else:
            deliver(inbox, f"payments_{day(number)}.csv", rows(25))

"""The law of comparisons: comparing only what changed, night after night, leaves the leads that comparing everything gives.

Held for every shipped comparison, over tables whose few keys meet, are missing, come and go, while the days pass.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from districtlake.clock import SHANGHAI, FixedClock, local_date
from districtlake.comparison import compare as comparing
from districtlake.delivery.district import District, open_district
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.warehouse.leads import leads_path, read_leads
from tests.property.test_marts_incremental import Table, change

BEGIN = datetime(2025, 12, 30, 4, tzinfo=SHANGHAI)
EVERYTHING = bool(os.environ.get("TEST_ALL"))
EXAMPLES = 30
# Of each way to depend on changes one: several right sides, absence, 'unless', counting, the day on either side and on both.
CHOSEN = (
    None
    if EVERYTHING
    else ("pension_after_death", "licence_without_subject", "death_without_cancellation", "low_income_with_dwellings", "age_against_grade")
)


def standing(district: District) -> set[tuple[object, ...]]:
    """What the open leads say, without when they were seen."""
    columns = ["lead_id", "key", "value", "right_resource", "right_key", "right_value", "match_key", "certainty", "matches"]
    return set(read_leads(district.lake).filter(state="open").select(columns).iter_rows())


def anew(district: District) -> set[tuple[object, ...]]:
    """The same with everything compared, in a lake that has no leads yet."""
    aside = leads_path(district.lake).parent
    kept = aside.rename(aside.with_name("kept"))
    try:
        comparing.compare(district, CHOSEN)
        return standing(district)
    finally:
        for file in sorted(aside.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        aside.rmdir()
        kept.rename(aside)


def live(seeds: list[int], monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], int]:
    """A district over several nights; the modes in which it was compared, and how many leads there were."""
    modes, seen = list[str](), 0
    with TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        district = open_district(
            Settings(state=state, inbox=state / "inbox", catalog_dirs=(PROJECT_ROOT / "catalog",), actor="test"), clock=FixedClock(BEGIN)
        )
        try:
            named = {
                side.resource
                for one in district.catalog.comparisons.values()
                if CHOSEN is None or one.id in CHOSEN
                for _, side in one.sides
            }
            monkeypatch.setattr(comparing, "days_of_data", lambda district: dict.fromkeys(named, date(2025, 12, 1)))
            tables: dict[str, Table] = {resource: {} for resource in sorted(named)}
            start = Random(sum(seeds))
            for resource in tables:
                for _ in range(7):
                    change(district, resource, tables[resource], start)
            comparing.compare(district, CHOSEN)
            moment = BEGIN
            for seed in seeds:
                random = Random(seed)
                moment += timedelta(days=random.randrange(0, 40))
                district = replace(district, clock=FixedClock(moment))
                for resource in random.sample(list(tables), random.randrange(0, 6)):
                    change(district, resource, tables[resource], random)
                done = comparing.compare(district, CHOSEN)
                assert {one.outcome for one in done} <= {"compared", "skipped"}, [(one.pairing, one.reason) for one in done]
                modes += [one.mode for one in done]
                assert standing(district) == anew(district), f"{seeds} on {local_date(moment)}"
                seen += len(standing(district))
        finally:
            district.store.close()
    return modes, seen


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=3))
@example([1, 2, 3])
def test_comparing_what_changed_equals_comparing_everything(seeds: list[int]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        live(seeds, monkeypatch)


def test_they_are_incremental_and_find_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    modes, seen = live([4, 5], monkeypatch)
    assert modes.count("incremental") >= 5
    assert seen > 5

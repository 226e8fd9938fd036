"""A demonstration district that tests read and do not change: generated once, processed once, shared by all of a test run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.demo import generate
from districtlake.marts.build import build_marts
from districtlake.settings import PROJECT_ROOT, Settings
from tests.running import run_folder

MORNING = datetime(2026, 3, 4, 9, 0, tzinfo=SHANGHAI)


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[District]:
    """Two days of the demonstration district, 200 residents, with its marts. Read only: what changes a district makes its own."""
    from expectations.validate import validate  # Great Expectations takes seconds to import

    folder = tmp_path_factory.mktemp("demonstration")
    settings = settings_of(folder / "state")
    generate(settings.state / "demo", seed=20260302, days=2, first_day=date(2026, 3, 2), size=200)
    district = open_district(settings, clock=FixedClock(MORNING))
    run_folder(district, settings.state / "demo" / "inbox")
    build_marts(district, validate)
    yield district
    district.store.close()


def settings_of(state: Path) -> Settings:
    return Settings(state=state, inbox=state / "inbox", catalog_dirs=(PROJECT_ROOT / "catalog",), settle_seconds=0, actor="test")

"""Fixtures of the whole test suite: a district in a temporary folder, the real deliveries where they are, a fixed clock."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.settings import PROJECT_ROOT, Settings
from tests import schedule
from tests.cheaper import cheaper, real_migrations
from tests.demonstration import demonstration

__all__ = ["cheaper", "demonstration", "real_migrations"]

if not hasattr(sys.modules["__main__"], "__file__"):
    # a worker of pytest-xdist; pyspark, which Great Expectations imports where it is installed, takes it for a doctest and ends the process
    sys.modules["__main__"].__file__ = __file__

pytest.register_assert_rewrite("tests.postgres_server", "tests.either_database")  # before any test imports them

NOON = FixedClock(datetime(2026, 3, 6, 12, 0, tzinfo=SHANGHAI))


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("DISTRICTLAKE_") and name != "DISTRICTLAKE_SHARED_DATA"]:
        del os.environ[name]
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"


@pytest.hookimpl(trylast=True)  # after the shuffling
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    schedule.check_groups(items)
    items[:] = schedule.in_order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return schedule.LongestFirst(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real deliveries; tests that need it are left out where it is absent."""
    folder = Path(os.environ.get("DISTRICTLAKE_SHARED_DATA", PROJECT_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("left out: the real deliveries are not here (DISTRICTLAKE_SHARED_DATA)")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A district of its own, with the shipped catalogue."""
    return Settings(
        state=tmp_path / "state",
        inbox=tmp_path / "state" / "inbox",
        catalog_dirs=(PROJECT_ROOT / "catalog",),
        settle_seconds=0,
        actor="test",
        portal_url="http://portal.example",
    )


@pytest.fixture
def open_test_district(settings: Settings) -> Iterator[Callable[..., object]]:
    """Opens the district of ``settings``; closes its store afterwards."""
    from districtlake.delivery.district import open_district

    opened = []

    def open_it(**changes: object):  # type: ignore[no-untyped-def]
        district = open_district(settings.model_copy(update=changes), clock=NOON)
        opened.append(district)
        return district

    yield open_it
    for district in opened:
        district.store.close()

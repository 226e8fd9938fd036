"""Which worker of pytest-xdist runs what, and when: files that share something costly go to one worker, the longest begin first.

A file's tests stay together, for they share what their modules set up. Without this a file of one test that takes a minute begins last, since
xdist begins with the files that have the most tests, and the other worker waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.scheduler.loadfile import LoadFileScheduling

TOGETHER = {
    "tests/browser/test_dictionary_site.py": "the demonstration district",
    "tests/integration/test_dictionary.py": "the demonstration district",
    "tests/integration/test_documented_queries.py": "the demonstration district",
}
"""Files of one session fixture; and all of ``tests/spark`` share one session of Spark."""

LONGEST = (
    "tests/spark",
    "tests/integration/test_engineers_day.py",
    "tests/browser/test_dagster_ui.py",
    "tests/browser/test_portal.py",
    "tests/integration/test_daemon.py",
    "tests/integration/test_broken_ten_ways.py",
    "tests/integration/test_nightly.py",
    "tests/integration/test_dictionary.py",
    "tests/integration/test_marts_night.py",
    "tests/integration/test_portal_attacks.py",
    "tests/integration/test_crash.py",
    "tests/integration/test_ground_truth.py",
    "tests/integration/test_marts_pandas.py",
    "tests/property/test_delivery_laws.py",
    "tests/property/test_cleansing_properties.py",
    "tests/integration/test_operations.py",
    "tests/integration/test_tickets_raise.py",
)
"""Files (or folders) of more than twenty seconds, the longest first. ``make test TESTS='--durations=60 tests'`` tells."""


class LongestFirst(LoadFileScheduling):
    """``--dist loadfile`` with the groups of ``TOGETHER``."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """The group a test belongs to; by itself its file."""
    file = nodeid.partition("::")[0]
    return "Spark" if file.startswith("tests/spark/") else TOGETHER.get(file, file)


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The longest groups first, otherwise as they come (in random order, module by module)."""
    ranks = {group_of(f"{one}/" if one == "tests/spark" else one): rank for rank, one in enumerate(LONGEST)}
    return sorted(items, key=lambda item: ranks.get(group_of(item.nodeid), len(ranks)))


def check_groups(items: Sequence[pytest.Item]) -> None:
    """Raises ``UsageError`` where a file takes the demonstration district and is not in its group: it would be made twice."""
    for item in items:
        shared = "demonstration" in getattr(item, "fixturenames", ())
        if shared and group_of(item.nodeid) not in ("the demonstration district", "Spark"):
            raise pytest.UsageError(f"{item.nodeid} takes the fixture demonstration: add its file to TOGETHER in tests/schedule.py")

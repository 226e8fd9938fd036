"""A process killed in the middle of a revalidation: the next one ends with every table and record as if nothing had happened."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from districtlake.clock import FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.delivery.process import Engine, Hooks
from districtlake.delivery.rule_record import outdated
from districtlake.settings import PROJECT_ROOT
from tests import crash_child
from tests.plain_validator import validate
from tests.running import tables
from tests.small_district import NOON, PAYMENTS, Row, day, deliver, environment, records, small_settings, write_catalog

pytestmark = pytest.mark.crash

FIRST: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 60, None), ("A3", "丙", 150, None), ("A4", "丁丁", 4, None)]
SECOND: list[Row] = [("A3", "丙", 160, None), ("A1", "甲", 120, None)]
# one row released, one taken into quarantine, one that stays out
CHANGES = (("max: 100", "max: 130"), ("title: 名称应简短}", "title: 名称应简短, on_failure: quarantine}"), ("max_value: 8", "max_value: 1"))


def opened(folder: Path) -> District:
    return open_district(small_settings(folder), clock=FixedClock(NOON))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any], list[str]]:
    """The state with a changed catalogue; tables and records as an undisturbed revalidation leaves them; its commits in order."""
    home = tmp_path_factory.mktemp("changed")
    write_catalog(home / "catalog")
    with (district := opened(home)).store:
        for number, rows in enumerate((FIRST, SECOND), 1):
            deliver(district.settings.inbox, f"payments_{day(number)}.csv", rows)
            crash_child.act(district, "night", Engine(validator=validate))
    entry = home / "catalog" / "resources" / f"{PAYMENTS.replace('.', '/')}.yaml"
    text = entry.read_text(encoding="utf-8")
    for old, new in CHANGES:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    entry.write_text(text, encoding="utf-8")
    undisturbed = tmp_path_factory.mktemp("undisturbed") / "district"
    shutil.copytree(home, undisturbed)
    commits: list[str] = []
    with (district := opened(undisturbed)).store:
        before = tables(district)
        crash_child.act(district, "revalidate", Engine(validator=validate, hooks=Hooks(committed=commits.append)))
        after, kept = tables(district), records(district)
        assert before != after
        assert outdated(district) == {}
    return home, after, kept, commits


@pytest.mark.parametrize(
    "point",
    [
        "after:problems",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("prepared", "after:quarantine", "after:history", "after:warehouse", "after:ledger", "ticketed")),
    ],
)  # fmt: skip
def test_killed_in_a_revalidation_and_run_again(
    point: str, changed: tuple[Path, dict[str, Any], dict[str, Any], list[str]], tmp_path: Path
) -> None:
    home, after, kept, commits = changed
    folder = tmp_path / "district"
    shutil.copytree(home, folder)
    kind, _, layer = point.partition(":")
    where = f"commit:{commits.index(layer) + 1}" if kind == "after" else point
    command = [sys.executable, "-m", "tests.crash_child", "revalidate", where]
    variables = environment(small_settings(folder))
    done = subprocess.run(command, env=variables, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == -9, f"{point} was never reached: {done.stderr[-2000:]}"
    with (district := opened(folder)).store:
        crash_child.act(district, "revalidate", Engine(validator=validate))
        assert outdated(district) == {}
        found = tables(district)
        assert found.keys() == after.keys()
        for name, rows in after.items():
            assert _comparable(found[name]) == _comparable(rows), name
        left, right = _without_numbers(records(district)), _without_numbers(kept)
        for table, rows in right.items():
            differing = [(a, b) for one, other in zip(left[table], rows, strict=True) for a, b in zip(one, other, strict=True) if a != b]
            assert differing == [], table


def _comparable(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Without the number of the operation: the second attempt has one of its own."""
    return [{name: value for name, value in row.items() if name != "revalidation"} for row in rows]


def _without_numbers(found: Mapping[str, Any]) -> dict[str, Any]:
    """Tickets and packages by what they are about; the id of a ticket of a revalidation comes of the operation, that of its package of the tickets."""
    return {
        table: sorted(([(name, value) for name, value in sorted(row.items()) if name not in ("id", "package")] for row in rows), key=repr)
        for table, rows in found.items()
    }  # fmt: skip

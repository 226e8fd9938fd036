"""Against the generator's own truth: every seeded fault of a declared rule is found at its row, and no clean row is accused."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.comparison.compare import compare
from districtlake.delivery.process import Outcome
from districtlake.demo import RESOURCES, generate, read_ground_truth, read_leads
from districtlake.warehouse.commit import read
from districtlake.warehouse.leads import read_leads as read_stored_leads
from tests.comparisons import leads_in
from tests.running import engine, run_folder

SHIPPED_SEED = 20260302
FIRST = date(2026, 3, 2)
# Other seeds every time; the seed is the test's id, so the processes of one run must choose the same.
CHANCE = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID") or random.SystemRandom().random())
CHOSEN = [CHANCE.randrange(1, 2**31) for _ in range(4)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("seed", "size", "days"),
    [
        (SHIPPED_SEED, 300, 3),
        pytest.param(SHIPPED_SEED, 300, 5, marks=pytest.mark.slow),
        pytest.param(CHOSEN[0], 100, 3, marks=pytest.mark.slow),
        *(pytest.param(seed, 400, 5, marks=pytest.mark.slow) for seed in CHOSEN[1:]),
    ],
)
def test_every_seeded_fault_is_found_and_no_clean_row_accused(
    seed: int, size: int, days: int, tmp_path: Path, open_test_district: Callable[..., Any]
) -> None:
    """All resources: the faults row by row, then the leads over the warehouse as it stands after the last day."""
    generated = generate(tmp_path / "demo", seed=seed, days=days, first_day=FIRST, size=size)
    district = open_test_district()
    accused: dict[str, set[tuple[int, str]]] = {}
    duplicates: dict[str, int] = {}
    stopped: dict[str, set[int]] = {}

    def look(outcome: Outcome) -> None:
        assert outcome.state == "done", f"{outcome.file}: {outcome.why}"
        quarantine = read(district.lake, "quarantine", outcome.resource).filter(pl.col("_delivery") == outcome.delivery)
        pairs = set(quarantine.select("_row", "rules").explode("rules").iter_rows())
        register = read(district.lake, "problems", outcome.resource)
        seen = register.filter((pl.col("last_delivery") == outcome.delivery) & (pl.col("state") == "open"))
        accused[outcome.file] = pairs | set(seen.select("row", "rule").iter_rows())
        duplicates[outcome.file] = outcome.counts["duplicates"]
        stopped[outcome.file] = set(quarantine["_row"])

    received, outcomes = run_folder(district, tmp_path / "demo" / "inbox", engine(outcome=look))
    assert not received.notices
    assert len(outcomes) == len(generated.files)

    truth: dict[str, set[tuple[int, str]]] = defaultdict(set)
    to_stop: dict[str, set[int]] = defaultdict(set)
    copies: dict[str, int] = defaultdict(int)
    for line in read_ground_truth(tmp_path / "demo"):
        name = Path(line.file).name
        if line.rule is not None:
            truth[name].add((line.row, line.rule))
            if line.fate == "quarantine":
                to_stop[name].add(line.row)
        elif line.fate == "duplicate":
            copies[name] += 1
    assert truth, "the generator seeded nothing"
    missed = {name: sorted(truth[name] - accused[name]) for name in accused if truth[name] - accused[name]}
    wrong = {name: sorted(accused[name] - truth[name]) for name in accused if accused[name] - truth[name]}
    assert (missed, wrong) == ({}, {}), f"seed {seed}; missed {missed}; accused though clean {wrong}"
    assert stopped == {name: to_stop[name] for name in stopped}, "fates: what is quarantined, and what only reported"
    assert duplicates == {name: copies[name] for name in duplicates}
    last = FIRST + timedelta(days=days - 1)
    told = {
        (lead.rule, lead.left.split(".")[1], tuple(map(_coded, lead.left_key.values())), tuple(lead.right_key.values()))
        for lead in read_leads(tmp_path / "demo")
        if lead.day == f"{last}"
    }
    assert leads_in(lambda resource: read(district.lake, "warehouse", resource), RESOURCES, last) == told
    at_the_end = replace(district, clock=FixedClock(datetime.combine(last, datetime.max.time(), SHANGHAI)))
    done = compare(at_the_end)
    assert {one.outcome for one in done} == {"compared"}, [one for one in done if one.outcome != "compared"]
    assert _found(read_stored_leads(district.lake)) == told, f"seed {seed}"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [SHIPPED_SEED, CHOSEN[3]])
def test_the_leads_of_every_day_are_found_that_day(seed: int, tmp_path: Path, open_test_district: Callable[..., Any]) -> None:
    """Delivered and compared day by day, incrementally: the truth, a reading of the warehouse by hand, and the leads that stand are one."""
    district = open_test_district()
    for days in range(1, 6):
        day = FIRST + timedelta(days=days - 1)
        generate(tmp_path / "demo", seed=seed, days=days, first_day=FIRST, size=400)
        today = replace(district, clock=FixedClock(datetime.combine(day, datetime.max.time(), SHANGHAI)))
        run_folder(today, tmp_path / "demo" / "inbox", engine())
        assert {one.outcome for one in compare(today)} <= {"compared", "skipped"}
        told = {
            (lead.rule, lead.left.split(".")[1], tuple(map(_coded, lead.left_key.values())), tuple(lead.right_key.values()))
            for lead in read_leads(tmp_path / "demo")
            if lead.day == f"{day}"
        }
        assert leads_in(lambda resource: read(district.lake, "warehouse", resource), RESOURCES, day) == told, f"seed {seed}, day {days}"
        assert _found(read_stored_leads(district.lake)) == told, f"seed {seed}, day {days}"


def _found(leads: pl.DataFrame) -> set[tuple[Any, ...]]:
    """The open leads as the truth names them."""
    return {
        (
            row["code"],
            row["resource"].split(".")[1],
            tuple(row["key"].split("|")),
            tuple(row["right_key"].split("|")) if row["right_key"] else (),
        )
        for row in leads.filter(pl.col("state") == "open").iter_rows(named=True)
    }


def _coded(key: str) -> str:
    """A part of a key as the warehouse has it: codes for labels."""
    return {"企业职工基本养老保险": "1", "失业保险": "2", "工伤保险": "3"}.get(key, key)

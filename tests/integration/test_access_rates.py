"""Counts of attempts: shared by all processes, sliding, on both databases, and forgotten."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from districtlake.access.rates import Rate, TooManyRequests
from districtlake.clock import FixedClock
from districtlake.store.access_tables import RateCount
from districtlake.store.engine import Store, open_store

pytest_plugins = ["tests.postgres_server"]
START = datetime(2026, 3, 6, 4, 0, tzinfo=UTC)


def at(rate: Rate, seconds: float) -> Rate:
    return replace(rate, clock=FixedClock(START + timedelta(seconds=seconds)))


def taken(rate: Rate, times: int, name: str = "192.0.2.1") -> int:
    done = 0
    for _ in range(times):
        try:
            rate.take(name)
        except TooManyRequests:
            continue
        done += 1
    return done


def test_a_name_has_its_share_and_another_has_its_own(store: Store) -> None:
    rate = Rate(store, FixedClock(START), "sign-in", 5)
    assert taken(rate, 9) == 5
    assert taken(rate, 9, "192.0.2.2") == 5
    assert taken(replace(rate, kind="guess"), 9) == 5


def test_two_processes_share_one_count(store_url: str) -> None:
    with open_store(store_url) as one, open_store(store_url) as two:
        first, second = (Rate(store, FixedClock(START), "sign-in", 10) for store in (one, two))
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda number: taken((first, second)[number % 2], 5), range(8)))
        assert sum(done) == 10


@pytest.mark.parametrize(("first", "asked"), [(0, 0), (0, 59), (40, 45), (59, 61), (30, 70), (59, 110)])
def test_whoever_waits_as_long_as_told_gets_through_and_no_minute_has_more_than_its_share(store: Store, first: float, asked: float) -> None:
    rate = Rate(store, FixedClock(START), "sign-in", 4)
    assert taken(at(rate, first), 4) == 4
    taken(at(rate, asked), 5)
    with pytest.raises(TooManyRequests) as caught:
        at(rate, asked).take("192.0.2.1")
    told = re.search(r"(\d+)秒", caught.value.hint)
    assert told
    assert taken(at(rate, asked + int(told.group(1))), 1) == 1


def test_what_is_over_leaves_no_row_and_no_row_names_anybody(store: Store) -> None:
    rate = Rate(store, FixedClock(START), "sign-in", 100)
    for number in range(20):
        at(rate, number).take(f"192.0.2.{number}")
    at(rate, 500).take("198.51.100.1")
    with store.session(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(RateCount)) == 1
        assert "198.51" not in str(session.execute(select(RateCount.name)).all())

"""Which deliveries count as updates, asked from SQLite and PostgreSQL: two ways of asking, one answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from districtlake.store.engine import Store, open_store
from districtlake.store.tables import Delivery
from districtlake.supervision.updates import Latest, Update, latest_updates, updates_until

pytest_plugins = ["tests.postgres_server"]
RESOURCE = "registry_bureau.people"
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def delivery(number: int, **changes: Any) -> Delivery:
    """A snapshot of day ``number`` of March, received that day and taken."""
    day = changes.pop("data_date", date(2026, 3, number))
    values = {
        "id": f"d{number}", "agency": "registry_bureau", "resource": RESOURCE, "mode": "snapshot", "file_name": f"people_{number}.csv",
        "source_path": f"people_{number}.csv", "sha256": f"{number:064d}", "bytes": 1, "data_date": day, "received_by": "test",
        "order_key": f"{day} 0 people_{number:03d}", "received_at": START + timedelta(number - 2), "state": "done",
        "counts": {"delivered": 3},
    }  # fmt: skip
    return Delivery(**{**values, **changes})


def latest(store: Store, *deliveries: Delivery) -> Latest:
    with store.session() as session:
        for row in deliveries:  # a duplicate refers to what came before it
            session.add(row)
            session.flush()
    with store.session(read_only=True) as session:
        found = latest_updates(session).get(RESOURCE, Latest())
        everything = updates_until(session, datetime(2027, 1, 1, tzinfo=UTC)).get(RESOURCE, [])
    assert (everything[-1] if everything else None) == found.update
    return found


def test_a_taken_delivery_counts_from_its_receipt_with_the_day_it_speaks_of(store: Store) -> None:
    found = latest(store, delivery(2), delivery(3, received_at=START + timedelta(20)))
    assert found == Latest(Update("d3", date(2026, 3, 3), START + timedelta(20)), date(2026, 3, 3))


@pytest.mark.parametrize("state", ["held", "withdrawn", "superseded"])
def test_what_is_not_in_the_warehouse_updates_nothing(store: Store, state: str) -> None:
    assert latest(store, delivery(2), delivery(3, state=state)) == Latest(Update("d2", date(2026, 3, 2), START), date(2026, 3, 2))


def test_a_correction_is_no_update(store: Store) -> None:
    found = latest(store, delivery(2), delivery(3, mode="correction"), delivery(4, mode="correction", state="pending"))
    assert found.update is not None
    assert (found.update.delivery, found.waiting) == ("d2", None)


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_what_waits_for_us_is_told_apart(store: Store, state: str) -> None:
    found = latest(store, delivery(2), delivery(3, state=state))
    assert found.update is not None
    assert found.waiting is not None
    assert (found.update.delivery, found.waiting.delivery) == ("d2", "d3")


def test_nothing_changed_today_is_an_update(store: Store) -> None:
    found = latest(store, delivery(2), delivery(3, state="duplicate", duplicate_of="d2"), delivery(4, state="duplicate", duplicate_of="d2"))
    assert found == Latest(Update("d4", date(2026, 3, 4), START + timedelta(2)), date(2026, 3, 4))


@pytest.mark.parametrize(
    "changes",
    [
        {"data_date": None},  # a copy that does not say which day it speaks of
        {"data_date": date(2026, 3, 2)},  # the same file once more, under another name
        {"data_date": date(2026, 3, 1)},
        {"mode": "correction"},
        {"mode": "incremental"},  # what is new today cannot be what was new yesterday
    ],
)
def test_a_copy_is_no_update(store: Store, changes: dict[str, Any]) -> None:
    found = latest(store, delivery(2), delivery(3, state="duplicate", duplicate_of="d2", **changes))
    assert found.update is not None
    assert found.update.delivery == "d2"


def test_a_repeat_of_what_was_not_taken_is_no_update(store: Store) -> None:
    found = latest(store, delivery(2, state="held"), delivery(3, state="duplicate", duplicate_of="d2"))
    assert found == Latest()


def test_an_empty_increment_repeated_says_that_nothing_is_new(store: Store) -> None:
    empty = {"mode": "incremental", "counts": {"delivered": 0}}
    found = latest(store, delivery(2, **empty), delivery(3, state="duplicate", duplicate_of="d2", mode="incremental", counts=None))
    assert found.update is not None
    assert found.update.delivery == "d3"


def test_a_second_copy_of_the_later_day_does_not_move_the_clock(store: Store) -> None:
    again = delivery(4, state="duplicate", duplicate_of="d2", data_date=date(2026, 3, 3))
    found = latest(store, delivery(2), delivery(3, state="duplicate", duplicate_of="d2"), again)
    assert found.update is not None
    assert found.update.delivery == "d3"


def test_of_files_received_at_once_the_latest_dated_is_the_last(store: Store) -> None:
    found = latest(store, *(delivery(number, received_at=START) for number in (5, 2, 4, 3)))
    assert found.update is not None
    assert found.update.delivery == "d5"


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["done", "done", "duplicate", "held", "pending", "withdrawn"]),
        st.sampled_from(["snapshot", "snapshot", "incremental", "correction"]),
        st.one_of(st.none(), st.integers(1, 12)),
        st.integers(0, 3),
    ),
    max_size=9,
)


@given(events=EVENTS)
@example_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_grouped_query_and_the_whole_history_agree(events: list[tuple[str, str, int | None, int]]) -> None:
    with open_store("sqlite://") as store:
        rows, at = [], START
        for number, (state, mode, day, hours) in enumerate(events, 2):
            at += timedelta(hours=1 + hours)
            first = next((row.id for row in rows if row.state not in ("duplicate", "withdrawn")), None)
            changes: dict[str, Any] = {"duplicate_of": first} if state == "duplicate" and first else {}
            kept = "done" if state == "duplicate" and not first else state
            data_date = date(2026, 3, day) if day else None
            rows.append(delivery(number, state=kept, mode=mode, data_date=data_date, received_at=at, **changes))
        latest(store, *rows)

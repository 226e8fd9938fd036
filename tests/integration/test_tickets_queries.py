"""Lists and counts of tickets, due states at their edges, one ticket's story, and provisional days counted again."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.errors import NotFound
from districtlake.policy.calendar import import_year, load_calendar
from districtlake.policy.pack import load_policy
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import Store
from districtlake.tickets.queries import count_tickets, find_ticket, list_tickets, recompute_provisional, ticket_events
from districtlake.tickets.raise_tickets import raise_tickets
from tests.problem_registers import RESOURCE, problem, register

pytest_plugins = ["tests.postgres_server"]

OPENED = datetime(2026, 9, 24, 2, tzinfo=UTC)  # due 2026-10-09, a Friday; 2026-10-10 is a make-up working day
POLICY = load_policy([PROJECT_ROOT / "catalog"])
CALENDAR = load_calendar([])
LOW_INCOME = "civil_affairs_bureau.low_income_persons"


def at(year: int, month: int, day: int, hour: int = 9) -> FixedClock:
    return FixedClock(datetime(year, month, day, hour, tzinfo=SHANGHAI))


def raised(store: Store, *problems: dict[str, Any], when: datetime = OPENED) -> None:
    raise_tickets(store, register(*problems), clock=FixedClock(when), policy=POLICY, calendar=CALENDAR)


@pytest.mark.parametrize(
    ("clock", "state"),
    [
        (at(2026, 9, 24), "due"),
        (at(2026, 9, 30, 23), "due"),
        (at(2026, 10, 1), "due"),
        (at(2026, 10, 7), "due"),
        (at(2026, 10, 8), "near"),
        (at(2026, 10, 9, 23), "near"),
        (at(2026, 10, 10, 0), "overdue"),
    ],
)
def test_due_states_at_their_edges(store: Store, clock: FixedClock, state: str) -> None:
    raised(store, problem("1"))
    (ticket,) = list_tickets(store, clock=clock, calendar=CALENDAR)
    assert ticket.due_state == state
    assert [t.number for t in list_tickets(store, clock=clock, calendar=CALENDAR, due=ticket.due_state)] == [ticket.number]
    assert count_tickets(store, ["due_state"], clock=clock, calendar=CALENDAR) == [
        {"due_state": state, "tickets": 1, "problems": 1, "open_problems": 1}
    ]


@pytest.mark.parametrize(("minute", "state"), [(59, "in_time"), (60, "late")])
def test_closed_tickets_were_in_time_or_late(store: Store, minute: int, state: str) -> None:
    raised(store, problem("1"))
    raised(store, problem("1", closing="passed"), when=datetime(2026, 10, 9, 15, tzinfo=UTC) + timedelta(minutes=minute))
    assert list_tickets(store, clock=at(2026, 12, 1), calendar=CALENDAR) == []
    (ticket,) = list_tickets(store, clock=at(2026, 12, 1), calendar=CALENDAR, state=None)
    assert (ticket.state, ticket.due_state) == ("closed", state)


def test_filters_orders_and_pages(store: Store) -> None:
    raised(
        store, problem("1"), problem("2", "birth_date.plausible", dimension="accuracy", severity="warning"),
        problem("3", resource=LOW_INCOME), problem("4", "uscc.exists", severity="info", dimension="consistency"),
    )  # fmt: skip
    raised(store, problem("5", resource=LOW_INCOME, delivery="d9"), problem("3", resource=LOW_INCOME), when=OPENED - timedelta(days=3))

    def numbers(**options: Any) -> list[int]:
        return [int(t.number[-6:]) for t in list_tickets(store, clock=at(2026, 9, 24), calendar=CALENDAR, **options)]

    everything = numbers(order="number")
    assert everything == [1, 2, 3, 4, 5]
    assert numbers()[0] == 5, "due first comes first"
    assert numbers(order="newest")[-1] == 5
    assert sorted(numbers(agency="civil_affairs_bureau") + numbers(agency="human_resources_bureau")) == everything
    assert numbers(delivery="d9") == numbers(resource=LOW_INCOME, delivery="d9") == [5]
    assert len(numbers(severity="warning")) == len(numbers(dimension="accuracy")) == len(numbers(rule="birth_date.plausible")) == 1
    assert len(numbers(kind="lead")) == 1
    assert numbers(packaged=True) == []
    assert numbers(packaged=False, order="number") == everything
    assert numbers(order="number", limit=2, offset=1) == [2, 3]


def test_counts_by_any_grouping(store: Store) -> None:
    raised(store, problem("1"), problem("2"), problem("3", "birth_date.plausible", dimension="accuracy"), problem("3", resource=LOW_INCOME))
    clock = at(2026, 9, 24)
    assert count_tickets(store, ["agency", "dimension"], clock=clock, calendar=CALENDAR) == [
        {"agency": "civil_affairs_bureau", "dimension": "normativity", "tickets": 1, "problems": 1, "open_problems": 1},
        {"agency": "human_resources_bureau", "dimension": "accuracy", "tickets": 1, "problems": 1, "open_problems": 1},
        {"agency": "human_resources_bureau", "dimension": "normativity", "tickets": 1, "problems": 2, "open_problems": 2},
    ]
    assert count_tickets(store, [], clock=clock, calendar=CALENDAR) == [{"tickets": 3, "problems": 4, "open_problems": 4}]
    assert count_tickets(store, ["state"], clock=clock, calendar=CALENDAR, agency="nobody", state=None) == []


def test_nothing_counted_is_zero_not_nothing(store: Store) -> None:
    assert count_tickets(store, [], clock=at(2026, 9, 24), calendar=CALENDAR) == [{"tickets": 0, "problems": 0, "open_problems": 0}]


def test_a_ticket_and_its_story(store: Store) -> None:
    raised(store, problem("1"))
    raised(store, problem("1", closing="passed"), when=OPENED + timedelta(days=1))
    ticket = find_ticket(store, "t2026-000001", clock=at(2026, 9, 26), calendar=CALENDAR)
    assert find_ticket(store, ticket.id, clock=at(2026, 9, 26), calendar=CALENDAR) == ticket
    assert (ticket.resource, ticket.closing, ticket.opened_at.tzinfo) == (RESOURCE, "fixed", UTC)
    story = ticket_events(store, ticket.id)
    assert [(event.event, event.at) for event in story] == [
        ("opened", OPENED), ("dispatched", OPENED), ("closed", OPENED + timedelta(days=1)),
    ]  # fmt: skip
    assert story[1].data["set"]["due_date"] == "2026-10-09"


def test_an_unknown_number_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="T2026-999999"):
        find_ticket(store, "T2026-999999", clock=at(2026, 9, 26), calendar=CALENDAR)


def test_provisional_days_are_counted_again_after_an_import(store: Store, tmp_path: Path) -> None:
    raised(store, problem("1"), when=datetime(2026, 12, 28, 2, tzinfo=UTC))
    raised(store, problem("1"), problem("2", delivery="d2"), when=OPENED)
    before = find_ticket(store, "T2026-000001", clock=at(2026, 12, 29), calendar=CALENDAR)
    assert (before.due_date, before.provisional) == (date(2027, 1, 4), True)
    days = [(2027, 1, 1), (2027, 1, 4), (2027, 5, 1), (2027, 10, 1), (2027, 10, 2), (2027, 10, 3)]  # invented: 4 January off
    source = tmp_path / "2027.json"
    listed = [{"date": date(*day).isoformat(), "isOffDay": True} for day in days] + [{"date": "2027-01-09", "isOffDay": False}]
    source.write_text(json.dumps({"year": 2027, "days": listed}), encoding="utf-8")
    import_year(source, tmp_path / "calendar")
    calendar = load_calendar([tmp_path])
    now = at(2026, 12, 30)
    assert recompute_provisional(store, calendar, clock=now) == ("T2026-000001",)
    assert recompute_provisional(store, calendar, clock=now) == ()
    after = find_ticket(store, "T2026-000001", clock=now, calendar=calendar)
    assert (after.due_date, after.provisional, after.due_at) == (date(2027, 1, 6), False, datetime(2027, 1, 6, 16, tzinfo=UTC))
    last = ticket_events(store, after.id)[-1]
    assert last.data.pop("set") == {"due_date": "2027-01-06", "due_at": "2027-01-06T16:00:00+00:00", "provisional": False}
    assert (last.event, last.data) == ("deadline_recomputed", {"before": "2027-01-04", "after": "2027-01-06", "provisional": False})
    other = find_ticket(store, "T2026-000002", clock=now, calendar=calendar)
    assert (other.due_date, other.provisional) == (date(2026, 10, 9), False)


def test_without_an_import_nothing_is_recomputed(store: Store) -> None:
    raised(store, problem("1"), when=datetime(2026, 12, 28, 2, tzinfo=UTC))
    assert recompute_provisional(store, CALENDAR, clock=at(2026, 12, 30)) == ()

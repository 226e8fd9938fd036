"""Tickets from the problem register: identity, deadlines, closing, and the same result whenever and however often it runs."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.clock import FixedClock
from districtlake.policy.calendar import WorkingCalendar, load_calendar
from districtlake.policy.pack import load_policy
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import Store
from districtlake.store.tables import Delivery, Ticket, TicketEvent, TicketProblem
from districtlake.tickets.journal import COLUMNS, rebuilt
from districtlake.tickets.raise_tickets import Raised, raise_tickets, ticket_id
from tests.problem_registers import RESOURCE, problem, register

pytest_plugins = ["tests.postgres_server"]

NOW = datetime(2026, 9, 24, 2, tzinfo=UTC)
POLICY = load_policy([PROJECT_ROOT / "catalog"])
CALENDAR = load_calendar([])


def call(store: Store, problems: pl.DataFrame | Callable[[], pl.DataFrame], at: datetime = NOW, **options: Any) -> Raised:
    return raise_tickets(store, problems, clock=FixedClock(at), policy=POLICY, calendar=CALENDAR, **options)


def tickets(store: Store) -> list[Ticket]:
    with store.session(read_only=True) as session:
        return list(session.scalars(select(Ticket).order_by(Ticket.number)))


def events(store: Store, number: str | None = None) -> list[str]:
    """What happened, without the dispatch that follows each opening at once."""
    with store.session(read_only=True) as session:
        query = select(TicketEvent.event).join(Ticket, Ticket.id == TicketEvent.ticket_id).order_by(TicketEvent.id)
        return [
            event for event in session.scalars(query if number is None else query.where(Ticket.number == number)) if event != "dispatched"
        ]


def test_one_ticket_per_delivery_and_rule(store: Store) -> None:
    found = register(
        problem("1", row=5), problem("2", row=3), problem("3", "birth_date.plausible", row=None, severity="warning", on_failure="report"),
        problem("4", delivery="d2"), problem("5", "uscc.exists", severity="info", on_failure="report"),
    )  # fmt: skip
    raised = call(store, found)
    made = tickets(store)
    assert raised == Raised(new=tuple(ticket.number for ticket in made))
    assert [ticket.number for ticket in made] == [f"T2026-{n:06d}" for n in (1, 2, 3, 4)]
    by_rule = {(ticket.delivery_id, ticket.rule_id): ticket for ticket in made}
    first = by_rule["d1", "citizen_id.conforms"]
    assert first.id == ticket_id(RESOURCE, "d1", "citizen_id.conforms")
    assert (first.agency, first.resource, first.kind, first.problems, first.open_problems) == (
        "human_resources_bureau",
        RESOURCE,
        "problem",
        2,
        2,
    )
    assert first.sample_rows == [3, 5]
    assert (first.opened_at, first.received_at, first.due_date, first.provisional) == (NOW, NOW, date(2026, 10, 9), False)
    assert first.due_at == datetime(2026, 10, 9, 16, tzinfo=UTC)
    assert (first.policy_id, first.policy_version, first.terms["days"], first.terms["article"]) == (
        "haishu_2021",
        "1.0",
        5,
        "第二十七条第三款",
    )
    assert by_rule["d1", "uscc.exists"].kind == "lead"
    assert by_rule["d1", "birth_date.plausible"].kind == "problem"
    assert by_rule["d1", "birth_date.plausible"].sample_rows == []
    assert events(store) == ["opened"] * 4


def test_calling_it_again_changes_nothing(store: Store) -> None:
    found = register(problem("1"), problem("2", "birth_date.plausible"), problem("3", delivery="d2", closing="passed"))
    call(store, found)
    before = [(t.id, t.number, t.due_at, t.version, t.state) for t in tickets(store)]
    assert call(store, found.sample(fraction=1, shuffle=True, seed=3), NOW + timedelta(days=9)) == Raised()
    assert [(t.id, t.number, t.due_at, t.version, t.state) for t in tickets(store)] == before


def test_a_sighting_opens_no_ticket_and_starts_no_clock(store: Store) -> None:
    call(store, register(problem("1")))
    assert call(store, register(problem("1", last_delivery="d2", sightings=2, row=9)), NOW + timedelta(days=1)) == Raised()
    (ticket,) = tickets(store)
    assert (ticket.due_date, ticket.sample_rows) == (date(2026, 10, 9), [9])


@pytest.mark.parametrize(
    ("closings", "closing"),
    [
        (["passed", "passed"], "fixed"),
        (["passed", "absent"], "absent"),
        (["absent", "absent"], "absent"),
        (["passed", "rule_removed"], "fixed"),
        (["rule_removed", "withdrawn"], "withdrawn"),
    ],
)
def test_it_closes_with_its_last_problem(store: Store, closings: list[str], closing: str) -> None:
    call(store, register(problem("1"), problem("2")))
    half = call(store, register(problem("1", closing=closings[0]), problem("2")))
    assert half.updated == ("T2026-000001",)
    assert [(t.state, t.problems, t.open_problems) for t in tickets(store)] == [("open", 2, 1)]
    later = NOW + timedelta(days=2)
    done = call(store, register(problem("1", closing=closings[0]), problem("2", closing=closings[1])), later)
    assert done.closed == ("T2026-000001",)
    (ticket,) = tickets(store)
    assert (ticket.state, ticket.closing, ticket.closed_at, ticket.open_problems, ticket.problems) == ("closed", closing, later, 0, 2)
    assert events(store) == ["opened", "problems_changed", "closed"]


def test_a_problem_that_comes_back_reopens_its_ticket_with_a_new_clock(store: Store) -> None:
    call(store, register(problem("1"), problem("2")))
    call(store, register(problem("1", closing="passed"), problem("2", closing="passed")), NOW + timedelta(days=1))
    later = NOW + timedelta(days=30)
    again = call(store, register(problem("1", delivery="d3"), problem("2", closing="passed"), problem("3", delivery="d3")), later)
    assert again == Raised(new=("T2026-000002",), reopened=("T2026-000001",))
    first, second = tickets(store)
    assert (first.state, first.stage, first.round, first.problems, first.open_problems) == ("open", "handling", 2, 2, 1)
    assert (first.received_at, first.due_date, first.package, first.closing) == (later, date(2026, 10, 30), None, None)
    assert (second.delivery_id, second.round, second.problems) == ("d3", 1, 1)
    assert (
        call(store, register(problem("1", delivery="d3"), problem("2", closing="passed"), problem("3", delivery="d3")), later) == Raised()
    )


def test_a_problem_that_came_back_unnoticed_has_had_two_rounds_all_the_same(store: Store) -> None:
    call(store, register(problem("1")))
    late = call(store, register(problem("1", delivery="d3")), NOW + timedelta(days=2))  # the closed round has left the register meanwhile
    assert late == Raised(closed=("T2026-000001",), reopened=("T2026-000001",))
    (ticket,) = tickets(store)
    assert (ticket.state, ticket.round, ticket.received_at) == ("open", 2, NOW + timedelta(days=2))
    assert events(store) == ["opened", "closed", "reopened"]


def test_a_withdrawn_delivery_withdraws_its_tickets(store: Store) -> None:
    with store.session() as session:
        session.add(
            Delivery(
                id="d1", agency="a", resource=RESOURCE, mode="snapshot", file_name="f", source_path="f", sha256="0", bytes=1, order_key="1",
                received_at=NOW, received_by="inbox", state="withdrawn",
            )
        )  # fmt: skip
    call(store, register(problem("1")))
    assert call(store, register()) == Raised(), "an empty register says not whose it is"
    assert call(store, register(), resource=RESOURCE).closed == ("T2026-000001",)
    assert [(t.state, t.closing) for t in tickets(store)] == [("closed", "withdrawn")]


def test_a_withdrawn_correction_reopens_the_ticket_under_its_first_deadline(store: Store) -> None:
    call(store, register(problem("1")))
    call(store, register(problem("1", closing="passed")), NOW + timedelta(days=1))
    assert call(store, register(problem("1")), NOW + timedelta(days=2)).reopened == ("T2026-000001",)
    (ticket,) = tickets(store)
    assert (ticket.state, ticket.closed_at, ticket.closing, ticket.due_date, ticket.open_problems) == (
        "open",
        None,
        None,
        date(2026, 10, 9),
        1,
    )
    assert events(store) == ["opened", "closed", "resumed"]


def test_a_problem_found_and_fixed_between_two_calls_leaves_a_ticket_but_a_withdrawn_one_none(store: Store) -> None:
    raised = call(store, register(problem("1", closing="passed"), problem("2", "birth_date.plausible", closing="withdrawn")))
    assert (raised.new, raised.closed) == (("T2026-000001",), ("T2026-000001",))
    assert [(t.rule_id, t.state, t.closing) for t in tickets(store)] == [("citizen_id.conforms", "closed", "fixed")]


def test_other_resources_are_left_alone(store: Store) -> None:
    call(store, register(problem("1")))
    assert call(store, register(problem("1", resource="civil_affairs_bureau.low_income_persons"))).closed == ()
    assert [(t.agency, t.state) for t in tickets(store)] == [("human_resources_bureau", "open"), ("civil_affairs_bureau", "open")]


def test_numbers_begin_anew_in_shanghais_new_year(store: Store) -> None:
    call(store, register(problem("1")), datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    call(store, register(problem("1"), problem("2", delivery="d2")), datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    assert [t.number for t in tickets(store)] == ["T2026-000001", "T2027-000001"]
    assert [t.provisional for t in tickets(store)] == [True, True]


def test_a_year_without_calendar_is_provisional(store: Store) -> None:
    raise_tickets(store, register(problem("1")), clock=FixedClock(NOW), policy=POLICY, calendar=WorkingCalendar({}, frozenset()))
    (ticket,) = tickets(store)
    assert (ticket.provisional, ticket.due_date) == (True, date(2026, 10, 1))


def test_no_problems_no_tickets(store: Store) -> None:
    assert call(store, register()) == Raised()
    assert tickets(store) == []


@pytest.mark.parametrize("break_at", range(1, 16))
def test_a_crash_anywhere_leaves_all_or_nothing_and_no_gap(store: Store, monkeypatch: pytest.MonkeyPatch, break_at: int) -> None:
    found = register(problem("1"), problem("2", "birth_date.plausible"), problem("3", "uscc.exists"))
    statements = 0

    def crash(*_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == break_at:
            raise KeyboardInterrupt

    from sqlalchemy import event

    event.listen(store.engine, "before_cursor_execute", crash)
    crashed = False
    try:
        call(store, found)
    except KeyboardInterrupt:
        crashed = True
    event.remove(store.engine, "before_cursor_execute", crash)
    assert crashed or statements < break_at
    assert len(tickets(store)) == (0 if crashed else 3)
    call(store, found, NOW + timedelta(hours=1))
    assert [t.number for t in tickets(store)] == ["T2026-000001", "T2026-000002", "T2026-000003"]
    assert events(store) == ["opened"] * 3


def test_a_crash_at_commit_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", lambda self: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            call(store, register(problem("1")))
    assert tickets(store) == []
    call(store, register(problem("1")))
    assert [t.number for t in tickets(store)] == ["T2026-000001"]


WORKER = """
import sys
from datetime import UTC, datetime
from districtlake.clock import FixedClock
from districtlake.policy.calendar import load_calendar
from districtlake.policy.pack import load_policy
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import open_store
from districtlake.tickets.raise_tickets import raise_tickets
from tests.problem_registers import problem, register

policy, calendar = load_policy([PROJECT_ROOT / "catalog"]), load_calendar([])
with open_store(sys.argv[1]) as store:
    for n in range(12):
        found = [problem("k", resource=f"shared{n}.r"), problem("k", resource=f"agency_{sys.argv[2]}_{n}.r")]
        clock = FixedClock(datetime(2026, 9, 24, 2, tzinfo=UTC))
        raise_tickets(store, register(*found), clock=clock, policy=policy, calendar=calendar)
"""


def test_processes_at_once_give_each_ticket_once_and_no_gap(store: Store, store_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", WORKER, store_url, str(n)], cwd=PROJECT_ROOT, stderr=subprocess.PIPE) for n in range(3)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    made = tickets(store)
    assert [t.number for t in made] == [f"T2026-{n:06d}" for n in range(1, 12 * 4 + 1)]
    assert events(store) == ["opened"] * 48


def test_a_register_read_behind_the_lock_is_never_stale(store: Store) -> None:
    reading, finish = threading.Event(), threading.Event()

    def slow_read() -> pl.DataFrame:
        as_it_was = register(problem("1"))
        reading.set()
        finish.wait(10)
        return as_it_was

    slow = threading.Thread(target=call, args=(store, slow_read))
    newer = threading.Thread(target=call, args=(store, lambda: register(problem("1"), problem("2", delivery="d2"))))
    slow.start()
    assert reading.wait(10)
    newer.start()
    newer.join(0.3)  # it waits for the slow one; without the lock it would be done
    finish.set()
    slow.join()
    newer.join()
    assert events(store) == ["opened", "opened"]


@contextmanager
def seeded(seed: int) -> Iterator[random.Random]:
    yield random.Random(seed)


@pytest.mark.parametrize("seed", range(4))
def test_any_history_is_the_same_when_every_call_is_doubled(store: Store, seed: int) -> None:
    """The register of a random history; every state is handed over twice, as a sensor and the nightly run would."""
    with seeded(seed) as chance:
        state: dict[str, dict[str, Any]] = {}
        for day in range(8):
            for key in "abcde":
                row = state.get(key)
                if row is None or row["state"] == "closed":
                    if chance.random() < 0.5:
                        state[key] = problem(key, delivery=f"d{day}")
                elif chance.random() < 0.4:
                    state[key] = row | {"state": "closed", "closing": chance.choice(["passed", "absent"]), "closed_delivery": f"d{day}"}
            at = NOW + timedelta(days=day)
            call(store, register(*state.values()), at, resource=RESOURCE)
            assert call(store, register(*state.values()), at, resource=RESOURCE) == Raised()
    made = tickets(store)
    assert len({t.number for t in made}) == len(made)
    assert [int(t.number[-6:]) for t in made] == list(range(1, len(made) + 1))
    with store.session(read_only=True) as session:
        under = {row.problem_id: row.ticket_id for row in session.scalars(select(TicketProblem))}
        by_ticket = {
            t.id: rebuilt(session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == t.id).order_by(TicketEvent.id))) for t in made
        }
    for row in state.values():
        ticket = next(t for t in made if t.id == under[row["problem_id"]])
        assert row["state"] == "closed" or ticket.state == "open"
    assert by_ticket == {t.id: {name: getattr(t, name) for name in COLUMNS} for t in made}, "a ticket is what its events add up to"
    assert sum(t.open_problems for t in made) == sum(row["state"] == "open" for row in state.values())

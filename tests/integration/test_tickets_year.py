"""A simulated year: every ticket's due day, lateness and escalations against a computation of its own, and a process killed anywhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import chinese_calendar
import pytest
from sqlalchemy import select

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.policy.calendar import load_calendar
from districtlake.policy.pack import load_policy
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import Store, open_store
from districtlake.store.tables import Notification, Ticket, TicketEvent
from districtlake.tickets import handling
from districtlake.tickets.deadlines import escalate
from districtlake.tickets.journal import COLUMNS, Parts, rebuilt
from districtlake.tickets.machine import Actor
from districtlake.tickets.raise_tickets import raise_tickets
from tests.problem_registers import AGENCY, RESOURCE, problem, register

POLICY = load_policy([PROJECT_ROOT / "catalog"])
CALENDAR = load_calendar([])
OFFICE, PROVIDER = Actor("大数据中心", "office"), Actor("社保科", "provider", AGENCY)


def the_fifth_working_day(receipt: date) -> date:
    """Counted by the package's own function, which knows nothing of ours."""
    day, left = receipt, 5
    while left:
        day += timedelta(1)
        left -= bool(chinese_calendar.is_workday(day))
    return day


def test_a_year_of_days_is_due_as_computed_independently(tmp_path: Path) -> None:
    """2026, one finding a day at changing hours: the tenth asks for an extension, every seventh is answered late, the rest in time."""
    with open_store(f"sqlite:///{tmp_path / 'year.sqlite'}") as store:
        rows = {}
        expected: dict[str, tuple[date, date, bool]] = {}  # delivery -> due, day of the answer, late
        for number in range(330):
            day = date(2026, 1, 1) + timedelta(number)
            at = datetime(day.year, day.month, day.day, (number * 7) % 24, 59, tzinfo=SHANGHAI)
            delivery = f"d{number:03d}"
            rows[delivery] = problem(f"k{number}", delivery=delivery, row=number + 2)
            desk = Parts(store, FixedClock(at), POLICY, CALENDAR)
            due = the_fifth_working_day(day)
            answered = due + timedelta(1 if number % 7 == 0 else 0)
            for earlier, (_, when, _) in expected.items():
                if when == day:
                    rows[earlier] |= {"state": "closed", "closing": "passed", "closed_at": at.astimezone(UTC)}
            raise_tickets(store, register(*rows.values()), clock=desk.clock, policy=POLICY, calendar=CALENDAR)
            if number % 10 == 0:
                ceiling = day + timedelta(60)
                ticket = found(store, delivery)
                handling.request_extension(desk, ticket.number, PROVIDER, reason="改造", until=ceiling)
                handling.approve_extension(desk, ticket.number, OFFICE)
                due = answered = ceiling
            expected[delivery] = (due, answered, answered > due)
            escalate(desk)
        with store.session(read_only=True) as session:
            tickets = {ticket.delivery_id: ticket for ticket in session.scalars(select(Ticket))}
        assert len(tickets) == 330
        assert {delivery: ticket.due_date for delivery, ticket in tickets.items()} == {key: value[0] for key, value in expected.items()}
        closed = {delivery: ticket for delivery, ticket in tickets.items() if ticket.closed_at is not None}
        assert len(closed) > 280
        for delivery, ticket in closed.items():
            assert ticket.due_at is not None
            assert ticket.closed_at is not None
            assert (ticket.closed_at >= ticket.due_at) == expected[delivery][2], delivery
        for ticket in tickets.values():
            assert ticket.due_at == datetime.combine(ticket.due_date or date.max, datetime.min.time(), tzinfo=SHANGHAI) + timedelta(1)


def found(store: Store, delivery: str) -> Ticket:
    with store.session(read_only=True) as session:
        return session.scalars(select(Ticket).where(Ticket.delivery_id == delivery)).one()


CHILD = """
import os, signal, sys
from datetime import date, datetime
from sqlalchemy import event
from districtlake.clock import SHANGHAI, FixedClock
from districtlake.store.engine import open_store
from tests.integration.test_tickets_year import live
with open_store(sys.argv[1]) as store:
    count = 0
    def counted(connection, cursor, statement, *rest):
        global count
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "COMMIT")):
            count += 1
            if count == int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
    event.listen(store.engine, "after_cursor_execute", counted)
    live(store)
    print(count)
"""


def live(store: Store) -> None:
    """A ticket's life; done again after a crash it goes on where it stood."""
    desk = Parts(store, FixedClock(datetime(2026, 9, 24, 10, tzinfo=SHANGHAI)), POLICY, CALENDAR)
    raise_tickets(store, register(problem("1"), problem("2", "uscc.exists")), clock=desk.clock, policy=POLICY, calendar=CALENDAR)
    first = "T2026-000001"
    stage = lambda: found_number(store, first).stage  # noqa: E731
    if stage() == "handling" and not found_number(store, first).extended:
        handling.request_extension(desk, first, PROVIDER, reason="改造", until=date(2026, 11, 1))
    if stage() == "extension_requested":
        handling.approve_extension(desk, first, OFFICE)
    late = Parts(store, FixedClock(datetime(2026, 11, 3, 10, tzinfo=SHANGHAI)), POLICY, CALENDAR)
    escalate(late)
    if stage() == "handling":
        handling.claim_fixed(late, first, PROVIDER)
    passed = [problem("1", closing="passed"), problem("2", "uscc.exists", closing="passed")]
    raise_tickets(store, register(*passed), clock=late.clock, policy=POLICY, calendar=CALENDAR, resource=RESOURCE)


def found_number(store: Store, number: str) -> Ticket:
    with store.session(read_only=True) as session:
        return session.scalars(select(Ticket).where(Ticket.number == number)).one()


def record(store: Store) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]], list[tuple[object, ...]]]:
    with store.session(read_only=True) as session:
        tickets = list(session.scalars(select(Ticket).order_by(Ticket.number)))
        for ticket in tickets:
            story = session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket.id).order_by(TicketEvent.id))
            assert rebuilt(story) == {name: getattr(ticket, name) for name in COLUMNS}
        events = session.scalars(select(TicketEvent).order_by(TicketEvent.id))
        sent = session.scalars(select(Notification).order_by(Notification.id))
        return (
            [tuple(getattr(ticket, name) for name in ("number", *COLUMNS)) for ticket in tickets],
            sorted((row.ticket_id, row.event, row.actor) for row in events),
            sorted((row.ticket_id, row.event, row.audience, row.recipient) for row in sent),
        )


def lived(url: str, at: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    return subprocess.run([sys.executable, "-c", CHILD, url, str(at)], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=120)  # fmt: skip


def crash_points(tmp_path: Path) -> tuple[int, object]:
    url = f"sqlite:///{tmp_path / 'undisturbed.sqlite'}"
    done = lived(url, -1)
    assert done.returncode == 0, done.stderr
    with open_store(url) as store:
        return int(done.stdout), record(store)


@pytest.mark.crash
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_between_any_two_writes_no_ticket_is_doubled_or_lost(tmp_path: Path, every: int) -> None:
    """Each action is one transaction: after a kill behind any write, living on ends in the same tickets, events and messages."""
    points, undisturbed = crash_points(tmp_path)
    assert points > 20
    for point in range(1, points + 1, every):
        url = f"sqlite:///{tmp_path / f'killed{point}.sqlite'}"
        assert lived(url, point).returncode == -signal.SIGKILL
        with open_store(url) as store:
            live(store)
            assert record(store) == undisturbed, f"killed behind write {point}"

"""Workload figures equal a count by hand over generated tickets, on both databases."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

import pytest

from districtlake.clock import SHANGHAI, FixedClock, local_date
from districtlake.policy.calendar import WorkingCalendar, load_calendar
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import Store
from districtlake.store.tables import Ticket, TicketEvent
from districtlake.supervision.workload import AGES, ages, desks, flow
from districtlake.tickets.queries import list_tickets

pytest_plugins = ["tests.postgres_server"]

NOW = datetime(2026, 3, 20, 9, 30, tzinfo=SHANGHAI)
CLOCK = FixedClock(NOW)
SINCE = NOW - timedelta(days=30)


@pytest.fixture(scope="module")
def calendar() -> WorkingCalendar:
    return load_calendar((PROJECT_ROOT / "catalog",))


def _tickets(rng: random.Random, count: int) -> list[Ticket]:
    made = []
    for number in range(count):
        opened = NOW - timedelta(minutes=rng.randrange(90 * 24 * 60))
        due = local_date(opened) + timedelta(days=rng.randrange(3, 40))
        due_at = datetime.combine(due + timedelta(1), datetime.min.time(), tzinfo=SHANGHAI)
        closed = rng.random() < 0.5
        made.append(
            Ticket(
                id=f"{number:032x}", number=f"T2026-{number:06d}", agency=rng.choice(("a_bureau", "b_bureau", "c_bureau")), resource="a_bureau.x",
                delivery_id=f"d{number}", rule_id="r.x", rule_title="规则", dimension="accuracy", severity="critical", on_failure="quarantine",
                kind="problem", state="closed" if closed else "open", problems=3, open_problems=0 if closed else rng.randrange(1, 4),
                sample_rows=[], opened_at=opened, received_at=opened, due_date=due, due_at=due_at, provisional=False, terms={},
                policy_id="p", policy_version="1", closed_at=min(NOW, opened + timedelta(days=rng.randrange(50))) if closed else None,
                closing="fixed" if closed else None, was_late=rng.random() < 0.3, **_handling(closed),
            )
        )  # fmt: skip
    return made


def _handling(closed: bool) -> dict[str, object]:
    return {"stage": "settled" if closed else "handling"} if hasattr(Ticket, "stage") else {}


def test_figures_equal_a_count_by_hand(store: Store, calendar: WorkingCalendar) -> None:
    rng = random.Random(7)
    tickets = _tickets(rng, 300)
    again = [(ticket, NOW - timedelta(days=rng.randrange(60))) for ticket in tickets if rng.random() < 0.1]
    with store.session() as session:
        session.add_all(tickets)
        session.flush()
        session.add_all(TicketEvent(ticket_id=ticket.id, at=at, event="reopened", actor="x", data={}) for ticket, at in again)

    near = calendar.next_working_day(date(2026, 3, 20))
    for agency in (None, "b_bureau"):
        mine = [ticket for ticket in tickets if agency in (None, ticket.agency)]
        for desk in desks(store, CLOCK, calendar, since=SINCE, agency=agency):
            of_desk = [ticket for ticket in mine if ticket.agency == desk.agency]
            is_open = [ticket for ticket in of_desk if ticket.state == "open"]
            overdue = [ticket for ticket in is_open if ticket.due_at <= NOW]
            pressing = [ticket for ticket in is_open if ticket.due_at > NOW and ticket.due_date <= near]
            closed = [ticket for ticket in of_desk if ticket.closed_at and ticket.closed_at >= SINCE]
            assert (desk.open, desk.overdue, desk.near) == (len(is_open), len(overdue), len(pressing))
            assert desk.in_time == len(is_open) - len(overdue) - len(pressing)
            assert desk.waiting == 0
            assert desk.open_problems == sum(ticket.open_problems for ticket in is_open)
            assert desk.oldest_due == min(ticket.due_date for ticket in is_open)
            assert desk.closed_in_time == sum(ticket.closed_at < ticket.due_at and not ticket.was_late for ticket in closed)
            listed = list_tickets(store, clock=CLOCK, calendar=calendar, agency=desk.agency, state="closed", due="in_time")
            assert desk.closed_in_time == sum(one.closed_at >= SINCE for one in listed), "the list behind the figure says the same"
            assert desk.closed_late == len(closed) - desk.closed_in_time
            assert desk.reopened == sum(at >= SINCE and ticket.agency == desk.agency for ticket, at in again)
        days = [(date(2026, 3, 20) - local_date(ticket.opened_at)).days for ticket in mine if ticket.state == "open"]
        assert ages(store, CLOCK, agency=agency) == [
            sum(low <= day and (most is None or day <= most) for day in days) for low, most in AGES
        ]
        flows = flow(store, CLOCK, days=30, agency=agency)
        assert [one.day for one in flows] == [date(2026, 2, 19) + timedelta(days=number) for number in range(30)]
        for one in flows:
            assert one.opened == sum(local_date(ticket.opened_at) == one.day for ticket in mine)
            assert one.closed == sum(ticket.closed_at is not None and local_date(ticket.closed_at) == one.day for ticket in mine)
            assert one.reopened == sum(local_date(at) == one.day for ticket, at in again if agency in (None, ticket.agency))


def test_nothing_there_is_zero_not_an_error(store: Store, calendar: WorkingCalendar) -> None:
    assert desks(store, CLOCK, calendar, since=SINCE) == []
    assert ages(store, CLOCK) == [0] * len(AGES)
    assert sum(one.opened + one.closed + one.reopened for one in flow(store, CLOCK)) == 0

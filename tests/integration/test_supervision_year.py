"""A year of simulated days: states, tickets and the count of a period against computations that share no code with ours."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import select

from districtlake.catalog.load import load_catalog
from districtlake.catalog.models import Resource
from districtlake.clock import SHANGHAI, FixedClock
from districtlake.policy.calendar import load_calendar
from districtlake.policy.pack import load_policy
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import open_store
from districtlake.store.tables import Ticket, TicketEvent
from districtlake.supervision.punctuality import duties
from districtlake.supervision.timeliness import Standing, standing_of
from districtlake.supervision.updates import Latest, Update
from districtlake.tickets.journal import rebuilt
from districtlake.tickets.overdue import UpdateDue, raise_overdue

POLICY = load_policy([PROJECT_ROOT / "catalog"])
CALENDAR = load_calendar([])
ENTRY = load_catalog((PROJECT_ROOT / "catalog",)).resources["public_security_bureau.population"]
FIRST = date(2027, 9, 1)
DAYS = 366  # over a 29 February
STEP = {
    "daily": pd.DateOffset(days=1), "weekly": pd.DateOffset(weeks=1), "monthly": pd.DateOffset(months=1),
    "quarterly": pd.DateOffset(months=3), "half_yearly": pd.DateOffset(months=6), "yearly": pd.DateOffset(years=1),
}  # fmt: skip
GRACE = {"daily": 1, "weekly": 1, "monthly": 5, "quarterly": 10, "half_yearly": 10, "yearly": 10}


def resource(cycle: str) -> Resource:
    return ENTRY.model_copy(update={"update_cycle": cycle, "name": cycle})


def deliveries(cycle: str, seed: int) -> list[Update]:
    """Updates at random hours of random days: about as often as the cycle asks for, sometimes twice a day, sometimes not for long."""
    chance = random.Random(f"{cycle} {seed}")
    most = {"daily": 3, "weekly": 12, "monthly": 55, "quarterly": 150, "half_yearly": 250, "yearly": 600}[cycle]
    at, found = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=SHANGHAI) - timedelta(days=most), []
    while True:
        at += timedelta(seconds=chance.randrange(most * 86400))
        if at.date() > FIRST + timedelta(DAYS):
            return found
        found.append(Update(f"d{len(found)}", at.date(), at))


def expected(updates: Sequence[Update], cycle: str, now: datetime) -> tuple[str, int, int]:
    """State, updates missed, and which update is the last, by pandas' calendar on days without zone."""
    moment = pd.Timestamp(now).tz_convert("Asia/Shanghai").tz_localize(None)
    came = [n for n, update in enumerate(updates) if update.received_at <= now]
    if not came:
        return "never_delivered", 0, -1
    day = pd.Timestamp(updates[came[-1]].received_at.astimezone(SHANGHAI).date())
    missed = 0
    while moment >= (day + STEP[cycle] * (missed + 1)) + pd.Timedelta(days=1 + GRACE[cycle]):
        missed += 1
    if missed:
        return "overdue", missed, came[-1]
    midnight_after = day + STEP[cycle] + pd.Timedelta(days=1)
    near = midnight_after - pd.Timedelta({"daily": "6h", "weekly": "1D", "monthly": "3D", "yearly": "15D"}.get(cycle, "7D"))
    return ("due" if moment >= midnight_after else "near" if moment >= near else "not_due"), 0, came[-1]


def standing_at(entry: Resource, updates: Sequence[Update], now: datetime) -> Standing:
    came = [update for update in updates if update.received_at <= now]
    return standing_of(entry, Latest(came[-1], came[-1].data_date) if came else Latest(), now, POLICY)


@pytest.mark.parametrize("cycle", STEP)
def test_every_state_of_a_year_equals_an_independent_computation(cycle: str) -> None:
    entry, seen = resource(cycle), set()
    for seed in range(3):
        updates = deliveries(cycle, seed)
        for day in range(DAYS):
            for hour in (0, 17, 18):  # the first instant of a day, and around where "near" begins
                now = datetime.combine(FIRST + timedelta(day), datetime.min.time(), tzinfo=SHANGHAI) + timedelta(hours=hour)
                standing = standing_at(entry, updates, now)
                state, missed, _ = expected(updates, cycle, now)
                assert (standing.state, standing.missed) == (state, missed), (cycle, seed, now)
                seen.add(standing.state)
    assert "not_due" in seen
    assert {"overdue", "due", "near"} <= seen


def test_the_tickets_of_a_year_are_the_delays_of_an_independent_computation() -> None:
    """Six resources, one of each cycle, routed every morning: a ticket for each run of misses, with its length, and no other."""
    histories = {cycle: (resource(cycle), deliveries(cycle, 7)) for cycle in STEP}
    runs: dict[tuple[str, int], int] = {}
    open_now: set[tuple[str, int]] = set()
    with open_store("sqlite://") as store:
        for day in range(DAYS):
            now = datetime.combine(FIRST + timedelta(day), datetime.min.time(), tzinfo=SHANGHAI) + timedelta(hours=2)
            standings = [standing_at(entry, updates, now) for entry, updates in histories.values()]
            raise_overdue(
                store, lambda session, found=tuple(standings): [_due(standing) for standing in found],  # type: ignore[misc]
                clock=FixedClock(now), policy=POLICY, calendar=CALENDAR,
            )  # fmt: skip
            open_now = set()
            for cycle, (_, updates) in histories.items():
                state, missed, last = expected(updates, cycle, now)
                if state == "overdue":
                    runs[cycle, last] = missed
                    open_now.add((cycle, last))
        with store.session(read_only=True) as session:
            tickets = list(session.scalars(select(Ticket)))
            assert {(t.resource.split(".")[1], int(t.delivery_id[1:])): t.problems for t in tickets} == runs
            assert {(t.resource.split(".")[1], int(t.delivery_id[1:])) for t in tickets if t.state == "open"} == open_now
            assert {t.closing for t in tickets if t.state == "closed"} == {"updated"}
            for ticket in tickets:  # nothing of a ticket is not in its events
                events = session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket.id).order_by(TicketEvent.id))
                for name, value in rebuilt(events).items():
                    assert getattr(ticket, name) == value, name
    assert len(runs) > 20


def _due(standing: Standing) -> UpdateDue:
    update, due = standing.latest.update, standing.due
    return UpdateDue(
        resource=standing.resource.id, agency=standing.resource.agency, after=update.delivery if update else "", missed=standing.missed,
        undecided=False, cycle=standing.resource.update_cycle, due_date=due.day if due else None, due_at=due.due_at if due else None,
        grace_until=due.grace_until if due else None, last_data_date=None, last_received_at=update.received_at if update else None,
    )  # fmt: skip


@pytest.mark.parametrize("cycle", STEP)
def test_what_was_due_and_what_came_in_time_equals_a_walk_over_the_days(cycle: str) -> None:
    end = datetime.combine(FIRST + timedelta(DAYS), datetime.min.time(), tzinfo=SHANGHAI)
    for seed in range(5):
        updates = deliveries(cycle, seed)
        found = [(duty.due.day, duty.received_at is not None) for duty in duties(resource(cycle), updates, end, POLICY)]
        assert found == list(dict(_walk(updates, cycle, end)).items()), (cycle, seed)  # of one day the last word


def _walk(updates: Sequence[Update], cycle: str, end: datetime) -> list[tuple[date, bool]]:
    """Day by day: the day an update is due, was there one since the last that counted, or until the grace was over?"""
    received = [update.received_at.astimezone(SHANGHAI).date() for update in updates if update.received_at <= end]
    found: list[tuple[date, bool]] = []
    if not received:
        return found
    anchor, missed, at = received[0], 0, 0
    last_known = end.astimezone(SHANGHAI).date()  # its first instant: the days before it are over
    day = anchor
    while day < last_known:
        day += timedelta(1)
        due = (pd.Timestamp(anchor) + STEP[cycle] * (missed + 1)).date()
        if missed and at + 1 < len(received) and received[at + 1] < day:
            # a late one: the count begins anew with it, the day after it is looked at first
            at, missed = at + 1, 0
            anchor = day = received[at]
            continue
        if day <= due:
            continue
        within = [n for n in range(at + 1, len(received)) if received[n] <= due]
        if within and not missed:
            found.append((due, True))
            at = within[-1]
            anchor = day = received[at]
        elif not missed and at + 1 < len(received) and received[at + 1] <= due + timedelta(GRACE[cycle]) and received[at + 1] < day:
            found.append((due, True))
            at += 1
            anchor = day = received[at]
        elif day > due + timedelta(GRACE[cycle]):
            found.append((due, False))
            missed += 1
            day -= timedelta(1)
    return found


def test_a_resource_updated_more_often_than_asked_is_due_once_a_cycle() -> None:
    start = datetime(2027, 3, 1, 8, tzinfo=SHANGHAI)
    updates = [Update(f"d{n}", None, start + timedelta(days=n)) for n in range(28)]
    found = list(duties(resource("weekly"), updates, start + timedelta(days=28), POLICY))
    assert [duty.due.day.day for duty in found] == [8, 15, 22]
    assert all(duty.received_at is not None for duty in found)


def test_several_files_at_once_are_one_update() -> None:
    start = datetime(2027, 3, 3, 23, tzinfo=SHANGHAI)
    updates = [Update(f"d{n}", date(2027, 3, n), start) for n in (2, 3)]
    found = list(duties(resource("daily"), updates, datetime(2027, 3, 8, 9, tzinfo=SHANGHAI), POLICY))
    assert [(duty.due.day.day, duty.received_at) for duty in found] == [(4, None), (5, None), (6, None)]


def test_while_the_grace_runs_nothing_is_decided() -> None:
    start = datetime(2027, 3, 1, 8, tzinfo=SHANGHAI)
    updates = [Update("d0", None, start)]

    def at(text: str) -> list[bool]:
        now = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
        return [duty.received_at is not None for duty in duties(resource("daily"), updates, now, POLICY)]

    assert at("2027-03-03T23:59") == []
    assert at("2027-03-04T00:00") == [False]
    updates.append(Update("d1", None, datetime(2027, 3, 3, 23, 59, tzinfo=SHANGHAI)))
    assert at("2027-03-04T00:00") == [True]


def test_what_was_to_be_provided_and_never_came_is_due_from_its_first_day() -> None:
    entry = replace_from(resource("daily"), date(2027, 3, 1))
    found = list(duties(entry, [], datetime(2027, 3, 5, tzinfo=SHANGHAI), POLICY))
    assert [(duty.due.day.day, duty.received_at) for duty in found] == [(1, None), (2, None), (3, None)]
    early = [Update("d0", None, datetime(2027, 2, 20, tzinfo=SHANGHAI))]
    assert next(duty.received_at for duty in duties(entry, early, datetime(2027, 3, 2, tzinfo=SHANGHAI), POLICY)) == early[0].received_at


def replace_from(entry: Resource, day: date) -> Resource:
    return entry.model_copy(update={"provided_from": day})

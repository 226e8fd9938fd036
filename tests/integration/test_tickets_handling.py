"""What people do with a ticket: who may, from where, what it needs, and what the clock makes of it. On both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.errors import ConcurrentChange, NotFound
from districtlake.policy.calendar import load_calendar
from districtlake.policy.pack import load_policy
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import Store
from districtlake.store.tables import Notification, Ticket, TicketEvent
from districtlake.tickets import handling
from districtlake.tickets.deadlines import escalate
from districtlake.tickets.journal import COLUMNS, Parts, rebuilt
from districtlake.tickets.machine import Actor, TicketRefused
from districtlake.tickets.raise_tickets import raise_tickets
from tests.problem_registers import AGENCY, RESOURCE, problem, register

pytest_plugins = ["tests.postgres_server"]

POLICY = load_policy([PROJECT_ROOT / "catalog"])
CALENDAR = load_calendar([])
RECEIPT = datetime(2026, 9, 24, 10, tzinfo=SHANGHAI)  # due 2026-10-09; the ceiling is 2026-11-23
OFFICE = Actor("大数据中心", "office")
PROVIDER = Actor("社保科", "provider", AGENCY)
FIRST = "T2026-000001"


def desk(store: Store, at: datetime = RECEIPT, **policy: Any) -> Parts:
    return Parts(store, FixedClock(at), POLICY.model_copy(update=policy), CALENDAR)


def day(text: str, hour: int = 9) -> datetime:
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), tzinfo=SHANGHAI) + timedelta(hours=hour)


def find(store: Store, *problems: dict[str, Any], at: datetime = RECEIPT, **policy: Any) -> None:
    here = desk(store, at, **policy)
    raise_tickets(
        store, register(*(problems or (problem("1"),))), clock=here.clock, policy=here.policy, calendar=CALENDAR, resource=RESOURCE
    )


def ticket(store: Store, number: str = FIRST) -> Ticket:
    with store.session(read_only=True) as session:
        return session.scalars(select(Ticket).where(Ticket.number == number)).one()


def events(store: Store, number: str = FIRST) -> list[TicketEvent]:
    with store.session(read_only=True) as session:
        query = select(TicketEvent).join(Ticket, Ticket.id == TicketEvent.ticket_id).where(Ticket.number == number)
        return list(session.scalars(query.order_by(TicketEvent.id)))


def messages(store: Store) -> list[tuple[str, str, str]]:
    with store.session(read_only=True) as session:
        return [(row.event, row.audience, row.recipient) for row in session.scalars(select(Notification).order_by(Notification.id))]


def held(**changes: Any) -> dict[str, Any]:
    """A pack under which nothing is dispatched by itself."""
    own = POLICY.handling
    return {"handling": own.model_copy(update={"auto_dispatch": own.auto_dispatch.model_copy(update={"value": False}), **changes})}


def test_the_clock_starts_with_the_receipt_not_with_the_finding(store: Store) -> None:
    find(store, **held())
    waiting = ticket(store)
    assert (waiting.stage, waiting.received_at, waiting.due_date, waiting.terms) == ("waiting", None, None, {})
    assert messages(store) == []
    at = RECEIPT + timedelta(days=6)
    handling.dispatch(desk(store, at), FIRST, OFFICE)
    sent = ticket(store)
    assert (sent.stage, sent.received_at, sent.due_date) == ("handling", at, date(2026, 10, 13))
    assert (sent.policy_id, sent.policy_version) == (POLICY.id, POLICY.version)
    assert messages(store) == [("dispatched", "agency", AGENCY)]
    with pytest.raises(TicketRefused, match="处理中"):
        handling.dispatch(desk(store, at), FIRST, OFFICE)


def test_what_the_office_holds_waits_and_the_rest_goes(store: Store) -> None:
    handling.place_hold(desk(store), OFFICE, "规则待核实", resource=RESOURCE)
    other = "civil_affairs_bureau.low_income_persons"
    find(store)
    raise_tickets(store, register(problem("9", resource=other)), clock=FixedClock(RECEIPT), policy=POLICY, calendar=CALENDAR)
    assert [ticket(store, number).stage for number in (FIRST, "T2026-000002")] == ["waiting", "handling"]
    with pytest.raises(TicketRefused, match="不能"):
        handling.lift_hold(desk(store), PROVIDER, resource=RESOURCE)
    assert handling.lift_hold(desk(store), OFFICE, resource=other) == ()
    assert handling.lift_hold(desk(store, RECEIPT + timedelta(days=1)), OFFICE, resource=RESOURCE) == (FIRST,)
    assert ticket(store).received_at == RECEIPT + timedelta(days=1)


def test_an_extension_reaches_sixty_days_in_total_and_no_further(store: Store) -> None:
    find(store)
    with pytest.raises(TicketRefused, match="最晚可延至2026-11-23"):
        handling.request_extension(desk(store), FIRST, PROVIDER, reason="系统改造", until=date(2026, 11, 24))
    with pytest.raises(TicketRefused, match="不是延期"):
        handling.request_extension(desk(store), FIRST, PROVIDER, reason="系统改造", until=date(2026, 10, 9))
    with pytest.raises(TicketRefused, match="缺少理由"):
        handling.request_extension(desk(store), FIRST, PROVIDER, reason=" ", until=date(2026, 11, 1))
    handling.request_extension(desk(store), FIRST, PROVIDER, reason="系统改造", until=date(2026, 11, 23), attachment="函〔2026〕1号")
    asked = ticket(store)
    assert (asked.stage, asked.due_date, asked.requested_due) == ("extension_requested", date(2026, 10, 9), date(2026, 11, 23))
    with pytest.raises(TicketRefused, match="公共数据提供单位不能办理"):
        handling.approve_extension(desk(store), FIRST, PROVIDER)
    handling.approve_extension(desk(store, day("2026-10-09", 23)), FIRST, OFFICE)
    granted = ticket(store)
    assert (granted.stage, granted.due_date, granted.extended, granted.was_late) == ("handling", date(2026, 11, 23), True, False)
    assert granted.due_at == datetime(2026, 11, 23, 16, tzinfo=UTC)
    assert granted.terms["instead_of"]["days"] == 5


def test_a_refused_extension_leaves_the_first_clock_running(store: Store) -> None:
    find(store)
    handling.request_extension(desk(store), FIRST, PROVIDER, reason="人手不足", until=date(2026, 11, 1))
    assert escalate(desk(store, day("2026-10-10"))) == (FIRST,), "the clock runs while the request is reviewed"
    handling.refuse_extension(desk(store, day("2026-10-10")), FIRST, OFFICE, "理由不充分")
    assert (ticket(store).stage, ticket(store).due_date, ticket(store).extended) == ("handling", date(2026, 10, 9), False)


def test_an_extension_granted_after_the_day_does_not_undo_the_delay(store: Store) -> None:
    find(store)
    late = desk(store, day("2026-10-12"))
    handling.request_extension(late, FIRST, PROVIDER, reason="系统改造", until=date(2026, 11, 2))
    handling.approve_extension(late, FIRST, OFFICE, until=date(2026, 10, 30))
    assert (ticket(store).due_date, ticket(store).was_late) == (date(2026, 10, 30), True)
    find(store, problem("1", closing="passed"), at=day("2026-10-20"))
    from districtlake.tickets.queries import list_tickets

    (view,) = list_tickets(store, clock=late.clock, calendar=CALENDAR, state=None)
    assert (view.closing, view.due_state) == ("fixed", "late")


def test_an_urgent_ticket_has_a_shorter_day_of_its_own(store: Store) -> None:
    find(store)
    for wrong in (date(2026, 9, 23), date(2026, 10, 9), date(2026, 10, 20)):
        with pytest.raises(TicketRefused, match="紧急期限应在"):
            handling.mark_urgent(desk(store), FIRST, OFFICE, due=wrong, reason="今日开庭")
    with pytest.raises(TicketRefused, match="不能"):
        handling.mark_urgent(desk(store), FIRST, PROVIDER, due=date(2026, 9, 25), reason="今日开庭")
    handling.mark_urgent(desk(store), FIRST, OFFICE, due=date(2026, 9, 25), reason="今日开庭")
    assert (ticket(store).urgent, ticket(store).due_at) == (True, datetime(2026, 9, 25, 16, tzinfo=UTC))
    assert escalate(desk(store, day("2026-09-25", 23))) == ()
    assert escalate(desk(store, day("2026-09-26", 0))) == (FIRST,)


def test_urgent_before_it_is_dispatched_keeps_its_day(store: Store) -> None:
    find(store, **held())
    handling.mark_urgent(desk(store), FIRST, OFFICE, due=date(2026, 9, 25), reason="今日开庭")
    assert ticket(store).due_at is None
    handling.dispatch(desk(store), FIRST, OFFICE)
    assert ticket(store).due_date == date(2026, 9, 25)


def test_what_is_overdue_is_escalated_again_and_again_and_stays_open(store: Store) -> None:
    find(store)
    told = []
    for hours in range(0, 24 * 40, 6):
        at = day("2026-10-01", 0) + timedelta(hours=hours)
        if escalate(desk(store, at)):
            told.append(at.date())
            assert escalate(desk(store, at)) == ()
    # overdue from the 10th (a make-up Saturday, as is the 10th itself); then every five working days
    assert told == [date(2026, 10, 10), date(2026, 10, 16), date(2026, 10, 23), date(2026, 10, 30), date(2026, 11, 6)]
    assert (ticket(store).state, ticket(store).escalations) == ("open", 5)
    assert messages(store).count(("escalated", "office", "")) == 5


def test_a_claim_proves_nothing_and_a_delivery_that_still_fails_sends_it_back(store: Store) -> None:
    find(store)
    handling.claim_fixed(desk(store, day("2026-09-25")), FIRST, PROVIDER, "已更正")
    find(store, problem("1"), at=day("2026-09-26"))
    assert ticket(store).stage == "reviewing", "nothing was delivered since"
    again = problem("1", last_delivery="d2", last_seen_at=day("2026-09-27").astimezone(UTC), sightings=2)
    find(store, again, at=day("2026-09-27"))
    assert (ticket(store).stage, events(store)[-1].event, events(store)[-1].role) == ("handling", "review_failed", "system")
    handling.claim_fixed(desk(store, day("2026-09-28")), FIRST, PROVIDER)
    handling.send_back(desk(store, day("2026-09-28")), FIRST, OFFICE, "未见新的交付")
    handling.claim_fixed(desk(store, day("2026-09-28")), FIRST, PROVIDER)
    find(store, again | {"state": "closed", "closing": "passed"}, at=day("2026-09-29"))
    assert (ticket(store).stage, ticket(store).closing, ticket(store).claimed_at) == ("settled", "fixed", None)


def test_nobody_acts_on_another_agencys_ticket_or_on_a_stale_view(store: Store) -> None:
    find(store)
    stranger = replace(PROVIDER, agency="civil_affairs_bureau")
    with pytest.raises(TicketRefused, match="名下") as refused:
        handling.claim_fixed(desk(store), FIRST, stranger)
    assert refused.value.code == "tickets.not_yours"
    seen = ticket(store).version
    handling.claim_fixed(desk(store), FIRST, PROVIDER, version=seen)
    with pytest.raises(ConcurrentChange, match=FIRST):
        handling.send_back(desk(store), FIRST, OFFICE, "再看", version=seen)
    with pytest.raises(NotFound):
        handling.dispatch(desk(store), "T2026-999999", OFFICE)


def test_a_rejected_finding_stays_closed_while_it_stands_and_is_reopened_by_the_office(store: Store) -> None:
    find(store, **held())
    handling.reject(desk(store), FIRST, OFFICE, "规则有误")
    find(store, problem("1", sightings=2, last_delivery="d2"))
    assert (ticket(store).stage, ticket(store).closing) == ("dismissed", "rejected")
    with pytest.raises(TicketRefused, match="反馈的，不能由其重新打开"):
        handling.reopen(desk(store), FIRST, Actor("窗口", "user", "civil_affairs_bureau"), "仍不对")
    handling.reopen(desk(store), FIRST, OFFICE, "复核后受理")
    assert (ticket(store).stage, ticket(store).round, ticket(store).closing) == ("waiting", 2, None)


ACTIONS: dict[str, Callable[[Parts], object]] = {
    "reject": lambda here: handling.reject(here, FIRST, OFFICE, "重复"),
    "send_back": lambda here: handling.send_back(here, FIRST, OFFICE, "再看"),
    "approve": lambda here: handling.approve_extension(here, FIRST, OFFICE, until=date(2026, 11, 1)),
    "refuse": lambda here: handling.refuse_extension(here, FIRST, OFFICE, "否"),
    "reopen": lambda here: handling.reopen(here, FIRST, OFFICE, "再办"),
}


@pytest.mark.parametrize("action", list(ACTIONS))
def test_what_the_machine_does_not_know_is_refused_and_changes_nothing(store: Store, action: str) -> None:
    find(store)
    before = (ticket(store).version, len(events(store)))
    with pytest.raises(TicketRefused, match="的工单才可以"):
        ACTIONS[action](desk(store))
    assert (ticket(store).version, len(events(store))) == before


def test_a_ticket_is_what_its_events_add_up_to(store: Store) -> None:
    """A long life, rebuilt from its events alone."""
    find(store, problem("1"), problem("2"))
    handling.request_extension(desk(store), FIRST, PROVIDER, reason="改造", until=date(2026, 11, 2))
    handling.approve_extension(desk(store), FIRST, OFFICE)
    escalate(desk(store, day("2026-11-04")))
    handling.claim_fixed(desk(store, day("2026-11-05")), FIRST, PROVIDER)
    find(store, problem("1", closing="passed"), problem("2"), at=day("2026-11-06"))
    find(store, problem("1", closing="passed"), problem("2", closing="passed"), at=day("2026-11-07"))
    handling.reopen(desk(store, day("2026-11-09")), FIRST, OFFICE, "反馈方异议")
    assert len(events(store)) >= 9
    assert rebuilt(events(store)) == {name: getattr(ticket(store), name) for name in COLUMNS}
    assert {(event.policy_id, event.policy_version) for event in events(store)} == {(POLICY.id, POLICY.version)}

"""Overdue updates as tickets, on SQLite and PostgreSQL: one for one due moment, a count for each further miss, closed by an update."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import MetaData, Table, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.policy.calendar import load_calendar
from districtlake.policy.cycles import due_after
from districtlake.policy.pack import load_policy
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import Store, open_store
from districtlake.store.tables import Delivery, Ticket
from districtlake.supervision.timeliness import timeliness_frame, updates_due
from districtlake.tickets.outbox import write_packages
from districtlake.tickets.overdue import RULE, UpdateDue, raise_overdue
from districtlake.tickets.queries import ticket_events
from districtlake.tickets.raise_tickets import Raised, raise_tickets
from tests.problem_registers import register
from tests.small_district import NOTES, PEOPLE, open_small

pytest_plugins = ["tests.postgres_server"]

POLICY = load_policy([PROJECT_ROOT / "catalog"])
CALENDAR = load_calendar([])
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)


def day(number: int, hour: int = 9) -> datetime:
    return datetime(2026, 3, number, hour, 0, tzinfo=SHANGHAI)


def stands(resource: str = PEOPLE, after: str = "d2", missed: int = 1, **changes: Any) -> UpdateDue:
    due = due_after(MORNING, "daily", POLICY)
    assert due is not None
    update = UpdateDue(
        resource=resource, agency=resource.split(".")[0], after=after, missed=missed, undecided=False, cycle="daily", due_date=due.day,
        due_at=due.due_at, grace_until=due.grace_until, last_data_date=date(2026, 3, 2), last_received_at=MORNING.astimezone(UTC),
    )  # fmt: skip
    return replace(update, **changes)


def call(store: Store, at: datetime, *updates: UpdateDue) -> Raised:
    return raise_overdue(store, lambda session: updates, clock=FixedClock(at), policy=POLICY, calendar=CALENDAR)


def tickets(store: Store) -> list[Ticket]:
    with store.session(read_only=True) as session:
        return list(session.scalars(select(Ticket).order_by(Ticket.number)))


def events(store: Store, ticket: Ticket) -> list[str]:
    return [event.event for event in ticket_events(store, ticket.id)]


def test_it_opens_once_counts_each_further_miss_and_closes_with_the_update(store: Store) -> None:
    assert call(store, day(4), stands(missed=0)) == Raised()
    assert call(store, day(5), stands()) == Raised(new=("T2026-000001",))
    assert call(store, day(5, 10), stands()) == Raised()
    (ticket,) = tickets(store)
    assert (ticket.kind, ticket.rule_id, ticket.agency, ticket.resource, ticket.delivery_id) == (
        "overdue_update", RULE, "registry_bureau", PEOPLE, "d2",
    )  # fmt: skip
    assert (ticket.dimension, ticket.severity, ticket.problems, ticket.open_problems, ticket.sample_rows) == (
        "timeliness", "critical", 1, 1, [],
    )  # fmt: skip
    assert (ticket.received_at, ticket.due_date) == (day(5), date(2026, 3, 12)), "five working days from the receipt of the ticket"
    assert (ticket.terms["days"], ticket.terms["unit"], ticket.terms["article"]) == (5, "working_days", "第二十六条")
    assert ticket.terms["update"]["due_date"] == "2026-03-03"

    assert call(store, day(7), stands(missed=3)) == Raised(updated=("T2026-000001",))
    (again,) = tickets(store)
    assert (again.problems, again.open_problems, again.due_at) == (3, 3, ticket.due_at), "no new clock"

    assert call(store, day(8), stands(after="d8", missed=0, last_received_at=day(8))) == Raised(closed=("T2026-000001",))
    (closed,) = tickets(store)
    assert (closed.state, closed.closing, closed.closed_at, closed.problems, closed.open_problems) == ("closed", "updated", day(8), 3, 0)
    assert events(store, closed) == ["opened", "dispatched", "problems_changed", "closed"]
    assert ticket_events(store, closed.id)[-1].data["update"] == "d8"
    assert call(store, day(9), stands(after="d8", missed=0)) == Raised()


def test_an_update_and_the_next_delay_between_two_calls_are_two_tickets(store: Store) -> None:
    call(store, day(5), stands())
    raised = call(store, day(12), stands(after="d8", missed=2))
    assert raised == Raised(new=("T2026-000002",), closed=("T2026-000001",))
    assert [(ticket.state, ticket.closing, ticket.problems) for ticket in tickets(store)] == [("closed", "updated", 1), ("open", None, 2)]


def test_the_update_that_closed_it_is_withdrawn_the_same_ticket_goes_on(store: Store) -> None:
    call(store, day(5), stands())
    (before,) = tickets(store)
    call(store, day(6), stands(after="d6", missed=0))
    assert call(store, day(9), stands(missed=5)) == Raised(reopened=("T2026-000001",))
    (ticket,) = tickets(store)
    assert (ticket.state, ticket.closing, ticket.closed_at, ticket.open_problems) == ("open", None, None, 5)
    assert (ticket.due_at, ticket.received_at) == (before.due_at, before.received_at)


def test_what_waits_for_us_opens_nothing_and_closes_nothing(store: Store) -> None:
    assert call(store, day(5), stands(missed=1, undecided=True)) == Raised()
    call(store, day(5), stands())
    assert call(store, day(6), stands(missed=0, undecided=True)) == Raised()
    assert [ticket.state for ticket in tickets(store)] == ["open"]


def test_another_cycle_withdraws_it(store: Store) -> None:
    call(store, day(5), stands())
    assert call(store, day(6), stands(missed=0, cycle="weekly")) == Raised(closed=("T2026-000001",))
    assert [ticket.closing for ticket in tickets(store)] == ["withdrawn"]


def test_a_resource_that_was_never_delivered(store: Store) -> None:
    call(store, day(5), stands(after="", last_received_at=None, last_data_date=None))
    assert call(store, day(6), stands(after="d6", missed=0)) == Raised(closed=("T2026-000001",))
    assert [(ticket.delivery_id, ticket.closing) for ticket in tickets(store)] == [("", "updated")]


def test_resources_not_named_keep_their_tickets(store: Store) -> None:
    call(store, day(5), stands(), stands(NOTES))
    assert call(store, day(6), stands(NOTES, after="n6", missed=0)) == Raised(closed=("T2026-000001",))
    assert {ticket.resource: ticket.state for ticket in tickets(store)} == {PEOPLE: "open", NOTES: "closed"}


def test_the_problem_register_has_no_say_in_it(store: Store) -> None:
    call(store, day(5), stands())
    empty = register().clear() if register().height else register()
    raised = raise_tickets(store, empty, clock=FixedClock(day(6)), policy=POLICY, calendar=CALENDAR, resource=PEOPLE)
    assert raised == Raised()
    assert [ticket.state for ticket in tickets(store)] == ["open"]


def test_two_routers_at_once_open_it_once(store_url: str) -> None:
    barrier, failures = threading.Barrier(2), list[BaseException]()

    def router() -> None:
        try:
            with open_store(store_url) as store:
                barrier.wait()
                call(store, day(5), *(stands(f"registry_bureau.r{number}") for number in range(20)))
        except BaseException as error:
            failures.append(error)

    open_store(store_url).close()
    threads = [threading.Thread(target=router) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_store(store_url) as store:
        assert [ticket.number for ticket in tickets(store)] == [f"T2026-{number:06d}" for number in range(1, 21)]
        assert {tuple(events(store, ticket)) for ticket in tickets(store)} == {("opened", "dispatched")}


def test_a_crash_at_any_write_leaves_all_of_it_or_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is one transaction: break it after its first, second, … flush, until one call goes through."""
    call(store, day(5), stands())
    changes = (stands(after="d8", missed=2), stands(NOTES, after="n2"))
    flush = Session.flush
    for broken_at in range(1, 20):
        calls = 0

        def flush_and_break(session: Session, *arguments: Any, broken_at: int = broken_at, **options: Any) -> None:
            nonlocal calls
            flush(session, *arguments, **options)
            calls += 1
            if calls == broken_at:
                raise KeyboardInterrupt

        monkeypatch.setattr(Session, "flush", flush_and_break)
        try:
            call(store, day(9), *changes)
        except KeyboardInterrupt:
            monkeypatch.setattr(Session, "flush", flush)
            assert [(ticket.number, ticket.state) for ticket in tickets(store)] == [("T2026-000001", "open")]
            continue
        break
    else:
        pytest.fail("it never went through")
    monkeypatch.setattr(Session, "flush", flush)
    assert broken_at > 1
    assert [(ticket.number, ticket.state) for ticket in tickets(store)] == [
        ("T2026-000001", "closed"), ("T2026-000002", "open"), ("T2026-000003", "open"),
    ]  # fmt: skip


# -- read from the ledger ---------------------------------------------------------------------------------------------


@pytest.fixture
def district(tmp_path: Path, store: Store) -> District:
    opened = open_small(tmp_path)
    opened.store.close()
    return replace(opened, store=store, policy=POLICY, calendar=CALENDAR)


def received(district: District, resource: str, at: datetime, **changes: Any) -> None:
    name = f"{resource.split('.')[1]}_{at:%Y%m%d}.csv"
    values = {
        "id": name, "agency": resource.split(".")[0], "resource": resource, "mode": "snapshot", "file_name": name, "source_path": name,
        "sha256": f"{at:%d}" * 32, "bytes": 1, "data_date": at.date(), "received_by": "test", "order_key": f"{at:%Y-%m-%d} 0 {name}",
        "received_at": at, "state": "done",
    }  # fmt: skip
    with district.store.session() as session:
        session.add(Delivery(**{**values, **changes}))
    ledger.looked(district.store, at)


def raise_from(district: District, now: datetime) -> Raised:
    at = replace(district, clock=FixedClock(now))
    return raise_overdue(
        at.store, lambda session: updates_due(at, session), clock=at.clock, policy=at.policy, calendar=at.calendar
    )  # fmt: skip


def test_nothing_is_overdue_of_what_nobody_has_looked_for(district: District) -> None:
    received(district, PEOPLE, day(2))
    # the system was down for a week; whether the files came lies in the inbox
    assert raise_from(district, day(10)) == Raised()
    ledger.looked(district.store, day(4, 23))
    assert raise_from(district, day(10)) == Raised()
    ledger.looked(district.store, day(10))
    assert raise_from(district, day(10, 10)) == Raised(new=("T2026-000001",))
    (ticket,) = tickets(district.store)
    assert (ticket.resource, ticket.problems, ticket.delivery_id) == (PEOPLE, 6, "people_20260302.csv")


def test_resources_that_never_came_get_no_ticket_unless_the_catalogue_says_since_when(district: District) -> None:
    ledger.looked(district.store, day(10))
    assert raise_from(district, day(10)) == Raised()
    entries = dict(district.catalog.resources)
    entries[NOTES] = entries[NOTES].model_copy(update={"provided_from": date(2026, 3, 6)})
    dated = replace(district, catalog=district.catalog.model_copy(update={"resources": entries}))
    ledger.looked(dated.store, day(7))
    assert raise_from(dated, day(7)) == Raised()
    ledger.looked(dated.store, day(8, 0))
    assert raise_from(dated, day(8, 0)) == Raised(new=("T2026-000001",))
    assert [(ticket.resource, ticket.delivery_id, ticket.terms["update"]["due_date"]) for ticket in tickets(dated.store)] == [
        (NOTES, "", "2026-03-06")
    ]


def test_held_failed_and_released_deliveries(district: District) -> None:
    received(district, PEOPLE, day(2))
    received(district, PEOPLE, day(4), state="failed")
    ledger.looked(district.store, day(5))
    assert raise_from(district, day(5)) == Raised(), "the provider has delivered; that it failed is ours"
    ledger.looked(district.store, day(7))
    assert raise_from(district, day(7)) == Raised(new=("T2026-000001",)), "but that was one update, not a licence"
    received(district, PEOPLE, day(8), state="held")
    assert raise_from(district, day(8)) == Raised(updated=("T2026-000001",)), "a file that was stopped updates nothing"
    with district.store.session() as session:
        session.get_one(Delivery, "people_20260308.csv").state = "done"
    ledger.looked(district.store, day(9))
    assert raise_from(district, day(9)) == Raised(closed=("T2026-000001",)), "released, it counts from its receipt"


def test_the_frame_says_the_same_as_the_tickets(district: District) -> None:
    received(district, PEOPLE, day(2))
    received(district, NOTES, day(9), data_date=date(2026, 1, 9))
    raise_from(district, day(9))
    frame = timeliness_frame(replace(district, clock=FixedClock(day(9))))
    by_resource = {row["resource"]: row for row in frame.iter_rows(named=True)}
    assert {name: row["state"] for name, row in by_resource.items()} == {
        PEOPLE: "overdue", NOTES: "not_due", "registry_bureau.payments": "never_delivered", "registry_bureau.visits": "never_delivered",
    }  # fmt: skip
    assert by_resource[PEOPLE]["missed"] == tickets(district.store)[0].problems == 5
    assert (by_resource[NOTES]["data_lag_days"], by_resource[NOTES]["data_lagging"]) == (59, True)


def test_the_package_has_a_line_without_rows(district: District, tmp_path: Path) -> None:
    received(district, PEOPLE, day(2))
    ledger.looked(district.store, day(9))
    raise_from(district, day(9))

    def no_register(resource: str) -> Any:
        raise AssertionError("an overdue update has no rows to look up")

    clock = FixedClock(day(9))
    (package,) = write_packages(district.store, no_register, district.catalog, tmp_path / "outbox", clock, policy=POLICY)
    assert (package.tickets, package.rows) == (1, 0)
    book = openpyxl.load_workbook(tmp_path / "outbox" / package.file)
    assert book.sheetnames == ["说明", "工单", "更新逾期"]
    head, line = book["更新逾期"].iter_rows(values_only=True)
    shown = dict(zip(head, line, strict=True))
    assert (shown["资源"], shown["更新周期"], shown["最近数据日期"], shown["最近接收"]) == (
        "人员",
        "每日",
        "2026-03-02",
        "2026-03-02 09:00",
    )
    assert (shown["应更新至"], shown["宽限至"], shown["已错过期数"]) == ("2026-03-03", "2026-03-04 24:00", 5)
    _, ticket = book["工单"].iter_rows(values_only=True)
    assert ticket[1] == "更新逾期"
    assert "连续 5 期未更新" in ticket
    guide = "\n".join(str(cell) for row in book["说明"].iter_rows(values_only=True) for cell in row if cell)
    assert "入仓后" in guide
    assert "问题明细" not in guide
    assert "第二十六条" in guide


@pytest.mark.usefixtures("real_migrations")
def test_tickets_of_before_survive_the_migration(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is rebuilt on SQLite: its rows, the events that refer to them, and the refusal of unknown kinds stay."""
    from alembic import command

    upgrade = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", lambda config, revision: upgrade(config, "0003"))
        with open_store(store_url) as store, store.engine.begin() as connection:
            old = {name: Table(name, MetaData(), autoload_with=connection) for name in ("tickets", "ticket_events")}
            at = datetime(2026, 3, 2, 9) if store.dialect == "sqlite" else MORNING  # noqa: DTZ001 - as SQLite keeps it
            connection.execute(
                old["tickets"].insert().values(
                    id="t", number="T2026-000001", agency="registry_bureau", resource=PEOPLE, delivery_id="d2", rule_id="name.required",
                    rule_title="必填", dimension="completeness", severity="critical", on_failure="quarantine", kind="problem",
                    state="open", problems=1, open_problems=1, sample_rows=[2], opened_at=at, received_at=at, due_date=date(2026, 3, 9),
                    due_at=at, provisional=False, terms={}, policy_id="p", policy_version="1", version=1,
                )
            )  # fmt: skip
            connection.execute(old["ticket_events"].insert().values(ticket_id="t", at=at, event="opened", actor="system", data={}))
            connection.execute(text("INSERT INTO ticket_numbers (year, last) VALUES (2026, 1)"))
    with open_store(store_url) as store:
        (ticket,) = tickets(store)
        assert (ticket.kind, ticket.number, events(store, ticket)[:1]) == ("problem", "T2026-000001", ["opened"])
        call(store, day(6), stands(NOTES))
        assert [found.kind for found in tickets(store)] == ["problem", "overdue_update"]
        with pytest.raises(IntegrityError, match="kind_known"), store.session() as session:
            session.execute(text("UPDATE tickets SET kind = 'unknown'"))
        with pytest.raises(DBAPIError, match="append-only"), store.session() as session:
            session.execute(text("DELETE FROM ticket_events"))
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"), store.session() as session:
            session.execute(text("UPDATE tickets SET id = 'other' WHERE id = 't'"))

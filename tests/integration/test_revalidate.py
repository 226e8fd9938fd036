"""A changed rule is asked of the rows that stand: who goes, who comes back, what is raised and closed, once, whatever kills it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.delivery.confirmed_rows import release_confirmed
from districtlake.delivery.district import District
from districtlake.delivery.operations import reprocess, withdraw
from districtlake.delivery.process import Engine
from districtlake.delivery.revalidate import Revalidated, revalidate_outdated
from districtlake.delivery.rule_record import outdated
from districtlake.store.tables import AuditEvent, Operation, Ticket
from districtlake.tickets.dispositions import confirm_correct, revoke_waivers
from districtlake.tickets.machine import Actor
from districtlake.warehouse.commit import read
from pipelines.routing import route
from tests.plain_validator import validate
from tests.running import run_folder, tables
from tests.small_district import NOON, PAYMENTS, PEOPLE, VISITS, Row, day, deliver, open_small, write_catalog

ROWS: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 60, None), ("A3", "丙", 150, None), ("A4", "一个过长的名称啊啊", 4, None)]
LATER = NOON + timedelta(days=1)


def engine(committed: Callable[[str], None] = lambda layer: None) -> Engine:
    found = Engine(validator=validate)
    found.hooks.committed = committed
    return found


def at(district: District, moment: Any) -> District:
    return replace(district, clock=FixedClock(moment))


def give(district: District, name: str, rows: list[Row]) -> None:
    deliver(district.settings.inbox, name, rows)
    run_folder(district, district.settings.inbox, engine())
    route(district)


def edit(folder: Path, resource: str, *changes: tuple[str, str]) -> None:
    """Change the text of a resource's entry; each change must find its place."""
    path = folder / "catalog" / "resources" / f"{resource.replace('.', '/')}.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def reopen(district: District, folder: Path, moment: Any = LATER) -> District:
    """The district with the catalogue as it now is."""
    district.store.close()
    return at(open_small(folder), moment)


def warehouse(district: District, resource: str) -> dict[str, tuple[Any, bool]]:
    return {row["code"]: (row["amount"], row["_stale"]) for row in read(district.lake, "warehouse", resource).to_dicts()}


def quarantine(district: District, resource: str) -> dict[str, list[str]]:
    return {row["code"]: row["rules"] for row in read(district.lake, "quarantine", resource).to_dicts()}


def open_problems(district: District, resource: str) -> set[tuple[str, str]]:
    rows = read(district.lake, "problems", resource).to_dicts()
    return {(row["rule"], row["key"]) for row in rows if row["state"] == "open"}


def tickets(district: District) -> list[tuple[str, str, str | None, int]]:
    with district.store.session(read_only=True) as session:
        return [(t.rule_id, t.state, t.closing, t.open_problems) for t in session.scalars(select(Ticket).order_by(Ticket.number))]


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    found = open_small(tmp_path)
    with found.store:
        yield found


def only(results: list[Revalidated]) -> Revalidated:
    (one,) = results
    assert one.error is None, one.error
    return one


@pytest.mark.parametrize("resource", [PEOPLE, PAYMENTS])
def test_a_tightened_rule_withholds_rows_that_stand_and_keeps_their_version(resource: str, district: District, tmp_path: Path) -> None:
    name = resource.split(".")[1]
    give(district, f"{name}_{day(1)}.csv", ROWS)
    give(district, f"{name}_{day(2)}.csv", [*ROWS, ("A5", "戊", 70, None)] if resource == PEOPLE else [("A5", "戊", 70, None)])
    assert outdated(district) == {}
    edit(tmp_path, resource, ("max: 100", "max: 50"))
    later = reopen(district, tmp_path)
    assert outdated(later)[resource].words() == "变更 amount.range"
    done = only(revalidate_outdated(later, engine()))
    assert (done.rows, done.quarantined, done.released, done.opened, done.closed) == (5, 2, 0, 2, 0)
    assert warehouse(later, resource) == {"A1": (1, False), "A2": (60, True), "A4": (4, False), "A5": (70, True)}
    assert quarantine(later, resource) == {"A2": ["amount.range"], "A3": ["amount.range"], "A5": ["amount.range"]}
    register = {row["key"]: row for row in read(later.lake, "problems", resource).to_dicts() if row["rule"] == "amount.range"}
    brought = day(2) if resource == PEOPLE else day(1)
    assert brought in register["A2"]["first_delivery"]
    assert day(2) in register["A5"]["first_delivery"]
    assert register["A3"]["revalidation"] is None, "it was known before"
    before = tables(later)
    assert revalidate_outdated(later, engine()) == []
    assert tables(later) == before
    with later.store.session(read_only=True) as session:
        operation = session.scalars(select(Operation).where(Operation.kind == "revalidate")).one()
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "resource.revalidate")).one()
    assert (operation.state, operation.counts["failing"]["amount.range"]) == ("done", 3)
    assert (event.object_id, event.reason) == (resource, "规则已变：变更 amount.range")
    later.store.close()


def test_a_loosened_rule_releases_rows_and_closes_problems(district: District, tmp_path: Path) -> None:
    give(district, f"people_{day(1)}.csv", ROWS)
    give(district, f"people_{day(2)}.csv", [*ROWS[:2], ("A3", "丙", 180, None), ROWS[3]])
    assert [ticket[:2] for ticket in tickets(district)] == [("amount.range", "open"), ("name.brief", "open")]
    edit(tmp_path, PEOPLE, ("max: 100", "max: 200"), ("max_value: 8", "max_value: 20"))
    later = reopen(district, tmp_path)
    done = only(revalidate_outdated(later, engine()))
    assert (done.released, done.quarantined, done.opened, done.closed) == (1, 0, 0, 2)
    assert warehouse(later, PEOPLE)["A3"] == (180, False)
    assert quarantine(later, PEOPLE) == {}
    route(later)
    assert [ticket[1:3] for ticket in tickets(later)] == [("closed", "fixed"), ("closed", "fixed")]
    later.store.close()


def test_a_removed_rule_closes_its_problems_and_a_new_one_opens_a_ticket_with_its_own_clock(district: District, tmp_path: Path) -> None:
    give(district, f"payments_{day(1)}.csv", ROWS)
    edit(tmp_path, PAYMENTS, ("id: name.brief", "id: name.short"), ("max_value: 8", "max_value: 1"))
    later = reopen(district, tmp_path)
    assert outdated(later)[PAYMENTS].words() == "新增 name.short；删除 name.brief"
    revalidate_outdated(later, engine())
    register = read(later.lake, "problems", PAYMENTS).to_dicts()
    assert {(row["rule"], row["state"], row["closing"]) for row in register} == {
        ("name.brief", "closed", "rule_removed"), ("name.short", "open", None), ("amount.range", "open", None),
    }  # fmt: skip
    route(later)
    with later.store.session(read_only=True) as session:
        found = {ticket.rule_id: ticket for ticket in session.scalars(select(Ticket))}
    assert found["name.brief"].closing == "withdrawn"
    assert found["name.short"].received_at == LATER.astimezone(found["name.short"].received_at.tzinfo)  # type: ignore[union-attr]
    later.store.close()


def test_more_rows_under_a_stricter_rule_do_not_inherit_the_old_deadline(district: District, tmp_path: Path) -> None:
    give(district, f"payments_{day(1)}.csv", ROWS)  # A3 fails; its ticket runs
    edit(tmp_path, PAYMENTS, ("max: 100", "max: 50"))
    later = reopen(district, tmp_path, NOON + timedelta(days=20))
    revalidate_outdated(later, engine())
    route(later)
    with later.store.session(read_only=True) as session:
        found = list(session.scalars(select(Ticket).where(Ticket.rule_id == "amount.range").order_by(Ticket.number)))
    assert [(ticket.state, ticket.open_problems) for ticket in found] == [("open", 1), ("open", 1)]
    assert found[0].due_at is not None
    assert found[1].due_at is not None
    assert found[0].due_at < later.clock.now() < found[1].due_at
    later.store.close()


def test_a_flipped_rule_comes_back_as_a_new_round(district: District, tmp_path: Path) -> None:
    give(district, f"payments_{day(1)}.csv", ROWS)
    edit(tmp_path, PAYMENTS, ("max: 100", "max: 200"))
    later = reopen(district, tmp_path)
    revalidate_outdated(later, engine())
    route(later)
    edit(tmp_path, PAYMENTS, ("max: 200", "max: 100"))
    again = reopen(later, tmp_path, NOON + timedelta(days=30))
    done = only(revalidate_outdated(again, engine()))
    assert (done.quarantined, done.opened) == (1, 1)
    assert warehouse(again, PAYMENTS)["A3"] == (150, True), "it was accepted once: its version stays, stale"
    route(again)
    with again.store.session(read_only=True) as session:
        ticket = session.scalars(select(Ticket).where(Ticket.rule_id == "amount.range")).one()
    assert (ticket.state, ticket.round) == ("open", 2)
    assert ticket.due_at is not None
    assert ticket.due_at > again.clock.now()
    again.store.close()


def test_rows_without_a_key_and_a_rule_from_a_day_to_come(district: District, tmp_path: Path) -> None:
    give(district, f"visits_{day(1)}.csv", ROWS)
    give(district, f"visits_{day(2)}.csv", [("B1", "己", 80, None)])
    edit(tmp_path, VISITS, ("min: 0, max: 100", "min: 0, max: 50, rules: {range: {version: 2, effective_from: 2026-03-08}}"))
    before = reopen(district, tmp_path, LATER)  # 7 March: not yet
    assert only(revalidate_outdated(before, engine())).released == 1, "the rule is not evaluated until its day"
    assert ("amount.range" in {rule for rule, _ in open_problems(before, VISITS)}) is True, "and closes nothing"
    assert revalidate_outdated(before, engine()) == []
    due = at(before, NOON + timedelta(days=2))
    assert outdated(due)[VISITS].words() == "开始生效 amount.range"
    done = only(revalidate_outdated(due, engine()))
    assert done.quarantined == 3
    assert {
        row["amount"] for row in read(due.lake, "warehouse", VISITS).filter(~read(due.lake, "warehouse", VISITS)["_stale"]).to_dicts()
    } == {1, 4}
    due.store.close()


def test_a_new_snapshot_leaves_nothing_to_do_and_an_increment_does(district: District, tmp_path: Path) -> None:
    give(district, f"people_{day(1)}.csv", ROWS)
    give(district, f"payments_{day(1)}.csv", ROWS)
    for resource in (PEOPLE, PAYMENTS):
        edit(tmp_path, resource, ("max: 100", "max: 50"))
    later = reopen(district, tmp_path)
    give(later, f"people_{day(3)}.csv", [*ROWS, ("A8", "辛", 8, None)])
    give(later, f"payments_{day(3)}.csv", [("A7", "庚", 7, None)])
    assert set(outdated(later)) == {PAYMENTS}
    assert only(revalidate_outdated(later, engine())).quarantined == 1
    later.store.close()


def test_back_to_the_old_rule_after_an_increment_under_the_new_one(district: District, tmp_path: Path) -> None:
    give(district, f"payments_{day(1)}.csv", ROWS)
    edit(tmp_path, PAYMENTS, ("max: 100", "max: 50"))
    later = reopen(district, tmp_path)
    give(later, f"payments_{day(2)}.csv", [("A7", "庚", 70, None)])
    edit(tmp_path, PAYMENTS, ("max: 50", "max: 100"))
    again = reopen(later, tmp_path)
    assert outdated(again)[PAYMENTS].words() == "现有行曾按不同的规则校验"
    assert only(revalidate_outdated(again, engine())).released == 1
    assert warehouse(again, PAYMENTS)["A7"] == (70, False)
    again.store.close()


def test_a_confirmation_that_ran_out_or_was_revoked_is_asked_again_without_a_delivery(district: District) -> None:
    give(district, f"payments_{day(1)}.csv", ROWS)
    with district.store.session(read_only=True) as session:
        numbers = {ticket.rule_id: ticket.number for ticket in session.scalars(select(Ticket))}
    registrar = Actor("登记科", "provider", "registry_bureau")

    def confirm(number: str, days: int) -> None:
        until = (NOON + timedelta(days=days)).date()
        confirm_correct(
            district,
            number,
            registrar,
            lambda one: read(district.lake, "problems", one),
            district.catalog,
            explanation="已核对",
            until=until,
        )

    confirm(numbers["amount.range"], 5)
    confirm(numbers["name.brief"], 20)
    later = at(district, NOON + timedelta(minutes=5))
    release_confirmed(later, engine)
    route(later)
    assert open_problems(later, PAYMENTS) == set()
    assert revalidate_outdated(at(district, NOON + timedelta(days=5)), engine()) == []
    over = at(district, NOON + timedelta(days=6))
    assert outdated(over)[PAYMENTS].words() == "确认无误到期或被撤销"
    assert only(revalidate_outdated(over, engine())).quarantined == 1
    assert open_problems(over, PAYMENTS) == {("amount.range", "A3")}
    route(over)
    assert ("amount.range", "open", None, 1) in tickets(over)
    assert revalidate_outdated(over, engine()) == []
    after = at(district, NOON + timedelta(days=7))
    revoke_waivers(after, numbers["name.brief"], Actor("值班", "office"), "查证有误")
    assert outdated(at(district, NOON + timedelta(days=7, minutes=1)))[PAYMENTS].waivers_ended
    revalidate_outdated(at(district, NOON + timedelta(days=7, minutes=1)), engine())
    assert ("name.brief", "A4") in open_problems(district, PAYMENTS)


def test_a_confirmation_is_for_one_version_of_its_rule(district: District, tmp_path: Path) -> None:
    give(district, f"payments_{day(1)}.csv", [*ROWS[:3]])
    with district.store.session(read_only=True) as session:
        number = session.scalars(select(Ticket.number)).one()
    registrar = Actor("登记科", "provider", "registry_bureau")
    confirm_correct(district, number, registrar, lambda one: read(district.lake, "problems", one), district.catalog, explanation="已核对")
    release_confirmed(at(district, NOON + timedelta(minutes=5)), engine)
    route(district)
    edit(tmp_path, PAYMENTS, ("max: 100}", "max: 120}"))  # another bound, the same question: the confirmation holds
    same = reopen(district, tmp_path)
    assert only(revalidate_outdated(same, engine())).opened == 0
    edit(tmp_path, PAYMENTS, ("max: 120}", "max: 120, rules: {range: {version: 2}}}"))
    raised = reopen(same, tmp_path)
    assert only(revalidate_outdated(raised, engine())).opened == 1
    route(raised)
    assert tickets(raised)[0][:3] == ("amount.range", "open", None)
    raised.store.close()


def test_withdrawing_and_reprocessing_after_a_revalidation(district: District, tmp_path: Path) -> None:
    give(district, f"payments_{day(1)}.csv", ROWS)
    give(district, f"payments_{day(2)}.csv", [("A5", "戊", 70, None)])
    edit(tmp_path, PAYMENTS, ("max: 100", "max: 50"))
    later = reopen(district, tmp_path)
    revalidate_outdated(later, engine())
    route(later)
    before = tickets(later)
    from tests.small_district import deliveries

    known = deliveries(later)
    reprocess(later, known[f"payments_{day(1)}.csv"].id, engine(), actor="处长", reason="复核")
    route(later)
    assert tickets(later) == before, "folding the deliveries again is no new finding"
    assert outdated(later) == {}
    withdraw(later, known[f"payments_{day(2)}.csv"].id, engine(), actor="处长", reason="误报")
    assert set(quarantine(later, PAYMENTS)) == {"A2", "A3"}
    later.store.close()


@pytest.mark.parametrize("stop", ["quarantine", "problems", "history", "warehouse"])
def test_killed_between_its_commits_it_ends_as_if_it_had_not_been(stop: str, district: District, tmp_path: Path) -> None:
    give(district, f"payments_{day(1)}.csv", ROWS)
    give(district, f"payments_{day(2)}.csv", [("A3", "丙", 160, None), ("A1", "甲", 120, None)])
    edit(
        tmp_path,
        PAYMENTS,
        ("max: 100", "max: 130"),
        ("max_value: 8", "max_value: 1"),
    )
    later = reopen(district, tmp_path)

    class Killed(BaseException):
        pass

    def die(layer: str) -> None:
        if layer == stop:
            raise Killed

    with pytest.raises(Killed):
        revalidate_outdated(later, engine(die))
    told: list[str] = []
    again = engine()
    again.hooks.tell = told.append
    results = revalidate_outdated(later, again)
    if stop == "warehouse":
        assert results == [], "it had passed its commit point: only its record was open"
    else:
        assert only(results).released == 1
    assert warehouse(later, PAYMENTS) == {"A1": (120, False), "A2": (60, False), "A4": (4, False)}
    assert set(quarantine(later, PAYMENTS)) == {"A3"}
    assert ("name.brief", "A4") in open_problems(later, PAYMENTS)
    assert outdated(later) == {}
    with later.store.session(read_only=True) as session:
        states = [op.state for op in session.scalars(select(Operation).where(Operation.kind == "revalidate").order_by(Operation.id))]
    assert states == (["done"] if stop == "warehouse" else ["failed", "done"])
    later.store.close()


def test_a_state_folder_from_before_is_asked_once(district: District) -> None:
    from sqlalchemy import delete

    from districtlake.store.tables import JudgedRules

    give(district, f"people_{day(1)}.csv", ROWS)
    with district.store.session() as session:
        session.execute(delete(JudgedRules))
    before = dict(tables(district).items())
    assert outdated(district)[PEOPLE].unknown
    done = only(revalidate_outdated(district, engine()))
    assert (done.released, done.quarantined, done.opened, done.closed, done.unplaced) == (0, 0, 0, 0, 0)
    assert tables(district) == before
    assert outdated(district) == {}


def test_the_catalogue_of_the_small_district_is_what_these_tests_edit(tmp_path: Path) -> None:
    assert "max: 100" in (write_catalog(tmp_path) / "resources" / "registry_bureau" / "people.yaml").read_text(encoding="utf-8")

"""Confirmed correct, through the whole way: the row leaves quarantine, stays out of it, and comes back when the confirmation is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.delivery.confirmed_rows import release_confirmed
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine
from districtlake.store.tables import Ticket
from districtlake.tickets.dispositions import confirm_correct
from districtlake.tickets.machine import Actor, TicketRefused
from districtlake.warehouse.commit import read
from pipelines.routing import route
from tests.plain_validator import validate
from tests.running import run_folder, tables
from tests.small_district import NOON, PAYMENTS, PEOPLE, Row, day, deliver, open_small

GOOD: list[Row] = [("A1", "甲", 1, None), ("A3", "丙", 3, None)]
ODD: Row = ("A2", "乙", 200, None)  # amount.range allows 100
REGISTRAR = Actor("登记科", "provider", "registry_bureau")


def engine() -> Engine:
    return Engine(validator=validate)


def at(district: District, moment: datetime) -> District:
    return replace(district, clock=FixedClock(moment))


def give(district: District, name: str, rows: list[Row]) -> None:
    deliver(district.settings.inbox, name, rows)
    run_folder(district, district.settings.inbox, engine())
    route(district)


def state(district: District, resource: str) -> tuple[list[str], list[str]]:
    """Codes in the warehouse, and in quarantine."""
    return (
        sorted(read(district.lake, "warehouse", resource)["code"].to_list()),
        sorted(read(district.lake, "quarantine", resource)["code"].to_list()),
    )


def tickets(district: District) -> list[tuple[str, str, str | None]]:
    with district.store.session(read_only=True) as session:
        return [(t.rule_id, t.stage, t.closing) for t in session.scalars(select(Ticket).order_by(Ticket.number))]


def confirm(district: District, **options: Any) -> None:
    with district.store.session(read_only=True) as session:
        number = session.scalars(select(Ticket.number).where(Ticket.state == "open")).one()
    confirm_correct(
        district,
        number,
        REGISTRAR,
        lambda resource: read(district.lake, "problems", resource),
        district.catalog,
        explanation="已核对原始凭证",
        **options,
    )


@pytest.fixture
def district(tmp_path: Path) -> Any:
    found = open_small(tmp_path)
    with found.store:
        yield found


def test_an_increments_row_is_released_at_once_and_only_once(district: District) -> None:
    give(district, f"payments_{day(1)}.csv", [*GOOD, ODD])
    give(district, f"payments_{day(2)}.csv", [("A4", "丁", 4, None)])
    assert state(district, PAYMENTS) == (["A1", "A3", "A4"], ["A2"])
    assert release_confirmed(district, engine) == [], "nothing was confirmed"
    confirm(district)
    later = at(district, NOON + timedelta(minutes=5))
    assert {outcome.state for outcome in release_confirmed(later, engine)} == {"done"}
    assert state(later, PAYMENTS) == (["A1", "A2", "A3", "A4"], [])
    register = read(district.lake, "problems", PAYMENTS)
    assert register.filter(register["state"] == "open").height == 0
    before = tables(later)
    assert release_confirmed(later, engine) == []
    assert tables(later) == before
    route(later)
    assert tickets(later) == [("amount.range", "settled", "confirmed")]
    results = read(later.lake, "results", PAYMENTS)
    told = results.filter((results["rule"] == "amount.range") & (results["_delivery"].str.contains(day(1))))
    assert told.select("failed", "evaluated").rows() == [(1, 3)], "the check says what it found, waived or not"


def test_the_next_snapshot_releases_it_and_an_expired_waiver_raises_it_again(district: District) -> None:
    give(district, f"people_{day(1)}.csv", [*GOOD, ODD])
    assert state(district, PEOPLE)[1] == ["A2"]
    confirm(district, until=(NOON + timedelta(days=1)).date())
    give(at(district, NOON + timedelta(days=1)), f"people_{day(2)}.csv", [*GOOD, ODD, ("A5", "戊", 5, None)])
    assert state(district, PEOPLE) == (["A1", "A2", "A3", "A5"], [])
    register = read(district.lake, "problems", PEOPLE)
    assert register.select("state", "closing").rows() == [("closed", "waived")]
    assert tickets(district) == [("amount.range", "settled", "confirmed")]
    give(at(district, NOON + timedelta(days=2)), f"people_{day(3)}.csv", [*GOOD, ODD, ("A5", "戊", 6, None)])
    assert state(district, PEOPLE)[1] == ["A2"]
    assert tickets(district) == [("amount.range", "handling", None)]


def test_another_value_is_not_covered(district: District) -> None:
    give(district, f"people_{day(1)}.csv", [*GOOD, ODD])
    confirm(district)
    give(at(district, NOON + timedelta(days=1)), f"people_{day(2)}.csv", [*GOOD, ("A2", "乙", 999, None)])
    assert state(district, PEOPLE)[1] == ["A2"]
    assert tickets(district) == [("amount.range", "handling", None)]


def test_two_rows_with_one_key_cannot_be_confirmed_and_it_is_said_beforehand(district: District) -> None:
    give(district, f"payments_{day(1)}.csv", [*GOOD, ("A7", "庚", 7, None), ("A7", "辛", 8, None)])
    assert tickets(district) == [("key.unique", "handling", None)]
    with pytest.raises(TicketRefused, match="主键重复或无法识别"):
        confirm(district)
    assert tickets(district) == [("key.unique", "handling", None)]
    assert state(district, PAYMENTS) == (["A1", "A3"], ["A7", "A7"])


def test_a_value_without_a_typed_form_cannot_be_confirmed_and_it_is_said_what_to_do(district: District) -> None:
    give(district, f"payments_{day(1)}.csv", [*GOOD, ("A7", "庚", "三个", None), ("A8", "辛", 500, None)])
    assert state(district, PAYMENTS) == (["A1", "A3"], ["A7", "A8"])
    register = read(district.lake, "problems", PAYMENTS)
    (lost,) = register.filter(register["rule"] == "amount.conforms")["problem_id"]
    with district.store.session(read_only=True) as session:
        number = session.scalars(select(Ticket.number).where(Ticket.rule_id == "amount.conforms")).one()
    with pytest.raises(TicketRefused, match="不能按数据项的类型保存（数量）") as refused:
        confirm_correct(district, number, REGISTRAR, lambda one: register, district.catalog, explanation="属实", problems=[lost])
    assert "沟通解决" in refused.value.hint
    assert ("amount.conforms", "handling", None) in tickets(district)

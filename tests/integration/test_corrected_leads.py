"""A corrected value written into the returned package for a lead: it mends the row of whichever agency was asked, or is refused by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.comparison.compare import compare
from districtlake.delivery.corrected_rows import take_package
from districtlake.delivery.district import District, open_district
from districtlake.store.tables import Package, Ticket
from districtlake.tickets.answers import Answered
from districtlake.tickets.dispositions import confirm_correct
from districtlake.tickets.machine import Actor
from districtlake.warehouse.commit import read
from districtlake.warehouse.leads import findings, read_leads
from pipelines.routing import route
from tests.running import run_pending
from tests.small_comparison import YAML, write_comparison
from tests.small_district import NOON, NOTES, PEOPLE, day, deliver, small_settings
from tests.small_marts import process

REGISTRY, OTHER = Actor("登记局数据岗", "provider", "registry_bureau"), Actor("邻局数据岗", "provider", "other_bureau")
ONE_ITEM = YAML.replace("columns: {name: name, amount: amount}", "columns: {name: name}")
Opened = Callable[[str], District]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens the district of a comparison: of two people the other bureau knows another name; one is unknown there."""
    districts: list[District] = []

    def open_it(comparison: str) -> District:
        write_comparison(tmp_path / "catalog", comparison)
        district = open_district(small_settings(tmp_path), clock=FixedClock(NOON))
        districts.append(district)
        inbox = district.settings.inbox
        deliver(inbox, f"people_{day(2)}.csv", [("001", "张三", 1, "甲"), ("002", "李四", 2, "乙"), ("003", "王五", 3, None)])
        deliver(inbox, f"notes_{day(2)}.csv", [("001", "张三", 9, None), ("002", "李思", 8, "丙")], agency="other_bureau")
        process(district, inbox)
        night(district, 0)
        return district

    yield open_it
    for district in districts:
        district.store.close()


def night(district: District, number: int) -> None:
    later = replace(district, clock=FixedClock(NOON + timedelta(days=number)))
    run_pending(later)
    compare(later)
    route(later)


def hand_in(district: District, ticket: Ticket, value: str, actor: Actor) -> Answered:
    """The package of a ticket, every row of it answered with 完成整改 and this value."""
    with district.store.session(read_only=True) as session:
        file = session.scalars(select(Package.file).join(Ticket, Ticket.package == Package.id).where(Ticket.id == ticket.id)).one()
    book = load_workbook(district.settings.outbox / file)
    answered = 0
    for sheet in book.worksheets:
        head = [str(cell.value) for cell in sheet[1]]
        if "更正值" not in head:
            continue
        for row in sheet.iter_rows(min_row=2):
            if row[head.index("工单号")].value == ticket.number:
                row[head.index("处理方式")].value, row[head.index("更正值")].value = "完成整改", value
                answered += 1
    assert answered == ticket.open_problems
    book.save(district.settings.state / "filled.xlsx")
    return take_package(district, district.settings.state / "filled.xlsx", actor)


def tickets(district: District, resource: str) -> list[Ticket]:
    with district.store.session(read_only=True) as session:
        found = list(session.scalars(select(Ticket).where(Ticket.resource == resource, Ticket.kind == "lead").order_by(Ticket.number)))
        session.expunge_all()
    return found


def row_of(district: District, resource: str, key: str) -> tuple[Any, ...]:
    return read(district.lake, "warehouse", resource).filter(code=key).select("name", "amount", "remark").row(0)


def turn_over(district: District) -> Ticket:
    """The asked agency confirms; the lead lies with the other one."""
    (ticket,) = tickets(district, PEOPLE)
    confirm_correct(
        district, ticket.number, REGISTRY, lambda one: findings(district.lake, one), district.catalog, explanation="已核对证件原件"
    )
    night(district, 1)
    (turned,) = tickets(district, NOTES)
    return turned


def test_the_asked_agency_corrects_its_row_and_the_lead_is_settled(opened: Opened) -> None:
    district = opened(ONE_ITEM)
    (ticket,) = tickets(district, PEOPLE)
    same = hand_in(district, ticket, "李四", REGISTRY)
    assert (same.corrected, same.done, [fault.why.key for fault in same.faults]) == (0, [], ["value.same"])
    assert tickets(district, PEOPLE)[0].stage == "handling", "a value that is the present one answers nothing"
    done = hand_in(district, ticket, "李思", REGISTRY)
    assert (done.corrected, len(done.corrections), done.faults) == (1, 1, [])
    assert tickets(district, PEOPLE)[0].stage == "reviewing", "a claim; the data must prove it"
    night(district, 1)
    assert row_of(district, PEOPLE, "002") == ("李思", 2, "乙"), "the item was corrected, the rest of the row stays"
    assert read(district.lake, "warehouse", PEOPLE).height == 3
    assert [one.closing for one in tickets(district, PEOPLE)] == ["fixed"]
    assert read_leads(district.lake)["closing"].to_list() == ["passed"]


def test_the_other_agency_corrects_its_own_row_once_the_lead_was_turned_over(opened: Opened) -> None:
    district = opened(ONE_ITEM)
    turned = turn_over(district)
    done = hand_in(district, turned, "李四", OTHER)
    assert (done.corrected, done.faults) == (1, [])
    night(district, 2)
    assert row_of(district, NOTES, "002") == ("李四", 8, "丙")
    assert row_of(district, PEOPLE, "002") == ("李四", 2, "乙")
    assert [one.closing for one in tickets(district, NOTES)] == ["fixed"]


def test_one_value_does_not_correct_several_items(opened: Opened) -> None:
    district = opened(YAML)
    (ticket,) = tickets(district, PEOPLE)
    several = hand_in(district, ticket, "李思", REGISTRY)
    assert (several.done, [fault.why.key for fault in several.faults]) == ([], ["value.no_item"])


def test_a_row_the_other_agency_does_not_have_cannot_be_corrected(opened: Opened) -> None:
    district = opened(
        ONE_ITEM.replace("right:", "  absent: flag\nright:").replace("  - {differs: name, matching: name}", '  - {sql: "r.name is null"}')
    )
    turned = turn_over(district)
    assert findings(district.lake, NOTES).filter(pl.col("state") == "open")["key"].to_list() == ["003"], "what was looked for"
    done = hand_in(district, turned, "王五", OTHER)
    assert ([fault.why.key for fault in done.faults], done.corrections) == (["value.no_row"], [])


def test_a_newer_faulty_row_is_what_is_corrected(opened: Opened) -> None:
    """The warehouse keeps the last good version of a row; a correction made of that would pass and silently undo what was delivered since."""
    district = opened(ONE_ITEM)
    (ticket,) = tickets(district, PEOPLE)
    deliver(
        district.settings.inbox, f"people_{day(3)}.csv", [("001", "张三", 1, "甲"), ("002", "李四", 500, "新"), ("003", "王五", 3, None)]
    )
    process(district, district.settings.inbox)
    done = hand_in(district, ticket, "李思", REGISTRY)
    assert (done.corrected, done.faults) == (1, [])
    night(district, 1)
    (faulty,) = read(district.lake, "quarantine", PEOPLE).iter_rows(named=True)
    assert (faulty["name"], faulty["amount"], faulty["remark"]) == ("李思", "500", "新"), "what was delivered last, still out of range"
    assert row_of(district, PEOPLE, "002") == ("李四", 2, "乙"), "the last good version stays"

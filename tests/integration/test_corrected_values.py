"""A corrected value written into the returned package: a correction delivery of the delivered row, validated like any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.delivery import operations
from districtlake.delivery.district import District
from districtlake.delivery.receive import receive, submit
from districtlake.store.tables import Delivery, Ticket
from districtlake.tickets import feedback, handling
from districtlake.tickets.answers import Answered
from districtlake.tickets.machine import Actor
from districtlake.warehouse.commit import read
from districtlake.warehouse.history import current
from pipelines.routing import route
from tests.either_database import Districts, districts_of
from tests.integration.test_package_answers import PROVIDER, answer, filled, tickets
from tests.portal_people import closing_store
from tests.running import engine, run_pending
from tests.small_district import PEOPLE, csv_text, day, deliver, deliveries, open_small

pytest_plugins = ["tests.postgres_server", "tests.either_database"]

TRICKY = "'=1+1"  # as the package shows a text that looks like a formula


def prepared(folder: Path) -> None:
    """Three amounts out of range, one of them no number, two names too long (one row has both faults); one row with two faulty twins."""
    with closing_store(open_small(folder)) as found:
        rows = [
            ("A1", "甲", 500, "=cmd"), ("A2", "乙", "六百", "0012"), ("A3", "一个过长的名称啊啊", 700, None), ("A4", "又一个过长的名称啊", 1, "甲,乙"),
            ("A5", "己", 800, None), ("A5", "庚", 900, None),
        ]  # fmt: skip
        deliver(
            found.settings.inbox,
            "people_20260305.csv",
            [*((c, n, a, f'"{r}"' if r else r) for c, n, a, r in rows), *((f"B{n}", "好", 1, None) for n in range(20))],
        )
        receive(found)
        run_pending(found)
        route(found)


@pytest.fixture(scope="module")
def districts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Districts:
    return districts_of(prepared, request, tmp_path_factory)


@pytest.fixture
def district(districts: Districts, database: str, tmp_path: Path) -> Iterator[District]:
    with districts.opened(database, tmp_path / "district") as found:
        yield found


def corrected(values: dict[tuple[str, str], Any]) -> Any:
    """Fills 完成整改 and the value for (key, item's title); all other rows stay blank."""

    def fill(row: dict[str, Any]) -> dict[str, Any] | None:
        found = values.get((row["主键"], row["数据项"]))
        return None if found is None else {"处理方式": "完成整改", "更正值": found}

    return fill


def hand_in(district: District, values: dict[tuple[str, str], Any]) -> Answered:
    return answer(district, filled(district, corrected(values)))


def night(district: District) -> None:
    run_pending(district)
    route(district)


def people(district: District) -> dict[str, tuple[Any, ...]]:
    rows = read(district.lake, "warehouse", PEOPLE).select("code", "name", "amount", "remark").rows()
    return {row[0]: row[1:] for row in rows}


@pytest.mark.postgresql
def test_values_become_one_correction_that_patches_only_their_rows_and_closes_the_tickets(district: District) -> None:
    done = hand_in(district, {("A1", "数量"): "50", ("A2", "数量"): "60", ("A3", "数量"): 70, ("A3", "名称"): "丙", ("A4", "名称"): "丁"})
    assert (done.corrected, done.faults) == (5, [])
    (identity,) = done.corrections
    assert identity in {one.id for one in deliveries(district).values()}
    (correction,) = [one for one in deliveries(district).values() if one.id == identity]
    assert (correction.mode, correction.state, correction.received_by) == ("correction", "pending", PROVIDER.name)
    assert correction.file_name.startswith("反馈单更正_")
    assert {one.stage for one in tickets(district).values() if one.rule_id in ("amount.conforms", "name.brief")} == {"reviewing"}, (
        "claimed; a delivery must prove it"
    )
    before = people(district)
    night(district)
    after = people(district)
    assert {key: row for key, row in after.items() if before.get(key) != row} == {
        "A1": ("甲", 50, "=cmd"), "A2": ("乙", 60, "0012"), "A3": ("丙", 70, None), "A4": ("丁", 1, "甲,乙"),
    }  # fmt: skip
    assert set(before) <= set(after), "what the correction does not name stays"
    assert {one.closing for one in tickets(district).values() if one.rule_id in ("amount.conforms", "name.brief")} == {"fixed"}
    # the same file once more: nothing is new
    again = hand_in(district, {("A1", "数量"): "50", ("A4", "名称"): "丁"})
    assert (again.done, again.corrections, again.repeated, again.faults) == ([], [], 2, [])


def test_sent_again_before_it_is_processed_it_is_the_same_delivery(district: District) -> None:
    first = hand_in(district, {("A1", "数量"): "50"})
    again = hand_in(district, {("A1", "数量"): "50"})
    assert again.corrections == first.corrections
    assert sum(one.mode == "correction" for one in deliveries(district).values()) == 1


@pytest.mark.parametrize(
    ("place", "value", "key"),
    [
        (("A1", "数量"), "五十", "value.still_wrong"), (("A1", "数量"), "500", "value.same"), (("A5", "数量"), "5", "value.two_rows"),
        (("A5", "编号"), "A6", "value.key_item"), (("A1", "数量"), "=25+25", "value.formula"), (("A1", "数量"), 123456789012345678, "value.number_lost"),
        (("A1", "数量"), True, "value.no_text"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_by_row_and_the_row_is_not_answered(
    district: District, place: tuple[str, str], value: Any, key: str
) -> None:
    done = hand_in(district, {place: value, ("A4", "名称"): "丁"})
    assert {fault.why.key for fault in done.faults} == {key}
    assert (done.corrected, len(done.corrections)) == (1, 1)
    assert [(choice, count) for _, choice, count in done.done] == [("corrected", 1)]


def test_a_value_that_another_rule_refuses_comes_back_as_the_same_ticket(district: District) -> None:
    hand_in(district, {("A4", "名称"): "还是一个过长的名称"})
    night(replace(district, clock=FixedClock(district.clock.now() + timedelta(hours=9))))
    with district.store.session(read_only=True) as session:
        found = [one for one in session.scalars(select(Ticket).where(Ticket.rule_id == "name.brief")) if one.state == "open"]
    assert {one.stage for one in found} == {"handling"}


def test_dates_apostrophes_and_other_answers(district: District) -> None:
    def fill(row: dict[str, Any]) -> dict[str, Any] | None:
        if row["主键"] == "A1":
            return {"处理方式": "确认无误", "处理说明": "属实", "更正值": "5"}
        if row["主键"] == "A4":
            return {"处理方式": "完成整改", "更正值": TRICKY}
        return {"处理方式": "完成整改", "更正值": date(2026, 3, 1)} if row["主键"] == "A3" and row["数据项"] == "名称" else None

    done = answer(district, filled(district, fill))
    assert [fault.why.key for fault in done.faults] == ["value.only_corrected"]
    night(district)
    names = {
        row["code"]: row["name"] for row in read(district.lake, "raw", PEOPLE).filter(pl.col("_delivery") == done.corrections[0]).to_dicts()
    }
    assert names == {"A4": "=1+1", "A3": "2026-03-01"}


def test_what_a_user_reported_can_be_answered_and_corrected_in_the_package(district: District) -> None:
    actor = Actor("窗口", "user", "other_bureau")
    number = feedback.report(
        district,
        actor,
        district.resource(PEOPLE),
        lambda one: current(district.lake, one),
        request_id="C1",
        key="B1",
        item="name",
        claimed="很好",
    ).number
    handling.dispatch(district, number, Actor("office", "office"))
    (package,) = route(district).packages
    path = district.settings.state / "reported.xlsx"
    from openpyxl import load_workbook

    book = load_workbook(district.settings.outbox / package.file)
    sheet = book["问题明细"]
    head = [cell.value for cell in sheet[1]]
    sheet.cell(2, head.index("处理方式") + 1).value = "完成整改"
    sheet.cell(2, head.index("更正值") + 1).value = "很好"
    book.save(path)
    done = answer(district, path)
    assert [(one, choice) for one, choice, _ in done.done] == [(number, "corrected")]
    assert done.faults == []
    night(district)
    assert people(district)["B1"][0] == "很好"
    assert tickets(district)[number].closing == "fixed"


# -- the same correction once more ----------------------------------------------------------------------------------


def test_a_correction_is_a_duplicate_only_while_its_effect_stands(tmp_path: Path) -> None:
    with closing_store(open_small(tmp_path)) as district:
        inbox = district.settings.inbox
        deliver(inbox, f"people_{day(1)}.csv", [("A1", "甲", 500, None), ("A2", "乙", 2, None)])
        receive(district)
        night(district)
        fix = tmp_path / "fix.csv"
        fix.write_text(csv_text([("A1", "甲", 5, None)]), encoding="utf-8")

        def again(name: str = "fix.csv") -> Any:
            path = tmp_path / name
            if path != fix:
                path.write_bytes(fix.read_bytes())
            received = submit(district, path, PEOPLE, correction=True, data_date=None, actor="登记局")
            night(district)
            return received

        assert len(again().new) == 1
        assert people(district)["A1"][1] == 5
        assert again().known == 1, "it stands"
        assert len(again("other.csv").duplicates) == 1
        deliver(inbox, f"people_{day(2)}.csv", [("A1", "甲", 500, None), ("A2", "乙", 3, None)])  # the fault comes back
        receive(district)
        night(district)
        assert read(district.lake, "quarantine", PEOPLE)["code"].to_list() == ["A1"]
        assert len(again().new) == 1, "its effect is gone: the same file says something new"
        assert read(district.lake, "quarantine", PEOPLE).height == 0
        assert (people(district)["A1"][1], people(district)["A2"][1]) == (5, 3)
        assert again().known == 1
        deliver(inbox, f"people_{day(3)}.csv", [("A1", "甲", 7, None), ("A2", "乙", 3, None)])  # overtaken without a fault
        receive(district)
        night(district)
        assert len(again("other.csv").new) == 1
        with district.store.session(read_only=True) as session:
            latest = session.scalars(select(Delivery.id).where(Delivery.file_name == "other.csv", Delivery.state == "done")).one()
        operations.withdraw(district, latest, engine(), actor="处长", reason="误报")
        assert people(district)["A1"][1] == 7
        with district.store.session(read_only=True) as session:
            states = sorted(session.scalars(select(Delivery.state).where(Delivery.mode == "correction")))
        assert states.count("done") == 2


def test_a_correction_that_lies_in_the_inbox_is_taken_once_whatever_comes_after(tmp_path: Path) -> None:
    with closing_store(open_small(tmp_path)) as district:
        inbox = district.settings.inbox
        for name, rows in (
            (f"people_{day(1)}.csv", [("A1", "甲", 500, None)]),
            (f"people_fix_{day(1)}.csv", [("A1", "甲", 5, None)]),
            (f"people_{day(2)}.csv", [("A1", "甲", 9, None)]),
        ):
            deliver(inbox, name, rows)
            receive(district)
            night(district)
        (inbox / "registry_bureau" / f"people_fix_{day(1)}.csv").touch()  # a copy that renews times is no new statement
        assert receive(district).new == []
        assert people(district)["A1"][1] == 9

"""A return package comes back: its answers carried out, what was not understood said, what is not ours refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.delivery.corrected_rows import take_package
from districtlake.delivery.district import District
from districtlake.delivery.receive import receive
from districtlake.store.tables import AuditEvent, Package, Ticket, TicketEvent
from districtlake.tickets import handling
from districtlake.tickets.answered_package import PackageRefused
from districtlake.tickets.answers import Answered, CorrectedValues, answer_package
from districtlake.tickets.machine import Actor, TicketRefused
from districtlake.tickets.seal import Seal
from districtlake.warehouse.commit import read
from pipelines.routing import route
from tests.either_database import Districts, districts_of
from tests.portal_people import closing_store
from tests.running import run_pending
from tests.small_district import deliver, open_small

pytest_plugins = ["tests.postgres_server", "tests.either_database"]

PROVIDER = Actor("登记局数据岗", "provider", "registry_bureau")
AMOUNT, BRIEF = "amount.range", "name.brief"
Fill = Callable[[dict[str, Any]], dict[str, Any] | None]


def prepared(folder: Path) -> None:
    """Two tickets: three amounts out of range, two names too long."""
    with closing_store(open_small(folder)) as found:
        rows = [("A1", "甲", 500, None), ("A2", "乙", 600, None), ("A3", "丙", 700, None), ("A4", "一个过长的名称啊啊", 1, None), ("A5", "又一个过长的名称啊", 1, None)]  # fmt: skip
        deliver(found.settings.inbox, "people_20260305.csv", [*rows, *((f"B{n}", "好", 1, None) for n in range(20))])
        receive(found)
        run_pending(found)
        assert route(found).opened == 2


@pytest.fixture(scope="module")
def districts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Districts:
    return districts_of(prepared, request, tmp_path_factory)


@pytest.fixture
def district(districts: Districts, database: str, tmp_path: Path) -> Iterator[District]:
    with districts.opened(database, tmp_path / "district") as found:
        yield found


def package_file(district: District, ticket: str = "") -> Path:
    """The only package, or the one that carries a ticket."""
    query = select(Package.file)
    if ticket:
        query = query.join(Ticket, Ticket.package == Package.id).where(Ticket.number == ticket)
    with district.store.session(read_only=True) as session:
        return district.settings.outbox / session.scalars(query).one()


def filled(district: District, fill: Fill, to: str = "filled.xlsx", *, ticket: str = "") -> Path:
    """The package with the cells that ``fill`` gives for each row of the details."""
    book = load_workbook(package_file(district, ticket))
    sheet = book["问题明细"]
    head = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        for title, value in (fill({title: cell.value for title, cell in zip(head, row, strict=True)}) or {}).items():
            row[head.index(title)].value = value
    target = district.settings.state / to
    book.save(target)
    return target


def answer(district: District, path: Path, actor: Actor = PROVIDER) -> Answered:
    return take_package(district, path, actor)


def tickets(district: District) -> dict[str, Ticket]:
    with district.store.session(read_only=True) as session:
        return {one.number: one for one in session.scalars(select(Ticket).order_by(Ticket.number))}


def of_rule(row: dict[str, Any], rule: str) -> bool:
    return ("数量" in str(row["数据项"])) == (rule == AMOUNT)


def fixed(row: dict[str, Any]) -> dict[str, Any]:
    return {"处理方式": "完成整改", "处理说明": "已更正"}


def test_all_rows_of_a_ticket_answered_alike_are_one_answer_and_the_same_file_again_is_none(district: District) -> None:
    path = filled(district, lambda row: fixed(row) if of_rule(row, AMOUNT) else None)
    done = answer(district, path)
    ((number, choice, count),) = done.done
    assert (choice, count, done.blank, done.faults, done.repeated) == ("corrected", 3, 2, [], 0)
    assert tickets(district)[number].stage == "reviewing"
    again = answer(district, path)
    assert (again.done, again.repeated, again.faults) == ([], 3, [])
    with district.store.session(read_only=True) as session:
        assert len(list(session.scalars(select(TicketEvent).where(TicketEvent.event == "fix_claimed")))) == 1
        audits = list(session.scalars(select(AuditEvent).where(AuditEvent.action == "package.answered")))
    assert [one.actor for one in audits] == [PROVIDER.name] * 2
    assert "A1" not in str([one.data for one in audits])


@pytest.mark.postgresql
def test_one_ticket_in_parts_each_becomes_a_ticket_with_the_same_clock_and_none_is_sent_again(district: District) -> None:
    before = tickets(district)

    def fill(row: dict[str, Any]) -> dict[str, Any] | None:
        if not of_rule(row, AMOUNT):
            return None
        if row["主键"] == "A1":
            return {"处理方式": "确认无误", "处理说明": "原始凭证如此"}
        if row["主键"] == "A2":
            return {"处理方式": "沟通解决", "处理说明": "暂按纸质受理", "计划": "改造后重报", "日期": "2026年6月1日"}
        return None

    path = filled(district, fill)
    done = answer(district, path)
    assert sorted(choice for _, choice, _ in done.done) == ["confirmed", "settled"]
    after = tickets(district)
    assert len(after) == 4
    new = {one.closing: one for number, one in after.items() if number not in before}
    assert set(new) == {"confirmed", "negotiated"}
    assert {one.due_date for one in new.values()} == {one.due_date for one in before.values()}
    assert new["negotiated"].review_on.isoformat() == "2026-06-01"
    assert sorted(one.open_problems for one in after.values() if one.state == "open") == [1, 2]
    again = answer(district, path)
    assert (again.done, again.repeated, again.faults) == ([], 2, [])
    assert route(district).packages == []
    # the rest, later, in the same package
    rest = answer(district, filled(district, lambda row: fill(row) or {"处理方式": "完成整改"}))
    assert (sum(count for _, _, count in rest.done), rest.repeated) == (3, 2)
    assert {one.stage for one in tickets(district).values()} == {"settled", "reviewing"}


def test_an_extension_is_asked_for_and_beyond_the_ceiling_it_is_said(district: District) -> None:
    def fill(row: dict[str, Any]) -> dict[str, Any]:
        day = "2026/4/10" if of_rule(row, AMOUNT) else "2027-04-10"
        return {"处理方式": "申请延期", "处理说明": "系统改造", "日期": day}

    done = answer(district, filled(district, fill))
    assert [(choice, count) for _, choice, count in done.done] == [("extension", 3)]
    assert len(done.faults) == 2
    assert "60个自然日" in done.faults[0].why.whole()
    assert tickets(district)[done.done[0][0]].requested_due.isoformat() == "2026-04-10"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"处理方式": "不知道"}, "不是可选的处理方式"),
        ({"处理说明": "改了"}, "没有选择处理方式"),
        ({"处理方式": "确认无误"}, "还要填写：处理说明"),
        ({"处理方式": "沟通解决", "处理说明": "商定"}, "还要填写：计划、日期"),
        ({"处理方式": "申请延期", "处理说明": "忙", "日期": "下周"}, "不是日期"),
        ({"处理方式": "申请延期", "处理说明": "忙", "日期": "2026-02-30"}, "不是日期"),
        ({"处理方式": "完成整改", "工单号": "T2026-000009"}, "对不上"),
        ({"处理方式": "完成整改", "编号": "x.y"}, "对不上"),
        ({"处理方式": "完成整改", "处理说明": "长" * 5000}, "文字过长"),
        ({"处理方式": "沟通解决", "处理说明": "商定", "计划": "以后", "日期": "2020-01-01"}, "已经过去"),
    ],
)
def test_what_is_not_understood_is_said_by_row_and_the_rest_is_done(district: District, cells: dict[str, Any], why: str) -> None:
    done = answer(district, filled(district, lambda row: cells if row["主键"] == "A1" else fixed(row)))
    (fault,) = done.faults
    assert fault.sheet == "问题明细"
    assert fault.row in (2, 3, 4, 5, 6)
    assert why in fault.why.whole()
    assert sum(count for _, _, count in done.done) == 4


def test_rows_may_be_sorted_deleted_and_what_they_show_changed(district: District) -> None:
    path = filled(district, lambda row: {**fixed(row), "当前值": "=1+1", "主键": "Z9", "原因": ""})
    book = load_workbook(path)
    sheet = book["问题明细"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    sheet.delete_rows(2, len(rows))
    for row in reversed(rows[:-1]):
        sheet.append(row)
    book.save(path)
    done = answer(district, path)
    assert (sum(count for _, _, count in done.done), done.faults) == (4, [])


def test_the_same_finding_answered_twice_counts_once(district: District) -> None:
    path = filled(district, lambda row: fixed(row) if row["主键"] == "A1" else None)
    book = load_workbook(path)
    sheet = book["问题明细"]
    (row,) = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2) if row[6].value == "A1"]
    sheet.append(row)
    sheet.append([{"完成整改": "确认无误"}.get(str(cell), cell) for cell in row])
    book.save(path)
    done = answer(district, path)
    assert [(choice, count) for _, choice, count in done.done] == [("corrected", 1)]
    assert "答复却不同" in done.faults[0].why.whole()


def test_another_agency_a_forged_number_another_installation_and_any_other_file_are_refused_whole(district: District) -> None:
    path = filled(district, fixed)
    with pytest.raises(PackageRefused, match="不是发给贵单位"):
        answer(district, path, Actor("邻局", "provider", "other_bureau"))
    for actor in (Actor("窗口", "user", "registry_bureau"), Actor("值班", "office"), Actor("无名", "provider")):
        with pytest.raises(TicketRefused):
            answer(district, path, actor)
    with pytest.raises(PackageRefused):
        answer_package(
            district, path, PROVIDER, lambda one: read(district.lake, "problems", one), Seal(b"another key"), district.catalog,
            lambda package, answers: CorrectedValues(),
        )  # fmt: skip
    book = load_workbook(path)
    guide = book["说明"]
    (cell,) = [row[1] for row in guide.iter_rows() if row[0].value == "校验码"]
    cell.value = "0" * 32
    book.save(district.settings.state / "forged.xlsx")
    with pytest.raises(PackageRefused):
        answer(district, district.settings.state / "forged.xlsx")
    guide.delete_rows(1, 40)
    book.save(district.settings.state / "bare.xlsx")
    with pytest.raises(PackageRefused, match="不是本系统发出"):
        answer(district, district.settings.state / "bare.xlsx")
    text = district.settings.state / "text.xlsx"
    text.write_text("工单号,处理方式", encoding="utf-8")
    with pytest.raises(PackageRefused, match="无法读取"):
        answer(district, text)
    assert {one.stage for one in tickets(district).values()} == {"handling"}


def test_a_package_of_an_earlier_round_answers_nothing_of_the_next(district: District) -> None:
    path = filled(district, lambda row: {"处理方式": "确认无误", "处理说明": "无误"} if of_rule(row, AMOUNT) else None)
    ((number, _, _),) = answer(district, path).done
    office = Actor("值班岗", "office")
    now = replace(district, clock=FixedClock(district.clock.now() + timedelta(days=1)))
    handling.reopen(now, number, office, "反馈方有异议")
    handling.dispatch(now, number, office)
    done = answer(now, path)
    assert done.done == []
    assert "新的反馈单" in done.faults[0].why.whole()
    assert tickets(now)[number].stage == "handling"

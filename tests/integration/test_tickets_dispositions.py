"""The answers that end a ticket, taking tickets apart and together, and what users report. On both databases."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from districtlake.catalog.load import load_catalog
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import Store
from districtlake.store.tables import Report, Ticket, TicketProblem, Waiver
from districtlake.tickets import feedback, handling
from districtlake.tickets.deadlines import escalate
from districtlake.tickets.dispositions import confirm_correct, negotiate, revoke_waivers
from districtlake.tickets.grouping import merge, split
from districtlake.tickets.journal import COLUMNS, rebuilt
from districtlake.tickets.machine import Actor, TicketRefused
from districtlake.tickets.outbox import write_packages
from districtlake.tickets.suspension import resume_sharing, suspend_sharing, suspended_keys
from tests.integration.test_tickets_handling import (
    FIRST,
    OFFICE,
    PROVIDER,
    RECEIPT,
    day,
    desk,
    events,
    find,
    held,
    messages,
    ticket,
)
from tests.problem_registers import RESOURCE, problem, register

pytest_plugins = ["tests.postgres_server"]

CATALOG = load_catalog([PROJECT_ROOT / "catalog"])
ENTRY = CATALOG.resources[RESOURCE]
WINDOW = Actor("办事大厅一号窗口", "user", "civil_affairs_bureau")
SECOND = "T2026-000002"
KEY = "|".join(["330203199006150016", "91330203MA2AFAAA4Y", "110"])


def lake(*rows: dict[str, Any]) -> Any:
    return lambda resource: register(*(row for row in rows if row["resource"] == resource))


def waivers(store: Store) -> list[Waiver]:
    with store.session(read_only=True) as session:
        return list(session.scalars(select(Waiver).order_by(Waiver.id)))


def test_confirmed_correct_is_explained_waived_for_a_year_and_not_raised_again(store: Store) -> None:
    rows = (problem("1"), problem("2", value=None))
    find(store, *rows)
    with pytest.raises(TicketRefused, match="核对情况和依据"):
        confirm_correct(desk(store), FIRST, PROVIDER, lake(*rows), CATALOG, explanation=" ")
    assert waivers(store) == []
    with pytest.raises(TicketRefused, match="最长至2027-09-24"):
        confirm_correct(desk(store), FIRST, PROVIDER, lake(*rows), CATALOG, explanation="已核对户籍原件", until=date(2027, 9, 25))
    confirm_correct(desk(store), FIRST, PROVIDER, lake(*rows), CATALOG, explanation="已核对户籍原件")
    done = ticket(store)
    assert (done.stage, done.closing, done.open_problems) == ("settled", "confirmed", 0)
    assert [(w.rule, w.item, w.expires_on) for w in waivers(store)] == [("citizen_id.conforms", "citizen_id", date(2027, 9, 25))] * 2
    for secret in ("330203199006150017", *(row["key"] for row in rows if len(row["key"]) > 1)):
        assert secret not in str([vars(w) for w in waivers(store)])
    # the register still shows them until the next validation, and again in every later snapshot
    find(store, *rows, at=day("2026-11-01"))
    assert (ticket(store).stage, ticket(store).round) == ("settled", 1)
    # another value under the same key is another matter; what has expired is, too
    other = (problem("1", value="330203199006150018"), rows[1])
    find(store, *other, at=day("2026-11-02"))
    assert (ticket(store).stage, ticket(store).round, ticket(store).open_problems) == ("handling", 2, 1)
    find(store, *rows, at=day("2027-09-24"))
    assert ticket(store).closing == "confirmed"
    find(store, *rows, at=day("2027-09-25", 0))
    assert (ticket(store).stage, ticket(store).round, ticket(store).open_problems) == ("handling", 3, 2)
    assert rebuilt(events(store)) == {name: getattr(ticket(store), name) for name in COLUMNS}


def test_some_findings_are_confirmed_and_the_others_stay(store: Store) -> None:
    rows = (problem("1", row=5), problem("2", row=6), problem("3", row=7))
    find(store, *rows)
    confirm_correct(desk(store), FIRST, PROVIDER, lake(*rows), CATALOG, explanation="属实", problems=[rows[1]["problem_id"]])
    first, second = ticket(store), ticket(store, SECOND)
    assert (first.stage, first.problems, first.open_problems, first.sample_rows) == ("handling", 2, 2, [5, 7])
    assert (second.closing, second.problems, second.split_from, second.due_at) == ("confirmed", 1, first.id, first.due_at)
    find(store, *rows, at=day("2026-09-25"))
    assert (ticket(store).open_problems, ticket(store, SECOND).stage) == (2, "settled")


def test_a_wrong_confirmation_is_revoked_and_the_finding_comes_back(store: Store) -> None:
    find(store)
    confirm_correct(desk(store), FIRST, PROVIDER, lake(problem("1")), CATALOG, explanation="属实")
    with pytest.raises(TicketRefused, match="不能"):
        revoke_waivers(desk(store), FIRST, PROVIDER, "误")
    assert revoke_waivers(desk(store), FIRST, OFFICE, "抽查不实") == 1
    find(store, at=day("2026-09-28"))
    assert (ticket(store).stage, ticket(store).round) == ("handling", 2)


def test_a_held_delivery_cannot_be_confirmed(store: Store) -> None:
    whole = problem("", "delivery.shrink", item="", row=None, value=None, on_failure="hold")
    find(store, whole)
    with pytest.raises(TicketRefused, match="关于整个交付"):
        confirm_correct(desk(store), FIRST, PROVIDER, lake(whole), CATALOG, explanation="属实")
    assert ticket(store).stage == "handling"


def test_negotiated_keeps_agreement_plan_and_review_and_stays_settled(store: Store) -> None:
    find(store)
    with pytest.raises(TicketRefused, match="商定的内容、计划"):
        negotiate(desk(store), FIRST, PROVIDER, agreement="", plan="", review_on=date(2026, 12, 1))
    with pytest.raises(TicketRefused, match="已经过去"):
        negotiate(desk(store), FIRST, PROVIDER, agreement="甲", plan="乙", review_on=RECEIPT.date())
    negotiate(desk(store), FIRST, PROVIDER, agreement="暂按纸质材料受理", plan="系统改造后重报", review_on=date(2026, 12, 1))
    told = events(store)[-1].data
    assert (told["agreement"], told["plan"], told["review_on"]) == ("暂按纸质材料受理", "系统改造后重报", "2026-12-01")
    find(store, at=day("2026-10-20"))
    assert (ticket(store).closing, ticket(store).open_problems) == ("negotiated", 1), "the finding stands, the ticket is settled"
    assert escalate(desk(store, day("2026-11-30"))) == ()
    assert escalate(desk(store, day("2026-12-01"))) == (FIRST,)
    assert escalate(desk(store, day("2026-12-02"))) == ()
    assert ("review_due", "office", "") in messages(store)


def test_a_split_keeps_the_clock_and_later_findings_find_their_ticket(store: Store) -> None:
    rows = (problem("1"), problem("2"))
    find(store, *rows)
    with pytest.raises(TicketRefused, match="全部问题"):
        split(desk(store), FIRST, OFFICE, lake(*rows), problems=[row["problem_id"] for row in rows])
    with pytest.raises(TicketRefused, match="不在工单"):
        split(desk(store), FIRST, OFFICE, lake(*rows), problems=["strange"])
    later = desk(store, RECEIPT + timedelta(days=2))
    new = split(later, FIRST, OFFICE, lake(*rows), problems=[rows[0]["problem_id"]])
    assert (new.number, new.stage, new.received_at, new.due_at) == (SECOND, "handling", RECEIPT, ticket(store).due_at)
    find(store, rows[0] | {"state": "closed", "closing": "passed"}, rows[1], at=day("2026-09-28"))
    assert [(ticket(store, number).state, ticket(store, number).open_problems) for number in (FIRST, SECOND)] == [
        ("open", 1),
        ("closed", 0),
    ]


def test_a_duplicate_goes_into_the_other_and_its_findings_stay_there(store: Store) -> None:
    rows = (problem("1"), problem("2", "birth_date.plausible"))
    find(store, rows[0])
    find(store, *rows, at=RECEIPT + timedelta(days=5))
    with pytest.raises(TicketRefused, match="不得延长期限"):
        merge(desk(store), FIRST, SECOND, OFFICE)
    merge(desk(store), SECOND, FIRST, OFFICE, reason="同一原因")
    gone, stays = ticket(store, SECOND), ticket(store)
    assert (gone.stage, gone.closing, gone.merged_into) == ("dismissed", "merged", stays.id)
    assert (stays.problems, stays.open_problems) == (2, 2)
    find(store, *rows, problem("3", "birth_date.plausible"), at=RECEIPT + timedelta(days=6))
    assert (ticket(store).problems, ticket(store, SECOND).state) == (3, "closed"), "what else that rule finds there joins, too"
    with store.session(read_only=True) as session:
        assert set(session.scalars(select(TicketProblem.ticket_id))) == {stays.id}
    for one in (FIRST, SECOND):
        assert rebuilt(events(store, one)) == {name: getattr(ticket(store, one), name) for name in COLUMNS}


# -- what users report ----------------------------------------------------------------------------------------------


def warehouse(**values: Any) -> Any:
    row = dict.fromkeys(ENTRY.item_names) | dict(zip(ENTRY.key, KEY.split("|"), strict=True)) | values
    return lambda resource: pl.LazyFrame({name: [value] for name, value in row.items()}, schema=dict.fromkeys(row, pl.String))


ITEM = next(name for name in ENTRY.item_names if name not in ENTRY.key)
NOW_HOLDS = warehouse(**{ITEM: "旧值"})


def send(store: Store, request: str = "r1", who: Actor = WINDOW, at: Any = RECEIPT, **values: Any) -> feedback.Reported:
    given = {"key": KEY, "item": ITEM, "claimed": "新值", "text": "与本人所述不符", "channel": "api"} | values
    return feedback.report(desk(store, at), who, ENTRY, given.pop("warehouse", NOW_HOLDS), request_id=request, **given)


def test_a_report_reaches_the_office_first_and_is_taken_once(store: Store) -> None:
    first = send(store)
    assert (first.number, first.repeated, first.joined) == (FIRST, False, False)
    assert send(store, at=RECEIPT + timedelta(days=1)) == feedback.Reported(first.id, FIRST, repeated=True)
    waiting = ticket(store)
    assert (waiting.stage, waiting.origin, waiting.matter, waiting.agency, waiting.due_at) == (
        "waiting", "feedback", "error", RESOURCE.split(".")[0], None,
    )  # fmt: skip
    assert messages(store) == [("opened", "office", "")]
    find(store, problem("1"), at=day("2026-09-25"))
    assert ticket(store).stage == "waiting", "the machine's findings leave it alone"
    for place in (str([vars(event) for event in events(store)]), str(vars(waiting))):
        assert KEY not in place
        assert "新值" not in place
    handling.dispatch(desk(store, day("2026-09-28")), FIRST, OFFICE)
    assert ticket(store).due_date == date(2026, 10, 10)


def test_reports_about_one_cell_are_one_ticket_and_every_reporter_hears(store: Store) -> None:
    send(store)
    joined = send(store, "x9", Actor("三号窗口", "user", "education_bureau"))
    assert (joined.number, joined.joined) == (FIRST, True)
    assert send(store, "r3", item=None, matter="infringement").number == SECOND
    handling.dispatch(desk(store), FIRST, OFFICE)
    confirm_correct(desk(store), FIRST, PROVIDER, lake(), CATALOG, explanation="与登记档案一致")
    told = [message for message in messages(store) if message[0] == "confirmed"]
    assert told == [("confirmed", "reporter", "三号窗口"), ("confirmed", "reporter", WINDOW.name), ("confirmed", "office", "")]
    with store.session(read_only=True) as session:
        assert {r.reporter for r in session.scalars(select(Report)) if r.told_at is not None} == {"三号窗口", WINDOW.name}
    handling.reopen(desk(store), FIRST, WINDOW, "仍与本人证件不符")
    assert (ticket(store).stage, ticket(store).round) == ("waiting", 2)


def test_a_corrected_report_is_proved_by_the_warehouse(store: Store) -> None:
    send(store)
    handling.dispatch(desk(store), FIRST, OFFICE)
    assert feedback.verify_all(desk(store), CATALOG, warehouse(**{ITEM: "新值"})) == (), "nobody has claimed it yet"
    handling.claim_fixed(desk(store), FIRST, PROVIDER)
    assert feedback.verify_all(desk(store), CATALOG, NOW_HOLDS) == ()
    assert feedback.verify_all(desk(store), CATALOG, warehouse(**{ITEM: "新值"})) == (FIRST,)
    assert (ticket(store).closing, ticket(store).state) == ("fixed", "closed")
    assert ("closed", "reporter", WINDOW.name) in messages(store)


def test_a_missing_row_is_proved_by_its_being_there(store: Store) -> None:
    send(store, item=None, claimed=None, matter="omission", warehouse=lambda resource: None)
    assert ticket(store).matter == "omission"
    handling.dispatch(desk(store), FIRST, OFFICE)
    handling.claim_fixed(desk(store), FIRST, PROVIDER)
    assert feedback.verify_all(desk(store), CATALOG, lambda resource: None) == ()
    assert feedback.verify_all(desk(store), CATALOG, NOW_HOLDS) == (FIRST,)


def test_the_agencys_package_says_what_was_reported(store: Store, tmp_path: Path) -> None:
    send(store)
    send(store, "r2", item=None, claimed=None, matter="omission", text="本人未在册")
    for number in (FIRST, SECOND):
        handling.dispatch(desk(store), number, OFFICE)
    (package,) = write_packages(store, lake(), CATALOG, tmp_path, desk(store).clock, policy=desk(store).policy)
    head, *rows = load_workbook(tmp_path / package.file)["问题明细"].iter_rows(values_only=True)
    shown = [dict(zip(head, row, strict=True)) for row in rows]
    assert (package.tickets, package.rows) == (2, 2)
    assert shown[0]["原因"] == "与本人所述不符；反馈方主张的值：新值"
    assert (shown[0]["数据项"], shown[0]["主键"]) == (ENTRY.item(ITEM).title, KEY.replace("|", " / "))
    assert (shown[1]["原因"], shown[1]["数据项"], shown[1]["规则"]) == ("本人未在册", None, "使用单位反馈：数据遗漏")


def test_a_flood_is_stopped_by_the_packs_number_until_tomorrow(store: Store) -> None:
    most = desk(store).policy.handling.reports_per_day
    assert most is not None
    few = held(reports_per_day=most.model_copy(update={"value": 2}))
    here = desk(store, RECEIPT, **few)

    def again(request: str, at: Any = here) -> feedback.Reported:
        return feedback.report(at, WINDOW, ENTRY, NOW_HOLDS, request_id=request, key=KEY, item=ITEM, text="不符")

    again("1"), again("2")
    assert again("2").repeated, "what was sent before is no flood"
    with pytest.raises(feedback.TooManyReports):
        again("3")
    assert again("3", desk(store, RECEIPT + timedelta(days=1), **few)).joined


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"item": "no_such"}, "没有数据项"),
        ({"key": " "}, "该行的主键"),
        ({"matter": "gossip"}, "事由应为"),
        ({"text": "", "claimed": None}, "没有说明哪里有误"),
        ({"text": "长" * 5000}, "超过4000个字"),
    ],
)
def test_a_report_that_says_nothing_is_refused(store: Store, values: dict[str, Any], said: str) -> None:
    with pytest.raises(TicketRefused, match=said):
        send(store, **values)


def test_infringement_suspends_sharing_of_the_rows_at_once(store: Store) -> None:
    send(store, item=None, matter="infringement")
    with pytest.raises(TicketRefused, match="不能"):
        suspend_sharing(desk(store), FIRST, WINDOW, "个人隐私")
    assert suspend_sharing(desk(store), FIRST, OFFICE, "个人隐私") == (KEY,)
    assert suspended_keys(store, RESOURCE) == {KEY}
    assert KEY not in str([event.data for event in events(store)])
    assert resume_sharing(desk(store), FIRST, OFFICE, "核实不涉隐私") == 1
    assert suspended_keys(store, RESOURCE) == frozenset()
    suspend_sharing(desk(store), FIRST, OFFICE, "再次核实")
    assert suspended_keys(store, RESOURCE) == {KEY}
    send(store, "r2")
    with pytest.raises(TicketRefused, match="不能据此暂停共享"):
        suspend_sharing(desk(store), SECOND, OFFICE, "个人隐私")


def test_every_ticket_is_what_its_events_add_up_to(store: Store) -> None:
    send(store)
    handling.mark_urgent(desk(store), FIRST, OFFICE, due=date(2026, 9, 27), reason="今日办结")
    handling.dispatch(desk(store), FIRST, OFFICE)
    handling.request_extension(desk(store), FIRST, PROVIDER, reason="外调", until=date(2026, 10, 30))
    handling.approve_extension(desk(store), FIRST, OFFICE)
    negotiate(desk(store), FIRST, PROVIDER, agreement="甲", plan="乙", review_on=date(2026, 12, 1))
    handling.reopen(desk(store), FIRST, WINDOW, "异议")
    with store.session(read_only=True) as session:
        numbers = list(session.scalars(select(Ticket.number)))
    for number in numbers:
        assert rebuilt(events(store, number)) == {name: getattr(ticket(store, number), name) for name in COLUMNS}

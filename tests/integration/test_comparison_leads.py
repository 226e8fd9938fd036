"""Leads through the loop: found once, told once, closed by later data, turned over by 确认无误, and never more than a class allows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.comparison import compare as comparing
from districtlake.comparison import record
from districtlake.comparison.compare import compare, due_comparisons
from districtlake.delivery.district import District, open_district
from districtlake.errors import NotFound
from districtlake.spark.failures import SparkUnreachable
from districtlake.store.tables import Ticket
from districtlake.tickets.dispositions import confirm_correct, revoke_waivers
from districtlake.tickets.machine import Actor
from districtlake.warehouse.leads import findings, read_leads
from districtlake.warehouse.tables import address
from pipelines.routing import route
from tests.small_comparison import YAML, write_comparison
from tests.small_district import NOON, NOTES, PEOPLE, day, deliver, small_settings
from tests.small_marts import process

OFFICE, REGISTRY, OTHER = (
    Actor("数据局", "office"), Actor("登记局数据岗", "provider", "registry_bureau"), Actor("邻局数据岗", "provider", "other_bureau")
)  # fmt: skip


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    """Two people whose names the other bureau knows otherwise, one alike, one unknown there."""
    write_comparison(tmp_path / "catalog")
    opened = open_district(small_settings(tmp_path), clock=FixedClock(NOON))
    inbox = opened.settings.inbox
    deliver(
        inbox, f"people_{day(2)}.csv", [("001", "张 三", 1, ""), ("002", "李四", 2, ""), ("003", "王䶮", 3, ""), ("004", "赵六", 4, "")]
    )
    deliver(inbox, f"notes_{day(2)}.csv", [("001", "张三", 9, ""), ("002", "李思", 8, ""), ("003", "王龑", 7, "")], agency="other_bureau")
    process(opened, inbox)
    yield opened
    opened.store.close()


def night(district: District, number: int) -> District:
    """Compare and route some days later."""
    later = replace(district, clock=FixedClock(NOON + timedelta(days=number)))
    compare(later)
    route(later)
    return later


def tickets(district: District, resource: str = PEOPLE) -> list[Ticket]:
    with district.store.session(read_only=True) as session:
        found = list(
            session.scalars(
                select(Ticket).where(Ticket.resource == resource, Ticket.rule_id == "comparison.labels").order_by(Ticket.number)
            )
        )
        session.expunge_all()
    return found


def leads(district: District, state: str = "open") -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in read_leads(district.lake).filter(state=state).iter_rows(named=True)}


def test_a_lead_holds_both_values_dates_version_and_key(district: District) -> None:
    (done,) = compare(district)
    assert (done.outcome, done.mode, done.opened, done.open) == ("compared", "full", 2, 2)
    found = leads(district)
    assert set(found) == {"002", "003"}, "a blank in a name is no contradiction, and who is unknown there is none either"
    one = found["002"]
    assert (one["value"], one["right_value"], one["right_key"], one["match_key"]) == ("李四 / 2", "李思 / 8", "002", "002")
    assert (str(one["as_of"]), str(one["right_as_of"]), one["rule_version"], one["code"]) == ("2026-03-02", "2026-03-02", 1, "T1")
    assert one["delivery"] != one["right_delivery"]
    assert (one["certainty"], found["003"]["certainty"]) == ("conflict", "suspected")
    assert found["003"]["reason"].startswith("疑似")


def test_one_ticket_to_the_agency_that_is_no_authority_and_sightings_add_none(district: District) -> None:
    night(district, 0)
    (ticket,) = tickets(district)
    assert (ticket.agency, ticket.kind, ticket.severity, ticket.problems, ticket.open_problems) == ("registry_bureau", "lead", "info", 2, 2)
    assert tickets(district, NOTES) == []
    before = read_leads(district.lake)
    night(district, 0)
    assert due_comparisons(district) == []
    assert read_leads(district.lake).equals(before)
    # the next snapshot carries them still: a sighting, no new ticket, no new clock
    deliver(
        district.settings.inbox,
        f"people_{day(3)}.csv",
        [("001", "张三", 1, ""), ("002", "李四", 2, ""), ("003", "王䶮", 3, ""), ("004", "赵六", 4, "")],
    )
    process(district, district.settings.inbox)
    night(district, 1)
    (same,) = tickets(district)
    assert (same.id, same.due_at, same.open_problems) == (ticket.id, ticket.due_at, 2)
    assert {row["sightings"] for row in leads(district).values()} == {2}


def test_it_closes_by_itself_when_either_side_is_corrected(district: District) -> None:
    night(district, 0)
    deliver(
        district.settings.inbox,
        f"notes_{day(3)}.csv",
        [("001", "张三", 9, ""), ("002", "李四", 8, ""), ("003", "王龑", 7, "")],
        agency="other_bureau",
    )
    deliver(district.settings.inbox, f"people_{day(4)}.csv", [("001", "张三", 1, ""), ("002", "李四", 2, ""), ("004", "赵六", 4, "")])
    process(district, district.settings.inbox)
    done = compare(replace(district, clock=FixedClock(NOON + timedelta(days=1))))
    assert [(one.mode, one.opened, one.closed, one.open) for one in done] == [("incremental", 0, 2, 0)]
    assert {row["key"]: row["closing"] for row in leads(district, "closed").values()} == {"002": "passed", "003": "absent"}
    night(district, 1)
    (ticket,) = tickets(district)
    assert (ticket.state, ticket.closing) == ("closed", "absent")
    # and comes back as another round of the same ticket
    deliver(district.settings.inbox, f"people_{day(5)}.csv", [("001", "张三", 1, ""), ("002", "李八", 2, ""), ("004", "赵六", 4, "")])
    process(district, district.settings.inbox)
    night(district, 2)
    assert [row["value"] for row in leads(district).values()] == ["李八 / 2"]
    assert sum(one.open_problems for one in tickets(district)) == 1


def test_confirming_turns_the_lead_over_to_the_other_agency(district: District) -> None:
    night(district, 0)
    (ticket,) = tickets(district)
    register = lambda resource: findings(district.lake, resource)  # noqa: E731
    confirm_correct(district, ticket.number, REGISTRY, register, district.catalog, explanation="已核对证件原件")
    later = night(district, 1)
    assert tickets(district)[0].closing == "confirmed"
    (turned,) = tickets(district, NOTES)
    assert (turned.agency, turned.kind, turned.open_problems, turned.state) == ("other_bureau", "lead", 2, "open")
    told = findings(district.lake, NOTES)
    assert told["value"].sort().to_list() == ["李思 / 8", "王龑 / 7"], "its own values, to be checked by it"
    assert all("已确认无误" in reason for reason in told["reason"])
    night(district, 2)
    assert len(tickets(district, NOTES)) == 1
    # the other side corrects: both desks are clear
    deliver(
        district.settings.inbox,
        f"notes_{day(4)}.csv",
        [("001", "张三", 9, ""), ("002", "李四", 8, ""), ("003", "王䶮", 7, "")],
        agency="other_bureau",
    )
    process(district, district.settings.inbox)
    night(district, 3)
    assert [one.state for one in tickets(district, NOTES)] == ["closed"]
    assert later.clock.now() > district.clock.now()


def test_a_revoked_confirmation_brings_it_back(district: District) -> None:
    night(district, 0)
    (ticket,) = tickets(district)
    confirm_correct(
        district, ticket.number, REGISTRY, lambda resource: findings(district.lake, resource), district.catalog, explanation="属实"
    )
    night(district, 1)
    revoke_waivers(district, ticket.number, OFFICE, "抽查不实")
    night(district, 2)
    assert [one.state for one in tickets(district)] == ["open"]
    assert [one.state for one in tickets(district, NOTES)] == ["closed"]


def test_the_other_sides_value_is_masked_or_not_shown(tmp_path: Path) -> None:
    write_comparison(tmp_path / "catalog")
    notes = tmp_path / "catalog" / "resources" / "other_bureau" / "notes.yaml"
    text = notes.read_text(encoding="utf-8")
    notes.write_text(text.replace("element: remark, required: true", "element: remark, required: true, sensitivity: L3"), encoding="utf-8")
    opened = open_district(small_settings(tmp_path), clock=FixedClock(NOON))
    try:
        deliver(opened.settings.inbox, f"people_{day(2)}.csv", [("002", "李四", 2, "")])
        deliver(opened.settings.inbox, f"notes_{day(2)}.csv", [("002", "李思", 8, "")], agency="other_bureau")
        process(opened, opened.settings.inbox)
        compare(opened)
        (lead,) = leads(opened).values()
        assert "李***" in lead["reason"]
        assert "李思" not in lead["reason"] + lead["turned_reason"]
    finally:
        opened.store.close()
    sealed = text.replace("sharing: {class: unconditional}", "sharing: {class: none, reason: 涉密, legal_basis: 保密法}")
    notes.write_text(sealed, encoding="utf-8")
    opened = open_district(small_settings(tmp_path), clock=FixedClock(NOON))
    try:
        (done,) = compare(opened)
        assert (done.mode, done.why_full) == ("full", "the rule changed"), "what may be shown is part of the rule"
        (lead,) = leads(opened).values()
        assert "不予共享" in lead["reason"]
        assert "李思" not in lead["reason"]
    finally:
        opened.store.close()


def test_a_removed_rule_closes_its_leads_but_a_broken_file_does_not(district: District, tmp_path: Path) -> None:
    compare(district)
    file = write_comparison(tmp_path / "catalog", YAML.replace("code: T1", "colour: red"))
    for broken, state in ((True, "open"), (False, "closed")):
        if not broken:
            file.unlink()
        again = open_district(district.settings, clock=district.clock)
        compare(again)
        assert set(leads(again, state)) == {"002", "003"}
        again.store.close()
    assert {row["closing"] for row in leads(district, "closed").values()} == {"rule_removed"}


def test_a_damaged_table_stops_the_comparisons_that_read_it_and_no_other(district: District, tmp_path: Path) -> None:
    payments = YAML.replace("code: T1", "code: T2").replace(PEOPLE, "registry_bureau.payments")
    write_comparison(tmp_path / "catalog", payments, "payments")
    again = open_district(district.settings, clock=district.clock)
    try:
        deliver(again.settings.inbox, f"payments_{day(2)}.csv", [("002", "李四", 2, "")])
        process(again, again.settings.inbox)
        log = address(again.lake, "warehouse", "registry_bureau.payments") / "_delta_log"
        shutil.copytree(log, tmp_path / "log")
        for file in log.glob("*.json"):
            file.write_text("{", encoding="utf-8")
        done = {one.comparison: one for one in compare(again)}
        assert (done["payments"].outcome, done["labels"].outcome) == ("failed", "compared")
        assert "registry_bureau.payments" in done["payments"].reason
        shutil.rmtree(log)
        shutil.copytree(tmp_path / "log", log)
        assert due_comparisons(again) == ["payments"], "what failed is due again"
        assert {one.outcome for one in compare(again)} == {"compared", "skipped"}
    finally:
        again.store.close()


def test_the_record_and_the_words_of_failures_hold_no_values(district: District) -> None:
    compare(district)
    told = record.runs(district.lake).drop("started_at", "finished_at").write_json()
    assert "李" not in told
    with pytest.raises(NotFound, match="没有比对"):
        compare(district, ["nothing"])
    assert read_leads(district.lake).filter(pl.col("file").is_null()).height == 0


def test_a_connection_that_is_lost_fails_one_comparison_and_not_those_after_it(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    write_comparison(district.settings.catalog_dirs[0], YAML.replace("code: T1", "code: T2"), "others")
    opened = open_district(district.settings, clock=district.clock)
    real, given = comparing.carrier, list[str]()

    @contextmanager
    def first_lost(*asked: Any) -> Iterator[Any]:
        given.append("carrier")
        with real(*asked) as carried:
            if len(given) == 1:
                monkeypatch.setattr(carried, "source", lost)
            yield carried

    def lost(*_: object) -> None:
        raise SparkUnreachable("lost")

    monkeypatch.setattr(comparing, "carrier", first_lost)
    try:
        done = compare(opened)
    finally:
        opened.store.close()
    assert [one.outcome for one in done] == ["failed", "compared"]
    assert len(given) == 2

"""Steps of the regulation's features: real files through the real domain, on the demonstration catalogue. Identities are synthetic.

A step that delivers writes a UTF-8 CSV into the agency's folder, receives it, processes it with Great Expectations and routes what
is wrong, at the moment the case has reached: the whole way but for Dagster.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pytest_bdd import given, parsers, then, when

from districtlake.catalog.models import Resource
from districtlake.clock import SHANGHAI, FixedClock
from districtlake.delivery import ledger
from districtlake.delivery.conservation import FATES as CONSERVED
from districtlake.delivery.district import District, open_district
from districtlake.delivery.process import Outcome
from districtlake.delivery.receive import Received
from districtlake.ingestion.archive import path_of
from districtlake.quality.results import by_dimension
from districtlake.settings import Settings
from districtlake.tickets.queries import TicketView, list_tickets, ticket_events
from districtlake.warehouse.commit import read
from tests.running import run_folder

TAGS = {
    **{f"article_{number}": f"Article {number} of the measures" for number in (13, 26, 27, 28, 29)},
    **{f"paragraph_{number}": f"paragraph {number} of the article" for number in (1, 2, 3, 4)},
}


def pytest_configure(config: pytest.Config) -> None:
    for tag, meaning in TAGS.items():
        config.addinivalue_line("markers", f"{tag}: {meaning}")


@dataclass
class Case:
    """What a scenario has done so far: the district at its present moment, and what each file came to."""

    district: District
    inbox: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    received: Received = field(default_factory=Received)
    remembered: dict[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> Outcome:
        return list(self.outcomes.values())[-1]

    def agency(self, title: str) -> str:
        return next(agency.id for agency in self.district.catalog.agencies.values() if agency.name == title)

    def resource(self, title: str) -> Resource:
        return next(resource for resource in self.district.catalog.resources.values() if resource.title == title)

    def rows(self, layer: str, title: str) -> pl.DataFrame:
        return read(self.district.lake, layer, self.resource(title).id)

    def row(self, layer: str, title: str, key: str) -> dict[str, Any]:
        entry = self.resource(title)
        found = self.rows(layer, title).filter(pl.col(entry.key[0]).cast(pl.String) == key)
        assert found.height == 1, f"{found.height} rows of {title} in {layer}"
        return found.row(0, named=True)

    def tickets(self, state: str | None = None) -> list[TicketView]:
        return list_tickets(self.district.store, clock=self.district.clock, calendar=self.district.calendar, state=state, order="number")

    @property
    def ticket(self) -> TicketView:
        tickets = self.tickets()
        assert len(tickets) == 1, [ticket.rule_id for ticket in tickets]
        return tickets[0]

    def item(self, title: str, header: str) -> str:
        return next(item.name for item in self.resource(title).items if item.title == header)


@pytest.fixture
def case(settings: Settings, tmp_path: Path) -> Iterator[Case]:
    district = open_district(settings, clock=_noon(date(2026, 3, 2)))
    yield Case(district, tmp_path / "inbox")
    district.store.close()


def _noon(day: date) -> FixedClock:
    return FixedClock(datetime.combine(day, time(12), tzinfo=SHANGHAI))


def _day(text: str) -> date:
    return date.fromisoformat(text)


# -- what is done ---------------------------------------------------------------------------------------------------


@given(parsers.parse("it is {day}"))
@when(parsers.parse("it is {day}"))
def it_is(case: Case, day: str) -> None:
    case.district = replace(case.district, clock=_noon(_day(day)))


@given(parsers.parse("{agency} delivered {file}:"))
@when(parsers.parse("{agency} delivers {file}:"))
def deliver(case: Case, agency: str, file: str, datatable: list[list[str]]) -> None:
    from pipelines.routing import route

    path = case.inbox / case.agency(agency) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(datatable)
    case.received, outcomes = run_folder(case.district, case.inbox)
    case.outcomes.update({outcome.file: outcome for outcome in outcomes})
    route(case.district)


@when(parsers.parse("the holiday arrangement of {year:d} is published with {day} off"))
def publish_calendar(case: Case, year: int, day: str, tmp_path: Path) -> None:
    """A made-up arrangement: the fixed days, and one more."""
    from districtlake.policy.calendar import STATUTORY_HOLIDAYS, import_year, load_calendar
    from districtlake.tickets.deadlines import recompute_provisional

    off = sorted({*(date(year, *fixed) for fixed in STATUTORY_HOLIDAYS), _day(day)})
    published = tmp_path / f"{year}.json"
    days = [{"name": "假日", "date": one.isoformat(), "isOffDay": True} for one in off]
    published.write_text(json.dumps({"year": year, "papers": [], "days": days}), encoding="utf-8")
    import_year(published, tmp_path / "later" / "calendar")
    calendar = load_calendar((*case.district.settings.catalog_dirs, tmp_path / "later"))
    recompute_provisional(case.district.store, calendar, clock=case.district.clock)
    case.district = replace(case.district, calendar=calendar)


@given("the ticket is remembered")
def remember_ticket(case: Case) -> None:
    case.remembered["ticket"] = case.ticket


# -- collected into the warehouse -----------------------------------------------------------------------------------


@then(parsers.parse("the warehouse of {title} holds {count:d} rows"))
def warehouse_holds(case: Case, title: str, count: int) -> None:
    assert case.rows("warehouse", title).height == count


@then(parsers.parse("no row of the delivery is lost: {delivered:d} delivered"))
def conserved(case: Case, delivered: int) -> None:
    counts = case.last.counts
    assert counts["delivered"] == delivered
    assert sum(counts[name] for name in CONSERVED) == delivered


@then(parsers.parse("of them {count:d} are {fate}"))
def of_them(case: Case, count: int, fate: str) -> None:
    assert case.last.counts[fate] == count


@then(parsers.parse("the receipt says who, when, which bytes and {rows:d} rows"))
def receipt(case: Case, rows: int) -> None:
    delivery = ledger.get(case.district.store, case.last.delivery)
    sent = (case.inbox / delivery.agency / delivery.file_name).read_bytes()
    assert delivery.received_by == case.district.settings.actor
    assert delivery.received_at == case.district.clock.now()
    assert (delivery.sha256, delivery.bytes) == (hashlib.sha256(sent).hexdigest(), len(sent))
    assert delivery.receipt["read"]["rows"] == rows
    assert path_of(case.district.settings.archive, delivery.sha256).read_bytes() == sent


@then(parsers.parse("the file is {state}, because {why}"))
def file_state(case: Case, state: str, why: str) -> None:
    assert case.last.state == state
    assert why in case.last.why


@then(parsers.parse("each value of {title} stands beside what was delivered:"))
def standardised(case: Case, title: str, datatable: list[list[str]]) -> None:
    raw, warehouse = case.rows("raw", title), case.rows("warehouse", title)
    for header, delivered, standard in datatable[1:]:
        item = case.item(title, header)
        assert delivered in raw[item].to_list()
        assert standard in warehouse[item].cast(pl.String).to_list()
        assert delivered == standard or delivered not in warehouse[item].cast(pl.String).to_list()


# -- who answers for the data ---------------------------------------------------------------------------------------


@then(parsers.parse("the ticket for rule {rule} is on the desk of {agency}"))
def ticket_on_desk(case: Case, rule: str, agency: str) -> None:
    found = [ticket for ticket in case.tickets("open") if ticket.rule_id == rule]
    assert [ticket.agency for ticket in found] == [case.agency(agency)]


@then(parsers.parse("the package in the outbox of {agency} names row {row:d} of {file}"))
def package_names_row(case: Case, agency: str, row: int, file: str) -> None:
    import openpyxl

    packages = sorted((case.district.settings.outbox / case.agency(agency)).glob("*.xlsx"))
    assert len(packages) == 1
    header, *lines = openpyxl.load_workbook(packages[0])["问题明细"].iter_rows(values_only=True)
    places = {(line[header.index("文件")], line[header.index("行号")]) for line in lines}
    assert (file, row) in places


@then(parsers.parse("nothing is on the desk of {agency}"))
def nothing_on_desk(case: Case, agency: str) -> None:
    assert [ticket for ticket in case.tickets() if ticket.agency == case.agency(agency)] == []
    assert not list((case.district.settings.outbox / case.agency(agency)).glob("*"))


@then(parsers.parse("a resource updated {cycle} is overdue {days} days after its last update at the latest"))
def overdue_after(case: Case, cycle: str, days: str) -> None:
    from assets.resources import freshness_of

    entry = case.resource("户籍人口基本信息").model_copy(update={"update_cycle": cycle})
    policy = freshness_of(entry, case.district.policy)
    if days == "no":
        assert policy is None
        return
    assert policy is not None
    assert policy.fail_window.to_timedelta() == timedelta(days=int(days))  # type: ignore[union-attr]


@then(parsers.parse("{title} is due by its own update cycle {cycle}"))
def due_by_own_cycle(case: Case, title: str, cycle: str) -> None:
    from assets.resources import resource_assets
    from districtlake.policy.cycles import longest_gap

    entry = case.resource(title)
    assert entry.update_cycle == cycle
    gap = longest_gap(cycle, case.district.policy)
    assert gap is not None
    specs = {spec.key.path[-1]: spec for spec in resource_assets(entry, case.district.catalog, case.district.policy).specs}
    assert specs["warehouse"].freshness_policy.fail_window.to_timedelta() == gap[1]  # type: ignore[union-attr]


@when("the night has passed")
def night(case: Case) -> None:
    """The inbox is looked through, what waits is processed, tickets and packages follow."""
    from pipelines.routing import route

    case.inbox.mkdir(exist_ok=True)
    run_folder(case.district, case.inbox)
    route(case.district)


def _timely(case: Case, title: str) -> dict[str, Any]:
    from districtlake.supervision.timeliness import timeliness_frame

    found = timeliness_frame(case.district).filter(pl.col("resource") == case.resource(title).id)
    return found.row(0, named=True)


@then(parsers.parse("{title} is {state}, to be updated by {day}"))
def stands(case: Case, title: str, state: str, day: str) -> None:
    row = _timely(case, title)
    assert (row["state"], row["due_date"]) == (state, _day(day))
    case.remembered["timely"] = row


@then(parsers.parse("its data lag {days:d} days behind"))
def data_lag(case: Case, days: int) -> None:
    assert (case.remembered["timely"]["data_lag_days"], case.remembered["timely"]["data_lagging"]) == (days, True)


@then(parsers.parse("one overdue update of {title} is open on the desk of {agency}, missed {missed:d} times, to be answered by {day}"))
def overdue_ticket(case: Case, title: str, agency: str, missed: int, day: str) -> None:
    ticket = case.ticket
    assert (ticket.kind, ticket.state, ticket.resource, ticket.agency) == (
        "overdue_update", "open", case.resource(title).id, case.agency(agency),
    )  # fmt: skip
    limit = case.district.policy.deadlines.update_overdue
    assert limit.basis == "internal", "the measures give no number for it"
    assert (ticket.problems, ticket.due_date, ticket.terms["article"]) == (missed, _day(day), limit.article)


@then(parsers.parse("the package in the outbox of {agency} says {kind} and has no rows"))
def package_without_rows(case: Case, agency: str, kind: str) -> None:
    import openpyxl

    (package,) = sorted((case.district.settings.outbox / case.agency(agency)).glob("*.xlsx"))
    book = openpyxl.load_workbook(package)
    assert kind in book.sheetnames
    assert "问题明细" not in book.sheetnames


@then(parsers.parse("the overdue update is closed as {closing}, in time"))
def overdue_closed(case: Case, closing: str) -> None:
    assert (case.ticket.state, case.ticket.closing, case.ticket.due_state) == ("closed", closing, "in_time")


@then(
    parsers.parse(
        "from {first} to {last} {title} was due {due:d} times and came in time {in_time:d} times, {in_grace:d} of them within the grace"
    )
)
def punctual(case: Case, first: str, last: str, title: str, due: int, in_time: int, in_grace: int) -> None:
    row = _punctuality(case, first, last, title)
    assert (row["due"], row["in_time"], row["in_grace"], row["missed"]) == (due, in_time, in_grace, due - in_time)
    assert row["share"] == pytest.approx(in_time / due)


@then(parsers.parse("from {first} to {last} {title} has no data on punctuality"))
def no_punctuality(case: Case, first: str, last: str, title: str) -> None:
    row = _punctuality(case, first, last, title)
    assert (row["due"], row["in_time"], row["share"]) == (0, 0, None)


def _punctuality(case: Case, first: str, last: str, title: str) -> dict[str, Any]:
    from districtlake.supervision.punctuality import punctuality

    found = punctuality(case.district, _day(first), _day(last)).filter(pl.col("resource") == case.resource(title).id)
    return found.row(0, named=True)


@then(parsers.parse("in the warehouse of {title} the {header} of {key} is {value}"))
def warehouse_value(case: Case, title: str, header: str, key: str, value: str) -> None:
    assert str(case.row("warehouse", title, key)[case.item(title, header)]) == value


@then(parsers.re(r"in the warehouse of (?P<title>\S+) the row (?P<key>\S+) is (?P<word>stale|up to date)"))
def row_is_stale(case: Case, title: str, key: str, word: str) -> None:
    assert case.row("warehouse", title, key)["_stale"] is (word == "stale")


@then(parsers.parse("the file is not taken, and the operator reads {code}"))
def not_taken(case: Case, code: str) -> None:
    assert [notice.code for notice in case.received.notices] == [code]


# -- found, told, corrected -----------------------------------------------------------------------------------------


@then(parsers.parse("there is no ticket"))
def no_ticket(case: Case) -> None:
    assert case.tickets() == []


@then(parsers.parse("one {kind} for rule {rule} is open, due {day} by {article}"))
def one_ticket(case: Case, kind: str, rule: str, day: str, article: str) -> None:
    ticket = case.ticket
    assert (ticket.kind, ticket.rule_id, ticket.state, ticket.due_date) == (kind, rule, "open", _day(day))
    limit = case.district.policy.deadlines.problem_handling
    assert (ticket.terms["days"], ticket.terms["unit"], ticket.terms["article"]) == (limit.days, limit.unit, article)
    assert (ticket.policy_id, ticket.policy_version) == (case.district.policy.id, case.district.policy.version)
    assert ticket.received_at == case.district.clock.now()


@then(parsers.parse("it is overdue from the first moment of {day}, Shanghai time"))
def overdue_from(case: Case, day: str) -> None:
    assert case.ticket.due_at == datetime.combine(_day(day), time(), tzinfo=SHANGHAI).astimezone(UTC)


@then(parsers.parse("an extension may reach {day} at the latest"))
def ceiling(case: Case, day: str) -> None:
    from districtlake.policy.deadlines import extension_ceiling

    assert extension_ceiling(case.district.policy, case.ticket.received_at, case.district.calendar).due == _day(day)


@then(parsers.re(r"the deadline (?P<day>\S+) is (?P<word>provisional|final)"))
def deadline_is(case: Case, day: str, word: str) -> None:
    assert (case.ticket.due_date, case.ticket.provisional) == (_day(day), word == "provisional")


@then(parsers.parse("the ticket is closed as {closing}, in time"))
def closed_in_time(case: Case, closing: str) -> None:
    assert (case.ticket.state, case.ticket.closing, case.ticket.due_state) == ("closed", closing, "in_time")
    assert ticket_events(case.district.store, case.ticket.id)[-1].event == "closed"


@then(parsers.parse("the problem of {title} was seen {count:d} times"))
def sightings(case: Case, title: str, count: int) -> None:
    register = case.rows("problems", title)
    assert register.select("state", "sightings").rows() == [("open", count)]


@then("it is the remembered ticket with the clock it had")
def same_ticket(case: Case) -> None:
    before = case.remembered["ticket"]
    assert (case.ticket.number, case.ticket.received_at, case.ticket.due_at) == (before.number, before.received_at, before.due_at)
    assert case.ticket.state == "open"


@then(parsers.parse("{count:d} packages have been written for {agency}"))
def packages_written(case: Case, count: int, agency: str) -> None:
    assert len(list((case.district.settings.outbox / case.agency(agency)).glob("*.xlsx"))) == count


@then(parsers.parse("the dispositions are {words}"))
def dispositions(case: Case, words: str) -> None:
    assert list(case.district.policy.dispositions.values.values()) == words.split("、")


# -- cleansed, compared, verified, monitored ------------------------------------------------------------------------


@then(parsers.parse("the change log of {title} is exactly:"))
def change_log(case: Case, title: str, datatable: list[list[str]]) -> None:
    log = case.rows("changes", title)
    titles = {item.name: item.title for item in case.resource(title).items}
    seen = {(row["_row"], titles[row["item"]], row["before"], row["after"] or "") for row in log.iter_rows(named=True)}
    assert seen == {(int(row), header, before, after) for row, header, before, after in datatable[1:]}
    assert log["rule"].null_count() == 0


@then(parsers.parse("raw {title} keeps {header} as delivered: {text}"))
def raw_kept(case: Case, title: str, header: str, text: str) -> None:
    assert text in case.rows("raw", title)[case.item(title, header)].to_list()


@then(parsers.parse("the quarantine of {title} is exactly:"))
def quarantine(case: Case, title: str, datatable: list[list[str]]) -> None:
    rows = case.rows("quarantine", title)
    seen = {(row["_row"], "+".join(sorted(row["rules"]))) for row in rows.iter_rows(named=True)}
    assert seen == {(int(row), rules) for row, rules in datatable[1:]}
    assert all(row["reasons"] and all(row["reasons"]) for row in rows.iter_rows(named=True))


@then(parsers.parse("the quarantine of {title} is empty"))
def quarantine_empty(case: Case, title: str) -> None:
    assert case.rows("quarantine", title).height == 0


@then(parsers.parse("the result of rule {rule} in {title} is {outcome}"))
def rule_outcome(case: Case, rule: str, title: str, outcome: str) -> None:
    results = case.rows("results", title).filter((pl.col("_delivery") == case.last.delivery) & (pl.col("rule") == rule))
    assert results["outcome"].to_list() == [outcome]


@then(parsers.parse("rule {rule} of {title} holds for A={passed:d} of B={evaluated:d}"))
def rule_counts(case: Case, rule: str, title: str, passed: int, evaluated: int) -> None:
    results = case.rows("results", title).filter((pl.col("_delivery") == case.last.delivery) & (pl.col("rule") == rule))
    assert results.select("passed", "evaluated").rows() == [(passed, evaluated)]


@then(parsers.parse("the monitoring of {title} states A and B for every dimension it judges:"))
def monitoring(case: Case, title: str, datatable: list[list[str]]) -> None:
    results = case.rows("results", title).filter(pl.col("_delivery") == case.last.delivery)
    found = {row["dimension"]: row for row in by_dimension(results).iter_rows(named=True)}
    failed = {dimension: row["failed"] for dimension, row in found.items()}
    assert failed == {dimension: int(bad) for dimension, bad in datatable[1:]}
    for row in found.values():
        assert row["evaluated"] > 0
        assert row["passed"] == row["evaluated"] - row["failed"]
    from assets.checks import check_results

    entry = case.resource(title)
    checks = {check.check_name: check for check in check_results(entry, case.district.catalog, results)}
    assert {name: check.passed for name, check in checks.items()} == {name: bad == 0 for name, bad in failed.items()}
    for name, check in checks.items():
        assert check.metadata["A_satisfying"].value == found[name]["passed"]  # type: ignore[union-attr]
        assert check.metadata["B_evaluated"].value == found[name]["evaluated"]  # type: ignore[union-attr]

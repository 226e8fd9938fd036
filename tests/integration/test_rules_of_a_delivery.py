"""Rules about a delivery as a whole, the measure of ``not_worse``, the order of a night, and tickets that cannot be brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from assets.resources import references_below
from districtlake.catalog.load import load_catalog
from districtlake.delivery.baselines import baselines_before
from districtlake.delivery.district import District
from districtlake.delivery.operations import reprocess, withdraw
from districtlake.delivery.process import Engine
from districtlake.nights.tables_now import problem_matrix
from districtlake.store.tables import Ticket
from districtlake.tickets.raise_tickets import _Work
from districtlake.warehouse.commit import read
from districtlake.warehouse.tables import address
from pipelines.nightly import _in_dependency_order
from pipelines.routing import route
from tests.plain_validator import validate
from tests.running import run_folder
from tests.small_district import NOTES, PAYMENTS, PEOPLE, Row, day, deliver, deliveries, open_small, write_catalog

ROWS: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 2, None), ("A3", "丙", 3, None), ("A4", "丁", 4, None)]
COUNTED = "  - {id: rows.enough, expect: expect_table_row_count_to_be_between, min_value: 3, severity: info, title: 应至少有3行}\n"
BY = {"actor": "处长", "reason": "复核"}


def with_checks(folder: Path, resource: str, lines: str) -> None:
    path = folder / "resources" / f"{resource.replace('.', '/')}.yaml"
    path.write_text(path.read_text(encoding="utf-8") + lines, encoding="utf-8")


def give(district: District, name: str, rows: list[Row], agency: str = "registry_bureau") -> None:
    deliver(district.settings.inbox, name, rows, agency=agency)
    run_folder(district, district.settings.inbox, Engine(validator=validate))


def problems(district: District, resource: str = PEOPLE) -> dict[str, tuple[str, str | None, int]]:
    """By rule: state, closing, sightings of what is told of a delivery as a whole."""
    rows = read(district.lake, "problems", resource).to_dicts()
    return {row["rule"]: (row["state"], row["closing"], row["sightings"]) for row in rows if row["key"] == ""}


def tickets(district: District) -> list[tuple[str, str, str, str | None]]:
    with district.store.session(read_only=True) as session:
        return [(t.rule_id, t.kind, t.state, t.closing) for t in session.scalars(select(Ticket).order_by(Ticket.number))]


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    catalog = write_catalog(tmp_path / "catalog")
    with_checks(catalog, PEOPLE, COUNTED)
    found = open_small(tmp_path)
    with found.store:
        yield found


def test_a_failed_rule_about_a_delivery_is_one_lead_until_a_later_one_passes(district: District) -> None:
    give(district, f"people_{day(1)}.csv", ROWS)
    route(district)
    assert (problems(district), tickets(district)) == ({}, [])
    for number in (2, 3):  # the second time is a sighting, no second lead
        give(district, f"people_{day(number)}.csv", [*ROWS[:2], ("A1", "甲", number, "改")][-2:])
        route(district)
    assert {row.state for row in deliveries(district).values()} == {"done"}, "it stops nothing"
    assert problems(district) == {"rows.enough": ("open", None, 2)}
    assert tickets(district) == [("rows.enough", "lead", "open", None)]
    # a correction holds only what was corrected: it neither passes nor fails the resource
    give(district, f"people_fix_{day(3)}.csv", [(f"A{number}", "甲", number, "补") for number in range(1, 5)])
    assert problems(district)["rows.enough"][:2] == ("open", None)
    give(district, f"people_{day(4)}.csv", ROWS)
    route(district)
    assert problems(district)["rows.enough"][:2] == ("closed", "passed")
    assert tickets(district) == [("rows.enough", "lead", "closed", "fixed")]
    # taken back, the delivery that passed closes nothing
    withdraw(district, deliveries(district)[f"people_{day(4)}.csv"].id, Engine(validator=validate), **BY)
    route(district)
    assert problems(district)["rows.enough"][:2] == ("open", None)
    assert tickets(district) == [("rows.enough", "lead", "open", None)]


def test_a_correction_is_no_measure_for_the_next_delivery(tmp_path: Path) -> None:
    path = write_catalog(tmp_path / "catalog") / "resources" / f"{PEOPLE.replace('.', '/')}.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("max_value: 8,", "max_value: 8, tolerance: not_worse,"), encoding="utf-8")
    found = open_small(tmp_path)
    with found.store:
        long = "一个过长的名称啊啊"
        give(found, f"people_{day(1)}.csv", [("A1", long, 1, None), *ROWS[1:]])
        give(found, f"people_fix_{day(1)}.csv", [("A2", long, 2, None)])  # all of it fails: as a measure it would excuse anything
        measure = baselines_before(found, found.resource(PEOPLE))["name.brief"]
        first = deliveries(found)[f"people_{day(1)}.csv"].id
        assert (measure.delivery, measure.failed, measure.evaluated) == (first, 1, 4)
        give(found, f"people_{day(2)}.csv", [("A1", long, 1, None), ("A2", long, 2, None), *ROWS[2:]])

        def outcome(name: str) -> str:
            rows = read(found.lake, "results", PEOPLE).filter(_delivery=deliveries(found)[name].id, rule="name.brief")
            return str(rows["outcome"].item())

        assert outcome(f"people_{day(2)}.csv") == "failed"
        reprocess(found, first, Engine(validator=validate), **BY)  # folded in one operation it is the same
        assert outcome(f"people_{day(2)}.csv") == "failed"


def test_a_night_takes_first_what_checks_refer_to(tmp_path: Path) -> None:
    folder = write_catalog(tmp_path)
    with_checks(
        folder, PEOPLE, f"  - {{id: a, expect: expect_column_values_to_exist_in_resource, column: code, resource: {NOTES}, item: code}}\n"
    )
    compared = "column_list: [name, code], item: name, key: [code]"
    with_checks(folder, PAYMENTS, f"  - {{id: a, expect: expect_multicolumn_values_to_equal_resource, {compared}, resource: {PEOPLE}}}\n")
    small = open_small(tmp_path.parent / "unused_state", catalog_dirs=(folder,))
    with small.store:
        waiting = {"registry_bureau": [PEOPLE], "other_bureau": [NOTES]}
        assert _in_dependency_order(small, waiting) == ["other_bureau", "registry_bureau"]
        assert _in_dependency_order(small, {"registry_bureau": [PAYMENTS], "other_bureau": [NOTES]}) == ["other_bureau", "registry_bureau"]
    catalog = load_catalog([folder])
    assert [references_below(catalog.resources[one], catalog) for one in (PEOPLE, PAYMENTS, NOTES)] == [0, 1, 0]


def test_a_fault_over_one_register_is_told_and_keeps_nobody_elses_tickets(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema error was taken for a damaged table, and tickets stopped without a word."""
    import polars as pl

    for name, agency in (("people", "registry_bureau"), ("notes", "other_bureau")):
        give(district, f"{name}_{day(1)}.csv", [("A1", "甲", 500, None), *ROWS[1:]], agency)
    whole = _Work.grouped

    def faulty(work: Any, frame: pl.DataFrame) -> Any:
        if PEOPLE in set(frame["resource"]):
            raise pl.exceptions.SchemaError("row 500 甲 does not match")
        return whole(work, frame)

    monkeypatch.setattr(_Work, "grouped", faulty)
    routed = route(district)
    assert routed.unreadable == {}
    assert routed.failed.keys() == {PEOPLE}
    assert routed.failed[PEOPLE].startswith("SchemaError（")
    assert "甲" not in routed.failed[PEOPLE]
    assert [ticket[0] for ticket in tickets(district)] == ["amount.range"], "the neighbour has its ticket"
    assert PEOPLE not in routed.seen, "the next call tries again"
    monkeypatch.undo()
    again = route(district, routed.seen)
    assert (again.failed, len(tickets(district))) == ({}, 2)


def test_a_register_that_is_cut_off_stops_its_own_tickets_only(district: District) -> None:
    for name, agency in (("people", "registry_bureau"), ("notes", "other_bureau")):
        give(district, f"{name}_{day(1)}.csv", [("A1", "甲", 500, None), *ROWS[1:]], agency)
    for file in address(district.lake, "problems", PEOPLE).glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:40])
    routed = route(district)
    assert routed.unreadable == {PEOPLE: "DamagedFile"}
    assert routed.failed == {}
    assert len(tickets(district)) == 1
    assert problem_matrix(district)["unreadable"] == [PEOPLE]

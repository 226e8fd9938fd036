"""The real deliveries, the whole way: what is known of them by counting must come out of the warehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from districtlake.delivery import ledger
from districtlake.delivery.receive import submit
from districtlake.warehouse import history
from districtlake.warehouse.commit import read
from tests.running import run_folder, run_pending

pytestmark = pytest.mark.real
UNIVERSITIES = "education_bureau.universities"
REPORTS = "health_bureau.case_reports"


@pytest.fixture
def inbox(shared_data: Path, tmp_path: Path) -> Path:
    for agency in ("education_bureau", "health_bureau"):
        shutil.copytree(shared_data / "deliveries" / agency, tmp_path / "in" / agency)
    return tmp_path / "in"


def test_the_university_lists_form_one_keyed_history(inbox: Path, open_test_district: Callable[..., object]) -> None:
    district = open_test_district()
    _, outcomes = run_folder(district, inbox)
    by_file = {outcome.file: outcome for outcome in outcomes}
    first, second = by_file["2017全国高等学校名单.xls"], by_file["2025全国高等学校名单.xls"]
    assert (first.state, second.state) == ("done", "done")
    assert first.counts["inserted"] == 2631
    assert second.counts["inserted"] == 332
    assert second.counts["deleted"] == 44
    assert read(district.lake, "warehouse", UNIVERSITIES).height == 2919

    entry = district.resource(UNIVERSITIES)
    raw = history.differences_as_delivered(district.lake, entry, first.delivery, second.delivery)
    assert (raw["name"], raw["authority"]) == (286, 72)
    # 19 of the 286 names differ only in line breaks and blanks inside the 2017 cells; cleansing makes them one
    changed = history.changed_by(district.lake, entry, second.delivery)["changed"]
    assert int(changed.select(pl.col("name").ne_missing(pl.col("name__after")).sum()).item()) == 267
    altered = read(district.lake, "changes", UNIVERSITIES)
    assert altered.filter((pl.col("item") == "name") & (pl.col("_delivery") == first.delivery)).height >= 19

    from datetime import UTC, datetime

    assert history.as_of(district.lake, entry, datetime(2020, 1, 1, tzinfo=UTC)).collect().height == 2631


def test_the_2016_list_has_a_resource_of_its_own_and_is_held_where_the_code_is_required(
    inbox: Path, open_test_district: Callable[..., object]
) -> None:
    district = open_test_district()
    _, outcomes = run_folder(district, inbox)
    own = next(outcome for outcome in outcomes if outcome.resource == "education_bureau.universities_2016")
    assert own.state == "done"
    assert own.counts["delivered"] == 2595
    before = read(district.lake, "warehouse", UNIVERSITIES)
    submit(district, inbox / "education_bureau" / "2016全国普通高校名单.xlsx", UNIVERSITIES, correction=False, data_date=None, actor="test")
    [held] = run_pending(district)
    assert held.state == "held"
    assert "学校标识码" in held.why
    assert held.counts["held"] == 2595
    assert read(district.lake, "warehouse", UNIVERSITIES).equals(before)
    register = read(district.lake, "problems", UNIVERSITIES).filter(pl.col("state") == "open")
    assert "delivery.columns" in register["rule"].to_list()


def test_the_case_reports(inbox: Path, open_test_district: Callable[..., object]) -> None:
    district = open_test_district()
    _, outcomes = run_folder(district, inbox)
    report = next(outcome for outcome in outcomes if outcome.resource == REPORTS)
    assert report.state == "done"
    assert report.counts["delivered"] == 27424
    assert report.counts["duplicates"] == 15
    assert report.counts["quarantined"] == 1
    results = read(district.lake, "results", REPORTS)
    negative = results.filter(pl.col("rule").is_in(["confirmed.range", "recovered.range", "deaths.range"]))
    assert sorted(negative["failed"].to_list()) == [25, 31, 70]
    assert set(negative["severity"]) == {"warning"}
    [row] = read(district.lake, "quarantine", REPORTS).to_dicts()
    assert row["report_date"] == "2020年"
    assert row["rules"] == ["report_date.conforms"]


def test_everything_a_second_time_changes_nothing(inbox: Path, open_test_district: Callable[..., object], tmp_path: Path) -> None:
    from tests.running import tables

    district = open_test_district()
    run_folder(district, inbox)
    before = tables(district)
    received, outcomes = run_folder(district, inbox)
    assert (received.new, outcomes) == ([], [])
    renamed = tmp_path / "again" / "health_bureau" / "x" / "covid-reports.csv"
    renamed.parent.mkdir(parents=True)
    shutil.copyfile(inbox / "health_bureau" / "covid-reports.csv", renamed)
    received, outcomes = run_folder(district, tmp_path / "again")
    assert len(received.duplicates) == 1
    assert outcomes == []
    assert tables(district) == before
    assert ledger.waiting(district.store) == []

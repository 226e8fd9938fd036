"""The real deliveries, the whole way: what is known of them by counting must come out of the warehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from districtlake.comparison.compare import compare
from districtlake.delivery import ledger
from districtlake.delivery.receive import submit
from districtlake.settings import PROJECT_ROOT
from districtlake.warehouse import history
from districtlake.warehouse.commit import read
from districtlake.warehouse.leads import read_leads
from tests import real_divisions
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


def test_every_file_is_accounted_for_and_every_problem_is_a_true_one(
    shared_data: Path, open_test_district: Callable[..., object], tmp_path: Path
) -> None:
    """All four agencies from the folder as it came: what is delivered, what lies in the warehouse, what the agencies are told."""
    district = open_test_district(catalog_dirs=(PROJECT_ROOT / "catalog", real_divisions.write_catalog(tmp_path / "divisions")))
    received, outcomes = run_folder(district, shared_data / "deliveries")
    assert sorted(notice.relative.rpartition("/")[2] for notice in received.notices) == ["LICENSE-areacity", "LICENSE-divisions"]
    assert {outcome.state for outcome in outcomes} == {"done"}
    delivered = {outcome.file: outcome.counts["delivered"] for outcome in outcomes}
    assert delivered == {
        "provinces.csv": 31, "cities.csv": 342, "areas.csv": 2978, "streets.csv": 41_352,
        "villages_haishu330203_subset.csv": 280, "villages_zhejiang33_subset.csv": 25_547,
        "ok_data_level3.csv": 3639, "ok_data_level4.csv": 43_118, "airnow.json": 1495, "covid-reports.csv": 27_424,
        "ch-en-reference.csv": 651, "2016全国普通高校名单.xlsx": 2595, "全国普通高等学校数据统计（2016年版）.xls": 2595,
        "2017全国高等学校名单.xls": 2631, "2025全国高等学校名单.xls": 2919,
    }  # fmt: skip
    for outcome in outcomes:
        counts = outcome.counts
        fates = ("inserted", "changed", "unchanged", "duplicates", "quarantined", "held")
        assert counts["delivered"] == sum(counts.get(fate, 0) for fate in fates), outcome.file

    failing = {}
    for resource in sorted({outcome.resource for outcome in outcomes}):
        results = read(district.lake, "results", resource).filter(pl.col("failed") > 0)
        failing |= {(resource, rule): failed for rule, failed in results.select("rule", "failed").rows()}
    assert failing == {
        # 35 two-digit and 361 four-digit codes, shortened by the source and kept as they came
        ("civil_affairs_bureau.divisions_level3", "id.full_length"): 396,
        ("civil_affairs_bureau.divisions_level4", "id.full_length"): 396,
        (REPORTS, "confirmed.range"): 70,
        (REPORTS, "recovered.range"): 31,
        (REPORTS, "deaths.range"): 25,
        (REPORTS, "report_date.conforms"): 1,
    }

    streets, villages = (read(district.lake, "warehouse", f"civil_affairs_bureau.{name}") for name in ("streets", "villages"))
    assert streets.filter(pl.col("area_code") == "330203").height == 17
    assert villages.filter(pl.col("area_code") == "330203").height == 280
    assert villages.height == 25_547, "the district's file is a part of the province's"
    shortened = read(district.lake, "warehouse", "civil_affairs_bureau.divisions_level4")
    assert shortened.filter(pl.col("id") == "1101").select("parent_id", "full_code").rows() == [("11", "110100000000")]

    # two sources of divisions, codes cut off in one and filled up in the other, compared by what their YAML declares under 'match'
    assert [(one.outcome, one.reason) for one in compare(district, ["towns", "counties"])] == [("compared", "")] * 2
    leads = read_leads(district.lake)
    told = {name: set(leads.filter(pl.col("comparison") == name)["key"]) for name in ("towns", "counties")}
    assert told == real_divisions.expected(shared_data / "deliveries")
    assert {name: len(keys) for name, keys in told.items()} == {"towns": 11_390, "counties": 361}
    assert set(leads.filter(comparison="towns")["match_by"]) == {
        "截短代码（区划代码归到乡级）；比对时全称（空白、全半角、大小写不计，间隔号统一，区划名称不计通名）"
    }


def test_the_air_stations(shared_data: Path, open_test_district: Callable[..., object], tmp_path: Path) -> None:
    shutil.copytree(shared_data / "deliveries" / "ecology_bureau", tmp_path / "in" / "ecology_bureau")
    district = open_test_district()
    _, [outcome] = run_folder(district, tmp_path / "in")
    assert (outcome.counts["inserted"], outcome.counts["quarantined"]) == (1495, 0)
    stations = read(district.lake, "warehouse", "ecology_bureau.air_stations")
    assert stations.select(pl.col("pm10", "primary_pollutant", "aqi").null_count()).row(0) == (273, 548, 20)
    assert (stations["aqi"].min(), stations["aqi"].max()) == (6, 396)
    first = stations.filter(pl.col("station_code") == "1001A")
    assert first.select(pl.col("longitude", "latitude").cast(pl.Float64)).row(0) == (116.366, 39.8673)
    assert first.select("observed_at", "pm2_5", "pm10").row(0) == ("2018-02-20T07:00:00", Decimal("38.000"), None)


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

"""The quality report over a small district of three days: its sums against the results themselves, its page, workbook, command and night."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.clock import FixedClock
from districtlake.delivery.district import District
from districtlake.delivery.receive import receive
from districtlake.errors import DistrictLakeError, NotFound, OperationRefused
from districtlake.quality_report.figures import UPDATE_RULE, quality_figures
from districtlake.quality_report.files import write_nightly
from districtlake.quality_report.page import render
from districtlake.quality_report.period import Scope, percent, scope_of, total_score
from districtlake.quality_report.workbook import cell_safe, write_workbook
from districtlake.warehouse.commit import read
from pipelines.routing import route
from tests.portal_people import closing_store
from tests.running import run_pending
from tests.small_district import NOON, NOTES, PEOPLE, VISITS, deliver, environment, open_small

SECRET = "一个十分特别的名称不该被别人看到"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People on the 3rd (two faults), the 4th (one) and the 5th (unreadable); the neighbour's notes on the 4th without any fault."""
    found = tmp_path_factory.mktemp("quality")
    with closing_store(open_small(found)) as district:
        inbox = district.settings.inbox
        deliver(inbox, "people_20260303.csv", [("A1", "甲", 5, None), ("A2", "乙", 500, None), ("A3", SECRET, 7, None)])
        deliver(inbox, "people_20260304.csv", [("A1", "甲", 5, None), ("A2", "乙", 50, None), ("A3", SECRET, 7, None)])
        deliver(inbox, "people_20260305.csv", [("x", "y")], header="甚么,不是")
        deliver(inbox, "notes_20260304.csv", [("N1", "好", 1, None)], agency="other_bureau")
        receive(district)
        run_pending(district)
        route(district)
    return found


@pytest.fixture
def district(folder: Path) -> Iterator[District]:
    with closing_store(open_small(folder)) as found:
        yield found


def of(district: District, first: int = 3, last: int = 5, **asked: Any) -> dict[str, Any]:
    return quality_figures(district, scope_of(district, first=date(2026, 3, first), last=date(2026, 3, last), **asked))


def test_sums_are_those_of_the_results_and_of_the_updates_due(district: District) -> None:
    figures = of(district)
    results = pl.concat([read(district.lake, "results", name) for name in (PEOPLE, NOTES)])
    due = [row for row in figures["rules"] if row["rule"] == UPDATE_RULE]
    for row in figures["dimensions"]:
        mine = results.filter(pl.col("dimension") == row["dimension"])
        extra = (sum(r["satisfying"] for r in due), sum(r["evaluated"] for r in due)) if row["dimension"] == "timeliness" else (0, 0)
        assert (row["satisfying"], row["evaluated"]) == (mine["passed"].sum() + extra[0], mine["evaluated"].sum() + extra[1])
        assert row["share"] == (row["satisfying"] / row["evaluated"] if row["evaluated"] else None)
    for part in ("days", "agencies", "resources", "rules"):
        for name in ("satisfying", "evaluated", "failed"):
            assert sum(row[name] for row in figures[part]) == figures["total"][name], (part, name)
    assert sum(row["evaluated"] for row in figures["deliveries"]) == results["evaluated"].sum()
    assert figures["total"]["failed"] >= 4


def test_what_was_not_evaluated_is_not_a_hundred_percent(district: District) -> None:
    silent = next(row for row in of(district)["resources"] if row["resource"] == VISITS)
    assert (silent["evaluated"], silent["share"]) == (0, None)
    assert all(cell["share"] is None for cell in silent["dimensions"].values())
    nothing = of(district, 1, 2, resource=VISITS)
    assert nothing["total"]["score"] is None
    read_by_people = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<script>.*?</script>|<[^>]+>", " ", render(nothing), flags=re.S)
    assert read_by_people.count("未评价") >= 8
    assert not re.search(r"\b100\.00%", read_by_people)


def test_one_broken_row_of_a_million_still_shows() -> None:
    assert percent(999_999 / 1_000_000) == "99.99%"
    assert percent(1 / 10_000_000) == "0.01%"
    assert (percent(1.0), percent(0.0), percent(None)) == ("100.00%", "0.00%", "未评价")


def test_weights_are_the_policys_and_unevaluated_dimensions_weigh_nothing(district: District) -> None:
    shares = {name: {"share": 0.5} for name in DIMENSION_TITLES} | {"accuracy": {"share": 1.0}, "timeliness": {"share": None}}
    assert total_score(shares, dict.fromkeys(DIMENSION_TITLES, 1.0)) == pytest.approx(0.6)
    assert total_score(shares, dict.fromkeys(DIMENSION_TITLES, 0.0) | {"accuracy": 3.0}) == 1.0
    assert total_score(shares, dict.fromkeys(DIMENSION_TITLES, 0.0) | {"timeliness": 1.0}) is None
    weights = district.policy.quality_weights
    assert set(weights.weights) == set(DIMENSION_TITLES)
    heavier = weights.model_copy(update={"weights": {**weights.weights, "accuracy": 5.0}})
    other = replace(district, policy=district.policy.model_copy(update={"quality_weights": heavier}))
    dimensions = {row["dimension"]: row for row in of(district)["dimensions"]}
    assert of(other)["total"]["score"] == total_score(dimensions, heavier.weights) != of(district)["total"]["score"]
    assert "准确性 5" in render(of(other))


def test_a_period_is_compared_with_the_one_before(district: District) -> None:
    changes = of(district, 4, 4)["changes"]
    assert [row["rule"] for row in changes["cured"] if row["resource"] == PEOPLE] == ["amount.range"]
    assert not of(district, 1, 5)["changes"]["compared"]
    assert of(district, 5, 5)["total"]["evaluated"] < of(district, 4, 4)["total"]["evaluated"]


def test_the_scope_is_the_agencys_or_the_resources(district: District) -> None:
    mine = of(district, agency="other_bureau")
    assert {row["resource"] for part in ("rules", "resources", "deliveries") for row in mine[part]} == {NOTES}
    assert mine["open"]["problems"] == 0
    assert of(district, resource=PEOPLE)["scope"]["agency"] == "registry_bureau"
    with pytest.raises(NotFound):
        scope_of(district, agency="other_bureau", resource=PEOPLE)
    with pytest.raises(OperationRefused):
        scope_of(district, first=date(2026, 3, 5), last=date(2026, 3, 4))


def test_without_days_it_is_the_last_thirty_or_the_last_with_a_delivery(district: District) -> None:
    assert scope_of(district) == Scope(date(2026, 2, 5), date(2026, 3, 6), chosen="default")
    later = replace(district, clock=FixedClock(NOON + timedelta(200)))
    assert scope_of(later) == Scope(date(2026, 2, 4), date(2026, 3, 5), chosen="recent")


def test_an_unreadable_delivery_counts_for_accessibility(district: District) -> None:
    (row,) = [row for row in of(district, resource=PEOPLE)["rules"] if row["rule"] == "delivery.readable"]
    assert (row["satisfying"], row["evaluated"]) == (2, 3)


def test_the_page_needs_nothing_and_every_number_leads_somewhere(district: District) -> None:
    page = render(of(district), "https://portal.example/")
    assert not re.search(r"""\b(src|href)\s*=\s*"(?!#|https://portal\.example/)""", page)
    assert "http" not in page.replace("https://portal.example/", "")
    assert "@import" not in page
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    assert len(ids) == len(re.findall(r'\bid="', page)), "each once"
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= ids
    assert any(target.startswith("d-") for target in targets)
    assert f"districtlake problems --resource {PEOPLE} --rule amount.range --state all" in page
    assert "system.results where delivery = &#39;people-20260303-" in page
    assert SECRET not in page


def test_hostile_names_are_text(district: District) -> None:
    figures = of(district)
    for row in (*figures["rules"], *figures["agencies"], *figures["resources"], *figures["not_evaluated"]):
        for name in ("title", "name", "resource_title", "agency_name", "reason"):
            if name in row:
                row[name] = '=HYPERLINK("http://x")<script>alert(1)</script>\x07'
    figures["dimensions"][0]["title"] = '"><img src=x onerror=alert(1)>'
    assert not re.search(r"<script>alert|<img", render(figures))
    held = BytesIO()
    write_workbook(figures, held)
    cells = [cell for sheet in load_workbook(held) for line in sheet.iter_rows() for cell in line if cell.value is not None]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert sum(str(cell.value).startswith("'=HYPERLINK") for cell in cells) > 5


def test_the_workbook_has_its_sheets_formats_filters_and_charts(district: District) -> None:
    held = BytesIO()
    figures = of(district)
    write_workbook(figures, held)
    book = load_workbook(held)
    assert book.sheetnames == ["总览", "按部门", "按资源", "按规则", "按日", "说明"]
    for name in ("按部门", "按资源", "按规则", "按日"):
        sheet = book[name]
        assert sheet.freeze_panes
        assert sheet.auto_filter.ref.startswith("A1:")
        heads = [cell.value for cell in sheet[1]]
        shares = [
            cell for line in sheet.iter_rows(min_row=2) for cell, head in zip(line, heads, strict=True) if head and head.endswith("A/B")
        ]
        assert {cell.number_format for cell in shares if isinstance(cell.value, float)} == {"0.00%"}
        assert all(cell.value in (None, "未评价") or 0 <= cell.value <= 1 for cell in shares)
    assert [len(book[name]._charts) for name in ("总览", "按日")] == [1, 1]
    lines = {(line[1].value, line[3].value): (line[7].value, line[8].value) for line in book["按规则"].iter_rows(min_row=2)}
    for row in figures["rules"]:
        assert lines[row["resource_title"], row["rule"]] == (row["satisfying"], row["evaluated"])
    texts = " ".join(str(cell.value) for sheet in book for line in sheet.iter_rows() for cell in line)
    assert SECRET not in texts


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "＝1+1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell_safe(text).startswith("'")


def test_a_night_writes_it_and_one_that_changed_nothing_keeps_it(folder: Path) -> None:
    with closing_store(open_small(folder)) as found:
        first = write_nightly(found)
        assert first.anew
        page, book = found.settings.outbox / first.html, found.settings.outbox / first.workbook
        assert "综合得分" in page.read_text(encoding="utf-8")
        again = write_nightly(found)
        assert (again.anew, again.html, again.headline) == (False, first.html, first.headline)
        tomorrow = write_nightly(replace(found, clock=FixedClock(NOON + timedelta(1))))
        assert not tomorrow.anew, "a day on which nothing was judged keeps it"
        book.unlink()
        assert write_nightly(found).anew, "a file that was taken away is written again"


def test_a_place_that_cannot_be_written_is_a_sentence(district: District, tmp_path: Path) -> None:
    from districtlake.quality_report.files import put

    (tmp_path / "file").write_text("")
    with pytest.raises(DistrictLakeError, match="cannot be written"):
        put(tmp_path / "file" / "x.html", b"")


def test_the_command_writes_both_files_or_the_one_asked_for(district: District, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from districtlake.cli.app import app

    for name, value in environment(district.settings).items():
        monkeypatch.setenv(name, value)
    runner = CliRunner()
    done = runner.invoke(app, ["quality", "report", "--to", str(tmp_path / "out"), "--since", "2026-03-03", "--until", "2026-03-05"])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"数据质量报告_20260303-20260305{kind}" for kind in (".html", ".xlsx")
    ]
    one = tmp_path / "月报.XLSX"
    assert runner.invoke(app, ["quality", "report", "--to", str(one), "--agency", "other_bureau"]).exit_code == 0
    assert load_workbook(one).sheetnames[0] == "总览"
    told = runner.invoke(app, ["quality", "report", "--json"])
    assert json.loads(told.stdout)["dimensions"][0]["title"] == "规范性"
    for wrong in (["--to", str(tmp_path / "x.pdf")], ["--since", "yesterday"], ["--agency", "nobody"], ["--since", "1900-01-01"]):
        assert isinstance(runner.invoke(app, ["quality", "report", *wrong]).exception, DistrictLakeError), wrong

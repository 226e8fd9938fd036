"""The data dictionary over the demonstration district: complete, true, runnable, self-contained, and without anybody's data in it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from districtlake.analysis.ask import open_session
from districtlake.delivery.district import District
from districtlake.dictionary.charts import changes_chart
from districtlake.dictionary.document import dictionary
from districtlake.dictionary.site import percent, write_site
from districtlake.errors import OperationRefused
from districtlake.warehouse.commit import read


@pytest.fixture(scope="module")
def document(demonstration: District) -> dict[str, Any]:
    return dictionary(demonstration)


@pytest.fixture(scope="module")
def site(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(document, tmp_path_factory.mktemp("site") / "dictionary").parent


def delivered(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [table for table in document["tables"] if table["counts"]]


def test_every_table_and_column_of_the_catalogue_is_there(document: dict[str, Any], demonstration: District) -> None:
    catalog = demonstration.catalog
    named = {table["id"] for table in document["tables"] if table["kind"] != "system"}
    assert named == {*catalog.resources, *catalog.marts}
    assert "system.results" in {table["id"] for table in document["tables"]}
    for table in document["tables"]:
        if table["kind"] == "resource":
            entry = catalog.resources[table["id"]]
            assert [column["name"] for column in table["columns"]] == [item.name for item in entry.items if not item.volatile]
            assert table["owner"]
            assert table["sharing"]["title"]
            assert table["freshness"]["state_title"]
            assert table["rules"]
        assert all(column["type"] and column["title"] for column in table["columns"])
        assert all(column["codes"] is None or column["codes"] in document["code_lists"] for column in table["columns"])
    grouped = [name for group in document["groups"] for name in group["tables"]]
    assert sorted(grouped) == sorted(table["id"] for table in document["tables"])


def test_its_numbers_are_those_of_the_lake(document: dict[str, Any], demonstration: District) -> None:
    tables = [table for table in delivered(document) if table["kind"] == "resource"]
    assert len(tables) >= 6
    for table in tables:
        current = read(demonstration.lake, "warehouse", table["id"])
        assert table["counts"]["rows"] == current.height
        assert table["counts"]["stale"] == current["_stale"].sum()
        assert table["counts"]["quarantine"] == read(demonstration.lake, "quarantine", table["id"]).height
        results = read(demonstration.lake, "results", table["id"]).filter(pl.col("_delivery") == table["quality"]["delivery"])
        assert sum(d["B"] for d in table["quality"]["dimensions"]) == results["evaluated"].sum()
        assert sum(d["A"] for d in table["quality"]["dimensions"]) == results["passed"].sum()
        last = table["changes"][-1]
        assert last["delivered"] >= last["inserted"] + last["changed"] + last["unchanged"]


def test_types_are_those_that_sql_gives(document: dict[str, Any], demonstration: District) -> None:
    for table in delivered(document):
        with open_session(demonstration, f"select * from {table['id']} limit 0") as session:
            real = session.columns()
        assert {c["name"]: c["type"] for c in table["columns"] if real[c["name"]] != c["type"]} == {}, table["id"]


def test_every_sample_query_runs(document: dict[str, Any], demonstration: District) -> None:
    """The generated ones and those of the catalogue, on every table that has data."""
    ran: dict[str, int] = {"catalogue": 0, "generated": 0}
    for table in delivered(document):
        for query in table["queries"]:
            with open_session(demonstration, query["sql"], timeout=60) as session:
                result = session.table()
            assert result.num_columns > 0
            assert query["title"]
            ran[query["origin"]] += 1
    assert ran["catalogue"] >= 8
    assert ran["generated"] >= 20


def test_no_query_and_no_page_shows_a_person(document: dict[str, Any], site: Path, demonstration: District) -> None:
    """Values of sensitive items (L3, L4) of the whole warehouse are in no file of the site, and in no result of a query."""
    secret: set[str] = set()
    for entry in demonstration.catalog.resources.values():
        names = [item.name for item in entry.items if demonstration.catalog.sensitivity_of(item) in ("L3", "L4") and not item.volatile]
        if any(table["id"] == entry.id for table in delivered(document)):
            frame = read(demonstration.lake, "warehouse", entry.id)
            for name in names:
                secret |= {str(v) for v in frame[name].drop_nulls().unique() if frame[name].dtype == pl.String and len(str(v)) >= 6}
    assert len(secret) > 100
    shown = "\n".join(path.read_text(encoding="utf-8") for path in site.rglob("*") if path.is_file())
    for table in delivered(document):
        for query in table["queries"]:
            with open_session(demonstration, query["sql"]) as session:
                shown += str(session.table().to_pylist())
    assert [value for value in secret if value in shown] == []


def test_a_mart_tells_what_it_is_made_of_and_a_resource_what_is_made_of_it(document: dict[str, Any]) -> None:
    tables = {table["id"]: table for table in document["tables"]}
    persons, population = tables["population.persons"], tables["public_security_bureau.population"]
    assert population["id"] in persons["lineage"]["reads"]
    assert persons["id"] in population["lineage"]["read_by"]
    assert any(origin.startswith(population["id"]) for column in persons["columns"] for origin in column["from"])
    assert persons["build"]["outcome"] == "built"


def test_samples_only_of_what_is_shared_without_conditions(document: dict[str, Any]) -> None:
    sampled = {table["id"] for table in document["tables"] if table["sample"]}
    assert sampled
    assert all(table["sharing"]["class"] == "unconditional" for table in document["tables"] if table["sample"])


class _Page(HTMLParser):
    """What a page leads to, what it holds open, and its ids."""

    VOID = frozenset({"meta", "link", "input", "br", "line", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name == "id" and value:
                self.ids.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        pass


def test_every_page_is_whole_and_leads_only_to_its_own_files(site: Path) -> None:
    pages = {path: _Page() for path in site.rglob("*.html")}
    for path, page in pages.items():
        page.feed(path.read_text(encoding="utf-8"))
        assert page.open == [], path
        assert len(page.ids) == len(set(page.ids)), path
    for path, page in pages.items():
        for link in page.links:
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_relative_to(site), f"{path.name} leads to {link}"
            assert target.exists(), f"{path.name} leads to {link}"
            assert not anchor or target.suffix != ".html" or anchor in pages[target].ids, f"{path.name} leads to {link}"
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css", ".js"):
            assert not re.search(r"https?://|@import|url\(", path.read_text(encoding="utf-8")), path


def test_the_json_is_the_whole_document(site: Path, document: dict[str, Any]) -> None:
    assert json.loads((site / "dictionary.json").read_text(encoding="utf-8")) == document


def test_the_site_is_replaced_whole_and_nothing_else_ever_is(document: dict[str, Any], tmp_path: Path) -> None:
    target = tmp_path / "site"
    write_site(document, target)
    (target / "old.html").write_text("old")
    write_site(document, target)
    assert not (target / "old.html").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(OperationRefused, match="holds no dictionary"):
        write_site(document, tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "site"]


def test_text_from_the_catalogue_stays_text(document: dict[str, Any], tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    changed = json.loads(json.dumps(document))
    changed["tables"][0] |= {"title": evil, "description": evil}
    changed["tables"][0]["changes"] = [
        {"delivery": "d", "file": evil, "data_date": None, "mode": "snapshot", "label": evil, "delivered": 1, "inserted": 1, "changed": 0,
         "deleted": 0, "unchanged": 0, "quarantined": 0}
    ]  # fmt: skip
    folder = write_site(changed, tmp_path / "site").parent
    for path in (*folder.rglob("*.html"), folder / "search-data.js"):
        assert "<script>alert" not in path.read_text(encoding="utf-8")


def test_a_share_is_not_rounded_up_to_everything() -> None:
    assert (percent(3, 3), percent(99_999, 100_000), percent(1, 3)) == ("100%", "99.99%", "33.33%")


def test_a_chart_of_nothing_is_nothing() -> None:
    assert changes_chart([], "x") == ""

"""The page of leads: whose it shows to whom, what of the other side, its filters and the way to the ticket."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from districtlake.marts.system import SYSTEM_TABLES
from districtlake.portal.app import create_app
from tests.leads_district import ASKED, TURNED, prepare_leads
from tests.portal_people import AUDITOR, COUNTER, MINE, OFFICE, OTHER, UNIT, closing_store, sign_in
from tests.small_district import open_small

Enter = Callable[[str], TestClient]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_leads(tmp_path_factory.mktemp("leads"))


def entering(folder: Path, stack: ExitStack) -> Enter:
    app = create_app(stack.enter_context(closing_store(open_small(folder))))

    def as_(login: str) -> TestClient:
        client = TestClient(app, base_url="http://portal.example", follow_redirects=False)
        stack.callback(client.close)
        assert sign_in(client, login).status_code == 303
        return client

    return as_


@pytest.fixture
def enter(prepared: Path, tmp_path: Path) -> Iterator[Enter]:
    shutil.copytree(prepared, tmp_path / "district")
    with ExitStack() as stack:
        yield entering(tmp_path / "district", stack)


def rows(page: str) -> list[str]:
    """The rows of the table as words."""
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    if body is None:
        return []
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)]


def test_the_office_sees_all_and_an_agency_what_lies_on_its_desk(enter: Enter) -> None:
    for login in (OFFICE, AUDITOR, MINE):
        found = rows(enter(login).get("/leads").text)
        assert len(found) == 3, f"{login}: the registry bureau was asked first about all of them"
    for login in (OTHER, UNIT):
        found = rows(enter(login).get("/leads").text)
        assert len(found) == len(TURNED), f"{login}: only what was turned over to the other bureau"
        assert all("已转请对方核实" in row for row in found)
        assert "钱" not in enter(login).get("/leads", params={"state": "all", "agency": "registry_bureau"}).text
    counter = enter(COUNTER)
    assert counter.get("/leads").status_code == 403
    assert "/leads" not in counter.get("/").text


def test_a_side_that_is_not_ones_own_shows_no_key(enter: Enter) -> None:
    def cells(login: str) -> list[list[str]]:
        page = enter(login).get("/leads").text
        parts = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in re.findall(r"<tr>\s*<td.*?</tr>", page, re.DOTALL)]
        return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in parts]

    for row in cells(MINE):
        assert re.search(r"人员 · \S+ · 截至", row[1])
        assert "邻局记录 · 截至" in row[2]
    for row in cells(OTHER):
        assert "人员 · 截至" in row[1]
        assert re.search(r"邻局记录 · \S+ · 截至", row[2])


def test_of_a_table_that_is_not_shared_only_its_own_agency_sees_a_value(tmp_path: Path) -> None:
    with ExitStack() as stack:
        enter = entering(prepare_leads(tmp_path / "district", shared=False), stack)
        assert all("不予共享，值不显示" in row for row in rows(enter(MINE).get("/leads").text))
        assert not any("不予共享" in row for row in rows(enter(OTHER).get("/leads").text))
        assert not any("不予共享" in row for row in rows(enter(OFFICE).get("/leads").text))


def test_filters_and_the_way_to_the_ticket(enter: Enter) -> None:
    client = enter(OFFICE)
    assert len(rows(client.get("/leads", params={"state": "turned"}).text)) == 2
    (suspected,) = rows(client.get("/leads", params={"certainty": "suspected"}).text)
    assert "疑似" in suspected
    assert rows(client.get("/leads", params={"state": "closed"}).text) == []
    assert "没有比对线索" in client.get("/leads", params={"rule": "no_such"}).text
    assert len(rows(client.get("/leads", params={"rule": "labels", "state": "nonsense", "at": 99}).text)) == 3
    page = client.get("/leads", params={"state": "turned"}).text
    linked = set(re.findall(r'href="/tickets/(T2026-\d+)"', page))
    assert len(linked) == 2, "the ticket that was confirmed, and the one on the other desk"
    mine = enter(OTHER)
    own = set(re.findall(r'href="/tickets/(T2026-\d+)"', mine.get("/leads").text))
    assert len(own) == 1
    assert own < linked, "another agency's ticket is not named"
    assert mine.get(f"/tickets/{own.pop()}").status_code == 200
    client.cookies.set("language", "en", domain="portal.example")
    english = client.get("/leads").text
    assert "Turned over to the other agency" in english
    assert "Leads" in english


def test_analysts_find_leads_without_keys_and_values(prepared: Path) -> None:
    with closing_store(open_small(prepared)) as district:
        found = SYSTEM_TABLES["leads"].frame(district)
        assert sorted(found.filter(found["turned_over_at"].is_null())["comparison"]) == ["labels"]
        assert found.height == 3
        told = repr(found.rows())
        assert not {ASKED, *TURNED, "钱七", "李四", "李思"} & set(re.findall(r"'([^']*)'", told))

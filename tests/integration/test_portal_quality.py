"""The page of data quality: whose figures it shows, where it leads, what can be taken home, and Data Docs on demand."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlalchemy import select

from districtlake.delivery.district import District
from districtlake.portal.app import create_app
from districtlake.store.tables import Delivery, Ticket
from tests.portal_people import AUDITOR, COUNTER, MINE, OFFICE, OTHER, SECRET, UNIT, closing_store, prepare, sign_in
from tests.small_district import NOTES, PEOPLE, open_small

Enter = Callable[[str], TestClient]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("quality"))


@pytest.fixture
def district(prepared: Path, tmp_path: Path) -> Iterator[District]:
    shutil.copytree(prepared, tmp_path / "district")
    with closing_store(open_small(tmp_path / "district")) as found:
        yield found


@pytest.fixture
def enter(district: District) -> Iterator[Enter]:
    app, opened = create_app(district), list[TestClient]()

    def as_(login: str) -> TestClient:
        client = TestClient(app, base_url="http://portal.example", follow_redirects=False)
        opened.append(client)
        assert sign_in(client, login).status_code == 303
        return client

    yield as_
    for client in opened:
        client.close()


def delivery_of(district: District, resource: str) -> str:
    with district.store.session(read_only=True) as session:
        return session.scalars(select(Delivery.id).where(Delivery.resource == resource)).one()


def test_the_district_sees_all_and_an_agency_its_own(enter: Enter) -> None:
    for login in (OFFICE, AUDITOR):
        page = enter(login).get("/quality").text
        assert "登记局" in page
        assert "邻局" in page
        assert "一致性" in page
    mine = enter(MINE).get("/quality").text
    assert "人员" in mine
    assert "邻局" not in mine
    for login in (OTHER, COUNTER):
        other = enter(login).get("/quality", params={"since": "2026-03-05", "until": "2026-03-05"}).text
        assert "邻局记录" in other
        assert "登记局" not in other
        assert "名称应简短" not in other


@pytest.mark.parametrize("path", ["/quality", "/quality/report.html", "/quality/report.xlsx"])
def test_what_is_asked_for_does_not_widen_the_scope(enter: Enter, path: str) -> None:
    client = enter(OTHER)
    assert client.get(path, params={"resource": PEOPLE}).status_code == 404
    assert client.get(path, params={"agency": "registry_bureau"}).status_code == 404
    assert client.get(path, params={"agency": "other_bureau", "resource": PEOPLE}).status_code == 404
    assert client.get(path, params={"resource": NOTES}).status_code == 200


def test_it_leads_down_to_rules_and_deliveries(enter: Enter, district: District) -> None:
    client = enter(OFFICE)
    page = client.get("/quality").text
    for query in ("?agency=registry_bureau", f"?resource={PEOPLE}"):
        assert f'href="{query}' in page
        page = client.get(f"/quality{query}").text
    assert "名称应简短" in page
    assert f'href="/quality/deliveries/{delivery_of(district, PEOPLE)}"' in page
    assert SECRET not in page
    assert "未评价" in client.get("/quality", params={"resource": "registry_bureau.visits"}).text


def test_files_are_taken_home_and_hold_the_scope(enter: Enter) -> None:
    client = enter(OTHER)
    page = client.get("/quality/report.html")
    assert page.headers["content-disposition"].startswith("attachment; ")
    assert "邻局" in page.text
    assert "登记局" not in page.text
    book = load_workbook(BytesIO(client.get("/quality/report.xlsx").content))
    texts = {str(cell.value) for sheet in book for line in sheet.iter_rows() for cell in line}
    assert NOTES in texts
    assert PEOPLE not in texts
    assert client.get("/quality/report.pdf").status_code == 400


@pytest.mark.parametrize(
    "asked", [{"since": "x"}, {"until": "2026-02-30"}, {"since": "2026-03-05", "until": "2026-03-01"}, {"since": "0001-01-01"}]
)
def test_wrong_days_are_said(enter: Enter, asked: dict[str, str]) -> None:
    answer = enter(MINE).get("/quality", params=asked)
    assert answer.status_code == 400
    assert "日期写得不对" in answer.text


def test_what_was_judged_is_read_once_and_what_is_handled_shows_at_once(
    enter: Enter, district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    from districtlake.portal.pages import quality

    monkeypatch.setattr(quality, "_remembered", quality._Remembered())
    read, told = [], []
    monkeypatch.setattr(quality, "judged_figures", lambda *given, real=quality.judged_figures: read.append(1) or real(*given))
    real_open = quality.with_what_is_open
    monkeypatch.setattr(quality, "with_what_is_open", lambda *given: told.append(real_open(*given)) or told[-1])
    client = enter(MINE)
    for _ in range(3):
        client.get("/quality")
    assert len(read) == 1
    ticket = told[-1]["open"]["oldest"][0]["ticket"]
    with district.store.session() as session:
        session.scalars(select(Ticket).where(Ticket.number == ticket)).one().due_date = date(2026, 12, 1)
    client.get("/quality")
    assert len(read) == 1, "nothing was judged"
    assert told[-1]["open"]["oldest"][0]["due_date"] == date(2026, 12, 1)


def rendered(client: TestClient, delivery: str) -> str:
    """Waits as a browser does, by the page's own Refresh; returns the address of the first page."""
    for _ in range(400):
        answer = client.get(f"/quality/deliveries/{delivery}")
        if answer.status_code == 303:
            return answer.headers["location"]
        assert answer.status_code == 200, answer.text
        assert answer.headers["refresh"] == "2"
        time.sleep(0.25)
    raise AssertionError("never rendered")


@pytest.mark.timeout(200)
def test_data_docs_are_rendered_on_demand_plain_and_scoped(enter: Enter, district: District) -> None:
    delivery = delivery_of(district, PEOPLE)
    client, stranger = enter(MINE), enter(OTHER)
    first = rendered(client, delivery)
    folder = first.rsplit("/", 1)[0]
    pages = {name: client.get(f"{folder}/{name}.html") for name in ("index", "result", "suite")}
    for name, page in pages.items():
        assert page.status_code == 200, name
        assert not re.search(r"<script|<style|\bstyle=|\bon[a-z]+=|https?:", page.text)
        assert page.text.count('class="back"') == 1
        assert SECRET not in page.text
        for href in re.findall(r'(?:href|src)="([^"]+)"', page.text):
            assert re.fullmatch(r"#[\w.-]+|(index|suite|result)\.html|data_docs\.css|data:,|/quality\?resource=.*", href), href
    assert "名称应简短（name.brief）" in pages["result"].text
    assert "占评价的 3 行" in pages["result"].text
    assert "delivery.readable" in pages["index"].text
    assert client.get(f"{folder}/data_docs.css").headers["content-type"].startswith("text/css")
    for name in ("", "/index.html", "/result.html", "/../../store.sqlite", "/last.json"):
        assert stranger.get(f"/quality/deliveries/{delivery}{name}").status_code == 404, name
    assert client.get(f"/quality/deliveries/{delivery[:-2]}").status_code == 404, "no guessing by beginnings"
    assert client.get(f"{folder}/.rendering").status_code == 404
    began = time.monotonic()
    assert rendered(client, delivery) == first
    assert time.monotonic() - began < 5, "rendered once"


def test_a_rendering_that_fails_is_told_without_what_it_said(enter: Enter, district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    from districtlake.quality_report import data_docs

    def broken(request: object, folder: Path) -> None:
        raise data_docs.DocsFailed.of("docs.not_rendered", delivery=delivery, kind="KeyError")

    monkeypatch.setattr(data_docs, "_render", broken)
    client, delivery = enter(MINE), delivery_of(district, PEOPLE)
    for _ in range(100):
        answer = client.get(f"/quality/deliveries/{delivery}")
        if answer.status_code != 200:
            break
        time.sleep(0.05)
    assert answer.status_code == 400
    assert "没有生成（KeyError）" in answer.text
    assert not list((district.settings.state / "data_docs").rglob("index.html"))


def test_a_technical_service_unit_sees_what_it_is_commissioned_with(enter: Enter, district: District) -> None:
    client = enter(UNIT)
    assert client.get("/quality").status_code == 200
    assert client.get("/quality", params={"resource": NOTES}).status_code == 200
    assert client.get("/quality", params={"resource": PEOPLE}).status_code == 404, "nobody commissioned it with this"
    assert "登记局" not in client.get("/quality").text
    assert client.get(f"/quality/deliveries/{delivery_of(district, PEOPLE)}").status_code == 404

"""A filled return package and a report, handed in through the portal's pages."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlalchemy import select

from districtlake.delivery.district import District
from districtlake.portal.app import create_app
from districtlake.store.tables import Package, Report, Ticket
from tests.either_database import Districts, districts_of
from tests.portal_people import AUDITOR, COUNTER, MINE, OFFICE, OTHER, prepare, sign_in
from tests.small_district import PEOPLE

pytest_plugins = ["tests.postgres_server", "tests.either_database"]


@pytest.fixture(scope="module")
def districts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Districts:
    return districts_of(prepare, request, tmp_path_factory)


@pytest.fixture
def district(districts: Districts, database: str, tmp_path: Path) -> Iterator[District]:
    with districts.opened(database, tmp_path / "district") as found:
        yield found


@pytest.fixture
def enter(district: District) -> Iterator[Any]:
    app = create_app(district)
    app.state.sign_ins = replace(app.state.sign_ins, most=10_000)
    opened: list[TestClient] = []

    def as_(login: str) -> TestClient:
        client = TestClient(app, base_url="http://portal.example", follow_redirects=False)
        opened.append(client)
        assert sign_in(client, login).status_code == 303
        return client

    yield as_
    for client in opened:
        client.close()


def token(client: TestClient, path: str) -> str:
    found = re.search(r'data-csrf="([^"]+)"', client.get(path).text)
    assert found
    return found.group(1)


def hand_in(client: TestClient, path: str, content: bytes, name: str = "反馈单.xlsx") -> Any:
    return client.post(path, data={"csrf": token(client, "/resources")}, files={"file": (name, content)})


@pytest.mark.postgresql
def test_a_filled_package_answers_by_its_page_and_only_for_its_agency(district: District, enter: Any, tmp_path: Path) -> None:
    with district.store.session(read_only=True) as session:
        package = session.scalars(select(Package).where(Package.agency == "registry_bureau")).one()
    client = enter(MINE)
    book = load_workbook(io.BytesIO(client.get(f"/packages/{package.id}").content))
    sheet = book["问题明细"]
    head = [cell.value for cell in sheet[1]]
    sheet.cell(2, head.index("处理方式") + 1).value = "完成整改"
    sheet.cell(3, head.index("处理方式") + 1).value = "<b>乱写</b>"
    book.save(tmp_path / "filled.xlsx")
    content = (tmp_path / "filled.xlsx").read_bytes()
    refused = hand_in(enter(OTHER), "/answers", content)
    assert refused.status_code == 409
    assert "不是发给贵单位的反馈单" in refused.text
    for login in (OFFICE, AUDITOR, COUNTER):
        assert hand_in(enter(login), "/answers", content).status_code == 403
    assert hand_in(client, "/answers", content, "反馈单.xlsm").status_code == 409
    done = hand_in(client, "/answers", content)
    assert done.status_code == 200
    assert "采纳 1 行" in done.text
    assert "&lt;b&gt;乱写&lt;/b&gt;" in done.text
    assert "<b>乱写" not in done.text
    with district.store.session(read_only=True) as session:
        assert sorted(session.scalars(select(Ticket.stage).where(Ticket.agency == "registry_bureau", Ticket.origin == "validation"))) == [
            "handling",
            "reviewing",
        ]
    assert not list((district.settings.state / "uploads").rglob("*.xlsx")), "what was handed in is not kept"


def test_a_report_by_form_is_taken_once_and_reaches_the_office_first(district: District, enter: Any) -> None:
    client = enter(COUNTER)
    page = client.get("/feedback", params={"resource": PEOPLE}).text
    request_id = re.search(r'name="request_id" value="([^"]+)"', page)
    assert request_id
    fields = {
        "csrf": token(client, "/feedback"),
        "resource": PEOPLE,
        "request_id": request_id.group(1),
        "key_code": "A|1",
        "item": "amount",
        "claimed": "6",
    }
    first = client.post("/feedback", data=fields)
    assert "已登记为" in first.text
    assert "此前" not in first.text
    assert "已登记过" in client.post("/feedback", data=fields).text
    assert "并入" in client.post("/feedback", data={**fields, "request_id": "another"}).text
    refused = client.post("/feedback", data={**fields, "request_id": "third", "key_code": " "})
    assert refused.status_code == 409
    assert 'value="6"' in refused.text, "what was typed stays"
    with district.store.session(read_only=True) as session:
        reports = list(session.scalars(select(Report)))
        ticket = session.scalars(select(Ticket).where(Ticket.origin == "feedback")).one()
    assert [(one.key, one.reporter, one.channel) for one in reports] == [("A||1", COUNTER, "form")] * 2
    assert ticket.stage == "waiting"
    assert enter(AUDITOR).get("/feedback").status_code == 403

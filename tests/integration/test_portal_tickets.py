"""Tickets in the portal over a small district: whose they are by every route, what may be done to them, files in and out."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NoReturn

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from openpyxl import Workbook
from sqlalchemy import select

from districtlake.access import commissions
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, process_resource
from districtlake.delivery.receive import receive
from districtlake.errors import CatalogError
from districtlake.portal.actions import ACTIONS
from districtlake.portal.app import create_app
from districtlake.portal.pages import ROUTERS, quality
from districtlake.portal.rendering import texts
from districtlake.portal.uploads import UploadRefused, clean_name
from districtlake.store.tables import AuditEvent, Package, Ticket
from districtlake.tickets.machine import CLOSINGS, STAGES, TRANSITIONS
from pipelines.routing import route
from tests.either_database import Districts, districts_of
from tests.portal_people import (
    AUDITOR,
    COUNTER,
    MINE,
    OFFICE,
    OTHER,
    ROLES_OF,
    SECRET,
    UNIT,
    commission,
    csrf_of,
    prepare,
    sign_in,
)
from tests.running import run_pending
from tests.small_district import PEOPLE, deliver

pytest_plugins = ["tests.postgres_server", "tests.either_database"]

Enter = Callable[[str], TestClient]


@pytest.fixture(scope="module")
def districts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Districts:
    return districts_of(prepare, request, tmp_path_factory)


@pytest.fixture
def district(districts: Districts, database: str, tmp_path: Path) -> Iterator[District]:
    with districts.opened(database, tmp_path / "district") as found:
        yield found


@pytest.fixture
def app(district: District) -> FastAPI:
    found = create_app(district)
    found.state.sign_ins = replace(found.state.sign_ins, most=10_000)
    return found


@pytest.fixture
def enter(app: FastAPI) -> Iterator[Enter]:
    opened: list[TestClient] = []

    def as_(login: str) -> TestClient:
        client = TestClient(app, base_url="http://portal.example", follow_redirects=False)
        opened.append(client)
        assert sign_in(client, login).status_code == 303
        return client

    yield as_
    for client in opened:
        client.close()


def tickets_of(district: District) -> list[Ticket]:
    with district.store.session(read_only=True) as session:
        return list(session.scalars(select(Ticket).order_by(Ticket.number)))


def act(client: TestClient, number: str, action: str, **fields: str):  # type: ignore[no-untyped-def]
    page = client.get(f"/tickets/{number}").text
    version = re.search(r'name="version" value="(\d+)"', page)
    token = re.search(r'data-csrf="([^"]+)"', page)
    assert token
    return client.post(
        f"/tickets/{number}/{action}",
        data={"csrf": token.group(1), "version": fields.pop("version", version.group(1) if version else "1"), **fields},
    )


def test_every_stage_closing_event_and_action_has_its_words() -> None:
    for language in ("zh", "en"):
        words = texts(language)
        wanted = {f"stage.{name}" for name in STAGES} | {f"closing.{name}" for name in CLOSINGS} | {f"event.{name}" for name in TRANSITIONS}
        for action in ACTIONS.values():
            wanted |= {f"action.{action.name}", f"action.{action.name}.says"} | {f"field.{action.name}.{field}" for field in action.fields}
        assert wanted <= set(words), wanted - set(words)
    assert {action.event for action in ACTIONS.values()} <= set(TRANSITIONS)


def test_no_route_shows_another_agencys_ticket_row_package_or_figure(
    app: FastAPI, enter: Enter, district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every route, with every parameter filled by what belongs to the registry bureau, as every role."""
    monkeypatch.setattr(quality._rendering, "begin", lambda *asked: None)  # Data Docs take seconds; who may ask for them is decided before
    ticket = tickets_of(district)[0]
    assert ticket.agency == "registry_bureau"
    with district.store.session(read_only=True) as session:
        package = session.scalars(select(Package).where(Package.agency == "registry_bureau")).one()
    fill = {
        "number": ticket.number, "resource_id": PEOPLE, "package": package.id, "action": "claim", "delivery": ticket.delivery_id, "kind": "html",
        "name": "index.html",
    }  # fmt: skip
    routes = [one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)]
    assert len(routes) > 12
    signs = (ticket.number, ticket.rule_title, SECRET, "people_20260305.csv")
    of_quality = (
        ticket.number,
        str(ticket.delivery_id),
        SECRET,
        "people_20260305.csv",
    )  # the bureaus' tables have rules of the same titles
    shown: dict[str, set[str]] = {}
    for login in ROLES_OF:
        client = enter(login)
        token = re.search(r'data-csrf="([^"]+)"', client.get("/resources").text)
        assert token
        for one in routes:
            if one.path in ("/sign-out", "/sign-in", "/preferences") or one.path.startswith("/oidc"):
                continue
            path = one.path.format(**fill)
            for query in ("", "?agency=registry_bureau&state=all&q=&at=1", "?unmasked=true", f"?resource={PEOPLE}"):
                if "GET" in one.methods:
                    answer = client.get(path + query)
                else:
                    body = {
                        "csrf": token.group(1),
                        "version": "1",
                        "reason": "x",
                        "resource": PEOPLE,
                        "until": "2026-03-10",
                        "other": ticket.number,
                    }
                    answer = client.post(path + query, data=body, files={"file": ("people.exe", b"x")} if "upload" in path else None)
                assert answer.status_code < 500, (login, path, query)
                said = answer.text.replace(path, "")  # the address asked for is the asker's own
                told = any(sign in said for sign in (of_quality if one.path.startswith("/quality") else signs))
                file = "attachment" in answer.headers.get("content-disposition", "") and not one.path.startswith(
                    "/quality/report"
                )  # read above
                if told or file:
                    shown.setdefault(login, set()).add(one.path + (query if login in (OTHER, COUNTER, UNIT) else ""))
    assert {OTHER, COUNTER, UNIT} & set(shown) == set(), shown
    assert {"/", "/tickets", "/tickets/{number}", "/packages/{package}", "/resources/{resource_id}", "/quality"} <= shown[MINE]
    assert "/board" not in shown[MINE]
    assert "/packages/{package}" not in shown[AUDITOR], "auditors look, packages hold rows in the clear"


def test_values_are_masked_until_asked_for_and_asking_is_on_record(enter: Enter, district: District) -> None:
    number = next(ticket.number for ticket in tickets_of(district) if "amount" in ticket.rule_id)
    client = enter(MINE)
    page = client.get(f"/tickets/{number}").text
    assert "people_20260305.csv 第 3 行" in page
    assert "500" in page, "an amount is not personal"
    assert ">A2<" not in page
    assert "A***" in page
    assert ">A2<" in client.get(f"/tickets/{number}", params={"unmasked": "true"}).text
    assert enter(AUDITOR).get(f"/tickets/{number}", params={"unmasked": "true"}).status_code == 403
    with district.store.session(read_only=True) as session:
        seen = session.scalars(select(AuditEvent).where(AuditEvent.action == "rows.read_unmasked", AuditEvent.object_id == number)).all()
    assert (MINE, 1) in {(event.actor, event.data["rows"]) for event in seen}
    assert AUDITOR not in {event.actor for event in seen}


@pytest.mark.postgresql
def test_a_ticket_is_worked_from_both_sides(enter: Enter, district: District) -> None:
    ticket = next(ticket for ticket in tickets_of(district) if "amount" in ticket.rule_id)
    provider, office = enter(MINE), enter(OFFICE)
    without = act(provider, ticket.number, "extend", reason="", until="2026-04-01")
    assert without.status_code == 409
    assert 'role="alert"' in without.text
    assert act(provider, ticket.number, "extend", reason="系统升级", until="2099-01-01").status_code == 409, "beyond the 60 days"
    kept = act(provider, ticket.number, "extend", reason="系统升级", until="十号")
    assert "不是日期" in kept.text
    assert "系统升级" in kept.text, "what was typed stays"
    assert act(provider, ticket.number, "extend", reason="系统升级", until="2026-04-01").status_code == 303
    assert act(provider, ticket.number, "approve").status_code == 409, "a provider grants itself nothing"
    assert "系统升级" in office.get(f"/tickets/{ticket.number}").text
    assert act(office, ticket.number, "approve", until="2026-03-25").status_code == 303
    page = provider.get(f"/tickets/{ticket.number}").text
    assert "2026-03-25" in page
    assert "同意延期" in page
    assert act(provider, ticket.number, "claim", reason="已改").status_code == 303
    assert act(office, ticket.number, "return", reason="仍不符合").status_code == 303
    stale = act(provider, ticket.number, "claim", version="1")
    assert stale.status_code == 409, "somebody else was at it meanwhile"
    assert act(enter(AUDITOR), ticket.number, "return", reason="x").status_code == 409


@pytest.mark.postgresql
def test_lists_are_filtered_searched_and_sorted_by_the_server(enter: Enter, district: District) -> None:
    client = enter(OFFICE)
    numbers = [ticket.number for ticket in tickets_of(district)]
    for query, wanted in (
        ({"q": "amount.range"}, 1), ({"q": "people 名称应简短"}, 1), ({"q": "%"}, 0), ({"q": "'; drop table tickets"}, 0), ({"state": "closed"}, 0),
        ({"agency": "other_bureau"}, 0), ({"sort": "nonsense"}, 2), ({"due": "overdue"}, 0),
    ):  # fmt: skip
        page = client.get("/tickets", params=query)
        assert page.status_code == 200
        assert sum(number in page.text for number in numbers) == wanted, query
    up, down = (client.get("/tickets", params={"sort": sort}).text for sort in ("number", "-number"))
    assert up.index(numbers[0]) < up.index(numbers[1])
    assert down.index(numbers[1]) < down.index(numbers[0])
    assert client.get("/tickets", params={"at": 99999}).status_code == 200


def _upload(client: TestClient, name: str, content: bytes, **fields: str):  # type: ignore[no-untyped-def]
    form = client.get("/upload").text
    return client.post("/upload", data={"csrf": csrf_of(form), "resource": PEOPLE, **fields}, files={"file": (name, content)})


def _workbook(*parts: str) -> bytes:
    book, target = Workbook(), io.BytesIO()
    book.active.append(["编号", "名称"])
    book.save(target)
    with zipfile.ZipFile(target, "a") as archive:
        for part in parts:
            archive.writestr(part, b"x")
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("people.xlsm", b"x", "不论是否真有宏"),
        ("people.XLSB", b"x", "不论是否真有宏"),
        ("people.exe", b"MZ", "不是可以报送的类型"),
        ("people", b"x", "不是可以报送的类型"),
        ("people.xlsx", _workbook("xl/vbaProject.bin"), "含有宏"),
        ("people.xlsx", _workbook("xl/macrosheets/sheet1.xml"), "含有宏"),
        ("people.xls", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 512 + "_VBA_PROJECT".encode("utf-16-le"), "含有宏"),
        ("people.csv", b"MZ\x90\0", "不符"),
        ("people.xlsx", b"PK\x03\x04 no zip", "不符"),
        ("people.csv", _workbook(), "不符"),
        ("people.csv", b"", "是空的"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("people") else "",
)
def test_disguised_and_dangerous_uploads_are_refused(enter: Enter, district: District, name: str, content: bytes, said: str) -> None:
    refused = _upload(enter(MINE), name, content)
    assert refused.status_code == 409
    assert said in refused.text
    folder = district.settings.state / "uploads"
    assert not folder.exists() or list(folder.iterdir()) == [], "nothing of it stays"


def test_a_delivery_that_failed_is_told_in_the_readers_language(enter: Enter, district: District) -> None:
    """What the engineers are told is English; the agency reads that its file is not to blame, and the code to name."""
    deliver(district.settings.inbox, "people_20260306.csv", [("A1", "甲", 5, None)])
    receive(district)

    def broken(*_: object) -> NoReturn:
        raise CatalogError("The rule amount.range of people.yaml cannot be compiled.", hint="Correct the check.")

    (outcome,) = process_resource(district, PEOPLE, Engine(validator=broken), through=date(2026, 3, 6))
    assert outcome.state == "failed"
    client = enter(MINE)
    page = client.get(f"/resources/{PEOPLE}").text
    assert "没有处理完成，原因不在文件（代码 catalog.invalid）。文件已留存" in page
    assert "cannot be compiled" not in page
    client.cookies.set("language", "en")
    assert "cannot be compiled. Correct the check." in client.get(f"/resources/{PEOPLE}").text


def test_a_technical_service_unit_sees_what_it_is_commissioned_with_masked_and_no_longer_than_that(
    enter: Enter, district: District
) -> None:
    """Article 29: the desk, tickets, rows (masked), reports; nothing of others, no decision, no values, no files; the end ends it."""
    ticket = next(ticket for ticket in tickets_of(district) if ticket.rule_id == "name.brief")
    client = enter(UNIT)
    desk = client.get("/").text
    assert "受托资源" in desk
    assert f"/resources/{PEOPLE}" not in desk
    assert client.get(f"/tickets/{ticket.number}").status_code == 404
    assert client.get(f"/resources/{PEOPLE}").status_code == 404
    assert PEOPLE not in client.get("/resources").text + client.get("/feedback").text
    number = commission(district, PEOPLE)
    desk = client.get("/").text
    assert f"/resources/{PEOPLE}" in desk
    assert "2026-12-31" in desk
    assert ticket.number in client.get("/tickets").text
    page = client.get(f"/tickets/{ticket.number}")
    assert page.status_code == 200
    cells = re.findall(r'class="cell">([^<]*)<', page.text)
    assert cells == re.findall(r'class="cell">([^<]*)<', enter(AUDITOR).get(f"/tickets/{ticket.number}").text), "masked as for an auditor"
    assert cells
    assert "unmasked=true" not in page.text
    assert 'method="post" action="/tickets/' not in page.text, "nothing to decide"
    assert "/packages/" not in page.text
    token = csrf_of(page.text)
    answers = [
        client.get(f"/tickets/{ticket.number}?unmasked=true"),
        client.get("/board"),
        client.get("/audit"),
        client.get("/upload"),
        client.get("/answers"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    done = client.post(f"/tickets/{ticket.number}/reject", data={"csrf": token, "version": str(ticket.version), "reason": "x"})
    assert done.status_code == 409
    report = {
        "csrf": token,
        "resource": PEOPLE,
        "request_id": "r1",
        "key_code": "A1",
        "matter": "error",
        "item": "amount",
        "text": "金额有误",
    }
    names = [item.name for item in district.resource(PEOPLE).items if item.name in district.resource(PEOPLE).key]
    told = client.post("/feedback", data={**report, **{f"key_{name}": "A1" for name in names}})
    assert told.status_code == 200, told.text
    commissions.end(district.store, district.clock, number, actor="test")
    assert client.get(f"/tickets/{ticket.number}").status_code == 404
    again = client.post("/feedback", data={**report, "request_id": "r2", **{f"key_{name}": "A1" for name in names}})
    assert again.status_code == 404


def test_an_oversized_upload_is_refused(enter: Enter, app: FastAPI, district: District) -> None:
    app.state.district = replace(district, settings=district.settings.model_copy(update={"upload_mb": 1}))
    refused = _upload(enter(MINE), "people.csv", b"x" * (2**20 + 1))
    assert refused.status_code == 409
    assert "超过1 MB" in refused.text


def test_a_correction_handed_in_closes_its_ticket(enter: Enter, district: District) -> None:
    ticket = next(ticket for ticket in tickets_of(district) if ticket.rule_id == "name.brief")
    client = enter(MINE)
    taken = _upload(client, "更正.csv", "编号,名称,数量,备注\nA3,丙,7,\n".encode(), correction="1", data_date="2026-03-05")
    assert taken.status_code == 200
    assert "已收到" in taken.text
    again = _upload(client, "更正.csv", "编号,名称,数量,备注\nA3,丙,7,\n".encode(), correction="1", data_date="2026-03-05")
    assert "以前已经收到" in again.text
    run_pending(district)
    assert route(district).closed == 1
    page = client.get(f"/tickets/{ticket.number}").text
    assert "完成整改" in page
    assert enter(OTHER).get("/upload", params={"resource": PEOPLE}).text.count(PEOPLE) == 0


def test_names_of_uploads_are_harmless() -> None:
    assert clean_name("../../etc/passwd.CSV") == "passwd.csv"
    assert clean_name("C:\\桌面\\户籍 人口(1).xlsx") == "户籍 人口(1).xlsx"
    assert clean_name("a\u202ecsv.exe.csv") == "acsv.exe.csv"
    assert clean_name("<script>.csv") == "_script_.csv"
    assert len(clean_name("长" * 500 + ".csv")) < 130
    for wrong in ("", ".csv.", "x.docx", "x.xlsb"):
        with pytest.raises(UploadRefused):
            clean_name(wrong)


def test_what_people_type_is_text_and_never_page(enter: Enter, district: District) -> None:
    ticket = next(ticket for ticket in tickets_of(district) if "amount" in ticket.rule_id)
    act(enter(OFFICE), ticket.number, "urgent", reason="<img src=x onerror=alert(1)>", until="2026-03-09")
    page = enter(MINE).get(f"/tickets/{ticket.number}").text
    assert "<img src=x" not in page
    assert "&lt;img" in page


def test_the_package_goes_to_its_agency_and_is_on_record(enter: Enter, district: District) -> None:
    with district.store.session(read_only=True) as session:
        package = session.scalars(select(Package).order_by(Package.created_at)).first()
    assert package
    answer = enter(MINE).get(f"/packages/{package.id}")
    assert answer.status_code == 200
    assert Path(package.file).suffix == ".xlsx"
    assert answer.content[:2] == b"PK"
    assert enter(OTHER).get(f"/packages/{package.id}").status_code == 404
    assert "package.downloaded" in enter(OFFICE).get("/audit").text
    assert enter(MINE).get("/audit").status_code == 403


def test_chosen_rows_are_confirmed_apart_and_the_rest_is_negotiated(enter: Enter, district: District) -> None:
    deliver(district.settings.inbox, "people_20260306.csv", [("A1", "甲", 600, None), ("A2", "乙", 500, None), ("A3", "丙", 700, None)])
    receive(district)
    run_pending(district)
    route(district)
    ticket = max(
        (one for one in tickets_of(district) if one.rule_id == "amount.range" and one.open_problems == 2), key=lambda one: one.number
    )
    client = enter(MINE)
    page = client.get(f"/tickets/{ticket.number}").text
    boxes = re.findall(r'name="problem" value="([0-9a-f]+)"', page)
    assert len(boxes) == 2
    token = re.search(r'data-csrf="([^"]+)"', page)
    assert token
    form = {"csrf": token.group(1), "version": str(ticket.version), "problem": boxes[0]}
    assert client.post(f"/tickets/{ticket.number}/confirm", data={**form, "reason": ""}).status_code == 409, "a confirmation is explained"
    assert client.post(f"/tickets/{ticket.number}/confirm", data={**form, "reason": "现场核对，数量属实"}).status_code == 303
    after = {one.number: one for one in tickets_of(district)}
    new = next(one for number, one in after.items() if number > ticket.number and one.split_from == ticket.id)
    assert (new.stage, new.closing) == ("settled", "confirmed")
    assert (after[ticket.number].stage, after[ticket.number].open_problems) == ("handling", 1)
    assert new.number in client.get(f"/tickets/{ticket.number}").text or "拆出部分问题" in client.get(f"/tickets/{ticket.number}").text
    settled = act(client, ticket.number, "negotiate", reason="与窗口商定", plan="四月随系统升级修正", until="2026-04-30")
    assert settled.status_code == 303
    page = client.get(f"/tickets/{ticket.number}").text
    assert "沟通解决" in page
    assert "2026-04-30" in page
    assert act(enter(OFFICE), ticket.number, "reopen", reason="反馈方不同意").status_code == 303
    assert "第 2 轮" in enter(OFFICE).get(f"/tickets/{ticket.number}").text

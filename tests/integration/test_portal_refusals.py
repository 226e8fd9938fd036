"""Every error page and every refusal on a page, in both languages: no English sentence for Chinese readers, and the other way round."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from districtlake.delivery.district import District
from districtlake.portal.app import create_app
from districtlake.portal.pages import tickets as ticket_pages
from districtlake.wording.sentences import LANGUAGES, is_chinese
from tests.portal_people import AUDITOR, COUNTER, MINE, OFFICE, closing_store, csrf_of, prepare, sign_in
from tests.small_district import PEOPLE, VISITS, open_small
from tests.unit.test_wording import ENGLISH

TICKET = "/tickets/T2026-000001"


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Iterator[District]:
    with closing_store(open_small(prepare(tmp_path_factory.mktemp("refusals")))) as found:
        yield found


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def enter(district: District, language: str) -> Iterator[Any]:
    app = create_app(district)
    app.state.sign_ins = replace(app.state.sign_ins, most=10_000)
    opened: list[TestClient] = []

    def as_(login: str | None) -> TestClient:
        client = TestClient(app, base_url="http://portal.example", follow_redirects=False, raise_server_exceptions=False)
        client.cookies.set("language", language, domain="portal.example")
        opened.append(client)
        if login:
            assert sign_in(client, login).status_code == 303
        return client

    yield as_
    for client in opened:
        client.close()


def check(answer: Any, language: str, status: int | None = None) -> None:
    """The alert on the page is a sentence with a remedy in the reader's language, and in no other."""
    assert answer.status_code >= 400
    assert status is None or answer.status_code == status, answer.text[:500]
    found = re.search(r'role="alert".*?(?=<div class="empty-action">|</div></div>)', answer.text, flags=re.S)
    assert found, answer.text[:2000]
    told = html.unescape(re.sub(r"<[^>]*>", " ", found.group(0).partition(">")[2])).strip()
    assert len(told) > 12, told
    if language == "zh":
        assert is_chinese(told)
        assert not ENGLISH.search(told), told
    else:
        assert not is_chinese(re.sub("“[^”]*”", "", told)), told  # what is quoted is a name of the data


def token(client: TestClient) -> str:
    found = re.search(r'data-csrf="([^"]+)"', client.get("/resources").text)
    assert found
    return found.group(1)


def test_error_pages(enter: Any, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, office, auditor, counter = enter(MINE), enter(OFFICE), enter(AUDITOR), enter(COUNTER)
    for client, path, status in (
        (mine, "/nowhere", 404), (mine, "/tickets/T2026-999999", 404), (mine, "/packages/none", 404), (mine, "/resources/a.b", 404), (mine, "/board", 403),
        (mine, "/audit", 403), (auditor, "/upload", 403), (counter, "/answers", 403), (auditor, "/feedback", 403), (mine, "/tickets?at=x", 422),
        (mine, "/tickets?q=%00", 400), (mine, "/oidc/start", 404), (counter, f"{TICKET}?unmasked=true", 404), (auditor, f"{TICKET}?unmasked=true", 403),
    ):  # fmt: skip
        check(client.get(path), language, status)
    check(mine.put("/tickets", headers={"X-CSRF-Token": token(mine)}), language, 405)
    check(mine.post(f"{TICKET}/claim", data={"version": 1}), language, 403)
    check(mine.post(f"{TICKET}/claim", data={"csrf": token(mine)}), language, 422)
    check(mine.post(f"{TICKET}/fly", data={"csrf": token(mine), "version": 1}), language, 404)
    check(auditor.post(f"{TICKET}/dispatch", data={"csrf": token(auditor), "version": 1}), language)
    check(mine.post("/upload", content=b"x", headers={"content-length": "9" * 15, "content-type": "text/plain"}), language, 413)
    check(mine.post("/upload", data={"csrf": token(mine), "resource": "a.b"}, files={"file": ("a.csv", b"a")}), language, 404)
    nobody = enter(None)
    page = nobody.get("/sign-in")
    check(nobody.post("/sign-in", data={"csrf": csrf_of(page.text), "login": "x", "password": "wrong"}), language, 401)
    nobody.app.state.sign_ins = replace(nobody.app.state.sign_ins, most=1)  # type: ignore[attr-defined]
    nobody.post("/sign-in", data={"csrf": csrf_of(page.text), "login": "x", "password": "wrong"})
    check(nobody.post("/sign-in", data={"csrf": csrf_of(page.text), "login": "x", "password": "wrong"}), language, 429)

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a fault of ours that nobody shall read")

    monkeypatch.setattr(ticket_pages, "search", broken)
    check(office.get("/tickets"), language, 500)


def test_refusals_on_pages(enter: Any, language: str) -> None:
    mine, office, counter = enter(MINE), enter(OFFICE), enter(COUNTER)
    version = re.findall(r'name="version" value="(\d+)"', mine.get(TICKET).text)[0]
    for client, action, given in (
        (mine, "dispatch", {}), (mine, "extend", {"reason": "忙"}), (mine, "extend", {"reason": "忙", "until": "x"}),
        (mine, "extend", {"reason": "忙", "until": "2027-01-01"}), (mine, "extend", {"reason": "忙", "until": "2026-03-06"}),
        (mine, "confirm", {"reason": ""}), (mine, "confirm", {"reason": "属实", "until": "2020-01-01"}), (mine, "claim", {"version": "999"}),
        (mine, "negotiate", {"reason": "a", "plan": "b", "until": "2020-01-01"}), (mine, "split", {}), (mine, "split", {"problem": "x"}),
        (office, "urgent", {"reason": "急", "until": "2030-01-01"}), (office, "reject", {"reason": "x"}), (office, "approve", {}),
        (office, "suspend", {"reason": "x"}), (office, "merge", {"other": "T2026-000001"}), (office, "merge", {"other": "T2026-000009"}),
        (office, "reopen", {"reason": "x"}), (mine, "revoke", {"reason": "x"}),
    ):  # fmt: skip
        check(client.post(f"{TICKET}/{action}", data={"csrf": token(client), "version": version, **given}), language, 409)
    for name, content, resource, correction in (
        ("a.exe", b"x", PEOPLE, ""), ("a.csv", b"", PEOPLE, ""), ("a.csv", b"PAR1", PEOPLE, ""), ("a.csv", b"a,b\n", VISITS, "1"), ("a.xlsx", b"PK\x03\x04", PEOPLE, ""),
    ):  # fmt: skip
        data = {"csrf": token(mine), "resource": resource, "correction": correction}
        check(mine.post("/upload", data=data, files={"file": (name, content)}), language, 409)
    check(
        mine.post("/upload", data={"csrf": token(mine), "resource": PEOPLE, "data_date": "x"}, files={"file": ("a.csv", b"a")}),
        language,
        409,
    )
    for name, content in (("a.xlsx", b"no workbook"), ("a.csv", b"a,b")):
        check(mine.post("/answers", data={"csrf": token(mine)}, files={"file": (name, content)}), language, 409)
    said = {"resource": PEOPLE, "request_id": "r1", "key_code": "A1"}
    for given in (
        {"key_code": ""},
        {"matter": "gossip", "text": "x"},
        {"item": "none", "text": "x"},
        {"text": ""},
        {"request_id": " ", "text": "x"},
    ):
        check(counter.post("/feedback", data={**said, **given, "csrf": token(counter)}), language, 409)


def test_a_program_is_answered_in_the_language_it_asks_for(district: District, tmp_path: Path) -> None:
    with TestClient(create_app(district), base_url="http://portal.example") as client:
        for wanted, chinese in (("zh-CN", True), ("en", False)):
            answer = client.get("/nowhere", headers={"Accept": "application/json", "Accept-Language": wanted})
            assert is_chinese(answer.json()["title"]) is chinese

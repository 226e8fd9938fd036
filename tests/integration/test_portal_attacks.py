"""What the portal answers to somebody who means harm: junk on every route as every role, forged and tampered requests, hostile texts."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from districtlake.delivery.district import District
from districtlake.portal.app import create_app
from districtlake.portal.guard import CSRF_HEADER
from districtlake.portal.pages import ROUTERS
from districtlake.store.tables import AuditEvent, Delivery, Package, Ticket, TicketEvent
from tests.either_database import Districts, districts_of
from tests.portal_people import MINE, OFFICE, OTHER, ROLES_OF, prepare, sign_in
from tests.small_district import PEOPLE

pytest_plugins = ["tests.postgres_server", "tests.either_database"]

Enter = Callable[[str | None], TestClient]
ROUTES = [one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)]
JUNK = (
    "", " ", "\x00", "a\x00b", "'", '"><script>alert(1)</script>', "{{7*7}}", "${7*7}", "%", "%00", "../../etc/passwd", "..\\..\\x", "/" * 50,
    "9" * 400, "-1", "1e309", "NaN", "true", "null", "[]", "\r\nX-Evil: 1", "\u202e测试", "𠮷" * 300, "\ud7ff\uffff", "x" * 5000, "2026-02-30",
    "0000-00-00", "9999-12-31", "' OR 1=1 --", "T2026-000001", PEOPLE,
)  # fmt: skip


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
    found.state.sign_ins = replace(found.state.sign_ins, most=100_000)
    return found


@pytest.fixture
def enter(app: FastAPI) -> Iterator[Enter]:
    opened: list[TestClient] = []

    def as_(login: str | None) -> TestClient:
        client = TestClient(app, base_url="http://portal.example", follow_redirects=False, raise_server_exceptions=False)
        opened.append(client)
        if login is not None:
            assert sign_in(client, login).status_code == 303
        return client

    yield as_
    for client in opened:
        client.close()


def token_of(client: TestClient, path: str = "/resources") -> str:
    found = re.search(r'(?:data-csrf|name="csrf" value)="([^"]+)"', client.get(path).text)
    assert found
    return found.group(1)


def _filled(route: APIRoute, rng: random.Random, known: dict[str, str]) -> str:
    """The route's path, each parameter what exists or junk."""
    return re.sub(
        r"\{(\w+)[^}]*\}", lambda name: known[name[1]] if rng.random() < 0.5 else quote(rng.choice(JUNK) or "x", safe=""), route.path
    )


@pytest.mark.parametrize("login", [None, *ROLES_OF])
def test_junk_is_refused_and_never_breaks_anything(enter: Enter, district: District, login: str | None) -> None:
    """Every route, every method, seeded junk in path, query and form, in every kind of body: no answer is a fault of the server's."""
    rng = random.Random(f"junk {login}")
    client = enter(login)
    token = token_of(client, "/sign-in" if login is None else "/resources")
    with district.store.session(read_only=True) as session:
        known = {
            "number": session.scalars(select(Ticket.number)).first() or "", "package": session.scalars(select(Package.id)).first() or "",
            "resource_id": PEOPLE, "action": "claim", "kind": "xlsx", "name": "result.html",
            "delivery": session.scalars(select(Delivery.id)).first() or "",
        }  # fmt: skip
    faults = []
    for route in ROUTES:
        if route.path == "/sign-out" or route.path.startswith("/oidc"):
            continue
        names = [parameter.alias for parameter in (*route.dependant.query_params, *route.dependant.body_params)]
        for turn in range(6):
            path = _filled(route, rng, known)
            values = {name: rng.choice(JUNK) for name in names if rng.random() < 0.8} | {"csrf": token, rng.choice(JUNK) or "x": "1"}
            method = rng.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")) if turn > 3 else sorted(route.methods)[0]
            sent: dict[str, Any] = {"params": values}
            if method not in ("GET", "HEAD", "OPTIONS"):
                sent = _body(rng, values, token)
            answer = client.request(method, path, **sent)
            if answer.status_code >= 500:
                faults.append((method, path[:80], {name: value[:40] for name, value in values.items()}, sorted(sent), answer.status_code))
    assert faults == []


def _body(rng: random.Random, values: dict[str, str], token: str) -> dict[str, Any]:
    headers = {CSRF_HEADER: token}
    kind = rng.randrange(4)
    if kind == 0:
        return {"data": values}
    if kind == 1:
        return {"data": values, "files": {"file": (rng.choice(JUNK) or "x", rng.randbytes(200), rng.choice(("text/csv", "x", "")))}}
    if kind == 2:
        return {"json": values, "headers": headers}
    return {
        "content": rng.randbytes(300),
        "headers": {**headers, "Content-Type": rng.choice(("multipart/form-data", "text/plain", "x/y;"))},
    }


BOUNDARY = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nno header"),
        ("multipart/form-data; boundary=b; charset=no-such-charset", BOUNDARY % (b"resource", b"", b"x")),
        ("multipart/form-data; boundary=b", BOUNDARY % (b"resource", b"", b"\xff\xfe\x80")),
        ("multipart/form-data; boundary=b", BOUNDARY % (b"\xff", b"", b"x")),
        ("multipart/form-data; boundary=b", BOUNDARY % (b"file", b'; filename="\xff\xfe.csv"', b"x")),
        ("multipart/form-data; boundary=b", BOUNDARY % (b"file", b'; filename="a\x00b.csv"', b"x")),
        ("application/x-www-form-urlencoded", b"resource=%ff%fe&=&&&;" + b"a=1&" * 3000),
        ("application/x-www-form-urlencoded; charset=utf-32", b"\xff\xfe\x00"),
    ],
)
@pytest.mark.parametrize("path", ["/upload", "/tickets/T2026-000001/claim"])
def test_broken_encodings_of_a_form_are_refused(enter: Enter, path: str, kind: str, content: bytes) -> None:
    client = enter(MINE)
    answer = client.post(path, content=content, headers={"Content-Type": kind, CSRF_HEADER: token_of(client)})
    assert 400 <= answer.status_code < 500, answer.text[:300]


def test_no_kind_of_request_acts_without_the_sessions_token(enter: Enter, district: District) -> None:
    """Every unsafe route in every kind of body that a foreign page can make a browser send, with another session's token as well."""
    client, foreign = enter(MINE), token_of(enter(OTHER))
    own = token_of(client)
    with district.store.session(read_only=True) as session:
        number, before = session.scalars(select(Ticket.number)).first(), session.scalars(select(TicketEvent.id)).all()
    fields = {"version": "1", "reason": "x", "resource": PEOPLE, "request_id": "r"}
    for route in ROUTES:
        for method in route.methods - {"GET", "HEAD", "OPTIONS"}:
            path = route.path.replace("{number}", number or "").replace("{action}", "claim")
            if "{" in path or path.startswith("/api/"):
                continue
            for forged in (
                {"data": fields}, {"data": {**fields, "csrf": foreign}}, {"data": fields, "files": {"file": ("a.csv", b"x")}}, {"json": {**fields, "csrf": own}},
                {"content": f"csrf={own}", "headers": {"Content-Type": "text/plain"}}, {"content": f"csrf={own}"}, {"params": {"csrf": own}},
                {"data": fields, "headers": {"Cookie": "csrf=x"}}, {"data": fields, "headers": {CSRF_HEADER: foreign}},
            ):  # fmt: skip
                answer = client.request(method, path, **forged)  # type: ignore[arg-type]
                assert answer.status_code == 403, (path, forged)
    with district.store.session(read_only=True) as session:
        assert session.scalars(select(TicketEvent.id)).all() == before
    assert client.get("/").status_code == 200, "still signed in"


def test_a_tampered_cookie_opens_nothing(enter: Enter) -> None:
    client = enter(MINE)
    token = client.cookies["districtlake"]
    flipped = ("A" if token[0] != "A" else "B") + token[1:]
    outsider = enter(None)
    for value in (flipped, token[:-1], token + "A", token.upper(), "", "%00", "x" * 5000, f'"{token}x"', "null", "../" + token):
        answer = outsider.get("/", headers={"Cookie": f"districtlake={value}"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in"), value
    assert client.get("/").status_code == 200


def test_nothing_that_is_asked_for_becomes_a_header_or_another_host(enter: Enter) -> None:
    client = enter(None)
    token = token_of(client, "/sign-in")
    for target in (
        "/x\r\nSet-Cookie: a=b",
        "/\t/evil.example",
        "/\x0b/evil.example",
        "//evil.example",
        "/%0d%0aX-Evil:1",
        "/\u2028/evil.example",
        "\\\\evil.example",
    ):
        for answer in (
            client.post("/preferences", data={"csrf": token, "target": target, "language": "en\r\nX: y"}), client.get("/tickets", params={"next": target}),
        ):  # fmt: skip
            assert answer.status_code == 303
            place = answer.headers["location"]
            assert place.startswith("/")
            assert not place.startswith(("//", "/\\"))
            assert not re.search(r"[\x00-\x20]", place)
            assert {"x", "x-evil"}.isdisjoint(answer.headers)
    # the host that a request names is never written into an answer
    for host in ("evil.example", "evil.example:80@portal.example", "127.0.0.1"):
        for path in ("/", "/sign-in", "/static", "/tickets/", "/no-such-page"):
            answer = client.get(path, headers={"Host": host, "X-Forwarded-Host": host})
            assert "evil" not in answer.text + str(dict(answer.headers))


def test_what_was_not_asked_for_is_not_taken(enter: Enter, district: District) -> None:
    """Fields of the row, slipped into a form (mass assignment), change nothing."""
    client = enter(MINE)
    with district.store.session(read_only=True) as session:
        ticket = session.scalars(select(Ticket).where(Ticket.agency == "registry_bureau").order_by(Ticket.number)).first()
        assert ticket is not None
    extra = {
        "agency": "other_bureau",
        "state": "closed",
        "stage": "settled",
        "due_date": "2030-01-01",
        "role": "office",
        "actor": "x",
        "closing": "fixed",
    }
    answer = client.post(
        f"/tickets/{ticket.number}/claim", data={"csrf": token_of(client), "version": str(ticket.version), "reason": "已改正。", **extra}
    )
    assert answer.status_code == 303
    with district.store.session(read_only=True) as session:
        after = session.get(Ticket, ticket.id)
        assert after is not None
        last = session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket.id).order_by(TicketEvent.id.desc())).first()
    assert (after.agency, after.state, after.stage, after.due_date, after.closing) == (
        "registry_bureau",
        "open",
        "reviewing",
        ticket.due_date,
        None,
    )
    assert last is not None
    assert (last.actor, last.role, last.agency) == (MINE, "provider", "registry_bureau")


HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}"


def test_hostile_texts_are_shown_as_text(enter: Enter, district: District) -> None:
    with district.store.session() as session:
        session.execute(update(Ticket).values(rule_title=HOSTILE))
        session.add(
            AuditEvent(
                at=district.clock.now(), actor=HOSTILE, action=HOSTILE, object_kind=HOSTILE, object_id=HOSTILE, reason=HOSTILE, data={}
            )
        )
        number = session.scalars(select(Ticket.number).where(Ticket.agency == "registry_bureau")).first()
    client = enter(MINE)
    token = token_of(client)
    pages = [
        client.post(f"/tickets/{number}/extend", data={"csrf": token, "version": "1", "reason": HOSTILE, "until": HOSTILE[:10]}),
        client.post("/upload", data={"csrf": token, "resource": PEOPLE}, files={"file": (f"{HOSTILE}.csv", b"", "text/csv")}),
        client.get("/tickets", params={"q": HOSTILE, "agency": HOSTILE, "sort": HOSTILE, "state": HOSTILE}), client.get(f"/tickets/{number}"),
        client.get("/"), client.get("/resources", params={"q": HOSTILE}), client.get(f"/resources/{quote(HOSTILE, safe='')}"),
        client.get("/sign-in", params={"next": f"/{HOSTILE}"}), enter(OFFICE).get("/audit", params={"q": ""}), enter(OFFICE).get("/audit", params={"q": HOSTILE}),
        enter(None).get("/sign-in", params={"next": f"/{HOSTILE}"}),
    ]  # fmt: skip
    for page in pages:
        assert page.status_code < 500
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
        assert "{{7*7}}" in page.text or "49" not in re.sub(r"[0-9a-f]{8,}", "", page.text) or page.status_code == 303
    assert sum("&lt;img src=x" in page.text for page in pages) >= 5, "it was shown, as text"


@pytest.mark.parametrize(
    "name", ["../../../evil.csv", "..\\..\\evil.csv", "/etc/cron.d/evil.csv", "a/../../evil.csv", "evil\x00.csv", "CON.csv", "...csv"]
)
def test_an_upload_lands_nowhere_else(enter: Enter, district: District, name: str) -> None:
    client = enter(MINE)
    root = district.settings.state.parent
    before = {path for path in root.parent.rglob("*") if "evil" in path.name}
    client.post(
        "/upload",
        data={"csrf": token_of(client), "resource": PEOPLE},
        files={"file": (name, "编号,名称,数量,备注\nA1,甲,1,\n".encode(), "text/csv")},
    )
    assert {path for path in root.parent.rglob("*") if "evil" in path.name} == before
    assert list((district.settings.state / "uploads").glob("*")) == [], "nothing is left of it"


def test_nobody_outside_makes_the_server_store_a_file(enter: Enter) -> None:
    outsider = enter(None)
    token = token_of(outsider, "/sign-in")
    sent = outsider.post("/sign-in", data={"csrf": token, "login": "x", "password": "y"}, files={"file": ("a.csv", b"x")})
    assert sent.status_code == 403
    client = enter(MINE)
    too_long = client.post(
        "/upload", content=b"x", headers={"Content-Length": str(10**12), "Content-Type": "multipart/form-data; boundary=b"}
    )
    assert too_long.status_code == 413


async def _stream(app: FastAPI, headers: dict[str, str], start: bytes, most: int) -> tuple[int, str, int]:
    """Post without an end, as no client library does: status, page, and how many bytes were asked for."""
    given, answer = 0, {"status": 0, "body": b""}

    async def receive() -> dict[str, Any]:
        nonlocal given
        chunk = start if given == 0 else b"a" * 2**16
        given += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": given < most}

    async def send(message: Any) -> None:
        answer["status"] = message.get("status", answer["status"])
        answer["body"] += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/upload", "raw_path": b"/upload",
        "root_path": "", "query_string": b"", "client": ("192.0.2.1", 1), "server": ("portal.example", 80),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    await app(scope, receive, send)
    return answer["status"], answer["body"].decode(), given


def test_a_body_that_does_not_say_its_length_is_stopped_on_its_way(district: District) -> None:
    """Of an upload and a form without an end only a little more than the limit is ever taken; the refusal is Chinese."""
    app = create_app(replace(district, settings=district.settings.model_copy(update={"upload_mb": 1})))
    with TestClient(app, base_url="http://portal.example", follow_redirects=False) as client:
        sign_in(client, MINE)
        token = token_of(client)
        common = {"Host": "portal.example", "Cookie": f"districtlake={client.cookies['districtlake']}", CSRF_HEADER: token}
        part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for kind, start in (("multipart/form-data; boundary=b", part), ("application/x-www-form-urlencoded", b"reason=")):
            status, page, taken = asyncio.run(_stream(app, {**common, "Content-Type": kind}, start, 50 * 2**20))
            assert status in ((413,) if kind.startswith("multipart") else (413, 400)), "or a field of it was too long before"
            assert status == 400 or "超过2 MB" in page
            assert taken < 2 * 2**20 + 2**18, "no more of it was read"
        assert list((district.settings.state / "uploads").glob("*")) == []
        file = b"n,m\n" * 300_000  # fits the body's limit, not the file's
        answer = client.post("/upload", data={"csrf": token, "resource": PEOPLE}, files={"file": ("a.csv", file)})
        assert answer.status_code == 409
        assert "超过1 MB" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/packages/..%2f..%2fstore.db",
        "/static/%00",
    ],
)
def test_no_path_leads_out_of_the_folder(enter: Enter, path: str) -> None:
    answer = enter(OFFICE).get(path)
    assert answer.status_code in (303, 400, 404)
    assert "create_app" not in answer.text

"""Signing in over HTTP: by password and by an identity provider; what a forged, fixed, guessed or misdirected request meets."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from districtlake.access import accounts
from districtlake.access.accounts import NewAccount
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError
from districtlake.portal import guard
from districtlake.portal.app import create_app
from districtlake.portal.oidc import IdentityProvider
from districtlake.portal.pages.sign_in import inside
from districtlake.settings import Settings
from tests.portal_people import PASSWORD, csrf_of, sign_in
from tests.postgres_server import Server

pytest_plugins = ["tests.postgres_server", "tests.either_database"]


@pytest.fixture
def app(open_test_district: Callable[..., District], database: str, request: pytest.FixtureRequest) -> FastAPI:
    url: dict[str, str] = {}
    if database == "postgresql":
        server: Server = request.getfixturevalue("postgres_server")
        url["store_url"] = server.url(server.fresh_database())
    district = open_test_district(**url)
    for login, role, agency in (("security.desk", "provider", "public_security_bureau"), ("office.desk", "office", None)):
        accounts.create(
            district.store, district.clock, NewAccount(login, login, role, agency), password=PASSWORD,
            agencies=frozenset(district.catalog.agencies), actor="test",
        )  # fmt: skip
    return create_app(district)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://portal.example", follow_redirects=False) as found:
        yield found


def test_a_page_leads_to_the_sign_in_and_back(client: TestClient) -> None:
    asked = client.get("/?x=1")
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=/%3Fx%3D1")
    entered = sign_in(client, target="/?x=1")
    assert (entered.status_code, entered.headers["location"]) == (303, "/?x=1")
    assert client.get("/").status_code == 200


def test_the_session_is_another_after_sign_in(client: TestClient) -> None:
    client.get("/sign-in")
    fixed = client.cookies["districtlake"]
    sign_in(client)
    signed = client.cookies["districtlake"]
    assert signed != fixed
    client.cookies.clear()
    client.cookies.set("districtlake", fixed, domain="portal.example")
    assert client.get("/").status_code == 303, "the token known before sign-in opens nothing"


def test_a_wrong_password_says_so_and_keeps_the_login(client: TestClient) -> None:
    refused = sign_in(client, password="wrong password!")
    assert refused.status_code == 401
    assert "账号或密码不正确" in refused.text
    assert 'value="security.desk"' in refused.text
    assert "wrong password!" not in refused.text


def test_an_unsafe_request_without_the_token_changes_nothing(client: TestClient) -> None:
    sign_in(client)
    for data in ({}, {"csrf": "guessed"}):
        forged = client.post("/sign-out", data=data)
        assert forged.status_code == 403
        assert "页面已过期" in forged.text
    assert client.get("/").status_code == 200, "still signed in"
    token = re.search(r'data-csrf="([^"]+)"', client.get("/").text)
    assert token
    assert client.post("/sign-out", headers={guard.CSRF_HEADER: token.group(1)}).status_code == 303
    assert client.get("/").status_code == 303


def test_guessing_from_one_address_is_slowed_down(client: TestClient) -> None:
    answers = [sign_in(client, login=f"nobody{number}", password="guess guess guess").status_code for number in range(21)]
    assert answers == [401] * 20 + [429]


def test_a_claimed_address_gives_no_more_guesses_unless_a_proxy_is_trusted(client: TestClient, app: FastAPI) -> None:
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    def guess(at: TestClient, number: int) -> int:
        csrf = csrf_of(at.get("/sign-in").text)
        data = {"login": "nobody", "password": "guess guess guess", "csrf": csrf}
        return at.post(
            "/sign-in", data=data, headers={"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"}
        ).status_code

    app.state.sign_ins = replace(app.state.sign_ins, most=2)
    assert [guess(client, number) for number in range(3)] == [401, 401, 429]
    app.state.sign_ins = replace(app.state.sign_ins, kind="anew")
    with TestClient(ProxyHeadersMiddleware(app, trusted_hosts="testclient"), base_url="http://portal.example") as behind:  # type: ignore[arg-type]
        assert [guess(behind, number) for number in (1, 2, 3, 3, 3)] == [401, 401, 401, 401, 429]


@pytest.mark.parametrize(
    ("asked", "to"),
    [("/tickets?x=1", "/tickets?x=1"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil.example", "/"), ("javascript:x", "/"),
     ("/a\r\nSet-Cookie: x", "/"), ("", "/")],
)  # fmt: skip
def test_the_way_back_never_leaves_the_portal(asked: str, to: str) -> None:
    assert inside(asked) == to


def test_every_answer_forbids_foreign_scripts_and_frames(client: TestClient) -> None:
    for path in ("/sign-in", "/no-such-page", "/static/portal.css"):
        answer = client.get(path)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    page = client.get("/sign-in")
    assert page.headers["cache-control"] == "no-store"
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon[a-z]+=\"|style=\"", page.text), "nothing inline"


def test_behind_tls_the_cookie_is_bound_to_the_host(app: FastAPI) -> None:
    district = app.state.district
    settings = district.settings.model_copy(update={"portal_url": "https://portal.example"})
    with TestClient(create_app(replace(district, settings=settings), secure=True), base_url="https://portal.example") as client:
        answer = client.get("/sign-in")
    assert answer.headers["set-cookie"].startswith("__Host-districtlake=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


def test_both_languages_and_colours(client: TestClient) -> None:
    csrf = csrf_of(client.get("/sign-in").text)
    assert client.post("/preferences", data={"language": "en", "theme": "dark", "target": "/sign-in", "csrf": csrf}).status_code == 303
    page = client.get("/sign-in").text
    assert 'lang="en"' in page
    assert "Password" in page
    assert 'data-bs-theme="dark"' in page


@pytest.fixture
def provider() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the mock uses a deprecated part of a library
        import oidc_provider_mock

        with oidc_provider_mock.run_server_in_thread() as server:
            yield f"http://localhost:{server.server_port}"


def _through(client: TestClient, provider: str, subject: str, target: str = "/"):  # type: ignore[no-untyped-def]
    """Walk the browser's way: portal → provider's form → back to the portal."""
    import httpx2

    started = client.get("/oidc/start", params={"next": target})
    assert started.status_code == 302
    assert "code_challenge" in started.headers["location"]
    back = httpx2.post(started.headers["location"], data={"sub": subject})
    assert back.status_code in (302, 303), back.text
    return client.get(back.headers["location"].replace("http://portal.example", ""))


def test_an_identity_provider_lets_in_whom_an_account_was_made_for(app: FastAPI, provider: str) -> None:
    import httpx2

    district = app.state.district
    accounts.create(
        district.store, district.clock, NewAccount("provided.desk", "统一认证岗", "provider", "public_security_bureau"), password=None,
        agencies=frozenset(district.catalog.agencies), actor="test",
    )  # fmt: skip
    for subject, login in (("u-1", "provided.desk"), ("u-2", "security.desk"), ("u-3", "nobody")):
        httpx2.put(f"{provider}/users/{subject}", json={"preferred_username": login}).raise_for_status()
    known = IdentityProvider(provider, "portal", "not a secret")
    with TestClient(create_app(district, identity_provider=known), base_url="http://portal.example", follow_redirects=False) as client:
        assert "统一身份认证" in client.get("/sign-in").text
        entered = _through(client, provider, "u-1", "/?x=1")
        assert (entered.status_code, entered.headers["location"]) == (303, "/?x=1")
        assert "统一认证岗" in client.get("/").text
    for subject in ("u-2", "u-3"):  # a local account with a password is not taken over; an unknown login has no rights
        with TestClient(create_app(district, identity_provider=known), base_url="http://portal.example", follow_redirects=False) as client:
            refused = _through(client, provider, subject)
            assert refused.status_code == 401
            assert "没有为该账号开通权限" in refused.text
            assert client.get("/").status_code == 303


def test_a_callback_nobody_asked_for_lets_nobody_in(app: FastAPI, provider: str) -> None:
    known = IdentityProvider(provider, "portal", "not a secret")
    with TestClient(
        create_app(app.state.district, identity_provider=known), base_url="http://portal.example", follow_redirects=False
    ) as client:
        assert client.get("/oidc/callback?code=x&state=y").headers["location"] == "/sign-in"
        client.get("/oidc/start")
        assert client.get("/oidc/callback?code=x&state=another").status_code == 401


def test_the_way_back_from_the_identity_provider_is_the_public_address_whatever_the_request_says(app: FastAPI, provider: str) -> None:
    known = IdentityProvider(provider, "portal", "not a secret")
    with TestClient(
        create_app(app.state.district, identity_provider=known), base_url="http://127.0.0.1:8000", follow_redirects=False
    ) as client:
        for headers in (
            {},
            {"Host": "localhost"},
            {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "javascript", "Forwarded": "host=evil.example"},
        ):
            started = client.get("/oidc/start", headers=headers)
            assert started.status_code == 302
            asked = parse_qs(urlsplit(started.headers["location"]).query)
            assert asked["redirect_uri"] == ["http://portal.example/oidc/callback"]


def test_a_host_that_is_not_ours_gets_no_answer(client: TestClient) -> None:
    for path in ("/", "/sign-in", "/static/portal.css", "/health", "/api/openapi.json", "/oidc/start"):
        for host in (
            "evil.example",
            "portal.example.evil.example",
            "portal.example@evil.example",
            "evil.example/portal.example",
            "",
            "[::1",
            "portal.example:x y",
        ):
            answer = client.get(path, headers={"Host": host})
            assert answer.status_code == 421, (path, host)
            assert "evil" not in answer.text + str(dict(answer.headers))
        for host in ("portal.example", "PORTAL.example:8443", "127.0.0.1:8000", "[::1]:8000", "localhost"):
            assert client.get(path, headers={"Host": host}).status_code != 421, (path, host)


def test_the_public_address_must_be_set_where_it_is_needed(app: FastAPI) -> None:
    def at(address: str) -> District:
        return replace(app.state.district, settings=app.state.district.settings.model_copy(update={"portal_url": address}))

    for address in ("", "http://portal.example"):
        with pytest.raises(DistrictLakeError, match="public address"):
            create_app(at(address), secure=True)
    with pytest.raises(DistrictLakeError, match="DISTRICTLAKE_PORTAL_URL"):
        create_app(at(""), identity_provider=IdentityProvider("https://id.example", "portal", "not a secret"))


@pytest.mark.parametrize(
    "address", ["portal.example", "ftp://portal.example", "https://", "https://portal.example/path", "https://a@portal.example"]
)
def test_a_public_address_that_is_none_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTRICTLAKE_PORTAL_URL", address)
    with pytest.raises(DistrictLakeError, match="DISTRICTLAKE_PORTAL_URL"):
        Settings.from_environment()
    monkeypatch.setenv("DISTRICTLAKE_PORTAL_URL", "https://portal.example:8443/")
    assert Settings.from_environment().portal_url == "https://portal.example:8443"


def test_the_vendored_files_are_those_of_the_manifest() -> None:
    import hashlib
    import json

    folder = Path(guard.__file__).parent / "static" / "vendor"
    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert {one["file"] for one in listed} == {path.name for path in folder.iterdir() if path.suffix in {".js", ".css"}}
    for one in listed:
        assert hashlib.sha256((folder / one["file"]).read_bytes()).hexdigest() == one["sha256"]
        assert (folder / one["licence_text"]).stat().st_size > 100

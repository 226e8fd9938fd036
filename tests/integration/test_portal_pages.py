"""Every page for every role in both languages; whose data a page shows; the words of both languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from fastapi.testclient import TestClient

from districtlake.access import accounts
from districtlake.access.accounts import NewAccount
from districtlake.access.viewer import ROLES
from districtlake.catalog.models import DIMENSION_TITLES, Cycle
from districtlake.delivery.district import District
from districtlake.portal.app import create_app
from districtlake.portal.rendering import HERE, texts
from districtlake.supervision.timeliness import STATE_TITLES
from districtlake.wording.sentences import LANGUAGES
from tests.portal_people import PASSWORD, sign_in

PROVIDER, OTHER, OFFICE, AUDITOR = "security.desk", "civil.desk", "office.desk", "audit.desk"


@pytest.fixture
def district(open_test_district: Callable[..., District]) -> District:
    found = open_test_district()
    for login, role, agency in (
        (PROVIDER, "provider", "public_security_bureau"), (OTHER, "provider", "civil_affairs_bureau"), (OFFICE, "office", None),
        (AUDITOR, "auditor", None),
    ):  # fmt: skip
        accounts.create(
            found.store, found.clock, NewAccount(login, login, role, agency), password=PASSWORD, agencies=frozenset(found.catalog.agencies),
            actor="test",
        )  # fmt: skip
    return found


@pytest.fixture
def enter(district: District) -> Iterator[Callable[[str], TestClient]]:
    app = create_app(district)
    opened: list[TestClient] = []

    def as_(login: str) -> TestClient:
        client = TestClient(app, base_url="http://portal.example", follow_redirects=False)
        opened.append(client)
        assert sign_in(client, login).status_code == 303
        return client

    yield as_
    for client in opened:
        client.close()


def test_the_languages_have_the_same_words_and_every_word_used() -> None:
    keys = {language: set(texts(language)) for language in LANGUAGES}
    assert keys["zh"] == keys["en"]
    placeholders = {language: {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in texts(language).items()} for language in LANGUAGES}
    assert placeholders["zh"] == placeholders["en"]
    templates = "\n".join(path.read_text(encoding="utf-8") for path in sorted((HERE / "templates").glob("*.html")))
    used = set(re.findall(r"\bt\('([a-z0-9_.]+)'[,)]", templates))
    families = set(re.findall(r"\bt\('([a-z0-9_]+\.)' ~", templates))
    assert used <= keys["zh"], used - keys["zh"]
    assert all(any(key.startswith(family) for key in keys["zh"]) for family in families)
    for family, members in {
        "cycle.": get_args(Cycle), "standing.": STATE_TITLES, "dimension.": DIMENSION_TITLES, "role.": ROLES, "sharing.": ("unconditional", "restricted", "none"),
        "opening.": ("unconditional", "conditional", "none"),
    }.items():  # fmt: skip
        assert {f"{family}{name}" for name in members} <= keys["zh"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("login", [PROVIDER, OFFICE, AUDITOR])
def test_every_page_of_the_menu_opens(enter: Callable[[str], TestClient], login: str, language: str) -> None:
    client = enter(login)
    client.cookies.set("language", language, domain="portal.example")
    home = client.get("/")
    assert home.status_code == 200
    links = re.findall(r'class="nav-link" href="([^"]+)"', home.text)
    assert links
    for link in links:
        page = client.get(link)
        assert page.status_code == 200, link
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bon[a-z]+=\"|style=\"", page.text), "nothing inline: the headers forbid it"
        assert len(re.findall(r"<h1\b", page.text)) == 1


def test_the_board_is_not_for_an_agency(enter: Callable[[str], TestClient]) -> None:
    client = enter(PROVIDER)
    assert client.get("/board").status_code == 403
    assert "/board" not in client.get("/").text


def test_figures_of_a_resource_are_for_its_agency_and_the_district(enter: Callable[[str], TestClient]) -> None:
    path = "/resources/public_security_bureau.population"
    for login, shown in ((PROVIDER, True), (OFFICE, True), (OTHER, False)):
        page = enter(login).get(path).text
        assert "户籍人口基本信息" in page, "the catalogue itself is for everybody who is signed in"
        assert ("最近一次交付的质量" in page) is shown
        assert ("更新状态" in page) is shown


def test_a_resource_that_is_not_there_is_said_so(enter: Callable[[str], TestClient]) -> None:
    client = enter(PROVIDER)
    assert client.get("/resources/no_bureau.nothing").status_code == 404
    assert client.get("/resources", params={"q": "<b>nothing</b>"}).text.count("<b>nothing") == 0
    assert "没有找到" in client.get("/resources", params={"q": "nothing"}).text


def test_searching_the_catalogue_finds_items(enter: Callable[[str], TestClient]) -> None:
    page = enter(PROVIDER).get("/resources", params={"q": "法定代表人", "agency": "market_regulation"}).text
    assert "市场主体登记" in page
    assert "食品经营许可" not in page


def test_templates_are_all_used(district: District) -> None:
    folder = HERE / "templates"
    code = "\n".join(path.read_text(encoding="utf-8") for path in Path(HERE).rglob("*") if path.suffix in {".py", ".html"})
    assert [path.name for path in folder.glob("*.html") if f'"{path.name}"' not in code] == []

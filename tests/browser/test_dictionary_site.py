"""The data dictionary opened from its folder in a real Chromium: search, both themes, a phone, and no request to anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from districtlake.delivery.district import District
from districtlake.dictionary.document import dictionary
from districtlake.dictionary.site import write_site

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason="left out: Debian's chromium is not installed")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def index(demonstration: District, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_site(dictionary(demonstration), tmp_path_factory.mktemp("pages") / "dictionary").as_uri()


def test_a_reader_finds_a_column_and_comes_to_its_table(browser: Any, index: str) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(index)
    page.keyboard.press("/")
    page.keyboard.type("登记状态 business")
    page.wait_for_selector("#found a")
    assert "找到" in page.inner_text("#found-count")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('#found') !== null")
    page.click("#found a >> text=登记状态 status")
    assert page.url.endswith("business_entities.html#c-status")
    assert page.is_visible("svg.chart")
    assert page.inner_text("h1") == "市场主体登记"
    page.fill("#search", "没有这样的列")
    assert page.inner_text("#found-count") == "没有找到"
    assert told == []
    assert all(url.startswith("file://") for url in asked)
    page.close()


def test_light_and_dark_and_a_phone(browser: Any, index: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page = context.new_page()
    page.goto(index.replace("index.html", "market_regulation/business_entities.html"))
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#theme")
    assert page.evaluate(colour) != dark
    context.close()

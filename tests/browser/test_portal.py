"""The portal in a real Chromium: three roles work a ticket with mouse and keyboard; axe-core finds nothing on any page."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy import select

from districtlake.delivery.district import District
from districtlake.portal.app import create_app
from districtlake.store.tables import Ticket
from pipelines.routing import route
from tests.browser.test_dagster_ui import CHROMIUM, QUIET, free_port
from tests.hostile_district import prepare_hostile
from tests.leads_district import prepare_leads
from tests.portal_people import COUNTER, MINE, OFFICE, OTHER, PASSWORD, closing_store, prepare
from tests.running import run_pending
from tests.small_district import PEOPLE, open_small

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(420),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="left out: Debian's chromium is not installed"),
]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, District]]:
    """The portal over the district below ``folder``, at an address of its own."""
    with closing_store(open_small(folder)) as district:
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(create_app(district), host="127.0.0.1", port=port, log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}", district
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, District]]:
    with served(prepare(tmp_path_factory.mktemp("browser"))) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield found
        found.close()


class Desk:
    """A person at a browser window."""

    def __init__(self, browser: Any, base: str, *, width: int = 1440, colours: str = "light") -> None:
        self.base, self.outside, self.errors = base, [], []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=colours, locale="zh-CN")
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.outside.append(request.url) if not request.url.startswith((base, "data:")) else None)
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self, login: str) -> Desk:
        self.page.goto(f"{self.base}/sign-in")
        self.page.get_by_label("账号").fill(login)
        self.page.get_by_label("密码").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.base}/")
        return self

    def at(self, path: str) -> Any:
        self.page.goto(self.base + path)
        return self.page

    def violations(self) -> list[str]:
        import axe_playwright_python

        script = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
        self.page.evaluate(script)  # evaluated by the test, so the page's own policy stays as it is
        found = self.page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
        return [f"{one['id']}: {node['target']} {node['failureSummary'][:300]}" for one in found for node in one["nodes"]]

    def close(self) -> None:
        self.context.close()
        assert self.outside == [], "nothing leaves the machine"
        assert self.errors == []


@pytest.mark.parametrize(
    ("width", "colours"),
    [
        (1440, "light"),
        (390, "dark"),
        pytest.param(1440, "dark", marks=pytest.mark.slow),
        pytest.param(390, "light", marks=pytest.mark.slow),
    ],
)
def test_no_page_has_a_barrier_and_none_scrolls_sideways(portal: tuple[str, District], browser: Any, width: int, colours: str) -> None:
    base, _ = portal
    paths = {
        OFFICE: ("/", "/tickets", "/tickets/T2026-000001", "/board", "/resources", "/resources/registry_bureau.people", "/quality", "/quality?agency=registry_bureau", "/quality?resource=registry_bureau.people", "/upload", "/feedback?resource=registry_bureau.people", "/audit", "/none"),
        MINE: ("/", "/tickets/T2026-000001", "/answers", "/quality"),
        COUNTER: ("/", "/tickets", "/feedback?resource=registry_bureau.people"),
    }  # fmt: skip
    for login, pages in paths.items():
        desk = Desk(browser, base, width=width, colours=colours)
        desk.at("/sign-in")
        found = {"/sign-in": desk.violations()}
        desk.sign_in(login)
        for path in pages:
            page = desk.at(path)
            page.wait_for_load_state("load")
            for details in page.locator("details").all():
                details.evaluate("one => one.open = true")
            found[path] = desk.violations()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert {path: wrong for path, wrong in found.items() if wrong} == {}
        desk.errors = [error for error in desk.errors if "404" not in error]  # /none is a page that is not there
        desk.close()


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_of_leads_has_no_barrier(browser: Any, tmp_path: Path, width: int) -> None:
    with served(prepare_leads(tmp_path / "district")) as (base, _):
        for login, shown in ((OFFICE, 3), (MINE, 3), (OTHER, 2)):
            desk = Desk(browser, base, width=width).sign_in(login)
            page = desk.at("/leads")
            assert page.locator("tbody tr").count() == shown
            assert desk.violations() == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.get_by_label("把握").select_option("疑似")
            page.wait_for_url("**certainty=suspected**")
            page.wait_for_function("document.querySelectorAll('tbody tr').length === 1")
            desk.close()


def test_three_roles_work_a_ticket(portal: tuple[str, District], browser: Any, tmp_path: Path) -> None:
    base, district = portal
    provider, office, counter = (Desk(browser, base).sign_in(login) for login in (MINE, OFFICE, COUNTER))

    page = provider.at("/")
    page.get_by_role("link", name="名称应简短").click()
    number = page.url.rsplit("/", 1)[1]
    page.get_by_text("申请延期", exact=True).first.click()
    page.locator("#extend-reason").fill("业务系统升级，下月才能修改")
    page.locator("#extend-until").fill("2026-04-20")
    page.get_by_role("button", name="申请延期").click()
    page.get_by_text("延期待审").first.wait_for()

    page = office.at(f"/tickets/{number}")
    page.get_by_text("同意延期", exact=True).first.click()
    page.get_by_role("button", name="同意延期").click()
    page.get_by_text("2026-04-20").first.wait_for()

    assert "没有这个编号" in counter.at(f"/tickets/{number}").content()
    counter.errors = [error for error in counter.errors if "404" not in error]

    file = tmp_path / "更正.csv"
    file.write_text("编号,名称,数量,备注\nA3,丙,7,\n", encoding="utf-8")
    page = provider.at("/upload?resource=registry_bureau.people")
    page.set_input_files("#file", file)
    page.locator("#data_date").fill("2026-03-05")
    page.get_by_role("button", name="报送").click()
    page.get_by_text("已收到").wait_for()
    run_pending(district)
    assert route(district).closed == 1
    page = provider.at(f"/tickets/{number}")
    page.get_by_text("完成整改").first.wait_for()
    for desk in (provider, office, counter):
        desk.close()


def test_the_excel_reply_is_downloaded_filled_and_uploaded(tmp_path_factory: pytest.TempPathFactory, browser: Any, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    with served(prepare(tmp_path_factory.mktemp("reply"))) as (base, _):
        provider = Desk(browser, base).sign_in(MINE)
        page = provider.at("/tickets")
        page.get_by_role("link", name="名称应简短").click()
        number = page.url.rsplit("/", 1)[1]
        with page.expect_download() as downloading:
            page.get_by_role("link", name="下载").click()
        filled = tmp_path / "反馈单.xlsx"
        downloading.value.save_as(filled)
        book = load_workbook(filled)
        sheet = book["问题明细"]
        head = [cell.value for cell in sheet[1]]
        for row in range(2, sheet.max_row + 1):
            sheet.cell(row, head.index("处理方式") + 1).value = "完成整改"
        book.save(filled)
        page = provider.at("/answers")
        page.set_input_files("#file", filled)
        page.locator("main form button[type=submit]").click()
        page.get_by_text("采纳 2 行").wait_for()
        assert provider.violations() == []
        page = provider.at(f"/tickets/{number}")
        page.get_by_text("待复核").first.wait_for()
        provider.close()


def test_searching_by_keyboard_changes_the_list_without_a_new_page(portal: tuple[str, District], browser: Any) -> None:
    from playwright.sync_api import expect

    base, _ = portal
    desk = Desk(browser, base).sign_in(OFFICE)
    page = desk.at("/tickets?state=all")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip", "the first stop skips the menu"
    page.locator("#q").fill("")
    page.locator("#q").type("amount.range")
    expect(page.locator("#found tbody tr")).to_have_count(1)
    expect(page.locator("#announce")).to_have_text("共 1 项")  # a screen reader hears it
    desk.close()


def test_the_browser_itself_runs_nothing_that_was_written_into_a_page(portal: tuple[str, District], browser: Any) -> None:
    """The policy in the headers, enforced: inline and foreign scripts, handlers, styles and forms to elsewhere."""
    base, _ = portal
    desk = Desk(browser, base).sign_in(MINE)
    page = desk.at("/tickets")
    ran, blocked = page.evaluate(
        """async () => {
            const blocked = [];
            document.addEventListener('securitypolicyviolation', event => blocked.push(event.effectiveDirective));
            const inline = document.createElement('script');
            inline.textContent = 'window.ran = "inline"';
            const foreign = document.createElement('script');
            foreign.src = 'data:text/javascript,window.ran="foreign"';
            document.body.append(inline, foreign);
            document.body.insertAdjacentHTML('beforeend', '<img src="x" onerror="window.ran=\\'handler\\'"><p style="color:red">x</p>');
            await new Promise(done => setTimeout(done, 500));
            return [window.ran ?? null, [...new Set(blocked)].sort()];
        }"""
    )
    assert ran is None
    assert {"script-src-elem", "script-src-attr", "style-src-attr"} <= set(blocked)
    desk.context.close()  # the refusals are on its console, as they should


def test_hostile_and_endless_texts_run_nothing_and_break_no_page(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> None:
    """What people and files wrote, in a real browser: nothing runs, no dialog opens, no page grows sideways, not even at 390 pixels."""
    with served(prepare_hostile(tmp_path_factory.mktemp("hostile"))) as (base, district):
        with district.store.session(read_only=True) as session:
            number = session.scalars(select(Ticket.number).order_by(Ticket.number)).first()
        for login, width in ((OFFICE, 390), (MINE, 1440)):
            desk = Desk(browser, base, width=width).sign_in(login)
            dialogs: list[str] = []
            desk.page.on("dialog", lambda dialog, told=dialogs: (told.append(dialog.message), dialog.dismiss()))
            for path in (
                "/",
                "/tickets?state=all",
                f"/tickets/{number}",
                "/resources",
                f"/resources/{PEOPLE}",
                f"/feedback?resource={PEOPLE}",
                "/upload",
                "/board",
            ):
                page = desk.at(path)
                page.wait_for_load_state("load")
                for details in page.locator("details").all():
                    details.evaluate("one => one.open = true")
                assert page.evaluate("[window.ran ?? null, document.documentElement.scrollWidth]") == [None, width], path
            assert dialogs == []
            desk.errors = [error for error in desk.errors if login == OFFICE or "403" not in error]  # the board is not an agency's
            desk.close()


def test_on_paper_a_ticket_has_its_title_and_nothing_to_press(portal: tuple[str, District], browser: Any) -> None:
    """Printed out of a dark window: dark on light, the number and the rows, no form, the note on the procedure."""
    from playwright.sync_api import expect

    base, _ = portal
    desk = Desk(browser, base, colours="dark").sign_in(MINE)
    page = desk.at("/tickets/T2026-000001")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    page.emulate_media(media="print")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    assert page.locator("h1").is_visible()
    assert page.locator("footer").is_visible()
    assert [form.get_attribute("action") for form in page.locator("form").all() if form.is_visible()] == []
    page.emulate_media(media="screen")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page = desk.at("/quality")
    page.emulate_media(media="print")
    assert not page.locator("main form").is_visible()
    desk.close()

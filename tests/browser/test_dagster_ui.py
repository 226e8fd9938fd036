"""Dagster's UI in a real Chromium after a real nightly run: the graph, a resource's checks, its plot, masked previews."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from districtlake.settings import PROJECT_ROOT, Settings
from pipelines.home import dagster_home

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(420),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="left out: Debian's chromium is not installed"),
]
RESOURCE = "public_security_bureau/population"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A district after one nightly run, and its UI's address."""
    state = tmp_path_factory.mktemp("ui") / "state"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DISTRICTLAKE", "DAGSTER"))}
    env = {**kept, "DISTRICTLAKE_STATE": str(state), "PYTHONPATH": str(PROJECT_ROOT), "DAGSTER_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-c", "from districtlake.cli import main; main()"]
    for arguments in (["demo", "generate", "--days", "2", "--size", "200"], ["nightly", "--deliveries", str(state / "demo" / "inbox")]):
        subprocess.run([*command, *arguments], env=env, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True)
    port = free_port()
    home = dagster_home(Settings(state=state, inbox=state / "inbox"))
    log = (state / "webserver.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), "-w", str(PROJECT_ROOT / "workspace.yaml")],
        env={**env, "DAGSTER_HOME": str(home)}, cwd=home, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{base}/server_info", timeout=2).read()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        yield base, state
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        log.close()


def test_graph_checks_and_plot(ui: tuple[str, Path], tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    base, state = ui
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"), executable_path=str(CHROMIUM), headless=True, args=QUIET, viewport={"width": 1440, "height": 900}
        )
        page = browser.new_page()
        page.set_default_timeout(60_000)
        outside: list[str] = []
        page.on("request", lambda request: None if request.url.startswith((base, "data:", "blob:")) else outside.append(request.url))

        page.goto(f"{base}/asset-groups")
        for agency in ("civil_affairs_bureau", "human_resources_bureau", "market_regulation", "public_security_bureau"):
            page.get_by_text(agency).first.wait_for()
        page.screenshot(path=str(tmp_path / "graph.png"))

        page.goto(f"{base}/assets/{RESOURCE}/cleansed?view=checks")
        page.get_by_text("completeness").first.wait_for()
        for dimension in ("accuracy", "completeness", "consistency", "normativity", "timeliness", "accessibility"):
            assert page.get_by_text(dimension).count() > 0
        page.screenshot(path=str(tmp_path / "checks.png"))

        page.goto(f"{base}/assets/{RESOURCE}/cleansed?view=events")
        page.get_by_text("failing_rows_by_dimension").first.wait_for()
        body = page.inner_text("body")
        page.get_by_text("[Show Markdown]").first.click()
        plot = page.locator("img[src^='data:image/svg+xml']").first
        plot.wait_for()
        assert plot.evaluate("image => image.naturalWidth") > 300, "the plot is drawn"
        page.screenshot(path=str(tmp_path / "plot.png"))
        browser.close()
    assert re.search(r"\d{6}\*{8}\d{3}[\dX]", body), "a masked preview"
    delivered = _identities(state)
    assert not [number for number in delivered if number in body], "an identity stands in the page"
    assert outside == [], "nothing is asked of any other server"


def _identities(state: Path) -> set[str]:
    import polars as pl

    return set(pl.scan_delta(str(state / "lake" / "warehouse" / RESOURCE)).select("citizen_id").collect()["citizen_id"].to_list())


def test_no_identity_reaches_dagsters_storage_or_the_logs(ui: tuple[str, Path]) -> None:
    """Event log, run storage, compute logs and our own logs hold numbers and rules, never a person."""
    _, state = ui
    identities = _identities(state)
    assert len(identities) > 100
    numbers = re.compile(rb"(?<!\d)\d{17}[\dX](?!\d)")
    found: dict[str, int] = {}
    for folder in ("dagster", "logs"):
        for path in (state / folder).rglob("*"):
            if path.is_file():
                hits = {match.decode() for match in numbers.findall(path.read_bytes())} & identities
                if hits:
                    found[str(path.relative_to(state))] = len(hits)
    assert found == {}, json.dumps(found)

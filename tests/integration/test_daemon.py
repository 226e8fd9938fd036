"""Dagster's daemon, really: it is booted, a file is dropped, nothing is called, and a ticket exists. Killed and bereft of its cursor, still one."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from districtlake.settings import PROJECT_ROOT, Settings
from pipelines.home import dagster_home

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(420)]
ROWS = "公民身份号码,死亡日期,注销日期\n330203195006150018,2026-02-01,2026-02-03\n330203199006150016,2021-02-30,2026-02-03\n"


def environment(state: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DISTRICTLAKE", "DAGSTER"))}
    home = dagster_home(Settings(state=state, inbox=state / "inbox"))
    return {
        **kept, "DISTRICTLAKE_STATE": str(state), "DISTRICTLAKE_SETTLE_SECONDS": "1", "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(PROJECT_ROOT), "DAGSTER_DISABLE_TELEMETRY": "1",
    }  # fmt: skip


@contextmanager
def daemon(state: Path) -> Iterator[Path]:
    env = environment(state)
    log = state / "daemon.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "-w", str(PROJECT_ROOT / "workspace.yaml")],
            env=env, cwd=env["DAGSTER_HOME"], stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
        try:
            yield log
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            _kill_runs(state)


def _kill_runs(state: Path) -> None:
    """Code servers and runs start sessions of their own; they are found by the state folder in their environment."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            mine = f"DISTRICTLAKE_STATE={state}".encode() in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mine:
            os.kill(int(entry.name), signal.SIGKILL)


def tickets(state: Path) -> list[tuple[str, str]]:
    if not (state / "store.sqlite").exists():
        return []
    connection = sqlite3.connect(f"file:{state / 'store.sqlite'}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute("select rule_id, delivery_id from tickets").fetchall()
    except sqlite3.OperationalError:  # not migrated yet
        return []
    finally:
        connection.close()


def wait_for(condition: object, seconds: float, what: str, log: Path) -> float:
    started = time.monotonic()
    while not condition():  # type: ignore[operator]
        if time.monotonic() - started > seconds:
            pytest.fail(f"{what} did not happen within {seconds:.0f} s\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
        time.sleep(0.5)
    return time.monotonic() - started


def ticks(log: Path, sensor: str) -> int:
    return log.read_text(encoding="utf-8", errors="replace").count(f"Checking for new runs for sensor: {sensor}")


def test_a_dropped_file_becomes_one_ticket_and_stays_one(tmp_path: Path) -> None:
    state = tmp_path / "state"
    inbox = state / "inbox" / "public_security_bureau"
    inbox.mkdir(parents=True)
    with daemon(state) as log:
        wait_for(lambda: ticks(log, "arrivals") >= 1, 120, "the first look of the arrival sensor", log)
        part = inbox / "死亡注销_20260302.csv.part"
        part.write_text(ROWS, encoding="utf-8")
        part.rename(inbox / "死亡注销_20260302.csv")
        seconds = wait_for(lambda: tickets(state), 120, "a ticket for the dropped file", log)
        print(f"ticket after {seconds:.0f} s")
        [(rule, delivery)] = tickets(state)
        assert rule == "death_date.conforms"
    shutil.rmtree(state / "dagster" / "schedules")  # the sensors' cursors
    with daemon(state) as log:
        before = ticks(log, "quality")
        wait_for(lambda: ticks(log, "quality") >= before + 2, 180, "two looks of the quality sensor", log)
        assert tickets(state) == [(rule, delivery)]

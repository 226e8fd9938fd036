"""The portal under load: ``python -m benchmarks.portal --users 50 --seconds 60 --tickets 5000 --problems 100000 [--think 5] [--workers 1]``.

A district is filled with tickets, problem registers, deliveries and signed-in people (``portal_store``). A server process runs as in
production (``districtlake portal serve``); this process plays the people: each reads and acts as the role does (desk, list with filters,
search and paging, ticket, its rows, catalogue, resource, data quality, board, claiming a correction), with ``--think`` seconds on average in between.
Told for each page: how many, p50, p95, p99 and the longest in milliseconds, errors; the server's CPU; then one line of JSON. An answer
other than 200, 303 or (somebody else was first) 409 is an error, and any error makes the exit code 1.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.night_run import COMMAND, PROJECT
from benchmarks.portal_store import User, fill, people
from benchmarks.scratch import scratch
from districtlake.delivery.district import open_district
from districtlake.settings import Settings

WARM_SECONDS = 5
"""Not counted: the first requests compile templates and open connections."""
MIX = {"desk": 20, "list": 15, "search": 15, "ticket": 25, "rows": 5, "resources": 5, "resource": 7, "quality": 5, "board": 5, "claim": 5}
"""Shares of what people open. Who may not open the board opens the desk; who has nothing to claim reads the ticket."""
WORDS = ("规范", "T2026-0001", "日期", "编号", "姓名", "conforms")
NUMBER = re.compile(r'href="/tickets/(T\d{4}-\d{6})"')
RESOURCE = re.compile(r'href="/resources/([a-z0-9_]+\.[a-z0-9_]+)"')


@dataclass
class Taken:
    """What was measured: milliseconds by page, and what went wrong."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)


class Person:
    """One user at a browser: a connection that is kept open, a cookie, and the numbers seen on the pages so far."""

    def __init__(self, user: User, port: int, seed: int, taken: Taken, begin: float, end: float, think: float) -> None:
        self.user, self.rng, self.taken = user, random.Random(seed), taken
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.begin, self.end, self.think = begin, end, think
        self.tickets: list[str] = []
        self.resources: list[str] = []

    def live(self) -> None:
        time.sleep(self.rng.uniform(0, min(self.think, WARM_SECONDS)))
        self.open("desk", "/")
        while True:
            time.sleep(self.rng.uniform(0.5, 1.5) * self.think)
            if time.perf_counter() >= self.end:
                return
            self.step(self.rng.choices(list(MIX), weights=list(MIX.values()))[0])

    def step(self, what: str) -> None:
        rng, ticket = self.rng, self.rng.choice(self.tickets) if self.tickets else None
        district_wide = self.user.role in ("office", "auditor")
        if what == "list":
            self.open(
                "list", f"/tickets?{urlencode({'at': rng.randint(1, 20 if district_wide else 2), 'state': rng.choice(('open', 'all'))})}"
            )
        elif what == "search":
            asked = {
                "q": rng.choice(("", *WORDS)),
                "due": rng.choice(("", "overdue", "near")),
                "sort": rng.choice(("due", "-problems", "opened")),
            }
            self.open("search", f"/tickets?{urlencode(asked)}", HX=True)
        elif what == "resources":
            self.open("resources", "/resources")
        elif what == "resource" and self.resources:
            self.open("resource", f"/resources/{rng.choice(self.resources)}")
        elif what == "quality":
            deeper = rng.choice(("", f"?{urlencode({'resource': rng.choice(self.resources)})}")) if district_wide and self.resources else ""
            self.open("quality", f"/quality{deeper}")
        elif what == "board" and district_wide:
            self.open("board", "/board")
        elif what == "rows" and ticket and self.user.role in ("provider", "office"):
            self.open("rows", f"/tickets/{ticket}?unmasked=true")
        elif what in ("ticket", "rows", "claim") and ticket:
            self.act(ticket, self.open("ticket", f"/tickets/{ticket}"), what == "claim")
        else:
            self.open("desk", "/")

    def act(self, ticket: str, page: str, wanted: bool) -> None:
        version = re.search(r'name="version" value="(\d+)"', page)
        if wanted and version and f'action="/tickets/{ticket}/claim"' in page:
            self.open("claim", f"/tickets/{ticket}/claim", {"csrf": self.user.csrf, "version": version.group(1), "reason": "已更正。"})
            self.open("ticket", f"/tickets/{ticket}")

    def open(self, page: str, path: str, form: dict[str, str] | None = None, *, HX: bool = False) -> str:
        headers = {"Cookie": f"districtlake={self.user.token}", "Accept": "text/html"}
        if HX:
            headers["HX-Request"] = "true"
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        started = time.perf_counter()
        try:
            answer = self.ask(path, urlencode(form) if form else None, headers)
            text, status = answer.read().decode(), answer.status
            wrong = "" if status in (200, 303, 409) else f"{status} {path}"
            if status == 303 and "/sign-in" in (answer.headers["location"] or ""):
                wrong = f"signed out at {path}"
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            text, wrong = "", f"{type(error).__name__} {path}"
        ended = time.perf_counter()
        if started >= self.begin:
            with self.taken.lock:
                self.taken.times[page].append((ended - started) * 1000)
                if wrong:
                    self.taken.errors[page].append(wrong)
        self.tickets = list(dict.fromkeys([*NUMBER.findall(text), *self.tickets]))[:100]
        self.resources = list(dict.fromkeys([*RESOURCE.findall(text), *self.resources]))[:50]
        return text

    def ask(self, path: str, body: str | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        """As a browser does it: a kept connection that the server has closed meanwhile is opened anew."""
        try:
            self.connection.request("POST" if body else "GET", path, body, headers)
            return self.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.connection.close()
            self.connection.request("POST" if body else "GET", path, body, headers)
            return self.connection.getresponse()


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(len(ordered) * share - 1e-9) - 1)], 1)


def figures(values: list[float], errors: int) -> dict[str, float]:
    return {
        "n": len(values), "p50": percentile(values, 0.5), "p95": percentile(values, 0.95), "p99": percentile(values, 0.99),
        "max": round(max(values), 1), "errors": errors,
    }  # fmt: skip


def cpu_seconds(root: int) -> float:
    """CPU seconds so far of a process and its children."""
    ticks = 0
    for process in (root, *(int(child) for child in Path(f"/proc/{root}/task/{root}/children").read_text().split())):
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def serve(state: Path, port: int, workers: int) -> subprocess.Popen[bytes]:
    """The server as it is started in production; returns when it answers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DISTRICTLAKE_")}
    environment |= {"PYTHONPATH": str(PROJECT), "DISTRICTLAKE_STATE": str(state)}
    server = subprocess.Popen(
        [*COMMAND, "portal", "serve", "--port", str(port), "--workers", str(workers)], cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL
    )  # fmt: skip
    until = time.monotonic() + 90
    while time.monotonic() < until and server.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return server
        except OSError:
            time.sleep(0.2)
    server.kill()
    raise SystemExit("The portal did not come up.")


def run(users: list[User], port: int, seconds: float, think: float, seed: int, server: int) -> tuple[Taken, float]:
    """Let everybody work; what was measured, and the server's CPU seconds meanwhile."""
    begin = time.perf_counter() + WARM_SECONDS
    taken = Taken()
    crowd = [Person(user, port, seed + n, taken, begin, begin + seconds, think) for n, user in enumerate(users)]
    threads = [threading.Thread(target=person.live) for person in crowd]
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, begin - time.perf_counter()))
    before = cpu_seconds(server)
    for thread in threads:
        thread.join()
    return taken, cpu_seconds(server) - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind, value in (
        ("users", int, 50), ("seconds", float, 60), ("think", float, 5), ("tickets", int, 5_000), ("problems", int, 100_000),
        ("days", int, 90), ("workers", int, 1), ("seed", int, 20260302),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, default=value)
    asked = parser.parse_args()
    with scratch("portal") as folder:
        settings = Settings(state=folder / "state", inbox=folder / "state" / "inbox", actor="benchmark")
        district = open_district(settings)
        print(f"{asked.tickets:,} tickets, {asked.problems:,} open problems; {asked.users} users, {asked.think:g} s think time", flush=True)
        print("Filling the district: two to three minutes of CPU …", flush=True)
        fill(district, tickets=asked.tickets, problems=asked.problems, seed=asked.seed, days=asked.days)
        users = people(district, asked.users)
        district.store.close()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = serve(settings.state, port, asked.workers)
        try:
            taken, cpu = run(users, port, asked.seconds, asked.think, asked.seed, server.pid)
        finally:
            server.terminate()
            server.wait(30)
        raise SystemExit(tell(taken, cpu, vars(asked)))


def tell(taken: Taken, cpu: float, parameters: dict[str, Any]) -> int:
    """Print the table and the line of JSON; the exit code."""
    every = [value for values in taken.times.values() for value in values]
    wrong = [one for several in taken.errors.values() for one in several]
    if not every:
        raise SystemExit("Nobody opened any page: give more --seconds.")
    pages = {name: figures(taken.times[name], len(taken.errors[name])) for name in MIX if taken.times[name]}
    pages["all"] = figures(every, len(wrong))
    print(f"{'page':<11}{'n':>7}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}  errors   (milliseconds)")
    for name, one in pages.items():
        print(f"{name:<11}{one['n']:>7}{one['p50']:>9}{one['p95']:>9}{one['p99']:>9}{one['max']:>9}{one['errors']:>8}")
    for one in wrong[:5]:
        print(one, file=sys.stderr)
    print(f"server: {cpu:.1f} CPU s, {cpu / len(every) * 1000:.0f} ms a page")
    print("\n" + json.dumps({"benchmark": "portal", **parameters, "figures": {"pages": pages, "cpu": round(cpu, 2)}}))
    return 1 if wrong else 0


if __name__ == "__main__":
    main()

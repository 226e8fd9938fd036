"""A PostgreSQL server of the test session's own: a socket in a temporary folder, no port, no password, gone afterwards.

Fixtures: ``store_url`` (every test that takes it runs on SQLite and on PostgreSQL, each time with an empty database) and ``store``.
Without server binaries the PostgreSQL runs are skipped and say so.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from districtlake.store.engine import Store, open_store

LEFT_OUT = "left out: no PostgreSQL server binaries (initdb, postgres) on PATH or in /usr/lib/postgresql/*/bin"


@dataclass
class Server:
    """``url(database)`` addresses a database; ``fresh_database`` makes an empty one."""

    folder: Path
    user: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _migrated: str = ""

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://{self.user}@/{database}?host={self.folder}"

    def run(self, *statements: str) -> None:
        import psycopg2

        connection = psycopg2.connect(host=str(self.folder), user=self.user, dbname="postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def fresh_database(self, template: str = "") -> str:
        name = f"t{os.getpid()}_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return name

    def migrated(self) -> str:
        """A database with the store's present schema, to copy."""
        if not self._migrated:
            name = self.fresh_database()
            open_store(self.url(name)).close()
            self._migrated = name
        return self._migrated


def binary(name: str) -> str | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(4), reverse=True)  # newest first
    return next((str(path / name) for path in folders if (path / name).exists()), shutil.which(name))


def unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root; then it runs as postgres or nobody."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = known.get("postgres") or known["nobody"]
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    initdb, postgres = binary("initdb"), binary("postgres")
    if initdb is None or postgres is None:
        pytest.skip(LEFT_OUT)
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path may have 107 characters, pytest's folders are longer
    account = unprivileged()
    if account:
        os.chown(folder, account["user"], account["group"])
    data, log = folder / "data", folder / "log"
    with open(log, "wb") as output:
        try:
            subprocess.run(
                [initdb, "-D", str(data), "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
                check=True, stdout=output, stderr=output, cwd=folder, **account,
            )  # fmt: skip
            process = subprocess.Popen(
                [postgres, "-D", str(data), "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50"],
                stdout=output, stderr=output, cwd=folder, **account,
            )  # fmt: skip
        except BaseException:
            print(log.read_text(errors="replace"))
            shutil.rmtree(folder, ignore_errors=True)
            raise
    server = Server(folder, "tester")
    try:
        wait_until_up(server, process, log)
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # "fast": SIGTERM would wait for open connections
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_up(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg2

    give_up = time.monotonic() + 60
    while True:
        try:
            return server.run("SELECT 1")
        except psycopg2.OperationalError as error:
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}") from error
            time.sleep(0.05)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database, once on SQLite and once on PostgreSQL. (Where the test takes the open ``store``, it has the schema.)"""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.sqlite'}"
        return
    server: Server = request.getfixturevalue("postgres_server")
    name = server.fresh_database(server.migrated() if "store" in request.fixturenames else "")
    yield server.url(name)
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open, empty store on either database."""
    with open_store(store_url) as opened:
        yield opened

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
from contextlib import contextmanager
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
    _shape: str = ""
    _emptied: list[str] = field(default_factory=list)

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

    @contextmanager
    def empty_store(self) -> Iterator[str]:
        """A database with the present schema and no rows. The next test has it again, unless this one altered the schema: emptying costs a
        fifth of making and removing one."""
        name = self._emptied.pop() if self._emptied else self.fresh_database(self.migrated())
        self._shape = self._shape or self._shape_of(name)
        yield name
        if self._empty(name):
            self._emptied.append(name)
        else:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def _shape_of(self, name: str) -> str:
        with self._connected(name) as cursor:
            cursor.execute(_SHAPE)
            return str(cursor.fetchone()[0])

    def _empty(self, name: str) -> bool:
        """Take away all rows and begin all numbers anew; False where the schema is no longer what it was."""
        with self._connected(name) as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            cursor.execute(_SHAPE)
            if cursor.fetchone()[0] != self._shape:
                return False
            cursor.execute(_EMPTY)
        return True

    @contextmanager
    def _connected(self, name: str) -> Iterator[Any]:
        import psycopg2

        connection = psycopg2.connect(host=str(self.folder), user=self.user, dbname=name)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


_SHAPE = """
SELECT md5(string_agg(part, ';' ORDER BY part)) FROM (
    SELECT concat('version ', version_num) AS part FROM alembic_version
    UNION ALL SELECT concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull, a.atthasdef)
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', tgname, tgenabled, tgrelid::regclass) FROM pg_trigger
    UNION ALL SELECT concat_ws(' ', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
) AS parts
"""
_EMPTY = """
DO $$ DECLARE one record; BEGIN
    SET LOCAL session_replication_role = replica;  -- neither references nor the guards of append-only tables
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', one.tablename);
    END LOOP;
    FOR one IN SELECT sequencename, start_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
        PERFORM setval(quote_ident(one.sequencename), one.start_value, false);
    END LOOP;
END $$
"""


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
    if "store" in request.fixturenames:
        with server.empty_store() as name:
            yield server.url(name)
        return
    name = server.fresh_database()
    yield server.url(name)
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open, empty store on either database."""
    with open_store(store_url) as opened:
        yield opened

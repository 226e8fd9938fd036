"""A MariaDB server of the test session's own: a socket in a temporary folder, no port, gone afterwards. Left out where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pymysql
import pytest

LEFT_OUT = "left out: no MariaDB server (mariadb-install-db, mariadbd)"


@dataclass
class MySQLServer:
    socket: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def run(self, *statements: str, database: str | None = None) -> None:
        connection = pymysql.connect(unix_socket=str(self.socket), user="root", database=database, autocommit=True, charset="utf8mb4")
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def fresh_database(self) -> str:
        name = f"t{os.getpid()}_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return name

    def url(self, database: str, user: str = "root", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"mysql+pymysql://{user}{secret}@localhost/{database}?unix_socket={self.socket}"


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MySQLServer]:
    install, server = (shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in ("mariadb-install-db", "mariadbd"))
    if install is None or server is None:
        pytest.skip(LEFT_OUT)
    folder = Path(tempfile.mkdtemp(prefix="my-", dir="/tmp"))
    socket, log = folder / "s", folder / "log"
    user = ["--user=root"] if os.geteuid() == 0 else []
    data = [f"--datadir={folder / 'data'}", "--no-defaults"]
    with log.open("wb") as output:
        made = [
            install,
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *user,
        ]
        subprocess.run(made, check=True, stdout=output, stderr=output)
        process = subprocess.Popen(
            [server, data[1], data[0], f"--socket={socket}", "--skip-networking", f"--pid-file={folder / 'pid'}", *user],
            stdout=output, stderr=output,
        )  # fmt: skip
    found = MySQLServer(socket)
    try:
        end = time.monotonic() + 60
        while "ready for connections" not in log.read_text(errors="replace"):  # a refused connection would leave a socket behind
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(log.read_text(errors="replace")[-2000:])
            time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)

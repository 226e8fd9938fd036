"""Districts prepared once and copied for each test, on SQLite and on PostgreSQL.

A module that makes a fixture ``districts`` (``Districts``) runs its tests on both: those marked ``postgresql`` always, the others on
PostgreSQL only among the slow ones, since the database's behaviour is what differs and not the test. A copy on PostgreSQL is a database
made from the prepared one as its template; which one is in the folder's ``store_url``, which ``small_district`` reads.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from districtlake.delivery.district import District
from tests.postgres_server import Server
from tests.small_district import STORE_URL, open_small

KINDS = ("sqlite", "postgresql")


class Districts:
    """What ``prepare`` makes of an empty folder, once for each database that is asked for.

    Args:
        prepare: fills the district of a folder.
        server: gives the PostgreSQL server, when it is needed.
    """

    def __init__(self, prepare: Callable[[Path], Any], home: Path, server: Callable[[], Server]) -> None:
        self._prepare, self._home, self._server = prepare, home, server
        self._made: dict[str, str] = {}

    def copy(self, kind: str, to: Path) -> Path:
        """A copy of the prepared district in the folder ``to``."""
        template = self._made.get(kind) or self._make(kind)
        shutil.copytree(self._home / kind, to)
        if kind == "postgresql":
            name = self._server().fresh_database(template)
            (to / STORE_URL).write_text(self._server().url(name), encoding="utf-8")
        return to

    def beside(self, name: str) -> Path:
        """A folder of this name that lives as long as the prepared ones."""
        return self._home / name

    @contextmanager
    def opened(self, kind: str, to: Path) -> Iterator[District]:
        """A copy, open."""
        district = open_small(self.copy(kind, to))
        try:
            yield district
        finally:
            district.store.close()

    def _make(self, kind: str) -> str:
        folder = self._home / kind
        folder.mkdir()
        name = kind
        if kind == "postgresql":
            name = self._server().fresh_database()
            (folder / STORE_URL).write_text(self._server().url(name), encoding="utf-8")
        self._prepare(folder)
        self._made[kind] = name
        return name


def districts_of(prepare: Callable[[Path], Any], request: pytest.FixtureRequest, factory: pytest.TempPathFactory) -> Districts:
    """For a module's fixture ``districts``."""
    return Districts(prepare, factory.mktemp("prepared"), lambda: request.getfixturevalue("postgres_server"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The fixture ``database``: "sqlite", and "postgresql" (slow, unless the test is marked ``postgresql``)."""
    if "database" in metafunc.fixturenames:
        marks = () if metafunc.definition.get_closest_marker("postgresql") else (pytest.mark.slow,)
        metafunc.parametrize("database", ["sqlite", pytest.param("postgresql", marks=marks)])

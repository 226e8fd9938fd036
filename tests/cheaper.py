"""What the processes of the tests do once instead of a thousand times, with the same results as the real thing.

Processes that tests start (commands, servers, crashes) work as in production: nothing of this reaches them.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from districtlake.access import accounts
from districtlake.store import engine as store_engine

real_migrate = store_engine._migrate
real_hasher = accounts._hasher


@pytest.fixture(autouse=True, scope="session")
def cheaper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Password hashes, the schema of new stores and the parsing of YAML, for a whole session."""
    from argon2 import PasswordHasher

    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # argon2id as ever, without the tenth of a second it is meant to cost
    schema: list[str] = []

    def replay(engine: Engine) -> None:
        if not schema:
            schema.extend(statements(tmp_path_factory.mktemp("schema") / "store.sqlite"))
        replay_schema(schema, engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", lambda: quick)
        patch.setattr(store_engine, "_migrate", replay)
        patch.setattr(yaml, "load", partial(load_once, yaml.load, {}))
        yield


@pytest.fixture
def real_migrations(cheaper: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new store of this test takes every step of the schema."""
    monkeypatch.setattr(store_engine, "_migrate", real_migrate)


def statements(path: Path) -> list[str]:
    """The SQL that makes what all migrations leave in an empty SQLite database."""
    engine = store_engine._engine(store_engine._address(f"sqlite:///{path}"))
    try:
        real_migrate(engine)
    finally:
        engine.dispose()
    connection = sqlite3.connect(path)
    try:
        return [one for one in connection.iterdump() if one not in ("BEGIN TRANSACTION;", "COMMIT;")]
    finally:
        connection.close()


def replay_schema(schema: list[str], engine: Engine) -> None:
    """As ``_migrate`` for an empty SQLite database, behind the same lock; any other is migrated."""
    if engine.dialect.name == "sqlite":
        with store_engine._unchecked_references(engine) as connection:
            empty = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0
            for statement in schema if empty else ():
                connection.exec_driver_sql(statement)
        if empty:
            return
    real_migrate(engine)


def load_once(load: Callable[..., Any], known: dict[tuple[str, object], bytes], stream: Any, Loader: Any) -> Any:
    """``yaml.load``, which parses a text once; every caller has objects of its own. What cannot be loaded is not kept."""
    if not isinstance(stream, str):
        return load(stream, Loader)
    if (stream, Loader) not in known:
        data = load(stream, Loader)
        known[stream, Loader] = pickle.dumps(data)
        return data
    return pickle.loads(known[stream, Loader])

"""Dagster's storage on SQLite with one open connection pool per database, where Dagster's own opens a connection per statement.

Named in ``dagster.yaml``. Two changes to Dagster's, both of cost only, measured in docs/performance.md:

- an engine is made once, so that SQLAlchemy's compiled statements are kept; its connections write ahead and leave the flushing of
  each commit to the system. A power cut may lose the last events; nothing of record lives here;
- events of all runs are in one database. Dagster's default makes and migrates a database for every run.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from dagster import StringSource
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher
from dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from districtlake.delivery.locks import lock

BUSY_SECONDS = 30
"""How long a writer waits for another process before SQLite says that the database is locked."""


@cache
def _engine(url: str, process: int) -> Engine:
    """The engine of a database in this process: connections do not outlive a fork."""
    engine = create_engine(
        url, poolclass=QueuePool, max_overflow=-1, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
    )  # fmt: skip
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    with _engine(url, os.getpid()).begin() as connection:
        yield connection


class PooledRunStorage(SqliteRunStorage):
    """Dagster's run storage over the pool."""

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _transaction(self._conn_string) as connection:
            yield connection


class PooledScheduleStorage(SqliteScheduleStorage):
    """Dagster's schedule storage over the pool."""

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> "PooledScheduleStorage":
        made = SqliteScheduleStorage.from_local(base_dir, inst_data)  # names its own class, where the others ask for cls
        return cls(made._conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _transaction(self._conn_string) as connection:
            yield connection


class PooledEventLogStorage(ConsolidatedSqliteEventLogStorage):
    """Dagster's consolidated event log over the pool. A watcher polls: with an open pool the file itself changes only now and then."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None):
        super().__init__(base_dir, inst_data)
        self._polling: SqlPollingEventWatcher | None = None

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with _transaction(self._conn_string) as connection:
            yield connection

    def has_table(self, table_name: str) -> bool:
        engine = _engine(self._conn_string, os.getpid())
        with engine.connect() as connection:
            return bool(engine.dialect.has_table(connection, table_name))

    def watch(self, run_id: str, cursor: str | None, callback: Callable[[EventLogEntry, str], None]) -> None:
        if self._polling is None:
            self._polling = SqlPollingEventWatcher(self)
        self._polling.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: Callable[[EventLogEntry, str], None]) -> None:
        if self._polling is not None:
            self._polling.unwatch_run(run_id, handler)

    def dispose(self) -> None:
        if self._polling is not None:
            self._polling.close()
            self._polling = None


class PooledSqliteStorage(DagsterSqliteStorage):
    """The three together, in the folders of Dagster's default; ``base_dir`` as there."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None):
        DagsterStorage.__init__(self)  # type: ignore[arg-type]  # not Dagster's SQLite's: it opens its own three
        self.base_dir = base_dir
        history = Path(base_dir) / "history"
        with lock(Path(base_dir), "created"):  # the UI's processes start at once, and Dagster creates tables without looking twice
            self._run_storage = PooledRunStorage.from_local(str(history))
            self._event_log_storage = PooledEventLogStorage(str(history))  # type: ignore[assignment]
            self._schedule_storage = PooledScheduleStorage.from_local(str(Path(base_dir) / "schedules"))
        self._inst_data = inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"base_dir": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> "PooledSqliteStorage":
        # Dagster's makes its own class, whatever class it is called on
        return cls.from_local(inst_data=inst_data, **config_value)

    @property
    def event_storage_data(self) -> ConfigurableClassData | None:
        return None  # only the storage as a whole is configured

    run_storage_data = schedule_storage_data = event_storage_data

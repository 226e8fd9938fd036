"""Opening the operational store: SQLite by default, PostgreSQL in production, current when opened.

A session is a transaction: it commits when the block ends, and rolls back when anything is raised. On SQLite a writing session
takes the write lock when it begins (BEGIN IMMEDIATE), so what it read is still true when it writes; a reading one never waits.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from districtlake.errors import ConcurrentChange, DistrictLakeError
from districtlake.store.migrations import HEAD

BUSY_SECONDS = 30
"""How long a writer waits for another before it gives up with a retryable error."""


class StoreError(DistrictLakeError):
    """The operational store cannot be opened or used; names the database, never its password."""

    code = "store.unavailable"


class Store:
    """An open store. Share one within a process; close it, or use it as a context manager."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reading = engine.execution_options(sqlite_begin="BEGIN")

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def session(self, *, read_only: bool = False) -> Iterator[Session]:
        """One transaction. Objects stay readable after it.

        Args:
            read_only: on SQLite do not take the write lock; nothing is written back.

        Raises:
            ConcurrentChange: another session changed a row with a ``version`` first, or held the database too long. Run it again.
            StoreError: the database went away, or the disk is full.
        """
        session = Session(self._reading if read_only else self.engine, expire_on_commit=False)
        try:
            yield session
            if not read_only:
                session.commit()
        except StaleDataError as error:
            session.rollback()
            raise ConcurrentChange.of("store.conflict", code="store.conflict") from error
        except OperationalError as error:
            session.rollback()
            raise self._refused(error) from error
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()

    def exclusive(self, session: Session, name: str) -> None:
        """Hold the named lock until the session ends; another session that asks for the same name waits.

        For work that reads, decides and writes (giving numbers, say). On SQLite this begins the transaction, which locks the file.
        """
        session.connection()
        if self.dialect == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:space, :name)"), {"space": _LOCK_SPACE, "name": _lock_number(name)})

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _refused(self, error: OperationalError) -> DistrictLakeError:
        reason = str(error.orig).strip().splitlines()[0] if error.orig is not None else "unknown"
        lowered = reason.lower()
        if "locked" in lowered or "deadlock" in lowered or "could not serialize" in lowered:
            return ConcurrentChange.of("store.busy", code="store.conflict", store=self.name, seconds=BUSY_SECONDS, reason=reason)
        if "full" in lowered or "no space" in lowered:
            hint = "Free space on the volume of the state folder, then run it again; nothing half-done was kept."
        else:
            hint = "Check that the database is running and DISTRICTLAKE_STORE_URL is right, then run it again."
        return StoreError(f"The store {self.name} refused: {reason}.", hint=hint, retryable=True)


def open_store(url: str) -> Store:
    """Open the database and bring it up to date; a current one costs one query.

    Args:
        url: ``sqlite:///<file>`` (its folder is made) or ``postgresql+psycopg2://user:password@host/database``.

    Raises:
        StoreError: it cannot be reached or written, is no store, or was written by a newer version.
    """
    address = _address(url)
    try:
        engine = _engine(address)
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError(
            f"The driver of {address.render_as_string(hide_password=True)} is not installed ({error}).",
            hint="Install psycopg2-binary for PostgreSQL, or use sqlite:///<file>.",
        ) from error
    store = Store(engine)
    try:
        with store._reading.connect() as connection:
            revision = _revision(connection)
        if revision != HEAD:
            _migrate(engine)
    except StoreError:
        store.close()
        raise
    except OSError as error:
        store.close()
        raise StoreError(
            f"The store {store.name} cannot be opened ({error.strerror}).", hint="Check the path and its permissions."
        ) from error
    except SQLAlchemyError as error:
        store.close()
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StoreError(
            f"The store {store.name} cannot be opened: {reason}.",
            hint="Check DISTRICTLAKE_STORE_URL, that the database is running, and that its folder is writable.",
            retryable=isinstance(error, OperationalError),
        ) from error
    return store


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            "DISTRICTLAKE_STORE_URL is not a database URL.",
            hint="Write sqlite:///<file> or postgresql+psycopg2://user:password@host/database.",
        ) from error
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg2")  # SQLAlchemy's own default is a driver we do not install
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"The store cannot be kept in {address.get_backend_name()}.", hint="Use sqlite:///<file> or postgresql+psycopg2://…"
        )
    return address


def _engine(address: URL) -> Engine:
    def to_json(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)  # Chinese stays readable in the database

    if address.get_backend_name() == "postgresql":
        return create_engine(address, json_serializer=to_json, pool_pre_ping=True)
    if address.database and address.database != ":memory:":
        try:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder of {address.database} cannot be made ({error.strerror}).", hint="Check DISTRICTLAKE_STATE and its permissions."
            ) from error
    engine = create_engine(address, json_serializer=to_json, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own; _begin_sqlite does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")  # a ticket that was reported survives a power cut
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "memory"):
        _switch_to_wal(cursor)
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """Switching needs the file alone and does not wait for it by itself; two processes may open a new store at once."""
    from sqlite3 import OperationalError as Busy

    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except Busy as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))


def _revision(connection: Connection) -> str | None:
    """The migration the database is at; None for an empty one."""
    try:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError:
        connection.rollback()
        tables = inspect(connection).get_table_names()
        if tables and "alembic_version" not in tables:
            raise StoreError(
                f"{connection.engine.url.render_as_string(hide_password=True)} holds other tables ({', '.join(sorted(tables)[:3])}, …).",
                hint="Give the store a database of its own.",
            ) from None
        return None


def _migrate(engine: Engine) -> None:
    """Behind a lock: the second of two processes finds the work done. All steps in one transaction."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _unchecked_references(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:space, 0)"), {"space": _LOCK_SPACE})
        # Asked without a failing query: PostgreSQL would abort the transaction, and the lock with it.
        revision = _revision(connection) if "alembic_version" in inspect(connection).get_table_names() else None
        if revision == HEAD:
            return
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if revision is not None and revision not in known:
            raise StoreError(
                f"{engine.url.render_as_string(hide_password=True)} is at version {revision}; this program knows versions up to {HEAD}.",
                hint="A newer version wrote it: update this installation.",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _unchecked_references(engine: Engine) -> Iterator[Connection]:
    """A transaction in which SQLite lets a table be rebuilt that others refer to; what refers to nothing at its end undoes it all."""
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        if sqlite:
            driver.execute("PRAGMA foreign_keys = OFF")  # without effect inside a transaction
        try:
            with connection.begin():
                yield connection
                if sqlite and (lost := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                    raise StoreError(
                        f"The migration left a row of {lost[0]} without what it refers to.", hint="Nothing was changed; report this."
                    )
        finally:
            if sqlite:
                driver.execute("PRAGMA foreign_keys = ON")


_LOCK_SPACE = 0x444C  # our corner of PostgreSQL's advisory locks; 0 within it is the migration's


def _lock_number(name: str) -> int:
    return zlib.crc32(name.encode()) - 2**31 or 1  # int4, not 0

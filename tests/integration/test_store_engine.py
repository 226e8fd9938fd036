"""The store on both databases: opening, migrating, sessions, locks, append-only tables."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from districtlake.errors import ConcurrentChange
from districtlake.store import access_tables  # noqa: F401 - its tables belong to the metadata
from districtlake.store import engine as engine_module
from districtlake.store.engine import Store, StoreError, open_store
from districtlake.store.migrations import HEAD
from districtlake.store.tables import APPEND_ONLY, AuditEvent, Base, Delivery, Notice, Operation, Ticket, TicketEvent

pytest_plugins = ["tests.postgres_server"]
pytestmark = pytest.mark.usefixtures("real_migrations")

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


def delivery(identity: str = "d1", **values: object) -> Delivery:
    return Delivery(**{
        "id": identity, "agency": "health_bureau", "resource": "health_bureau.reports", "mode": "snapshot", "file_name": "报告.csv",
        "source_path": f"health_bureau/{identity}.csv", "sha256": "0" * 64, "bytes": 5_000_000_000, "order_key": "2026-03-02",
        "received_at": NOON, "received_by": "inbox", "receipt": {"sheets": ["表一"]},
    } | values)  # fmt: skip


def audit(action: str) -> AuditEvent:
    return AuditEvent(at=NOON, actor="tester", action=action, object_kind="delivery", object_id="d1")


def test_what_is_written_is_read(store: Store) -> None:
    with store.session() as session:
        session.add(delivery(data_date=NOON.date(), counts={"rows": 3}))
    with store.session(read_only=True) as session:
        found = session.get_one(Delivery, "d1")
    assert found.received_at == NOON
    assert found.received_at.tzinfo is UTC
    assert (found.state, found.state_reason, found.attempts, found.version, found.duplicate_of) == ("pending", "", 0, 1, None)
    assert (found.receipt, found.counts, found.data_date, found.bytes) == ({"sheets": ["表一"]}, {"rows": 3}, NOON.date(), 5_000_000_000)


def test_instants_of_any_zone_are_the_same_instant(store: Store) -> None:
    shanghai = NOON.astimezone(timezone(timedelta(hours=8)))
    with store.session() as session:
        session.add(delivery(received_at=shanghai))
    with store.session(read_only=True) as session:
        found = (
            session.query(Delivery).filter(Delivery.received_at == shanghai, Delivery.received_at < NOON + timedelta(microseconds=1)).one()
        )
    assert (found.received_at, found.received_at.tzinfo) == (NOON, UTC)


def test_an_instant_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(StatementError, match="no time zone"), store.session() as session:
        session.add(delivery(received_at=datetime(2026, 3, 2)))  # noqa: DTZ001


def test_nothing_of_a_broken_session_stays(store: Store) -> None:
    with pytest.raises(RuntimeError, match="crash"), store.session() as session:  # noqa: PT012
        session.add(delivery())
        session.flush()
        raise RuntimeError("crash")
    with store.session(read_only=True) as session:
        assert session.query(Delivery).count() == 0


def test_a_reading_session_writes_nothing(store: Store) -> None:
    with store.session(read_only=True) as session:
        session.add(delivery())
        session.flush()
    with store.session(read_only=True) as session:
        assert session.query(Delivery).count() == 0


@pytest.mark.parametrize("values", [{"state": "doen"}, {"mode": "full"}, {"duplicate_of": "nobody"}])
def test_unknown_states_and_references_are_refused(store: Store, values: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), store.session() as session:
        session.add(delivery(**values))


def test_the_same_file_at_the_same_place_is_one_delivery(store: Store) -> None:
    with store.session() as session:
        session.add(delivery())
    with pytest.raises(IntegrityError), store.session() as session:
        session.add(delivery("d2", source_path="health_bureau/d1.csv"))


def test_an_operations_number_is_unique_within_its_resource(store: Store) -> None:
    def operation(resource: str) -> Operation:
        return Operation(resource=resource, seq=1, kind="process", actor="tester", started_at=NOON)

    with store.session() as session:
        session.add_all([operation("a.x"), operation("a.y")])
    with pytest.raises(IntegrityError), store.session() as session:
        session.add(operation("a.x"))
    with store.session(read_only=True) as session:
        first = session.query(Operation).order_by(Operation.id).first()
        assert first is not None
        assert (first.state, first.base_versions, first.error, first.delivery_id) == ("running", {}, None, None)


def test_a_notice_of_one_cause_is_one_row(store: Store) -> None:
    with pytest.raises(IntegrityError), store.session() as session:
        session.add_all([Notice(at=NOON, code="x", message="m", fingerprint="f") for _ in range(2)])


def test_a_stale_write_is_a_concurrent_change(store: Store) -> None:
    with store.session() as session:
        session.add(delivery())
    with store.session(read_only=True) as session:
        mine = session.get_one(Delivery, "d1")
    with store.session() as session:
        session.get_one(Delivery, "d1").state = "done"
    with pytest.raises(ConcurrentChange) as caught, store.session() as session:  # noqa: PT012
        mine.state = "failed"
        session.add(mine)
    assert caught.value.retryable
    with store.session(read_only=True) as session:
        assert session.get_one(Delivery, "d1").state == "done"


@pytest.mark.parametrize("change", ["UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events"])
def test_events_are_never_changed(store: Store, change: str) -> None:
    with store.session() as session:
        session.add(audit("released"))
    with pytest.raises(DBAPIError, match="append-only"), store.session() as session:
        session.execute(text(change))
    with store.session(read_only=True) as session:
        assert session.query(AuditEvent).one().actor == "tester"


def test_every_event_table_is_guarded(store: Store) -> None:
    catalogue = (
        "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger'"
        if store.dialect == "sqlite"
        else "SELECT DISTINCT event_object_table FROM information_schema.triggers"
    )
    with store.session(read_only=True) as session:
        assert sorted(session.scalars(text(catalogue))) == sorted(APPEND_ONLY)


def test_models_and_migrations_say_the_same(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == HEAD


def test_head_is_the_last_step() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(engine_module.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_opening_again_keeps_everything_and_loads_no_alembic(store_url: str) -> None:
    with open_store(store_url) as store, store.session() as session:
        session.add(delivery())
    code = (
        "import sys; from districtlake.store.engine import open_store; from districtlake.store.tables import Delivery\n"
        "with open_store(sys.argv[1]) as store, store.session() as session:\n"
        "    assert session.get_one(Delivery, 'd1').file_name == '报告.csv'\n"
        "assert 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, store_url], check=True)


def test_a_first_migration_that_breaks_leaves_an_empty_database(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(Operations, "execute", broken)  # the triggers come last, after every table
        with pytest.raises(RuntimeError, match="power cut"):
            open_store(store_url)
    with open_store(store_url) as store, store.session() as session:
        session.add(audit("released"))


def test_two_processes_open_a_new_store_at_once(store_url: str) -> None:
    code = "import sys; from districtlake.store.engine import open_store; open_store(sys.argv[1]).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code, store_url], stderr=subprocess.PIPE) for _ in range(4)]
    results = [
        (process.wait(), process.stderr.read() if process.stderr else b"", process.stderr and process.stderr.close())
        for process in processes
    ]
    assert [code for code, _, _ in results] == [0] * 4, results
    with open_store(store_url) as store, store.session(read_only=True) as session:
        assert session.query(Ticket).count() + session.query(TicketEvent).count() == 0


def test_an_exclusive_lock_makes_read_decide_write_safe(store: Store) -> None:
    def count_up() -> None:
        for _ in range(10):
            with store.session() as session:
                store.exclusive(session, "counting")
                session.add(Operation(resource="a.x", seq=session.query(Operation).count() + 1, kind="process", actor="t", started_at=NOON))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.session(read_only=True) as session:
        assert sorted(session.scalars(text("SELECT seq FROM operations"))) == list(range(1, 41))


def test_reading_does_not_wait_for_a_writer(store: Store) -> None:
    with store.session() as writer:
        writer.add(delivery())
        writer.flush()
        with store.session(read_only=True) as reader:
            assert reader.query(Delivery).count() == 0


def test_a_newer_database_is_refused(store_url: str) -> None:
    with open_store(store_url) as store, store.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="9999") as caught:
        open_store(store_url)
    assert "update this installation" in caught.value.hint


def test_a_database_of_somebody_else_is_refused(store_url: str) -> None:
    with open_store(store_url) as store, store.session() as session:
        session.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(StoreError, match="holds other tables"):
        open_store(store_url)


def test_sqlite_runs_as_configured(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'deep' / 'er' / 's.sqlite'}") as store, store.session() as session:
        values = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    assert values == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30000, "synchronous": 2}


def test_a_locked_sqlite_file_is_a_retryable_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.sqlite"
    open_store(f"sqlite:///{path}").close()
    monkeypatch.setattr(engine_module, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(engine_module, "_prepare_sqlite", lambda connection, record: setattr(connection, "isolation_level", None))
    hog = sqlite3.connect(path, isolation_level=None)
    try:
        hog.execute("BEGIN IMMEDIATE")
        with open_store(f"sqlite:///{path}") as store, pytest.raises(ConcurrentChange) as caught, store.session() as session:
            session.add(delivery())
    finally:
        hog.close()
    assert (caught.value.code, caught.value.retryable) == ("store.conflict", True)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "is not a database URL"),
        ("mysql://u:secret@h/d", "cannot be kept in mysql"),
        ("postgresql://u:secret@127.0.0.1:1/d", "cannot be opened"),
    ],
)
def test_a_wrong_url_is_a_sentence_without_the_password(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert caught.value.hint


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is not a database, but long enough to look like a header" * 20)
    with pytest.raises(StoreError, match=r"s\.sqlite cannot be opened: file is not a database"):
        open_store(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"folder of .* cannot be made"):
        open_store(f"sqlite:///{tmp_path / 'file' / 's.sqlite'}")

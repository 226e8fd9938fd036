"""A database as a source, the whole way: read, archived as a delivery, processed like a file; nothing lost or doubled whatever happens between."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from districtlake.catalog.check import check_catalog
from districtlake.cli.app import app
from districtlake.clock import FixedClock
from districtlake.delivery import fetch as fetching
from districtlake.delivery.district import District
from districtlake.delivery.fetch import Outcome, fetch, fetched_resources, last_watermark
from districtlake.delivery.operations import withdraw
from districtlake.store.tables import AuditEvent, Delivery, Notice
from districtlake.warehouse.commit import read
from tests.integration.test_database_reading import Base, mysql_server, postgres_server
from tests.integration.test_revalidate import edit, engine
from tests.mysql_server import MySQLServer
from tests.postgres_server import Server
from tests.running import run_pending
from tests.small_district import NOON, PAYMENTS, PEOPLE, environment, open_small

__all__ = ["mysql_server", "postgres_server"]

KINDS = [pytest.param("postgresql", marks=pytest.mark.postgresql), pytest.param("mysql", marks=pytest.mark.slow)]
INCREMENTAL = "{files: 'payments*.csv', mode: incremental"


@pytest.fixture(params=KINDS)
def base(request: pytest.FixtureRequest) -> Base:
    server: Server | MySQLServer = request.getfixturevalue("mysql_server" if request.param == "mysql" else "postgres_server")
    made = Base(request.param, server, server.fresh_database())
    moment = "timestamp" if request.param == "postgresql" else "datetime"
    made.run(f"CREATE TABLE payments (code varchar(20), name varchar(50), amount integer, remark varchar(50), changed {moment})")
    return made


@pytest.fixture
def district(base: Base, tmp_path: Path) -> Iterator[District]:
    open_small(tmp_path).store.close()  # writes the catalogue
    database = "database: {connection: front, table: payments, watermark: changed, overlap: 600}"
    edit(tmp_path, PAYMENTS, (INCREMENTAL, f"{INCREMENTAL}, {database}"))
    edit(tmp_path, PAYMENTS, ("title: 编号, e", "title: 编号, aliases: [code], e"), ("title: 名称, e", "title: 名称, aliases: [name], e"),
         ("title: 数量, e", "title: 数量, aliases: [amount], e"), ("title: 备注, e", "title: 备注, aliases: [remark], e"))  # fmt: skip
    opened = open_small(tmp_path)
    opened.settings.secrets.mkdir(parents=True, exist_ok=True)
    name_address(opened, base.url)
    yield opened
    opened.store.close()


def name_address(district: District, url: str) -> None:
    district.settings.databases.write_text(json.dumps({"front": url}), encoding="utf-8")
    district.settings.databases.chmod(0o600)


def later(district: District, minutes: int) -> District:
    return replace(district, clock=FixedClock(NOON + timedelta(minutes=minutes)))


def give(base: Base, *rows: tuple[str, str, int, str]) -> None:
    base.run(*(f"INSERT INTO payments VALUES ('{code}', '{name}', {amount}, NULL, '{at}')" for code, name, amount, at in rows))


def fetched(district: District, **more: Any) -> Outcome:
    (told,) = fetch(district, fetched_resources(district), **more)
    return told


def standing(district: District) -> dict[str, tuple[str, int]]:
    return {row["code"]: (row["name"], row["amount"]) for row in read(district.lake, "warehouse", PAYMENTS).to_dicts()}


def test_from_reading_to_the_warehouse_and_on_from_the_watermark(base: Base, district: District) -> None:
    give(base, ("A1", "甲", 1, "2026-03-06 08:00:00"), ("A2", "乙", 2, "2026-03-06 09:00:00"))
    first = fetched(district)
    assert (first.error, first.rows, first.since, first.watermark) == (None, 2, None, "2026-03-06 09:00:00")
    run_pending(district, engine())
    assert standing(district) == {"A1": ("甲", 1), "A2": ("乙", 2)}
    # changed, new, and one that another transaction committed after it had been passed
    base.run("UPDATE payments SET amount = 20, changed = '2026-03-06 10:00:00' WHERE code = 'A2'")
    give(base, ("A3", "丙", 3, "2026-03-06 10:00:00"), ("A4", "丁", 4, "2026-03-06 08:55:00"))
    second = fetched(later(district, 5))
    assert (second.rows, second.since) == (3, "2026-03-06 08:50:00")
    (done,) = run_pending(later(district, 5), engine())
    assert (done.counts["inserted"], done.counts["changed"], done.counts["unchanged"]) == (2, 1, 0)
    assert standing(district) == {"A1": ("甲", 1), "A2": ("乙", 20), "A3": ("丙", 3), "A4": ("丁", 4)}
    again = fetched(later(district, 10))
    assert (again.rows, again.since) == (2, "2026-03-06 09:50:00")
    run_pending(later(district, 10), engine())
    idle = fetched(later(district, 15))
    assert (idle.rows, idle.delivery, idle.same_as) == (2, "", again.delivery), "the overlap alone is nothing new"
    assert len(standing(district)) == 4
    with district.store.session(read_only=True) as session:
        rows = list(session.scalars(select(Delivery).order_by(Delivery.received_at)))
        told = rows[0].receipt["fetched"]
    assert (told["connection"], told["table"], told["rows"], told["columns"][0]) == ("front", "payments", 2, "code")
    assert told["server_time"]


def test_a_withdrawn_reading_is_read_again_and_a_full_one_reads_all(base: Base, district: District) -> None:
    give(base, ("A1", "甲", 1, "2026-03-06 08:00:00"))
    fetched(district)
    run_pending(district, engine())
    give(base, ("A2", "乙", 2, "2026-03-06 12:00:00"))
    told = fetched(later(district, 5))
    run_pending(later(district, 5), engine())
    withdraw(later(district, 6), told.delivery, engine(), actor="处长", reason="误读")
    assert last_watermark(district, PAYMENTS) == "2026-03-06 08:00:00"
    assert standing(district) == {"A1": ("甲", 1)}
    assert fetched(later(district, 7)).rows == 2
    run_pending(later(district, 7), engine())
    assert sorted(standing(district)) == ["A1", "A2"]
    assert fetched(later(district, 8), whole=True).since is None


def test_a_process_that_ends_before_registering_loses_and_doubles_nothing(
    base: Base, district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(base, ("A1", "甲", 1, "2026-03-06 08:00:00"))

    def ends(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "take_fetched", ends)
        with pytest.raises(KeyboardInterrupt):
            fetched(district)
    assert list(district.settings.state.glob(".fetching-*")) == []
    assert (last_watermark(district, PAYMENTS), fetched(later(district, 1)).rows) == (None, 1)
    run_pending(later(district, 1), engine())
    assert standing(district) == {"A1": ("甲", 1)}


def test_a_fault_over_one_database_stops_nothing_else(base: Base, district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "fetch_to", full)
        told = fetched(district)
    assert told.error is not None
    assert (told.error.code, told.error.retryable) == ("database.failed", True)
    assert "OSError" in told.error.message
    assert fetched(later(district, 1)).error is None


def test_a_snapshot_says_what_is_gone_and_the_same_list_twice_is_one(base: Base, tmp_path: Path) -> None:
    open_small(tmp_path).store.close()
    query = "SELECT code AS 编号, name AS 名称, amount AS 数量 FROM payments"
    edit(
        tmp_path,
        PEOPLE,
        (
            "{files: ['people*.csv', 'people*.xls*'], corrections: 'people*fix*.csv', ",
            f"{{database: {{connection: front, query: '{query}'}}, ",
        ),
    )
    with open_small(tmp_path).store as store:
        opened = replace(open_small(tmp_path), store=store)
        opened.settings.secrets.mkdir(parents=True, exist_ok=True)
        name_address(opened, base.url)
        give(base, ("A1", "甲", 1, "2026-03-06 08:00:00"), ("A2", "乙", 2, "2026-03-06 08:00:00"), ("A3", "丙", 3, "2026-03-06 08:00:00"))
        first = fetched(opened)
        run_pending(opened, engine())
        again = fetched(later(opened, 1))
        assert (first.same_as, again.delivery, again.same_as) == ("", "", first.delivery)
        base.run("DELETE FROM payments WHERE code = 'A3'")
        fetched(later(opened, 24 * 60))
        run_pending(later(opened, 24 * 60), engine())
        assert sorted(read(opened.lake, "warehouse", PEOPLE)["code"]) == ["A1", "A2"]


def test_what_fails_is_a_notice_until_it_succeeds_and_tells_no_secret(base: Base, district: District) -> None:
    give(base, ("A1", "甲", 1, "2026-03-06 08:00:00"))
    driver = base.url.partition(":")[0]
    name_address(district, f"{driver}://reader:geheim-1234@localhost:1/none")
    failed = fetched(district)
    assert failed.error is not None
    assert (failed.error.code, failed.error.retryable) == ("database.unreachable", True)

    def notices() -> list[str]:
        with district.store.session(read_only=True) as session:
            return [row.message for row in session.scalars(select(Notice).where(Notice.cleared_at.is_(None)))]

    assert [text.split("：")[0] for text in notices()] == [PAYMENTS]
    name_address(district, base.url)
    assert fetched(later(district, 1)).rows == 1
    assert notices() == []
    with district.store.session(read_only=True) as session:
        audit = [json.dumps(event.data, ensure_ascii=False) for event in session.scalars(select(AuditEvent))]
        receipts = [json.dumps(row.receipt) for row in session.scalars(select(Delivery))]
    assert not [text for text in (*audit, *receipts, str(failed.error)) if "geheim" in text or "localhost" in text]


@pytest.mark.parametrize(
    ("text", "mode", "code"),
    [(None, 0, "database.address"), ("front: [", 0o600, "database.address"), ("other: x", 0o600, "database.address"), ("front: sqlite://", 0o600, "database.address"),
     ("front: postgresql+psycopg2://x/y", 0o644, "database.address")],
)  # fmt: skip
def test_the_file_of_addresses(tmp_path: Path, text: str | None, mode: int, code: str) -> None:
    open_small(tmp_path).store.close()
    edit(tmp_path, PAYMENTS, (INCREMENTAL, f"{INCREMENTAL}, database: {{connection: front, table: t}}"))
    opened = open_small(tmp_path)
    with opened.store:
        opened.settings.secrets.mkdir(parents=True, exist_ok=True)
        if text is not None:
            opened.settings.databases.write_text(text, encoding="utf-8")
            opened.settings.databases.chmod(mode)
        told = fetched(opened)
        assert told.error is not None
        assert told.error.code == code
        assert told.error.hint


def test_the_command(base: Base, district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    give(base, ("A1", "甲", 1, "2026-03-06 08:00:00"))
    for name, value in environment(district.settings).items():
        monkeypatch.setenv(name, value)

    def command(*words: str) -> Result:
        return CliRunner().invoke(app, ["deliveries", "fetch", *words])

    (row,) = json.loads(command("--all", "--json").stdout)
    assert (row["resource"], row["rows"], row["error"]) == (PAYMENTS, 1, None)
    base.run("DELETE FROM payments")
    assert "没有新数据" in command(PAYMENTS).stdout
    base.run("DROP TABLE payments")
    refused = command("--all")
    assert refused.exit_code == 1
    assert "没有 payments" in refused.stdout
    for words in ((), (PAYMENTS, "--all"), (PEOPLE,)):
        assert command(*words).exception is not None


def test_the_night_reads_first_and_goes_on_without_what_fails(base: Base, district: District, tmp_path: Path) -> None:
    from districtlake.nights.attention import attention_of
    from pipelines.nightly import _receive

    give(base, ("A1", "甲", 1, "2026-03-06 08:00:00"))
    events: list[tuple[str, dict[str, Any]]] = []
    told = _receive(district, None, lambda kind, **more: events.append((kind, more)))
    assert (told["new"], told["fetched"][0]["rows"], told["fetched"][0]["error"]) == (1, 1, None)
    assert ("progress", {"message": f"{PAYMENTS}：已读 1 行"}) in events
    base.run("DROP TABLE payments")
    told = _receive(later(district, 1), None, lambda kind, **more: None)
    assert (told["new"], told["fetched"][0]["error"]["code"]) == (0, "database.no_table")
    night: dict[str, Any] = defaultdict(
        dict,
        conservation={"balanced": True},
        problems={"unreadable": []},
        messages={"dead": 0},
        tickets=defaultdict(int),
        fetched=told["fetched"],
    )
    (entry,) = [entry for entry in attention_of(night) if PAYMENTS in entry["what"]]
    assert (entry["level"], entry["why"]) == ("failed", told["fetched"][0]["error"]["message"])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{connection: front}", "either 'table' or 'query'"), ("{connection: front, table: t, query: select 1}", "either 'table' or 'query'"),
        ("{connection: front, query: 'DELETE FROM t'}", "does not only read"), ("{connection: front, query: 'SELECT 1; SELECT 2'}", "2 statements"),
        ("{connection: front, query: 'SELECT * FROM t FOR UPDATE'}", "does not only read"), ("{connection: front, query: 'SELECT FROM WHERE x'}", "SQL neither"),
        ("{connection: front, tabel: t}", "tabel"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_found_when_the_catalogue_is_checked(tmp_path: Path, source: str, said: str) -> None:
    opened = open_small(tmp_path)
    opened.store.close()
    edit(tmp_path, PAYMENTS, (INCREMENTAL, f"{INCREMENTAL}, database: {source}"))
    assert [finding for finding in check_catalog(opened.settings.catalog_dirs) if said in f"{finding.key} {finding.problem}"]
    edit(tmp_path, PEOPLE, ("mode: snapshot", "database: {connection: f, table: t, watermark: w}, mode: snapshot"))
    assert [finding for finding in check_catalog(opened.settings.catalog_dirs) if "a snapshot is the whole list" in finding.problem]

"""Reading agencies' databases on real servers: every cell as the server spells it, only what is new, nothing ever written there."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import psycopg2
import pytest

from districtlake.catalog.sources import Database
from districtlake.ingestion.database import BATCH, DatabaseError, below, columns_of, fetch_to
from tests.mysql_server import MySQLServer, mysql_server
from tests.postgres_server import Server, postgres_server

__all__ = ["mysql_server", "postgres_server"]

KINDS = [pytest.param("postgresql", marks=pytest.mark.postgresql), "mysql"]


@dataclass
class Base:
    """An empty database of a real server."""

    kind: str
    server: Any
    name: str

    @property
    def url(self) -> str:
        return str(self.server.url(self.name))

    def run(self, *statements: str) -> None:
        if self.kind == "mysql":
            self.server.run(*statements, database=self.name)
            return
        connection = psycopg2.connect(host=str(self.server.folder), user=self.server.user, dbname=self.name)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()


@pytest.fixture(params=KINDS)
def base(request: pytest.FixtureRequest) -> Base:
    server: Server | MySQLServer = request.getfixturevalue("mysql_server" if request.param == "mysql" else "postgres_server")
    return Base(request.param, server, server.fresh_database())


@pytest.fixture
def postgres(postgres_server: Server) -> Base:
    return Base("postgresql", postgres_server, postgres_server.fresh_database())


def of(table: str = "t", **more: Any) -> Database:
    return Database(connection="front", **({"table": table} if "query" not in more else {}), **more)


def read(base: Base, source: Database, target: Path, since: str | None = None) -> tuple[pl.DataFrame, Any]:
    told = fetch_to(target / "read.parquet", base.url, source, since)
    frame = pl.read_parquet(target / "read.parquet")
    assert (frame.height, tuple(frame.columns)) == (told.rows, told.columns)
    assert set(frame.dtypes) <= {pl.String}
    return frame, told


@pytest.mark.postgresql
def test_each_cell_is_the_servers_own_text_in_postgresql(postgres: Base, tmp_path: Path) -> None:
    postgres.run(
        "SET timezone = 'Asia/Shanghai'",
        "CREATE TYPE mood AS ENUM ('好', '一般')",
        'CREATE TABLE t (n numeric, big bigint, d double precision, b boolean, day date, at timestamptz, "plain" timestamp, bytes bytea, j jsonb, js json,'
        ' m mood, a int[], ta text[], u uuid, s text, i interval, ip inet, bits bit(3), "列 %名" text, money numeric(20,4))',
        "INSERT INTO t VALUES (0.10000000000000000000000000000000001, 9223372036854775807, 0.1, true, '0044-03-15 BC', '2026-03-01 08:00:00+08', "
        "'2026-03-01 00:00:00.000001', '\\x00ff', '{\"a\": 1.10}', '{\"a\":  1.10}', '好', '{1,NULL,3}', '{\"逗,号\",NULL}', "
        "'00000000-0000-0000-0000-000000000001', E'引\"号\\n换行\\\\', '1 day 2 hours', '10.0.0.1', B'101', '%s', 1.5000)",
        "INSERT INTO t (s) VALUES ('')",
    )
    frame, _ = read(postgres, of(), tmp_path)
    assert frame.row(0) == (
        "0.10000000000000000000000000000000001", "9223372036854775807", "0.1", "t", "0044-03-15 BC", "2026-03-01 08:00:00+08",
        "2026-03-01 00:00:00.000001", "\\x00ff", '{"a": 1.10}', '{"a":  1.10}', "好", "{1,NULL,3}", '{"逗,号",NULL}',
        "00000000-0000-0000-0000-000000000001", '引"号\n换行\\', "P1DT2H", "10.0.0.1", "101", "%s", "1.5000",
    )  # fmt: skip
    assert frame.row(1, named=True) == {**dict.fromkeys(frame.columns), "s": ""}, "an empty text is not a missing value"


def test_each_cell_is_the_servers_own_text_in_mysql(mysql_server: MySQLServer, tmp_path: Path) -> None:
    base = Base("mysql", mysql_server, mysql_server.fresh_database())
    base.run(
        "CREATE TABLE t (n decimal(40,20), big bigint unsigned, d double, b boolean, day date, at datetime(6), bytes varbinary(4), j json, m enum('好','一般'),"
        " bits bit(3), s text, y year, clock time(3), `列 %名` varchar(20))",
        "INSERT INTO t VALUES ('0.10000000000000000001', 18446744073709551615, 0.1, true, '2026-03-01', '2026-03-01 00:00:00.000001', x'00ff', "
        "'{\"a\": 1.10}', '好', b'101', '引\"号\n换行𠮷', 2026, '-12:00:00.5', '%s')",
        "INSERT INTO t (s) VALUES ('')",
    )
    frame, _ = read(base, of(), tmp_path)
    assert frame.row(0) == (
        "0.10000000000000000001", "18446744073709551615", "0.1", "1", "2026-03-01", "2026-03-01 00:00:00.000001", "0x00ff", '{"a": 1.10}', "好", "0x05",
        '引"号\n换行𠮷', "2026", "-12:00:00.500", "%s",
    )  # fmt: skip
    assert frame.row(1, named=True) == {**dict.fromkeys(frame.columns), "s": ""}


def test_more_rows_than_one_batch_in_one_snapshot(base: Base, tmp_path: Path) -> None:
    digits = "(SELECT 0 n" + "".join(f" UNION ALL SELECT {n}" for n in range(1, 10)) + ")"
    base.run(
        "CREATE TABLE t (id integer PRIMARY KEY, name varchar(20))",
        "INSERT INTO t SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n, '名' FROM "
        + ", ".join(f"{digits} {x}" for x in "abcde"),
    )
    told: list[int] = []

    def hears(rows: int) -> None:
        if not told:  # somebody writes while it is read
            base.run("INSERT INTO t VALUES (1000000, '后来的')", "DELETE FROM t WHERE id > 99990 AND id < 1000000")
        told.append(rows)

    fetched = fetch_to(tmp_path / "read.parquet", base.url, of(), None, hears)
    assert (fetched.rows, told[0], told[-1]) == (100_000, BATCH, 100_000)
    assert pl.read_parquet(tmp_path / "read.parquet")["id"].cast(pl.Int64).sort().to_list() == list(range(100_000))


def test_from_the_watermark_on_with_what_was_late_and_what_has_none(base: Base, tmp_path: Path) -> None:
    base.run(
        f"CREATE TABLE t (id integer, changed {'timestamp' if base.kind == 'postgresql' else 'datetime'} NULL)",
        "INSERT INTO t VALUES (1, '2026-03-01 08:00:00'), (2, '2026-03-01 09:00:00'), (3, NULL)",
    )
    source = of(watermark="changed", overlap=600)
    frame, first = read(base, source, tmp_path)
    assert (sorted(frame["id"]), first.watermark, first.unmarked, first.since) == (["1", "2", "3"], "2026-03-01 09:00:00", 1, None)
    base.run("INSERT INTO t VALUES (4, '2026-03-01 08:55:00'), (5, '2026-03-01 09:00:00'), (6, '2026-03-01 10:00:00')")  # 4: committed late
    frame, second = read(base, source, tmp_path, first.watermark)
    assert (sorted(frame["id"]), second.watermark, second.since) == (
        ["2", "3", "4", "5", "6"],
        "2026-03-01 10:00:00",
        "2026-03-01 08:50:00",
    )
    base.run("DELETE FROM t")
    empty, third = read(base, source, tmp_path, second.watermark)
    assert (empty.height, third.watermark, empty.columns) == (0, None, ["id", "changed"])


def test_numbers_beyond_what_floats_hold_are_told_apart(base: Base, tmp_path: Path) -> None:
    large = 2**60
    base.run("CREATE TABLE t (seq bigint)", *(f"INSERT INTO t VALUES ({large + n})" for n in range(6)))
    frame, _ = read(base, of(watermark="seq", overlap=2), tmp_path, str(large + 4))
    assert sorted(int(cell) - large for cell in frame["seq"]) == [2, 3, 4, 5]


def test_a_query_instead_of_a_table(base: Base, tmp_path: Path) -> None:
    base.run("CREATE TABLE t (id integer, name varchar(20))", "INSERT INTO t VALUES (1, '100%'), (2, '其他')")
    source = of(query="SELECT id AS 编号, name AS 名称 FROM t WHERE name LIKE '1%' -- 到此为止", watermark="编号", overlap=0)
    frame, told = read(base, source, tmp_path, "0")
    assert (frame.rows(), told.watermark) == ([("1", "100%")], "1")
    assert columns_of(base.url, source) == ("编号", "名称")


def refused(base: Base, source: Database, tmp_path: Path, url: str | None = None) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        fetch_to(tmp_path / "read.parquet", url or base.url, source, None)
    error = caught.value
    assert "front" in error.message
    assert error.hint
    for language in ("zh", "en"):
        assert "{" not in "".join(error.told(language))  # type: ignore[arg-type]
    assert "secret" not in f"{error} {error.__context__ if error.__suppress_context__ is False else ''}"
    return error


def test_what_cannot_be_read_is_said(base: Base, tmp_path: Path) -> None:
    base.run("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    assert refused(base, of("none"), tmp_path).code == "database.no_table"
    assert refused(base, of(watermark="none"), tmp_path).code == "database.no_column"
    assert refused(base, of(query="SELECT id, id FROM t"), tmp_path).code == "database.query"
    assert refused(base, of(query="SELECT FROM WHERE"), tmp_path).code == "database.query"
    driver = base.url.partition(":")[0]
    for address in (f"{driver}://nobody:secret@localhost:1/none", "sqlite://", "no address"):
        error = refused(base, of(), tmp_path, address)
        assert (error.code, error.retryable) in {("database.unreachable", True), ("database.address", False)}
    sleep = "SELECT pg_sleep(5)" if base.kind == "postgresql" else "SELECT SLEEP(5) AS s FROM t"
    error = refused(base, of(query=sleep, seconds=1), tmp_path)
    assert (error.code, error.retryable) == ("database.timeout", True)


def test_nothing_can_be_written_and_an_account_sees_what_it_may(base: Base, tmp_path: Path) -> None:
    base.run("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    if base.kind == "postgresql":
        base.run("CREATE FUNCTION wipe() RETURNS integer LANGUAGE sql AS 'DELETE FROM t; SELECT 1'")
        assert refused(base, of(query="SELECT wipe()"), tmp_path).code == "database.query"
        base.run("DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
        assert refused(base, of(), tmp_path, base.url.replace(base.server.user + "@", "reader@")).code == "database.denied"
    else:
        base.run("CREATE FUNCTION wipe() RETURNS integer MODIFIES SQL DATA BEGIN DELETE FROM t; RETURN 1; END")
        assert refused(base, of(query="SELECT wipe() AS w"), tmp_path).code == "database.query"
        base.run("DROP USER IF EXISTS reader", "CREATE USER reader IDENTIFIED BY 'secret'")
        assert refused(base, of(), tmp_path, base.server.url(base.name, "reader", "secret")).code in (
            "database.denied",
            "database.no_table",
        )
    assert read(base, of(), tmp_path)[0]["id"].to_list() == ["1"]


@pytest.mark.postgresql
def test_a_connection_that_breaks_midway_leaves_no_half_reading(postgres: Base, tmp_path: Path) -> None:
    postgres.run("CREATE TABLE t AS SELECT generate_series(1, 50000) AS id, repeat('字', 200) AS s")

    def cut(rows: int) -> None:
        thread = threading.Thread(
            target=postgres.run,
            args=("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",),
        )
        thread.start()
        thread.join()

    with pytest.raises(DatabaseError) as caught:
        fetch_to(tmp_path / "read.parquet", postgres.url, of(), None, cut)
    assert (caught.value.code, caught.value.retryable) == ("database.unreachable", True)


@pytest.mark.parametrize(
    ("watermark", "overlap", "expected"),
    [
        ("100", 10, "90"), ("0.5", 0.25, "0.25"), ("-1", 0, "-1"), ("2026-03-01", 600, "2026-02-28"), ("2026-03-01", 0, "2026-03-01"),
        ("2026-03-01 00:05:00+08", 600, "2026-02-28 23:55:00+08:00"), ("2026-03-01 00:05:00.5", 0.5, "2026-03-01 00:05:00"),
        ("A-17", 600, "A-17"), ("0001-01-01", 600, "0001-01-01"), ("", 600, ""),
    ],
)  # fmt: skip
def test_what_lies_below_a_watermark(watermark: str, overlap: float, expected: str) -> None:
    assert below(watermark, overlap) == expected

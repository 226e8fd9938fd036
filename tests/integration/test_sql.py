"""SQL over the warehouse as analysts use it: which statements run, which tables they may reach, limits, forms of output, the audit trail."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from districtlake.analysis.ask import open_session
from districtlake.analysis.export import WRITERS
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.store.tables import AuditEvent
from districtlake.warehouse.statement import QueryError, parse, without_literals
from tests.running import run_folder
from tests.small_district import NOTES, PEOPLE, day, deliver, environment, open_small

IDENTITY = "330203" + "199001011234"


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Iterator[District]:
    opened = open_small(tmp_path_factory.mktemp("sql"))
    inbox = opened.settings.inbox
    deliver(inbox, f"people_{day(2)}.csv", [("A", "甲", 1, ""), ("B", "乙", 2, ""), ("C", "丙", 3, "=1+1")])
    deliver(inbox, f"people_{day(4)}.csv", [("A", "甲", 1, ""), ("B", "乙二", 20, ""), ("C", "丙", 3, "=1+1"), ("D", "丁", 4, "")])
    deliver(inbox, f"notes_{day(4)}.csv", [("A", "旁", 7, "")], agency="other_bureau")
    run_folder(opened, inbox)
    yield opened
    opened.store.close()


def rows(district: District, statement: str, **more: Any) -> list[tuple[Any, ...]]:
    with open_session(district, statement, **more) as session:
        return pl.DataFrame(session.table()).rows()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"select count(*) from {PEOPLE}", [(4,)]),
        (f"from {PEOPLE} select sum(amount)", [(28,)]),
        ('select count(*) from "Registry_Bureau"."PEOPLE" as p', [(4,)]),
        (f"select name from {PEOPLE} where code = 'B'", [("乙二",)]),
        (
            f"select count(*) from {PEOPLE} where code in ('B', 'C') and amount >= 3 and _valid_from < timestamptz '2027-01-01 00:00:00+00'",
            [(2,)],
        ),
        ("with people as (select 7 as n) select n from people", [(7,)]),
        (f"with people as (select * from {PEOPLE}) select count(*) from people", [(4,)]),
        (
            f"select count(*) from {PEOPLE} a join {NOTES} using (code) where exists (from {PEOPLE}__history h where h.code = a.code)",
            [(1,)],
        ),
        (f"select count(*) from {PEOPLE}__history", [(5,)]),
        (f"select column_name from (describe {PEOPLE}) limit 1", [("code",)]),
        ("select n from range(3) r(n) where n > 1", [(2,)]),
    ],
)
def test_a_select_of_any_form_runs(district: District, statement: str, expected: list[tuple[Any, ...]]) -> None:
    assert rows(district, statement) == expected


def test_as_of_is_the_table_as_it_was(district: District) -> None:
    wanted = f"select code, amount from {PEOPLE} order by code"
    assert rows(district, wanted, as_of="2026-03-03") == [("A", 1), ("B", 2), ("C", 3)]
    assert rows(district, wanted, as_of="2026-03-04") == [("A", 1), ("B", 20), ("C", 3), ("D", 4)]
    assert rows(district, wanted, as_of="2026-02-01") == []


def test_parameters_are_values_and_never_sql(district: District) -> None:
    statement = f"select count(*) from {PEOPLE} where name = $name and amount > $least::int"
    assert rows(district, statement, parameters={"name": "乙二", "least": "3"}) == [(1,)]
    assert rows(district, statement, parameters={"name": "' or true --", "least": "0"}) == [(0,)]
    with pytest.raises(QueryError, match=r"\$least has no value; the statement has no \$most"):
        rows(district, statement, parameters={"name": "x", "most": "1"})


@pytest.mark.parametrize(
    "statement",
    [
        f"delete from {PEOPLE}",
        f"copy (select * from {PEOPLE}) to '{{folder}}/out.csv'",
        "attach '{folder}/x.db'",
        "pragma database_list",
        "set threads = 1",
        f"select 1; drop view {PEOPLE}",
        "create table t as select 1",
        "install httpfs",
        "select * from read_csv('{folder}/secret.csv')",
        "select * from '{folder}/secret.csv'",
        "select * from read_text('{folder}/secret.csv')",
        "select * from glob('{folder}/*')",
        "select * from query('select 1')",
        f"select * from query_table('{PEOPLE}')",
        "select * from duckdb_settings()",
        "select * from read_parquet('{folder}/**/*.parquet')",
        f"select (select count(*) from read_csv_auto('{{folder}}/secret.csv')) from {PEOPLE}",
    ],
)
def test_nothing_else_runs_and_nothing_outside_the_lake_is_reached(district: District, tmp_path: Path, statement: str) -> None:
    (tmp_path / "secret.csv").write_text("secret\n42\n")
    with pytest.raises(DistrictLakeError):
        rows(district, statement.replace("{folder}", str(tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_even_past_the_parser_only_the_named_tables_files_can_be_read(district: District) -> None:
    """The second wall: the connection itself may read the files of the tables that the statement names, and no others."""
    others = str(next((district.lake / "warehouse" / "other_bureau" / "notes").glob("*.parquet")))
    with open_session(district, f"select count(*) from {PEOPLE}") as session:
        for statement in (f"from read_parquet('{others}')", "set enable_external_access = true", f"copy (select 1) to '{others}'"):
            with pytest.raises(duckdb.Error):
                session.connection.execute(statement)


def test_unknown_names_are_answered_with_the_names_there_are(district: District) -> None:
    with pytest.raises(QueryError, match=r"registry_bureau\.people") as caught:
        rows(district, "select * from registry_bureau.poeple")
    assert caught.value.code == "sql.unknown_table"
    with pytest.raises(QueryError, match=r"registry_bureau\.people"):
        rows(district, "select * from people")
    with pytest.raises(QueryError, match=r"registry_bureau\.people 的列：code, name, amount, remark") as caught:
        rows(district, f"select amuont from {PEOPLE}")
    assert caught.value.code == "sql.unknown_column"
    with pytest.raises(NotFound, match=r"registry_bureau\.visits was never delivered"):
        rows(district, "select * from registry_bureau.visits")


@pytest.mark.parametrize("wrong", ["name::int", "strptime(name, '%Y')", "error(name)"])
def test_a_refused_value_is_not_quoted(district: District, wrong: str) -> None:
    with pytest.raises(QueryError) as caught:
        rows(district, f"select {wrong} from {PEOPLE} where name = '乙二'")
    assert "乙二" not in caught.value.message
    assert "DuckDB: " in caught.value.message


def test_columns_of_one_name_and_intervals_come_out_in_every_form(district: District) -> None:
    statement = "select 1 as a, 2 as a, 3 as a_1, interval 90 minute as i, null::interval as j"
    with open_session(district, statement) as session:
        assert list(session.columns()) == ["a", "a_2", "a_1", "i", "j"]
        table = session.table()
    assert table.to_pylist() == [{"a": 1, "a_2": 2, "a_1": 3, "i": "P0M0DT5400S", "j": None}]
    for kind, write in WRITERS.items():
        with open_session(district, statement) as session:
            batches, schema = session.begin()
            to = io.BytesIO()
            write(batches, schema, to)
            assert to.getvalue(), kind


def test_limits_of_time_and_memory_end_in_a_sentence(district: District) -> None:
    with pytest.raises(QueryError, match="stopped after") as caught:
        rows(district, "select sum(hash(n) % 7) from range(100000000000) r(n)", timeout=0.3)
    assert caught.value.code == "sql.timeout"
    with pytest.raises(QueryError, match="more memory") as caught:
        rows(district, "select list(n) from range(50000000) r(n)", memory="30MB")
    assert caught.value.code == "sql.memory"
    for unlimited in ("-5GB", "none", "-1", "0GB", "0.0 MB", "", "80%", "1e3GB"):
        with pytest.raises(QueryError) as caught:
            rows(district, "select 1", memory=unlimited)
        assert caught.value.code == "sql.memory_limit", unlimited
    assert rows(district, "select 1 n", memory=" 1.5 gib ")


def test_predicates_and_columns_reach_the_files(district: District) -> None:
    with open_session(district, f"select name from {PEOPLE} where code = 'B' limit 1") as session:
        plan = session.explain()
    assert "READ_PARQUET" in plan
    assert "code = 'B'" in plan
    assert "remark" not in plan


def test_tables_are_found_by_parsing() -> None:
    connection = duckdb.connect()
    statement = parse(
        connection, 'with x as (select * from A.b), b as (select 1) select \'c.d\' from x, "q"."R" where $p > (select 1 from e.f) -- g.h'
    )
    assert set(statement.tables) == {"a.b", "q.r", "e.f"}
    assert statement.bare == ()
    assert statement.parameters == ("p",)


@pytest.mark.parametrize(
    "text",
    [
        f"select '{IDENTITY}'", f"select * from a.b where n = {IDENTITY} -- {IDENTITY}", f"/* 姓名 {IDENTITY} */ select $${IDENTITY}$$",
        f'select "{IDENTITY}" from 甲.乙 where 名称 = \'{IDENTITY}\' and x = 1', f"select '{IDENTITY}", f"select E'\\'{IDENTITY}'", "\x00" + IDENTITY,
    ],
)  # fmt: skip
def test_no_literal_stays_in_what_is_audited(text: str) -> None:
    assert IDENTITY not in without_literals(text)
    assert without_literals("select a.b from a.b where c = 3") == "select a.b from a.b where c = …"


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def command(district: District, monkeypatch: pytest.MonkeyPatch) -> Any:
    from districtlake.cli.app import app

    for name, value in environment(district.settings).items():
        if name.startswith("DISTRICTLAKE_"):
            monkeypatch.setenv(name, value)
    return lambda *arguments, **more: CliRunner().invoke(app, ["sql", *arguments], **more)


def audits(district: District) -> list[dict[str, Any]]:
    with district.store.session(read_only=True) as session:
        return [dict(e.data) for e in session.scalars(select(AuditEvent).where(AuditEvent.action == "sql.run").order_by(AuditEvent.id))]


def test_every_statement_is_audited_without_its_literals(district: District, command: Any) -> None:
    before = len(audits(district))
    assert command(f"select * from {PEOPLE} where name = '{IDENTITY}' or amount < 3", "--as-of", "2026-03-03").exit_code == 0
    assert command("drop table x").exception is not None
    done, refused = audits(district)[before:]
    assert (done["tables"], done["outcome"], done["rows"], done["via"]) == ([PEOPLE], "done", 2, "cli")
    assert done["as_of"].startswith("2026-03-03T23:59:59")
    assert refused["outcome"] == "sql.invalid"
    assert IDENTITY not in json.dumps(audits(district))


def test_a_statement_comes_from_a_file_or_standard_input(command: Any, tmp_path: Path) -> None:
    script = tmp_path / "count.sql"
    script.write_text(f"-- 人数\nselect count(*) n from {PEOPLE}\n", encoding="utf-8")
    for arguments, more in (
        (("-f", str(script)), {}),
        (("-",), {"input": script.read_text("utf-8")}),
        (("-f", "-"), {"input": script.read_text("utf-8")}),
    ):
        assert json.loads(command(*arguments, "--json", **more).stdout) == [{"n": 4}]
    assert "either" in str(command().exception)


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson", "parquet", "arrow", "xlsx"])
def test_each_form_gives_back_what_was_asked(command: Any, tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"out.{kind}"
    statement = f"select code, amount, remark, [amount] as several, _valid_from from {PEOPLE} order by code"
    shown = command(statement, "--output", str(target))
    assert shown.exit_code == 0, shown.exception
    assert "4 行写入" in shown.stdout
    assert (target.stat().st_mode & 0o077) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [target.name]
    readers: dict[str, Any] = {
        "csv": lambda: [(r["code"], int(r["amount"]), r["remark"] or None) for r in csv.DictReader(io.StringIO(target.read_text("utf-8")))],
        "json": lambda: [(r["code"], r["amount"], r["remark"]) for r in json.loads(target.read_text("utf-8"))],
        "ndjson": lambda: [(r["code"], r["amount"], r["remark"]) for r in map(json.loads, target.read_text("utf-8").splitlines())],
        "parquet": lambda: pl.read_parquet(target).select("code", "amount", "remark").rows(),
        "arrow": lambda: pl.read_ipc_stream(target).select("code", "amount", "remark").rows(),
        "xlsx": lambda: pl.read_excel(target).select("code", "amount", "remark").rows(),
    }
    assert readers[kind]() == [("A", 1, None), ("B", 20, None), ("C", 3, "=1+1"), ("D", 4, None)]
    text = target.read_bytes().decode(errors="ignore")
    assert kind not in ("csv", "json", "ndjson") or "2026-03-04T00:00:00+08:00" in text


def test_a_table_stops_at_its_limit_and_says_that_there_is_more(command: Any) -> None:
    shown = command(f"select code from {PEOPLE} order by code", "--limit", "2")
    assert "还有更多" in shown.stdout
    assert "│ B" in shown.stdout
    assert "│ C" not in shown.stdout
    endless = command("select n from range(1000000000000) r(n)", "--limit", "1")  # would never end if it were computed whole
    assert "还有更多" in endless.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("select 1", "--output", "x.doc"), "unknown kind of file"),
        (("select 1", "--format", "xml"), "no format xml"),
        (("select 1", "--format", "csv", "--json"), "do not go together"),
        (("select 1", "--output", "no/such/folder/x.csv"), "cannot be written"),
        (("select $a", "--param", "a"), "has no value"),
        (("select 1", "--as-of", "yesterday"), "is no moment"),
        (("-f", "no-such.sql"), "cannot be read"),
    ],
)
def test_a_wrong_request_is_answered_with_a_sentence(command: Any, arguments: tuple[str, ...], told: str) -> None:
    error = command(*arguments).exception
    assert isinstance(error, DistrictLakeError)
    assert told in str(error)


# -- the Python helper ----------------------------------------------------------------------------------------------


def test_one_line_of_python_gives_every_form(district: District, command: Any) -> None:
    from districtlake import lake

    here = lake.Lake()
    try:
        result = here.query(f"select code, amount from {PEOPLE} where amount > $least order by code", least=3)
        assert result.columns == {"code": "VARCHAR", "amount": "BIGINT"}
        assert result.pl().rows() == [("B", 20), ("D", 4)]
        assert result.df()["amount"].tolist() == [20, 4]
        assert result.arrow().num_rows == 2
        assert result.relation().filter("amount > 4").fetchall() == [("B", 20)]
        assert "乙二" in here.query(f"select name from {PEOPLE}")._repr_html_()
        assert here.table(PEOPLE, columns=["code"], as_of="2026-03-03", to="polars").height == 3
        assert PEOPLE in here.tables()["table"].to_list()
        assert here.sample(PEOPLE, 2).columns == ["code", "name", "amount", "remark"]
        assert audits(district)[-1]["via"] == "python"
        with pytest.raises(QueryError):
            here.query("drop table x")
    finally:
        here.district.store.close()


def test_the_helper_is_light_to_import() -> None:
    import subprocess
    import sys

    code = "import sys; from districtlake import lake; print([m for m in ('polars', 'duckdb', 'pandas', 'deltalake') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"

"""Statements on Spark end in time, and whatever Spark raises is told without a word of its own: its sentences quote rows."""

from __future__ import annotations

import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from districtlake.errors import DistrictLakeError
from districtlake.settings import Settings
from districtlake.spark import session as sessions
from districtlake.spark.failures import SparkFailed, SparkUnreachable, spark_failures
from districtlake.spark.paths import spark_path
from districtlake.spark.queries import Queries, QueryRefused
from districtlake.spark.session import spark_session
from districtlake.spark.time_limit import GRACE, TimeIsUp, within

pytestmark = [
    pytest.mark.slow, pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:.*pandas.*"),  # pyspark knows no pandas 3 yet; no pandas frame crosses over
    # pyspark leaves the connection to Java to its collector
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]  # fmt: skip
SECRET = "西门街道9号"


@pytest.fixture
def settings(tmp_path: Path, on_spark: dict[str, object]) -> Settings:
    return Settings(state=tmp_path, inbox=tmp_path / "inbox").model_copy(update=on_spark)


@pytest.fixture
def queries(settings: Settings) -> Iterator[Queries]:
    opened = Queries(spark_session(settings), seconds=240, rows_bytes=2**20)
    opened.rows("select count(*) as n from range(9)")  # the first statement loads classes
    opened._seconds = 2
    yield opened
    opened.close()


def slow(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        time.sleep(60)
        yield batch


_MANY = " union all ".join(f"select (select max(id) + {n} from range({1000 + n})) as b" for n in range(150))
_DEEP = "select a + 1 as a from (select * from c{0} union all select * from c{0})"
_PLANNED = ", ".join(["c0 as (select id as a from range(10))", *(f"c{n + 1} as ({_DEEP.format(n)})" for n in range(15))])
LONG = {
    "a cross join": "select count(*) as n from range(2000000) a cross join range(1000000) b where (a.id * 31 + b.id) % 1000003 = 7",
    "a function in Python": "select count(*) as n from slow",
    "a broadcast": (
        "select /*+ broadcast(b) */ count(*) as n from range(100) a join (select (x.id * 31 + y.id) % 1000003 as k from range(1000000) x"
        " cross join range(1000000) y group by 1) b on a.id = b.k"
    ),
    "many jobs": f"select sum(b) as n from ({_MANY} union all select count(*) from range(2000000) a cross join range(1000000) b where a.id < b.id)",
    "planning": f"with {_PLANNED} select count(*) as n from c15",
}


@pytest.mark.parametrize("what", list(LONG))
def test_a_statement_ends_at_its_limit_and_the_next_one_is_answered(queries: Queries, what: str) -> None:
    queries._session.range(0, 8, 1, 2).mapInArrow(slow, "id long").createOrReplaceTempView("slow")
    began = time.monotonic()
    with pytest.raises(QueryRefused, match="DISTRICTLAKE_MART_SECONDS") as raised:
        queries.rows(LONG[what])
    assert raised.value.code == "spark.time"
    assert time.monotonic() - began < queries._seconds + GRACE + 15  # 15: a busy machine; unlimited they take minutes
    queries._seconds = 240
    assert queries.rows("select count(*) as n from range(1000)")["n"].to_list() == [1000]


def test_only_the_statement_that_takes_too_long_is_stopped(queries: Queries) -> None:
    """Another one runs on through the cancellations, and the first may be kept waiting for by nobody."""
    import threading

    session, found = queries._session, []
    other = threading.Thread(
        target=lambda: found.append(within(session, 300, lambda: session.range(0, 3, 1, 1).mapInArrow(_three_seconds, "id long").count()))
    )
    other.start()
    with pytest.raises(TimeIsUp):
        within(session, 1, lambda: session.sql(LONG["a cross join"]).toArrow())
    other.join(300)
    assert found == [3]


def _three_seconds(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        time.sleep(3)
        yield batch


def raises(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _ in batches:
        raise ValueError(SECRET)
    yield from ()


def dies(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    import os

    for _ in batches:
        os._exit(137)
    yield from ()


FAILURES: dict[str, tuple[Callable[[Any, str], object], str, str]] = {
    "a constraint": (
        lambda session, path: session.sql(f"select '{SECRET}' as a, -1 as b").write.format("delta").mode("append").save(path),
        "spark.failed", "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES",
    ),
    "a cast": (lambda session, _: session.sql(f"select cast(s as int) from (select concat('{SECRET}', id) as s from range(3))").toArrow(),
               "spark.failed", "CAST_INVALID_INPUT"),
    "a cast, collected": (lambda session, _: session.sql(f"select cast('{SECRET}' as int)").collect(), "spark.failed", "CAST_INVALID_INPUT"),
    "a function in Python": (lambda session, _: session.range(3).mapInArrow(raises, "id long").toArrow(), "spark.failed",
                             "test_stopped_and_failed.py"),
    "a dead worker": (lambda session, _: session.range(3).mapInArrow(dies, "id long").toArrow(), "spark.memory", "EXECUTOR_MB"),
    "no disk": (lambda session, _: session.range(3).mapInArrow(no_disk, "id long").toArrow(), "spark.disk", "空间"),
}  # fmt: skip


def no_disk(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _ in batches:
        raise OSError(28, "No space left on device")
    yield from ()


@pytest.mark.parametrize("what", list(FAILURES))
def test_a_failure_is_told_without_a_value(what: str, settings: Settings, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    session = spark_session(settings)
    path = spark_path(settings.state / "table")
    session.sql("select '' as a, 1 as b").write.format("delta").save(path)
    session.sql(f"alter table delta.`{path}` add constraint positive check (b > 0)")
    work, code, said = FAILURES[what]
    with pytest.raises(SparkFailed) as raised, spark_failures():
        work(session, path)
    assert raised.value.code == code
    assert said in str(raised.value)
    told = "".join(traceback.format_exception(raised.value)) + capfd.readouterr().err + caplog.text
    assert SECRET not in told
    assert SECRET not in "".join(raised.value.told("en"))


def test_an_error_of_ours_and_one_of_another_library_pass() -> None:
    with pytest.raises(DistrictLakeError, match="ours"), spark_failures():
        raise DistrictLakeError("ours")
    with pytest.raises(ValueError, match="theirs"), spark_failures():
        raise ValueError("theirs")


def test_a_master_that_does_not_answer_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sessions, "connected", lambda: False)
    monkeypatch.setattr(sessions, "_forget", lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(SparkUnreachable, match=f"127.0.0.1:{port}"):
        spark_session(Settings(state=tmp_path, inbox=tmp_path / "in").model_copy(update={"spark_master": f"spark://127.0.0.1:{port}"}))
    assert time.monotonic() - began < 10


def test_a_lost_connection_is_said_and_the_next_job_makes_a_new_one(settings: Settings) -> None:
    """A stopped context, then a Java that was killed. Stands last: every test before has the session of the run."""
    from pyspark import SparkContext

    for end in (lambda: SparkContext._active_spark_context._jsc.stop(), lambda: SparkContext._gateway.proc.send_signal(signal.SIGKILL)):  # type: ignore[union-attr]
        queries = Queries(spark_session(settings), seconds=60, rows_bytes=2**20)
        end()
        with pytest.raises(SparkUnreachable) as raised:
            queries.rows("select 1 as a")
        assert raised.value.retryable
        queries.close()
        assert spark_session(settings).range(7).count() == 7

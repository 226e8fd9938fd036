"""What of a failure of Spark is told: a name and a place, whatever shape the error has. (tests/spark raises them on a real Spark.)"""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from districtlake.spark import failures
from districtlake.spark.failures import SparkFailed, SparkUnreachable, spark_failures

pytest.importorskip("py4j", reason="Spark is not installed here: make spark")
from py4j.protocol import Py4JError, Py4JNetworkError

SECRET = "西门街道9号"


class OfJava:
    """An exception of Java, as py4j hands it over; ``told``: what its methods answer."""

    def __init__(self, name: str, cause: Any = None, **told: str | None):
        self._name, self._cause, self._told = name, cause, {"getMessage": f"{SECRET} {told.pop('words', '')}", **told}

    def getClass(self) -> OfJava:
        return self

    def getName(self) -> str:
        return self._name

    def getCause(self) -> Any:
        return self._cause

    def __getattr__(self, name: str) -> Any:
        if name not in self._told:
            raise AttributeError(name)
        return lambda: self._told[name]


def raised(java: OfJava) -> Exception:
    error = Py4JError(f"An error occurred while calling o1.collect: {SECRET}")
    error.java_exception = java
    return error


@pytest.fixture(autouse=True)
def standing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "connected", lambda: True)


_CAST = OfJava("org.apache.spark.SparkNumberFormatException", getCondition="CAST_INVALID_INPUT", getSqlState="22018")
_PYTHON = f'  File "{__file__}", line 7, in rows\nValueError: File "/{SECRET}.py", line 1'


@pytest.mark.parametrize(
    ("java", "code", "said"),
    [
        (OfJava("org.apache.spark.SparkException", OfJava("java.lang.X", _CAST)), "spark.failed", "（CAST_INVALID_INPUT (22018)）"),
        (OfJava("org.apache.spark.SparkException", OfJava("java.io.UTFDataFormatException")), "spark.failed", "（UTFDataFormatException）"),
        (OfJava("a.B", getCondition=f"a sentence of {SECRET}"), "spark.failed", "（B）"),
        (OfJava("org.apache.spark.api.python.PythonException", words=_PYTHON), "spark.failed", "（PYTHON_EXCEPTION (test_spark_failures.py:7)）"),
        (OfJava("a.B", OfJava("java.lang.OutOfMemoryError")), "spark.memory", "DISTRICTLAKE_SPARK_EXECUTOR_MB"),
        (OfJava("a.B", words="Job aborted: ExecutorLostFailure (executor 1 exited)"), "spark.memory", "DISTRICTLAKE_SPARK_EXECUTOR_MB"),
        (OfJava("java.io.IOException", words="No space left on device"), "spark.disk", "空间"),
        (OfJava("java.lang.IllegalStateException", words="Cannot call methods on a stopped SparkContext."), "spark.unreachable", "中断"),
    ],
)  # fmt: skip
def test_a_name_is_told_and_no_word(java: OfJava, code: str, said: str) -> None:
    with pytest.raises((SparkFailed, SparkUnreachable)) as told, spark_failures():
        raise raised(java)
    assert told.value.code == code
    assert said in str(told.value)
    assert SECRET not in "".join(traceback.format_exception(told.value))
    assert told.value.retryable == (code in ("spark.disk", "spark.unreachable"))


def test_a_connection_that_is_gone_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "connected", lambda: False)
    for error in (Py4JNetworkError(SECRET), ConnectionRefusedError(SECRET), EOFError(SECRET)):
        with pytest.raises(SparkUnreachable) as told, spark_failures():
            raise error
        assert told.value.retryable
        assert SECRET not in "".join(traceback.format_exception(told.value))


def test_an_error_of_another_library_passes() -> None:
    with pytest.raises(ConnectionRefusedError), spark_failures():
        raise ConnectionRefusedError

"""What Spark raises, as errors a person can act on. Its own words quote cells of rows, so none of them is told: only the name of a condition or a class.

Errors arrive in many shapes: PySpark's exceptions, Java's as py4j hands them over (a stage that failed while rows were fetched, a lost executor), and
Python's own where the connection to Java is gone. ``spark_failures`` is the one edge at which they all become ours.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from districtlake.errors import DistrictLakeError


class SparkUnreachable(DistrictLakeError):
    """The master of the settings cannot be reached or cannot start, or the connection to it was lost."""

    code = "spark.unreachable"
    retryable = True


class SparkFailed(DistrictLakeError):
    """Spark did not carry out what was asked."""

    code = "spark.failed"


_OF_SPARK = ("pyspark", "py4j")
_NAME = re.compile(r"[A-Za-z0-9_.$]{1,120}", re.ASCII)
_STOPPED = re.compile(r"SparkContext was shut ?down|stopped SparkContext|SparkContext was stopped|SparkContext has been shutdown"
                      r"|Master removed our application|All masters are unresponsive|Driver stopped")  # fmt: skip
_DISK = re.compile(r"No space left on device|Failed to create (?:local|a temp|temp|directory)|Disk quota exceeded|Read-only file system|\(Permission denied\)"
                   r"|CANNOT_CREATE_DATA_SOURCE_TABLE_DIRECTORY|FAILED_TO_CREATE_DIRECTORY")  # fmt: skip
_MEMORY = re.compile(r"OutOfMemory|UNABLE_TO_ACQUIRE_MEMORY|ExecutorLostFailure|Python worker exited unexpectedly|Python worker crashed"
                     r"|GC overhead limit|Cannot broadcast the table that is larger")  # fmt: skip
_PLACE = re.compile(r'File "([^"\n]+)", line (\d+)', re.ASCII)


def _failed(condition: str) -> DistrictLakeError:
    return SparkFailed.of("spark.failed", condition=condition)


@contextmanager
def spark_failures(other: Callable[[str], DistrictLakeError] = _failed) -> Iterator[None]:
    """Errors of Spark within become ours; others pass.

    Args:
        other: the error where nothing better is known, made from the condition.

    Raises:
        SparkUnreachable: the connection is gone; the next ``spark_session`` makes a new one. SparkFailed: memory or disk. What ``other`` makes: the rest.
    """
    try:
        yield
    except DistrictLakeError:
        raise
    except Exception as error:
        if not of_spark(error):
            raise
        raise _told(error, other) from None


def of_spark(error: BaseException) -> bool:
    """Whether Spark, or the connection to it, raised it."""
    if type(error).__module__.partition(".")[0] in _OF_SPARK:
        return True
    last = (traceback.extract_tb(error.__traceback__) or [None])[-1]
    return last is not None and (
        any(f"/{package}/" in last.filename for package in _OF_SPARK) or (isinstance(error, OSError | EOFError) and not connected())
    )


def condition_of(error: BaseException) -> str:
    """Spark's name of what happened with its SQLSTATE, else the class of the first cause; of a failure in Python the place. Never its words."""
    chain = list(_causes(error))
    found = ((name, _named(_asked(one, "getSqlState"))) for one in reversed(chain) if (name := _named(_asked(one, "getCondition"))))
    name, state = next(found, ("", ""))
    if name in ("", "PYTHON_EXCEPTION") and (place := _place(_words(error))):
        return f"PYTHON_EXCEPTION ({place})"
    if name:
        return f"{name} ({state})" if state else name
    return next((short for one in reversed(chain) if (short := _named(_class(one).rpartition(".")[2]))), type(error).__name__)


def connected() -> bool:
    """Whether this process has a Spark context that works."""
    from pyspark import SparkContext

    context: Any = SparkContext._active_spark_context
    try:
        return context is not None and not context._jsc.sc().isStopped()
    except Exception:  # Java has ended, or the context was stopped on this side
        return False


def _told(error: BaseException, other: Callable[[str], DistrictLakeError]) -> DistrictLakeError:
    condition, words = condition_of(error), _words(error)
    if not connected() or _STOPPED.search(words):
        return SparkUnreachable.of("spark.lost", kind=condition)
    if _DISK.search(words):
        return SparkFailed.of("spark.disk", code="spark.disk", retryable=True, condition=condition, folder=_folder())
    if _MEMORY.search(words):
        return SparkFailed.of("spark.memory", code="spark.memory", condition=condition)
    return other("spark.driver.maxResultSize" if "spark.driver.maxResultSize" in words else condition)


def _causes(error: BaseException) -> Iterator[Any]:
    """The exception, and Java's behind it from the outermost to the first cause."""
    yield error
    java: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    for _ in range(20):
        if java is None:
            return
        yield java
        java = _asked(java, "getCause", as_is=True)


def _asked(one: Any, what: str, *, as_is: bool = False) -> Any:
    """What a method of an exception of Python or Java says; None where it has none, or Java is gone."""
    try:
        found = getattr(one, what)()
    except Exception:
        return None
    return found if as_is or isinstance(found, str) else None


def _class(one: Any) -> str:
    if isinstance(one, BaseException):
        return type(one).__name__
    try:
        return str(one.getClass().getName())
    except Exception:
        return ""


def _words(error: BaseException) -> str:
    """What the errors say, to be searched for known phrases only."""
    said = [f"{_class(one)} {_asked(one, 'getMessage') or ''}" for one in _causes(error)]
    try:
        said.append(str(error))
    except Exception:  # it asks Java
        said.append(type(error).__name__)
    return "\n".join(said)


def _named(text: Any) -> str:
    """A name, or nothing: a text that may be more than a name is not passed on."""
    return text if isinstance(text, str) and _NAME.fullmatch(text) else ""


def _place(words: str) -> str:
    """Where the executors' Python stood: the last file that is one of this machine."""
    places = [(Path(file), line) for file, line in _PLACE.findall(words) if file.endswith(".py") and Path(file).is_file()]
    return f"{places[-1][0].name}:{places[-1][1]}" if places else ""


def _folder() -> str:
    from pyspark import SparkContext

    context: Any = SparkContext._active_spark_context
    try:
        return str(context.getConf().get("spark.local.dir", ""))
    except Exception:  # it ended meanwhile
        return ""

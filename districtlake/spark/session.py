"""One Spark session a process: the master, sizes and folders of the settings, Delta, UTC, and nothing fetched at run time."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from districtlake.errors import DistrictLakeError
from districtlake.settings import Settings
from districtlake.spark.executors import executors
from districtlake.spark.failures import SparkFailed, SparkUnreachable, condition_of, connected, of_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JARS = Path(sys.prefix) / "spark-jars"
"""Where ``make spark`` puts Delta's JARs; their names and checksums: requirements/spark-jars.txt."""
OLDEST_JAVA = 17
CONNECT_SECONDS = 5.0
"""How long one master of a standalone cluster may take to accept a connection."""
EXECUTOR_SECONDS = 60.0
"""How long a standalone cluster may take to give the first executor."""
LOGGING = Path(__file__).with_name("log4j2.properties")


class SparkMissing(DistrictLakeError):
    """A part of Spark is not installed here."""

    code = "spark.missing"


def missing_parts() -> list[str]:
    """What ``make spark`` would have to install: of "pyspark", "java", "delta". Empty: all is there."""
    from importlib.util import find_spec

    lacking = [] if find_spec("pyspark") else ["pyspark"]
    if (_java_version() or 0) < OLDEST_JAVA:
        lacking.append("java")
    if not {"delta-spark", "delta-storage"} <= {path.name.rsplit("-", 1)[0].partition("_")[0] for path in JARS.glob("delta-*.jar")}:
        lacking.append("delta")
    return lacking


def _java_version() -> int | None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    return _version_of(java) if java and Path(java).exists() else None


@cache
def _version_of(java: str) -> int | None:
    """Asked once a process: every mart asks for a session."""
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    number = told.partition('"')[2].partition('"')[0].removeprefix("1.").split(".")[0]
    return int(number) if number.isdigit() else None


def spark_session(settings: Settings) -> SparkSession:
    """The process's session, begun on the first call, and anew where the one before has ended.

    Raises:
        SparkMissing: pyspark, Java or Delta's JARs are not here; says which.
        SparkUnreachable: the master does not answer, or gives no executor. SparkFailed: its scratch folder cannot be written.
    """
    if lacking := missing_parts():
        raise SparkMissing.of("spark.missing", parts="、".join(lacking))
    from pyspark.sql import SparkSession

    if connected():
        return SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
    _forget()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers run this environment's Python
    os.environ.setdefault("SPARK_HOME", str(_home(settings)))  # so that workers and scripts find the JARs of the package
    _quiet()
    _answers(settings.spark_master)
    try:
        configured = configuration(settings)
    except OSError as error:
        folder = settings.state / "spark"
        raise SparkFailed.of("spark.disk", code="spark.disk", retryable=True, condition=type(error).__name__, folder=folder) from None
    try:
        session = SparkSession.builder.config(map=configured).getOrCreate()
        _executor(session, settings.spark_master)
    except (OSError, RuntimeError) as error:
        name = type(error).__name__
    except Exception as error:  # Java's, as py4j hands them over: their words may be long and name machines
        if not of_spark(error):
            raise
        name = condition_of(error)
    else:
        return session
    _forget()
    raise SparkUnreachable.of("spark.unreachable", master=settings.spark_master, kind=name)


def _answers(master: str) -> None:
    """Nothing, where one of the masters of ``spark://host:port[,host:port]`` takes a connection; Spark itself would try for a minute."""
    addresses = re.findall(r"([^,/]+):(\d+)", master.removeprefix("spark://")) if master.startswith("spark://") else []
    for host, port in addresses:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        except (OSError, OverflowError):
            continue
        return
    if addresses:
        raise SparkUnreachable.of("spark.unreachable", master=master, kind="no answer")


def no_executor(master: str, seconds: float) -> SparkUnreachable:
    """What is told where a cluster gave no executor for so long."""
    return SparkUnreachable.of("spark.no_executor", code="spark.no_executor", master=master, seconds=f"{seconds:g}")


def _executor(session: SparkSession, master: str) -> None:
    """Waits for the first executor of a standalone cluster: without one every job would wait for ever. (A queue of YARN may be long.)"""
    if not master.startswith(("spark://", "local-cluster")):
        return
    ends = time.monotonic() + EXECUTOR_SECONDS
    while executors(session) == 0:
        if time.monotonic() > ends:
            stop_session()
            raise no_executor(master, EXECUTOR_SECONDS)
        time.sleep(0.2)


def _forget() -> None:
    """Lets go of a context that has ended, and of a Java that has: pyspark would go on asking them."""
    from pyspark import SparkContext

    stop_session()
    gateway: Any = SparkContext._gateway
    if gateway is not None and gateway.proc.poll() is not None:
        gateway.shutdown()
        if gateway.proc.stdin is not None:
            gateway.proc.stdin.close()
        SparkContext._gateway = SparkContext._jvm = None


def _home(settings: Settings) -> Path:
    """The folder of pip's pyspark; for ``local-cluster``, which writes its ``work`` there, a folder of the state that stands for it."""
    import pyspark

    packaged = Path(pyspark.__file__).parent
    if not settings.spark_master.startswith("local-cluster"):
        return packaged
    home = settings.state / "spark" / "home"
    home.mkdir(parents=True, exist_ok=True)
    for part in ("bin", "jars", "python", "sbin", "conf"):
        link, target = home / part, packaged / part
        if target.exists() and not (link.is_symlink() and link.readlink() == target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    return home


def _quiet() -> None:
    """Spark's own words quote values of cells (a cast that fails names what it was given): they are kept out of logs."""
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).disabled = True
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)  # frames go by Arrow


def stop_session() -> None:
    """End the process's session, if it has one; also one whose Java has ended."""
    from pyspark import SparkContext

    context: Any = SparkContext._active_spark_context
    if context is None:
        return
    with suppress(OSError), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it warns that Java is gone
        context.stop()
    SparkContext._active_spark_context = None


def configuration(settings: Settings) -> dict[str, str]:
    """Spark's configuration, by its own names. What a site needs besides comes from ``spark-defaults.conf`` (SPARK_CONF_DIR)."""
    work = settings.state / "spark"
    (work / "local").mkdir(parents=True, exist_ok=True)
    return {
        "spark.app.name": "districtlake",
        "spark.master": settings.spark_master,
        # errors arrive as exceptions; what the JVM logs of them quotes cells, so it is asked for, never the default
        "spark.log.level": "WARN" if os.environ.get("DISTRICTLAKE_DEBUG") == "1" else "FATAL",
        # without a heap Java would linger, and whoever asks it wait for ever: it ends, and the next job begins another
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOGGING.as_uri()} -XX:+ExitOnOutOfMemoryError",
        "spark.driver.memory": f"{settings.spark_driver_mb}m",
        "spark.executor.memory": f"{settings.spark_executor_mb}m",
        "spark.jars": ",".join(str(path) for path in sorted(JARS.glob("*.jar"))),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # as deltalake writes instants; the default is INT96
        "spark.sql.shuffle.partitions": str(settings.spark_partitions),
        "spark.databricks.delta.snapshotPartitions": "1",  # tables here have few files: fifty tasks a snapshot are overhead
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",  # rows the kernel sees at once: memory stays flat
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        "spark.local.dir": str(work / "local"),
        # a task that does not end when it is cancelled takes its executor with it, which the cluster replaces; a local session lives with it
        "spark.task.reaper.enabled": "true",
        "spark.task.reaper.killTimeout": "30s",
        "spark.ui.enabled": "true" if settings.spark_ui else "false",
        "spark.ui.showConsoleProgress": "false",
        # what deltalake, Polars and DuckDB cannot read is never written (docs/spark.md)
        "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
        "spark.databricks.delta.properties.defaults.columnMapping.mode": "none",
        "spark.databricks.delta.properties.defaults.checkpointPolicy": "classic",
        "spark.databricks.delta.properties.defaults.enableRowTracking": "false",
    }

"""One Spark session for all tests of a run: on the master of TEST_SPARK_MASTER (``make test-spark``: two executor processes)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from districtlake.settings import Settings
from districtlake.spark.session import missing_parts


@pytest.fixture(autouse=True, scope="session")
def short_lived_java() -> Iterator[None]:
    """Java without its second compiler, which costs sessions this short more than it gains: half the seconds of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        if "JDK_JAVA_OPTIONS" not in os.environ:
            patch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        yield


@pytest.fixture(scope="session")
def on_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """Settings under which a district's deliveries are carried by Spark."""
    if lacking := missing_parts():
        pytest.skip(f"Spark is not installed here ({', '.join(lacking)}): make spark")
    from districtlake.spark.session import spark_session, stop_session

    changes: dict[str, object] = {
        "engine": "spark", "spark_master": os.environ.get("TEST_SPARK_MASTER", "local[2]"),
        "spark_partitions": 2, "spark_ui": False, "spark_executor_mb": 1024, "spark_driver_mb": 1024,
    }  # fmt: skip
    folder: Path = tmp_path_factory.mktemp("spark")
    spark_session(Settings(state=folder, inbox=folder / "inbox").model_copy(update=changes))
    yield changes
    stop_session()

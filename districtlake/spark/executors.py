"""How many executors a session has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def executors(session: SparkSession) -> int:
    """Processes that work for the session now; 1 where the driver does the work itself (``local[…]``)."""
    master = session.sparkContext.master
    java: Any = session.sparkContext._jsc
    registered = int(java.sc().getExecutorMemoryStatus().size()) - 1  # one is the driver
    return 1 if master == "local" or master.startswith("local[") else registered

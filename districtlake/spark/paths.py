"""Folders and tables as Spark names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def spark_path(path: Path) -> str:
    """A path of the file system for Spark, whatever site default its file system has.

    Hadoop takes the text as it stands: the ``%20`` of a URI would be three characters of a name, so ``Path.as_uri`` names another folder
    wherever a blank, a Chinese character or an ``@`` stands.
    """
    return f"file://{path.resolve()}"


def delta_at(session: SparkSession, path: Path, version: int) -> DataFrame:
    """The rows of a Delta table of the file system at a version."""
    found: DataFrame = session.read.format("delta").option("versionAsOf", version).load(spark_path(path))
    return found

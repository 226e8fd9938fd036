"""Folders as Spark names them."""

from __future__ import annotations

from pathlib import Path


def spark_path(path: Path) -> str:
    """A path of the file system for Spark, whatever site default its file system has.

    Hadoop takes the text as it stands: the ``%20`` of a URI would be three characters of a name, so ``Path.as_uri`` names another folder
    wherever a blank, a Chinese character or an ``@`` stands.
    """
    return f"file://{path.resolve()}"

"""The operation column of an incremental delivery: which rows insert, update or delete, and which one of a key counts.

The column is no item: the readers keep it in ``_extra`` like every column the catalogue does not know, and it is taken from there.
Rows of one key take effect in the order of the file, so the last one says how the key stands afterwards; those before it are superseded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.catalog.parts import normal_text
from districtlake.quality.rules import OPERATION_COLUMN, OPERATION_WORDS

UNKNOWN = "unknown"
"""Stands for what is none of the declared spellings: what the cell held is told nowhere, it may be a person's number."""
PUT = "put"
"""A row of a correction without an operation: the row is so, whether it was there or not."""
_NAMED = 10


@dataclass(frozen=True)
class Operations:
    """The operation of each row of a raw frame.

    Attributes:
        words: one of ``OPERATION_WORDS``, ``UNKNOWN`` or ``PUT`` a row.
        absent: the file has rows, and none has anything in the column.
    """

    words: pl.Series
    absent: bool

    @property
    def only_deletes(self) -> bool:
        """Nothing but deletions: of their rows only the key is needed."""
        return len(self.words) > 0 and bool((self.words == "delete").all())


@dataclass(frozen=True)
class Sorted:
    """Which rows of a frame are judged, which delete, which were overtaken in the same file. Booleans, one a row, never two of them."""

    deletion: pl.Series
    superseded: pl.Series

    @property
    def judged(self) -> pl.Series:
        return ~(self.deletion | self.superseded)


def operations_of(raw: pl.DataFrame, resource: Resource, mode: str) -> Operations | None:
    """The operations of a raw frame; None where the resource declares no operation column.

    A correction may come without them (it says how rows are): what is empty there is ``PUT``. Elsewhere an empty cell is ``UNKNOWN``.
    """
    declared = resource.source.operation
    if declared is None:
        return None
    column = normal_text(declared.column)
    spellings = declared.spellings()
    extra = raw["_extra"]
    # the operation is often all that _extra holds: few texts, many rows
    texts = extra.drop_nulls().unique()
    words = [_word(text, column, spellings) for text in texts]
    found = extra.replace_strict(texts, pl.Series(words, dtype=pl.String), default=None, return_dtype=pl.String) if len(texts) else None
    if found is None:
        found = pl.Series([None], dtype=pl.String).new_from_index(0, raw.height)
    empty = PUT if mode == "correction" else UNKNOWN
    absent = raw.height > 0 and found.null_count() == raw.height and mode != "correction"
    return Operations(found.fill_null(empty).alias(OPERATION_COLUMN), absent)


def _word(extra: str, column: str, spellings: dict[str, str]) -> str | None:
    """The operation that one ``_extra`` holds; None where it holds none."""
    cells = json.loads(extra)
    for label, cell in cells.items():
        if normal_text(label) == column and cell is not None and (text := normal_text(str(cell))):
            return spellings.get(text, UNKNOWN)
    return None


@dataclass(frozen=True)
class Applied:
    """What the operations of a delivery make of its rows, all of them: the judged ones and the others.

    Attributes:
        frame: every row, cleansed, with its operation. keys, readable: its text key, and whether it can be read.
    """

    operations: Operations
    frame: pl.DataFrame
    keys: pl.Series
    readable: pl.Series
    told_apart: Sorted

    @classmethod
    def of(cls, operations: Operations, frame: pl.DataFrame, keys: pl.Series, readable: pl.Series) -> Applied:
        return cls(operations, frame, keys, readable, sort_rows(operations, keys, readable))

    @property
    def deletions(self) -> int:
        return int(self.told_apart.deletion.sum())

    @property
    def superseded(self) -> int:
        return int(self.told_apart.superseded.sum())

    @property
    def gone(self) -> pl.Series:
        """The text keys that are deleted."""
        return self.keys.filter(self.told_apart.deletion)

    def deleted_keys(self, key: Sequence[str]) -> pl.DataFrame:
        """The key columns of what is deleted, typed."""
        return self.frame.filter(self.told_apart.deletion).select(key)


def sort_rows(operations: Operations, keys: pl.Series, readable: pl.Series) -> Sorted:
    """Tell the rows of one file apart: of each readable key the last row counts.

    Args:
        keys: the text key of each row; readable: whether it can be read (a row without a readable key is judged by itself).
    """
    last = keys.is_last_distinct()
    superseded = readable & ~last
    return Sorted((readable & last & (operations.words == "delete")).alias("deletion"), superseded.alias("superseded"))


def contradictions(applied: Applied, current: pl.DataFrame, changed: pl.DataFrame, key: Sequence[str]) -> tuple[int, int, str]:
    """Operations that do not fit what is there: an insertion of a row that exists, an update or deletion of one that does not.

    An insertion that says just what the warehouse holds is no contradiction: an increment may overlap with the one before.

    Args:
        current: the warehouse before. changed: keys whose version is replaced.

    Returns:
        rows looked at, rows that contradict, and what is told of them in Chinese ("" for none).
    """
    words = applied.operations.words
    rows = applied.frame.select(*key, "_sheet", "_row").with_columns(_key=applied.keys, _op=words)
    rows = rows.filter(applied.readable & words.is_in(OPERATION_WORDS))
    if not rows.height:
        return 0, 0, ""

    def listed(table: pl.DataFrame, name: str) -> pl.DataFrame:
        return table.select(key).unique().with_columns(pl.lit(value=True).alias(name))

    rows = (
        rows.join(listed(current, "_is_there"), on=list(key), how="left", maintain_order="left")
        .join(listed(changed, "_replaced"), on=list(key), how="left", maintain_order="left")
        .with_columns(_before=pl.col("_op").shift(1).over("_key"), _count=pl.len().over("_key"))
        .with_columns(
            _exists=pl.when(pl.col("_before").is_null())
            .then(pl.col("_is_there").fill_null(value=False))
            .otherwise(pl.col("_before") != "delete"),
            _same=(pl.col("_count") == 1) & pl.col("_replaced").is_null(),
        )
    )
    told: list[str] = []
    count = 0
    for word, wrong, sentence in (
        ("insert", pl.col("_exists") & ~pl.col("_same"), "新增的记录已经存在（已按修改处理）"),
        ("update", ~pl.col("_exists"), "修改的记录并不存在（已按新增处理）"),
        ("delete", ~pl.col("_exists"), "删除的记录并不存在（未作改动）"),
    ):
        found = rows.filter((pl.col("_op") == word) & wrong)
        if found.height:
            count += found.height
            told.append(f"{sentence}：{_places(found)}")
    return rows.height, count, "；".join(told) + ("。" if told else "")


def _places(found: pl.DataFrame) -> str:
    places = [f"{sheet or ''}第{row}行" for sheet, row in found.select("_sheet", "_row").head(_NAMED).iter_rows()]
    return "、".join(places) + (f"等共{found.height}行" if found.height > _NAMED else "")

"""The rows under validation as conditions and aggregates see them, and the four forms a condition can have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from districtlake.quality.validation import Known
from expectations.literals import Unfused, is_textual
from expectations.row_conditions import Mask, selection
from expectations.sources import Source

Values = Mapping[str, Any]


@dataclass
class Python:
    """The time that a verdict spends in Python, cell by cell, inside the pass.

    Attributes:
        seconds: of all batches.
    """

    seconds: float = 0.0


@dataclass(frozen=True)
class Condition:
    """A verdict on each row by that row alone. Both Boolean. ``fails`` is null-free and False wherever ``applies`` is.

    Attributes:
        python: where Polars alone cannot judge.
    """

    applies: pl.Expr
    fails: pl.Expr
    python: Python | None = None

    @classmethod
    def of(cls, applies: pl.Expr, holds: pl.Expr, python: Python | None = None) -> Condition:
        # A verdict that came out null counts as failing: nothing passes by accident.
        return cls(applies, applies & ~holds.fill_null(False), python)


@dataclass(frozen=True)
class Duplicates:
    """A row fails when another row that ``applies`` has the same ``key``; a null equals a null."""

    applies: pl.Expr
    key: tuple[pl.Expr, ...]


@dataclass(frozen=True)
class Ordered:
    """A row fails when its ``value`` does not follow that of the row before it that ``applies``.

    Attributes:
        sign: 1 for increasing, -1 for decreasing values.
        strictly: equal neighbours fail, too.
    """

    applies: pl.Expr
    value: pl.Expr
    sign: int
    strictly: bool


@dataclass(frozen=True)
class Referring:
    """A row that ``applies`` fails when no ``known`` row has its ``key``, which is not null there.

    With two keys only a row whose first is known is asked at all, and fails when its second is not.
    """

    applies: pl.Expr
    key: tuple[pl.Expr, ...]
    known: Known


AnyCondition = Condition | Duplicates | Ordered | Referring


class Table:
    """A source under validation. Row conditions that only pandas can answer become hidden Boolean columns of each batch."""

    def __init__(self, source: Source):
        self.source = source
        self.schema = source.schema
        self.columns = tuple(source.schema)
        self.height = source.height
        self._selected: dict[str, pl.Expr] = {}
        self._masks: dict[str, Mask] = {}

    def dtype(self, column: str) -> pl.DataType:
        return self.schema[column]

    def col(self, column: str) -> pl.Expr:
        """The column; NaN is missing, as in pandas."""
        dtype = self.schema[column]
        if dtype.is_float():
            return pl.col(column).cast(pl.Float64).fill_nan(None)
        return pl.col(column).cast(pl.String) if isinstance(dtype, pl.Categorical) else pl.col(column)

    def text(self, column: str) -> pl.Expr:
        """The column as GX's ``astype(str)`` spells it. Floats and times have a spelling of pandas' own: ``Unfused``."""
        dtype = self.schema[column]
        if isinstance(dtype, pl.String):
            return pl.col(column)
        if is_textual(dtype) or dtype.is_integer():
            return pl.col(column).cast(pl.String)
        raise Unfused(f"{dtype} as text")

    def rows(self, domain: Values) -> pl.Expr:
        """The rows that ``row_condition`` selects; all when there is none."""
        condition = domain.get("row_condition")
        if not condition:
            return pl.lit(True)
        key = repr(condition)
        if key not in self._selected:
            found = selection(self.source, condition)
            if isinstance(found, Mask):
                name = f"__rows_{len(self._masks)}"
                while name in self.schema:
                    name = f"_{name}"
                self._masks[name] = found
                found = pl.col(name)
            self._selected[key] = found
        return self._selected[key]

    def empty(self) -> pl.DataFrame:
        """No rows, all columns, the hidden ones included: what an expression is tried on."""
        return pl.DataFrame(schema={**self.schema, **dict.fromkeys(self._masks, pl.Boolean)})

    def columns_behind(self, expressions: list[pl.Expr]) -> list[str]:
        """The columns to read for ``expressions``, in the table's order."""
        named: set[str] = set()
        for name in {name for expression in expressions for name in expression.meta.root_names()}:
            named |= set(self._masks[name].columns) if name in self._masks else {name}
        return [column for column in self.columns if column in named]

    def masks_of(self, expressions: list[pl.Expr]) -> dict[str, Mask]:
        """The hidden columns that ``expressions`` name."""
        if not self._masks:
            return {}
        names = {name for expression in expressions for name in expression.meta.root_names()} & set(self._masks)
        return {name: self._masks[name] for name in sorted(names)}


def with_masks(masks: Mapping[str, Mask], start: int, batch: pl.DataFrame) -> pl.DataFrame:
    """The batch that begins at row ``start``, with its hidden columns."""
    return batch.with_columns([mask.of(start, batch).alias(name) for name, mask in masks.items()]) if masks else batch

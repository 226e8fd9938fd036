"""Cells judged by the kinds of ``districtlake.standards``: one implementation of each standard, for GX's pandas form and for the fused one.

The judgement is numpy over whole columns; pandas and Polars only carry the column there. Cells are taken as they are: ours are
cleansed before, and what is not in normal form does not conform.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from districtlake.standards.division_history import Editions
from districtlake.standards.kind import CellContext
from districtlake.standards.kinds import KINDS
from expectations.table import Condition, Table, Values

Judge = Callable[[pl.Series], pl.Series]
"""Text (String, nulls allowed) -> Boolean, one a cell; what it says of a null is not used."""


@dataclass(frozen=True)
class _Plain:
    """An element, and an item, of no catalogue."""

    name: str
    kind: str
    unit: str = ""
    missing: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    cleansing: tuple[str, ...] | None = None
    sensitivity: str = "L4"


def conforming(
    kind: str, today: date = date.max, refused: Collection[str] = (), options: Mapping[str, Any] | None = None, divisions: Editions = ()
) -> Judge:
    """Cells without an error of ``kind``.

    Args:
        today: the day that no date in a cell may lie after.
        refused: warning codes that count as errors here.
        divisions: editions of division codes beyond the package's.
    """
    cleanser = KINDS[kind]
    plain = _Plain(kind, kind, options=dict(options or {}))
    context = CellContext(plain, plain, None, today, divisions)
    wrong = {code for code, meaning in cleanser.codes.items() if meaning.severity == "error"} | set(refused)
    verdicts = np.array([True, *[code not in wrong for code in cleanser.codes]])

    def judge(text: pl.Series) -> pl.Series:
        _, codes = cleanser.judge(text.rechunk(), context)
        return pl.Series(verdicts[codes])

    return judge


def text_of(column: pd.Series) -> pl.Series:
    """A pandas column as text: whole numbers without a point, whatever pandas made of them."""
    return pl.Series([_spelled(value) if there else None for value, there in zip(column, column.notna(), strict=True)], dtype=pl.String)


def _spelled(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def in_pandas(column: pd.Series, judge: Judge) -> pd.Series:
    """GX's pandas form: the verdicts under the column's own index."""
    return pd.Series(judge(text_of(column)).to_numpy(), index=column.index, dtype=bool)


def fused_by(judge_of: Callable[[Mapping[str, Any]], Judge]) -> Callable[[Table, Values, Values], Condition]:
    """The fused form of a column condition; ``judge_of`` gets the metric's values."""

    def fused(table: Table, domain: Values, values: Values) -> Condition:
        column = domain["column"]
        holds = table.text(column).map_batches(judge_of(values), return_dtype=pl.Boolean, is_elementwise=True)
        return Condition.of(table.rows(domain) & table.col(column).is_not_null(), holds)

    fused.__wrapped__ = judge_of  # type: ignore[attr-defined]  # what reads the metric's values, for who looks at the source
    return fused

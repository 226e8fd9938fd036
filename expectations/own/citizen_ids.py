"""What an 18-digit citizen id says about its holder (GB 11643-1999): digits 7-14 the day of birth, digit 17 odd for men, even for women.

Only ids of that form speak; a 15-digit or malformed one is the conformity rule's matter. The metrics below therefore count as
applicable only the rows where both columns speak, and GX's ``missing_count`` holds the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import polars as pl
from great_expectations.expectations.metrics.map_metric_provider import ColumnPairMapMetricProvider

from expectations.own.asked_rows import AskedRows

FORM = r"^[0-9]{17}[0-9X]$"


def speaking(ids: pl.Expr) -> pl.Expr:
    """The ids of the full form; null elsewhere."""
    return pl.when(ids.str.contains(FORM)).then(ids)


def speaking_in_pandas(ids: pd.Series) -> pd.Series:
    texts = ids.astype("str")
    return texts.where(texts.str.fullmatch(FORM[1:-1], na=False).astype(bool))


class CitizenIdPair(AskedRows, ColumnPairMapMetricProvider):
    """A column held against what the citizen id in ``column_B`` says. Subclasses define ``applicable_in_pandas`` and a condition."""

    condition_domain_keys = ("batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser")
    condition_value_keys: tuple[str, ...] = ()

    @staticmethod
    def applicable_in_pandas(column_a: pd.Series, column_b: pd.Series) -> pd.Series:
        raise NotImplementedError

    @classmethod
    def asked_in_pandas(cls, frame: pd.DataFrame, domain: Mapping[str, Any], values: Mapping[str, Any]) -> pd.Series:
        return cls.applicable_in_pandas(frame[domain["column_A"]], frame[domain["column_B"]])

"""A column holds division codes (GB/T 2260 with GB/T 10114), valid on one day or in any year."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import polars as pl
from great_expectations.compatibility.pydantic import Field
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import ColumnMapMetricProvider, column_condition_partial

from districtlake.quality.own_expectations import LENGTHS
from expectations.conditions import CONDITIONS
from expectations.own.bilingual import BilingualText
from expectations.own.division_codes import valid_in, year_of
from expectations.own.judged import Judge, fused_by, in_pandas
from expectations.surroundings import data_date, divisions

METRIC = "column_values.valid_division_code"


def judge_of(values: Mapping[str, Any]) -> Judge:
    stated = values.get("valid_on")
    day = data_date() if stated == "data_date" else None if stated is None else date.fromisoformat(str(stated))
    year, lengths, editions = year_of(day), tuple(values.get("lengths") or LENGTHS), divisions()

    def judge(text: pl.Series) -> pl.Series:
        return valid_in(text, np.full(len(text), year, dtype=np.int64), lengths, editions)

    return judge


class ColumnValuesValidDivisionCode(ColumnMapMetricProvider):
    condition_metric_name = METRIC
    condition_value_keys = ("lengths", "valid_on")

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **kwargs: Any) -> pd.Series:
        return in_pandas(column, judge_of(kwargs))


CONDITIONS[METRIC] = fused_by(judge_of)


class ExpectColumnValuesToBeValidDivisionCode(BilingualText, ColumnMapExpectation):
    """Expect each value to be a division code whose county was in use on a day; missing values are not asked.

    The tables know years: a code counts through the year in which it was retired, its successor from that year's beginning.

    Args:
        column: the column, as text.
        lengths: the lengths allowed, of 2, 4, 6, 9 and 12 digits; a longer code is judged by its first six.
        valid_on: a day (ISO); ``data_date``: the day the delivery's data speak of; None, or a delivery without that day: known in any
            year. A day before 1980, when there were no codes, counts as none.
    """

    lengths: list[int] = Field(default=list(LENGTHS))
    valid_on: date | Literal["data_date"] | None = None

    map_metric: ClassVar[str] = METRIC
    success_keys: ClassVar[tuple[str, ...]] = ("lengths", "valid_on", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "lengths", "valid_on")
    sentence: ClassVar[str] = (
        "$column 须为有效的行政区划代码（GB/T 2260；日期：$valid_on）。Values of $column must be valid division codes (GB/T 2260; on: $valid_on)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column", "valid_on")

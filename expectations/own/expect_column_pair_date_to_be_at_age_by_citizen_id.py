"""On a date a person has reached an age, by the day of birth in their citizen id (GB 11643-1999, digits 7-14)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pandas as pd
import polars as pl
from great_expectations.compatibility.pydantic import Field
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import column_pair_condition_partial

from expectations.conditions import CONDITIONS
from expectations.literals import Unfused, is_textual
from expectations.own.bilingual import BilingualText
from expectations.own.citizen_ids import CitizenIdPair, speaking, speaking_in_pandas
from expectations.table import Condition, Table, Values

METRIC = "column_pair_values.date_at_age_by_citizen_id"


def _days(dates: pd.Series) -> pd.Series:
    return pd.to_datetime(dates, errors="coerce")


def _born(ids: pd.Series) -> pd.Series:
    """The id's day of birth; missing where the id does not speak or the day does not exist."""
    return pd.to_datetime(speaking_in_pandas(ids).str.slice(6, 14), format="%Y%m%d", errors="coerce")


class ColumnPairDateAtAgeByCitizenId(CitizenIdPair):
    condition_metric_name = METRIC
    condition_value_keys = ("min_years",)

    @staticmethod
    def applicable_in_pandas(column_a: pd.Series, column_b: pd.Series) -> pd.Series:
        return _days(column_a).notna() & _born(column_b).notna()

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, min_years: int, **kwargs: Any) -> pd.Series:
        applicable = ColumnPairDateAtAgeByCitizenId.applicable_in_pandas(column_A, column_B)
        reached = _born(column_B).map(lambda day: day + pd.DateOffset(years=min_years), na_action="ignore")
        return ~applicable | (_days(column_A) >= pd.to_datetime(reached)).astype(bool)


def fused(table: Table, domain: Values, values: Values) -> Condition:
    stated, ids = domain["column_A"], domain["column_B"]
    if not isinstance(table.dtype(stated), (pl.Date, pl.Datetime)) or not is_textual(table.dtype(ids)):
        raise Unfused("a date that is no date")
    day = table.col(stated).dt.date()
    born = speaking(table.text(ids)).str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    reached = born.dt.offset_by(f"{int(values['min_years'])}y")
    return Condition.of(table.rows(domain) & day.is_not_null() & born.is_not_null(), day >= reached)


CONDITIONS[METRIC] = fused


class ExpectColumnPairDateToBeAtAgeByCitizenId(BilingualText, ColumnPairMapExpectation):
    """Expect the person of the 18-digit citizen id in ``column_B`` to be ``min_years`` or older on the date in ``column_A``.

    Who was born on 29 February comes of age on the 28th of a common year. Rows where either is missing, or where the id is not of
    the 18-digit form with a day that exists, are not asked.
    """

    min_years: int = Field(ge=0, le=150)

    ignore_row_if: Literal["either_value_is_missing"] = "either_value_is_missing"  # as GX's pairs have it; nothing else has a meaning here

    map_metric: ClassVar[str] = METRIC
    success_keys: ClassVar[tuple[str, ...]] = ("min_years", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column_A", "column_B", "min_years")
    sentence: ClassVar[str] = (
        "$column_A 当日，$column_B 所指的人须年满 $min_years 周岁。On $column_A the person of $column_B must be $min_years years old."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column_A", "column_B", "min_years")

"""The birth date a person's record states is the one in their citizen id (GB 11643-1999, digits 7-14)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pandas as pd
import polars as pl
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import column_pair_condition_partial

from expectations.conditions import CONDITIONS
from expectations.literals import Unfused, is_textual
from expectations.own.bilingual import BilingualText
from expectations.own.citizen_ids import CitizenIdPair, speaking, speaking_in_pandas
from expectations.table import Condition, Table, Values

METRIC = "column_pair_values.birth_date_matches_citizen_id"


def _days(dates: pd.Series) -> pd.Series:
    return pd.to_datetime(dates, errors="coerce").dt.strftime("%Y%m%d").astype("str")


def _born(ids: pd.Series) -> pd.Series:
    """The id's day of birth as text; missing where the id does not speak or the day does not exist."""
    digits = speaking_in_pandas(ids).str.slice(6, 14)
    return digits.where(pd.to_datetime(digits, format="%Y%m%d", errors="coerce").notna())


class ColumnPairBirthDateMatchesCitizenId(CitizenIdPair):
    condition_metric_name = METRIC

    @staticmethod
    def applicable_in_pandas(column_a: pd.Series, column_b: pd.Series) -> pd.Series:
        return _days(column_a).notna() & _born(column_b).notna()

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, **kwargs: Any) -> pd.Series:
        applicable = ColumnPairBirthDateMatchesCitizenId.applicable_in_pandas(column_A, column_B)
        return ~applicable | (_days(column_A) == _born(column_B)).astype(bool)


def fused(table: Table, domain: Values, values: Values) -> Condition:
    stated, ids = domain["column_A"], domain["column_B"]
    if not isinstance(table.dtype(stated), (pl.Date, pl.Datetime)) or not is_textual(table.dtype(ids)):
        raise Unfused("a birth date that is no date")
    day = table.col(stated).dt.date()
    born = speaking(table.text(ids)).str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    return Condition.of(table.rows(domain) & day.is_not_null() & born.is_not_null(), day == born)


CONDITIONS[METRIC] = fused


class ExpectColumnPairBirthDateToMatchCitizenId(BilingualText, ColumnPairMapExpectation):
    """Expect the birth date in ``column_A`` to be that of the 18-digit citizen id in ``column_B``.

    Rows where either is missing, or where the id is not of the 18-digit form with a day that exists, are not asked.
    """

    ignore_row_if: Literal["either_value_is_missing"] = "either_value_is_missing"  # as GX's pairs have it; nothing else has a meaning here

    map_metric: ClassVar[str] = METRIC
    args_keys: ClassVar[tuple[str, ...]] = ("column_A", "column_B")
    sentence: ClassVar[str] = (
        "$column_A 须与 $column_B 第7至14位的出生日期一致。$column_A must be the birth date in digits 7-14 of $column_B."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column_A", "column_B")

"""A division code was in use on the date beside it (GB/T 2260 through time)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import polars as pl
from great_expectations.compatibility.pydantic import Field
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import ColumnPairMapMetricProvider, column_pair_condition_partial

from districtlake.quality.own_expectations import LENGTHS
from expectations.conditions import CONDITIONS
from expectations.literals import Unfused
from expectations.own.asked_rows import AskedRows
from expectations.own.bilingual import BilingualText
from expectations.own.division_codes import NOT_DATED, valid_in
from expectations.own.judged import text_of
from expectations.surroundings import divisions
from expectations.table import Condition, Table, Values

METRIC = "column_pair_values.division_code_valid_on_date"


class ColumnPairDivisionCodeValidOnDate(AskedRows, ColumnPairMapMetricProvider):
    condition_metric_name = METRIC
    condition_domain_keys = ("batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser")
    condition_value_keys = ("lengths",)

    @classmethod
    def asked_in_pandas(cls, frame: pd.DataFrame, domain: Mapping[str, Any], values: Mapping[str, Any]) -> pd.Series:
        return frame[domain["column_A"]].notna()

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, lengths: Sequence[int], **kwargs: Any) -> pd.Series:
        years = np.asarray(pd.to_datetime(column_B, errors="coerce").dt.year.fillna(NOT_DATED), dtype=np.int64)
        held = valid_in(text_of(column_A), years, tuple(lengths or LENGTHS), divisions()).to_numpy()
        return column_A.isna() | pd.Series(held, index=column_A.index, dtype=bool)


def fused(table: Table, domain: Values, values: Values) -> Condition:
    code, day = domain["column_A"], domain["column_B"]
    if not isinstance(table.dtype(day), (pl.Date, pl.Datetime)):
        raise Unfused("a date that is no date")
    lengths, editions = tuple(values.get("lengths") or LENGTHS), divisions()
    year = table.col(day).dt.year().cast(pl.Int64).fill_null(NOT_DATED)

    def judge(fields: pl.Series) -> pl.Series:
        return valid_in(fields.struct.field("code"), fields.struct.field("year").to_numpy().astype(np.int64), lengths, editions)

    both = pl.struct(table.text(code).alias("code"), year.alias("year"))
    holds = both.map_batches(judge, return_dtype=pl.Boolean, is_elementwise=True)
    return Condition.of(table.rows(domain) & table.col(code).is_not_null(), holds)


CONDITIONS[METRIC] = fused


class ExpectColumnPairDivisionCodeToBeValidOnDate(BilingualText, ColumnPairMapExpectation):
    """Expect the division code in ``column_A`` to have been in use on the date in ``column_B``.

    Rows without a code are not asked. A row without a date, or dated before 1980, when there were no codes, passes with a code known
    in any year. Never hold a place of birth or the region of a citizen id against the date of birth: numbers were given later.

    Args:
        column_A: the code, as text.
        column_B: the date.
        lengths: the lengths allowed, of 2, 4, 6, 9 and 12 digits; a longer code is judged by its first six.
    """

    lengths: list[int] = Field(default=list(LENGTHS))

    ignore_row_if: Literal["either_value_is_missing"] = "either_value_is_missing"  # as GX's pairs have it; what is asked is said above

    map_metric: ClassVar[str] = METRIC
    success_keys: ClassVar[tuple[str, ...]] = ("lengths", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column_A", "column_B", "lengths")
    sentence: ClassVar[str] = (
        "$column_A 须为 $column_B 当时有效的行政区划代码（GB/T 2260）。$column_A must be a division code valid on $column_B (GB/T 2260)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column_A", "column_B")

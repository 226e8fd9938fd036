"""A column holds citizen identification numbers (GB 11643-1999), by the standard's order of tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd
import polars as pl
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import ColumnMapMetricProvider, column_condition_partial

from expectations.conditions import CONDITIONS
from expectations.own.bilingual import BilingualText
from expectations.own.judged import Judge, conforming, fused_by, in_pandas
from expectations.surroundings import divisions, today

METRIC = "column_values.valid_citizen_id"
ARGUMENTS = ("accept_15_digits", "accept_residence_permits", "accept_foreigners", "region_known")

_RESIDENT = r"^8[123][0-9]{15}[0-9X]$"
_FOREIGNER = r"^9[0-9]{16}[0-9X]$"


def judge_of(values: Mapping[str, Any]) -> Judge:
    residents, foreigners = values.get("accept_residence_permits"), values.get("accept_foreigners")
    refusals = {
        "legacy_15": not values.get("accept_15_digits"), "foreigner_legacy": not foreigners, "unknown_region": values.get("region_known"),
    }  # fmt: skip
    conforms = conforming("citizen_id", today(), [code for code, refused in refusals.items() if refused], divisions=divisions())
    barred = [pattern for pattern, taken in ((_RESIDENT, residents), (_FOREIGNER, foreigners)) if not taken]

    def judge(text: pl.Series) -> pl.Series:
        verdict = conforms(text)
        for pattern in barred:
            verdict = verdict & ~text.str.contains(pattern).fill_null(value=False)
        return verdict

    return judge


class ColumnValuesValidCitizenId(ColumnMapMetricProvider):
    condition_metric_name = METRIC
    condition_value_keys = ARGUMENTS

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **kwargs: Any) -> pd.Series:
        return in_pandas(column, judge_of(kwargs))


CONDITIONS[METRIC] = fused_by(judge_of)


class ExpectColumnValuesToBeValidCitizenId(BilingualText, ColumnMapExpectation):
    """Expect each value to be a citizen identification number: length, characters, birth date, check digit, province, in this order.

    A birth after the day of receipt or before 1900 is no birth date. The region need not have existed in the year of birth, nor be
    known at all unless ``region_known`` is set: the table of divisions may be late. Missing values are not asked.

    Args:
        column: the column, as text.
        accept_15_digits: take the 15-digit numbers given until 1999, which have no check digit.
        accept_residence_permits: take those of residents from Hong Kong, Macao and Taiwan (regions 81, 82, 83).
        accept_foreigners: take those of foreigners' permanent residence, of 18 digits beginning with 9, or of 3 letters and 12 digits.
        region_known: refuse a region that no year's table of divisions has.
    """

    accept_15_digits: bool = False
    accept_residence_permits: bool = True
    accept_foreigners: bool = True
    region_known: bool = False

    map_metric: ClassVar[str] = METRIC
    success_keys: ClassVar[tuple[str, ...]] = (*ARGUMENTS, "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", *ARGUMENTS)
    sentence: ClassVar[str] = (
        "$column 须为有效的公民身份号码（GB 11643-1999）。Values of $column must be valid citizen identification numbers (GB 11643-1999)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column",)

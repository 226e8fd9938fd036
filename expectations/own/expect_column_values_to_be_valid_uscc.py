"""A column holds unified social credit identifiers (GB 32100-2015)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import ColumnMapMetricProvider, column_condition_partial

from expectations.conditions import CONDITIONS
from expectations.own.bilingual import BilingualText
from expectations.own.judged import Judge, conforming, fused_by, in_pandas

METRIC = "column_values.valid_uscc"


def judge_of(values: Mapping[str, Any]) -> Judge:
    refused = ["legacy_registration_number", *(["org_code_check"] if values.get("org_code_check") else [])]
    return conforming("uscc", refused=refused)


class ColumnValuesValidUscc(ColumnMapMetricProvider):
    condition_metric_name = METRIC
    condition_value_keys = ("org_code_check",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **kwargs: Any) -> pd.Series:
        return in_pandas(column, judge_of(kwargs))


CONDITIONS[METRIC] = fused_by(judge_of)


class ExpectColumnValuesToBeValidUscc(BilingualText, ColumnMapExpectation):
    """Expect each value to be a unified social credit identifier: 18 characters of its alphabet, the check character, no placeholder.

    Missing values are not asked; an unknown authority or division passes.

    Args:
        column: the column, as text.
        org_code_check: demand, too, that characters 9 to 17 are an organisation code by GB 11714-1997. Some newly registered bodies
            carry one that is not.
    """

    org_code_check: bool = False

    map_metric: ClassVar[str] = METRIC
    success_keys: ClassVar[tuple[str, ...]] = ("org_code_check", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "org_code_check")
    sentence: ClassVar[str] = (
        "$column 须为有效的统一社会信用代码（GB 32100-2015）。Values of $column must be valid unified social credit identifiers (GB 32100-2015)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column",)

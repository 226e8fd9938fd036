"""A column holds organisation codes (GB 11714-1997)."""

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

METRIC = "column_values.valid_org_code"


def judge_of(values: Mapping[str, Any]) -> Judge:
    return conforming("org_code")


class ColumnValuesValidOrgCode(ColumnMapMetricProvider):
    condition_metric_name = METRIC
    condition_value_keys = ()

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **kwargs: Any) -> pd.Series:
        return in_pandas(column, judge_of(kwargs))


CONDITIONS[METRIC] = fused_by(judge_of)


class ExpectColumnValuesToBeValidOrgCode(BilingualText, ColumnMapExpectation):
    """Expect each value to be an organisation code of nine characters without hyphen: its check character holds, and it is no placeholder.

    Missing values are not asked.
    """

    map_metric: ClassVar[str] = METRIC
    args_keys: ClassVar[tuple[str, ...]] = ("column",)
    sentence: ClassVar[str] = (
        "$column 须为有效的组织机构代码（GB 11714-1997）。Values of $column must be valid organisation codes (GB 11714-1997)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column",)

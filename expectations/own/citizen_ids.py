"""What an 18-digit citizen id says about its holder (GB 11643-1999): digits 7-14 the day of birth, digit 17 odd for men, even for women.

Only ids of that form speak; a 15-digit or malformed one is the conformity rule's matter. The metrics below therefore count as
applicable only the rows where both columns speak, and GX's ``missing_count`` holds the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import polars as pl
from great_expectations.core.metric_function_types import MetricFunctionTypes, SummarizationMetricNameSuffixes
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.metrics.map_metric_provider import ColumnPairMapMetricProvider
from great_expectations.expectations.registry import register_metric

FORM = r"^[0-9]{17}[0-9X]$"


def speaking(ids: pl.Expr) -> pl.Expr:
    """The ids of the full form; null elsewhere."""
    return pl.when(ids.str.contains(FORM)).then(ids)


def speaking_in_pandas(ids: pd.Series) -> pd.Series:
    texts = ids.astype("str")
    return texts.where(texts.str.fullmatch(FORM[1:-1], na=False).astype(bool))


class CitizenIdPair(ColumnPairMapMetricProvider):
    """A column held against what the citizen id in ``column_B`` says. Subclasses define ``applicable_in_pandas`` and a condition."""

    condition_domain_keys = ("batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser")
    condition_value_keys: tuple[str, ...] = ()

    @staticmethod
    def applicable_in_pandas(column_a: pd.Series, column_b: pd.Series) -> pd.Series:
        raise NotImplementedError

    @classmethod
    def _register_metric_functions(cls) -> None:
        super()._register_metric_functions()
        if hasattr(cls, "condition_metric_name"):
            register_metric(
                metric_name=f"{cls.condition_metric_name}.{SummarizationMetricNameSuffixes.FILTERED_ROW_COUNT.value}",
                metric_domain_keys=cls.condition_domain_keys,
                metric_value_keys=(*cls.condition_value_keys, "result_format"),
                execution_engine=PandasExecutionEngine,
                metric_class=cls,
                metric_provider=_applicable_rows,
                metric_fn_type=MetricFunctionTypes.VALUE,
            )


def _applicable_rows(
    cls: type[CitizenIdPair], execution_engine: PandasExecutionEngine, metric_domain_kwargs: Mapping[str, Any], **kwargs: Any
) -> int:
    frame = execution_engine.get_domain_records(dict(metric_domain_kwargs))
    column_a, column_b = frame[metric_domain_kwargs["column_A"]], frame[metric_domain_kwargs["column_B"]]
    return int(cls.applicable_in_pandas(column_a, column_b).sum())

"""Metrics of our own that ask only some rows: GX counts as ``missing_count`` the others, which no ``ignore_row_if`` of its own describes.

A provider names the rows it asks in ``asked_in_pandas``; GX's ``filtered_row_count`` is then their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from great_expectations.core.metric_function_types import MetricFunctionTypes, SummarizationMetricNameSuffixes
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.registry import register_metric


class AskedRows:
    """Mixed into a pair or multicolumn map metric provider, before GX's class."""

    condition_metric_name: str
    condition_domain_keys: tuple[str, ...]
    condition_value_keys: tuple[str, ...] = ()

    @classmethod
    def asked_in_pandas(cls, frame: pd.DataFrame, domain: Mapping[str, Any], values: Mapping[str, Any]) -> pd.Series:
        """One flag per row of ``frame`` (the rows that ``row_condition`` selects)."""
        raise NotImplementedError

    @classmethod
    def _register_metric_functions(cls) -> None:
        super()._register_metric_functions()  # type: ignore[misc]
        if hasattr(cls, "condition_metric_name"):
            register_metric(
                metric_name=f"{cls.condition_metric_name}.{SummarizationMetricNameSuffixes.FILTERED_ROW_COUNT.value}",
                metric_domain_keys=cls.condition_domain_keys,
                metric_value_keys=(*cls.condition_value_keys, "result_format"),
                execution_engine=PandasExecutionEngine,
                metric_class=cls,  # type: ignore[arg-type]
                metric_provider=_asked_rows,
                metric_fn_type=MetricFunctionTypes.VALUE,
            )


def _asked_rows(
    cls: type[AskedRows],
    execution_engine: PandasExecutionEngine,
    metric_domain_kwargs: Mapping[str, Any],
    metric_value_kwargs: Mapping[str, Any],
    **kwargs: Any,
) -> int:
    frame = execution_engine.get_domain_records(dict(metric_domain_kwargs))
    return int(cls.asked_in_pandas(frame, metric_domain_kwargs, metric_value_kwargs).sum())

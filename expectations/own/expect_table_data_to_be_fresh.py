"""A delivery's data are not older at their receipt than their update cycle and its grace allow (Article 26; the policy pack's grace)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations.own.bilingual import BilingualText
from expectations.surroundings import freshness

METRIC = "table.data_freshness"


class TableDataFreshness(TableMetricProvider):
    metric_name = METRIC
    value_keys = ("update_cycle",)

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, metric_value_kwargs: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        found = freshness(metric_value_kwargs.get("update_cycle"))
        return {
            "data_date": found.data_date.isoformat(),
            "received_on": found.received_on.isoformat(),
            "days": (found.received_on - found.data_date).days,
            "update_cycle": found.update_cycle,
            "lagging": found.lagging,
        }


class ExpectTableDataToBeFresh(BilingualText, BatchExpectation):
    """Expect the day the delivery's data speak of to lie, at its receipt, within the update cycle and the grace of the policy pack.

    Not evaluated: a delivery that does not say its day, a cycle without due date, a correction.

    Args:
        update_cycle: the cycle to judge by; default: the resource's.
    """

    update_cycle: Literal["realtime", "daily", "weekly", "monthly", "quarterly", "half_yearly", "yearly", "irregular", "never"] | None = (
        None
    )

    metric_dependencies: ClassVar[tuple[str, ...]] = (METRIC,)
    success_keys: ClassVar[tuple[str, ...]] = ("update_cycle",)
    args_keys: ClassVar[tuple[str, ...]] = ("update_cycle",)
    sentence: ClassVar[str] = (
        "数据日期须在更新周期及宽限期内（周期：$update_cycle）。The data must be no older than their update cycle and its grace (cycle: $update_cycle)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("update_cycle",)

    def _validate(self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None) -> dict[str, Any]:
        found = metrics[METRIC]
        return {"success": not found["lagging"], "result": {"observed_value": {k: v for k, v in found.items() if k != "lagging"}}}

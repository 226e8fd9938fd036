"""A delivery has about as many rows as the ones before it."""

from __future__ import annotations

from statistics import median
from typing import Any, ClassVar

from great_expectations.compatibility.pydantic import Field
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations.own.bilingual import BilingualText
from expectations.surroundings import earlier_row_counts

METRIC = "table.earlier_row_counts"
ROW_COUNT = "table.row_count"


class TableEarlierRowCounts(TableMetricProvider):
    metric_name = METRIC
    value_keys = ("last",)

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, metric_value_kwargs: dict[str, Any], **kwargs: Any) -> list[int]:
        return list(earlier_row_counts(int(metric_value_kwargs["last"])))


class ExpectTableRowCountToBeNearEarlierDeliveries(BilingualText, BatchExpectation):
    """Expect the number of rows to lie near the median of the last deliveries of the same mode.

    Near is within ``within`` × median or within ``mads`` × MAD (the median of the distances from the median), the wider where both are
    given: a register that hardly moves has a MAD of zero and needs ``within``, too. Rows that repeat another are not counted.
    Not evaluated: fewer than ``at_least`` deliveries before, a correction.

    Args:
        within: share of the median, 0.2 for a fifth.
        mads: multiples of the MAD.
        last: how many deliveries to look back.
        at_least: how many there must be.
    """

    within: float | None = Field(default=None, ge=0)
    mads: float | None = Field(default=None, ge=0)
    last: int = Field(default=10, ge=1, le=100)
    at_least: int = Field(default=3, ge=1, le=100)

    metric_dependencies: ClassVar[tuple[str, ...]] = (ROW_COUNT, METRIC)
    success_keys: ClassVar[tuple[str, ...]] = ("within", "mads", "last", "at_least")
    args_keys: ClassVar[tuple[str, ...]] = ("within", "mads", "last", "at_least")
    sentence: ClassVar[str] = (
        "行数须接近最近 $last 次交付的中位数（±$within；$mads 倍绝对中位差）。"
        "The row count must be near the median of the last $last deliveries (±$within; $mads median deviations)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("last", "within", "mads")

    def _validate(self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None) -> dict[str, Any]:
        rows, earlier = metrics[ROW_COUNT], metrics[METRIC]
        middle = median(earlier)
        deviation = median(abs(count - middle) for count in earlier)
        tolerance = max((self.within or 0) * middle, (self.mads or 0) * deviation)
        seen = {"rows": rows, "median": middle, "mad": deviation, "deliveries": len(earlier), "tolerance": round(tolerance, 6)}
        return {"success": abs(rows - middle) <= tolerance + 1e-9, "result": {"observed_value": seen}}

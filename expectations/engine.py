"""The fused execution engine: GX asks its metrics, one Polars pass answers them.

GX asks in levels: ``table.*``, then every ``*.condition`` at once, then every ``*.unexpected_*`` at once. Conditions are compiled at
their level and not computed; at the next level one ``collect`` computes them all. What is not known here goes to GX's own pandas
engine, on a pandas frame made only then. This is GX-internal protocol: GX is pinned, ``tests/integration/test_gx_contract.py`` holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import polars as pl
from great_expectations.core.batch import BatchMarkers
from great_expectations.core.batch_spec import RuntimeDataBatchSpec
from great_expectations.datasource.fluent import PandasDatasource
from great_expectations.exceptions import MetricResolutionError
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData
from great_expectations.validator.metric_configuration import MetricConfiguration

from expectations.aggregates import AGGREGATES, as_gx_expects, compile_aggregate
from expectations.conditions import Condition, Table, compile_condition
from expectations.frames import to_pandas
from expectations.literals import Unfused, is_textual

_LENGTHS = "column_values.value_length.map"
_CELL_LISTS = ("column.distinct_values.not_in_set", "column.distinct_values.missing_from_column")


@dataclass(eq=False)
class FusedCondition:
    """What the engine hands GX in the place of a pandas Series of verdicts; computed in the one pass."""

    condition: Condition
    failing: pl.Series | None = None  # Boolean, one a row
    applicable: int = 0
    error: Exception | None = None


class PolarsBatchData(PandasBatchData):
    """A batch whose pandas frame exists only once somebody asks for it."""

    def __init__(self, execution_engine: FusedEngine):
        super().__init__(execution_engine=execution_engine, dataframe=pd.DataFrame())
        self._engine = execution_engine

    @property
    def dataframe(self) -> pd.DataFrame:
        return self._engine.pandas_frame()


class FusedEngine(PandasExecutionEngine):
    """One validation of one frame: ``begin`` it, run GX, read ``failing_rows`` and ``fell_through``.

    Attributes:
        fell_through: metrics (by GX's id) that GX's pandas engine answered from cells.
        errors: metrics that raised, with what they raised.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.begin(pl.DataFrame())

    def begin(self, frame: pl.DataFrame) -> None:
        self.table = Table(frame)
        self.fell_through: set[tuple[Any, ...]] = set()
        self.errors: dict[tuple[Any, ...], Exception] = {}
        self._answers: dict[tuple[Any, ...], Any] = {}
        self._conditions: dict[tuple[Any, ...], Any] = {}  # by the id of the unexpected_count that GX asked
        self._pandas: dict[str, pd.Series] = {}
        self._wanted: list[str] | None = None
        self._cells_read = False
        self.__dict__.pop("column_types", None)

    # ---- what GX asks of an engine

    def get_batch_data_and_markers(self, batch_spec: Any) -> tuple[PandasBatchData, BatchMarkers]:
        if not isinstance(batch_spec, RuntimeDataBatchSpec):
            raise TypeError("the fused engine validates the frame it was begun with")
        batch_spec.batch_data = "PolarsDataFrame"  # as GX does: a batch spec holds no data
        return PolarsBatchData(self), BatchMarkers({"ge_load_time": None})

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: dict[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        wanted = list(metrics_to_resolve)
        if not wanted:
            return metrics or {}
        known = {**(metrics or {}), **self._answers}
        self._collect(wanted, known)
        failed = []
        for metric in wanted:
            if metric.id in self._answers:
                continue
            try:
                # GX asks a failed metric three times over: the second answer is the first one's.
                if metric.id in self.errors:
                    raise self.errors[metric.id]
                self._answers[metric.id] = self._answer(metric, known, runtime_configuration)
            except Exception as error:  # whatever a metric raises is that metric's failure, as in GX
                self.errors[metric.id] = error
                failed.append(metric)
        if failed:
            raise MetricResolutionError(message=type(self.errors[failed[0].id]).__name__, failed_metrics=tuple(failed))
        return {metric.id: self._answers[metric.id] for metric in wanted}

    def get_domain_records(self, domain_kwargs: dict[str, Any]) -> pd.DataFrame:
        self._wanted = self._columns_of(domain_kwargs)
        try:
            return super().get_domain_records(domain_kwargs)
        finally:
            self._wanted = None

    # ---- what validate asks

    def condition_of(self, count: MetricConfiguration) -> Any:
        """The condition behind an ``unexpected_count``: a ``FusedCondition``, or pandas' verdicts; None when GX never asked."""
        return self._conditions.get(count.id)

    def failing_rows(self, condition: Any) -> pl.Series:
        """Positions (UInt32) of the rows that fail a condition."""
        if isinstance(condition, FusedCondition):
            assert condition.failing is not None
            return condition.failing.arg_true()
        positions = np.flatnonzero(np.asarray(condition) == True)  # noqa: E712  object arrays of verdicts exist
        if isinstance(condition, pd.Series):
            positions = condition.index.to_numpy()[positions]
        return pl.Series(positions, dtype=pl.UInt32)

    def pandas_frame(self) -> pd.DataFrame:
        """The frame for GX's pandas engine; of the columns the metric at hand names, when it names them."""
        self._cells_read = True
        columns = list(self.table.columns) if self._wanted is None else self._wanted
        missing = [column for column in columns if column not in self._pandas]
        if missing:
            made = to_pandas(self.table.frame.select(missing))
            self._pandas.update({column: made[column] for column in missing})
        return pd.DataFrame({column: self._pandas[column] for column in columns}, index=pd.RangeIndex(self.table.frame.height), copy=False)

    # ---- answers

    def _answer(self, metric: MetricConfiguration, known: Mapping[Any, Any], runtime_configuration: dict[str, Any] | None) -> Any:
        name, domain, values = metric.metric_name, metric.metric_domain_kwargs, metric.metric_value_kwargs
        if name == "table.column_types":
            return self.column_types
        if name == "table.columns":
            return list(self.table.columns)
        if name == "table.row_count":
            return self._row_count(domain)
        if name in _CELL_LISTS:
            return []  # cells, for people to read; the count beside them decides
        if name == _LENGTHS and self._textual(domain.get("column")):
            return None, domain, domain  # the conditions on lengths ask the column itself
        if name.endswith(".condition"):
            try:
                condition = compile_condition(self.table, name.removesuffix(".condition"), domain, values)
                return FusedCondition(condition), domain, domain
            except Unfused:
                pass
        behind = self._behind(metric, known)
        if name.endswith(".unexpected_values") and not values.get("result_format", {}).get("partial_unexpected_count"):
            return []  # no cell is asked for, and none leaves
        if isinstance(behind, FusedCondition):
            if behind.error is not None:
                raise behind.error
            if name.endswith(".unexpected_count"):
                self._conditions[metric.id] = behind
                assert behind.failing is not None
                return int(behind.failing.sum())
            if name.endswith(".filtered_row_count"):
                return behind.applicable
            raise NotImplementedError(f"{name} of a fused condition")
        answer = self._ask_pandas(metric, known, runtime_configuration)
        if name.endswith(".unexpected_count") and behind is not None:
            self._conditions[metric.id] = behind
        return answer

    def _ask_pandas(self, metric: MetricConfiguration, known: Mapping[Any, Any], runtime_configuration: dict[str, Any] | None) -> Any:
        self._cells_read = False
        answers = super().resolve_metrics([metric], dict(known), runtime_configuration)
        if self._cells_read:
            self.fell_through.add(metric.id)
        return answers[metric.id]

    def _collect(self, wanted: list[MetricConfiguration], known: Mapping[Any, Any]) -> None:
        """The one pass: every condition that is about to be counted, every aggregate that is asked."""
        pending: dict[int, FusedCondition] = {}
        for metric in wanted:
            behind = self._behind(metric, known)
            if isinstance(behind, FusedCondition) and behind.failing is None:
                pending[id(behind)] = behind
        if pending:
            conditions = list(pending.values())
            try:
                self._compute(conditions)
            except pl.exceptions.PolarsError:
                for fused in conditions:  # one of them cannot be computed: which, and the others all the same
                    try:
                        self._compute([fused])
                    except pl.exceptions.PolarsError as error:
                        fused.error = error
        self._aggregate([metric for metric in wanted if metric.metric_name in AGGREGATES and metric.id not in self._answers])

    def _compute(self, conditions: list[FusedCondition]) -> None:
        expressions = []
        for number, fused in enumerate(conditions):
            expressions += [fused.condition.fails.alias(f"fails_{number}"), fused.condition.applies.alias(f"applies_{number}")]
        # The row number keeps the height where every verdict is a constant.
        flags = self.table.frame.lazy().select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), *expressions).collect()
        for number, fused in enumerate(conditions):
            fused.failing = flags.get_column(f"fails_{number}")
            fused.applicable = int(flags.get_column(f"applies_{number}").sum())

    def _aggregate(self, wanted: list[MetricConfiguration]) -> None:
        expressions = {}
        for metric in wanted:
            try:
                expressions[metric.id] = compile_aggregate(
                    self.table, metric.metric_name, metric.metric_domain_kwargs, metric.metric_value_kwargs
                )
            except Exception:  # pandas answers, or fails as that metric alone
                continue
        if expressions:
            try:
                row = self.table.frame.lazy().select(**{f"value_{n}": e for n, e in enumerate(expressions.values())}).collect().row(0)
            except pl.exceptions.PolarsError:
                return  # pandas answers
            self._answers.update({key: as_gx_expects(value) for key, value in zip(expressions, row, strict=True)})

    @staticmethod
    def _behind(metric: MetricConfiguration, known: Mapping[Any, Any]) -> Any:
        """The verdicts that a ``*.unexpected_*`` metric counts; None for other metrics."""
        dependency = metric.metric_dependencies.get("unexpected_condition")
        return known[dependency.id][0] if dependency is not None and dependency.id in known else None

    def _row_count(self, domain: Mapping[str, Any]) -> int:
        if not domain.get("row_condition"):
            return self.table.frame.height
        rows = self.table.rows(domain)
        return int(self.table.frame.select(rows.sum()).item())

    @cached_property
    def column_types(self) -> list[dict[str, Any]]:
        """The types GX's pandas engine would see; without converting the cells."""
        frame = self.table.frame.select(self.table.columns)
        # One row with a null where the column has one: pandas' types depend on it.
        nulls = [pl.Series(c.name, [None] if c.null_count() else [], dtype=c.dtype) for c in frame.get_columns()]
        return [{"name": column.name, "type": to_pandas(column.to_frame())[column.name].dtype} for column in nulls]

    def _textual(self, column: str | None) -> bool:
        dtype = self.table.schema.get(column or "")
        return dtype is not None and (is_textual(dtype) or dtype.is_integer())

    def _columns_of(self, domain: Mapping[str, Any]) -> list[str] | None:
        """The columns a metric's domain names; None when it may want any."""
        named = [domain[key] for key in ("column", "column_A", "column_B") if domain.get(key)] + list(domain.get("column_list") or ())
        if not named or any(column not in self.table.schema for column in named):
            return None
        condition = str(domain.get("row_condition") or "")
        return list(dict.fromkeys([*named, *[column for column in self.table.columns if column in condition]]))


_EngineType = type[FusedEngine]  # the class below has a field named type


class FusedPandasDatasource(PandasDatasource):
    """GX's pandas data source with the fused engine in the place of its own."""

    type: Literal["fused_pandas"] = "fused_pandas"  # type: ignore[assignment]
    execution_engine_override: ClassVar[_EngineType] = FusedEngine

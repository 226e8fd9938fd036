"""The fused execution engine: GX asks its metrics, one Polars pass answers them.

GX asks in levels: ``table.*``, then every ``*.condition`` and aggregate at once, then every ``*.unexpected_*`` at once. Where it asks
the conditions, they are compiled and computed together with the aggregates in one pass over the source. What is not known here goes to
GX's own pandas engine, on a pandas frame made only then, and is timed. This is GX-internal protocol: GX is pinned,
``tests/integration/test_gx_contract.py`` holds it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
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

from districtlake.quality.validation import ReferenceUnreadable
from expectations import one_pass, unexpected
from expectations.aggregates import AGGREGATES, as_gx_expects, compile_aggregate
from expectations.conditions import compile_condition
from expectations.frames import to_pandas
from expectations.literals import is_textual
from expectations.one_pass import Asked, Verdict
from expectations.sources import FrameSource, Source, SourceUnreadable
from expectations.table import Condition, Table

_LENGTHS = "column_values.value_length.map"
_SCORES = "column_values.z_score.map"
_CELL_LISTS = ("column.distinct_values.not_in_set", "column.distinct_values.missing_from_column")


class PolarsBatchData(PandasBatchData):
    """A batch whose pandas frame exists only once somebody asks for it."""

    def __init__(self, execution_engine: FusedEngine):
        super().__init__(execution_engine=execution_engine, dataframe=pd.DataFrame())
        self._engine = execution_engine

    @property
    def dataframe(self) -> pd.DataFrame:
        return self._engine.pandas_frame()


class FusedEngine(PandasExecutionEngine):
    """One validation of one source: ``begin`` it, run GX, read ``failing_rows`` and ``fell_through``.

    Attributes:
        fell_through: seconds of each metric (by GX's id) that GX's pandas engine answered from cells.
        errors: metrics that raised, with what they raised.
        passes: how often the source was read for conditions and aggregates.
        unreadable: why the source, or the rows it refers to, could not be read.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.begin(FrameSource(pl.DataFrame()))

    def begin(self, source: Source, foreseen: Iterable[MetricConfiguration] = (), *, shows_cells: bool = False) -> None:
        """Take a source.

        Args:
            foreseen: conditions that GX will ask a level late; they join the first pass.
            shows_cells: answer with lists of different cells, too, where GX has no result format that says whether they are wanted.
        """
        self.table = Table(source)
        self.fell_through: dict[tuple[Any, ...], float] = {}
        self.errors: dict[tuple[Any, ...], Exception] = {}
        self.passes = 0
        self.unreadable: SourceUnreadable | ReferenceUnreadable | None = None
        self._foreseen = list(foreseen)
        self._shows_cells = shows_cells
        self._answers: dict[tuple[Any, ...], Any] = {}
        self._verdicts: dict[tuple[Any, ...], Verdict | None] = {}  # by the id of the condition; None: pandas decides
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
        try:
            self._pass(wanted, known)
        except (SourceUnreadable, ReferenceUnreadable) as error:  # GX would make it a failure of each metric
            self.unreadable = error
            raise
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
        """The condition behind an ``unexpected_count``: a ``Verdict``, or pandas' verdicts; None when GX never asked."""
        return self._conditions.get(count.id)

    def unfused_seconds(self) -> dict[tuple[Any, ...], float]:
        """Seconds spent cell by cell, by metric: in GX's pandas engine, or in Python inside the pass."""
        inside = {
            key: verdict.condition.python.seconds
            for key, verdict in self._verdicts.items()
            if verdict is not None and isinstance(verdict.condition, Condition) and verdict.condition.python is not None
        }
        return {**self.fell_through, **inside}

    def failing_rows(self, condition: Any) -> pl.Series:
        """Positions (UInt32) of the rows that fail a condition."""
        if isinstance(condition, Verdict):
            assert condition.failing is not None
            return condition.failing
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
            made = to_pandas(self.table.source.whole(missing))
            self._pandas.update({column: made[column] for column in missing})
        return pd.DataFrame({column: self._pandas[column] for column in columns}, index=pd.RangeIndex(self.table.height), copy=False)

    # ---- answers

    def _answer(self, metric: MetricConfiguration, known: Mapping[Any, Any], runtime_configuration: dict[str, Any] | None) -> Any:
        name, domain, values = metric.metric_name, metric.metric_domain_kwargs, metric.metric_value_kwargs
        if name == "table.column_types":
            return self.column_types
        if name == "table.columns":
            return list(self.table.columns)
        if name in _CELL_LISTS and not self._shows_cells:
            return []  # cells, for people to read; the count beside them decides
        if name == _LENGTHS and self._textual(domain.get("column")):
            return None, domain, domain  # the conditions on lengths ask the column itself
        if name.endswith(".condition"):
            verdict = self._verdicts.get(metric.id)
            if verdict is not None:
                return verdict, domain, domain
        behind = self._behind(metric, known)
        if name.endswith(".unexpected_values") and not values.get("result_format", {}).get("partial_unexpected_count"):
            return []  # no cell is asked for, and none leaves
        if isinstance(behind, Verdict):
            if behind.error is not None:
                raise behind.error
            if name.endswith(".unexpected_count"):
                self._conditions[metric.id] = behind
                assert behind.failing is not None
                return len(behind.failing)
            if name.endswith(".filtered_row_count"):
                return behind.applicable
            if name.endswith(".unexpected_values"):
                return unexpected.values(self.table, behind, domain, values["result_format"])
            if name.endswith(".unexpected_index_query"):
                return unexpected.index_query(behind, values["result_format"])
            if name.endswith(".unexpected_index_list"):
                return unexpected.index_list(behind, values["result_format"])
            raise NotImplementedError(f"{name} of a fused condition")
        answer = self._ask_pandas(metric, known, runtime_configuration)
        if name.endswith(".unexpected_count") and behind is not None:
            self._conditions[metric.id] = behind
        return answer

    def _ask_pandas(self, metric: MetricConfiguration, known: Mapping[Any, Any], runtime_configuration: dict[str, Any] | None) -> Any:
        self._cells_read = False
        started = time.perf_counter()
        try:
            answers = super().resolve_metrics([metric], dict(known), runtime_configuration)
        finally:
            if self._cells_read:
                self.fell_through[metric.id] = time.perf_counter() - started
        return answers[metric.id]

    # ---- the pass

    def _pass(self, wanted: list[MetricConfiguration], known: Mapping[Any, Any]) -> None:
        """Compile every condition and aggregate that is asked for, and compute them together."""
        verdicts: list[Verdict] = []
        first = next((metric for metric in wanted if not metric.metric_name.startswith("table.")), None)
        if self._foreseen and first is not None:
            batch = first.metric_domain_kwargs.get("batch_id")  # GX names it in every domain, but only once it has loaded it
            named = [
                MetricConfiguration(metric.metric_name, {**metric.metric_domain_kwargs, "batch_id": batch}, metric.metric_value_kwargs)
                for metric in self._foreseen
            ]
            verdicts = self._compiled(named, known)
            self._foreseen = []
        verdicts += self._compiled([metric for metric in wanted if metric.metric_name.endswith(".condition")], known)
        asked: dict[tuple[Any, ...], Asked] = {}
        for metric in wanted:
            if metric.metric_domain_kwargs.get("table"):
                continue  # another table than this one: GX's own engine says that it has none
            if metric.metric_name == "table.row_count" and not metric.metric_domain_kwargs.get("row_condition"):
                self._answers[metric.id] = self.table.height
            elif metric.metric_name in AGGREGATES and metric.id not in self._answers:
                try:
                    asked[metric.id] = Asked(
                        compile_aggregate(self.table, metric.metric_name, metric.metric_domain_kwargs, metric.metric_value_kwargs)
                    )
                except Exception:  # pandas answers, or fails as that metric alone
                    continue
        self.passes += bool(verdicts or asked)
        one_pass.run(self.table, verdicts, list(asked.values()))
        for metric in wanted:
            one = asked.get(metric.id)
            if one is not None and one.error is None:
                domain = metric.metric_domain_kwargs
                self._answers[metric.id] = (one.value, domain, domain) if metric.metric_name == _SCORES else as_gx_expects(one.value)

    def _compiled(self, metrics: Iterable[MetricConfiguration], known: Mapping[Any, Any]) -> list[Verdict]:
        verdicts = []
        for metric in metrics:
            if metric.id in self._verdicts:
                continue
            behind = {name: known[dependency.id] for name, dependency in metric.metric_dependencies.items() if dependency.id in known}
            try:
                condition = compile_condition(
                    self.table,
                    metric.metric_name.removesuffix(".condition"),
                    metric.metric_domain_kwargs,
                    {**metric.metric_value_kwargs, "_metrics": behind},
                )
            except Exception:  # not only Unfused: on a row condition that names no column GX's own engine raises, for this metric alone
                self._verdicts[metric.id] = None
                continue
            verdict = self._verdicts[metric.id] = Verdict(condition)
            verdicts.append(verdict)
        return verdicts

    @staticmethod
    def _behind(metric: MetricConfiguration, known: Mapping[Any, Any]) -> Any:
        """The verdicts that a ``*.unexpected_*`` metric counts; None for other metrics."""
        dependency = metric.metric_dependencies.get("unexpected_condition")
        return known[dependency.id][0] if dependency is not None and dependency.id in known else None

    @cached_property
    def column_types(self) -> list[dict[str, Any]]:
        """The types GX's pandas engine would see; without converting the cells."""
        schema = self.table.schema
        # One row with a null where the column has one: pandas' types of these depend on it.
        holed = self.table.source.nulls([name for name, dtype in schema.items() if dtype.is_integer() or dtype == pl.Boolean])
        nulls = [pl.Series(name, [None] if name in holed else [], dtype=dtype) for name, dtype in schema.items()]
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

"""Great Expectations in this process: imported quietly, one throw-away context a run, nothing sent anywhere.

A context of its own costs 4 ms; sharing one would keep every suite and every result of the process in its stores.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from expectations.kept_configurations import kept

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.data_context import EphemeralDataContext
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.validator.metric_configuration import MetricConfiguration

    from districtlake.quality.rules import Rule
    from expectations.engine import FusedEngine
    from expectations.sources import Source

RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Counts only. COMPLETE and SUMMARY carry cells, so they are never asked for."""

_LATE = "column_values.value_length."


@cache
def load() -> None:
    """Import GX and our own expectations once. GX's log lines quote cells, so only ours speak."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _without_pyspark(), _when_used("scipy.stats", "altair"):
            import great_expectations  # noqa: F401

        from expectations.own import register

        register()
    logging.captureWarnings(False)  # GX turns Python's warnings into log lines of the whole process


@contextmanager
def _without_pyspark() -> Iterator[None]:
    """GX imports all of pyspark where it is installed, for an engine of its own that is not asked here: one to two seconds a process, and
    ``pyspark.sql.connect`` ends a process whose main module has no file (``python -c``), for it takes it for its doctests."""
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name == "pyspark" or name.startswith("pyspark.")}
    sys.modules["pyspark"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["pyspark"]
        sys.modules.update(hidden)


class _Later(ModuleType):
    """Stands for a module until something in it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


@contextmanager
def _when_used(*names: str) -> Iterator[None]:
    """GX imports these for a handful of statistical expectations and their charts, a quarter of its own import: they are loaded when one
    of those is first used. Whoever else imports them gets the modules themselves."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update({name: _Later(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def new_context() -> EphemeralDataContext:
    load()
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

    defaults = InMemoryStoreBackendDefaults()
    defaults.stores[defaults.validation_results_store_name]["module_name"] = "expectations.results_store"
    configuration = DataContextConfig(
        store_backend_defaults=defaults,
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=configuration)


@dataclass(frozen=True)
class Run:
    """What a ``ValidationDefinition.run()`` gave, and the engine that answered it."""

    suite: ExpectationSuite
    result: ExpectationSuiteValidationResult
    engine: FusedEngine
    context: EphemeralDataContext
    result_format: dict[str, Any]

    def condition_of(self, rule: Rule) -> Any:
        """The verdicts on rows behind a rule's map metric; None for expectations without one."""
        result = self._results[rule.id]
        config = result.expectation_config
        assert config is not None
        metric = getattr(self._expectations[rule.id], "map_metric", None)
        if metric is None:
            return None
        count = _metric(self.engine, f"{metric}.unexpected_count", config, self.result_format)
        return self.engine.condition_of(count)

    def fell_through(self, rules: Iterable[Rule]) -> list[str]:
        """Ids of the rules for which GX's pandas engine read cells."""
        slow = self.engine.fell_through.keys()
        return [rule.id for rule in rules if slow & self._metrics_of(rule)] if slow else []

    def unfused_seconds(self, rules: Iterable[Rule]) -> dict[str, float]:
        """Seconds spent cell by cell for each rule that Polars alone did not judge (what two rules share counts for both)."""
        slow = self.engine.unfused_seconds()
        if not slow:
            return {}
        return {rule.id: sum(slow[metric] for metric in found) for rule in rules if (found := slow.keys() & self._metrics_of(rule))}

    def errors_of(self, rule: Rule) -> list[tuple[str, Exception]]:
        """(metric name, what it raised) for the metrics that the rule rests on."""
        asked = self._metrics_of(rule)
        return [(key[0], error) for key, error in self.engine.errors.items() if key in asked]

    def _metrics_of(self, rule: Rule) -> set[tuple[Any, ...]]:
        """Ids of all metrics that a rule rests on, as GX builds its graph."""
        from great_expectations.validator.metrics_calculator import MetricsCalculator

        config = self._results[rule.id].expectation_config
        assert config is not None
        runtime = {"result_format": dict(self.result_format)}
        dependencies = config.to_domain_obj().get_validation_dependencies(execution_engine=self.engine, runtime_configuration=runtime)
        graph = MetricsCalculator(self.engine).build_metric_dependency_graph(dependencies.get_metric_configurations(), runtime)
        return {edge.left.id for edge in graph.edges}

    @cached_property
    def _results(self) -> dict[str, ExpectationValidationResult]:
        return {result.expectation_config.meta["rule"]: result for result in self.result.results if result.expectation_config}

    @cached_property
    def _expectations(self) -> dict[str, Expectation]:
        return {str((expectation.meta or {})["rule"]): expectation for expectation in self.suite.expectations}


def run(suite: ExpectationSuite, source: Source, result_format: dict[str, Any] | None = None) -> Run:
    """Validate ``source`` against ``suite``. Raises what GX raises.

    Args:
        result_format: GX's; ``RESULT_FORMAT`` unless a test compares results that hold cells.
    """
    context = new_context()
    import great_expectations as gx
    import pandas as pd

    from expectations.engine import FusedEngine, FusedPandasDatasource

    asked = result_format or RESULT_FORMAT
    context.add_or_update_datasource(datasource=FusedPandasDatasource(name="delivery"))
    datasource = context.data_sources.get("delivery")
    assert isinstance(datasource, FusedPandasDatasource)
    batch = datasource.add_dataframe_asset(name="frame").add_batch_definition_whole_dataframe("whole")
    engine = batch.data_asset.datasource.get_execution_engine()
    assert isinstance(engine, FusedEngine)
    definition = gx.ValidationDefinition(name=suite.name, data=batch, suite=context.suites.add(suite))
    with kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GX's and pandas' about their own code
        engine.begin(source, _foreseen(engine, definition.suite, asked), shows_cells=asked.get("partial_unexpected_count") != 0)
        # GX wants a pandas frame; the engine holds the real one.
        result = definition.run(batch_parameters={"dataframe": pd.DataFrame()}, result_format=dict(asked))
    if engine.unreadable is not None:
        raise engine.unreadable
    return Run(definition.suite, result, engine, context, asked)


def _foreseen(engine: FusedEngine, suite: ExpectationSuite, result_format: dict[str, Any]) -> list[MetricConfiguration]:
    """The conditions that GX asks one level after the others, for they rest on a ``.map``: with these known, one pass is enough."""
    foreseen = []
    for expectation in suite.expectations:
        metric = getattr(expectation, "map_metric", None)
        if metric is not None and metric.startswith(_LATE):
            foreseen.append(_metric(engine, f"{metric}.condition", expectation.configuration, result_format))
    return foreseen


def _metric(engine: FusedEngine, name: str, configuration: Any, result_format: dict[str, Any]) -> MetricConfiguration:
    """The very configuration of a metric that GX asks for: by its own functions, defaults included."""
    from great_expectations.expectations.registry import get_metric_kwargs
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.validation_graph import ValidationGraph

    kwargs = get_metric_kwargs(name, configuration=configuration, runtime_configuration={"result_format": dict(result_format)})
    metric = MetricConfiguration(name, kwargs["metric_domain_kwargs"], kwargs["metric_value_kwargs"])
    ValidationGraph(engine).set_metric_configuration_default_kwargs_if_absent(metric)
    return metric


def raised(result: ExpectationValidationResult) -> bool:
    """Whether GX raised on an expectation, or on a metric that it rests on."""
    info: dict[str, Any] = dict(result.exception_info or {})
    # Flat when the expectation raised; one entry a metric when metrics did.
    return bool(info.get("raised_exception")) or any(isinstance(part, dict) and part.get("raised_exception") for part in info.values())

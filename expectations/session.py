"""Great Expectations in this process: imported quietly, one throw-away context a run, nothing sent anywhere.

A context of its own costs 4 ms; sharing one would keep every suite and every result of the process in its stores.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from expectations.kept_configurations import kept

if TYPE_CHECKING:
    import polars as pl
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.data_context import EphemeralDataContext
    from great_expectations.expectations.expectation import Expectation

    from districtlake.quality.rules import Rule
    from expectations.engine import FusedEngine

RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Counts only. COMPLETE and SUMMARY carry cells, so they are never asked for."""


@cache
def load() -> None:
    """Import GX and our own expectations once. GX's log lines quote cells, so only ours speak."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401

        from expectations.own import register

        register()
    logging.captureWarnings(False)  # GX turns Python's warnings into log lines of the whole process


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

    def condition_of(self, rule: Rule) -> Any:
        """The verdicts on rows behind a rule's map metric; None for expectations without one."""
        from great_expectations.expectations.registry import get_metric_kwargs
        from great_expectations.validator.metric_configuration import MetricConfiguration
        from great_expectations.validator.validation_graph import ValidationGraph

        result = self._results[rule.id]
        config = result.expectation_config
        assert config is not None
        metric = getattr(self._expectations[rule.id], "map_metric", None)
        if metric is None:
            return None
        # The very configuration that GX asked: by its own functions, defaults included.
        name = f"{metric}.unexpected_count"
        kwargs = get_metric_kwargs(name, configuration=config, runtime_configuration={"result_format": dict(RESULT_FORMAT)})
        count = MetricConfiguration(name, kwargs["metric_domain_kwargs"], kwargs["metric_value_kwargs"])
        ValidationGraph(self.engine).set_metric_configuration_default_kwargs_if_absent(count)
        return self.engine.condition_of(count)

    def fell_through(self, rules: Iterable[Rule]) -> list[str]:
        """Ids of the rules for which GX's pandas engine read cells."""
        if not self.engine.fell_through:
            return []
        return [rule.id for rule in rules if self.engine.fell_through & self._metrics_of(rule)]

    def errors_of(self, rule: Rule) -> list[tuple[str, Exception]]:
        """(metric name, what it raised) for the metrics that the rule rests on."""
        asked = self._metrics_of(rule)
        return [(key[0], error) for key, error in self.engine.errors.items() if key in asked]

    def _metrics_of(self, rule: Rule) -> set[tuple[Any, ...]]:
        """Ids of all metrics that a rule rests on, as GX builds its graph."""
        from great_expectations.validator.metrics_calculator import MetricsCalculator

        config = self._results[rule.id].expectation_config
        assert config is not None
        runtime = {"result_format": dict(RESULT_FORMAT)}
        dependencies = config.to_domain_obj().get_validation_dependencies(execution_engine=self.engine, runtime_configuration=runtime)
        graph = MetricsCalculator(self.engine).build_metric_dependency_graph(dependencies.get_metric_configurations(), runtime)
        return {edge.left.id for edge in graph.edges}

    @cached_property
    def _results(self) -> dict[str, ExpectationValidationResult]:
        return {result.expectation_config.meta["rule"]: result for result in self.result.results if result.expectation_config}

    @cached_property
    def _expectations(self) -> dict[str, Expectation]:
        return {str((expectation.meta or {})["rule"]): expectation for expectation in self.suite.expectations}


def run(suite: ExpectationSuite, frame: pl.DataFrame) -> Run:
    """Validate ``frame`` against ``suite``. Raises what GX raises."""
    context = new_context()
    import great_expectations as gx
    import pandas as pd

    from expectations.engine import FusedEngine, FusedPandasDatasource

    context.add_or_update_datasource(datasource=FusedPandasDatasource(name="delivery"))
    source = context.data_sources.get("delivery")
    assert isinstance(source, FusedPandasDatasource)
    batch = source.add_dataframe_asset(name="frame").add_batch_definition_whole_dataframe("whole")
    engine = batch.data_asset.datasource.get_execution_engine()
    assert isinstance(engine, FusedEngine)
    engine.begin(frame)
    definition = gx.ValidationDefinition(name=suite.name, data=batch, suite=context.suites.add(suite))
    with kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GX's and pandas' about their own code
        # GX wants a pandas frame; the engine holds the real one.
        result = definition.run(batch_parameters={"dataframe": pd.DataFrame()}, result_format=dict(RESULT_FORMAT))
    return Run(definition.suite, result, engine, context)

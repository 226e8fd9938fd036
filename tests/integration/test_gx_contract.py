"""What the fused engine relies on inside the pinned Great Expectations. A failure here means: read the engine before raising the pin."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from districtlake.quality.rules import Rule
from expectations import session
from expectations.aggregates import AGGREGATES
from expectations.conditions import CONDITIONS
from expectations.session import RESULT_FORMAT, load
from expectations.sources import source_of

load()

FRAME = pl.DataFrame({"s": ["a", None, "abc"], "i": [1, 2, 2]})
RULES = [
    Rule("n", "t", (), "expect_column_values_to_not_be_null", {"column": "s"}),
    Rule("l", "t", (), "expect_column_value_lengths_to_be_between", {"column": "s", "max_value": 2}),
    Rule("p", "t", (), "expect_column_pair_values_to_be_equal", {"column_A": "s", "column_B": "i", "ignore_row_if": "neither"}),
    Rule("m", "t", (), "expect_column_max_to_be_between", {"column": "i", "max_value": 1}),
]


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    from expectations.engine import FusedEngine

    asked: list[set[str]] = []
    real = FusedEngine.resolve_metrics

    def watched(self: FusedEngine, metrics_to_resolve: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append({metric.metric_name for metric in metrics_to_resolve})
        return real(self, metrics_to_resolve, *args, **kwargs)

    monkeypatch.setattr(FusedEngine, "resolve_metrics", watched)
    return asked


def run(suite: Any, frame: pl.DataFrame) -> session.Run:
    return session.run(suite, source_of(frame))


def suite(rules: list[Rule]) -> Any:
    from expectations.compile import suite_of

    return suite_of("contract", rules)


def test_the_pinned_version_is_the_one_installed() -> None:
    assert importlib.metadata.version("great-expectations") == "1.24.1"


def test_gx_asks_in_levels(levels: list[set[str]]) -> None:
    run(suite(RULES[:1] + RULES[3:]), FRAME)
    asked = [level for level in levels if level]
    assert asked == [
        {"table.column_types", "table.row_count"},
        {"table.columns"},
        {"column_values.nonnull.condition", "column.max"},
        {"column_values.nonnull.unexpected_count", "column_values.nonnull.unexpected_values"},
    ]


def test_every_condition_is_asked_before_any_count(levels: list[set[str]]) -> None:
    run(suite(RULES[:3]), FRAME)
    counted_at = [n for n, level in enumerate(levels) if any(name.endswith(".unexpected_count") for name in level)]
    asked_at = {name: n for n, level in enumerate(levels) for name in level if name.endswith(".condition")}
    assert asked_at["column_values.nonnull.condition"] < counted_at[0]
    assert asked_at["column_values.value_length.between.condition"] <= counted_at[0]  # one level late, by way of its .map
    assert len(counted_at) <= 2


def test_the_override_puts_the_engine_in_place() -> None:
    from great_expectations.datasource.fluent import PandasDatasource

    from expectations.engine import FusedEngine, FusedPandasDatasource

    done = run(suite(RULES), FRAME)
    assert type(done.engine) is FusedEngine
    assert FusedPandasDatasource.execution_engine_override is FusedEngine
    assert PandasDatasource.execution_engine_override is None  # GX's own stays GX's own


def test_counts_lead_to_the_condition_that_was_asked() -> None:
    from expectations.one_pass import Verdict

    done = run(suite(RULES), FRAME)
    found = {rule.id: done.condition_of(rule) for rule in RULES}
    assert {rule_id: type(found[rule_id]) for rule_id in ("n", "l")} == {"n": Verdict, "l": Verdict}
    assert done.engine.failing_rows(found["l"]).to_list() == [2]
    assert found["p"].tolist() == [True, True, True]  # text against number: pandas' verdicts
    assert found["m"] is None
    assert done.fell_through(RULES) == ["p"]


def test_the_shape_of_a_map_result() -> None:
    done = run(suite(RULES[1:2]), FRAME)
    (result,) = done.result.results
    assert result.expectation_config.meta == {"rule": "l", "version": 1}
    assert result.exception_info["raised_exception"] is False
    counts = {key: result.result[key] for key in ("element_count", "missing_count", "unexpected_count", "partial_unexpected_list")}
    assert counts == {"element_count": 3, "missing_count": 1, "unexpected_count": 1, "partial_unexpected_list": []}


def test_not_null_counts_no_missing_rows() -> None:
    (result,) = run(suite(RULES[:1]), FRAME).result.results
    assert "missing_count" not in result.result


def test_basic_is_asked_and_complete_never(monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.core import ValidationDefinition

    formats: list[Any] = []
    real = ValidationDefinition.run
    monkeypatch.setattr(ValidationDefinition, "run", lambda self, **kw: formats.append(kw["result_format"]) or real(self, **kw))
    run(suite(RULES), FRAME)
    assert formats == [RESULT_FORMAT] == [{"result_format": "BASIC", "partial_unexpected_count": 0}]


def test_a_raising_metric_is_reported_for_its_rule_alone() -> None:
    rules = [RULES[0], Rule("x", "t", (), "expect_column_values_to_be_increasing", {"column": "s"})]
    raised = {}
    for result in run(suite(rules), FRAME).result.results:
        info = dict(result.exception_info)
        raised[result.expectation_config.meta["rule"]] = bool(info.get("raised_exception")) or any(
            isinstance(v, dict) for v in info.values()
        )
    assert raised["n"] is False


@pytest.mark.parametrize("name", sorted(CONDITIONS))
def test_every_fused_condition_is_a_metric_gx_knows_with_these_arguments(name: str) -> None:
    from great_expectations.expectations.registry import _registered_metrics

    definition = _registered_metrics[f"{name}.condition"]
    assert "PandasExecutionEngine" in definition["providers"]
    compiler = inspect.getsource(CONDITIONS[name])
    for key in definition["metric_value_keys"]:
        assert key in compiler or "_within" in compiler or "_ordered" in compiler, f"{name} does not read {key}"


@pytest.mark.parametrize("name", sorted(AGGREGATES))
def test_every_fused_aggregate_is_a_metric_gx_knows(name: str) -> None:
    from great_expectations.expectations.registry import _registered_metrics

    definition = _registered_metrics[name]
    assert "PandasExecutionEngine" in definition["providers"]
    compiler = inspect.getsource(AGGREGATES[name])
    for key in definition["metric_value_keys"]:
        assert key in compiler, f"{name} does not read {key}"


def test_one_pass_answers_conditions_lengths_and_aggregates() -> None:
    """GX asks conditions on lengths a level late, and names the batch in every domain: foreseen, they are in the first pass."""
    rules = [RULES[0], RULES[1], RULES[3], Rule("e", "t", (), "expect_column_value_lengths_to_equal", {"column": "s", "value": 1})]
    done = run(suite(rules), FRAME)
    assert done.engine.passes == 1
    assert done.fell_through(rules) == []
    only_lengths = run(suite([RULES[1], RULES[3]]), FRAME)
    assert only_lengths.engine.passes == 1


def test_z_scores_and_outliers_hand_their_statistics_by_these_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations import engine

    given: dict[str, Any] = {}
    real = engine.compile_condition

    def watched(table: Any, name: str, domain: Any, values: Any) -> Any:
        given[name] = values["_metrics"]
        return real(table, name, domain, values)

    monkeypatch.setattr(engine, "compile_condition", watched)
    rules = [
        Rule("z", "t", (), "expect_column_value_z_scores_to_be_less_than", {"column": "i", "threshold": 3, "double_sided": True}),
        Rule("o", "t", (), "expect_column_values_to_not_be_outliers", {"column": "i"}),
    ]
    done = run(suite(rules), FRAME)
    assert given["column_values.z_score.under_threshold"]["column_values.z_score.map"][0] == pytest.approx((5 / 3, 0.57735026919))
    assert given["column_values.not_outliers"]["column.outlier_statistics"] == (1.5, 2.0, 0.5)
    assert done.fell_through(rules) == []
    assert [result.success for result in done.result.results] == [True, True]


def test_unexpected_metrics_depend_on_their_condition_by_this_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations.engine import FusedEngine

    seen: dict[str, set[str]] = {}
    real = FusedEngine._answer

    def watched(self: FusedEngine, metric: Any, *rest: Any) -> Any:
        seen[metric.metric_name] = set(metric.metric_dependencies)
        return real(self, metric, *rest)

    monkeypatch.setattr(FusedEngine, "_answer", watched)
    run(suite(RULES[:3]), FRAME)
    assert "unexpected_condition" in seen["column_values.nonnull.unexpected_count"]
    assert "unexpected_condition" in seen["column_values.nonnull.unexpected_values"]
    assert "unexpected_condition" in seen["column_pair_values.equal.filtered_row_count"]
    assert seen["column_values.value_length.between.condition"] >= {"column_values.value_length.map"}


def test_another_table_is_named_in_the_domain() -> None:
    """The engine knows by this key that a metric does not speak of the table it holds."""
    rules = [Rule("t", "t", (), "expect_table_row_count_to_equal_other_table", {"other_table_name": "other"}, scope="table")]
    (result,) = run(suite(rules), FRAME).result.results
    assert session.raised(result)


def test_the_registry_tells_which_engines_know_a_metric() -> None:
    from great_expectations.expectations.registry import _registered_metrics

    assert "PandasExecutionEngine" in _registered_metrics["column_values.between.condition"]["providers"]
    assert "PandasExecutionEngine" not in _registered_metrics["column_values.match_like_pattern.condition"]["providers"]
    assert "row_condition" in _registered_metrics["column_values.between.condition"]["metric_domain_keys"]


def test_defaults_that_results_depend_on() -> None:
    import great_expectations.expectations as gxe

    assert gxe.ExpectCompoundColumnsToBeUnique.__fields__["ignore_row_if"].default == "all_values_are_missing"
    assert gxe.ExpectColumnPairValuesToBeEqual.__fields__["ignore_row_if"].default == "both_values_are_missing"


def test_no_progress_bar_no_analytics_no_stored_result() -> None:
    done = run(suite(RULES), FRAME)
    assert done.context.variables.progress_bars["globally"] is False
    assert done.context.config.analytics_enabled is False
    assert type(done.context.validation_results_store).__module__ == "expectations.results_store"
    assert done.context.validation_results_store.list_keys() == []


def test_configurations_are_built_once_and_the_results_are_gx_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    from great_expectations.expectations.expectation import ExpectationConfiguration

    built: list[str] = []
    real = ExpectationConfiguration.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        built.append(kwargs["type"])
        real(self, *args, **kwargs)

    monkeypatch.setattr(ExpectationConfiguration, "__init__", counted)
    kept = run(suite(RULES), FRAME)
    with_memory = len(built)
    monkeypatch.setattr(session, "kept", nullcontext)
    built.clear()
    plain = run(suite(RULES), FRAME)
    assert with_memory * 5 < len(built)
    told = [
        [{k: v for k, v in r.to_json_dict().items() if k != "expectation_config"} for r in done.result.results] for done in (kept, plain)
    ]
    assert told[0] == told[1]
    settings = [[(r.expectation_config.type, r.expectation_config.meta) for r in done.result.results] for done in (kept, plain)]
    assert settings[0] == settings[1]
    assert set(kept.engine._answers) == set(plain.engine._answers)  # the same metrics under the same ids


@pytest.mark.parametrize(
    "content",
    [
        {"column": "甲", "batch_id": None, "row_condition": None}, {"a": 1, "b": True, "c": [1, "x", None, {"d": [2]}]},
        {"a": 1.5, "b": 2}, {"a": date(2026, 3, 2), "b": {1, 2}}, {"a": 1}, {}, {"a": (1, 2), "b": None}, {1: "a", "b": 2.0},
    ],
)  # fmt: skip
def test_ids_of_metrics_are_gx_s_own(content: dict[Any, Any]) -> None:
    from great_expectations.core.id_dict import IDDict
    from great_expectations.util import convert_to_json_serializable

    from expectations.kept_configurations import _install

    _install()
    expected: Any
    if len(content) > 1:
        try:
            expected = hashlib.md5(json.dumps(convert_to_json_serializable(dict(content)), sort_keys=True).encode()).hexdigest()
        except TypeError:  # keys of two kinds cannot be sorted
            with pytest.raises(TypeError):
                IDDict(content).to_id()
            return
    else:
        expected = next((f"{key}={value}" for key, value in content.items()), ())
    assert IDDict(content).to_id() == expected

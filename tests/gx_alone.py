"""Great Expectations without the fused engine: the oracle of differential tests."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import polars as pl

from districtlake.quality.rules import Rule
from districtlake.quality.validation import ReferenceLookup, Validation
from expectations.compile import suite_of
from expectations.frames import to_pandas
from expectations.references import references_at_hand
from expectations.validate import excuse


def judged_by_gx(frame: pl.DataFrame, rules: Sequence[Rule], references: ReferenceLookup) -> dict[str, Any]:
    """GX's own results in COMPLETE, by rule id, for the rules that are not excused."""
    from expectations.session import new_context

    excused, values = excuse("own", rules, references)
    context = new_context()
    import great_expectations as gx

    batch = context.data_sources.add_pandas("own").add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")
    suite = context.suites.add(suite_of("own", [rule for rule in rules if rule.id not in excused]))
    definition = gx.ValidationDefinition(name="own", data=batch, suite=suite)
    with references_at_hand(values), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = definition.run(batch_parameters={"dataframe": to_pandas(frame)}, result_format="COMPLETE")
    return {result.expectation_config.meta["rule"]: result for result in run.results}


def assert_gx_agrees(ours: Validation, frame: pl.DataFrame, rules: Sequence[Rule], references: ReferenceLookup) -> None:
    """Outcome, counts and failing rows of every rule that is evaluated."""
    theirs = judged_by_gx(frame, rules, references)
    assert {r.rule.id for r in ours.results if r.outcome != "not_evaluated"} == set(theirs)
    for result in ours.results:
        if result.outcome == "not_evaluated":
            continue
        other = theirs[result.rule.id]
        assert other.exception_info["raised_exception"] is False, (result.rule.id, other.exception_info["exception_message"])
        assert (result.outcome == "passed") == other.success, result.rule.id
        if result.evaluated is not None:
            assert result.failed == other.result["unexpected_count"], result.rule.id
            assert result.evaluated == other.result["element_count"] - other.result["missing_count"], result.rule.id
            failing = ours.failures.filter(pl.col("rule") == result.rule.id).get_column("_index").to_list()
            assert failing == (other.result.get("unexpected_index_list") or []), result.rule.id

"""Great Expectations with its own pandas engine: the same suite in SUMMARY, which names no row, and in COMPLETE, which does."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

from benchmarks.validate_ours import rules
from benchmarks.validate_rules import KEY


def load(path: Path, tool: str) -> pd.DataFrame:
    from expectations.frames import to_pandas

    return to_pandas(pl.read_parquet(path))


def judge(frame: pd.DataFrame, keys: Path, tool: str) -> dict[str, int | str]:
    from expectations.compile import suite_of
    from expectations.session import new_context

    context = new_context()
    import great_expectations as gx

    batch = context.data_sources.add_pandas("bench").add_dataframe_asset("table").add_batch_definition_whole_dataframe("whole")
    definition = gx.ValidationDefinition(name="bench", data=batch, suite=context.suites.add(suite_of("bench", rules())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = definition.run(batch_parameters={"dataframe": frame}, result_format=tool.removeprefix("gx_").upper())
    found: dict[str, Any] = {result.expectation_config.meta["rule"]: result.result for result in run.results}
    if tool == "gx_complete":
        parts = []
        for rule, result in found.items():
            rows = result["unexpected_index_list"] or []
            named = [None if pd.isna(key) else str(key) for key in frame[KEY].iloc[rows]]
            parts.append(
                pl.DataFrame({"row": pl.Series(rows, dtype=pl.Int64), KEY: pl.Series(named, dtype=pl.String), "rule": [rule] * len(rows)})
            )
        pl.concat(parts).write_parquet(keys)
    return {rule: int(result["unexpected_count"]) for rule, result in found.items()}

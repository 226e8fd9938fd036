"""Our side of the validation benchmark: the rules through ``expectations.validate.validate``, as a delivery goes.

``python -m benchmarks.validate_ours small <rules> <rows> <runs>``: the fixed cost of a small suite.
``python -m benchmarks.validate_ours many <resources> <rows>``: that many resources, one after the other in this process.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from benchmarks.validate_data import part
from benchmarks.validate_rules import COLUMNS, KEY, RULES, Asked
from districtlake.quality.rules import Rule
from expectations.validate import validate

SEED = 20260302
SLICE = 1_000_000
"""Rows whose keys are held at once while failing keys are written."""


def load(path: Path, tool: str) -> pl.DataFrame | pl.LazyFrame:
    """The table in memory; for ``ours_from_file`` the file, which is then read in batches while it is judged."""
    return pl.scan_parquet(path) if tool == "ours_from_file" else pl.read_parquet(path)


def rule_of(asked: Asked) -> Rule:
    """The rule as a catalogue would give it."""
    column, given = {"column": asked.column}, asked.arguments
    pair = {"column_A": asked.columns[0], "column_B": asked.columns[-1], "ignore_row_if": "either_value_is_missing"}
    compound = {"column_list": list(asked.columns), "ignore_row_if": "any_value_is_missing"}
    bounds = {**column, "min_value": given.get("low"), "max_value": given.get("high")}
    expectation, arguments = {
        "present": ("expect_column_values_to_not_be_null", column),
        "unique": ("expect_compound_columns_to_be_unique", compound) if len(asked.columns) > 1 else ("expect_column_values_to_be_unique", column),
        "in_set": ("expect_column_values_to_be_in_set", {**column, "value_set": given.get("values")}),
        "regex": ("expect_column_values_to_match_regex", {**column, "regex": given.get("pattern")}),
        "length": ("expect_column_value_lengths_to_be_between", bounds),
        "between": ("expect_column_values_to_be_between", bounds),
        "after": ("expect_column_pair_values_a_to_be_greater_than_b", pair),
        "not_above": (
            "expect_column_pair_values_a_to_be_greater_than_b",
            {**pair, "column_A": asked.columns[-1], "column_B": asked.columns[0], "or_equal": True},
        ),
    }[asked.kind]  # fmt: skip
    return Rule(asked.id, asked.id, asked.columns, expectation, arguments)


def rules() -> list[Rule]:
    return [rule_of(asked) for asked in RULES]


def judge(frame: pl.DataFrame | pl.LazyFrame, keys: Path, tool: str) -> dict[str, int | str]:
    validation = validate("bench.table", frame, rules(), lambda resource, item: None)
    write_keys(validation.failures, frame.lazy(), keys)
    return {result.rule.id: result.failed for result in validation.results}


def write_keys(failures: pl.DataFrame, table: pl.LazyFrame, keys: Path) -> None:
    """The failures with the key of their row, one slice of the table after the other: ten million keys are not held to name some of them."""
    first, writer = 0, None
    try:
        while (part := table.slice(first, SLICE).select(KEY).collect()[KEY]).len() or writer is None:
            here = failures.filter(pl.col("_index").is_between(first, first + SLICE, closed="left"))
            named = here.with_columns(part.gather(here["_index"].cast(pl.Int64) - first)).to_arrow()
            writer = writer or pq.ParquetWriter(keys, named.schema)
            writer.write_table(named)
            first += SLICE
    finally:
        if writer is not None:
            writer.close()


def _timed(frames: list[pl.DataFrame], suite: list[Rule]) -> dict[str, float]:
    """CPU and wall seconds of one validation of each frame, every one of a resource of its own; the first of all is not counted."""
    validate("bench.first", frames[0], suite, lambda resource, item: None)
    cpu, wall = time.process_time(), time.perf_counter()
    for number, frame in enumerate(frames):
        validate(f"bench.resource_{number:04d}", frame, suite, lambda resource, item: None)
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def main(mode: str, *numbers: str) -> None:
    first, *others = map(int, numbers)
    if mode == "small":
        rows, runs = others
        more = [
            Rule(f"more.{n}", "t", (), "expect_column_values_to_not_be_null", {"column": COLUMNS[n % len(COLUMNS)]}) for n in range(first)
        ]
        suite = [*rules(), *more][:first]
        used = _timed([part(0, rows, len(COLUMNS), SEED)] * runs, suite)
        print(json.dumps({"cpu_each": used["cpu"] / runs, "wall_each": used["wall"] / runs}))
    else:
        print(json.dumps(_timed([part(0, others[0], len(COLUMNS), SEED + number) for number in range(first)], rules())))


if __name__ == "__main__":
    main(*sys.argv[1:])

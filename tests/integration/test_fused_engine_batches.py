"""Laws of tables that are read in batches: how many rows a batch has, and whether they come from memory or from files, changes nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from districtlake.quality.rules import Rule
from districtlake.quality.validation import Validation
from districtlake.warehouse.tables import scan_delta
from expectations import one_pass, uniqueness
from expectations.aggregates import compile_aggregate
from expectations.conditions import compile_condition
from expectations.sources import FrameSource, ScanSource, SourceUnreadable, source_of
from expectations.table import Table
from expectations.validate import validate
from tests.generated_suites import aggregates, declared_rules, rules_of, same, tables

LAW = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=(Phase.explicit, Phase.reuse, Phase.generate), database=None
)


def nobody(resource: str, item: str) -> None:
    return None


def told(validation: Validation) -> list[Any]:
    """Everything but the seconds."""
    return [(r.rule.id, r.outcome, r.evaluated, r.failed, r.observed) for r in validation.results]


def assert_the_same(one: Validation, other: Validation) -> None:
    assert same(told(one), told(other))
    assert one.failures.equals(other.failures)


@settings(LAW, max_examples=15)
@given(tables(), st.lists(declared_rules(), min_size=1, max_size=6), st.integers(1, 4), st.data())
def test_a_batch_of_any_size_and_a_file_give_the_same(frame: pl.DataFrame, declared: list[Any], rows: int, data: st.DataObject) -> None:
    declared = declared + data.draw(st.lists(st.sampled_from(aggregates(frame, "j >= 1")), max_size=3))
    rules = rules_of(*declared)
    whole = validate("a.b", frame, rules, nobody)
    assert_the_same(validate("a.b", frame, rules, nobody, batch_rows=rows), whole)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        frame.write_parquet(path, row_group_size=2)
        assert_the_same(validate("a.b", pl.scan_parquet(path), rules, nobody, batch_rows=rows), whole)


def asked(query: str) -> dict[str, str]:
    """A row condition as GX hands it to a metric."""
    return {"type": "pass_through", "pass_through_filter": query}


DOMAINS: list[tuple[str, dict[str, Any]]] = [
    *[("column_values.unique", {"column": column}) for column in "sijfmdkcz"],
    ("column_values.unique", {"column": "s", "row_condition": asked("j > 0")}),
    ("compound_columns.unique", {"column_list": ["s", "f"], "ignore_row_if": "any_value_is_missing"}),
    ("compound_columns.unique", {"column_list": ["k", "d", "m"], "ignore_row_if": "never"}),
    ("compound_columns.unique", {"column_list": ["c", "z"], "ignore_row_if": "all_values_are_missing", "row_condition": asked("i != 0")}),
    *[("column_values.increasing", {"column": column}) for column in "ifmdz"],
    ("column_values.decreasing", {"column": "j", "row_condition": asked("index > 1")}),
]
VALUES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *[(f"column.{name}", {"column": column}, {}) for name in ("max", "min", "sum", "mean", "median", "standard_deviation") for column in "ijfm"],
    *[("column.distinct_values.count", {"column": column}, {}) for column in "sifkcdz"],
    *[("column.most_common_value", {"column": column}, {}) for column in "sikc"],
    ("column.quantile_values", {"column": "f"}, {"quantiles": [0.1, 0.5], "allow_relative_error": False}),
    ("column.max", {"column": "d", "row_condition": asked("j > 0")}, {}),
    ("table.row_count", {"row_condition": asked('s == "a"')}, {}),
]  # fmt: skip


def answers(source: Any) -> tuple[list[list[int]], list[int], list[Any]]:
    table = Table(source)
    verdicts = [one_pass.Verdict(compile_condition(table, name, domain, {})) for name, domain in DOMAINS]
    sums = [one_pass.Asked(compile_aggregate(table, name, domain, values)) for name, domain, values in VALUES]
    one_pass.run(table, verdicts, sums)
    assert [one.error for one in (*verdicts, *sums)] == [None] * (len(verdicts) + len(sums))
    return [v.failing.to_list() for v in verdicts if v.failing is not None], [v.applicable for v in verdicts], [one.value for one in sums]


@settings(LAW, max_examples=40)
@given(tables(most=30), st.integers(1, 7), st.sampled_from(["sound", "three hashes", "one hash"]), st.sampled_from([2_000_000, 2]))
def test_neither_batches_nor_colliding_hashes_nor_parts_matter(frame: pl.DataFrame, rows: int, hashing: str, at_once: int) -> None:
    expected = answers(FrameSource(frame))
    sound = uniqueness.hash_of
    bad = {"sound": sound, "three hashes": lambda key: sound(key) % 3, "one hash": lambda key: sound(key) % 1}[hashing]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uniqueness, "hash_of", bad)
        patch.setattr(uniqueness, "RECHECKED_AT_ONCE", at_once)
        assert same(answers(FrameSource(frame, rows)), expected)


def test_duplicates_are_those_polars_finds() -> None:
    frame = pl.DataFrame({"a": ["x", "y", "x", None, None, "z"], "b": [1.0, float("nan"), 1.0, 0.0, -0.0, None]})
    (alone, together), _, _ = (
        [v.failing.to_list() for v in verdicts]
        for verdicts in [_found(frame, ("column_values.unique", {"column": "a"}), ("compound_columns.unique", {"column_list": ["a", "b"]}))]
        * 3
    )
    assert alone == [0, 2]
    assert together == [0, 2, 3, 4]  # the two zeros are one value, and a null equals a null in a key


def _found(frame: pl.DataFrame, *named: tuple[str, dict[str, Any]]) -> list[Any]:
    table = Table(FrameSource(frame, 2))
    verdicts = [one_pass.Verdict(compile_condition(table, name, domain, {})) for name, domain in named]
    one_pass.run(table, verdicts, [])
    return verdicts


@pytest.mark.parametrize(
    ("query", "selected"),
    [
        ("i > i.mean()", [3, 4]),  # a function sees the whole column
        ("i in j", [0, 1, 2]),
        ("`i` > 2", [2, 3, 4]),
        ("index >= 3", [3, 4]),
        ("i in [1, 5] or j == 2", [0, 1, 4]),
    ],
)
def test_a_row_condition_means_the_same_in_every_batch(query: str, selected: list[int]) -> None:
    frame = pl.DataFrame({"i": [1, 2, 3, 4, 5], "j": [1, 2, 3, 9, 9]})
    rule = Rule("r", "t", (), "expect_column_values_to_be_null", {"column": "i", "row_condition": query})
    for rows in (1, 2, 5):
        assert validate("a.b", frame, [rule], nobody, batch_rows=rows).failures["_index"].to_list() == selected


def test_integers_beyond_a_float_compare_alike_in_every_batch() -> None:
    frame = pl.DataFrame({"i": [1, None, 2**53 + 1, 2**53, None]})
    rule = Rule("r", "t", (), "expect_column_values_to_be_null", {"column": "i", "row_condition": f"i != {2**53}"})
    found = [validate("a.b", frame, [rule], nobody, batch_rows=rows).failures["_index"].to_list() for rows in (1, 2, 5)]
    assert found == [[0, 2]] * 3


# ---- tables on disk


def test_a_delta_table_is_judged_at_its_version(tmp_path: Path) -> None:
    folder = tmp_path / "人口"
    write_deltalake(str(folder), pl.DataFrame({"id": ["a", "b"]}).to_arrow())
    write_deltalake(str(folder), pl.DataFrame({"id": ["b", "c"]}).to_arrow(), mode="append")
    rule = Rule("key.unique", "t", (), "expect_column_values_to_be_unique", {"column": "id"})
    now, before = (
        validate("a.b", scan_delta(DeltaTable(str(folder), version=version)), [rule], nobody, batch_rows=1) for version in (1, 0)
    )
    assert [(r.evaluated, r.failed) for r in (*now.results, *before.results)] == [(4, 2), (2, 0)]


def test_a_table_that_changes_meanwhile_gives_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"a": [1, 2, 3]}).write_parquet(path)
    rule = Rule("r", "t", (), "expect_column_values_to_not_be_null", {"column": "a"})
    scan = pl.scan_parquet(path)
    real = ScanSource.__init__

    def grown(self: ScanSource, *given: Any) -> None:
        real(self, *given)
        self.height += 2

    with monkeypatch.context() as patch:
        patch.setattr(ScanSource, "__init__", grown)
        with pytest.raises(SourceUnreadable, match="had 5 rows and now has 3") as caught:
            validate("a.b", scan, [rule], nobody)
    assert caught.value.hint
    path.write_bytes(b"PAR1")
    with pytest.raises(SourceUnreadable, match="cannot be read") as caught:
        validate("a.b", pl.scan_parquet(path), [rule], nobody)
    assert str(path) not in str(caught.value)


def test_only_the_columns_asked_for_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1.0, 2.0]}).write_parquet(path)
    read: list[list[str]] = []
    real = ScanSource.batches
    monkeypatch.setattr(ScanSource, "batches", lambda self, columns: read.append(list(columns)) or real(self, columns))
    rules = [
        Rule("a", "t", (), "expect_column_values_to_be_between", {"column": "a", "max_value": 1}),
        Rule("l", "t", (), "expect_column_value_lengths_to_equal", {"column": "b", "value": 1}),
        Rule("m", "t", (), "expect_column_max_to_be_between", {"column": "a", "max_value": 9}, scope="table"),
        Rule("n", "t", (), "expect_table_row_count_to_equal", {"value": 2}, scope="table"),
    ]
    validation = validate("a.b", pl.scan_parquet(path), rules, nobody)
    assert [r.outcome for r in validation.results] == ["failed", "passed", "passed", "passed"]
    assert read == [["a", "b"]]  # once


def test_a_batch_has_rows() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        source_of(pl.DataFrame(), 0)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    """Eight times the rows, in a process of its own: less than a fifth more memory for each doubling."""
    import subprocess
    import sys

    peaks = []
    for rows in (500_000, 4_000_000):
        path = tmp_path / f"{rows}.parquet"
        number = pl.int_range(rows, eager=True)
        texts = {f"s{n}": (number * 7919 % 1_000_003).cast(pl.String) for n in range(6)}
        pl.DataFrame({"id": (number + 10**17).cast(pl.String), **texts, "n": number % 997}).write_parquet(path, row_group_size=100_000)
        ran = subprocess.run([sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True)
        peaks.append(int(ran.stdout))
    assert peaks[1] < 1.75 * peaks[0]


_PEAK = """
import sys
from pathlib import Path
import polars as pl
from districtlake.quality.rules import Rule
from expectations.validate import validate
rules = [Rule(f"r{n}", "t", (), "expect_column_value_lengths_to_be_between", {"column": f"s{n}", "max_value": 6}) for n in range(6)]  # a few rows of a million fail: failures are held, rows are not
rules.append(Rule("u", "t", (), "expect_column_values_to_be_unique", {"column": "id"}))
rules.append(Rule("m", "t", (), "expect_column_mean_to_be_between", {"column": "n", "min_value": 0}, scope="table"))
validate("a.b", pl.scan_parquet(sys.argv[1]), rules, lambda *a: None)
# not ru_maxrss: that begins with what the parent held when it forked
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""

"""Every core expectation of the pinned Great Expectations runs through the fused engine; the table in the docs is what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from districtlake.errors import ValidationFailed
from districtlake.quality.rules import Rule
from expectations import coverage, session
from expectations.validate import validate

TABLE = Path(__file__).parents[2] / "docs" / "expectations-coverage.md"


@pytest.fixture(scope="module")
def found() -> list[coverage.Found]:
    return coverage.measure()


def test_no_expectation_is_left_out() -> None:
    session.load()
    from great_expectations.expectations.registry import get_expectation_impl, list_registered_expectation_implementations

    registered = {name: get_expectation_impl(name) for name in list_registered_expectation_implementations()}
    core = {name for name, kind in registered.items() if kind.__module__.startswith("great_expectations.expectations.core.")}
    assert len(core) > 50
    assert set(coverage.CASES) == core


def test_the_table_in_the_docs_is_what_came_of_it(found: list[coverage.Found]) -> None:
    assert TABLE.read_text(encoding="utf-8") == coverage.table(found), (
        "run .venv/bin/python -m expectations.coverage > docs/expectations-coverage.md"
    )


def test_all_run_but_those_that_need_sql_or_a_second_table(found: list[coverage.Found]) -> None:
    refused = {one.expectation for one in found if one.how == "refused"}
    assert refused == {
        "expect_column_values_to_match_like_pattern",
        "expect_column_values_to_match_like_pattern_list",
        "expect_column_values_to_not_match_like_pattern",
        "expect_column_values_to_not_match_like_pattern_list",
        "expect_query_results_to_match_comparison",
        "expect_table_row_count_to_equal_other_table",
        "unexpected_rows_expectation",
    }


def test_no_expectation_falls_through_altogether(found: list[coverage.Found]) -> None:
    by_name: dict[str, set[str]] = {}
    for one in found:
        by_name.setdefault(one.expectation, set()).add(one.how)
    assert [name for name, ways in by_name.items() if ways == {"pandas"}] == []


def test_a_form_that_is_not_fused_says_which(found: list[coverage.Found]) -> None:
    assert [one for one in found if one.how in ("pandas", "refused") and one.case.form == "in general"] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("expect_table_row_count_to_equal_other_table", "Great Expectations cannot evaluate"),
        ("expect_column_values_to_match_like_pattern", "needs a database and SQL"),
        ("unexpected_rows_expectation", "needs a database and SQL"),
    ],
)
def test_what_cannot_be_stated_of_one_delivery_is_refused_and_never_passes(name: str, said: str) -> None:
    rule = Rule("odd", "t", (), name, coverage.CASES[name][0].arguments, scope="table")
    with pytest.raises(ValidationFailed, match=f"a.b, rule odd: .*{said}") as caught:
        validate("a.b", coverage.sample(), [rule], lambda *_: None)
    assert name in caught.value.message
    assert caught.value.hint


def test_every_case_is_an_argument_that_gx_takes(found: list[coverage.Found]) -> None:
    """A case that is refused for its arguments would be told as a limit of the engine."""
    from expectations.compile import expectation_of

    for one in found:
        if one.how != "refused":
            expectation_of("a.b", Rule("r", "t", (), one.expectation, one.case.arguments))
        elif one.expectation != "expect_table_row_count_to_equal_other_table":
            with pytest.raises(ValidationFailed, match="needs a database and SQL"):
                expectation_of("a.b", Rule("r", "t", (), one.expectation, one.case.arguments))

"""Of GX's observed values only statistics are kept; a cell only of a column that the caller says may be shown."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from districtlake.quality.rules import Rule
from expectations.observed import json_safe, observation


def seen(expectation: str, value: Any, observable: tuple[str, ...] = (), **arguments: Any) -> Any:
    return observation(Rule("r", "", (), expectation, arguments, scope="table"), {"observed_value": value}, observable)


def test_a_maximum_is_a_cell() -> None:
    assert seen("expect_column_max_to_be_between", "王某", column="name") is None
    assert seen("expect_column_max_to_be_between", 12, column="floor") is None
    assert seen("expect_column_max_to_be_between", 12, ("floor",), column="floor") == 12
    assert seen("expect_column_median_to_be_between", 12.0, ("other",), column="floor") is None


def test_a_mean_and_a_count_are_not() -> None:
    assert seen("expect_column_mean_to_be_between", 12.5, column="floor") == 12.5
    assert seen("expect_table_row_count_to_equal", 3) == 3


def test_an_expectation_nobody_looked_at_is_taken_for_one_that_shows_cells() -> None:
    assert seen("expect_something_new", "王某") is None


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        (np.int64(3), 3), (np.bool_(True), True), (float("nan"), None), (Decimal("1.5"), 1.5), (date(2020, 1, 1), "2020-01-01"),
        ({"a": [np.float64(1.5)]}, {"a": [1.5]}), ({1}, [1]), (None, None),
    ],
)  # fmt: skip
def test_json_safe(value: Any, safe: Any) -> None:
    assert json_safe(value) == safe
    assert type(json_safe(value)) is type(safe)

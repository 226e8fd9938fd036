# ruff: noqa: DTZ001  the columns have no time zone
"""Arguments of rules become literals of the column's type by the digits a person wrote, or are left to pandas."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from expectations.literals import Unfused, bound, members


def above(value: Any, column: pl.Series) -> list[bool]:
    return column.to_frame("c").select(pl.col("c") >= bound(value, column.dtype)).get_column("c").to_list()


@pytest.mark.parametrize(
    ("value", "column", "expected"),
    [
        (0.1, pl.Series(["0.10", "0.09"]).cast(pl.Decimal(10, 2)), [True, False]),
        (0.105, pl.Series(["0.10", "0.11"]).cast(pl.Decimal(10, 2)), [False, True]),
        (2, pl.Series([1, 2, 3]), [False, True, True]),
        (1.5, pl.Series([1, 2]), [False, True]),
        (9007199254740993, pl.Series([9007199254740992, 9007199254740993]), [False, True]),
        ("2020-02-29", pl.Series([date(2020, 2, 28), date(2020, 2, 29)]), [False, True]),
        (datetime(2020, 1, 1, 12), pl.Series([date(2020, 1, 1), date(2020, 1, 2)]), [False, True]),
        (date(2020, 1, 1), pl.Series([datetime(2019, 12, 31, 23), datetime(2020, 1, 1)]), [False, True]),
        ("b", pl.Series(["a", "b"]), [False, True]),
    ],
)
def test_bounds(value: Any, column: pl.Series, expected: list[bool]) -> None:
    assert above(value, column) == expected


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("a", pl.Int64()),
        (1, pl.String()),
        (True, pl.Int64()),
        (float("nan"), pl.Float64()),
        ("first of May", pl.Date()),
        (2**70, pl.Int64()),
        (1, pl.Boolean()),
        (float("inf"), pl.Decimal(10, 2)),
        ("2020-01-01", pl.Datetime("us", "Asia/Shanghai")),
    ],
)
def test_a_bound_without_meaning_is_left_to_pandas(value: Any, dtype: pl.DataType) -> None:
    with pytest.raises(Unfused):
        bound(value, dtype)


@pytest.mark.parametrize(
    ("values", "dtype", "kept"),
    [
        (["a", 1, None], pl.String(), ["a"]),
        (["ok", "gone"], pl.Enum(["ok", "bad"]), ["ok"]),
        ([1, 2.0, 2.5, "3", True, 300], pl.Int8(), [1, 2]),
        ([1, 0.1, "x"], pl.Float64(), [1.0, 0.1]),
        ([0.1, 1, 0.105], pl.Decimal(10, 2), [Decimal("0.10"), Decimal("1.00")]),
        ([date(2020, 1, 1), "2020-01-02", datetime(2020, 1, 3, 1)], pl.Date(), [date(2020, 1, 1), date(2020, 1, 2)]),
        ([True, False], pl.Boolean(), [True, False]),
    ],
)
def test_members_are_what_the_column_can_hold(values: list[Any], dtype: pl.DataType, kept: list[Any]) -> None:
    result = members(values, dtype)
    assert result.to_list() == kept
    assert result.dtype == dtype


def test_a_set_of_numbers_over_booleans_is_left_to_pandas() -> None:
    with pytest.raises(Unfused):
        members([1, 0], pl.Boolean())

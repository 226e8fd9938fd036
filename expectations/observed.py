"""What of GX's observed value may be stored: never a cell, unless the caller says that the column may be shown."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from districtlake.quality.rules import Rule
from expectations.compile import columns_of

# Sums over many cells, counts, types and names: none of them is a cell. Every other observed value is taken for one.
_STATISTICS = {
    "expect_column_mean_to_be_between",
    "expect_column_proportion_of_non_null_values_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_stdev_to_be_between",
    "expect_column_sum_to_be_between",
    "expect_column_type_to_be",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_values_to_be_in_type_list",
    "expect_column_values_to_be_of_type",
    "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
    "expect_table_data_to_be_fresh",
    "expect_table_row_count_to_be_near_earlier_deliveries",
    "expect_table_row_count_to_be_between",
    "expect_table_row_count_to_equal",
}


def observation(rule: Rule, details: Mapping[str, Any], observable: Collection[str]) -> Any:
    """The observed value, JSON-safe; None where there is none or it may be a cell of a column that is not ``observable``."""
    value = details.get("observed_value")
    columns = columns_of(rule)
    if rule.expectation in _STATISTICS or (columns and all(column in observable for column in columns)):
        return json_safe(value)
    return None


def json_safe(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, Decimal)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): json_safe(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_safe(part) for part in value]
    item = getattr(value, "item", None)  # a numpy scalar
    return json_safe(item()) if callable(item) else str(value)

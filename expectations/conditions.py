"""The fused conditions by GX's metric names; ``expectations.own`` adds ours.

To fuse another of GX's: one function in ``column_conditions`` or ``group_conditions``, and its line here.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from expectations import column_conditions as column
from expectations import group_conditions as group
from expectations.literals import Unfused
from expectations.table import AnyCondition, Condition, Duplicates, Referring, Table, Values
from expectations.uniqueness import hashes

Compiler = Callable[[Table, Values, Values], AnyCondition]

CONDITIONS: dict[str, Compiler] = {
    "column_values.nonnull": column.not_null,
    "column_values.null": column.null,
    "column_values.in_set": column.in_set,
    "column_values.not_in_set": column.not_in_set,
    "column_values.between": column.between,
    "column_values.value_length.between": column.length_between,
    "column_values.value_length.equals": column.length_equals,
    "column_values.match_regex": column.match_regex,
    "column_values.not_match_regex": column.not_match_regex,
    "column_values.match_regex_list": column.match_regex_list,
    "column_values.not_match_regex_list": column.not_match_regex_list,
    "column_values.unique": column.unique,
    "column_values.increasing": column.increasing,
    "column_values.decreasing": column.decreasing,
    "column_values.z_score.under_threshold": column.z_score_below,
    "column_values.not_outliers": column.not_outlier,
    "column_values.match_strftime_format": column.matches_strftime,
    "column_values.dateutil_parseable": column.dateutil_parseable,
    "column_values.json_parseable": column.json_parseable,
    "column_values.match_json_schema": column.matches_json_schema,
    "column_pair_values.equal": group.pair_equal,
    "column_pair_values.a_greater_than_b": group.pair_greater,
    "column_pair_values.in_set": group.pair_in_set,
    "compound_columns.unique": group.compound_unique,
    "select_column_values.unique.within_record": group.unique_within_record,
    "multicolumn_values.equal": group.equal_within_record,
    "multicolumn_sum.equal": group.sum_equal,
}


def compile_condition(table: Table, metric: str, domain: Values, values: Values) -> AnyCondition:
    """The condition of ``metric`` (without its suffix). Raises ``Unfused`` when pandas has to decide.

    The empty frame is asked first: an expression that Polars refuses for its types is refused here and not amid the one pass.

    Args:
        domain: GX's domain of the metric: column names, ``row_condition``, ``ignore_row_if``.
        values: its arguments; under ``_metrics`` the answers to the metrics it depends on, by name, as GX hands them.
    """
    compiler = CONDITIONS.get(metric)
    if compiler is None:
        raise Unfused(metric)
    condition = compiler(table, domain, values)
    try:
        table.empty().select(e.alias(f"e{n}") for n, e in enumerate(expressions_of(condition)))
    except pl.exceptions.PolarsError as error:
        raise Unfused(f"{metric}: {type(error).__name__}") from error
    return condition


def expressions_of(condition: AnyCondition) -> tuple[pl.Expr, ...]:
    if isinstance(condition, Condition):
        return condition.applies, condition.fails
    if isinstance(condition, Duplicates):
        return condition.applies, hashes(condition)
    if isinstance(condition, Referring):
        return condition.applies, *condition.key
    return condition.applies, condition.value

"""``row_condition``: which rows a rule speaks of.

GX's own condition objects become Polars expressions; strings in the language of ``DataFrame.query`` are asked of pandas, over the
named columns only, and come back as a mask, so that the rule itself stays fused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from expectations.frames import to_pandas
from expectations.literals import Unfused, bound, members

_ORDERS = {
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}


def row_mask(frame: pl.DataFrame, condition: Mapping[str, Any] | Any) -> pl.Series:
    """One Boolean a row, null-free. ``condition`` is GX's condition, as the object or as its dict.

    Raises whatever pandas raises for a query it cannot answer.
    """
    tree = condition if isinstance(condition, Mapping) else condition.dict()
    if tree["type"] != "pass_through":
        try:
            return frame.select(mask=_expression(frame, tree).fill_null(False) | pl.repeat(False, pl.len())).get_column("mask")
        except (Unfused, pl.exceptions.PolarsError):
            pass  # a comparison across types: pandas has a view on it
        tree = {"pass_through_filter": _query(tree)}
    text = tree["pass_through_filter"]
    named = [column for column in frame.columns if column in text] or frame.columns[:1]  # "index > 3" names none, but has rows
    selected = to_pandas(frame.select(named)).query(text).index
    mask = pl.Series([False]).extend_constant(False, max(frame.height - 1, 0)) if frame.height else pl.Series([], dtype=pl.Boolean)
    return mask.scatter(selected.to_numpy(), True) if len(selected) else mask


def _expression(frame: pl.DataFrame, tree: Mapping[str, Any]) -> pl.Expr:
    kind = tree["type"]
    if kind in ("and", "or"):
        return reduce(and_ if kind == "and" else or_, [_expression(frame, part) for part in tree["conditions"]])
    name = tree["column"]["name"]
    if name not in frame.columns:
        raise LookupError(f"row_condition names {name}, which is no column")
    dtype = frame.schema[name]
    column = pl.col(name).fill_nan(None) if dtype.is_float() else pl.col(name)
    if kind == "nullity":
        return column.is_null() if tree["is_null"] else column.is_not_null()
    operator, value = str(tree["operator"]), tree["parameter"]
    if operator in ("IN", "=="):
        return column.is_in(pl.lit(members(value if operator == "IN" else [value], dtype)).implode()).fill_null(False)
    if operator in ("NOT_IN", "!="):  # a missing cell is not the value, as in pandas
        return ~column.is_in(pl.lit(members(value if operator == "NOT_IN" else [value], dtype)).implode()).fill_null(False)
    return _ORDERS[operator](column, bound(value, dtype)).fill_null(False)


def _query(tree: Mapping[str, Any]) -> str:
    """The text GX's pandas engine would ask for this condition."""
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.row_conditions import Condition, deserialize_row_condition

    condition = deserialize_row_condition(dict(tree))
    assert isinstance(condition, Condition)
    return str(PandasExecutionEngine().condition_to_filter_clause(condition))

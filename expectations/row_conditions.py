"""``row_condition``: which rows a rule speaks of.

GX's own condition objects become Polars expressions; strings in the language of ``DataFrame.query`` are asked of pandas, over the
named columns only, and come back as a mask, so that the rule itself stays fused. A query that judges each row by itself is asked
batch by batch; another (one with a function in it) once, over the whole of its columns.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from expectations.frames import exact_in_float, to_pandas
from expectations.literals import Unfused, bound, members
from expectations.sources import Source

_ORDERS = {
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}
# What a query may hold when it is to be asked of a batch: nothing that looks beyond its own row.
_ROW_BY_ROW = (
    ast.Expression, ast.BoolOp, ast.boolop, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.Compare, ast.cmpop,
    ast.Name, ast.Constant, ast.List, ast.Tuple, ast.expr_context,
)  # fmt: skip


class Mask:
    """The rows a pandas query selects.

    Attributes:
        columns: what it reads.
    """

    def __init__(self, source: Source, query: str):
        self._query = query
        self.columns = [column for column in source.schema if column in query] or list(source.schema)[:1]  # "index > 3" names none
        self._whole: pl.Series | None = None
        if _row_by_row(query):
            # pandas' type of an integer with nulls depends on all of its values, so it is settled before any batch.
            self._nullable = [c for c in self.columns if source.schema[c].is_integer() and not _exact(source, c)]
        else:
            self._nullable = []
            self._whole = self._ask(0, source.whole(self.columns), None)

    def of(self, start: int, batch: pl.DataFrame) -> pl.Series:
        """One Boolean for each row of a batch that begins at row ``start``. Raises whatever pandas raises."""
        if self._whole is not None:
            return self._whole.slice(start, batch.height)
        return self._ask(start, batch.select(self.columns), self._nullable)

    def _ask(self, start: int, frame: pl.DataFrame, nullable: list[str] | None) -> pl.Series:
        pandas = to_pandas(frame, start=start, nullable=nullable)
        selected = pandas.query(self._query).index.to_numpy() - start
        mask = pl.Series([False]).extend_constant(False, frame.height - 1) if frame.height else pl.Series([], dtype=pl.Boolean)
        return mask.scatter(selected, True) if len(selected) else mask


def selection(source: Source, condition: Mapping[str, Any] | Any) -> pl.Expr | Mask:
    """The rows of a condition: GX's condition object, or its dict. An expression comes out Boolean and null-free."""
    tree = condition if isinstance(condition, Mapping) else condition.dict()
    if tree["type"] != "pass_through":
        try:
            expression = _expression(source, tree).fill_null(False)
            pl.DataFrame(schema=source.schema).select(expression.alias("rows"))
            return expression
        except (Unfused, pl.exceptions.PolarsError):
            pass  # a comparison across types: pandas has a view on it
        tree = {"pass_through_filter": _query(tree)}
    return Mask(source, tree["pass_through_filter"])


def _row_by_row(query: str) -> bool:
    try:
        tree = ast.parse(query.strip(), mode="eval")
    except (SyntaxError, ValueError):  # `back-quoted names`, @variables
        return False
    if not all(isinstance(node, _ROW_BY_ROW) for node in ast.walk(tree)):
        return False
    # "a in b" asks for the values of a whole column
    return not any(
        isinstance(operator, (ast.In, ast.NotIn)) and not isinstance(other, (ast.List, ast.Tuple, ast.Constant))
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for operator, other in zip(node.ops, node.comparators, strict=True)
    )


def _exact(source: Source, column: str) -> bool:
    if source.schema[column] not in (pl.Int64, pl.UInt64, pl.Int128):
        return True
    lows, highs = [], []
    for _, batch in source.batches([column]):
        lows.append(batch.get_column(column).min())
        highs.append(batch.get_column(column).max())
    return exact_in_float(pl.Series([*lows, *highs], dtype=source.schema[column]))


def _expression(source: Source, tree: Mapping[str, Any]) -> pl.Expr:
    kind = tree["type"]
    if kind in ("and", "or"):
        return reduce(and_ if kind == "and" else or_, [_expression(source, part) for part in tree["conditions"]])
    name = tree["column"]["name"]
    if name not in source.schema:
        raise LookupError(f"row_condition names {name}, which is no column")
    dtype = source.schema[name]
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

"""SQL expressions of a comparison: parsed by sqlglot, held to what they may name, with ``$name`` replaced by values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from districtlake.catalog.comparisons import Comparison
from districtlake.errors import DistrictLakeError

TODAY = "today"
_FORBIDDEN: tuple[type[exp.Expr], ...] = (
    exp.Query, exp.Table, exp.AggFunc, exp.Window, exp.Command, exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.Rand, exp.Uuid,
)  # fmt: skip


class ExpressionError(DistrictLakeError):
    """An expression of a comparison cannot be used; says which and why."""

    code = "comparison.expression"


@dataclass(frozen=True)
class Expression:
    """A parsed scalar expression.

    Attributes:
        columns: (side, name) it reads; the side is "" where columns are written bare.
        variables: names of its ``$name``.
    """

    text: str
    columns: frozenset[tuple[str, str]]
    variables: frozenset[str]

    def sql(self, values: Mapping[str, Any], columns: Mapping[tuple[str, str], str]) -> str:
        """DuckDB's text with each column written as ``columns`` says and each variable as a literal."""
        tree = _parsed(self.text).copy()

        def bound(node: exp.Expr) -> exp.Expr:
            if isinstance(node, exp.Placeholder):
                return sqlglot.parse_one(literal(values[node.name]), dialect="duckdb")
            if isinstance(node, exp.Column):
                return sqlglot.parse_one(columns[node.table.lower(), node.name.lower()], dialect="duckdb")
            return node

        return str(tree.transform(bound).sql(dialect="duckdb"))


@lru_cache(maxsize=512)
def _parsed(text: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        raise ExpressionError(
            f"'{text}' cannot be parsed: {first.get('description') or 'not an expression'}.", hint="Write one SQL expression."
        ) from None
    if isinstance(tree, exp.Alias) or (found := tree.find(*_FORBIDDEN)) is not None:
        what = "an alias" if isinstance(tree, exp.Alias) else str(found.sql(dialect="duckdb"))[:60]  # type: ignore[union-attr]
        hint = "Write an expression over one row; take the day from $today, and aggregate with matches_at_least."
        raise ExpressionError(f"'{text}' holds {what}, which is no part of a comparison.", hint=hint)
    return tree


@lru_cache(maxsize=512)
def expression(text: str) -> Expression:
    """Parse ``text``. Raises ``ExpressionError``."""
    tree = _parsed(text)
    columns = frozenset((column.table.lower(), column.name.lower()) for column in tree.find_all(exp.Column))
    return Expression(text, columns, frozenset(node.name for node in tree.find_all(exp.Placeholder)))


def held_to(found: Expression, columns: Collection[tuple[str, str]], variables: Collection[str]) -> None:
    """Raises ``ExpressionError`` when the expression names a column or variable that is not there."""

    def written(column: tuple[str, str]) -> str:
        return ".".join(part for part in column if part)

    for column in sorted(found.columns - set(columns)):
        known = ", ".join(sorted(written(one) for one in columns)) or "none"
        raise ExpressionError(f"'{found.text}' names {written(column)}, which is not there.", hint=f"It may name {known}.")
    for variable in sorted(found.variables - set(variables)):
        known = ", ".join(f"${one}" for one in sorted(variables))
        raise ExpressionError(f"'{found.text}' names ${variable}, which is not defined.", hint=f"Defined: {known}.")


def literal(value: Any) -> str:
    """A value as SQL text."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return f"({value!r})"
    if isinstance(value, datetime):
        return f"CAST('{value.isoformat(sep=' ')}' AS TIMESTAMP)"
    if isinstance(value, date):
        return f"CAST('{value.isoformat()}' AS DATE)"
    return "'" + str(value).replace("'", "''") + "'"


def values_on(comparison: Comparison, today: date) -> dict[str, Any]:
    """``$today``, the parameters and the moments of a comparison on a Shanghai day.

    Raises:
        ExpressionError: a moment cannot be computed.
    """
    values: dict[str, Any] = {TODAY: today, **comparison.parameters}
    if not comparison.moments:
        return values
    with duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": 1}) as connection:
        for name, text in comparison.moments.items():
            found = expression(text)
            held_to(found, (), {TODAY, *comparison.parameters})
            try:
                ((values[name],),) = connection.execute(f"SELECT {found.sql(values, {})}").fetchall()
            except duckdb.Error as error:
                words = str(error).splitlines()[0]
                raise ExpressionError(f"moment {name}: {words}.", hint="Write SQL over $today and parameters.") from None
    return values

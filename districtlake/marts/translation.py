"""A mart's or comparison's SELECT in Spark's words, with DuckDB's meaning; what cannot be said there is named with its line.

The SQL of the catalogue is one text in DuckDB's dialect. sqlglot translates; here is what it leaves out and where the two engines mean
different things by the same words. Nothing here needs Spark: ``districtlake catalog check`` uses it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp, transforms
from sqlglot.dialects.spark import Spark
from sqlglot.errors import ErrorLevel, SqlglotError

from districtlake.catalog.match_steps import MATCH_STEPS
from districtlake.errors import DistrictLakeError
from districtlake.marts.set_operations import branches, by_position

OWN_FUNCTIONS = frozenset({"with_check_digit", *(f"match_{step}" for step in MATCH_STEPS)})
"""The macros of ``comparison.matching``; the engine defines them before a statement runs."""

_WORDS = frozenset({"and", "or", "not", "case", "cast", "try_cast", "exists", "extract", "in", "datediff", "substring", "interval"})
"""What may stand before a bracket and is in no list of functions."""

_REACHING_OUT = frozenset({"reflect", "java_method", "try_reflect"})
"""Functions of Spark that call any code of the driver: a mart's SQL reaches nothing but its tables, on either engine."""


class NotPortable(DistrictLakeError):
    """A statement that Spark cannot carry with the same meaning; has the line where it is known."""

    code = "sql.not_portable"

    def __init__(self, message: str, *, hint: str = "", line: int | None = None):
        super().__init__(message, hint=hint)
        self.line = line


@dataclass(frozen=True)
class Obstacle:
    """One thing of a statement that Spark has no word for. ``line`` from 1, None where it is not known."""

    problem: str
    remedy: str
    line: int | None


class Spark42(Spark):
    """Spark 4.2 has QUALIFY, which sqlglot does not know yet: it would write a subquery, and a star twice."""

    class Generator(Spark.Generator):  # type: ignore[misc, valid-type]
        TRANSFORMS: ClassVar = {
            **Spark.Generator.TRANSFORMS,
            exp.Select: transforms.preprocess(
                [transforms.eliminate_distinct_on, transforms.unnest_to_explode, transforms.any_to_exists]
            ),
        }  # fmt: skip


def view_of(source: str) -> str:
    """The name of ``schema.table`` in a Spark session: one word, since ``system`` and others are taken there."""
    return "in__" + source.replace(".", "__")


def obstacles_of(sql: str) -> list[Obstacle]:
    """What keeps a statement from being carried by Spark, by lines; empty: nothing known."""
    try:
        in_spark(sql)
    except NotPortable as error:
        if error.line is None:
            return [Obstacle(error.message.rstrip("."), error.hint, None)]
        return sorted(set(_obstacles(sqlglot.parse_one(sql, dialect="duckdb"))), key=lambda one: (one.line or 0, one.problem))
    return []


def _obstacles(tree: exp.Expr) -> Iterator[Obstacle]:
    for node in tree.walk():
        if isinstance(node, exp.Func) and (name := _unknown(node)):
            remedy = _REMEDIES.get(name, "Write it with functions of standard SQL.")
            problem = f"{name}() means something else in Spark" if name in _functions() else f"{name}() is no function of Spark"
            yield Obstacle(problem, remedy, line_of(node))
        for kind, differs, problem, remedy in _DRIFTS:
            if isinstance(node, kind) and differs(node):
                yield Obstacle(problem, remedy, line_of(node))


def _unknown(node: exp.Expr) -> str:
    """The name a call would have in Spark, where Spark has none of this name or means something else; "" where it can be carried."""
    if isinstance(node, exp.Anonymous) and node.name.lower() in _OTHERWISE:
        return node.name.lower()
    written = re.match(r"(\w+)\(", _word(node.copy()).sql(dialect=Spark42))
    name = written[1].lower() if written else ""
    return name if name not in _functions() | _WORDS | OWN_FUNCTIONS else ""


@cache
def _functions() -> frozenset[str]:
    lines = (Path(__file__).parent / "spark_functions.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split()) - _REACHING_OUT | {""}


def _undecided(node: exp.Expr) -> bool:
    if isinstance(node.parent, exp.WithinGroup):
        return False
    order = node.this
    return not (isinstance(order, exp.Order) and len(order.expressions) == 1 and order.expressions[0].this == order.this)


def _counts_more_than_days(node: exp.Expr) -> bool:
    return str(node.args.get("unit") or "day").lower() not in ("day", "days")


def _always(node: exp.Expr) -> bool:
    return True


_DRIFTS: tuple[tuple[type[exp.Expr], Callable[[exp.Expr], bool], str, str], ...] = (
    (exp.Avg, _always, "avg() of decimals is added up otherwise in Spark", "Write cast(sum(x) as double) / count(x)."),
    (exp.DateDiff, _counts_more_than_days, "date_diff() of more than days counts boundaries in DuckDB and whole units in Spark",
     "Write it with year() and month(), or count days."),
    (exp.Mode, _undecided, "mode() does not say which of several values that are equally frequent", "Write mode(x order by x)."),
    (exp.SetOperation, lambda node: bool(node.args.get("by_name")) and any(one.is_star for one in branches(node)),
     "UNION BY NAME over * has no columns to name", "Name the columns of each SELECT."),
    (exp.Log, lambda node: node.args.get("expression") is None, "log(x) is of base 10 in DuckDB and natural in Spark", "Write ln(x) or log10(x)."),
    (exp.DayOfWeek, _always, "dayofweek() begins with 0 in DuckDB and with 1 in Spark", "Write isodow(x)."),
    (exp.ArrayAgg, lambda node: node.find(exp.Order) is not None, "a list has no order in Spark", "Write string_agg(x, ',' order by y)."),
    (exp.PercentileCont, lambda node: not isinstance(node.parent, exp.WithinGroup), "quantile_cont(x, q) is written otherwise in Spark",
     "Write percentile_cont(q) within group (order by x)."),
    (exp.RegexpLike, _always, "~ matches the whole text in DuckDB and a part of it in Spark",
     "Write regexp_full_match(x, pattern), or regexp_extract(x, pattern) <> ''."),
    (exp.SimilarTo, _always, "SIMILAR TO is not in Spark", "Write regexp_full_match(x, pattern)."),
    (exp.Slice, _always, "a slice of a list or text is written otherwise in Spark", "Write substr(x, first, count)."),
)  # fmt: skip
"""What both engines can be asked, and answer differently: (node, when, problem, remedy)."""


def line_of(node: exp.Expr) -> int | None:
    """The first line that a part of the node stands in."""
    return next((int(part.meta["line"]) for part in node.walk() if "line" in part.meta), None)


def in_spark(sql: str, name: Callable[[str], str] = view_of) -> str:
    """The statement for ``SparkSession.sql``; each ``schema.table`` is written as ``name`` says.

    Raises:
        NotPortable: it holds something that Spark cannot carry with the same meaning.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except SqlglotError as error:
        raise NotPortable(f"The SQL cannot be parsed: {str(error).splitlines()[0]}", hint="districtlake catalog check") from None
    if (found := next(_obstacles(tree), None)) is not None:
        raise NotPortable(f"{found.problem}.", hint=found.remedy, line=found.line)
    for query in [*tree.find_all(exp.SetOperation)][::-1]:  # the innermost first
        by_position(query)
    for table in tree.find_all(exp.Table):
        if table.args.get("db") is not None:
            if table.args.get("alias") is None:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("this", exp.to_identifier(name(f"{table.db.lower()}.{table.name.lower()}")))
            table.set("db", None)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
    return _written(_reworded(tree))


def function_in_spark(macro: exp.Create) -> str:
    """A scalar DuckDB macro over texts as a temporary function of a Spark session."""
    name, body = macro.this, macro.expression
    arguments = ", ".join(f"{one.name} STRING" for one in name.expressions)
    return f"CREATE OR REPLACE TEMPORARY FUNCTION {name.this.name} ({arguments}) RETURNS STRING RETURN {_written(_reworded(body))}"


def _written(tree: exp.Expr) -> str:
    try:
        return str(tree.sql(dialect=Spark42, identify=True, unsupported_level=ErrorLevel.RAISE))
    except SqlglotError as error:
        raise NotPortable(f"Spark: {str(error).splitlines()[0]}.", hint="Write it in standard SQL, or leave the engine embedded.") from None


# DuckDB's meaning in Spark's words ---------------------------------------------------------------------------------
def _reworded(tree: exp.Expr) -> exp.Expr:
    """Twice over the tree: what is rounded has to be in Spark's words already."""
    return tree.transform(_word).transform(lambda node: _rounded(node) if isinstance(node, exp.Round) else node)


def _word(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.RegexpFullMatch):
        whole = [exp.Literal.string("^(?:"), node.expression, exp.Literal.string(")$")]
        return exp.RegexpLike(this=node.this, expression=exp.Concat(expressions=whole))
    if isinstance(node, exp.IgnoreNulls) and isinstance(node.this, exp.AnyValue):  # Spark takes IGNORE NULLS behind FILTER only
        return exp.Anonymous(this="ANY_VALUE", expressions=[node.this.this, exp.true()])
    if isinstance(node, exp.DayOfWeekIso):
        return exp.paren(exp.Anonymous(this="WEEKDAY", expressions=[node.this]) + 1)  # sqlglot's own is two days off
    if isinstance(node, exp.Mode) and isinstance(node.this, exp.Order):
        order = node.this
        return exp.WithinGroup(this=exp.Mode(), expression=exp.Order(expressions=order.expressions))
    elif isinstance(node, exp.Interval) and isinstance(node.this, exp.Paren) and isinstance(node.this.this, exp.Literal):
        node.set("this", exp.Literal.string(node.this.this.name))
    return node


def _rounded(node: exp.Round) -> exp.Expr:
    """Halves away from zero of the number as it is stored, as DuckDB rounds; Spark rounds the digits a double is printed with."""
    digits: Any = node.args.get("decimals")
    if digits is not None and not isinstance(digits, exp.Literal):
        return node
    by = 10 ** int(digits.name if digits is not None else 0)
    x = node.this
    up = exp.Floor(this=exp.paren(x.copy()) * by + exp.Literal.number("0.5"))
    down = exp.Neg(this=exp.Floor(this=exp.paren(x.copy()) * -by + exp.Literal.number("0.5")))
    return exp.paren(exp.Case().when(exp.paren(x.copy()) < 0, down).else_(up)) / by


_OTHERWISE = frozenset({"date_sub", "datesub", "age", "hash", "trunc", "random", "setseed", "format"})
"""Names that Spark may know, too, but for something else."""

_REMEDIES = dict.fromkeys(
    ("date_sub", "datesub", "age"),
    "Whole years from a to b: (cast(strftime(b, '%Y%m%d') as integer) - cast(strftime(a, '%Y%m%d') as integer)) // 10000.",
)

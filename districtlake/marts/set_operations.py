"""Set operations ``BY NAME`` written by position, for readers that follow columns by their place only (sqlglot's lineage, Spark)."""

from __future__ import annotations

from typing import Any

from sqlglot import exp


def by_position(query: Any) -> None:
    """Rewrite a ``UNION BY NAME`` in place; one over ``*`` stays as it is: its columns are not known here."""
    if not query.args.get("by_name"):
        return
    names = list(dict.fromkeys([*names_of(query.this), *names_of(query.expression)]))
    if "*" in names:
        return
    for side in (query.this, query.expression):
        for branch in branches(side):
            by_name = {one.alias_or_name.lower(): one for one in branch.selects}
            branch.set("expressions", [by_name.get(name) or exp.alias_(exp.Null(), name) for name in names])
    query.set("by_name", False)


def branches(query: Any) -> list[Any]:
    """The SELECTs of a set operation, or the one there is."""
    if isinstance(query, exp.SetOperation):
        return [*branches(query.this), *branches(query.expression)]
    return branches(query.this) if isinstance(query, exp.Subquery) else [query]


def names_of(query: Any) -> list[str]:
    """Column names a query gives, lower case; ``*`` where they are not written."""
    return [one.alias_or_name.lower() or "*" for one in branches(query)[0].selects]

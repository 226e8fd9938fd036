"""A mart's SELECT, parsed by sqlglot: which tables it reads and in which lines. Names in CTEs, strings and comments are not tables.

(``warehouse.statement`` reads an analyst's statement with DuckDB's own parser; a mart needs lines for the catalogue check, and lineage.)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from districtlake.errors import DistrictLakeError
from districtlake.warehouse.statement import runnable


class StatementError(DistrictLakeError):
    """The statement is not one SELECT over named tables."""

    code = "sql.invalid"

    def __init__(self, message: str, *, hint: str = "", line: int | None = None):
        super().__init__(message, hint=hint)
        self.line = line


@dataclass(frozen=True)
class TableName:
    """A table as the statement names it: ``schema.name``, and the line it stands in (from 1)."""

    schema: str
    name: str
    line: int

    @property
    def id(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Statement:
    """A parsed SELECT.

    Attributes:
        tables: every table it names with a schema, in the order of their mention.
        runnable: the text to give to DuckDB.
        tree: sqlglot's tree.
    """

    text: str
    tables: tuple[TableName, ...]
    runnable: str
    tree: exp.Query = field(compare=False, repr=False)

    @property
    def sources(self) -> tuple[str, ...]:
        """``schema.table`` names, each once, sorted."""
        return tuple(sorted({table.id for table in self.tables}))


def parse(text: str) -> Statement:
    """Parse one SELECT (CTEs and set operations included).

    Raises:
        StatementError: it cannot be parsed, is not one SELECT, or names a table without its schema; has the line.
    """
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        line = first.get("line")
        message = str(first.get("description") or error).splitlines()[0]
        raise StatementError(f"The SQL cannot be parsed: {message}", hint="Correct it near that line.", line=line) from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise StatementError("Only one SELECT statement can be run.", hint="Write: select … from agency.resource", line=1)
    tree = trees[0]
    defined = {cte.alias_or_name.casefold() for cte in tree.find_all(exp.CTE)}
    tables = list[tuple[int, TableName]]()
    for table in tree.find_all(exp.Table):
        schema, name = table.args.get("db"), table.this
        if not isinstance(name, exp.Identifier):  # a table function such as range(3); what it may reach, DuckDB's locks decide
            continue
        line = int(name.meta.get("line", 1))
        if table.args.get("catalog") is not None:
            raise StatementError(f"{table.sql(dialect='duckdb')} has too many parts.", hint="Write agency.resource.", line=line)
        if schema is None:
            if table.name.casefold() not in defined:
                hint = "Write agency.resource, library.mart or system.table."
                raise StatementError(f"There is no table {table.name}.", hint=hint, line=line)
            continue
        tables.append((int(name.meta.get("start", 0)), TableName(schema.name.lower(), table.name.lower(), line)))
    in_order = tuple(table for _, table in sorted(tables, key=lambda found: found[0]))
    return Statement(text, in_order, runnable(text), tree)

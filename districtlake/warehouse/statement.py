"""One SQL statement, read before it is run: DuckDB's own parser says whether it is a SELECT, which tables it names, and its parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from districtlake.errors import DistrictLakeError

TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})
"""The table functions a statement may call. The others read files, settings or statements made of text."""
_CATALOGUES = ("information_schema", "pg_catalog")

SYSTEM = "system"
"""The schema of the tables that tell of the data: deliveries, results, problems (``marts.system``)."""
SYSTEM_SCHEMA = "system_"
"""What it is called inside DuckDB."""


class QueryError(DistrictLakeError):
    """The statement is wrong, or not allowed."""

    code = "sql.invalid"


@dataclass(frozen=True)
class Statement:
    """A single SELECT.

    Attributes:
        text: as it was written.
        tables: qualified tables it reads, lower case, "schema.table", in order, each once. Names of its own WITH clauses are not among them.
        bare: unqualified names it reads, its own WITH names excepted.
        parameters: the ``$name`` it expects.
    """

    text: str
    tables: tuple[str, ...]
    bare: tuple[str, ...]
    parameters: tuple[str, ...]

    @property
    def runnable(self) -> str:
        """The text to give to DuckDB."""
        return runnable(self.text)

    @property
    def without_literals(self) -> str:
        """The statement for the audit trail: a literal, a comment or a quoted name may hold somebody's identity number."""
        return without_literals(self.text)


def parse(connection: duckdb.DuckDBPyConnection, text: str) -> Statement:
    """Read one SELECT (WITH, FROM-first, VALUES, DESCRIBE and SUMMARIZE are forms of it).

    Raises:
        QueryError: no statement, several, one that is no SELECT, or one that calls a table function that could leave the lake.
    """
    try:
        statements = connection.extract_statements(text)
    except duckdb.Error as error:
        raise QueryError(f"DuckDB: {duck_words(error)}", hint="表名写作 机构.资源；districtlake tables 列出全部表。") from None
    if len(statements) != 1:
        raise QueryError("Only one SELECT statement can be run.", hint='Write: districtlake sql "select … from agency.resource".')
    document = json.loads(str(connection.execute("select json_serialize_sql(?)", [text]).fetchall()[0][0]))
    if document["error"]:
        raise QueryError(
            "Only one SELECT statement can be run.",
            hint="Write: select … from agency.resource. PIVOT goes as: select … from agency.resource pivot (…); for a plan: --explain.",
        )
    nodes = list(_nodes(document["statements"]))
    for node in nodes:
        if node.get("type") == "TABLE_FUNCTION" and node["function"]["function_name"].lower() not in TABLE_FUNCTIONS:
            raise QueryError(
                f"The table function {node['function']['function_name']} is not allowed: only the lake's tables can be read.",
                hint=f"Allowed are {', '.join(sorted(TABLE_FUNCTIONS))}. A table is named agency.resource.",
            )
    own = {str(entry["key"]).lower() for node in nodes for entry in node.get("cte_map", {}).get("map", ())}
    base = [node for node in nodes if node.get("type") == "BASE_TABLE"]
    tables = [f"{node['schema_name']}.{node['table_name']}".lower() for node in base if node["schema_name"]]
    bare = [str(node["table_name"]) for node in base if not node["schema_name"] and node["table_name"].lower() not in own]
    parameters = [str(node["identifier"]) for node in nodes if node.get("type") == "VALUE_PARAMETER"]
    return Statement(
        text=text,
        tables=tuple(dict.fromkeys(name for name in tables if not name.startswith(_CATALOGUES))),
        bare=tuple(dict.fromkeys(bare)),
        parameters=tuple(dict.fromkeys(parameters)),
    )


def schema_in_duckdb(schema: str) -> str:
    """What a schema is called inside DuckDB."""
    return SYSTEM_SCHEMA if schema == SYSTEM else schema


def runnable(text: str) -> str:
    """The text for DuckDB: ``system`` is a database of its own there, so ``system.deliveries`` is read as ``system_.deliveries``.

    Lines stay as they are; strings and comments are left alone.
    """
    try:
        tokens = duckdb.tokenize(text)
    except duckdb.Error:
        return text
    encoded = text.encode()  # the lexer counts bytes
    starts = [start for start, _ in tokens] + [len(encoded)]
    pieces = [encoded[starts[i] : starts[i + 1]] for i in range(len(tokens))]
    for i, (_, kind) in enumerate(tokens[:-1]):
        name = pieces[i].strip()
        qualifies = pieces[i + 1].startswith(b".") and not (i and pieces[i - 1].strip().endswith(b"."))
        if qualifies and kind is not duckdb.token_type.string_const and name.strip(b'"').lower() == SYSTEM.encode():
            pieces[i] = pieces[i].replace(name, SYSTEM_SCHEMA.encode(), 1)
    return (encoded[: starts[0]] + b"".join(pieces)).decode() if tokens else text


def without_literals(text: str) -> str:
    """Any text meant as SQL with its constants as "…" and without comments; what the lexer does not know is dropped, never kept."""
    try:
        tokens = duckdb.tokenize(text)
    except duckdb.Error:
        return "…"
    encoded = text.encode()  # the lexer counts bytes
    parts: list[str] = []
    for position, (start, kind) in enumerate(tokens):
        end = tokens[position + 1][0] if position + 1 < len(tokens) else len(encoded)
        piece = encoded[start:end].decode(errors="ignore")
        if kind is duckdb.token_type.comment:
            continue
        if kind in (duckdb.token_type.string_const, duckdb.token_type.numeric_const) and piece.strip() != ".":
            parts.append("… ")
        else:
            parts.append(piece)
    return re.sub(r"\s+", " ", re.sub(r"\d{6,}", "…", "".join(parts))).strip()


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for inner in tree.values():
            yield from _nodes(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from _nodes(inner)


_OF_VALUES = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException, duckdb.TypeMismatchException)
"""What DuckDB raises because of a value, which it then quotes; the others speak of the statement."""


def duck_words(error: Exception) -> str:
    """The first line of what DuckDB says, without the values it may quote: such sentences end in logs, reports and Dagster."""
    told = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if isinstance(error, _OF_VALUES) or re.match(r"(Conversion|Invalid Input|Out of Range|Mismatch Type) Error", told):
        told = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", "'…'", told)
        told = re.sub(r"[^\x00-\x7f…]+", "…", told)  # its own words are ASCII; error(…) says whatever cell it was given
    return re.sub(r"\d{6,}", "…", told)

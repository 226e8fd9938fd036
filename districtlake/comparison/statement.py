"""A comparison as SQL: one statement for each left side. Everything hangs on the join key, so it can be asked of some keys alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from districtlake.catalog.comparison_links import element_of
from districtlake.catalog.comparisons import Comparison, Condition, Left, Operand, Side
from districtlake.catalog.models import Catalog
from districtlake.comparison.expressions import TODAY, expression, held_to
from districtlake.comparison.matching import identifier_sql, matched_sql, text_sql
from districtlake.marts.definition import source_schema
from districtlake.warehouse.statement import schema_in_duckdb
from districtlake.warehouse.tables import key_columns

KEYS = "compared_keys"
"""The table of join keys to be compared, columns ``k_<name>``; where there is none, all are."""


@dataclass(frozen=True)
class Pairing:
    """One left side of a comparison with the right sides it is held against, and the values of a day."""

    comparison: Comparison
    left: Left
    catalog: Catalog
    values: Mapping[str, Any]

    @property
    def id(self) -> str:
        return f"{self.comparison.id}/{self.left.name}"

    def on(self, values: Mapping[str, Any]) -> Pairing:
        """The same with another day's values."""
        return replace(self, values=values)

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.left, *self.comparison.right, *self.comparison.unless)

    @property
    def sources(self) -> tuple[str, ...]:
        """The tables it reads, each once."""
        return tuple(dict.fromkeys(side.resource for side in self.sides))

    @property
    def keys(self) -> list[str]:
        """Columns of the join key, in one order for all sides."""
        return [f"k_{name}" for name in self.left.join]

    @property
    def at_least(self) -> int:
        given = self.comparison.matches_at_least
        return int(self.comparison.parameters[given]) if isinstance(given, str) else given

    def key_sql(self, side: Side, alias: str = "t") -> list[str]:
        """SQL of the match keys of a side, in the order of ``keys``."""
        found = []
        for name in self.left.join:
            element = element_of(self.catalog, side.resource, side.join[name])
            written = identifier_sql(element.kind if element is not None else "", f'{alias}."{side.join[name]}"')
            found.append(matched_sql(self.comparison.match.get(name, ()), written))
        return found

    def alike(self, name: str, column: str) -> str:
        """SQL of a compared column after the steps that ``match`` declares for it."""
        return matched_sql(self.comparison.match.get(name, ()), self._written(name, column))

    def _written(self, name: str, column: str) -> str:
        """A compared column as text where it is matched, so that two sources may hold it in two types; else as it is."""
        return f"CAST({column} AS VARCHAR)" if name in self.comparison.match else column

    # rows of one side ----------------------------------------------------------------------------------------------
    def where_sql(self, side: Side) -> str:
        if not side.where:
            return ""
        found = expression(side.where)
        columns = list(source_schema(side.resource, self.catalog) or ())
        held_to(found, {("", name) for name in columns}, self.values)
        return found.sql(self.values, {("", name): f't."{name}"' for name in columns})

    def _rows(self, side: Side, prefix: str, restricted: bool, *, bare: bool = False) -> str:
        keys = [f"{sql} AS {name}" for name, sql in zip(self.keys, self.key_sql(side), strict=True)]
        shown = (
            []
            if bare
            else [
                f"{_text_key(self.row_key(side))} AS {prefix}_key",
                *(f't."{item}" AS {prefix}_{name}' for name, item in side.columns.items()),
            ]
        )
        if not bare:
            placed = side.resource in self.catalog.resources
            shown += [f"{'t._delivery' if placed else 'NULL::VARCHAR'} AS {prefix}_delivery", f"'{side.resource}' AS {prefix}_resource"]
            if prefix == "l":
                shown += ["t._file AS l_file", "t._sheet AS l_sheet", "t._row AS l_row"]
        return self._keyed(side, [*keys, *shown], restricted, distinct=bare)

    def _keyed(self, side: Side, shown: Sequence[str], restricted: bool = False, *, distinct: bool = False) -> str:
        """A side's rows that have a join key; around it, since not every engine knows the names of a SELECT in its own WHERE."""
        where = f" WHERE ({said})" if (said := self.where_sql(side)) else ""
        known = [f"{name} IS NOT NULL" for name in self.keys]
        if restricted:
            known.append(f"({', '.join(self.keys)}) IN (SELECT {', '.join(self.keys)} FROM {KEYS})")
        rows = f"SELECT {', '.join(shown)} FROM {table(side.resource)} t{where}"
        return f"SELECT {'DISTINCT ' if distinct else ''}* FROM ({rows}) WHERE {' AND '.join(known)}"

    def row_key(self, side: Side) -> tuple[str, ...]:
        """The columns that identify a row of a side."""
        resource = self.catalog.resources.get(side.resource)
        return key_columns(resource) if resource is not None else self.catalog.marts[side.resource].key

    # pairs ---------------------------------------------------------------------------------------------------------
    def condition_sql(self, condition: Condition) -> str:
        """One condition over the columns ``l_<name>`` and ``r_<name>``."""
        if condition.differs is not None:
            name, a, b = condition.differs, f"l_{condition.differs}", f"r_{condition.differs}"
            if condition.matching == "exact" and name not in self.comparison.match:
                return f"{a} <> {b}"
            key, other = self.alike(name, a), self.alike(name, b)
            if condition.matching != "exact":
                key, other = text_sql(key), text_sql(other)
            # CASE, not AND: DuckDB would make the match keys of every row of both sides before it joins them
            return f"CASE WHEN {self._written(name, a)} <> {self._written(name, b)} THEN {key} <> {other} ELSE false END"
        if (same := condition.equals) is not None:
            return f"{self.alike(same, f'l_{same}')} = {self.alike(same, f'r_{same}')}"
        if condition.sql is not None:
            found = expression(condition.sql)
            columns = {("l", name): f"l_{name}" for name in self.left.columns} | {
                ("r", name): f"r_{name}" for name in self.comparison.right[0].columns
            }
            held_to(found, columns, self.values)
            return found.sql(self.values, columns)
        assert condition.earlier is not None
        assert condition.than is not None
        days, months = self._number(condition.tolerance_days), self._number(condition.tolerance_months)
        if condition.tolerance_months is not None:
            return f"{self._month(condition.earlier)} + {months} < {self._month(condition.than)}"
        return f"{self._operand(condition.earlier)} + INTERVAL {days} DAY < {self._operand(condition.than)}"

    def _number(self, given: int | str | None) -> int:
        return int(self.comparison.parameters[given]) if isinstance(given, str) else given or 0

    def _operand(self, operand: Operand) -> str:
        from districtlake.comparison.expressions import literal

        side, _, name = operand.partition(".")
        return literal(self.values[TODAY]) if side == TODAY else f"{side[0]}_{name}"

    def _month(self, operand: Operand) -> str:
        """Months since year 0, of a date or of a text YYYYMM or YYYY-MM."""
        sql = f"replace(CAST({self._operand(operand)} AS VARCHAR), '-', '')"
        return f"(TRY_CAST(substr({sql}, 1, 4) AS INTEGER) * 12 + TRY_CAST(substr({sql}, 5, 2) AS INTEGER))"

    def candidates(self) -> str:
        """The join keys that may hold a lead, columns ``keys``: found with what conditions read alone, so a million rows without one cost
        little. Never too few; which are leads, ``statement`` says of these keys.
        """
        keys, absent = ", ".join(self.keys), self.left.absent == "flag"
        rights = " UNION ALL ".join(self._read_by_conditions(side, "r") for side in self.comparison.right)
        unless = " ".join(
            f"ANTI JOIN ({self._rows(side, 'u', False, bare=True)}) u{i} USING ({keys})" for i, side in enumerate(self.comparison.unless)
        )
        conditions = " AND ".join(f"({self.condition_sql(one)})" for one in self.comparison.flag_when) or "true"
        return f"""
            WITH l AS (SELECT * FROM ({self._read_by_conditions(self.left, "l")}) {unless}), r AS (SELECT *, true AS present FROM ({rights}))
            SELECT DISTINCT {keys} FROM l {"LEFT " if absent else ""}JOIN r USING ({keys}) WHERE {"present IS NULL OR " if absent else ""}({conditions})"""

    def _read_by_conditions(self, side: Side, prefix: str) -> str:
        """A side's rows with its join key and the columns that conditions name."""
        place = {"l": "left", "r": "right"}[prefix]
        named = {name for one in self.comparison.flag_when for where, name in _columns_of(one) if where == place}
        shown = [f"{sql} AS {name}" for name, sql in zip(self.keys, self.key_sql(side), strict=True)]
        shown += [f't."{side.columns[name]}" AS {prefix}_{name}' for name in sorted(named)]
        return self._keyed(side, shown)

    def statement(self, *, restricted: bool) -> str:
        """The rows of ``l`` that are leads, each with the first of its right rows, ``matches`` and (of ``differs``) the match keys."""
        keys = ", ".join(self.keys)
        rights = [f"r{index} AS ({self._rows(side, 'r', restricted)})" for index, side in enumerate(self.comparison.right)]
        pair = ["r_key", *(f"r_{name}" for name in self.comparison.right[0].columns), "r_delivery", "r_resource"]
        columns = ", ".join([*self.keys, *pair])
        chain = [f"SELECT {columns} FROM r0"]
        for index in range(1, len(rights)):
            anti = " ".join(f"ANTI JOIN r{before} USING ({keys})" for before in range(index))
            chain.append(f"SELECT {columns} FROM r{index} {anti}")
        unless = [f"u{index} AS ({self._rows(side, 'u', restricted, bare=True)})" for index, side in enumerate(self.comparison.unless)]
        answered = " ".join(f"ANTI JOIN u{index} USING ({keys})" for index in range(len(unless)))
        conditions = " AND ".join(f"({self.condition_sql(one)})" for one in self.comparison.flag_when) or "true"
        shown = [
            f"{text_sql(self.alike(str(one.differs), f'{side}_{one.differs}'))} AS m{side}_{index}"
            for index, one in enumerate(self.softened)
            for side in ("l", "r")
        ]  # fmt: skip
        parts = [
            f"l AS (SELECT * FROM ({self._rows(self.left, 'l', restricted)}) {answered})",
            *rights,
            f"r AS ({' UNION ALL '.join(chain)})",
            *unless,
        ]
        if answered:  # the tables of ``unless`` stand before what reads them
            parts = [*unless, *[part for part in parts if part not in unless]]
        found = f"""
            SELECT {", ".join(["l.*", *pair, "count(*) OVER (PARTITION BY l_key) AS matches", *shown])}
            FROM l JOIN r USING ({keys}) WHERE {conditions}
            QUALIFY row_number() OVER (PARTITION BY l_key ORDER BY r_key) = 1 AND count(*) OVER (PARTITION BY l_key) >= {self.at_least}"""
        if self.left.absent == "flag":
            nothing = [f"NULL AS {name}" for name in pair]
            unsaid = [f"NULL AS m{side}_{index}" for index, _ in enumerate(self.softened) for side in ("l", "r")]
            found += f" UNION ALL SELECT {', '.join(['l.*', *nothing, '0::BIGINT AS matches', *unsaid])} FROM l ANTI JOIN r USING ({keys})"
        return f"WITH {', '.join(parts)} {found}"

    @property
    def softened(self) -> list[Condition]:
        """The conditions whose contradictions may be a matter of rare characters."""
        return [one for one in self.comparison.flag_when if one.differs is not None and one.matching == "name"]

    # what a passing day changes ------------------------------------------------------------------------------------
    def moved_by(self, changed: set[str]) -> tuple[list[tuple[Side, str]], str]:
        """What the values of ``changed`` variables can turn over without any row changing.

        Returns:
            (side, predicate over that side alone, as SQL with its columns written ``t."item"``) for each; and, where a condition over both
            sides depends on one of them, its text: then everything must be compared.
        """
        found: list[tuple[Side, str]] = []
        for side in self.sides:
            if side.where and expression(side.where).variables & changed:
                found.append((side, self.where_sql(side)))
        for condition in self.comparison.flag_when:
            sides, variables = _reach(condition)
            if not variables & changed:
                continue
            if len(sides) > 1:
                return [], condition.sql or f"{condition.earlier} < {condition.than}"
            sql = self.condition_sql(condition)
            for side in (self.left,) if sides == {"left"} else self.comparison.right:
                found.append((side, _over(sql, side, "l" if sides == {"left"} else "r")))
        return found, ""


def _columns_of(condition: Condition) -> set[tuple[str, str]]:
    """(left or right, name) of every column a condition reads."""
    if condition.sql is not None:
        return {({"l": "left", "r": "right"}[side], name) for side, name in expression(condition.sql).columns if side in ("l", "r")}
    if (both := condition.differs or condition.equals) is not None:
        return {("left", both), ("right", both)}
    found = [one.partition(".") for one in (condition.earlier, condition.than) if one not in (None, TODAY)]
    return {(side, name) for side, _, name in found}


def _reach(condition: Condition) -> tuple[set[str], set[str]]:
    """(sides, variables) that a condition reads. Parameters are no variables here: another value is another definition."""
    sides = {side for side, _ in _columns_of(condition)}
    if condition.sql is not None:
        return sides, set(expression(condition.sql).variables)
    return sides, {TODAY} & {condition.earlier, condition.than}


def _over(sql: str, side: Side, prefix: str) -> str:
    """A condition over ``l_name`` or ``r_name`` written over the side's own rows."""
    import sqlglot
    from sqlglot import exp

    items = {f"{prefix}_{name}": item for name, item in side.columns.items()}

    def own(node: exp.Expr) -> exp.Expr:
        return exp.column(exp.to_identifier(items[node.name], quoted=True), table="t") if isinstance(node, exp.Column) else node

    return str(sqlglot.parse_one(sql, dialect="duckdb").transform(own).sql(dialect="duckdb"))


def table(source: str) -> str:
    """How ``agency.resource`` is written for DuckDB."""
    agency, _, name = source.partition(".")
    return f'"{schema_in_duckdb(agency)}"."{name}"'


def _text_key(columns: Sequence[str]) -> str:
    """As ``warehouse.tables.text_key_of``."""
    parts = [f"""coalesce(replace(CAST(t."{column}" AS VARCHAR), '|', '||'), '∅')""" for column in columns]
    return " || '|' || ".join(parts)


def pairings_of(comparison: Comparison, catalog: Catalog, values: Mapping[str, Any]) -> list[Pairing]:
    """One for each left side, in the order of the file."""
    return [Pairing(comparison, left, catalog, values) for left in comparison.left]

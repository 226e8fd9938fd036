"""The cross-checks of comparisons for ``districtlake catalog check``: every expression is parsed and tried on empty tables of the right types."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import polars as pl

from districtlake.catalog.check import Finding
from districtlake.catalog.comparisons import Comparison
from districtlake.catalog.load import Loaded
from districtlake.catalog.models import Catalog
from districtlake.comparison.expressions import ExpressionError, expression, values_on
from districtlake.comparison.matching import macros
from districtlake.comparison.statement import Pairing, pairings_of
from districtlake.errors import DistrictLakeError
from districtlake.marts.check import not_portable
from districtlake.marts.definition import source_schema
from districtlake.marts.sources import add_relation, duck, lock
from districtlake.warehouse.statement import duck_words

_ANY_DAY = date(2026, 1, 1)


def check_comparisons(loaded: Loaded) -> list[Finding]:
    """Every finding on the comparisons of a loaded catalogue that only carrying them out would show."""
    return [
        finding
        for one in sorted(loaded.catalog.comparisons.values(), key=lambda one: one.id)
        for finding in _comparison(one, loaded.catalog)
    ]


def _comparison(comparison: Comparison, catalog: Catalog) -> Iterator[Finding]:
    try:
        values = values_on(comparison, _ANY_DAY)
    except ExpressionError as error:
        yield Finding(comparison.file, "moments", error.message.rstrip("."), error.hint)
        return
    used = {name for _, side in comparison.sides if side.where for name in _variables(side.where)}
    used |= {name for one in comparison.flag_when if one.sql for name in _variables(one.sql)}
    used |= {name for text in comparison.moments.values() for name in _variables(text)}
    used |= {str(given) for one in comparison.flag_when for given in (one.tolerance_days, one.tolerance_months) if given is not None}
    used.add(str(comparison.matches_at_least))
    for name in (*comparison.parameters, *comparison.moments):
        if name not in used:
            part = "parameters" if name in comparison.parameters else "moments"
            yield Finding(
                comparison.file, f"{part}.{name}", f"'{name}' is used nowhere", "Delete it, or use it as $" + name + ".", "warning"
            )
    for index, pairing in enumerate(pairings_of(comparison, catalog, values)):
        try:
            _try(pairing)
            yield from not_portable(pairing.statement(restricted=True), comparison.file, comparison.engine, f"left[{index}]")
        except ExpressionError as error:
            yield Finding(comparison.file, f"left[{index}]", error.message.rstrip("."), error.hint)
        except duckdb.Error as error:
            remedy = "Compare values of one type, for example with cast(… as integer)."
            yield Finding(comparison.file, f"left[{index}]", f"DuckDB: {duck_words(error).rstrip('.')}", remedy)


def _variables(text: str) -> frozenset[str]:
    try:
        return expression(text).variables
    except DistrictLakeError:
        return frozenset()


def _try(pairing: Pairing) -> None:
    with duck() as connection:
        connection.execute(macros())
        for source in pairing.sources:
            schema = source_schema(source, pairing.catalog)
            if schema is not None:
                add_relation(connection, source, pl.DataFrame(schema=schema).to_arrow(), schema)
        lock(connection)
        connection.sql(pairing.statement(restricted=False)).to_arrow_table()

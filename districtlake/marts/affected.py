"""Which keys of an incremental mart its sources' change feeds have touched since the versions of its last build.

What is saved is the computing of untouched keys and the writing of unchanged rows; the sources' files are still read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from deltalake import DeltaTable

from districtlake.catalog.marts import Mart
from districtlake.marts.definition import mart_schema
from districtlake.marts.sources import ABSENT, Inputs

MOST_AFFECTED = 0.3
"""Above this share of the mart's rows a full build is cheaper."""


def affected_keys(mart: Mart, inputs: Inputs, before: Mapping[str, str], rows: int) -> tuple[pl.DataFrame | None, str]:
    """Values of the mart's incremental key to compute again, each once.

    Args:
        before: the versions read by the last good build.
        rows: rows of the mart as it stands.

    Returns:
        (keys, ""), or (None, why everything must be computed).
    """
    assert mart.incremental is not None
    schema = mart_schema(mart, inputs.district.catalog)
    keys = list(mart.incremental_key)
    parts = [pl.DataFrame(schema={name: schema[name] for name in keys})]
    for source, version in before.items():
        now = inputs.version(source)
        if now == version:
            continue
        if source not in mart.incremental.changes:
            return None, f"{source} changed and is not among its incremental.changes"
        try:
            parts += _touched(inputs, source, version, now, mart.incremental.changes[source], keys, schema)
        except Exception as error:  # vacuumed, rebuilt, feed switched off: the reader says it in many ways
            return None, f"the change feed of {source} since version {version} cannot be read ({type(error).__name__})"
    found = pl.concat(parts).drop_nulls().unique()
    if found.height > MOST_AFFECTED * max(rows, 1):
        return None, f"{found.height} keys changed, more than {MOST_AFFECTED:.0%} of {rows} rows"
    return found, ""


def _touched(
    inputs: Inputs, source: str, before: str, now: str, mappings: Sequence[Mapping[str, str]], keys: Sequence[str], schema: pl.Schema
) -> list[pl.DataFrame]:
    start = 0 if before == ABSENT else int(before) + 1
    if now == ABSENT or int(now) < start:
        raise ValueError("the table is older than the version that was read")
    columns = sorted({column for mapping in mappings for column in mapping})
    feed = DeltaTable(str(inputs.path(source))).load_cdf(
        starting_version=start, ending_version=int(now), columns=[*columns, "_change_type", "_commit_version", "_commit_timestamp"]
    )
    changed = pl.DataFrame(feed.read_all())
    return [
        changed.select(pl.col(column).cast(schema[key]).alias(key) for column, key in mapping.items()).select(list(keys)).unique()
        for mapping in mappings
    ]

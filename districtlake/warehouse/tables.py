"""Addresses and schemas of the lake's tables. The asset key is the address: layer / agency / resource."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable

from districtlake.catalog.models import Catalog, Resource
from districtlake.quality import problems, results

LAYERS = ("raw", "cleansed", "changes", "quarantine", "results", "problems", "warehouse", "history")
"""In the order in which one delivery writes them; ``warehouse`` is the commit point and comes last (ADR 0004)."""

COMMIT_ORDER = ("raw", "cleansed", "changes", "quarantine", "results", "problems", "history", "warehouse")

PROVENANCE = {"_delivery": pl.String, "_file": pl.String, "_sheet": pl.String, "_row": pl.Int64}
INSTANT = pl.Datetime("us", "UTC")

VERSION_COLUMNS = {
    "_delivery": pl.String,  # the delivery that brought this version of the row
    "_file": pl.String,
    "_sheet": pl.String,
    "_row": pl.Int64,
    "_valid_from": INSTANT,
}
FINGERPRINT = "_fingerprint"


CHANGE_LOG_COLUMNS: dict[str, Any] = {**PROVENANCE, "item": pl.String, "before": pl.String, "after": pl.String, "rule": pl.String}


def address(lake: Path, layer: str, resource: str) -> Path:
    """Folder of a table; ``resource`` is "agency.resource"."""
    agency, name = resource.split(".", 1)
    return lake / layer / agency / name


CONFIGURATION = {
    # a table is opened by reading its log since the last checkpoint: at 100 commits, Delta's default, that is most of a small delivery's time
    "delta.checkpointInterval": "10",
    # an operator may withdraw or reprocess a delivery of any age, from the tables as they stood before it
    "delta.enableExpiredLogCleanup": "false",
}

_held: ContextVar[dict[str, DeltaTable] | None] = ContextVar("held", default=None)


@contextmanager
def tables_held_open() -> Iterator[None]:
    """Open each table once until the block ends; asked for again it is brought up to date, which costs a tenth.

    For the block of one resource's work: a table folder that is removed and made anew meanwhile would not be noticed.
    """
    if _held.get() is not None:  # within a wider block already
        yield
        return
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def open_table(lake: Path, layer: str, resource: str, version: int | None = None) -> DeltaTable:
    """One of the lake's tables as it stands, or at a version. deltalake's own errors where there is none."""
    path = str(address(lake, layer, resource))
    held = _held.get()
    if held is None:
        return DeltaTable(path, version=version)
    table = held.get(path)
    if table is None:
        table = held[path] = DeltaTable(path)
    else:
        table.update_incremental()
    return table if version in (None, table.version()) else DeltaTable(path, version=version)


def scan_delta(table: DeltaTable) -> pl.LazyFrame:
    """A Delta table, lazily. deltalake gives its files as percent-encoded addresses, which Polars' own reader takes for names:
    below a folder with Chinese characters or blanks the files are named as they are."""
    addresses = table.file_uris()
    if not any("%" in one for one in addresses):
        return pl.scan_delta(table)
    schema = pl.DataFrame(pa.schema(table.schema().to_arrow()).empty_table()).schema
    # Spark's MERGE leaves a column of its change feed in the data files
    return pl.scan_parquet([unquote(one) for one in addresses], schema=schema, missing_columns="insert", extra_columns="ignore")


class DamagedFile(OSError):
    """A file of a table is cut off or no Parquet."""


def collected(scan: pl.LazyFrame) -> pl.DataFrame:
    """``scan.collect()``; raises ``DamagedFile`` where Polars panics over a damaged file: a panic is no ``Exception`` and would end the process."""
    try:
        return scan.collect()
    except pl.exceptions.PanicException as error:
        raise DamagedFile("a file of the table is cut off or no Parquet") from error


def scan_table(lake: Path, layer: str, resource: str, version: int | None = None) -> pl.LazyFrame:
    """One of the lake's tables, lazily, as it stands or at a version."""
    return scan_delta(open_table(lake, layer, resource, version))


def key_columns(resource: Resource) -> tuple[str, ...]:
    """The columns that identify a row: the natural key, or the fingerprint where there is none."""
    return resource.key or (FINGERPRINT,)


def stored_items(resource: Resource) -> tuple[str, ...]:
    """Items the warehouse keeps. A volatile one (a running number that each list counts anew) stays in raw and cleansed only."""
    return tuple(item.name for item in resource.items if not item.volatile)


def item_types(resource: Resource, catalog: Catalog) -> dict[str, pl.DataType]:
    """Polars type of every item, as its element's kind says."""
    from districtlake.standards.kinds import KINDS

    types: dict[str, pl.DataType] = {}
    for item in resource.items:
        element = catalog.element_of(item)
        types[item.name] = KINDS[element.kind].dtype(element)
    return types


def schema_of(layer: str, resource: Resource, catalog: Catalog) -> pl.Schema:
    """Columns and types of one resource's table in one layer."""
    items = item_types(resource, catalog)
    fingerprint = {} if resource.key else {FINGERPRINT: pl.String}
    text_items = dict.fromkeys(items, pl.String)
    stored = {name: items[name] for name in stored_items(resource)}
    columns: dict[str, Any]
    if layer == "raw":
        columns = {**PROVENANCE, **text_items, "_extra": pl.String}
    elif layer == "cleansed":
        columns = {**PROVENANCE, **items, "_extra": pl.String}
    elif layer == "changes":
        columns = CHANGE_LOG_COLUMNS
    elif layer == "quarantine":  # text as normalised: an untypable cell has no typed value, and nothing may be lost
        columns = {
            **PROVENANCE,
            "key": pl.String,
            **text_items,
            "_extra": pl.String,
            "rules": pl.List(pl.String),
            "reasons": pl.List(pl.String),
        }
    elif layer == "results":
        columns = results.SCHEMA
    elif layer == "problems":
        columns = problems.REGISTER
    elif layer == "warehouse":
        columns = {**fingerprint, **stored, **VERSION_COLUMNS, "_stale": pl.Boolean}
    elif layer == "history":
        columns = {**fingerprint, **stored, **VERSION_COLUMNS, "_valid_to": INSTANT, "_ended_by": pl.String, "_ending": pl.String}
    else:
        raise KeyError(layer)
    return pl.Schema(columns)


def ensure_tables(lake: Path, resource: Resource, catalog: Catalog) -> None:
    """Create the resource's missing tables, empty; add columns that the catalogue has gained. Safe to repeat."""
    for layer in LAYERS:
        path = address(lake, layer, resource.id)
        schema = schema_of(layer, resource, catalog)
        if not DeltaTable.is_deltatable(str(path)):
            DeltaTable.create(
                str(path),
                schema=pl.DataFrame(schema=schema).to_arrow().schema,
                mode="ignore",
                name=f"{resource.agency}_{resource.name}_{layer}",
                configuration=CONFIGURATION | ({"delta.enableChangeDataFeed": "true"} if layer == "warehouse" else {}),
            )
            continue
        table = open_table(lake, layer, resource.id)
        known = {field.name for field in table.schema().fields}
        added = [name for name in schema if name not in known]
        if added:
            from deltalake import Schema

            additions = Schema.from_arrow(pl.DataFrame(schema=schema).to_arrow().select(added).schema)
            table.alter.add_columns(list(additions.fields))


def text_key_of(columns: tuple[str, ...]) -> pl.Expr:
    """The key as one text, parts joined by "|" (a "|" inside a part is doubled, a missing part is "∅"): what problems are filed under."""
    parts = [pl.col(name).cast(pl.String).str.replace_all("|", "||", literal=True).fill_null("∅") for name in columns]
    return pl.concat_str(parts, separator="|").alias("key")


def text_of_parts(parts: Sequence[str | None]) -> str:
    """The text key of parts that somebody gives, as ``text_key_of`` writes it."""
    return "|".join("∅" if part is None else part.replace("|", "||") for part in parts)


def text_key(frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.Series:
    """``text_key_of`` for each row."""
    return frame.select(text_key_of(columns))["key"]


def fingerprints(frame: pl.DataFrame, items: tuple[str, ...]) -> pl.Series:
    """Identity of rows that have no natural key: BLAKE2b-128 over the items' canonical text; equal rows, equal fingerprints.

    Stable across versions of every library used (the identity of a row must outlive them).
    """
    separator, missing = "\x1f", "\x00"
    canonical = frame.select(
        pl.concat_str([pl.col(name).cast(pl.String).fill_null(missing) for name in items], separator=separator).alias(FINGERPRINT)
    )[FINGERPRINT]
    digest = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in canonical.to_list()]
    return pl.Series(FINGERPRINT, digest, dtype=pl.String)

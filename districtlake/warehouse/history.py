"""Reading the warehouse as it was: current versions and ended ones together tell every moment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from districtlake.catalog.models import Resource
from districtlake.errors import NotFound
from districtlake.warehouse.tables import address, key_columns, scan_table, text_key


def scan(lake: Path, layer: str, resource: str) -> pl.LazyFrame:
    """A table, lazily.

    Raises:
        NotFound: the resource was never delivered.
    """
    path = str(address(lake, layer, resource))
    if not DeltaTable.is_deltatable(path):
        raise NotFound(f"{resource} has no {layer} table yet: it was never delivered.", hint="See: districtlake deliveries list.")
    return scan_table(lake, layer, resource)


def current(lake: Path, resource: str) -> pl.LazyFrame | None:
    """The current rows of a resource, lazily; None when it was never delivered."""
    try:
        return scan(lake, "warehouse", resource)
    except NotFound:
        return None


def versions(lake: Path, resource: Resource) -> pl.LazyFrame:
    """Every version of every row: valid from, valid to (null: still), the delivery that brought it, and what ended it."""
    ended = scan(lake, "history", resource.id)
    now = scan(lake, "warehouse", resource.id).drop("_stale")
    schema = ended.collect_schema()
    missing = [pl.lit(None, dtype=schema[name]).alias(name) for name in ("_valid_to", "_ended_by", "_ending")]
    return pl.concat([ended, now.with_columns(missing).select(schema.names())])


def as_of(lake: Path, resource: Resource, moment: datetime) -> pl.LazyFrame:
    """The table as it was valid at a moment (valid from ≤ moment < valid to)."""
    at = moment.astimezone(UTC)  # Polars compares instants of one time zone only
    valid = (pl.col("_valid_from") <= at) & (pl.col("_valid_to").is_null() | (pl.col("_valid_to") > at))
    return versions(lake, resource).filter(valid).drop("_valid_to", "_ended_by", "_ending")


def of_key(lake: Path, resource: Resource, key: str) -> pl.DataFrame:
    """All versions of one row, oldest first. ``key``: its text key, parts joined by "|"."""
    frame = versions(lake, resource).collect()
    return frame.filter(text_key(frame, key_columns(resource)) == key).sort("_valid_from", "_valid_to", nulls_last=True)


def changed_by(lake: Path, resource: Resource, delivery: str) -> dict[str, pl.DataFrame]:
    """What a delivery did: rows ``inserted``, ``changed`` (before, with the items that differ), ``deleted``; by key."""
    every = versions(lake, resource).collect()
    key = list(key_columns(resource))
    brought = every.filter(pl.col("_delivery") == delivery)
    ended = every.filter(pl.col("_ended_by") == delivery)
    replaced = ended.filter(pl.col("_ending") == "replaced")
    return {
        "inserted": brought.join(replaced.select(key), on=key, how="anti").sort(key),
        "changed": replaced.join(brought, on=key, how="inner", suffix="__after").sort(key),
        "deleted": ended.filter(pl.col("_ending") == "deleted").sort(key),
    }


def differences_as_delivered(lake: Path, resource: Resource, earlier: str, later: str) -> dict[str, int]:
    """Per stored item, the rows whose text as delivered differs between two deliveries, among the keys that both hold.

    Larger than the number of changed rows where agencies write one value two ways: cleansing makes those one.
    """
    key = list(key_columns(resource))
    place = ["_file", "_sheet", "_row"]
    sides = []
    for delivery in (earlier, later):
        this = pl.col("_delivery") == delivery
        keys = scan(lake, "cleansed", resource.id).filter(this).select(*place, *key).collect()
        text = scan(lake, "raw", resource.id).filter(this).select(*place, *[n for n in resource.item_names if n not in key]).collect()
        sides.append(keys.join(text, on=place, how="inner", nulls_equal=True).drop_nulls(key).unique(key, keep="first"))
    both = sides[0].join(sides[1], on=key, how="inner", suffix="__later")
    names = [name for name in resource.item_names if name not in key and not resource.item(name).volatile]
    counted = both.select(pl.col(name).ne_missing(pl.col(f"{name}__later")).sum().alias(name) for name in names)
    return {name: int(count) for name, count in counted.row(0, named=True).items()}

"""A few rows of a table for people to look at: sensitive items masked as the catalogue classifies them."""

from __future__ import annotations

import polars as pl

from districtlake.catalog.masking import mask_item
from districtlake.catalog.models import Catalog, Resource
from districtlake.delivery.district import District
from districtlake.warehouse.history import scan

_FREE_TEXT = ("_extra", "before", "after", "value", "key")
"""Columns of the lake's own that may hold anything a row held."""


def masked(frame: pl.DataFrame, resource: Resource, catalog: Catalog) -> pl.DataFrame:
    """The same rows for screens, previews and lists: items masked by sensitivity, columns of free text starred."""
    columns = []
    for name in frame.columns:
        if name in resource.item_names:
            columns.append(mask_item(frame[name].cast(pl.String), resource.item(name), catalog).alias(name))
        elif name in _FREE_TEXT:
            columns.append(frame[name].cast(pl.String).str.replace_all(r".", "*").str.slice(0, 3).alias(name))
        else:
            columns.append(frame[name])
    return pl.DataFrame(columns)


def masked_sample(district: District, resource: str, rows: int) -> pl.DataFrame:
    """The first rows of a resource's warehouse table, its items only, masked.

    Raises:
        NotFound: no such resource, or never delivered.
    """
    entry = district.resource(resource)
    table = scan(district.lake, "warehouse", resource)
    names = [name for name in table.collect_schema().names() if name in entry.item_names]
    return masked(table.select(names).head(rows).collect(), entry, district.catalog)

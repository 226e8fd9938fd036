"""What may be shown of a mart's cells on screens and in previews, by the column's sensitivity."""

from __future__ import annotations

import polars as pl

from districtlake.catalog.marts import Mart
from districtlake.catalog.masking import mask_as
from districtlake.catalog.models import Catalog
from districtlake.marts.definition import sensitivity_of
from districtlake.standards.masking import SENSITIVE


def mask_column(values: pl.Series, mart: Mart, name: str, catalog: Catalog) -> pl.Series:
    """A column's values as text, masked: as its data element is, else its first character (texts) or nothing (all other types)."""
    column = mart.column(name)
    level = sensitivity_of(column, catalog)
    if column.element is not None:
        return mask_as(values, catalog.elements[column.element], level, catalog)
    text = values.cast(pl.String)
    if level not in SENSITIVE:
        return text
    shown = text.str.slice(0, 1) if values.dtype == pl.String else text.str.slice(0, 0)
    return (shown + "***").alias(name)


def masked(frame: pl.DataFrame, mart: Mart, catalog: Catalog) -> pl.DataFrame:
    """Every column of a mart's frame masked, as text."""
    return frame.select(mask_column(frame[name], mart, name, catalog).alias(name) for name in mart.column_names if name in frame.columns)

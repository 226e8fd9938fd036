"""Masking an item's values as the catalogue classifies them: the item's own sensitivity where it has one, else its element's."""

from __future__ import annotations

from typing import overload

import polars as pl

from districtlake.catalog.models import Catalog, Item
from districtlake.standards.masking import mask


@overload
def mask_item(value: pl.Series, item: Item, catalog: Catalog) -> pl.Series: ...
@overload
def mask_item(value: str | None, item: Item, catalog: Catalog) -> str | None: ...
def mask_item(value: pl.Series | str | None, item: Item, catalog: Catalog) -> pl.Series | str | None:
    """A Series or one text of an item, masked for screens, previews and lists."""
    return mask(value, catalog.element_of(item), catalog.sensitivity_of(item))

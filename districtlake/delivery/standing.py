"""Whether what a correction said still stands: only then do its bytes, sent again, say nothing new (ADR 5)."""

from __future__ import annotations

import polars as pl

from districtlake.delivery.district import District
from districtlake.errors import NotFound
from districtlake.store.tables import Delivery
from districtlake.warehouse.history import scan
from districtlake.warehouse.tables import stored_items

_PLACE = ["_file", "_sheet", "_row"]


def still_stands(district: District, correction: Delivery) -> bool:
    """True while each of its rows is in the warehouse with its very values and not stale, or in quarantine as this correction's own.

    One that is not processed yet, is held or failed stands: what it says is still to be dealt with.
    """
    resource = district.catalog.resources.get(correction.resource)
    if correction.state != "done" or resource is None or not resource.key:
        return True
    mine = pl.col("_delivery") == correction.id
    try:
        said = scan(district.lake, "cleansed", resource.id).filter(mine).collect()
        refused = scan(district.lake, "quarantine", resource.id).filter(mine).select(_PLACE).collect()
        current = scan(district.lake, "warehouse", resource.id)
    except NotFound:
        return False
    said = said.join(refused, on=_PLACE, how="anti", nulls_equal=True)
    absent = ((correction.receipt or {}).get("read") or {}).get("missing") or {}
    items = [name for name in stored_items(resource) if name not in absent]
    held = current.filter(~pl.col("_stale")).select(items).join(said.lazy().select(items), on=items, how="semi", nulls_equal=True)
    return said.select(items).join(held.collect(), on=items, how="anti", nulls_equal=True).height == 0

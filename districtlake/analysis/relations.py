"""Every table that SQL knows in a district, whichever room keeps it."""

from __future__ import annotations

from districtlake.delivery.district import District
from districtlake.marts.relations import mart_relations
from districtlake.warehouse.relations import Relation, warehouse_relations


def relations_of(district: District) -> dict[str, Relation]:
    """By "schema.name": ``agency.resource``, ``agency.resource__history``, ``library.mart``, ``system.table``."""
    return {**warehouse_relations(district.lake, district.catalog.resources), **mart_relations(district)}

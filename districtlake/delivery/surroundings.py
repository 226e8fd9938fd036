"""What the rules of a delivery may ask about besides its rows, gathered from the district."""

from __future__ import annotations

from districtlake.catalog.models import Resource
from districtlake.clock import local_date
from districtlake.delivery.district import District
from districtlake.delivery.ledger import Past
from districtlake.quality.surroundings import Surroundings
from districtlake.store.tables import Delivery


def surroundings_of(district: District, resource: Resource, delivery: Delivery, past: Past) -> Surroundings:
    """Of one delivery, with the deliveries of ``past`` before it. Nothing is read until a rule asks."""
    counts = None if delivery.mode == "correction" else tuple(rows for mode, rows in past.row_counts if mode == delivery.mode)
    return Surroundings(
        values=district.reference_values, records=district.reference_records, code_lists=district.catalog.code_lists, divisions=district.catalog.divisions,
        today=local_date(delivery.received_at), data_date=delivery.data_date, received_at=delivery.received_at,
        update_cycle="" if delivery.mode == "correction" else resource.update_cycle, policy=district.policy, row_counts=counts,
    )  # fmt: skip


def surroundings_of_marts(district: District) -> Surroundings:
    """Of a mart, which is built and not delivered: other tables, code lists and the clock's day."""
    return Surroundings(
        values=district.reference_values, records=district.reference_records, code_lists=district.catalog.code_lists, divisions=district.catalog.divisions,
        today=local_date(district.clock.now()), policy=district.policy,
    )  # fmt: skip

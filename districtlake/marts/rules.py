"""The rules of a mart: its declared checks. That the key is unique and never null is no rule but a condition of building (``build``)."""

from __future__ import annotations

from districtlake.catalog.marts import Mart
from districtlake.quality.derive import declared, with_unique_ids
from districtlake.quality.rules import Rule


def mart_rules(mart: Mart) -> tuple[Rule, ...]:
    """The mart's rules in the order of its ``checks``; ids are unique within the mart."""
    titles = {column.name: column.title for column in mart.columns}
    return with_unique_ids([declared(check, titles) for check in mart.checks])

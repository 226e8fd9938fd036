"""Which engine carries a resource's deliveries, by its catalogue entry or the setting; what stays with the embedded one says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from districtlake.catalog.models import Resource
from districtlake.delivery.district import District
from districtlake.warehouse.carrier import EMBEDDED, Carrier


def engine_of(district: District, resource: Resource) -> Literal["embedded", "spark"]:
    """What the entry says, else DISTRICTLAKE_ENGINE."""
    return resource.engine or district.settings.engine


def carrier_of(district: District, resource: Resource, version: int, tell: Callable[[str], None]) -> Carrier:
    """The carrier of one delivery; close it.

    Args:
        version: of the warehouse table the delivery is held against.

    Raises:
        SparkMissing, SparkUnreachable: the resource is to be carried by Spark, which is not there. Nothing is carried by another engine instead.
    """
    if engine_of(district, resource) == "embedded":
        return EMBEDDED
    from districtlake.distributed.carrier import SparkCarrier

    return SparkCarrier(district.settings, resource.id, version, tell)


def told_embedded(district: District, resource: Resource, what: str, tell: Callable[[str], None]) -> None:
    """Say that ``what`` is carried by the embedded engine although the resource is Spark's."""
    if engine_of(district, resource) == "spark":
        tell(f"{resource.id}：引擎为 spark，但“{what}”由内嵌引擎执行（结果相同）。")

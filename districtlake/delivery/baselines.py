"""What the deliveries before found, for rules with ``tolerance: not_worse``."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.quality.derive import rules_of
from districtlake.quality.tolerance import Baseline, needed
from districtlake.store.tables import Delivery
from districtlake.warehouse.commit import read


def is_measure(delivery: Delivery) -> bool:
    """Whether what a delivery's rows were found to be is a measure for the next one's: a correction holds only the rows somebody had to
    correct, so its share says nothing of the resource's."""
    return delivery.mode != "correction"


def baselines_before(district: District, resource: Resource, without: Collection[str] = ()) -> dict[str, Baseline]:
    """Rule id -> its judgement at the last delivery that stands in the warehouse and was judged by the rule's present version.

    Held deliveries do not count, nor do corrections (``is_measure``). Resources without such a rule cost nothing.

    Args:
        without: deliveries that are about to be judged anew; what they found before is no measure for them.
    """
    rules = {rule.id: rule.version for rule in rules_of(resource, district.catalog)}
    wanted = needed(rules_of(resource, district.catalog))
    if not wanted:
        return {}
    order = [d.id for d in ledger.judged(district.store, resource.id) if d.state == "done" and d.id not in without and is_measure(d)]
    results = read(district.lake, "results", resource.id).filter(
        pl.col("rule").is_in(list(wanted)), pl.col("_delivery").is_in(order), pl.col("evaluated") > 0, pl.col("outcome") != "not_evaluated"
    )
    place = {delivery: number for number, delivery in enumerate(order)}
    found: dict[str, Baseline] = {}
    for row in sorted(results.iter_rows(named=True), key=lambda row: place[row["_delivery"]]):
        if row["rule_version"] == rules[row["rule"]]:
            found[row["rule"]] = Baseline(row["_delivery"], row["rule_version"], row["evaluated"], row["evaluated"] - row["passed"])
    return found

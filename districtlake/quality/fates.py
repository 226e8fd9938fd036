"""What a failed rule does to a row: it passes, it goes to quarantine, or the whole delivery is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from districtlake.quality.rules import Rule
from districtlake.quality.validation import RuleResult, Validation


@dataclass(frozen=True)
class Fates:
    """The verdict on a validated frame.

    Attributes:
        quarantined: Boolean per row of the frame.
        holding: results of failed rules whose ``on_failure`` is "hold"; not empty means the delivery stops.
    """

    quarantined: pl.Series
    holding: tuple[RuleResult, ...]


def decide(height: int, rules: Sequence[Rule], validation: Validation, waived: frozenset[str] = frozenset()) -> Fates:
    """Row fates of a frame of ``height`` rows.

    ``mostly`` decides whether a check passes; the fate of a row is decided by the row alone. ``waived`` names rules an operator
    has overruled by releasing the delivery: their ``hold`` no longer stops it.
    """
    quarantining = [rule.id for rule in rules if rule.on_failure == "quarantine" and rule.scope == "row"]
    indices = validation.failures.filter(pl.col("rule").is_in(quarantining))["_index"].unique()
    quarantined = pl.Series("quarantined", [False], dtype=pl.Boolean).new_from_index(0, height)
    if len(indices):
        quarantined = quarantined.scatter(indices, True)
    holding = tuple(
        result
        for result in validation.results
        if result.rule.on_failure == "hold" and result.outcome == "failed" and result.rule.id not in waived
    )
    return Fates(quarantined, holding)

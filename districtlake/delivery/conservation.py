"""Conservation of rows: what was delivered is all accounted for, in every delivery."""

from __future__ import annotations

from collections.abc import Mapping

FATES = ("inserted", "changed", "unchanged", "duplicates", "deletions", "superseded", "quarantined", "held")
"""What becomes of a delivered row, each row one of them. ``deletions``: rows whose operation is to delete. ``superseded``: rows that a
later operation on the same key in the same file overtook. Deliveries processed before there were operations have counts without these."""


def check_conservation(delivery: str, counts: Mapping[str, int]) -> None:
    """Rows delivered = the sum of their fates. A breach is our own fault: stop."""
    parts = sum(counts[name] for name in FATES)
    if parts != counts["delivered"]:
        raise AssertionError(f"delivery {delivery}: {counts['delivered']} rows delivered, {parts} accounted for: {counts}")

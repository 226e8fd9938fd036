"""Update cycles (Article 26): how long a resource may go without an update, and the grace of the policy pack."""

from __future__ import annotations

from datetime import timedelta

from districtlake.policy.pack import PolicyPack

PERIODS: dict[str, timedelta | None] = {
    "realtime": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=31),
    "quarterly": timedelta(days=92),
    "half_yearly": timedelta(days=184),
    "yearly": timedelta(days=366),
    "irregular": None,
    "never": None,
}


def period_and_grace(cycle: str, policy: PolicyPack) -> tuple[timedelta, timedelta] | None:
    """Longest time between two updates, and the grace after it; None where the cycle has no due date."""
    period, grace = PERIODS[cycle], policy.update_grace.cycles[cycle]
    return None if period is None or grace is None else (period, grace)

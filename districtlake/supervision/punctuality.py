"""How many updates were due in a period of days, and how many came in time (Articles 26, 34, 35): A of B, both kept.

An update falls due once a cycle, however often one comes. It counts for the period in which its last day lies, in time when it was
received before the grace ended; those that needed the grace are told apart. While nothing came and the grace still runs, nothing is
decided, and what was not due is in no denominator: without any, there are no data (无数据), not 100 %.

A delivery that we have not processed yet, or failed to, counts as received: what is measured is the provider's part.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.delivery.district import District
from districtlake.policy.cycles import Due, end_of
from districtlake.policy.pack import PolicyPack
from districtlake.supervision.timeliness import due_of
from districtlake.supervision.updates import Update, updates_until

SCHEMA = pl.Schema(
    {
        "resource": pl.String(), "title": pl.String(), "agency": pl.String(), "agency_name": pl.String(), "update_cycle": pl.String(),
        "first_day": pl.Date(), "last_day": pl.Date(), "due": pl.Int64(), "in_time": pl.Int64(), "in_grace": pl.Int64(),
        "missed": pl.Int64(), "share": pl.Float64(),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Duty:
    """One update that was due, and when it was received; None: it never came, or not before the grace had ended."""

    due: Due
    received_at: datetime | None


def duties(resource: Resource, updates: Sequence[Update], now: datetime, policy: PolicyPack) -> Iterator[Duty]:
    """Every update of a resource that has fallen due by ``now`` and is decided, in order, at most one for a day.

    Args:
        updates: in the order of their receipt.
    """
    last: Duty | None = None
    for duty in _cycles(resource, updates, now, policy):
        # several files at once begin several cycles that end on one day: what became of the last one is what counts
        if last is not None and last.due.day != duty.due.day:
            yield last
        last = duty
    if last is not None:
        yield last


def _cycles(resource: Resource, updates: Sequence[Update], now: datetime, policy: PolicyPack) -> Iterator[Duty]:
    arrivals = [update for update in updates if update.received_at <= now]
    moments = [update.received_at for update in arrivals]
    anchor, behind = (None, 0) if resource.provided_from is not None or not arrivals else (arrivals[0], 1)  # behind: all up to the anchor
    period = 1
    while (due := due_of(resource, anchor, policy, period)) is not None and due.due_at <= now:
        came = bisect_left(moments, due.grace_until)  # how many there were before the grace ended
        if came == behind:
            if due.grace_until > now:
                return
            yield Duty(due, None)
            period += 1
            continue
        if period == 1:
            yield Duty(due, moments[behind])
            # the last one within the cycle begins the next
            behind = max(bisect_left(moments, due.due_at), behind + 1)
        else:
            behind += 1  # a late one begins the next by itself
        anchor, period = arrivals[behind - 1], 1


def punctuality(district: District, first: date, last: date) -> pl.DataFrame:
    """Updates due from ``first`` to ``last`` (Asia/Shanghai days, both included), one row for each resource with a due date.

    Returns:
        Columns of ``SCHEMA``: ``due`` B, ``in_time`` A (``in_grace`` of them only thanks to the grace), ``missed`` B - A, ``share`` A/B,
        null without any due. Summed over resources, A and B are summed, never shares.
    """
    rows = []
    for resource, counted in duties_between(district, first, last):
        came = [duty for duty in counted if duty.received_at is not None]
        rows.append(
            {
                "resource": resource.id, "title": resource.title, "agency": resource.agency,
                "agency_name": district.catalog.agencies[resource.agency].name, "update_cycle": resource.update_cycle,
                "first_day": first, "last_day": last, "due": len(counted), "in_time": len(came),
                "in_grace": sum(duty.received_at is not None and duty.received_at >= duty.due.due_at for duty in came),
                "missed": len(counted) - len(came), "share": len(came) / len(counted) if counted else None,
            }
        )  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


def duties_between(district: District, first: date, last: date) -> Iterator[tuple[Resource, list[Duty]]]:
    """Every resource with a due date, in order of ids, and its updates due from ``first`` to ``last`` that are decided."""
    now = min(district.clock.now(), end_of(last) + _longest_grace(district.policy))
    with district.store.session(read_only=True) as session:
        updates = updates_until(session, now, waiting=True)
    for resource in sorted(district.catalog.resources.values(), key=lambda resource: resource.id):
        if district.policy.update_grace.cycles[resource.update_cycle] is None:
            continue
        counted = duties(resource, updates.get(resource.id, []), now, district.policy)
        yield resource, [duty for duty in counted if first <= duty.due.day <= last]


def _longest_grace(policy: PolicyPack) -> timedelta:
    """After the last day a period is judged only when every grace is over; later arrivals change nothing in it."""
    return max((grace for grace in policy.update_grace.cycles.values() if grace is not None), default=timedelta())

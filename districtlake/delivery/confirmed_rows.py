"""Rows whose findings were confirmed to be correct leave quarantine without waiting to be delivered again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import polars as pl
from sqlalchemy import func, select

from districtlake.clock import local_date
from districtlake.delivery import ledger, operations
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, Outcome
from districtlake.errors import NotFound
from districtlake.store.tables import Operation, Waiver
from districtlake.warehouse.history import scan

REASON = "提供单位确认无误：从隔离区放行"


def release_confirmed(
    district: District, engine: Callable[[], Engine], *, resource: str | None = None, actor: str = "system"
) -> list[Outcome]:
    """Reprocess the deliveries whose quarantined rows new waivers cover, and what came after them; the warehouse then holds the rows.

    It is an ordinary reprocessing: crash-safe, audited, and nothing the second time.

    Args:
        engine: makes the engine; asked only where there is something to do.
        resource: only this one; None: every resource with new waivers.
    """
    outcomes: list[Outcome] = []
    for entry in [resource] if resource else _with_waivers(district):
        delivery = delivery_to_release(district, entry)
        if delivery is not None:
            outcomes += operations.reprocess(district, delivery, engine(), actor=actor, reason=REASON)
    return outcomes


def _with_waivers(district: District) -> list[str]:
    today = local_date(district.clock.now())
    with district.store.session(read_only=True) as session:
        query = select(Waiver.resource).where(Waiver.expires_on > today, Waiver.revoked_at.is_(None)).distinct()
        return sorted(set(session.scalars(query)) & set(district.catalog.resources))


def delivery_to_release(district: District, resource: str) -> str | None:
    """The first delivery with a row in quarantine that a waiver newer than the last reprocessing is about."""
    today = local_date(district.clock.now())
    with district.store.session(read_only=True) as session:
        last: datetime | None = session.scalar(
            select(func.max(Operation.started_at)).where(
                Operation.resource == resource, Operation.kind.in_(ledger.REBUILDS), Operation.state.in_(("done", "held"))
            )
        )
        query = select(Waiver.problem_id).where(Waiver.resource == resource, Waiver.expires_on > today, Waiver.revoked_at.is_(None))
        fresh = list(session.scalars(query.where(Waiver.granted_at > last) if last is not None else query))
    if not fresh:
        return None
    try:
        register = scan(district.lake, "problems", resource).filter(pl.col("problem_id").is_in(fresh), pl.col("state") == "open")
        keys = register.select("key").unique().collect()["key"]
        rows = scan(district.lake, "quarantine", resource).filter(pl.col("key").is_in(keys.implode())).select("_delivery").unique()
        holding = set(rows.collect()["_delivery"])
    except NotFound:
        return None
    order = [delivery.id for delivery in ledger.judged(district.store, resource) if delivery.id in holding]
    return order[0] if order else None

"""Resources whose newest delivery has not reached the warehouse: what reads them stands on their last good version."""

from __future__ import annotations

from sqlalchemy import or_, select

from districtlake.delivery.district import District
from districtlake.store.tables import Delivery


def stale_resources(district: District) -> dict[str, str]:
    """Resource -> state of its newest delivery ("held", "failed", "pending" after a failed attempt), where that is not in the warehouse."""
    waiting = select(Delivery.resource, Delivery.order_key, Delivery.state).where(
        or_(Delivery.state.in_(("held", "failed")), (Delivery.state == "pending") & (Delivery.attempts > 0))
    )
    done = select(Delivery.resource, Delivery.order_key).where(Delivery.state == "done")
    with district.store.session(read_only=True) as session:
        newest: dict[str, str] = {}
        for resource, order in session.execute(done):
            newest[resource] = max(newest.get(resource, ""), order)
        stale: dict[str, tuple[str, str]] = {}
        for resource, order, state in session.execute(waiting):
            if order > newest.get(resource, "") and resource in district.catalog.resources:
                stale[resource] = max(stale.get(resource, ("", "")), (order, state))
    return {resource: state for resource, (_, state) in sorted(stale.items())}

"""The desk of a technical service unit: the resources it is commissioned with, how they stand, and until when the commission holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import case, func, select

from districtlake.access.commissions import last_days
from districtlake.access.viewer import Viewer
from districtlake.catalog.models import Resource
from districtlake.delivery.district import District
from districtlake.store.tables import Ticket
from districtlake.supervision.timeliness import timeliness_frame


@dataclass(frozen=True)
class Commissioned:
    """One resource. ``standing``: its row of the timeliness; ``problems``: open ones under open tickets; ``last_day`` of the commission."""

    resource: Resource
    standing: dict[str, Any] | None
    tickets: int
    problems: int
    last_day: date


def commissioned(district: District, viewer: Viewer) -> list[Commissioned]:
    """What the viewer is commissioned with, the most open problems first."""
    days = last_days(district.store, district.clock, viewer.account)
    mine = [one for one in district.catalog.resources.values() if viewer.sees(one.agency, one.id)]
    if not mine:
        return []
    is_open = Ticket.state == "open"
    query = select(
        Ticket.resource, func.sum(case((is_open, 1), else_=0)), func.sum(case((is_open, Ticket.open_problems), else_=0))
    ).where(viewer.scope(Ticket.agency, Ticket.resource))  # fmt: skip
    with district.store.session(read_only=True) as session:
        counts = {row[0]: (int(row[1]), int(row[2])) for row in session.execute(query.group_by(Ticket.resource))}
    standing = {row["resource"]: row for row in timeliness_frame(district).iter_rows(named=True)}
    found = [
        Commissioned(
            one, standing.get(one.id), *counts.get(one.id, (0, 0)), max(days[scope] for scope in (one.id, one.agency) if scope in days)
        )
        for one in mine
        if one.id in days or one.agency in days  # it may have ended since the request came in
    ]
    return sorted(found, key=lambda one: (-one.problems, one.resource.id))

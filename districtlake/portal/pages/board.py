"""The bureau's board: who owes what by when, how old, how much comes and goes, who is late with updates. Every chart has its table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response

from districtlake.portal.guard import DistrictVisit
from districtlake.portal.rendering import page
from districtlake.supervision.timeliness import STATE_TITLES, timeliness_frame
from districtlake.supervision.workload import AGES, ages, desks, flow

router = APIRouter()
DAYS = 30


@router.get("/board")
def board(visit: DistrictVisit) -> Response:
    district = visit.district
    since = district.clock.now() - timedelta(days=DAYS)
    return page(
        visit.request, "board.html", visit.signed, desks=desks(district.store, district.clock, district.calendar, since=since),
        ages=list(zip(AGES, ages(district.store, district.clock), strict=True)), flow=flow(district.store, district.clock, days=DAYS),
        timeliness=_timeliness(visit), states=STATE_TITLES, days=DAYS,
    )  # fmt: skip


def _timeliness(visit: DistrictVisit) -> list[dict[str, Any]]:
    """Resources by agency and state."""
    counted: dict[str, dict[str, int]] = {}
    for row in timeliness_frame(visit.district).iter_rows(named=True):
        states = counted.setdefault(row["agency"], {})
        states[row["state"]] = states.get(row["state"], 0) + 1
    return [
        {"agency": agency, "states": states, "total": sum(states.values())}
        for agency, states in sorted(counted.items(), key=lambda pair: (-pair[1].get("overdue", 0), pair[0]))
    ]

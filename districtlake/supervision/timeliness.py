"""How each resource of the catalogue stands today against its update cycle (Article 26).

The clock starts with the receipt of the last update and counts by the calendar (``policy.cycles``). The day the data speak of is
reported beside it: a file received today that speaks of last March is in time, and its data lag (数据滞后).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy.orm import Session

from districtlake.catalog.models import Resource
from districtlake.clock import local_date
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.policy.cycles import Due, due_after, first_due, is_lagging
from districtlake.policy.pack import PolicyPack
from districtlake.supervision.updates import Latest, Update, latest_updates
from districtlake.tickets.overdue import UpdateDue

STATE_TITLES: dict[str, str] = {
    "overdue": "更新逾期",
    "waiting": "已送达待处理",
    "due": "到期（宽限期内）",
    "near": "临近到期",
    "not_due": "未到期",
    "never_delivered": "未归集",
    "no_due_date": "无到期日",
}
"""Every state with its Chinese word, the most pressing first.

overdue: cycle and grace have passed. waiting: it would be overdue, but for a delivery that came in time and that we have not
processed yet. due: the cycle has passed, the grace runs. near: the cycle is about to end. never_delivered: no update yet, and no
day from which it was to be provided (or that day lies ahead). no_due_date: irregular, or not updated at all.
"""

_INSTANT = pl.Datetime("us", "UTC")
SCHEMA = pl.Schema(
    {
        "resource": pl.String(), "title": pl.String(), "agency": pl.String(), "agency_name": pl.String(), "update_cycle": pl.String(),
        "state": pl.String(), "last_delivery": pl.String(), "last_data_date": pl.Date(), "last_received_at": _INSTANT,
        "due_date": pl.Date(), "due_at": _INSTANT, "grace_until": _INSTANT, "missed": pl.Int64(), "data_lag_days": pl.Int64(),
        "data_lagging": pl.Boolean(), "waiting_delivery": pl.String(), "provided_from": pl.Date(), "as_of": _INSTANT,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """How one resource stands.

    Attributes:
        due: the update that is due first after the last one received; None: no due date.
        missed: updates whose grace has passed since then (0 unless overdue).
        lag_days: days from the day the data speak of to their receipt; None where either is not known.
        lagging: at their receipt the data were older than cycle and grace allow; None where that cannot be said.
    """

    resource: Resource
    state: str
    latest: Latest
    due: Due | None
    missed: int
    lag_days: int | None
    lagging: bool | None


def standing_of(resource: Resource, latest: Latest, now: datetime, policy: PolicyPack) -> Standing:
    """How ``resource`` stands at ``now``. Pure: the same arguments, the same answer."""
    due = due_of(resource, latest.update, policy)
    missed = missed_by(resource, latest.update, now, policy)
    if due is None:
        state = "no_due_date" if latest.update is not None else "never_delivered"
    elif missed and latest.waiting is not None and not missed_by(resource, _later(latest.update, latest.waiting), now, policy):
        state = "waiting"
    elif missed:
        state = "overdue"
    elif latest.update is None and now < due.near_at:
        state = "never_delivered"
    else:
        state = "due" if now >= due.due_at else "near" if now >= due.near_at else "not_due"
    lag, lagging = _lag(latest, resource.update_cycle, policy)
    return Standing(resource, state, latest, due, missed if state == "overdue" else 0, lag, lagging)


def standings(district: District, *, at: datetime | None = None) -> list[Standing]:
    """Every resource of the catalogue at the clock's present (or ``at``, with the ledger as it is now), by its id."""
    now = at or district.clock.now()
    with district.store.session(read_only=True) as session:
        latest = latest_updates(session)
    resources = sorted(district.catalog.resources.values(), key=lambda resource: resource.id)
    return [standing_of(resource, latest.get(resource.id, Latest()), now, district.policy) for resource in resources]


def updates_due(district: District, session: Session) -> list[UpdateDue]:
    """Every resource as ``tickets.overdue`` asks for it, read from the ledger in ``session``.

    Judged as of the last look into the inbox: what lies there unseen (the system was down for days) is nobody's delay. Nothing is
    said before the first look.
    """
    seen = ledger.last_look(session)
    if seen is None:
        return []
    now, latest = min(seen, district.clock.now()), latest_updates(session)
    found = []
    for resource in district.catalog.resources.values():
        standing = standing_of(resource, latest.get(resource.id, Latest()), now, district.policy)
        update, due = standing.latest.update, standing.due
        found.append(
            UpdateDue(
                resource=resource.id, agency=resource.agency, after=update.delivery if update else "", missed=standing.missed,
                undecided=standing.state == "waiting", cycle=resource.update_cycle, due_date=due.day if due else None,
                due_at=due.due_at if due else None, grace_until=due.grace_until if due else None,
                last_data_date=standing.latest.data_date, last_received_at=update.received_at if update else None,
            )
        )  # fmt: skip
    return found


def timeliness_frame(district: District) -> pl.DataFrame:
    """How every resource stands now, one row each, by resource.

    Returns:
        Columns of ``SCHEMA``. ``state`` is a key of ``STATE_TITLES``; instants are UTC, dates Asia/Shanghai days: ``due_date`` the last
        day in time, ``due_at`` its 24:00, ``grace_until`` the instant it becomes (became) overdue, ``missed`` the updates missed by
        now, ``last_data_date`` the latest day any update speaks of, ``data_lag_days`` and ``data_lagging`` as in ``Standing``,
        ``waiting_delivery`` one received and not yet processed.
    """
    now = district.clock.now()
    rows = []
    for standing in standings(district, at=now):
        resource, latest, due = standing.resource, standing.latest, standing.due
        update = latest.update
        rows.append(
            {
                "resource": resource.id, "title": resource.title, "agency": resource.agency,
                "agency_name": district.catalog.agencies[resource.agency].name, "update_cycle": resource.update_cycle,
                "state": standing.state, "last_delivery": update.delivery if update else None, "last_data_date": latest.data_date,
                "last_received_at": update.received_at if update else None, "due_date": due.day if due else None,
                "due_at": due.due_at if due else None, "grace_until": due.grace_until if due else None, "missed": standing.missed,
                "data_lag_days": standing.lag_days, "data_lagging": standing.lagging,
                "waiting_delivery": latest.waiting.delivery if latest.waiting else None, "provided_from": resource.provided_from,
                "as_of": now,
            }
        )  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


def due_of(resource: Resource, update: Update | None, policy: PolicyPack, period: int = 1) -> Due | None:
    """The ``period``-th update due after this one; without one, after the day from which the resource is to be provided."""
    if update is not None:
        return due_after(update.received_at, resource.update_cycle, policy, period)
    if resource.provided_from is not None:
        return first_due(resource.provided_from, resource.update_cycle, policy, period)
    return None


def missed_by(resource: Resource, update: Update | None, now: datetime, policy: PolicyPack) -> int:
    """How many updates in a row are overdue at ``now``: those whose grace has ended."""
    missed = 0
    while (due := due_of(resource, update, policy, missed + 1)) is not None and due.grace_until <= now:
        missed += 1
    return missed


def _later(update: Update | None, waiting: Update) -> Update:
    return waiting if update is None or waiting.received_at > update.received_at else update


def _lag(latest: Latest, cycle: str, policy: PolicyPack) -> tuple[int | None, bool | None]:
    if latest.update is None or latest.data_date is None:
        return None, None
    received = latest.update.received_at
    days = (local_date(received) - latest.data_date).days
    return days, is_lagging(latest.data_date, received, cycle, policy)

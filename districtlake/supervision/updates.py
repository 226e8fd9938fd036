"""Which deliveries are updates (Article 26), asked from the ledger.

An update is a delivery that the warehouse took (``done``, by itself or released later), or a ``duplicate`` dated later than
everything taken before: "nothing changed today" is a statement, too. It counts from its receipt by the district, not from the day
its data speak of, and not from when we got round to processing or releasing it. No update is

- a correction: it mends rows and does not say how the register stands now;
- a held delivery, as long as nobody releases it: what is not acceptable updates nothing;
- a withdrawn one: it is as if it had never come;
- a duplicate without a later date (a copy, a file sent twice), one of a delivery that was not taken, or, where a file holds only
  what is new, one of a file that had any rows: its day's rows are missing;
- a pending or failed one, for the time being. The provider has done his part and it is on us, so it is told apart as *waiting*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from districtlake.store.tables import Delivery

_TWIN = aliased(Delivery)
_ORDINARY = Delivery.mode != "correction"
_TAKEN = and_(Delivery.state == "done", _ORDINARY)
_WAITING = and_(Delivery.state.in_(("pending", "failed")), _ORDINARY)
_RESTATED: ColumnElement[bool] = and_(
    Delivery.state == "duplicate",
    _ORDINARY,
    Delivery.data_date.is_not(None),
    _TWIN.state == "done",
    _TWIN.mode != "correction",
    or_(Delivery.mode == "snapshot", _TWIN.counts["delivered"].as_integer() == 0),
)


@dataclass(frozen=True)
class Update:
    """A delivery as an update: what it is called, the day its data speak of (None: not stated), when the district received it (UTC)."""

    delivery: str
    data_date: date | None
    received_at: datetime


@dataclass(frozen=True)
class Latest:
    """What is known of a resource's updates.

    Attributes:
        update: the last one received.
        data_date: the latest day that any update speaks of.
        waiting: the last delivery received that may become an update: pending, or failed by no fault of the provider's.
    """

    update: Update | None = None
    data_date: date | None = None
    waiting: Update | None = None


def latest_updates(session: Session) -> dict[str, Latest]:
    """By resource, for those that have any. Four grouped queries, however many deliveries there are."""
    newest = _newest_dates(session)
    updates = _first_of(session, _TAKEN, Delivery.received_at.desc(), Delivery.order_key.desc())
    repeats = _first_of(session, _RESTATED, Delivery.data_date.desc(), Delivery.received_at, twin=True)
    waiting = _first_of(session, _WAITING, Delivery.received_at.desc(), Delivery.order_key.desc())
    found: dict[str, Latest] = {}
    for resource in sorted({*updates, *repeats, *waiting}):
        update, data_date = updates.get(resource), newest.get(resource)
        again = repeats.get(resource)
        if again is not None and again.data_date is not None and (data_date is None or again.data_date > data_date):
            data_date = again.data_date
            if update is None or again.received_at >= update.received_at:
                update = again
        found[resource] = Latest(update, data_date, waiting.get(resource))
    return found


def updates_until(session: Session, until: datetime, *, waiting: bool = False) -> dict[str, list[Update]]:
    """All updates received before an instant, by resource, in the order of their receipt; with ``waiting`` those not processed yet, too."""
    which = or_(_TAKEN, _RESTATED, _WAITING) if waiting else or_(_TAKEN, _RESTATED)
    query = (
        select(Delivery.resource, Delivery.id, Delivery.data_date, Delivery.received_at, Delivery.state)
        .outerjoin(_TWIN, Delivery.duplicate_of == _TWIN.id)
        .where(which, Delivery.received_at < until)
        .order_by(Delivery.resource, Delivery.received_at, Delivery.order_key, Delivery.id)
    )
    found: dict[str, list[Update]] = {}
    newest: dict[str, date] = {}
    for resource, delivery, data_date, received_at, state in session.execute(query):
        before = newest.get(resource)
        if state == "duplicate" and before is not None and data_date is not None and data_date <= before:
            continue
        if data_date is not None:
            newest[resource] = max(before or data_date, data_date)
        found.setdefault(resource, []).append(Update(delivery, data_date, received_at))
    return found


def _newest_dates(session: Session) -> dict[str, date]:
    query = select(Delivery.resource, func.max(Delivery.data_date)).where(_TAKEN, Delivery.data_date.is_not(None))
    return {resource: day for resource, day in session.execute(query.group_by(Delivery.resource)) if day is not None}


def _first_of(session: Session, which: ColumnElement[bool], *order: Any, twin: bool = False) -> dict[str, Update]:
    """The first delivery of each resource in an order."""
    place = func.row_number().over(partition_by=Delivery.resource, order_by=(*order, Delivery.id)).label("place")
    ranked = select(Delivery.resource, Delivery.id, Delivery.data_date, Delivery.received_at, place).where(which)
    if twin:
        ranked = ranked.join(_TWIN, Delivery.duplicate_of == _TWIN.id)
    table = ranked.subquery()
    first = select(table.c.resource, table.c.id, table.c.data_date, table.c.received_at).where(table.c.place == 1)
    return {resource: Update(delivery, data_date, received_at) for resource, delivery, data_date, received_at in session.execute(first)}

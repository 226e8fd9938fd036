"""What a report is about: days, agency, resource; and the shares it speaks in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from sqlalchemy import func, select

from districtlake.clock import local_date
from districtlake.delivery.district import District
from districtlake.errors import NotFound, OperationRefused
from districtlake.store.tables import Delivery
from districtlake.wording.sentences import Listed

DEFAULT_DAYS = 30
MOST_DAYS = 3660


@dataclass(frozen=True)
class Scope:
    """Days (both included, the day the data speak of), and whose data.

    Attributes:
        agency, resource: only these; None: all. A resource given alone brings its agency.
        seen: what of them whoever asks may see; None: all.
        chosen: the period was chosen by default; "recent" when today's had no delivery and the last days that have one were taken.
    """

    first: date
    last: date
    agency: str | None = None
    resource: str | None = None
    chosen: str = ""
    seen: frozenset[str] | None = None

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> tuple[date, date]:
        """The period of equal length before this one."""
        return self.first - timedelta(self.days), self.first - timedelta(1)

    def resources(self, district: District) -> list[str]:
        """Ids of the resources it is about, in order."""
        return [
            one.id
            for one in sorted(district.catalog.resources.values(), key=lambda one: one.id)
            if (self.agency is None or one.agency == self.agency)
            and (self.resource is None or one.id == self.resource)
            and (self.seen is None or one.id in self.seen)
        ]


def scope_of(
    district: District,
    *,
    first: date | None = None,
    last: date | None = None,
    agency: str | None = None,
    resource: str | None = None,
    seen: frozenset[str] | None = None,
) -> Scope:
    """The scope of what was asked for. Without days: the last thirty up to today, or up to the last day with a delivery when those have none.

    Raises:
        NotFound: there is no such agency or resource (or it is not the agency's).
        OperationRefused: the days run backwards, or are more than ten years.
    """
    if agency is not None and agency not in district.catalog.agencies:
        raise NotFound.of("asked.no_agency", agency=agency, known=Listed.of(sorted(district.catalog.agencies)))
    if resource is not None:
        entry = district.resource(resource)
        if agency is not None and entry.agency != agency:
            raise NotFound.of("asked.not_its_resource", agency=agency, resource=resource, owner=entry.agency)
        agency = entry.agency
    today, chosen = local_date(district.clock.now()), ""
    if last is None and first is None:
        chosen = "default"
        newest = _newest_day(district, agency, resource, seen)
        last = today
        if newest is not None and newest < today - timedelta(DEFAULT_DAYS - 1):
            last, chosen = newest, "recent"
    last = last or today
    first = first or last - timedelta(DEFAULT_DAYS - 1)
    if first > last:
        raise OperationRefused.of("period.backwards", first=first, last=last)
    if (last - first).days >= MOST_DAYS:
        raise OperationRefused.of("period.too_long", first=first, last=last)
    return Scope(first, last, agency, resource, chosen, seen)


def _newest_day(district: District, agency: str | None, resource: str | None, seen: frozenset[str] | None) -> date | None:
    """The last day that a judged delivery speaks of."""
    query = select(func.max(func.coalesce(Delivery.data_date, func.date(Delivery.received_at)))).where(Delivery.state.in_(("done", "held")))
    if seen is not None:
        query = query.where(Delivery.resource.in_(seen))
    if agency is not None:
        query = query.where(Delivery.agency == agency)
    if resource is not None:
        query = query.where(Delivery.resource == resource)
    with district.store.session(read_only=True) as session:
        found = session.scalar(query)
    return date.fromisoformat(str(found)[:10]) if found is not None else None


def share(satisfying: int, evaluated: int) -> float | None:
    """X = A/B; None when nothing was evaluated, which is not 100 %."""
    return satisfying / evaluated if evaluated else None


def counts(frame: pl.DataFrame) -> dict[str, Any]:
    """A, B and how many rules were decided, broken, or not evaluated, of rows of results."""
    satisfying, evaluated = int(frame["passed"].sum() or 0), int(frame["evaluated"].sum() or 0)
    states = dict(frame.group_by("outcome").agg(pl.struct("resource", "rule").n_unique()).iter_rows())
    return {
        "satisfying": satisfying, "evaluated": evaluated, "share": share(satisfying, evaluated), "failed": int(frame["failed"].sum() or 0),
        "failed_rules": states.get("failed", 0), "not_evaluated_rules": states.get("not_evaluated", 0),
    }  # fmt: skip


def total_score(dimensions: Mapping[str, Mapping[str, Any]], weights: Mapping[str, float]) -> float | None:
    """The weighted mean of the shares of those dimensions that were evaluated; None when none (of weight) was."""
    counted = [(weights[name], row["share"]) for name, row in dimensions.items() if row["share"] is not None and weights[name]]
    weight = sum(one for one, _ in counted)
    return sum(one * value for one, value in counted) / weight if weight else None


def percent(value: float | None, digits: int = 2) -> str:
    """As people read it. Never rounded up to 100 %, nor down to 0 %: one broken row of a million still shows. None: 未评价."""
    if value is None:
        return "未评价"
    unit = 10.0 ** -(digits + 2)
    kept = min(max(value, unit), 1 - unit) if 0 < value < 1 else value
    return f"{kept:.{digits}%}"

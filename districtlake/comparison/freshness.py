"""Of which day each side's data is, and whether two sides may be compared. Stale data is the commonest cause of a false lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from districtlake.clock import local_date
from districtlake.comparison.statement import Pairing
from districtlake.delivery.district import District
from districtlake.marts.definition import resources_behind
from districtlake.store.tables import Delivery


def days_of_data(district: District) -> dict[str, date]:
    """Resource or mart -> the day of the newest batch in it; of a mart that of its oldest source. What was never delivered is not named.

    A delivery that names no day counts as of the day it came.
    """
    days: dict[str, date] = {}
    columns = select(Delivery.resource, Delivery.data_date, Delivery.received_at).where(Delivery.state == "done")
    with district.store.session(read_only=True) as session:
        for resource, data_date, received_at in session.execute(columns):
            day = data_date or local_date(received_at)
            days[resource] = max(days.get(resource, day), day)
    for mart in district.catalog.marts.values():
        behind = [days.get(resource) for resource in resources_behind(mart, district.catalog)]
        known = [day for day in behind if day is not None]
        if known and len(known) == len(behind):
            days[mart.id] = min(known)
    return days


@dataclass(frozen=True)
class Dates:
    """Of which day the sides are; ``why_not`` says in Chinese why they cannot be compared yet, empty when they can."""

    left: date | None
    right: date | None
    why_not: str = ""


def dates_of(pairing: Pairing, days: Mapping[str, date], today: date) -> Dates:
    """Whether a pairing can be compared on ``today``.

    Several right sides are alternatives: one that never came is empty. Where a missing partner is itself the contradiction, and for
    ``unless``, each must have come.
    """
    rule, rights = pairing.comparison.as_of, [side.resource for side in pairing.comparison.right]
    left = days.get(pairing.left.resource)
    known = [days[right] for right in rights if right in days]
    right = max(known, default=None)
    needed = [pairing.left.resource, *(side.resource for side in pairing.comparison.unless)]
    if pairing.left.absent == "flag" or len(rights) == 1:
        needed += rights
        right = min(known, default=None)
    if missing := [one for one in needed if one not in days]:
        return Dates(left, right, f"尚未归集：{'、'.join(_title(pairing, one) for one in missing)}")
    if left is None or right is None:
        return Dates(left, right, f"尚未归集：{'、'.join(_title(pairing, one) for one in rights)}")
    older, newer = {"right": (right, left), "left": (left, right), "either": (left, left)}[rule.fresher]
    if older + timedelta(days=rule.tolerance_days) < newer:
        what = rights[0] if rule.fresher == "right" else pairing.left.resource
        return Dates(left, right, f"{_title(pairing, what)}的数据（{older}）早于另一方（{newer}），待更新后再比对")
    if rule.max_gap_days is not None and abs((left - right).days) > rule.max_gap_days:
        return Dates(left, right, f"两方数据的日期（{left}、{right}）相差超过{rule.max_gap_days}天，待更新后再比对")
    if rule.max_age_days is not None and min(left, right) + timedelta(days=rule.max_age_days) < today:
        what = pairing.left.resource if left <= right else rights[0]
        return Dates(left, right, f"{_title(pairing, what)}的数据（{min(left, right)}）已超过{rule.max_age_days}天，待更新后再比对")
    return Dates(left, right)


def _title(pairing: Pairing, source: str) -> str:
    found = pairing.catalog.resources.get(source) or pairing.catalog.marts.get(source)
    return found.title if found is not None else source

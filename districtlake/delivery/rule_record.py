"""Which rules judged a resource's rows, and where they have changed since: what the nightly run asks before it revalidates anything.

Written in the transactions of the ledger, so that the record never says more than the tables hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from districtlake.catalog.models import Resource
from districtlake.clock import local_date
from districtlake.delivery.district import District
from districtlake.errors import CatalogError
from districtlake.quality.fingerprints import RuleChanges, RuleSet, changes_between, rule_set
from districtlake.store.tables import Delivery, JudgedRules, Operation, UsedRules, Waiver


@dataclass(frozen=True)
class Outdated:
    """Why the rows that stand of a resource have to be judged again.

    Attributes:
        changes: rules that differ; empty where another cause is all.
        unknown: nothing says by which rules they were judged (a state folder from before that was kept).
        mixed: they were judged by different sets of rules.
        waivers_ended: a confirmation ran out or was revoked since they were judged.
    """

    changes: RuleChanges
    unknown: bool = False
    mixed: bool = False
    waivers_ended: bool = False

    def words(self) -> str:
        """As people are told."""
        other = (
            (self.unknown, "未记录上次校验所用规则"),
            (self.mixed and not self.changes, "现有行曾按不同的规则校验"),
            (self.waivers_ended, "确认无误到期或被撤销"),
        )
        return "；".join([*([self.changes.words()] if self.changes else []), *(word for holds, word in other if holds)])  # fmt: skip


def note_used(session: Session, resource: str, rules: RuleSet, at: datetime) -> None:
    """Keep a set of rules the first time it judges a resource."""
    known = select(UsedRules.id).where(UsedRules.resource == resource, UsedRules.fingerprint == rules.fingerprint)
    if session.scalar(known) is None:
        session.add(UsedRules(resource=resource, fingerprint=rules.fingerprint, first_used_at=at, rules=rules.rules))


def note_judged(session: Session, operation: Operation) -> None:
    """After a finished operation: by which rules all rows now stand judged. A held delivery judged none of them."""
    if operation.state != "done" or not operation.rules:
        return
    standing = session.get(JudgedRules, operation.resource)
    if standing is None:
        standing = JudgedRules(resource=operation.resource, fingerprint="", mixed=False, judged_at=operation.started_at)
        session.add(standing)
    if operation.covers:
        standing.fingerprint, standing.mixed, standing.judged_at = operation.rules, False, operation.started_at
    elif standing.fingerprint != operation.rules:
        standing.mixed = True


def outdated(district: District, only: str | None = None) -> dict[str, Outdated]:
    """Resource -> why its rows have to be judged again; a few reads for the whole district, and no table of the lake.

    A resource whose entry is broken is left out: its error is told elsewhere.

    Args:
        only: this resource alone.
    """
    today = local_date(district.clock.now())
    with district.store.session(read_only=True) as session:
        query = select(Delivery.resource).where(Delivery.state == "done").distinct()
        stored = set(session.scalars(query.where(Delivery.resource == only) if only else query))
        standing = {row.resource: row for row in session.scalars(select(JudgedRules))}
        ended = _waivers_ended(session, standing, today)
        found: dict[str, Outdated] = {}
        for identifier in sorted(stored & set(district.catalog.resources)):
            why = _why(session, district, district.catalog.resources[identifier], standing.get(identifier), identifier in ended, today)
            if why is not None:
                found[identifier] = why
    return found


def _why(session: Session, district: District, resource: Resource, row: JudgedRules | None, ended: bool, today: date) -> Outdated | None:
    if row is None or not row.fingerprint:
        return Outdated(RuleChanges(), unknown=True)
    try:
        now = rule_set(resource, district.catalog, today)
    except CatalogError:
        return None
    if row.fingerprint == now.fingerprint and not row.mixed and not ended:
        return None
    changes = RuleChanges()
    if row.fingerprint != now.fingerprint:
        changes = changes_between(rules_used(session, resource.id, row.fingerprint), now)
    return Outdated(changes, mixed=row.mixed, waivers_ended=ended)


def rules_used(session: Session, resource: str, fingerprint: str) -> dict[str, dict[str, Any]]:
    """A recorded set of rules."""
    query = select(UsedRules.rules).where(UsedRules.resource == resource, UsedRules.fingerprint == fingerprint)
    return dict(session.scalar(query) or {})


def _waivers_ended(session: Session, standing: dict[str, JudgedRules], today: date) -> set[str]:
    """Resources of which a waiver ended after their rows were judged and no later than today."""
    expired = select(Waiver.resource, func.max(Waiver.expires_on)).where(Waiver.expires_on <= today, Waiver.revoked_at.is_(None))
    revoked = select(Waiver.resource, func.max(Waiver.revoked_at)).where(Waiver.revoked_at.is_not(None))
    found = {
        resource
        for resource, day in session.execute(expired.group_by(Waiver.resource))
        if resource in standing and day > local_date(standing[resource].judged_at)
    }
    found |= {
        resource
        for resource, at in session.execute(revoked.group_by(Waiver.resource))
        if at is not None and resource in standing and at > standing[resource].judged_at
    }
    return found

"""Findings that their provider confirmed to be correct: recorded, limited in time, and respected by the next validation.

A waiver covers one value of one item under one key and one version of a rule. Another value is another matter and is raised anew; a rule
whose version was raised asks another question, which nobody has answered yet. Neither key nor value is kept here: the problem's id stands
for the one, a salted digest for the other.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.store.engine import Store
from districtlake.store.tables import Operation, UsedRules, Waiver

NO_VALUE = "\x00"


@dataclass(frozen=True)
class Waived:
    """What the validation of a resource needs to know: problem id -> (salt, digest of the value), of every waiver that holds."""

    values: Mapping[str, tuple[tuple[str, str], ...]]

    def __bool__(self) -> bool:
        return bool(self.values)

    def covers(self, frame: pl.DataFrame) -> pl.Series:
        """True for each line (``problem_id``, ``value``) that a waiver covers."""
        if not self.values or frame.height == 0:
            return pl.Series("waived", [False], dtype=pl.Boolean).new_from_index(0, frame.height)
        known = frame["problem_id"].is_in(list(self.values))
        result = [False] * frame.height
        for place in known.arg_true():
            problem, value = frame["problem_id"][place], frame["value"][place]
            result[place] = any(digest_of(value, salt) == digest for salt, digest in self.values[problem])
        return pl.Series("waived", result, dtype=pl.Boolean)


NOTHING = Waived({})


def digest_of(value: str | None, salt: str) -> str:
    """Digest of a value as delivered; a missing one has its own."""
    return hashlib.blake2b((NO_VALUE if value is None else value).encode(), key=salt.encode(), digest_size=16).hexdigest()


def new_salt() -> str:
    return secrets.token_hex(16)


def in_force(session: Session, resources: Iterable[str], on: date, versions: Mapping[str, int] | None = None) -> Waived:
    """The waivers of these resources that hold on a Shanghai day.

    Args:
        versions: rule id -> its version, of a single resource; None: as the rules last judged each resource.
    """
    wanted = sorted(resources)
    query = select(Waiver).where(Waiver.resource.in_(wanted), Waiver.expires_on > on, Waiver.revoked_at.is_(None))
    rows = list(session.scalars(query))
    known = {(row.resource, rule): version for row in rows for rule, version in (versions or {}).items()}
    if versions is None:
        for resource in {row.resource for row in rows}:
            known |= {(resource, rule): version for rule, version in judged_versions(session, resource).items()}
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in rows:
        if row.rule_version is None or row.rule_version == known.get((row.resource, row.rule), row.rule_version):
            found[row.problem_id] = (*found.get(row.problem_id, ()), (row.salt, row.value_digest))
    return Waived(found)


def judged_versions(session: Session, resource: str) -> dict[str, int]:
    """Rule id -> its version, of the rules that judged the resource last; empty when none is on record."""
    last = (
        select(UsedRules.rules)
        .join(Operation, (Operation.resource == UsedRules.resource) & (Operation.rules == UsedRules.fingerprint))
        .where(UsedRules.resource == resource, Operation.state.in_(("done", "held")))
        .order_by(Operation.seq.desc())
        .limit(1)
    )
    return {rule: int(told["version"]) for rule, told in (session.scalar(last) or {}).items()}


def waived_on(store: Store, resource: str, on: date, versions: Mapping[str, int]) -> Waived:
    """As ``in_force``, for one resource and its rules' versions, in a session of its own."""
    with store.session(read_only=True) as session:
        return in_force(session, [resource], on, versions)

"""The ledger of deliveries and operations in the operational store: what was received, what was done with it, by whom and why."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from districtlake.catalog.models import Resource
from districtlake.clock import SHANGHAI, local_date
from districtlake.delivery import rule_record
from districtlake.delivery.advance import Step
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError, NotFound, ValidationFailed
from districtlake.quality.fingerprints import rule_set
from districtlake.store.engine import Store
from districtlake.store.tables import AuditEvent, Delivery, InboxLook, Operation

REBUILDS = ("release", "withdraw", "reprocess", "revalidate")


@dataclass(frozen=True)
class Ended:
    """How a delivery leaves an operation: state ("done" | "held" | "withdrawn"), why, and its counts."""

    state: str
    why: str
    counts: dict[str, int]

    @classmethod
    def of(cls, step: Step) -> Ended:
        return cls("held" if step.held else "done", step.why, step.counts)


def delivery_id(resource: str, source_path: str, sha256: str, data_date: date | None) -> str:
    """Readable and deterministic: the same bytes under the same path are the same delivery, on every machine."""
    digest = hashlib.blake2b("\x1f".join((resource, source_path, sha256)).encode(), digest_size=6).hexdigest()
    name = resource.split(".", 1)[1]
    return f"{name}-{data_date:%Y%m%d}-{digest}" if data_date else f"{name}-{digest}"


def get(store: Store, delivery: str) -> Delivery:
    """A delivery by its id, or by an unambiguous beginning of it.

    Raises:
        NotFound: no delivery, or several, begin so.
    """
    with store.session(read_only=True) as session:
        found = list(session.scalars(select(Delivery).where(Delivery.id.startswith(delivery, autoescape=True)).limit(3)))
        session.expunge_all()
    exact = [candidate for candidate in found if candidate.id == delivery]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if found:
        raise NotFound.of("delivery.several", delivery=delivery)
    raise NotFound.of("delivery.none", delivery=delivery)


def pending(store: Store, resource: str) -> list[Delivery]:
    """Deliveries of a resource that wait to be processed, in order."""
    query = select(Delivery).where(Delivery.resource == resource, Delivery.state == "pending")
    with store.session() as session:
        found = list(session.scalars(query.order_by(Delivery.order_key, Delivery.received_at, Delivery.id)))
        session.expunge_all()
    return found


@dataclass(frozen=True)
class Waiting:
    """A delivery that waits to be processed."""

    resource: str
    delivery: str
    attempts: int
    data_date: date | None


def waiting(store: Store) -> list[Waiting]:
    """All pending deliveries: what the arrival sensor and the nightly run ask from."""
    query = (
        select(Delivery.resource, Delivery.id, Delivery.attempts, Delivery.data_date)
        .where(Delivery.state == "pending")
        .order_by(Delivery.resource, Delivery.order_key, Delivery.id)
    )
    with store.session() as session:
        return [Waiting(*row) for row in session.execute(query)]


INBOX = "inbox"


def looked(store: Store, at: datetime) -> None:
    """Write down that the inbox was looked through, and that whatever lay in it at ``at`` is received."""
    with store.session() as session:
        session.merge(InboxLook(inbox=INBOX, at=at))


def last_look(session: Session) -> datetime | None:
    """The instant up to which it is known what was delivered; None: nobody has looked yet."""
    look = session.get(InboxLook, INBOX)
    return None if look is None else look.at


def unsettled(store: Store, day: date | None) -> set[str]:
    """Resources with a delivery of a data date that still waits, or failed: what comes later must not overtake it."""
    query = select(Delivery.resource).where(Delivery.state.in_(("pending", "failed")))
    query = query.where(Delivery.data_date == day if day is not None else Delivery.data_date.is_(None))
    with store.session(read_only=True) as session:
        return set(session.scalars(query))


REMEMBERED = 100
"""Row counts of earlier deliveries that are kept at hand for rules about them."""


@dataclass(frozen=True)
class Past:
    """What the deliveries in the warehouse mean for the next one.

    Attributes:
        snapshot: data date and file name of the latest-dated snapshot; an older one is held.
        moment: the latest moment from which any of them is valid. What comes later in the order of processing is valid from then
            at the earliest, so that versions of a row never overlap.
        row_counts: (mode, rows judged) of the latest of them, oldest first; at most ``REMEMBERED``.
    """

    snapshot: tuple[date, str] | None = None
    moment: datetime | None = None
    row_counts: tuple[tuple[str, int], ...] = ()

    def after(self, delivery: Delivery, counts: Mapping[str, int] | None = None) -> Past:
        """The past once ``delivery`` has reached the warehouse; ``counts``: what it came to."""
        snapshot = self.snapshot
        if delivery.mode == "snapshot" and delivery.data_date is not None:
            stated = (delivery.data_date, delivery.file_name)
            snapshot = max(snapshot or stated, stated)
        row_counts = (*self.row_counts, (delivery.mode, rows_judged(counts)))[-REMEMBERED:] if counts else self.row_counts
        return Past(snapshot, self.valid_from(delivery), row_counts)

    def valid_from(self, delivery: Delivery) -> datetime:
        """From when a delivery's content is valid: the start of its data's day in Shanghai, or its receipt where no date is known."""
        day = delivery.data_date
        at = datetime.combine(day, time(), tzinfo=SHANGHAI) if day is not None else delivery.received_at
        return max(at, self.moment or at)


def rows_judged(counts: Mapping[str, int]) -> int:
    """The rows of a delivery that were judged: exact duplicates, deletions and superseded rows are not."""
    return counts["delivered"] - sum(counts.get(name, 0) for name in ("duplicates", "deletions", "superseded"))


def past_of(store: Store, resource: str, before_operation: int | None = None) -> Past:
    """The past made of all deliveries in the warehouse, or of those processed before an operation."""
    query = select(Delivery).where(Delivery.resource == resource, Delivery.state == "done")
    if before_operation is not None:
        earlier = select(Operation.delivery_id).where(Operation.resource == resource, Operation.id < before_operation)
        query = query.where(Delivery.id.in_(earlier))
    snapshots = query.where(Delivery.mode == "snapshot", Delivery.data_date.is_not(None))
    latest = (
        snapshots.order_by(Delivery.data_date.desc(), Delivery.file_name.desc()),
        query.where(Delivery.data_date.is_not(None)).order_by(Delivery.data_date.desc()),
        query.where(Delivery.data_date.is_(None)).order_by(Delivery.received_at.desc()),
    )
    past = Past()
    with store.session(read_only=True) as session:
        for found in latest:
            delivery = session.scalars(found.limit(1)).first()
            past = past.after(delivery) if delivery is not None else past
        last = list(session.scalars(query.order_by(Delivery.order_key.desc(), Delivery.id.desc()).limit(REMEMBERED)))
        row_counts = tuple((delivery.mode, rows_judged(delivery.counts)) for delivery in reversed(last) if delivery.counts)
    return replace(past, row_counts=row_counts)


def pasts(deliveries: Iterable[Delivery]) -> dict[str, Past]:
    """What came before each of a resource's deliveries, given in the order of processing; held ones leave no trace in what follows."""
    past, found = Past(), {}
    for delivery in deliveries:
        found[delivery.id] = past
        past = past.after(delivery, delivery.counts) if delivery.state == "done" else past
    return found


def begin(
    district: District, resource: Resource, kind: str, delivery: str | None, base: Mapping[str, int], *, actor: str = "", reason: str = ""
) -> Operation:
    """Open an operation: its number and its base versions."""
    now = district.clock.now()
    with district.store.session() as session:
        last = session.scalar(select(func.max(Operation.seq)).where(Operation.resource == resource.id)) or 0
        rules = rule_set(resource, district.catalog, local_date(now))
        rule_record.note_used(session, resource.id, rules, now)
        operation = Operation(
            resource=resource.id, seq=last + 1, kind=kind, delivery_id=delivery, state="running", base_versions=dict(base),
            actor=actor or district.settings.actor, reason=reason, started_at=now, catalog_hash=catalog_hash(resource),
            policy_version=district.policy.version, rules=rules.fingerprint,
        )  # fmt: skip
        session.add(operation)
        session.flush()
        session.refresh(operation)
        session.expunge(operation)
    return operation


def catalog_hash(resource: Resource) -> str:
    """Changes whenever the resource's entry changes."""
    return hashlib.blake2b(resource.model_dump_json(exclude={"file"}).encode(), digest_size=8).hexdigest()


def prepare(
    district: District, operation: int, ended: Mapping[str, Ended], *, covers: bool, found: Mapping[str, Any] | None = None
) -> None:
    """Write down, before the first commit, how the operation will end: a crash after the commit point then loses no count.

    Args:
        covers: afterwards every row that stands was judged by the operation's rules.
        found: of a revalidation, what it found.
    """
    with district.store.session() as session:
        row = session.get_one(Operation, operation)
        row.covers = covers
        row.counts = dict(found) if found is not None else {delivery: [end.state, end.why, end.counts] for delivery, end in ended.items()}


def finish(district: District, operation: int, ended: Mapping[str, Ended]) -> None:
    """Close an operation and move its deliveries to their new states, in one transaction."""
    now = district.clock.now()
    with district.store.session() as session:
        row = session.get_one(Operation, operation)
        row.finished_at = now
        if row.kind != "revalidate":
            row.counts = {delivery: [end.state, end.why, end.counts] for delivery, end in ended.items()}
        row.state = "held" if ended and all(end.state == "held" for end in ended.values()) else "done"
        for identifier, end in ended.items():
            delivery = session.get_one(Delivery, identifier)
            delivery.state, delivery.state_reason, delivery.counts = end.state, end.why, end.counts
        rule_record.note_judged(session, row)
        if row.kind != "process":
            kind = "delivery" if row.delivery_id is not None else "resource"
            session.add(
                AuditEvent(
                    at=now, actor=row.actor, action=f"{kind}.{row.kind}", object_kind=kind, object_id=row.delivery_id or row.resource,
                    reason=row.reason, data={"operation": row.id, "deliveries": sorted(ended)},
                )
            )  # fmt: skip


def fail(district: District, operation: int, delivery: str | None, error: DistrictLakeError) -> None:
    """Close an operation that failed. Its delivery waits for the next run when trying again can help; else it is failed.

    Where the validation engine broke down the delivery waits, too: once the engine or the rule is repaired the next run takes it,
    and no later delivery of the resource overtakes it.
    """
    with district.store.session() as session:
        row = session.get_one(Operation, operation)
        row.state, row.finished_at, row.error = "failed", district.clock.now(), error.as_dict()
        if delivery is not None:
            found = session.get_one(Delivery, delivery)
            found.state = "pending" if error.retryable or isinstance(error, ValidationFailed) else "failed"
            found.state_reason = str(error)
            found.attempts += 1


def interrupted(store: Store, resource: str) -> list[Operation]:
    """Operations that no process finished. Ask only under the resource's lock: then nobody is at them."""
    query = select(Operation).where(Operation.resource == resource, Operation.state == "running").order_by(Operation.seq.desc())
    with store.session() as session:
        found = list(session.scalars(query))
        session.expunge_all()
    return found


def complete_interrupted(district: District, operation: Operation) -> None:
    """The operation had passed its commit point: end it as it was prepared to end."""
    prepared: dict[str, Any] = dict(operation.counts or {}) if operation.kind != "revalidate" else {}
    finish(district, operation.id, {delivery: Ended(*end) for delivery, end in prepared.items()})


def undo_interrupted(district: District, operation: Operation) -> None:
    """The operation left nothing behind: record it as failed; its delivery, never marked otherwise, is still pending."""
    with district.store.session() as session:
        row = session.get_one(Operation, operation.id)
        row.state, row.finished_at = "failed", district.clock.now()
        row.error = {"code": "system.interrupted", "message": "The process ended before the commit point; undone.", "retryable": True}
        if row.kind == "process" and row.delivery_id is not None:
            delivery = session.get_one(Delivery, row.delivery_id)
            delivery.attempts += 1


def add_receipt(store: Store, delivery: str, report: dict[str, Any]) -> None:
    """Complete the receipt with what reading the file showed (encoding, header, rows, columns, drift)."""
    from districtlake.ingestion.report import drift

    with store.session() as session:
        row = session.get_one(Delivery, delivery)
        previous = session.scalar(
            select(Delivery)
            .where(Delivery.resource == row.resource, Delivery.id != row.id, Delivery.state.in_(("done", "held")))
            .order_by(Delivery.received_at.desc(), Delivery.order_key.desc())
            .limit(1)
        )
        before = (previous.receipt or {}).get("read") if previous else None
        row.receipt = {**(row.receipt or {}), "read": report, "drift": drift(before, report) if "error" not in report else {}}


def recent(store: Store, resource: str, count: int, states: Collection[str] = ("done", "held")) -> list[Delivery]:
    """The last deliveries of a resource that came to one of ``states`` (default: the judged ones), oldest first."""
    query = select(Delivery).where(Delivery.resource == resource, Delivery.state.in_(states))
    with store.session(read_only=True) as session:
        found = list(session.scalars(query.order_by(Delivery.order_key.desc(), Delivery.received_at.desc()).limit(count)))
        session.expunge_all()
    return found[::-1]


def failure_codes(store: Store, deliveries: Collection[str]) -> dict[str, str]:
    """Delivery -> code of the error that the last operation on it ended with; deliveries whose last one did not fail are left out."""
    query = select(Operation.delivery_id, Operation.error).where(Operation.delivery_id.in_(deliveries)).order_by(Operation.id)
    with store.session(read_only=True) as session:
        errors = [(str(delivery), error) for delivery, error in session.execute(query)]
    return {delivery: str(error["code"]) for delivery, error in dict(errors).items() if error}


def judged(store: Store, resource: str) -> list[Delivery]:
    """The deliveries of a resource that were judged and still stand, in the order in which they were first processed."""
    first = (
        select(Operation.delivery_id, func.min(Operation.seq).label("seq"))
        .where(Operation.resource == resource, Operation.kind == "process", Operation.state.in_(("done", "held")))
        .group_by(Operation.delivery_id)
        .subquery()
    )
    query = select(Delivery).join(first, first.c.delivery_id == Delivery.id).where(Delivery.state.in_(("done", "held")))
    with store.session(read_only=True) as session:
        found = list(session.scalars(query.order_by(first.c.seq)))
        session.expunge_all()
    return found


def last_judged(store: Store, resource: str) -> str | None:
    """Id of the delivery that a process operation judged last and that still stands."""
    query = (
        select(Operation.delivery_id)
        .join(Delivery, Delivery.id == Operation.delivery_id)
        .where(Operation.resource == resource, Operation.kind == "process", Operation.state.in_(("done", "held")))
        .where(Delivery.state.in_(("done", "held")))
        .order_by(Operation.seq.desc())
        .limit(1)
    )
    with store.session(read_only=True) as session:
        return session.scalar(query)

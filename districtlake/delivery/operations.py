"""What an operator can do with a delivery: release a held one, withdraw a wrong one exactly, reprocess one under new rules.

Each asks for a reason, is audited, and leaves the tables as if the deliveries had been processed that way from the start:
the fold of ``advance`` is repeated from the state before the delivery, and only the difference is committed.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from districtlake.catalog.models import Resource
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.delivery.locks import lock
from districtlake.delivery.process import Engine, Outcome, finish_interrupted, process_resource
from districtlake.delivery.rebuild import rebuild
from districtlake.delivery.states import state_named
from districtlake.errors import OperationRefused
from districtlake.quality import delivery_rules
from districtlake.quality.derive import rules_of
from districtlake.store.tables import AuditEvent, Delivery, Operation
from districtlake.warehouse.tables import ensure_tables


def release(district: District, delivery_id: str, engine: Engine, *, actor: str, reason: str) -> list[Outcome]:
    """Let a held delivery pass although a hold rule stopped it.

    Raises:
        OperationRefused: it is not held, or what stopped it cannot be overruled (unreadable file, missing columns).
    """
    delivery, resource = _subject(district, delivery_id, reason)
    if delivery.state != "held":
        raise OperationRefused.of("operation.not_held", delivery=delivery.id, state=state_named(delivery.state))
    waived = delivery_rules.WAIVABLE | {rule.id for rule in rules_of(resource, district.catalog) if rule.on_failure == "hold"}
    return _again(district, resource, delivery, "release", engine, actor, reason, waive={delivery.id: frozenset(waived)})


def withdraw(district: District, delivery_id: str, engine: Engine, *, actor: str, reason: str) -> list[Outcome]:
    """Take a delivery out, exactly: afterwards the tables are as if it had never been processed. The archive keeps the file."""
    delivery, resource = _subject(district, delivery_id, reason)
    if delivery.state in ("pending", "failed", "duplicate"):
        _set_state(district, delivery, "withdrawn", actor, reason)
        return []
    if delivery.state not in ("done", "held"):
        raise OperationRefused.of("operation.not_withdrawable", delivery=delivery.id, state=state_named(delivery.state))
    return _again(district, resource, delivery, "withdraw", engine, actor, reason, without=True)


def reprocess(district: District, delivery_id: str, engine: Engine, *, actor: str, reason: str) -> list[Outcome]:
    """Process a delivery anew, and all that came after it, under the catalogue as it now is.

    One whose processing failed is tried again at once, with those of its resource that wait before it.
    """
    delivery, resource = _subject(district, delivery_id, reason)
    if _failed(delivery):
        _set_state(district, delivery, "pending", actor, reason)
        return process_resource(district, resource.id, engine, through=delivery.data_date)
    if delivery.state not in ("done", "held"):
        raise OperationRefused.of("operation.not_reprocessable", delivery=delivery.id, state=state_named(delivery.state))
    return _again(district, resource, delivery, "reprocess", engine, actor, reason)


def backfill(
    district: District, resource_id: str, engine: Engine, *, since: date, until: date | None = None, actor: str, reason: str
) -> list[Outcome]:
    """Process a resource's deliveries of a range of data dates anew, in their order, from the first of them on.

    What came after the range is folded again, too: it builds upon it. Those whose processing failed are tried again.

    Args:
        since, until: first and last data date; without ``until`` everything since.

    Raises:
        OperationRefused: the range is empty or the wrong way round; says which dates there are.
    """
    resource = district.resource(resource_id)
    _ask_reason(reason)
    if until is not None and until < since:
        raise OperationRefused.of("period.backwards", first=since, last=until)
    query = select(Delivery).where(Delivery.resource == resource_id, Delivery.state.in_(("done", "held", "failed", "pending")))
    with district.store.session(read_only=True) as session:
        known = list(session.scalars(query.order_by(Delivery.order_key, Delivery.received_at)))
        session.expunge_all()
    chosen = [d for d in known if d.data_date is not None and d.data_date >= since and (until is None or d.data_date <= until)]
    if not chosen:
        dates = sorted({d.data_date for d in known if d.data_date is not None})
        if not dates:
            raise OperationRefused.of("operation.never_dated", resource=resource_id)
        raise OperationRefused.of(
            "operation.nothing_dated", resource=resource_id, first=since, last=until or "…", oldest=dates[0], newest=dates[-1]
        )
    outcomes: list[Outcome] = []
    judged = {d.id: d for d in chosen if d.state in ("done", "held")}
    if judged:
        first = _processed_first(district, resource_id, set(judged))
        outcomes += _again(district, resource, judged[first], "reprocess", engine, actor, reason)
    failed = [d for d in chosen if _failed(d)]
    for delivery in failed:
        _set_state(district, delivery, "pending", actor, reason)
    if failed:
        outcomes += process_resource(district, resource_id, engine, through=until)
    return outcomes


def _processed_first(district: District, resource_id: str, deliveries: set[str]) -> str:
    query = select(Operation.delivery_id).where(
        Operation.resource == resource_id, Operation.kind == "process", Operation.delivery_id.in_(deliveries),
        Operation.state.in_(("done", "held")),
    )  # fmt: skip
    with district.store.session(read_only=True) as session:
        found = session.scalars(query.order_by(Operation.seq).limit(1)).first()
    assert found is not None, "a judged delivery has its operation"
    return found


def _failed(delivery: Delivery) -> bool:
    """Whether processing it failed: for good, or so that the next run would try it again."""
    return delivery.state == "failed" or (delivery.state == "pending" and delivery.attempts > 0)


def _ask_reason(reason: str) -> None:
    if not reason.strip():
        raise OperationRefused.of("delivery.reason")


def _subject(district: District, delivery_id: str, reason: str) -> tuple[Delivery, Resource]:
    _ask_reason(reason)
    delivery = ledger.get(district.store, delivery_id)
    return delivery, district.resource(delivery.resource)


def _again(
    district: District, resource: Resource, delivery: Delivery, kind: str, engine: Engine, actor: str, reason: str,
    *, waive: dict[str, frozenset[str]] | None = None, without: bool = False,
) -> list[Outcome]:  # fmt: skip
    with lock(district.settings.locks, resource.id, tell=engine.hooks.tell):
        ensure_tables(district.lake, resource, district.catalog)
        finish_interrupted(district, resource, engine)
        _refuse_if_moved(district, delivery)
        sequence, base, past = _from(district, delivery)
        folded = [d for d in sequence if not (without and d.id == delivery.id)]
        waived = {**_released_before(district, resource, folded), **(waive or {})}
        affected = [d.id for d in sequence]
        return rebuild(
            district, resource, kind, folded, base, affected, engine,
            past=past, waived=waived, actor=actor, reason=reason, subject=delivery.id,
        )  # fmt: skip


def _from(district: District, delivery: Delivery) -> tuple[list[Delivery], dict[str, int] | None, ledger.Past]:
    """The deliveries from this one on, in the order they were processed, and the table versions before them.

    When the resource was rebuilt after this delivery's first processing, those versions mean another past: start from nothing.
    """
    with district.store.session() as session:
        operations = list(
            session.scalars(
                select(Operation)
                .where(Operation.resource == delivery.resource, Operation.state.in_(("done", "held")))
                .order_by(Operation.seq)
            )
        )
        found = session.scalars(select(Delivery).where(Delivery.resource == delivery.resource, Delivery.state.in_(("done", "held"))))
        by_id = {d.id: d for d in found}
        session.expunge_all()
    first = next((o for o in operations if o.kind == "process" and o.delivery_id == delivery.id), None)
    rebuilt = any(o.kind in ledger.REBUILDS and (first is None or o.seq > first.seq) for o in operations)
    start = None if rebuilt or first is None else first
    order = [o.delivery_id for o in operations if o.kind == "process" and o.delivery_id in by_id and (start is None or o.seq >= start.seq)]
    sequence = [by_id[i] for i in dict.fromkeys(order) if i is not None]
    past = ledger.past_of(district.store, delivery.resource, before_operation=start.id) if start else ledger.Past()
    return sequence, (dict(start.base_versions) if start else None), past


def _released_before(district: District, resource: Resource, folded: list[Delivery]) -> dict[str, frozenset[str]]:
    """Deliveries an operator had released keep that release when they are folded again."""
    with district.store.session() as session:
        released = set(
            session.scalars(
                select(Operation.delivery_id).where(
                    Operation.resource == resource.id, Operation.kind == "release", Operation.state.in_(("done", "held"))
                )
            )
        )
    everything = delivery_rules.WAIVABLE | {rule.id for rule in rules_of(resource, district.catalog) if rule.on_failure == "hold"}
    return {d.id: frozenset(everything) for d in folded if d.id in released}


def _refuse_if_moved(district: District, delivery: Delivery) -> None:
    """Ask under the resource's lock: what was read before it may be true no more."""
    now = ledger.get(district.store, delivery.id).state
    if now != delivery.state:
        raise OperationRefused.of(
            "operation.changed_meanwhile", delivery=delivery.id, before=state_named(delivery.state), now=state_named(now)
        )


def _set_state(district: District, delivery: Delivery, state: str, actor: str, reason: str) -> None:
    with lock(district.settings.locks, delivery.resource):
        _refuse_if_moved(district, delivery)
        _record_state(district, delivery, state, actor, reason)


def _record_state(district: District, delivery: Delivery, state: str, actor: str, reason: str) -> None:
    with district.store.session() as session:
        row = session.get_one(Delivery, delivery.id)
        row.state, row.state_reason = state, reason
        session.add(
            AuditEvent(
                at=district.clock.now(), actor=actor, action=f"delivery.{'withdraw' if state == 'withdrawn' else 'reprocess'}",
                object_kind="delivery", object_id=delivery.id, reason=reason, data={},
            )
        )  # fmt: skip

"""What an operator can do with a delivery: release a held one, withdraw a wrong one exactly, reprocess one under new rules.

Each asks for a reason, is audited, and leaves the tables as if the deliveries had been processed that way from the start:
the fold of ``advance`` is repeated from the state before the delivery, and only the difference is committed.
"""

from __future__ import annotations

from sqlalchemy import select

from districtlake.catalog.models import Resource
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.delivery.locks import lock
from districtlake.delivery.process import Engine, Outcome, finish_interrupted, rebuild
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
        raise OperationRefused(
            f"Delivery {delivery.id} is {delivery.state}, not held.",
            hint="Only a held delivery can be released: districtlake deliveries list.",
        )
    waived = delivery_rules.WAIVABLE | {rule.id for rule in rules_of(resource, district.catalog) if rule.on_failure == "hold"}
    return _again(district, resource, delivery, "release", engine, actor, reason, waive={delivery.id: frozenset(waived)})


def withdraw(district: District, delivery_id: str, engine: Engine, *, actor: str, reason: str) -> list[Outcome]:
    """Take a delivery out, exactly: afterwards the tables are as if it had never been processed. The archive keeps the file."""
    delivery, resource = _subject(district, delivery_id, reason)
    if delivery.state in ("pending", "failed", "duplicate"):
        _set_state(district, delivery, "withdrawn", actor, reason)
        return []
    if delivery.state not in ("done", "held"):
        raise OperationRefused(f"Delivery {delivery.id} is {delivery.state}.", hint="Only received deliveries can be withdrawn, once.")
    return _again(district, resource, delivery, "withdraw", engine, actor, reason, without=True)


def reprocess(district: District, delivery_id: str, engine: Engine, *, actor: str, reason: str) -> list[Outcome]:
    """Process a delivery anew, and all that came after it, under the catalogue as it now is. A failed one is simply tried again."""
    delivery, resource = _subject(district, delivery_id, reason)
    if delivery.state == "failed":
        _set_state(district, delivery, "pending", actor, reason)
        return []
    if delivery.state not in ("done", "held"):
        raise OperationRefused(
            f"Delivery {delivery.id} is {delivery.state}.",
            hint="Pending ones are processed by the nightly run; a withdrawn one is delivered again under another name.",
        )
    return _again(district, resource, delivery, "reprocess", engine, actor, reason)


def _subject(district: District, delivery_id: str, reason: str) -> tuple[Delivery, Resource]:
    if not reason.strip():
        raise OperationRefused("An operator's action needs a reason.", hint='Give one: --reason "…". It is kept in the audit trail.')
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
        raise OperationRefused(
            f"Delivery {delivery.id} was {delivery.state} and is {now} now: another process was at it.",
            hint="Look at it again before you act: districtlake deliveries list.",
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

"""A changed rule is asked of the rows that stand, unchanged ones included (ADR 19).

What stands is, for each key, the row that was delivered last: in the warehouse, or in quarantine. Those rows are read again from the
archive, delivery by delivery from the newest back, and judged beside the rows they came with, as when they arrived. Nothing is deleted and
no delivery changes its state. A row that fails now goes to quarantine while its version stays, marked stale; one that passes now is
released. It is an operation of its own, committed and recovered like any other (ADR 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.cleansing import cleanse
from districtlake.clock import local_date
from districtlake.delivery import ledger
from districtlake.delivery.advance import Tables, keys_in, quarantine_rows
from districtlake.delivery.delivered_rows import CarriedHere, told_embedded
from districtlake.delivery.district import District
from districtlake.delivery.judge import Arrival, Judgement, judge
from districtlake.delivery.locks import lock
from districtlake.delivery.process import Engine, arrival_of, load_tables, make_ready, unexpected, written_after_all
from districtlake.delivery.rule_record import Outdated, outdated
from districtlake.delivery.surroundings import surroundings_of
from districtlake.errors import DistrictLakeError, OperationRefused
from districtlake.quality import delivery_rules, problems
from districtlake.quality.derive import rules_of
from districtlake.store.tables import Delivery
from districtlake.warehouse import changes as change_sets
from districtlake.warehouse.commit import versions
from districtlake.warehouse.tables import key_columns, schema_of, stored_items, tables_held_open, text_key


@dataclass(frozen=True)
class Revalidated:
    """What asking again came to.

    Attributes:
        why: what had changed, in words.
        deliveries: read again. rows: judged again.
        released: rows that left quarantine for the warehouse. quarantined: rows that went the other way (their version stays, stale).
        changed: values that the changed catalogue reads otherwise. opened, closed: problems.
        unplaced: rows whose delivery no longer shows them under their key (a key that the catalogue now reads otherwise); left as they are.
        error: set when it failed; nothing was changed then.
    """

    resource: str
    title: str
    why: str
    deliveries: int = 0
    rows: int = 0
    released: int = 0
    quarantined: int = 0
    changed: int = 0
    opened: int = 0
    closed: int = 0
    unplaced: int = 0
    error: DistrictLakeError | None = None

    def as_dict(self) -> dict[str, Any]:
        told = {name: value for name, value in vars(self).items() if name != "error"}
        return told | {"error": self.error.message if self.error else "", "hint": self.error.hint if self.error else ""}


@dataclass
class _Asked:
    """One delivery's rows that stand, judged again."""

    delivery: Delivery
    arrival: Arrival
    verdict: Judgement
    mine: pl.Series  # Boolean per row of the verdict: it stands

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The lines of a frame with ``_index`` that are about rows that stand."""
        index = self.mine.arg_true().cast(pl.UInt32)
        return frame.filter(pl.col("_index").is_in(index.implode()))


@dataclass
class _Outcome:
    tables: Tables
    history: pl.DataFrame
    asked: list[_Asked]
    unplaced: int


def revalidate_outdated(district: District, engine: Engine, *, actor: str = "") -> list[Revalidated]:
    """Revalidate every resource whose rules changed since its rows were judged. One that fails stops no other; nothing the second time."""
    found = outdated(district)
    done = []
    for number, (resource, why) in enumerate(found.items(), 1):
        engine.hooks.tell(f"重新校验 {number}/{len(found)} {resource}：{why.words()}")
        try:
            result = revalidate(district, resource, engine, actor=actor)
        except DistrictLakeError as error:
            result = Revalidated(resource, district.catalog.resources[resource].title, why.words(), error=error)
        if result is not None:
            done.append(result)
    return done


def revalidate(district: District, resource_id: str, engine: Engine, *, actor: str = "") -> Revalidated | None:
    """Ask the present rules of the rows that stand; None when they were judged by them already.

    Raises:
        OperationRefused: the key was changed; the rows cannot be told apart by the new one.
        ValidationFailed: no verdict; nothing was changed, and the next night tries again.
    """
    resource = district.resource(resource_id)
    with lock(district.settings.locks, resource_id, tell=engine.hooks.tell), tables_held_open():
        make_ready(district, resource, engine)
        why = outdated(district, resource_id).get(resource_id)  # asked again behind the lock: another process may have done it
        if why is None:
            return None
        return _carry_out(district, resource, why, engine, actor)


def _carry_out(district: District, resource: Resource, why: Outdated, engine: Engine, actor: str) -> Revalidated:
    base = versions(district.lake, resource.id)
    reason = f"规则已变：{why.words()}"
    operation = ledger.begin(district, resource, "revalidate", None, base, actor=actor, reason=reason)
    try:
        told_embedded(district, resource, "重新校验", engine.hooks.tell)
        carried = CarriedHere(district, resource, base, operation.id)
        standing = load_tables(district, resource, carried.table(base["warehouse"]))
        outcome = _ask(district, resource, standing, engine, operation.started_at, str(operation.id))
        result = _told(resource, why, standing, outcome)
        ledger.prepare(district, operation.id, {}, covers=True, found={**result.as_dict(), "failing": _failing(outcome)})
        commits = carried.commits(engine.hooks.committed)
        commits.overwrite("quarantine", outcome.tables.quarantine)
        commits.overwrite("problems", outcome.tables.register)
        commits.append("history", outcome.history)
        commits.merge(carried.difference(standing.current, outcome.tables.current), key_columns(resource))
    except Exception as error:
        known = error if isinstance(error, DistrictLakeError) else unexpected(error, None)
        if not written_after_all(district, resource, operation, None, known, engine):
            raise known from error
    ledger.finish(district, operation.id, {})
    engine.hooks.committed("ledger")
    return result


def _ask(district: District, resource: Resource, standing: Tables, engine: Engine, at: datetime, operation: str) -> _Outcome:
    key = list(key_columns(resource))
    if standing.current.select(key).is_duplicated().any() or any(standing.current[name].null_count() for name in key):
        raise OperationRefused(
            f"{resource.id}: the rows in the warehouse cannot be told apart by the key {', '.join(key)}.",
            hint="The key was changed. Process the resource anew: districtlake deliveries reprocess --resource … --since …",
        )
    asked, left = _asked(district, resource, standing, engine, at)
    catalog = district.catalog
    told = [quarantine_rows(one.verdict, one.mine & one.verdict.quarantined, one.delivery.id, resource, catalog) for one in asked]
    quarantine = pl.concat([left, *told])
    stale = keys_in(quarantine, resource, catalog)
    current, history, register = standing.current, [], standing.register
    for one in reversed(asked):  # in the order of processing
        changes = change_sets.change_set(
            current, _accepted(one, resource), stale, key=key, items=stored_items(resource), delivery=one.delivery.id, at=one.arrival.at,
            delete_absent=False, keep_items=[name for name in one.arrival.missing if name in stored_items(resource)],
        )  # fmt: skip
        current = change_sets.apply(current, changes, key)
        history.append(changes.ended.select(list(schema_of("history", resource, catalog))))
    known = frozenset(rule.id for rule in (*rules_of(resource, catalog), *delivery_rules.of(resource)))
    for one in asked:
        judged = problems.Judged(
            rules=one.verdict.decided, known_rules=known, keys=one.verdict.keys.filter(one.mine), whole=False, waived=one.verdict.waived,
            delivery_judged=False,
        )  # fmt: skip
        register = problems.update(
            register, one.of(one.verdict.sightings), judged, resource=resource, delivery=one.delivery.id, at=at, revalidation=operation
        )
    if not asked:  # no row stands, but problems of rules that are gone may
        none = problems.Judged(frozenset(), known, pl.Series([], dtype=pl.String), whole=False, delivery_judged=False)
        nothing = pl.DataFrame(schema=problems.SIGHTING)
        register = problems.update(register, nothing, none, resource=resource, delivery="", at=at, revalidation=operation)
    ended = pl.concat(history) if history else pl.DataFrame(schema=schema_of("history", resource, catalog))
    return _Outcome(Tables(current, quarantine, register), ended, asked, _unplaced(standing, asked, left, resource))


def _asked(district: District, resource: Resource, standing: Tables, engine: Engine, at: datetime) -> tuple[list[_Asked], pl.DataFrame]:
    """The rows that stand by the delivery that last showed them, the newest first, judged; and the quarantined rows that were not found."""
    waiting = text_key(standing.current.filter(~pl.col("_stale")), key_columns(resource))
    withheld = standing.quarantine
    found: list[_Asked] = []
    deliveries = [d for d in ledger.judged(district.store, resource.id) if d.state == "done"]
    pasts = ledger.pasts(deliveries)
    for number, delivery in enumerate(reversed(deliveries), 1):
        if waiting.len() == 0 and withheld.height == 0:
            break
        engine.hooks.tell(f"{resource.id}：第 {number} 个交付，待核对 {waiting.len() + withheld.height:,} 行")
        arrival = arrival_of(district, resource, delivery, pasts[delivery.id], receipt=False)
        if arrival.raw is None:
            continue  # it was readable when it was accepted; its rows stay as they are and are counted
        cleansed = cleanse(arrival.raw, resource, district.catalog, arrival.today, arrival.as_of).frame
        verdict = judge(
            cleansed, arrival, resource, district.catalog, rules_of(resource, district.catalog), engine.validator,
            surroundings_of(district, resource, delivery, pasts[delivery.id]), local_date(at),
        )  # fmt: skip
        here = withheld.filter(pl.col("_delivery") == delivery.id)
        mine = (
            verdict.keys.is_in(waiting.implode()) | verdict.keys.is_in(here["key"].implode())
            | _places(verdict.frame).is_in(_places(here).implode())
        )  # fmt: skip
        if mine.any():
            found.append(_Asked(delivery, arrival, verdict, mine))
            keys = verdict.keys.filter(mine)
            waiting = waiting.filter(~waiting.is_in(keys.implode()))
            placed = here["key"].is_in(keys.implode()) | _places(here).is_in(_places(verdict.frame.filter(mine)).implode())
            withheld = pl.concat([withheld.filter(pl.col("_delivery") != delivery.id), here.filter(~placed)])
    return found, withheld


def _places(rows: pl.DataFrame) -> pl.Series:
    """Where each row stood in its delivery, as one text."""
    parts = [pl.col("_file"), pl.col("_sheet").fill_null("\x00"), pl.col("_row").cast(pl.String)]
    return rows.select(pl.concat_str(parts, separator="\x1f").alias("place"))["place"]


def _accepted(one: _Asked, resource: Resource) -> pl.DataFrame:
    columns = [*dict.fromkeys([*key_columns(resource), *stored_items(resource)]), "_file", "_sheet", "_row"]
    return one.verdict.frame.filter(one.mine & ~one.verdict.quarantined).select(columns)


def _unplaced(standing: Tables, asked: list[_Asked], left: pl.DataFrame, resource: Resource) -> int:
    keys = text_key(standing.current.filter(~pl.col("_stale")), key_columns(resource))
    placed = pl.concat([one.verdict.keys.filter(one.mine) for one in asked]) if asked else pl.Series([], dtype=pl.String)
    return int((~keys.is_in(placed.implode())).sum()) + left.height


def _told(resource: Resource, why: Outdated, standing: Tables, outcome: _Outcome) -> Revalidated:
    """What differs between the tables as they stood and as they will stand."""
    was, now = standing.quarantine["key"].unique(), outcome.tables.quarantine["key"].unique()
    changes = change_sets.difference(standing.current.drop("_stale"), outcome.tables.current.drop("_stale"), key_columns(resource))
    open_before = standing.register.filter(pl.col("state") == "open")["problem_id"]
    open_now = outcome.tables.register.filter(pl.col("state") == "open")["problem_id"]
    released = was.filter(~was.is_in(now.implode()))
    updated = changes.filter(pl.col(change_sets.OPERATION) == "U")
    otherwise = ~text_key(updated, key_columns(resource)).is_in(released.implode())
    return Revalidated(
        resource.id, resource.title, why.words(), deliveries=len(outcome.asked), rows=sum(int(one.mine.sum()) for one in outcome.asked),
        released=released.len(), quarantined=int((~now.is_in(was.implode())).sum()), changed=int(otherwise.sum()),
        opened=int((~open_now.is_in(open_before.implode())).sum()), closed=int((~open_before.is_in(open_now.implode())).sum()),
        unplaced=outcome.unplaced,
    )  # fmt: skip


def _failing(outcome: _Outcome) -> dict[str, int]:
    """Rule id -> how many rows that stand break it."""
    found: dict[str, int] = {}
    for one in outcome.asked:
        for rule, count in one.of(one.verdict.validation.failures)["rule"].value_counts().iter_rows():
            found[rule] = found.get(rule, 0) + count
    return dict(sorted(found.items()))

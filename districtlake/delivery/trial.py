"""What the present rules, or those of a draft, would have found in deliveries of the past. Reads archive and tables, writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import select

from districtlake.catalog.models import Resource
from districtlake.cleansing import cleanse
from districtlake.clock import local_date
from districtlake.delivery import ledger
from districtlake.delivery.baselines import baselines_before, is_measure
from districtlake.delivery.district import District
from districtlake.delivery.judge import Judgement, judge, lacking_columns
from districtlake.delivery.operation_column import operations_of
from districtlake.delivery.process import arrival_of
from districtlake.delivery.states import TITLES as STATES
from districtlake.delivery.surroundings import surroundings_of
from districtlake.errors import NotFound, OperationRefused
from districtlake.quality import tolerance
from districtlake.quality.derive import rules_of
from districtlake.quality.problems import REGISTER, SIGHTING
from districtlake.quality.rules import Rule
from districtlake.quality.shown import shown
from districtlake.quality.validation import RuleResult, Validator
from districtlake.store.tables import Delivery
from districtlake.warehouse.history import scan

EXAMPLES = 5


@dataclass(frozen=True)
class RuleTried:
    """One rule on one delivery, beside what was recorded.

    Attributes:
        evaluated, failed: B and B - A under the rules tried; evaluated is null where the rule was not evaluated.
        recorded_*: as the results of the delivery hold them; null where the rule had no result there.
        newly, no_longer: rows that would begin, or cease, to fail. Of a held delivery no rows are on record: the difference of the counts.
        examples: rows that would begin to fail, as ``quality.shown`` masks them.
    """

    rule: str
    title: str
    version: int | None
    outcome: str
    evaluated: int | None
    failed: int
    reason: str
    recorded_outcome: str | None
    recorded_version: int | None
    recorded_evaluated: int | None
    recorded_failed: int | None
    newly: int
    no_longer: int
    examples: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Tried:
    """One delivery under the rules tried. ``skipped`` says why it was not judged; ``would_hold`` what would stop it."""

    delivery: str
    file: str
    mode: str
    data_date: date | None
    state: str
    rows: int = 0
    skipped: str = ""
    would_hold: str = ""
    rules: tuple[RuleTried, ...] = ()

    @property
    def worse(self) -> bool:
        """Whether rows would begin to fail, or a delivery that went through would be held."""
        return any(rule.newly for rule in self.rules) or bool(self.would_hold and self.state == "done")

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "rules": [vars(rule) for rule in self.rules], "worse": self.worse}


def deliveries_since(district: District, resource: str, since: str = "") -> list[Delivery]:
    """Deliveries of a resource in the order in which they were judged, those never judged last.

    Args:
        since: a delivery (or the beginning of its id): from it on; a day: those whose data (else receipt) is of it or later; empty: the last
            one that was judged.

    Raises:
        NotFound: the resource was never judged, or there is no such delivery. OperationRefused: it is of another resource.
    """
    district.resource(resource)
    judged = ledger.judged(district.store, resource)
    known = {delivery.id for delivery in judged}
    query = select(Delivery).where(Delivery.resource == resource, Delivery.state.not_in(("duplicate", "superseded")))
    with district.store.session(read_only=True) as session:
        others = [row for row in session.scalars(query.order_by(Delivery.order_key, Delivery.received_at)) if row.id not in known]
        session.expunge_all()
    if not judged:
        raise NotFound(f"No delivery of {resource} was judged yet.", hint="Deliver it and run: districtlake nightly.")
    if not since:
        return judged[-1:]
    day = _day(since)
    if day is not None:
        found = [d for d in (*judged, *others) if (d.data_date or local_date(d.received_at)) >= day]
        if not found:
            raise NotFound(
                f"No delivery of {resource} is dated {day} or later.", hint=f"See: districtlake deliveries list --resource {resource}."
            )
        return found
    first = ledger.get(district.store, since)
    if first.resource != resource:
        raise OperationRefused(f"Delivery {first.id} is of {first.resource}.", hint=f"Name a delivery of {resource}, or a day: YYYY-MM-DD.")
    order = [d.id for d in judged]
    return judged[order.index(first.id) :] if first.id in known else [d for d in others if d.order_key >= first.order_key]


def try_rules(
    district: District, resource_id: str, validator: Validator, deliveries: list[Delivery], *, only: str = "",
    tell: Callable[[str], None] = lambda message: None,
) -> Iterator[Tried]:  # fmt: skip
    """Judge each of ``deliveries`` by the rules of ``district.catalog`` and compare with what is recorded.

    Args:
        only: this rule alone.

    Raises:
        NotFound: there is no such rule, and none is on record.
        ValidationFailed: a rule cannot be evaluated.
    """
    resource = district.resource(resource_id)
    rules = [rule for rule in rules_of(resource, district.catalog) if only in ("", rule.id)]
    recorded = scan(district.lake, "results", resource_id).collect()
    register = scan(district.lake, "problems", resource_id).collect()
    if only and not rules and only not in set(recorded["rule"]):
        names = ", ".join(rule.id for rule in rules_of(resource, district.catalog))
        raise NotFound(f"{resource_id} has no rule {only}.", hint=f"Its rules are: {names}.")
    judged = ledger.judged(district.store, resource_id)
    order = {delivery.id: number for number, delivery in enumerate(judged)}
    before = baselines_before(district, resource, without=[delivery.id for delivery in deliveries])
    pasts = ledger.pasts(judged)
    for number, delivery in enumerate(deliveries, 1):
        tell(f"{number}/{len(deliveries)} {delivery.file_name}")
        described = (delivery.id, delivery.file_name, delivery.mode, delivery.data_date, delivery.state)
        if delivery.id not in order:
            yield Tried(*described, skipped=f"{STATES[delivery.state]}，不在现有数据之中")
            continue
        arrival = arrival_of(district, resource, delivery, pasts[delivery.id], baselines=before, receipt=False)
        if arrival.raw is None:
            yield Tried(*described, skipped=arrival.unreadable)
            continue
        day = local_date(district.clock.now())
        if lacking := lacking_columns(arrival, operations_of(arrival.raw, resource, arrival.mode), resource, rules, day):
            yield Tried(*described, rows=arrival.raw.height, would_hold=f"文件缺少数据项：{'、'.join(lacking)}")
            continue
        frame = cleanse(arrival.raw, resource, district.catalog, arrival.today, arrival.as_of).frame
        verdict = judge(
            frame,
            arrival,
            resource,
            district.catalog,
            rules,
            validator,
            surroundings_of(district, resource, delivery, pasts[delivery.id]),
            day,
        )
        if delivery.state == "done" and is_measure(delivery):
            before = tolerance.after(before, verdict.results, delivery.id)
        past_results = {row["rule"]: row for row in recorded.filter(pl.col("_delivery") == delivery.id).iter_rows(named=True)}
        known = _known(register, order, delivery) if delivery.state == "done" else None
        told = [
            *(_rule(result.rule, result, verdict, past_results.get(result.rule.id), known, resource, district) for result in verdict.results),
            *(_gone(row, known, verdict) for rule, row in past_results.items() if _is_gone(rule, only, resource, district)),
        ]  # fmt: skip
        holding = "；".join(result.reason or result.rule.title for result in verdict.holding)
        yield Tried(*described, rows=arrival.raw.height, would_hold=holding, rules=tuple(told))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _known(register: pl.DataFrame, order: Mapping[str, int], delivery: Delivery) -> pl.DataFrame:
    """The problems that, by the register, a delivery's rows had: seen from a delivery no later on, until one no earlier."""
    here = order[delivery.id]
    place = register.select(
        first=pl.col("first_delivery").replace_strict(order, default=None, return_dtype=pl.Int64),
        last=pl.col("last_delivery").replace_strict(order, default=None, return_dtype=pl.Int64),
    )
    return register.filter((place["first"] <= here) & (place["last"] >= here) & (register["key"] != ""))


def _is_gone(rule: str, only: str, resource: Resource, district: District) -> bool:
    names = {known.id for known in rules_of(resource, district.catalog)}
    return only in ("", rule) and rule not in names and not rule.startswith("delivery.")


def _rule(
    rule: Rule, result: RuleResult, verdict: Judgement, recorded: Mapping[str, Any] | None, known: pl.DataFrame | None, resource: Resource,
    district: District,
) -> RuleTried:  # fmt: skip
    seen = verdict.sightings.filter(pl.col("rule") == rule.id)
    past_failed = recorded["failed"] if recorded is not None and recorded["outcome"] != "not_evaluated" else None
    if known is None:
        newly, fresh = max(0, result.failed - (past_failed or 0)), seen
        no_longer = max(0, (past_failed or 0) - result.failed)
    else:
        mine = known.filter(pl.col("rule") == rule.id)
        fresh = seen.join(mine, on="problem_id", how="anti")
        newly = fresh.height
        still = seen["problem_id"].to_list() + list(verdict.waived)
        gone = mine.filter(~pl.col("problem_id").is_in(still) & pl.col("key").is_in(verdict.keys.implode()))
        no_longer = gone.height if result.outcome != "not_evaluated" else 0
    examples = fresh.head(EXAMPLES) if newly else fresh.clear()
    return RuleTried(
        rule.id, rule.title, rule.version, result.outcome, None if result.outcome == "not_evaluated" else result.evaluated, result.failed,
        result.reason, *_recorded(recorded), newly, no_longer,
        tuple(_example(row, resource, district) for row in examples.iter_rows(named=True)),
    )  # fmt: skip


def _gone(recorded: Mapping[str, Any], known: pl.DataFrame | None, verdict: Judgement) -> RuleTried:
    """A rule that has a result on record and is no more."""
    failed = int(recorded["failed"] or 0)
    mine = known.filter((pl.col("rule") == recorded["rule"]) & pl.col("key").is_in(verdict.keys.implode())) if known is not None else None
    return RuleTried(
        recorded["rule"], recorded["rule_title"], None, "removed", None, 0, "规则已删除", *_recorded(recorded), 0,
        failed if mine is None else mine.height,
    )  # fmt: skip


def _recorded(row: Mapping[str, Any] | None) -> tuple[str | None, int | None, int | None, int | None]:
    return (row["outcome"], row["rule_version"], row["evaluated"], row["failed"]) if row is not None else (None, None, None, None)


def _example(row: Mapping[str, Any], resource: Resource, district: District) -> dict[str, Any]:
    record = {**dict.fromkeys(REGISTER), **{name: row[name] for name in SIGHTING}, "resource": resource.id, "agency": resource.agency}
    told = shown(record, resource, district.catalog)
    return {name: told[name] for name in ("key", "item_title", "value", "reason", "file", "sheet", "row", "place")}

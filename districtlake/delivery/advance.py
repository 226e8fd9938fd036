"""The pure step: tables as they stand + one delivery → tables as they will stand, and everything to be told about it.

No file, clock or database is touched here, so the step can be replayed: withdrawing a delivery is the same fold without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from districtlake.catalog.models import Catalog, Resource
from districtlake.clock import local_date
from districtlake.delivery.conservation import FATES, check_conservation
from districtlake.delivery.delivered_rows import DeliveredRows, RowsInMemory
from districtlake.delivery.judge import Arrival, Judgement, lacking_columns
from districtlake.quality import delivery_rules, problems
from districtlake.quality.derive import rules_of
from districtlake.quality.fingerprints import fingerprint_of
from districtlake.quality.results import results_frame
from districtlake.quality.validation import ReferenceLookup, RuleResult, Validator
from districtlake.warehouse import changes as change_sets
from districtlake.warehouse.tables import item_types, key_columns, schema_of


@dataclass(frozen=True)
class Tables:
    """The three tables of present state (schemas: ``warehouse.tables.schema_of``). ``current``: a frame, or what an engine has in its place."""

    current: Any
    quarantine: pl.DataFrame
    register: pl.DataFrame

    @classmethod
    def empty(cls, resource: Resource, catalog: Catalog) -> Tables:
        return cls(*(pl.DataFrame(schema=schema_of(layer, resource, catalog)) for layer in ("warehouse", "quarantine", "problems")))


@dataclass(frozen=True)
class Step:
    """What the delivery makes of the tables. ``held`` steps leave ``current`` and ``quarantine`` as they were."""

    held: bool
    why: str
    tables: Tables
    changes: change_sets.ChangeSet | None
    rows: dict[str, Any]  # layer -> rows to append: raw, cleansed, changes, results, history; as the engine's Commits take them
    results: tuple[RuleResult, ...]
    counts: dict[str, int] = field(default_factory=dict)
    complete: bool = False  # afterwards every row that stands was judged in this step


def advance(
    tables: Tables, arrival: Arrival, resource: Resource, catalog: Catalog, validator: Validator, references: ReferenceLookup, at: datetime,
    rows: DeliveredRows | None = None,
) -> Step:  # fmt: skip
    """Process one delivery.

    Args:
        at: the moment of processing (for results and the problem register).
        rows: the delivery's rows beside ``tables.current``; by default ``arrival.raw`` beside a frame.
    """
    rules, day = rules_of(resource, catalog), local_date(at)
    prints = {rule.id: fingerprint_of(rule, resource, catalog) for rule in rules}
    known = frozenset(rule.id for rule in rules) | frozenset(rule.id for rule in delivery_rules.of(resource))
    if arrival.raw is None:
        verdicts = [delivery_rules.failed(delivery_rules.READABLE, arrival.unreadable)]
        return _held(tables, arrival, resource, verdicts, _unjudged(rules, arrival.unreadable), {}, known, prints, at, height=0)

    rows = rows or RowsInMemory(tables.current, arrival, resource, catalog)
    layers, height = rows.layers, rows.height
    verdicts = [delivery_rules.passed(delivery_rules.READABLE)]
    lacking = lacking_columns(arrival, rows.operations, resource, rules, day)
    verdicts.append(
        delivery_rules.failed(delivery_rules.COLUMNS, f"文件缺少数据项：{'、'.join(lacking)}。") if lacking
        else delivery_rules.passed(delivery_rules.COLUMNS)
    )  # fmt: skip
    if lacking:  # nobody may overrule this: without its required items no row can be judged
        return _held(tables, arrival, resource, verdicts, _unjudged(rules, "交付被暂停"), layers, known, prints, at, height=height)
    verdicts.append(
        delivery_rules.failed(delivery_rules.ORDER, f"该交付的数据日期早于已入仓的交付 {arrival.older_than}。") if arrival.older_than
        else delivery_rules.passed(delivery_rules.ORDER)
    )  # fmt: skip

    if arrival.manifest is not None:
        verdicts.append(
            delivery_rules.failed(delivery_rules.MANIFEST, f"与对账清单不符：{arrival.manifest}。") if arrival.manifest
            else delivery_rules.passed(delivery_rules.MANIFEST)
        )  # fmt: skip

    verdict = rows.judge(rules, validator, references, day)
    applied, gone = verdict.applied, verdict.applied.gone if verdict.applied is not None else pl.Series([], dtype=pl.String)
    quarantined = verdict.quarantined
    unreadable_keys = int((~verdict.readable).sum()) if resource.key else 0
    whole = arrival.mode == "snapshot"
    complete = whole and unreadable_keys == 0
    before = tables.quarantine.clear() if complete else tables.quarantine
    carried = rows.carried_keys(pl.concat([before["key"], tables.register["key"]]).unique())
    kept = before.filter(~pl.col("key").is_in(pl.concat([carried, gone]).unique().implode()))
    quarantine = pl.concat([kept, quarantine_rows(verdict, quarantined, arrival.id, resource, catalog)])
    changes = rows.change_set(verdict, keys_in(quarantine, resource, catalog), delete_absent=complete)
    verdicts.append(_shrink(resource, rows.standing, changes, whole, unreadable_keys))
    verdicts = [
        replace(v, outcome="passed", reason=f"放行：{v.reason}") if v.rule.id in arrival.waived and v.failed else v for v in verdicts
    ]
    sightings = verdict.sightings.drop("_index")
    if applied is not None:
        looked_at, wrong, told = rows.contradictions(applied, changes)
        said = RuleResult(delivery_rules.OPERATIONS, "failed" if wrong else "passed", evaluated=looked_at, failed=wrong, reason=told)
        verdicts.append(said)
        if wrong:
            seen = problems.sighting_of_delivery(resource, said.rule, arrival.file, told)
            sightings = pl.concat([sightings, seen.select(sightings.columns)])
    stopping = [v for v in verdicts if v.outcome == "failed" and v.rule.on_failure == "hold"] + list(verdict.holding)
    row_results = verdict.results
    if stopping:
        return _held(tables, arrival, resource, [*verdicts], row_results, layers, known, prints, at, height=height, holding=verdict.holding)

    as_a_whole = [r for r in row_results if delivery_rules.opens_a_problem(r.rule) and arrival.mode != "correction"]
    sightings = pl.concat([
        sightings,
        *(problems.sighting_of_delivery(resource, r.rule, arrival.file, r.reason or r.rule.title) for r in as_a_whole if r.outcome == "failed"),
    ])  # fmt: skip
    # a correction holds only the corrected rows: what they are as a whole says nothing of the resource, neither for nor against
    passed_over = {r.rule.id for r in row_results if delivery_rules.opens_a_problem(r.rule)} - {r.rule.id for r in as_a_whole}
    register = problems.update(
        tables.register,
        sightings,
        problems.Judged(
            rules=frozenset(r.rule.id for r in (*verdicts, *row_results) if r.outcome != "not_evaluated") - passed_over,
            known_rules=known, keys=carried, whole=complete, waived=verdict.waived, gone=gone,
        ),
        resource=resource, delivery=arrival.id, at=at,
    )  # fmt: skip
    counts = {
        "delivered": height, "inserted": changes.inserted, "changed": changes.changed, "unchanged": changes.unchanged,
        "duplicates": verdict.duplicates, "quarantined": int(quarantined.sum()), "held": 0,
        "deletions": applied.deletions if applied else 0, "superseded": applied.superseded if applied else 0, "deleted": changes.deleted,
        "deletions_deferred": changes.absent if whole and unreadable_keys else 0, "cells_altered": rows.cells_altered,
        "problems_seen": sightings.height,
    }  # fmt: skip
    check_conservation(arrival.id, counts)
    history = changes.ended.select(list(schema_of("history", resource, catalog)))
    results = (*verdicts, *row_results)
    return Step(
        held=False, why="",
        tables=Tables(rows.after(changes), quarantine, register),
        changes=changes,
        rows={**layers, "results": results_frame(results, arrival.id, at, prints), "history": history},
        results=results, counts=counts, complete=complete,
    )  # fmt: skip


def _unjudged(rules: Sequence[Any], reason: str) -> tuple[RuleResult, ...]:
    return tuple(RuleResult(rule, "not_evaluated", reason=reason) for rule in rules)


def _held(
    tables: Tables, arrival: Arrival, resource: Resource, verdicts: list[RuleResult], row_results: Sequence[RuleResult],
    layers: dict[str, Any], known: frozenset[str], prints: dict[str, str], at: datetime, *, height: int, holding: tuple[RuleResult, ...] = (),
) -> Step:  # fmt: skip
    """The delivery stops: the warehouse stays as it was; only what stopped it becomes a problem."""
    stopping = [v for v in verdicts if v.outcome == "failed" and v.rule.on_failure == "hold"] + list(holding)
    seen = pl.concat([problems.sighting_of_delivery(resource, v.rule, arrival.file, v.reason or v.rule.title) for v in stopping])
    judged = problems.Judged(
        rules=frozenset(v.rule.id for v in verdicts if v.outcome == "passed"),
        known_rules=known, keys=pl.Series([], dtype=pl.String), whole=False, rows_judged=False,
    )  # fmt: skip
    register = problems.update(tables.register, seen, judged, resource=resource, delivery=arrival.id, at=at)
    results = (*verdicts, *row_results)
    counts = dict.fromkeys((*FATES, "deleted", "deletions_deferred", "cells_altered"), 0)
    counts |= {"delivered": height, "held": height, "problems_seen": seen.height}
    return Step(
        held=True, why="；".join(dict.fromkeys(v.reason or v.rule.title for v in stopping)),
        tables=Tables(tables.current, tables.quarantine, register), changes=None,
        rows={**layers, "results": results_frame(results, arrival.id, at, prints)}, results=results, counts=counts,
    )  # fmt: skip


def quarantine_rows(verdict: Judgement, which: pl.Series, delivery: str, resource: Resource, catalog: Catalog) -> pl.DataFrame:
    """The rows of ``which`` (Boolean per row judged) as the quarantine holds them: each once, with every rule it broke."""
    schema = schema_of("quarantine", resource, catalog)
    index = which.arg_true()
    if len(index) == 0:
        return pl.DataFrame(schema=schema)
    index = index.cast(pl.UInt32)
    broken = verdict.validation.failures.filter(pl.col("_index").is_in(index.implode()))
    reasons = verdict.sightings.select("rule", "file", "sheet", "row", "reason")
    place = verdict.frame.select("_file", "_sheet", "_row")[index].with_columns(index.alias("_index"))
    told = (
        broken.join(place, on="_index", how="left")
        .join(reasons, left_on=["rule", "_file", "_sheet", "_row"], right_on=["rule", "file", "sheet", "row"], how="left", nulls_equal=True)
        .group_by("_index", maintain_order=True)
        .agg(pl.col("rule").alias("rules"), pl.col("reason").alias("reasons"))
    )
    text_items = []
    for name in resource.item_names:
        text_items.append(pl.coalesce(pl.col(name).cast(pl.String), pl.col(f"{name}__raw")).alias(name))
    rows = (
        verdict.frame[index]
        .with_columns([verdict.raw[name].gather(index).alias(f"{name}__raw") for name in resource.item_names])
        .with_columns(verdict.keys.gather(index).alias("key"), index.alias("_index"))
        .with_columns(text_items)
        .join(told, on="_index", how="left", maintain_order="left")
        .with_columns(_delivery=pl.lit(delivery))
    )
    return rows.select(list(schema)).cast(schema)


def keys_in(quarantine: pl.DataFrame, resource: Resource, catalog: Catalog) -> pl.DataFrame:
    """The key columns of the rows in quarantine, typed as the warehouse has them; parts that cannot be read are null."""
    types = item_types(resource, catalog)
    return quarantine.select(
        [pl.col(name).cast(types[name], strict=False) if name in types else pl.col("key").alias(name) for name in key_columns(resource)]
    )  # fmt: skip


def _shrink(resource: Resource, before: int, changes: change_sets.ChangeSet, whole: bool, unreadable_keys: int) -> RuleResult:
    """The drop guard: a snapshot may not lose more than ``max_shrink`` of the keys."""
    limit = resource.source.max_shrink
    if not whole or limit is None or before == 0 or unreadable_keys:
        return delivery_rules.passed(delivery_rules.SHRINK)
    share = changes.absent / before
    if share <= limit:
        return delivery_rules.passed(delivery_rules.SHRINK)
    return delivery_rules.failed(
        delivery_rules.SHRINK, f"现有 {before} 条中有 {changes.absent} 条（{share:.1%}）在本次全量中消失，超过上限 {limit:.0%}。"
    )

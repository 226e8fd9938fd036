"""The pure step: tables as they stand + one delivery → tables as they will stand, and everything to be told about it.

No file, clock or database is touched here, so the step can be replayed: withdrawing a delivery is the same fold without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from districtlake.catalog.models import Catalog, Resource
from districtlake.cleansing import cleanse
from districtlake.quality import delivery_rules, problems
from districtlake.quality.derive import rules_of
from districtlake.quality.fates import decide
from districtlake.quality.results import results_frame
from districtlake.quality.rules import STATUS_SUFFIX
from districtlake.quality.validation import ReferenceLookup, RuleResult, Validation, Validator
from districtlake.tickets.waivers import NOTHING, Waived
from districtlake.warehouse import changes as change_sets
from districtlake.warehouse.tables import FINGERPRINT, fingerprints, item_types, key_columns, schema_of, stored_items, text_key


@dataclass(frozen=True)
class Tables:
    """The three tables of present state (schemas: ``warehouse.tables.schema_of``)."""

    current: pl.DataFrame
    quarantine: pl.DataFrame
    register: pl.DataFrame

    @classmethod
    def empty(cls, resource: Resource, catalog: Catalog) -> Tables:
        return cls(*(pl.DataFrame(schema=schema_of(layer, resource, catalog)) for layer in ("warehouse", "quarantine", "problems")))


@dataclass(frozen=True)
class Arrival:
    """One delivery as the step needs it.

    Attributes:
        mode: "snapshot" | "incremental" | "append" | "correction".
        at: the moment its content is valid from.
        raw: the raw frame, or None when the file cannot be read (``unreadable`` says why).
        missing: items for which the file has no column.
        older_than: name of a later-dated delivery already processed, if this one is behind it.
        waived: rules about the delivery that an operator has overruled.
        confirmed: findings that their provider has confirmed to be correct.
    """

    id: str
    file: str
    mode: str
    at: datetime
    today: date
    raw: pl.DataFrame | None
    missing: tuple[str, ...] = ()
    unreadable: str = ""
    older_than: str = ""
    waived: frozenset[str] = frozenset()
    confirmed: Waived = NOTHING


@dataclass(frozen=True)
class Step:
    """What the delivery makes of the tables. ``held`` steps leave ``current`` and ``quarantine`` as they were."""

    held: bool
    why: str
    tables: Tables
    changes: change_sets.ChangeSet | None
    rows: dict[str, pl.DataFrame]  # layer -> rows to append: raw, cleansed, changes, results, history
    results: tuple[RuleResult, ...]
    counts: dict[str, int] = field(default_factory=dict)


def advance(
    tables: Tables, arrival: Arrival, resource: Resource, catalog: Catalog, validator: Validator, references: ReferenceLookup, at: datetime
) -> Step:
    """Process one delivery in memory. ``at`` is the moment of processing (for results and the problem register)."""
    rules = rules_of(resource, catalog)
    known = frozenset(rule.id for rule in rules) | frozenset(rule.id for rule in delivery_rules.ALL)
    if arrival.raw is None:
        verdicts = [delivery_rules.failed(delivery_rules.READABLE, arrival.unreadable)]
        return _held(tables, arrival, resource, verdicts, _unjudged(rules, arrival.unreadable), {}, known, at, height=0)

    raw = arrival.raw
    cleansed = cleanse(raw, resource, catalog, arrival.today)
    layers = {
        "raw": _stamped(raw, arrival, schema_of("raw", resource, catalog)),
        "cleansed": _stamped(cleansed.frame, arrival, schema_of("cleansed", resource, catalog)),
        "changes": _stamped(cleansed.changes, arrival, schema_of("changes", resource, catalog)),
    }
    verdicts = [delivery_rules.passed(delivery_rules.READABLE)]
    lacking = [resource.item(name).title for name in arrival.missing if resource.item(name).required or name in resource.key]
    verdicts.append(
        delivery_rules.failed(delivery_rules.COLUMNS, f"文件缺少数据项：{'、'.join(lacking)}。") if lacking
        else delivery_rules.passed(delivery_rules.COLUMNS)
    )  # fmt: skip
    if lacking:  # nobody may overrule this: without its required items no row can be judged
        return _held(tables, arrival, resource, verdicts, _unjudged(rules, "交付被暂停"), layers, known, at, height=raw.height)
    verdicts.append(
        delivery_rules.failed(delivery_rules.ORDER, f"该交付的数据日期早于已入仓的交付 {arrival.older_than}。") if arrival.older_than
        else delivery_rules.passed(delivery_rules.ORDER)
    )  # fmt: skip

    frame, key = cleansed.frame, list(key_columns(resource))
    if not resource.key:
        frame = frame.with_columns(fingerprints(_content(frame, raw, resource), stored_items(resource)))
    duplicate = _exact_duplicates(frame, raw, resource)
    judged, judged_raw = frame.filter(~duplicate), raw.filter(~duplicate)

    applicable = [rule for rule in rules if not (set(rule.items) & set(arrival.missing))]
    skipped = _unjudged([rule for rule in rules if set(rule.items) & set(arrival.missing)], "文件没有该数据项的列")
    validation = validator(resource.id, judged, applicable, references)
    text_keys, readable = _text_keys(judged, judged_raw, resource, key)
    sightings = problems.sightings_of_rows(
        resource, applicable, validation.failures, judged, judged_raw, text_keys, status_reasons(resource, catalog)
    )
    confirmed = _confirmed(sightings, judged, text_keys, arrival)
    waived = frozenset(sightings.filter(confirmed)["problem_id"])
    if waived:
        settled = sightings.filter(confirmed).select("_index", "rule").cast(validation.failures.schema)
        validation = replace(validation, failures=validation.failures.join(settled, on=["_index", "rule"], how="anti"))
        sightings = sightings.filter(~confirmed)
    fates = decide(judged.height, applicable, validation, arrival.waived)

    accepted = judged.filter(~fates.quarantined & readable)
    quarantined = fates.quarantined | ~readable
    unreadable_keys = int((~_key_readable(judged, resource)).sum()) if resource.key else 0
    whole = arrival.mode == "snapshot"
    before = tables.quarantine.clear() if whole and unreadable_keys == 0 else tables.quarantine
    quarantine = _quarantine(before, judged, judged_raw, quarantined, sightings, validation, text_keys, arrival, resource, catalog)
    types = item_types(resource, catalog)
    stale = quarantine.select(
        [pl.col(name).cast(types[name], strict=False) if name in types else pl.col("key").alias(name) for name in key]
    )  # fmt: skip
    changes = change_sets.change_set(
        tables.current,
        accepted.select([*dict.fromkeys([*key, *stored_items(resource)]), "_file", "_sheet", "_row"]),
        stale,
        key=key,
        items=stored_items(resource),
        delivery=arrival.id,
        at=arrival.at,
        delete_absent=whole and unreadable_keys == 0,
        keep_items=[name for name in arrival.missing if name in stored_items(resource)],
    )
    verdicts.append(_shrink(resource, tables.current.height, changes, whole, unreadable_keys))
    verdicts = [
        replace(v, outcome="passed", reason=f"放行：{v.reason}") if v.rule.id in arrival.waived and v.failed else v for v in verdicts
    ]
    stopping = [v for v in verdicts if v.outcome == "failed"] + list(fates.holding)
    row_results = (*validation.results, *skipped)
    if stopping:
        return _held(tables, arrival, resource, [*verdicts], row_results, layers, known, at, height=raw.height, holding=fates.holding)

    register = problems.update(
        tables.register,
        sightings,
        problems.Judged(
            rules=frozenset(r.rule.id for r in (*verdicts, *row_results) if r.outcome != "not_evaluated"),
            known_rules=known, keys=text_keys, whole=whole and unreadable_keys == 0, waived=waived,
        ),
        resource=resource, delivery=arrival.id, at=at,
    )  # fmt: skip
    counts = {
        "delivered": raw.height, "inserted": changes.inserted, "changed": changes.changed, "unchanged": changes.unchanged,
        "duplicates": int(duplicate.sum()), "quarantined": int(quarantined.sum()), "held": 0, "deleted": changes.deleted,
        "deletions_deferred": changes.absent if whole and unreadable_keys else 0, "cells_altered": cleansed.changes.height,
        "problems_seen": sightings.height,
    }  # fmt: skip
    check_conservation(arrival.id, counts)
    history = changes.ended.select(list(schema_of("history", resource, catalog)))
    results = (*verdicts, *row_results)
    return Step(
        held=False, why="",
        tables=Tables(change_sets.apply(tables.current, changes, key), quarantine, register),
        changes=changes,
        rows={**layers, "results": results_frame(results, arrival.id, at), "history": history},
        results=results, counts=counts,
    )  # fmt: skip


def check_conservation(delivery: str, counts: dict[str, int]) -> None:
    """Rows delivered = inserted + changed + unchanged + exact duplicates + quarantined + held. A breach is our own fault: stop."""
    parts = sum(counts[name] for name in ("inserted", "changed", "unchanged", "duplicates", "quarantined", "held"))
    if parts != counts["delivered"]:
        raise AssertionError(f"delivery {delivery}: {counts['delivered']} rows delivered, {parts} accounted for: {counts}")


def status_reasons(resource: Resource, catalog: Catalog) -> dict[str, dict[str, str]]:
    """Item -> status code -> the sentence the agency reads."""
    from districtlake.standards.kinds import KINDS

    return {
        item.name: {code: status.reason for code, status in KINDS[catalog.element_of(item).kind].codes.items()} for item in resource.items
    }


def _confirmed(sightings: pl.DataFrame, judged: pl.DataFrame, keys: pl.Series, arrival: Arrival) -> pl.Series:
    """True for each sighting that a waiver covers and whose row the warehouse can hold: one row a key, and every value typed."""
    covered = arrival.confirmed.covers(sightings)
    if not covered.any():
        return covered
    twice = keys.is_duplicated()
    lost = pl.Series("lost", [False], dtype=pl.Boolean).new_from_index(0, judged.height)
    for status in [name for name in judged.columns if name.endswith(STATUS_SUFFIX)]:
        item = judged[status.removesuffix(STATUS_SUFFIX)]
        lost = lost | (item.is_null() & judged[status].is_not_null() & (judged[status].cast(pl.String) != "ok"))
    index = sightings["_index"]
    return covered & ~(twice | lost).gather(index)


def _unjudged(rules: Sequence[Any], reason: str) -> tuple[RuleResult, ...]:
    return tuple(RuleResult(rule, "not_evaluated", reason=reason) for rule in rules)


def _held(
    tables: Tables, arrival: Arrival, resource: Resource, verdicts: list[RuleResult], row_results: Sequence[RuleResult],
    layers: dict[str, pl.DataFrame], known: frozenset[str], at: datetime, *, height: int, holding: tuple[RuleResult, ...] = (),
) -> Step:  # fmt: skip
    """The delivery stops: the warehouse stays as it was; only what stopped it becomes a problem."""
    stopping = [v for v in verdicts if v.outcome == "failed"] + list(holding)
    seen = pl.concat([problems.sighting_of_delivery(resource, v.rule, arrival.file, v.reason or v.rule.title) for v in stopping])
    judged = problems.Judged(
        rules=frozenset(v.rule.id for v in verdicts if v.outcome == "passed"),
        known_rules=known, keys=pl.Series([], dtype=pl.String), whole=False, rows_judged=False,
    )  # fmt: skip
    register = problems.update(tables.register, seen, judged, resource=resource, delivery=arrival.id, at=at)
    results = (*verdicts, *row_results)
    counts = dict.fromkeys(
        ("inserted", "changed", "unchanged", "duplicates", "quarantined", "deleted", "deletions_deferred", "cells_altered"), 0
    )
    counts |= {"delivered": height, "held": height, "problems_seen": seen.height}
    return Step(
        held=True, why="；".join(dict.fromkeys(v.reason or v.rule.title for v in stopping)),
        tables=Tables(tables.current, tables.quarantine, register), changes=None,
        rows={**layers, "results": results_frame(results, arrival.id, at)}, results=results, counts=counts,
    )  # fmt: skip


def _stamped(frame: pl.DataFrame, arrival: Arrival, schema: pl.Schema) -> pl.DataFrame:
    return frame.with_columns(_delivery=pl.lit(arrival.id)).select(list(schema)).cast(schema)


def _content(cleansed: pl.DataFrame, raw: pl.DataFrame, resource: Resource) -> pl.DataFrame:
    """Each item's content for identity: the canonical value, or the text as delivered where the cell does not conform."""
    names = stored_items(resource)
    columns = []
    for name in names:
        value = pl.col(name).cast(pl.String)
        status = f"{name}{STATUS_SUFFIX}"
        if status in cleansed.columns:
            sound = pl.col(status).is_null() | (pl.col(status).cast(pl.String) == "ok")
            value = pl.when(sound).then(value).otherwise(pl.col(f"{name}__raw"))
        columns.append(value.alias(name))
    # without a key the stored items are the identity: what else a row holds makes it no other row
    beside = ["_extra"] if resource.key else []
    return cleansed.with_columns([raw[name].alias(f"{name}__raw") for name in names]).select([*columns, *beside])


def _later_copies(content: pl.DataFrame) -> pl.Series:
    return ~content.select(pl.struct(pl.all()).is_first_distinct().alias("duplicate"))["duplicate"]


def _exact_duplicates(frame: pl.DataFrame, raw: pl.DataFrame, resource: Resource) -> pl.Series:
    """True for every later copy of a row whose stored items are all the same. Content is compared only where keys repeat."""
    result = pl.Series("duplicate", [False], dtype=pl.Boolean).new_from_index(0, frame.height)
    if frame.height < 2:
        return result
    keys = key_columns(resource)
    where = (frame[keys[0]] if len(keys) == 1 else frame.select(keys)).is_duplicated().arg_true()
    if len(where) == 0:
        return result
    return result.scatter(where.filter(_later_copies(_content(frame[where], raw[where], resource))), True)


def _key_readable(frame: pl.DataFrame, resource: Resource) -> pl.Series:
    """True where every key item has a value that conforms."""
    readable = pl.all_horizontal(
        [pl.col(name).is_not_null() for name in resource.key]
        + [
            # a warning (a 15-digit number, an unknown region) does not make a key unreadable; a null in its place does
            pl.col(f"{name}{STATUS_SUFFIX}").is_not_null()
            for name in resource.key
            if f"{name}{STATUS_SUFFIX}" in frame.columns
        ]
    )
    return frame.select(readable.alias("readable"))["readable"]


def _text_keys(frame: pl.DataFrame, raw: pl.DataFrame, resource: Resource, key: list[str]) -> tuple[pl.Series, pl.Series]:
    """Text key of each row (``row:`` fingerprint where the key cannot be read), and whether it can be read."""
    if not resource.key:
        return frame[FINGERPRINT].alias("key"), pl.Series("readable", [True] * frame.height, dtype=pl.Boolean)
    readable = _key_readable(frame, resource)
    keys = text_key(frame, tuple(key))
    blind = (~readable).arg_true()
    if len(blind):
        rows = raw.select(resource.item_names)[blind]
        digest = [
            problems.ROW_KEY_PREFIX + hashlib.blake2b("\x1f".join(cell or "\x00" for cell in row).encode(), digest_size=16).hexdigest()
            for row in rows.iter_rows()
        ]
        keys = keys.scatter(blind, digest)
    return keys, readable


def _quarantine(
    before: pl.DataFrame, judged: pl.DataFrame, raw: pl.DataFrame, quarantined: pl.Series, sightings: pl.DataFrame,
    validation: Validation, keys: pl.Series, arrival: Arrival, resource: Resource, catalog: Catalog,
) -> pl.DataFrame:  # fmt: skip
    """The quarantine after the delivery: each failing row once, with every rule it broke. A row leaves when its key passes or is gone."""
    schema = schema_of("quarantine", resource, catalog)
    kept = before.filter(~pl.col("key").is_in(keys.unique().implode()))
    index = quarantined.arg_true()
    if len(index) == 0:
        return kept
    index = index.cast(pl.UInt32)
    broken = validation.failures.filter(pl.col("_index").is_in(index.implode()))
    reasons = sightings.select("rule", "file", "sheet", "row", "reason")
    place = judged.select("_file", "_sheet", "_row")[index].with_columns(index.alias("_index"))
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
        judged[index]
        .with_columns([raw[name].gather(index).alias(f"{name}__raw") for name in resource.item_names])
        .with_columns(keys.gather(index).alias("key"), index.alias("_index"))
        .with_columns(text_items)
        .join(told, on="_index", how="left", maintain_order="left")
        .with_columns(_delivery=pl.lit(arrival.id))
    )
    return pl.concat([kept, rows.select(list(schema)).cast(schema)])


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

"""The problem register: which rule fails for which key, since when, and when it stopped.

A problem is (resource, rule, key or row fingerprint, item). It stays open across deliveries until a later one passes; a delivery
that still carries it adds a sighting, no new problem. The register is a table of its own, so tickets can always be re-derived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.quality.rules import STATUS_SUFFIX, Rule

ROW_KEY_PREFIX = "row:"
"""Marks the fingerprint that stands in for a key that cannot be read."""

SIGHTING: dict[str, Any] = {
    "problem_id": pl.String, "rule": pl.String, "rule_title": pl.String, "item": pl.String, "key": pl.String, "dimension": pl.String,
    "severity": pl.String, "on_failure": pl.String, "file": pl.String, "sheet": pl.String, "row": pl.Int64, "value": pl.String,
    "reason": pl.String,
}  # fmt: skip


INSTANT = pl.Datetime("us", "UTC")
REGISTER: dict[str, Any] = {
    "problem_id": pl.String, "resource": pl.String, "agency": pl.String, "rule": pl.String, "rule_title": pl.String,
    "item": pl.String, "key": pl.String, "first_delivery": pl.String, "first_seen_at": INSTANT,
    "last_delivery": pl.String, "last_seen_at": INSTANT, "sightings": pl.Int64, "state": pl.String,
    "closed_delivery": pl.String, "closed_at": INSTANT, "closing": pl.String, "dimension": pl.String,
    "severity": pl.String, "on_failure": pl.String, "file": pl.String, "sheet": pl.String, "row": pl.Int64,
    "value": pl.String, "reason": pl.String, "revalidation": pl.String,
}  # fmt: skip
"""``revalidation``: the operation that found the problem when a changed rule was asked of rows that were there; null: its delivery did."""


def problem_id(resource: str, rule: str, key: str, item: str) -> str:
    """Stable identity of a problem, 128 bits in hexadecimal."""
    return hashlib.blake2b("\x1f".join((resource, rule, key, item)).encode(), digest_size=16).hexdigest()


def sightings_of_rows(
    resource: Resource,
    rules: Sequence[Rule],
    failures: pl.DataFrame,
    cleansed: pl.DataFrame,
    raw: pl.DataFrame,
    keys: pl.Series,
    reasons: dict[str, dict[str, str]],
) -> pl.DataFrame:
    """One line per failing row and rule, with place, value as delivered, and a reason in plain Chinese; ``_index`` is the row judged.

    Args:
        failures: ``_index`` (row of ``cleansed``), ``rule``.
        raw: the delivered text, row for row beside ``cleansed``.
        keys: the text key of each row.
        reasons: item -> status code -> sentence, for conformity rules.
    """
    parts: list[pl.DataFrame] = []
    for (rule_id,), group in failures.group_by("rule", maintain_order=True):
        rule = next(candidate for candidate in rules if candidate.id == rule_id)
        index = group["_index"]
        items = [item for item in rule.items if item in raw.columns]
        place = cleansed.select("_file", "_sheet", "_row")[index].with_columns(index.cast(pl.UInt32).alias("_index"))
        delivered = raw.select(items)[index] if items else None  # a frame without columns has no rows to pick
        part = place.rename({"_file": "file", "_sheet": "sheet", "_row": "row"}).with_columns(
            pl.Series("key", keys[index]),
            value=delivered.select(pl.concat_str([pl.col(item).fill_null("（空）") for item in items], separator=" / ")).to_series()
            if delivered is not None
            else pl.lit(None, dtype=pl.String),
            rule=pl.lit(rule.id),
            rule_title=pl.lit(rule.title),
            item=pl.lit("+".join(rule.items)),
            dimension=pl.lit(rule.dimension),
            severity=pl.lit(rule.severity),
            on_failure=pl.lit(rule.on_failure),
            reason=_reason(rule, cleansed, index, reasons),
        )
        parts.append(part)
    if not parts:
        return pl.DataFrame(schema={**SIGHTING, "_index": pl.UInt32})
    found = pl.concat(parts)
    identity = [problem_id(resource.id, rule, key, item) for rule, key, item in found.select("rule", "key", "item").iter_rows()]
    schema = pl.Schema({**SIGHTING, "_index": pl.UInt32})
    return found.with_columns(pl.Series("problem_id", identity, dtype=pl.String)).select(list(schema)).cast(schema)


def _reason(rule: Rule, cleansed: pl.DataFrame, index: pl.Series, reasons: dict[str, dict[str, str]]) -> pl.Series:
    status = f"{rule.items[0]}{STATUS_SUFFIX}" if len(rule.items) == 1 else ""
    if rule.arguments.get("column") == status and status in cleansed.columns and rule.items[0] in reasons:
        sentences = reasons[rule.items[0]]
        codes = cleansed[status][index].cast(pl.String)
        return codes.replace_strict(list(sentences), list(sentences.values()), default=rule.title).fill_null(rule.title).alias("reason")
    return pl.Series("reason", [rule.title] * len(index), dtype=pl.String)


def sighting_of_delivery(resource: Resource, rule: Rule, file: str, reason: str) -> pl.DataFrame:
    """The sighting of a rule about the delivery as a whole; its key and item are empty."""
    return pl.DataFrame(
        {
            "problem_id": [problem_id(resource.id, rule.id, "", "+".join(rule.items))], "rule": [rule.id], "rule_title": [rule.title],
            "item": ["+".join(rule.items)], "key": [""], "dimension": [rule.dimension], "severity": [rule.severity],
            "on_failure": [rule.on_failure], "file": [file], "sheet": [None], "row": [None], "value": [None], "reason": [reason],
        },
        schema=SIGHTING,
    )  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """What a delivery allows to conclude about problems it does not show any more.

    Attributes:
        rules: ids of the rules that were decided (not "not evaluated"), delivery rules included.
        known_rules: ids of all rules the resource now has; problems of others are closed as "rule_removed".
        keys: text keys delivered and judged.
        whole: True when the delivery was the complete resource, so that an absent key is gone ("absent").
        rows_judged: False for a delivery that was held: only rules about the delivery were decided.
        gone: text keys that the delivery deletes by an operation; their problems end as "absent".
        waived: problems that the delivery shows but their provider confirmed to be correct; they are closed as "waived".
        delivery_judged: False when rows that were there are judged again: what a delivery as a whole was held for stays open.
    """

    rules: frozenset[str]
    known_rules: frozenset[str]
    keys: pl.Series
    whole: bool
    rows_judged: bool = True
    waived: frozenset[str] = frozenset()
    delivery_judged: bool = True
    gone: pl.Series | None = None


def update(
    register: pl.DataFrame, sightings: pl.DataFrame, judged: Judged, *, resource: Resource, delivery: str, at: datetime,
    revalidation: str | None = None,
) -> pl.DataFrame:  # fmt: skip
    """The register after a delivery: new problems opened, carried ones sighted again, passed ones closed.

    Args:
        revalidation: the operation that asks rows of ``delivery`` again. Nothing was delivered then: a carried problem keeps its place and
            its sightings and takes over only what the rule now says; a new one remembers the operation.
        register: schema ``REGISTER``.
        sightings: schema ``SIGHTING``; several rows under one identity count as one problem (the first place is kept).
    """
    seen = sightings.unique("problem_id", keep="first", maintain_order=True)
    was_open = register.filter(pl.col("state") == "open")
    carried = was_open.join(seen.select("problem_id"), on="problem_id", how="semi")
    opened = seen.join(was_open.select("problem_id"), on="problem_id", how="anti")

    told = ["reason", "rule_title", "severity", "on_failure", "dimension"]
    if revalidation is None:
        told += ["file", "sheet", "row", "value"]
    carried = carried.drop(told).join(seen.select("problem_id", *told), on="problem_id", how="left")
    if revalidation is None:
        carried = carried.with_columns(
            last_delivery=pl.lit(delivery),
            last_seen_at=pl.lit(at),
            sightings=pl.when(pl.col("last_delivery") == delivery).then(pl.col("sightings")).otherwise(pl.col("sightings") + 1),
        )
    carried = carried.select(register.columns)
    opened = opened.with_columns(
        resource=pl.lit(resource.id), agency=pl.lit(resource.agency), first_delivery=pl.lit(delivery), first_seen_at=pl.lit(at),
        last_delivery=pl.lit(delivery), last_seen_at=pl.lit(at), sightings=pl.lit(1, dtype=pl.Int64), state=pl.lit("open"),
        closed_delivery=pl.lit(None, dtype=pl.String), closed_at=pl.lit(None, dtype=register.schema["closed_at"]),
        closing=pl.lit(None, dtype=pl.String), revalidation=pl.lit(revalidation, dtype=pl.String),
    ).select(register.columns)  # fmt: skip

    rest = was_open.join(seen.select("problem_id"), on="problem_id", how="anti")
    closing = rest.select(_closing(rest, judged)).to_series() if rest.height else pl.Series("closing", [], dtype=pl.String)
    rest = rest.with_columns(closing=closing).with_columns(
        state=pl.when(pl.col("closing").is_null()).then(pl.lit("open")).otherwise(pl.lit("closed")),
        closed_delivery=pl.when(pl.col("closing").is_null()).then(None).otherwise(pl.lit(delivery)),
        closed_at=pl.when(pl.col("closing").is_null()).then(None).otherwise(pl.lit(at)),
    )
    # A problem that comes back starts a new round under its old identity; the closed round leaves the register
    # (its ticket and events keep the story).
    closed_before = register.filter(pl.col("state") == "closed").join(opened.select("problem_id"), on="problem_id", how="anti")
    schema = pl.Schema(register.schema)
    return pl.concat([frame.select(register.columns).cast(schema) for frame in (closed_before, rest, carried, opened)]).sort("problem_id")


def _closing(rest: pl.DataFrame, judged: Judged) -> pl.Expr:
    decided = pl.col("rule").is_in(sorted(judged.rules))
    # the few open problems are hashed, not the many delivered keys
    found = judged.keys.filter(judged.keys.is_in(rest["key"].implode()))
    delivered = rest["key"].is_in(found.implode())
    about_delivery = pl.col("key") == ""
    if not judged.delivery_judged:
        decided = decided & ~about_delivery
    chain = (
        pl.when(~pl.col("rule").is_in(sorted(judged.known_rules)))
        .then(pl.lit("rule_removed"))
        .when(pl.col("problem_id").is_in(sorted(judged.waived)))
        .then(pl.lit("waived"))
        .when(about_delivery & decided)
        .then(pl.lit("passed"))
    )
    if judged.rows_judged:
        if judged.gone is not None and len(judged.gone):
            chain = chain.when(~about_delivery & pl.lit(rest["key"].is_in(judged.gone.implode()))).then(pl.lit("absent"))
        chain = chain.when(~about_delivery & decided & pl.lit(delivered)).then(pl.lit("passed"))
        if judged.whole:
            chain = chain.when(~about_delivery & decided).then(pl.lit("absent"))
    return chain.otherwise(pl.lit(None, dtype=pl.String)).alias("closing")

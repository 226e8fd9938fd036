"""Deliveries folded anew: what releasing, withdrawing, reprocessing and backfilling do to the tables.

The fold of ``advance`` is repeated over the deliveries from the state before the first of them; only the difference to what stands is committed, as one
operation (ADR 4), so that afterwards the tables are as if the deliveries had been processed that way from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.delivery import ledger
from districtlake.delivery.advance import Step, Tables, advance
from districtlake.delivery.baselines import baselines_before, is_measure
from districtlake.delivery.delivered_rows import told_embedded
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, Outcome, arrival_of, load_tables, unexpected, written_after_all
from districtlake.delivery.surroundings import surroundings_of
from districtlake.errors import DistrictLakeError, OperationRefused
from districtlake.quality import tolerance
from districtlake.store.tables import Delivery
from districtlake.warehouse.changes import difference
from districtlake.warehouse.commit import Commits, versions
from districtlake.warehouse.tables import key_columns, schema_of


def rebuild(
    district: District, resource: Resource, kind: str, deliveries: Sequence[Delivery], base: dict[str, int] | None,
    affected: Sequence[str], engine: Engine, *, past: ledger.Past, waived: dict[str, frozenset[str]], actor: str, reason: str, subject: str,
) -> list[Outcome]:  # fmt: skip
    """Fold ``deliveries`` anew over the tables at versions ``base`` (None: from empty) and commit the difference to what stands now.

    Args:
        affected: ids of all deliveries whose traces are replaced: those folded and those taken out.
        waived: delivery id -> rules about it that the operator overrules.
    """
    told_embedded(district, resource, kind, engine.hooks.tell)
    now_versions = versions(district.lake, resource.id)
    operation = ledger.begin(district, resource, kind, subject, now_versions, actor=actor, reason=reason)
    try:
        standing = load_tables(district, resource)
        tables = load_tables(district, resource, base) if base else Tables.empty(resource, district.catalog)
        nothing_stood = tables.current.height == 0 and tables.quarantine.height == 0
        rows: dict[str, list[pl.DataFrame]] = {layer: [] for layer in ("raw", "cleansed", "changes", "results", "history")}
        steps: list[tuple[Delivery, Step]] = []
        before = baselines_before(district, resource, without=affected)
        for delivery in deliveries:
            arrival = arrival_of(district, resource, delivery, past, waived.get(delivery.id, frozenset()), before)
            around = surroundings_of(district, resource, delivery, past)
            step = advance(tables, arrival, resource, district.catalog, engine.validator, around, operation.started_at)
            tables = step.tables
            steps.append((delivery, step))
            past = past if step.held else past.after(delivery, step.counts)
            before = before if step.held or not is_measure(delivery) else tolerance.after(before, step.results, delivery.id)
            for layer, frame in step.rows.items():
                rows[layer].append(frame)
        ended = {d.id: ledger.Ended.of(s) for d, s in steps}
        for delivery, step in steps:
            if kind == "release" and delivery.id == subject and step.held:
                raise OperationRefused(
                    f"Delivery {subject} stays held: {step.why}",
                    hint="This cannot be overruled. Ask the agency for a complete, readable file.",
                )
        if kind == "withdraw":
            ended[subject] = ledger.Ended("withdrawn", reason, {})
        ledger.prepare(district, operation.id, ended, covers=nothing_stood or any(step.complete for _, step in steps))
        register = _found_before(tables.register, standing.register, {delivery.id for delivery in deliveries})
        register = _with_withdrawn(register, standing.register, subject, operation.started_at)
        commits = Commits(district.lake, resource.id, now_versions, operation.id, engine.hooks.committed)
        for layer in ("raw", "cleansed", "changes"):
            # the raw rows of a withdrawn delivery stay: they were received
            replaced = [d.id for d in deliveries] if layer == "raw" else list(affected)
            commits.append(layer, _concat(rows[layer], schema_of(layer, resource, district.catalog)), replaced)
        commits.overwrite("quarantine", tables.quarantine)
        commits.append("results", _concat(rows["results"], schema_of("results", resource, district.catalog)), list(affected))
        commits.overwrite("problems", register)
        commits.append("history", _concat(rows["history"], schema_of("history", resource, district.catalog)), list(affected), "_ended_by")
        commits.merge(difference(standing.current, tables.current, key_columns(resource)), key_columns(resource))
    except Exception as error:
        known = error if isinstance(error, DistrictLakeError) else unexpected(error, None)
        if not written_after_all(district, resource, operation, None, known, engine):
            raise known from error
    ledger.finish(district, operation.id, ended)
    engine.hooks.committed("ledger")
    return [Outcome(resource.id, d.id, d.file_name, "held" if s.held else "done", s.counts, s.why, s.results) for d, s in steps]


def _found_before(register: pl.DataFrame, standing: pl.DataFrame, deliveries: set[str]) -> pl.DataFrame:
    """A problem that a revalidation had found stays the one it found: folding its delivery again is no new finding and no new clock."""
    known = standing.filter(
        (pl.col("state") == "open") & pl.col("revalidation").is_not_null() & pl.col("first_delivery").is_in(list(deliveries))
    )
    if known.height == 0:
        return register
    kept = ["first_delivery", "first_seen_at", "revalidation"]
    joined = register.join(known.select("problem_id", *(pl.col(name).alias(f"{name}__was") for name in kept)), on="problem_id", how="left")
    stays = (pl.col("state") == "open") & pl.col("revalidation__was").is_not_null()
    return joined.with_columns(
        pl.when(stays).then(pl.col(f"{name}__was")).otherwise(pl.col(name)).alias(name) for name in kept
    ).select(register.columns)  # fmt: skip


def _with_withdrawn(register: pl.DataFrame, standing: pl.DataFrame, subject: str, at: datetime) -> pl.DataFrame:
    """Problems that only the withdrawn traces knew stay on record, closed as withdrawn, so that their tickets can close."""
    lost = standing.join(register.select("problem_id"), on="problem_id", how="anti")
    lost = lost.with_columns(
        closed_delivery=pl.when(pl.col("state") == "open").then(pl.lit(subject)).otherwise(pl.col("closed_delivery")),
        closed_at=pl.when(pl.col("state") == "open").then(pl.lit(at)).otherwise(pl.col("closed_at")),
        closing=pl.when(pl.col("state") == "open").then(pl.lit("withdrawn")).otherwise(pl.col("closing")),
        state=pl.lit("closed"),
    )
    return pl.concat([register, lost.select(register.columns).cast(pl.Schema(register.schema))]).sort("problem_id")


def _concat(frames: Sequence[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)

"""Deliveries folded anew: what releasing, withdrawing, reprocessing and backfilling do to the tables.

The fold of ``advance`` is repeated over the deliveries from the state before the first of them; only the difference to what stands is committed, as one
operation (ADR 4), so that afterwards the tables are as if the deliveries had been processed that way from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.delivery import ledger
from districtlake.delivery.advance import Step, Tables
from districtlake.delivery.baselines import baselines_before, is_measure
from districtlake.delivery.delivered_rows import Carried, engine_of
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, Outcome, carried_by, load_tables, step_of, unexpected, written_after_all
from districtlake.errors import DistrictLakeError, OperationRefused
from districtlake.quality import tolerance
from districtlake.quality.tolerance import Baselines
from districtlake.store.tables import Delivery
from districtlake.warehouse.commit import versions
from districtlake.warehouse.tables import key_columns, schema_of


@dataclass(frozen=True)
class _Folded:
    """What the deliveries make of the tables. ``rows``: layer -> what each adds to it, in their order; ``covers``: every row that stands was judged."""

    tables: Tables
    rows: dict[str, list[Any]]
    steps: list[tuple[Delivery, Step]]
    covers: bool


def rebuild(
    district: District, resource: Resource, kind: str, deliveries: Sequence[Delivery], base: dict[str, int] | None,
    affected: Sequence[str], engine: Engine, *, past: ledger.Past, waived: dict[str, frozenset[str]], actor: str, reason: str, subject: str,
) -> list[Outcome]:  # fmt: skip
    """Fold ``deliveries`` anew over the tables at versions ``base`` (None: from empty) and commit the difference to what stands now.

    Args:
        affected: ids of all deliveries whose traces are replaced: those folded and those taken out.
        waived: delivery id -> rules about it that the operator overrules.
    """
    operation = ledger.begin(district, resource, kind, subject, versions(district.lake, resource.id), actor=actor, reason=reason)
    page: str | None = None
    try:
        with carried_by(district, resource, operation, engine) as carried:
            page = carried.page
            standing = load_tables(district, resource, carried.table(operation.base_versions["warehouse"]))
            start = load_tables(district, resource, carried.table(base["warehouse"]), base) if base else None
            start = start or replace(Tables.empty(resource, district.catalog), current=carried.table(None))
            before = baselines_before(district, resource, without=affected)
            folded = _fold(district, resource, deliveries, start, past, before, waived, engine, carried, operation.started_at)
            ended = {delivery.id: ledger.Ended.of(step) for delivery, step in folded.steps}
            for delivery, step in folded.steps:
                if kind == "release" and delivery.id == subject and step.held:
                    raise OperationRefused(
                        f"Delivery {subject} stays held: {step.why}",
                        hint="This cannot be overruled. Ask the agency for a complete, readable file.",
                    )
            if kind == "withdraw":
                ended[subject] = ledger.Ended("withdrawn", reason, {})
            register = _found_before(folded.tables.register, standing.register, {delivery.id for delivery in deliveries})
            register = _with_withdrawn(register, standing.register, subject, operation.started_at)
            lines = carried.difference(standing.current, folded.tables.current)
            ledger.prepare(district, operation.id, ended, covers=folded.covers)
            commits = carried.commits(engine.hooks.committed)
            for layer in ("raw", "cleansed", "changes"):
                # the raw rows of a withdrawn delivery stay: they were received
                replaced = [d.id for d in deliveries] if layer == "raw" else list(affected)
                commits.append(layer, carried.together(layer, folded.rows[layer]), replaced)
            commits.overwrite("quarantine", folded.tables.quarantine)
            results = [pl.DataFrame(schema=schema_of("results", resource, district.catalog)), *folded.rows["results"]]
            commits.append("results", pl.concat(results), list(affected))
            commits.overwrite("problems", register)
            commits.append("history", carried.together("history", folded.rows["history"]), list(affected), "_ended_by")
            commits.merge(lines, key_columns(resource))
    except Exception as error:
        known = error if isinstance(error, DistrictLakeError) else unexpected(error, None)
        if not written_after_all(district, resource, operation, None, known, engine):
            raise known from error
    ledger.finish(district, operation.id, ended)
    engine.hooks.committed("ledger")
    by = engine_of(district, resource)
    return [
        Outcome(resource.id, d.id, d.file_name, "held" if s.held else "done", s.counts, s.why, s.results, engine=by, page=page)
        for d, s in folded.steps
    ]


def _fold(
    district: District, resource: Resource, deliveries: Sequence[Delivery], tables: Tables, past: ledger.Past, before: Baselines,
    waived: dict[str, frozenset[str]], engine: Engine, carried: Carried, at: datetime,
) -> _Folded:  # fmt: skip
    """The deliveries one after the other, each beside the tables that those before it leave."""
    covers = tables.current.height == 0 and tables.quarantine.height == 0
    rows: dict[str, list[Any]] = {layer: [] for layer in ("raw", "cleansed", "changes", "results", "history")}
    steps: list[tuple[Delivery, Step]] = []
    for number, delivery in enumerate(deliveries, 1):
        engine.hooks.tell(f"{resource.id}：重新计算第 {number}/{len(deliveries)} 个交付 {delivery.file_name}")
        waiving = waived.get(delivery.id, frozenset())
        step = step_of(district, resource, delivery, tables, past, engine, carried, at, baselines=before, waived=waiving)
        tables = step.tables
        covers = covers or step.complete
        past = past if step.held else past.after(delivery, step.counts)
        before = before if step.held or not is_measure(delivery) else tolerance.after(before, step.results, delivery.id)
        for layer, frame in step.rows.items():
            rows[layer].append(frame)
        # what this step made of the tables and its change set go with it: a long fold would keep one of each for every delivery
        steps.append((delivery, replace(step, tables=Tables.empty(resource, district.catalog), changes=None, rows={})))
    return _Folded(tables, rows, steps, covers)


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

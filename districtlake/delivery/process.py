"""Processing a resource's deliveries, one after the other, each exactly once, whatever kills the process in between.

An operation records the versions of the resource's tables before it begins. Its tables are written in a fixed order, the warehouse
last: that commit makes the delivery real. After a crash, an operation short of it is undone and computed anew (ADR 0004).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import polars as pl

from districtlake.catalog.models import Catalog, Resource
from districtlake.clock import local_date
from districtlake.delivery import ledger
from districtlake.delivery.advance import Step, Tables, advance
from districtlake.delivery.baselines import baselines_before
from districtlake.delivery.delivered_rows import Carried, CarriedHere, Carrier, Reader, engine_of, not_here
from districtlake.delivery.district import District
from districtlake.delivery.judge import Arrival
from districtlake.delivery.locks import lock
from districtlake.delivery.reconcile import differences
from districtlake.delivery.surroundings import surroundings_of
from districtlake.errors import DistrictLakeError, IngestionError
from districtlake.ingestion.archive import path_of
from districtlake.ingestion.manifest import Expected
from districtlake.ingestion.read import Limits, read_file
from districtlake.quality import delivery_rules
from districtlake.quality.derive import rules_of
from districtlake.quality.tolerance import Baselines
from districtlake.quality.validation import RuleResult, Validator
from districtlake.store.tables import Delivery, Operation
from districtlake.tickets.waivers import waived_on
from districtlake.warehouse.commit import Commits, read_as_catalogued, recover, versions
from districtlake.warehouse.tables import ensure_tables, key_columns, tables_held_open


@dataclass(frozen=True)
class Outcome:
    """What became of one delivery.

    Attributes:
        state: "done" | "held" | "failed".
        why: for held and failed ones, in one sentence.
        engine: "embedded" | "spark", which carried it; page: the address of that engine's own page.
    """

    resource: str
    delivery: str
    file: str
    state: str
    counts: dict[str, int]
    why: str = ""
    results: tuple[RuleResult, ...] = ()
    error: DistrictLakeError | None = None
    seconds: float = 0.0
    engine: str = "embedded"
    page: str | None = None


@dataclass
class Hooks:
    """What a caller wants to hear of. ``committed`` is called after every commit (the crash tests stop the process there)."""

    tell: Callable[[str], None] = lambda message: None
    committed: Callable[[str], None] = lambda layer: None
    outcome: Callable[[Outcome], None] = lambda outcome: None


@dataclass
class Engine:
    """The parts that only the composition root knows: the validator of ``expectations``, and the engines beside the embedded one.

    Attributes:
        carriers: name of an engine (``engine:`` of a resource, DISTRICTLAKE_ENGINE) -> what carries a delivery by it.
    """

    validator: Validator
    hooks: Hooks = field(default_factory=Hooks)
    carriers: Mapping[str, Carrier] = field(default_factory=dict)


class TablesUnusable(DistrictLakeError):
    """The tables of a resource cannot be opened or made."""

    code = "warehouse.unusable"
    retryable = True


def process_resource(district: District, resource_id: str, engine: Engine, through: date | None = None) -> list[Outcome]:
    """Process all pending deliveries of a resource in order. Failures of one delivery stop the resource, never another resource.

    Args:
        through: leave deliveries whose data is dated later for another run (undated ones are taken).

    Raises:
        Busy: another process holds the resource for too long.
        TablesUnusable: its tables cannot be opened or made; nothing was begun.
    """
    resource = district.resource(resource_id)
    with lock(district.settings.locks, resource_id, tell=engine.hooks.tell), tables_held_open():
        make_ready(district, resource, engine)
        outcomes: list[Outcome] = []
        for delivery in ledger.pending(district.store, resource_id):
            if through is not None and delivery.data_date is not None and delivery.data_date > through:
                continue
            outcome = process_delivery(district, resource, delivery, engine)
            outcomes.append(outcome)
            engine.hooks.outcome(outcome)
            if outcome.state == "failed":
                break  # order matters: later deliveries build on this one
        return outcomes


def make_ready(district: District, resource: Resource, engine: Engine) -> None:
    """Its tables are there, and nothing is left of a crash."""
    try:
        ensure_tables(district.lake, resource, district.catalog)
        finish_interrupted(district, resource, engine)
    except DistrictLakeError:
        raise
    except Exception as error:  # a damaged log, a file in a folder's place, no permission: the library's words are no sentence
        engine.hooks.tell(f"{resource.id}: {type(error).__name__}")
        raise TablesUnusable(
            f"{resource.id} 的表无法打开或建立（{type(error).__name__}），交付保留，未作任何改动。",
            hint=f"从备份恢复 lake/*/{resource.id.replace('.', '/')}，或检查磁盘与权限；然后再运行一次夜间作业。",
        ) from None


def process_delivery(district: District, resource: Resource, delivery: Delivery, engine: Engine) -> Outcome:
    """Process one pending delivery under the resource's lock."""
    started = datetime.now().timestamp()  # noqa: DTZ005 - a duration, not a date
    operation = ledger.begin(district, resource, "process", delivery.id, versions(district.lake, resource.id))
    page: str | None = None
    try:
        with carried_by(district, resource, operation, engine) as carried:
            page = carried.page
            step = _computed(district, resource, delivery, operation, engine, carried)
            ended = {delivery.id: ledger.Ended.of(step)}
            commit_step(carried.commits(engine.hooks.committed), resource, step)
    except Exception as error:
        known = error if isinstance(error, DistrictLakeError) else unexpected(error, delivery)
        if not isinstance(error, DistrictLakeError):
            engine.hooks.tell(f"{delivery.file_name}: {type(error).__name__}")
        if not written_after_all(district, resource, operation, delivery.id, known, engine):
            seconds = datetime.now().timestamp() - started  # noqa: DTZ005
            return Outcome(resource.id, delivery.id, delivery.file_name, "failed", {}, known.message, error=known, seconds=seconds)
    state = "held" if step.held else "done"
    ledger.finish(district, operation.id, ended)
    engine.hooks.committed("ledger")
    return Outcome(
        resource.id, delivery.id, delivery.file_name, state, step.counts, step.why, step.results,
        seconds=datetime.now().timestamp() - started, engine=engine_of(district, resource), page=page,  # noqa: DTZ005
    )  # fmt: skip


def _computed(
    district: District, resource: Resource, delivery: Delivery, operation: Operation, engine: Engine, carried: Carried
) -> Step:  # fmt: skip
    """What the delivery makes of the tables; its end is on record, nothing is written yet."""
    tables = load_tables(district, resource, carried.table(operation.base_versions["warehouse"]))
    past, before = ledger.past_of(district.store, resource.id), baselines_before(district, resource)
    step = step_of(district, resource, delivery, tables, past, engine, carried, operation.started_at, baselines=before)
    nothing_stood = "raw" in step.rows and tables.current.height == 0 and tables.quarantine.height == 0
    ledger.prepare(district, operation.id, {delivery.id: ledger.Ended.of(step)}, covers=step.complete or nothing_stood)
    return step


def step_of(
    district: District, resource: Resource, delivery: Delivery, tables: Tables, past: ledger.Past, engine: Engine, carried: Carried,
    at: datetime, *, baselines: Baselines, waived: frozenset[str] = frozenset(),
) -> Step:  # fmt: skip
    """Read a delivery from the archive and ``advance`` the tables by it, on the engine that carries it.

    Args:
        past: of the deliveries before it. baselines: likewise.
        waived: rules about the delivery that an operator overrules.
    """
    arrival = arrival_of(district, resource, delivery, past, waived, baselines, read=carried.read)
    around = surroundings_of(district, resource, delivery, past)
    rows = carried.rows(arrival, tables.current) if arrival.raw is not None else None
    return advance(tables, arrival, resource, district.catalog, engine.validator, around, at, rows)


def carried_by(district: District, resource: Resource, operation: Operation, engine: Engine) -> AbstractContextManager[Carried]:
    """An operation on the engine that its resource or the settings name.

    Raises:
        SparkMissing, SparkUnreachable: Spark is not there. DistrictLakeError (engine.unknown): this process knows no such engine.
    """
    name = engine_of(district, resource)
    if name == "embedded":
        return nullcontext(CarriedHere(district, resource, operation.base_versions, operation.id))
    if name not in engine.carriers:
        raise not_here(resource, name)
    return engine.carriers[name](district, resource, operation.base_versions, operation.id, engine.hooks.tell)


def written_after_all(
    district: District, resource: Resource, operation: Operation, delivery: str | None, error: DistrictLakeError, engine: Engine
) -> bool:
    """Undo what a failed operation wrote and record why it failed. Where even that fails (a full disk), the next run does it.

    Returns:
        True when it failed behind its commit point (a checkpoint that could not be written): then it did not fail.
    """
    try:
        if recover(district.lake, resource.id, operation.base_versions, operation.id):
            return True
        ledger.fail(district, operation.id, delivery, error)
    except Exception as second:  # the first error is the one to tell; the operation stays open and is settled as after a crash
        engine.hooks.tell(f"{resource.id}: undoing failed with {type(second).__name__}; the next run undoes it.")
    return False


def finish_interrupted(district: District, resource: Resource, engine: Engine) -> None:
    """Settle the operation that a crash cut off, if there is one: complete its record, or undo it so that it runs again."""
    for operation in ledger.interrupted(district.store, resource.id):
        complete = recover(district.lake, resource.id, operation.base_versions, operation.id)
        if complete:
            ledger.complete_interrupted(district, operation)
            engine.hooks.tell(f"{resource.id}: an interrupted operation had been written in full; its record is completed.")
        else:
            ledger.undo_interrupted(district, operation)
            engine.hooks.tell(f"{resource.id}: an interrupted operation was undone; it runs again.")


def load_tables(district: District, resource: Resource, current: Any, at: Mapping[str, int] | None = None) -> Tables:
    """The tables of present state, as they stand or at given versions, beside the warehouse as its engine has it."""

    def table(layer: str) -> pl.DataFrame:
        return read_as_catalogued(district.lake, layer, resource, district.catalog, at[layer] if at else None)

    return Tables(current, table("quarantine"), table("problems"))


def arrival_of(
    district: District, resource: Resource, delivery: Delivery, past: ledger.Past, waived: frozenset[str] = frozenset(),
    baselines: Baselines = MappingProxyType({}), *, receipt: bool = True, read: Reader = read_file,
) -> Arrival:  # fmt: skip
    """Read a delivery from the archive. A file that cannot be read arrives without rows, with the reason.

    Args:
        receipt: complete the delivery's receipt with what reading showed.
        read: who reads the file.
    """
    settings = district.settings
    limits = Limits.of(settings)
    raw: pl.DataFrame | None = None
    missing: tuple[str, ...] = ()
    unreadable, manifest = "", None
    try:
        read_delivery = read(path_of(settings.archive, delivery.sha256), delivery.file_name, resource, limits)
        raw, missing = read_delivery.frame, tuple(read_delivery.report.missing)
        if expected := (delivery.receipt or {}).get("manifest"):
            manifest = differences(Expected.of(expected), path_of(settings.archive, delivery.sha256), read_delivery, resource)
        if receipt:
            ledger.add_receipt(district.store, delivery.id, read_delivery.report.as_dict())
    except IngestionError as error:
        if error.retryable:
            raise
        unreadable = delivery_rules.unreadable(error)
        if receipt:
            ledger.add_receipt(district.store, delivery.id, {"error": error.as_dict()})
    return Arrival(
        id=delivery.id, file=delivery.file_name, mode=delivery.mode, at=past.valid_from(delivery), today=local_date(delivery.received_at),
        raw=raw, missing=missing, unreadable=unreadable, older_than=_older_than(delivery, past), waived=waived,
        confirmed=waived_on(district.store, resource.id, local_date(district.clock.now()), versions_of(resource, district.catalog)),
        baselines=baselines, manifest=manifest, as_of=delivery.data_date,
    )  # fmt: skip


def versions_of(resource: Resource, catalog: Catalog) -> dict[str, int]:
    """Rule id -> its present version."""
    return {rule.id: rule.version for rule in rules_of(resource, catalog)}


def _older_than(delivery: Delivery, past: ledger.Past) -> str:
    newest = past.snapshot
    if delivery.mode != "snapshot" or delivery.data_date is None or newest is None or newest[0] <= delivery.data_date:
        return ""
    return newest[1]


def commit_step(commits: Commits, resource: Resource, step: Step) -> None:
    """Write one step. An earlier attempt at the delivery left nothing behind: it was undone."""
    for layer in ("raw", "cleansed", "changes"):
        if layer in step.rows:
            commits.append(layer, step.rows[layer])
    if not step.held:
        commits.overwrite("quarantine", step.tables.quarantine)
    commits.append("results", step.rows["results"])
    commits.overwrite("problems", step.tables.register)
    if step.changes is not None:
        commits.append("history", step.rows["history"])
        commits.merge(step.changes.source, key_columns(resource))


def unexpected(error: Exception, delivery: Any) -> DistrictLakeError:
    """A fault of ours, or of the machine. Its text may quote a cell, so only its kind and place are kept."""
    import traceback

    if isinstance(error, OSError) and error.errno == 28:
        return DistrictLakeError(
            "The disk is full; the delivery was not processed and nothing was changed.",
            hint="Free space below the state folder and run the nightly job again.", code="system.disk_full", retryable=True,
        )  # fmt: skip
    last = traceback.extract_tb(error.__traceback__)[-1]
    what = f"delivery {delivery.id} ({delivery.file_name})" if delivery is not None else "the operation"
    text = str(error).lower()
    if "no space left" in text or "storagefull" in text:
        return DistrictLakeError(
            f"The disk is full; {what} was not processed and nothing was changed.",
            hint="Free space below the state folder and run the nightly job again.", code="system.disk_full", retryable=True,
        )  # fmt: skip
    return DistrictLakeError(
        f"{what} failed with {type(error).__name__} at {last.name} ({last.filename.rsplit('/', 1)[-1]}:{last.lineno}).",
        hint="This is a fault of the software, not of the file: the delivery is kept and will be tried again. Report it.",
        code="system.unexpected", retryable=True,
    )  # fmt: skip

"""Building marts: in dependency order, each from pinned inputs, judged before it is committed; one mart's failure stops only its readers.

A mart whose inputs and definition are those of its last good build is left alone. What cannot be built keeps its last version.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from districtlake.catalog.marts import Mart
from districtlake.delivery.district import District
from districtlake.delivery.locks import lock
from districtlake.delivery.surroundings import surroundings_of_marts
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.marts import record, table
from districtlake.marts.affected import affected_keys
from districtlake.marts.carriers import select
from districtlake.marts.definition import (
    circle_of,
    definition_hash,
    in_build_order,
    mart_schema,
    resources_behind,
    sources_of,
    statement_of,
)
from districtlake.marts.record import Build
from districtlake.marts.rules import mart_rules
from districtlake.marts.sources import Inputs, MartError
from districtlake.marts.stale import stale_resources
from districtlake.quality.validation import RuleResult, Validation, Validator
from districtlake.settings import Engine

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Due:
    """A mart that a run would look at, and why: its definition or inputs changed, it was never built, or its last build failed.

    ``inputs``: the versions of its sources now, as far as they could be read.
    """

    mart: Mart
    reason: str
    inputs: Mapping[str, str] = field(default_factory=dict)


def due_marts(district: District) -> list[Due]:
    """The marts with work, in build order; readers of a due mart are due too, since it may change. Empty: nothing to run."""
    inputs = Inputs(district)
    last, good = record.latest(district.lake)
    found: dict[str, Due] = {}
    for mart in in_build_order(district.catalog.marts.values()):
        reason = _why_due(mart, inputs, last.get(mart.id), good.get(mart.id), found)
        if reason:
            found[mart.id] = Due(mart, reason, inputs.known(_sources(mart)))
    return list(found.values())


def _why_due(mart: Mart, inputs: Inputs, last: Build | None, good: Build | None, found: Mapping[str, Due]) -> str:
    try:
        sources = sources_of(mart)
        if upstream := [source for source in sources if source in found]:
            return f"{', '.join(upstream)} 将更新"
        judged = good if last is None or last.outcome != "held" else last
        if judged is None:
            return "从未生成"
        if last is not None and last.outcome in ("failed", "blocked"):
            return "上次失败"
        if judged.definition != definition_hash(mart, inputs.district.catalog):
            return "定义有变"
        if changed := [source for source, version in inputs.versions(sources).items() if judged.inputs.get(source) != version]:
            return f"{', '.join(changed)} 有变"
        if table.version_of(inputs.district.lake, mart.id) != judged.version:
            return "表与记录不一致"
    except DistrictLakeError as error:  # it cannot even be planned: the build says so
        return str(error)
    return ""


def build_marts(
    district: District,
    validator: Validator,
    names: Collection[str] | None = None,
    *,
    full: bool = False,
    run: str = "",
    on_build: Callable[[Build], None] = lambda build: None,
    tell: Callable[[str], None] = lambda message: None,
) -> list[Build]:
    """Build marts (default: all) and record it. ``full`` computes them anew whatever their inputs are; ``run`` names the run in the record.

    Raises:
        NotFound: a name is no mart.
    """
    known = district.catalog.marts
    for name in names or ():
        if name not in known:
            raise NotFound(f"There is no mart {name}.", hint=f"Marts are: {', '.join(sorted(known)) or 'none'}.")
    chosen = [mart for mart in in_build_order(known.values()) if names is None or mart.id in names]
    done: list[Build] = []
    with lock(district.settings.locks, "marts", tell=tell):
        work = _Run(district, validator, full, run)
        try:
            for mart in chosen:
                build = work.build(mart)
                done.append(build)
                on_build(build)
        finally:
            record.append(district.lake, done)
    return done


class _Run:
    """One run: its pinned inputs, and what became of each mart so far."""

    def __init__(self, district: District, validator: Validator, full: bool, name: str):
        self.district, self.validator, self.full, self.name = district, validator, full, name
        self.inputs = Inputs(district)
        self.last, self.good = record.latest(district.lake)
        self.seq = record.last_seq(district.lake)
        self.stale = stale_resources(district)
        self.outcomes: dict[str, Build] = {}

    def build(self, mart: Mart) -> Build:
        began, started = self.district.clock.now(), time.monotonic()
        self.seq += 1
        try:
            build = self._build(mart)
        except DistrictLakeError as error:
            build = self._kept(mart, "failed", str(error))
        except Exception as error:  # one mart's trouble is its own; the words of a library may quote cells, so only its kind is told
            logger.exception("mart %s", mart.id, exc_info=_without_values(error))
            build = self._kept(mart, "failed", f"{type(error).__name__} while it was being built.")
        build = replace(
            build, started_at=began, finished_at=self.district.clock.now(), seconds=round(time.monotonic() - started, 3),
            stale_sources=self._stale(mart), run=self.name, seq=self.seq,
        )  # fmt: skip
        self.outcomes[mart.id] = build
        return build

    def _stale(self, mart: Mart) -> dict[str, str]:
        behind = resources_behind(mart, self.district.catalog)
        stale = {resource: self.stale[resource] for resource in behind if resource in self.stale}
        for source in sorted(self.outcomes):
            if self.outcomes[source].outcome == "held" and source in _sources(mart):
                stale[source] = "held"
        return stale

    def _kept(self, mart: Mart, outcome: Any, reason: str, **more: Any) -> Build:
        """The mart stays at its last version."""
        version = table.version_of(self.district.lake, mart.id)
        rows = int(table.scan_mart(self.district.lake, mart.id).select(pl.len()).collect().item()) if version is not None else 0
        return Build(mart.id, outcome, version=version, rows=rows, reason=reason, **more)

    def _build(self, mart: Mart) -> Build:
        if circle := circle_of(mart, self.district.catalog.marts):
            raise MartError(f"{mart.sql_file}: it reads itself: {' → '.join(circle)}.", hint="Let one of them read the resources.")
        sources = sources_of(mart)
        failed = [source for source in sources if source in self.outcomes and self.outcomes[source].outcome in ("failed", "blocked")]
        if failed:
            return self._kept(mart, "blocked", f"{', '.join(failed)} could not be built.")
        for source in sources:
            self.inputs.schema(source)  # an unknown name is said before anything is read
        definition = definition_hash(mart, self.district.catalog)
        versions = self.inputs.versions(sources)
        if not self.full:
            if self._is(self.good.get(mart.id), mart, definition, versions):
                return self._kept(mart, "skipped", "", definition=definition, inputs=versions)
            held = self.last.get(mart.id)
            if held is not None and held.outcome == "held" and self._is(held, mart, definition, versions):
                return self._kept(mart, "held", held.reason, definition=definition, inputs=versions)
        return self._computed(mart, definition, versions)

    def _is(self, build: Build | None, mart: Mart, definition: str, inputs: Mapping[str, str]) -> bool:
        return (
            build is not None
            and build.definition == definition
            and dict(build.inputs) == dict(inputs)
            and build.version == table.version_of(self.district.lake, mart.id)
        )

    def _computed(self, mart: Mart, definition: str, versions: Mapping[str, str]) -> Build:
        district, schema = self.district, mart_schema(mart, self.district.catalog)
        base, before = table.current(district.lake, mart.id, schema)
        lines, after, mode, why_full = self._rows(mart, schema, base, before, definition)
        results = self._judged(mart, after)
        if holding := [result for result in results if result.outcome == "failed" and result.rule.on_failure == "hold"]:
            reason = "；".join(f"{result.rule.title}（{result.failed}）" for result in holding)
            return self._kept(mart, "held", reason, mode=mode, definition=definition, inputs=versions, results=results)
        whole = base is None or before is None
        told = {"definition": definition, "inputs": versions, "day": self.district.clock.now().isoformat(), "mode": mode}
        written = table.write(district.lake, mart.id, mart.key, schema, lines, after, base=base, whole=whole, metadata=told)
        self.inputs.forget(mart.id)
        return Build(
            mart.id, "built" if written.version != base else "unchanged", mode, definition, versions, written.version, after.height,
            written.inserted, written.updated, written.deleted, reason=why_full, results=results,
        )  # fmt: skip

    def _rows(
        self, mart: Mart, schema: pl.Schema, base: int | None, before: pl.DataFrame | None, definition: str
    ) -> tuple[pl.DataFrame, pl.DataFrame, str, str]:
        """(differing rows, the whole table after, mode, why an incremental mart was computed in full)."""
        statement = statement_of(mart.sql)
        good, why_full = self.good.get(mart.id), ""
        if mart.incremental is not None and not self.full and before is not None and good is not None:
            if good.definition != definition:
                why_full = "the definition changed"
            elif good.version != base:
                why_full = "the table is not the one that was recorded"
            else:
                keys, why_full = affected_keys(mart, self.inputs, good.inputs, before.height)
                if keys is not None:
                    return *self._incremental(mart, schema, before, keys), "incremental", ""
        frame = as_declared(mart, select(statement, self.inputs, mart.column_names, engine=self._engine(mart)), schema)
        return table.lines_between(before, frame, mart.key), frame, "full", why_full

    def _incremental(self, mart: Mart, schema: pl.Schema, before: pl.DataFrame, keys: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        assert mart.incremental is not None
        names = list(mart.incremental_key)
        fresh = before.clear()
        if keys.height:
            found = select(
                statement_of(mart.sql), self.inputs, mart.column_names, engine=self._engine(mart), affected=keys,
                mappings=mart.incremental.changes,
            )  # fmt: skip
            fresh = as_declared(mart, found, schema)
        touched = before.join(keys, on=names, how="semi")
        lines = table.lines_between(touched, fresh, mart.key)
        after = pl.concat([before.join(keys, on=names, how="anti"), fresh]) if lines.height else before
        return lines, after

    def _engine(self, mart: Mart) -> Engine:
        return mart.engine or self.district.settings.engine

    def _judged(self, mart: Mart, frame: pl.DataFrame) -> tuple[RuleResult, ...]:
        validation: Validation = self.validator(mart.id, frame, mart_rules(mart), surroundings_of_marts(self.district))
        return validation.results


def as_declared(mart: Mart, frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The frame in the declared columns and types.

    Raises:
        MartError: a value does not fit its declared type, or the key is null or not unique; never quotes a value.
    """
    columns = []
    for name, dtype in schema.items():
        given = frame[name]
        made = given if given.dtype == dtype else given.cast(dtype, strict=False)
        if made.null_count() > given.null_count():
            lost = made.null_count() - given.null_count()
            raise MartError(
                f"{mart.id}: {lost} values of {name} ({given.dtype}) do not fit its declared type {dtype}.",
                hint=f"Cast it in {mart.sql_file}, or declare another type in {mart.file}.",
            )
        columns.append(made)
    typed = pl.DataFrame(columns)
    key = list(mart.key)
    if (missing := typed.filter(pl.any_horizontal(pl.col(key).is_null())).height) > 0:
        raise MartError(f"{mart.id}: {missing} rows have no value in the key ({', '.join(key)}).", hint="Leave such rows out in the SQL.")
    if (twice := typed.height - typed.select(key).unique().height) > 0:
        raise MartError(
            f"{mart.id}: the key ({', '.join(key)}) is not unique: {twice} rows too many.",
            hint="A join multiplies rows: aggregate it before joining, or declare a longer key.",
        )
    return typed


def _sources(mart: Mart) -> tuple[str, ...]:
    try:
        return sources_of(mart)
    except DistrictLakeError:
        return ()


def _without_values(error: Exception) -> Exception:
    """The same kind of error with the same traceback, without its words."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)

"""The rows of one delivery, and all that has to see every one of them at once. ``advance`` asks; where the rows lie, an engine knows.

What ``advance`` decides beyond that needs only the exceptional rows (those that break a rule), whichever engine carries the others. The warehouse's
table is what the engine takes for one: a Polars frame, or what it has in its place, which tells its ``height``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol

import polars as pl

from districtlake.catalog.models import Catalog, Resource
from districtlake.cleansing import cleanse
from districtlake.delivery.district import District
from districtlake.delivery.judge import Arrival, Judgement, judge
from districtlake.delivery.operation_column import Applied, Operations, contradictions, operations_of
from districtlake.errors import DistrictLakeError
from districtlake.ingestion.read import Limits, RawDelivery, read_file
from districtlake.quality.rules import Rule
from districtlake.quality.validation import ReferenceLookup, Validator
from districtlake.warehouse import changes as change_sets
from districtlake.warehouse.commit import Commits, read_as_catalogued
from districtlake.warehouse.tables import key_columns, schema_of, stored_items

Reader = Callable[[Path, str, Resource, Limits], RawDelivery]


class DeliveredRows(Protocol):
    """One delivery beside the warehouse as it stands.

    Attributes:
        height: rows delivered.
        standing: rows in the warehouse before.
        operations: what the operation column says of each row; None where the resource has none.
        layers: what raw, cleansed and changes gain, as the engine's ``Commits`` take it.
        cells_altered: lines of the change log.
    """

    height: int
    standing: int

    @property
    def operations(self) -> Operations | None: ...

    @property
    def layers(self) -> dict[str, Any]: ...

    @property
    def cells_altered(self) -> int: ...

    def judge(self, rules: Sequence[Rule], validator: Validator, references: ReferenceLookup, day: date) -> Judgement:
        """What ``judge`` says of all rows. The frames of the judgement hold at least the rows that break a rule or have no readable key."""
        ...

    def carried_keys(self, keys: pl.Series) -> pl.Series:
        """Those of ``keys`` (text keys) that a judged row has. Asked after ``judge``."""
        ...

    def change_set(self, verdict: Judgement, stale: pl.DataFrame, *, delete_absent: bool) -> change_sets.ChangeSet:
        """The accepted rows against the warehouse (``warehouse.changes.change_set``). ``stale``: key columns of the rows in quarantine."""
        ...

    def contradictions(self, applied: Applied, changes: change_sets.ChangeSet) -> tuple[int, int, str]:
        """``operation_column.contradictions`` with the warehouse before."""
        ...

    def after(self, changes: change_sets.ChangeSet) -> Any:
        """The warehouse after the changes (``warehouse.changes.apply``), as ``Carried.rows`` takes it."""
        ...


class Carried(Protocol):
    """One operation on an engine: a delivery, or several folded one after the other.

    Attributes:
        page: address of the engine's own page, where it has one.
    """

    @property
    def page(self) -> str | None: ...

    def table(self, version: int | None) -> Any:
        """The warehouse at a version in the columns of the catalogue as it now is; None: without a row."""
        ...

    def read(self, path: Path, name: str, resource: Resource, limits: Limits) -> RawDelivery:
        """``read_file``; where the rows stay with the engine, the frame returned has none."""
        ...

    def rows(self, arrival: Arrival, current: Any) -> DeliveredRows:
        """The delivery that was read last beside the warehouse: a ``table``, or what ``DeliveredRows.after`` of the one before gave."""
        ...

    def together(self, layer: str, parts: Sequence[Any]) -> Any:
        """What several deliveries add to a layer (``Step.rows``) as one, as ``commits`` take it."""
        ...

    def difference(self, before: Any, after: Any) -> Any:
        """``warehouse.changes.difference`` of two tables, as ``commits`` take it. The last that is asked of a fold."""
        ...

    def commits(self, on_commit: Callable[[str], None]) -> Commits:
        """Who writes the operation's tables, by the rules of ADR 4."""
        ...


Carrier = Callable[[District, Resource, Mapping[str, int], int, Callable[[str], None]], AbstractContextManager[Carried]]
"""(district, resource, base versions, operation, tell) -> one operation carried; what lies beside the lake's tables meanwhile is gone at the end."""


@dataclass(frozen=True)
class CarriedHere:
    """The embedded engine: Polars, deltalake, this process."""

    district: District
    resource: Resource
    base: Mapping[str, int]
    operation: int
    page: str | None = None

    def table(self, version: int | None) -> pl.DataFrame:
        catalog = self.district.catalog
        if version is None:
            return pl.DataFrame(schema=schema_of("warehouse", self.resource, catalog))
        return read_as_catalogued(self.district.lake, "warehouse", self.resource, catalog, version)

    def read(self, path: Path, name: str, resource: Resource, limits: Limits) -> RawDelivery:
        return read_file(path, name, resource, limits)

    def rows(self, arrival: Arrival, current: pl.DataFrame) -> RowsInMemory:
        return RowsInMemory(current, arrival, self.resource, self.district.catalog)

    def together(self, layer: str, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
        return pl.concat(parts) if parts else pl.DataFrame(schema=schema_of(layer, self.resource, self.district.catalog))

    def difference(self, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
        return change_sets.difference(before, after, key_columns(self.resource))

    def commits(self, on_commit: Callable[[str], None]) -> Commits:
        return Commits(self.district.lake, self.resource.id, self.base, self.operation, on_commit)


def engine_of(district: District, resource: Resource) -> Literal["embedded", "spark"]:
    """Which engine carries the resource's deliveries: what its entry says, else DISTRICTLAKE_ENGINE."""
    return resource.engine or district.settings.engine


def told_embedded(district: District, resource: Resource, what: str, tell: Callable[[str], None]) -> None:
    """Say that ``what`` is carried by the embedded engine although the resource is Spark's."""
    if engine_of(district, resource) == "spark":
        tell(f"{resource.id}：引擎为 spark，但“{what}”由内嵌引擎执行（结果相同）。")


def not_here(resource: Resource, engine: str) -> DistrictLakeError:
    """What is told where a process has no part of the engine that a resource asks for; no other engine steps in unseen."""
    return DistrictLakeError.of("engine.unknown", resource=resource.id, engine=engine)


@dataclass
class RowsInMemory:
    """The embedded engine: whole frames in Polars."""

    current: pl.DataFrame
    arrival: Arrival
    resource: Resource
    catalog: Catalog

    def __post_init__(self) -> None:
        assert self.arrival.raw is not None
        self.height, self.standing = self.arrival.raw.height, self.current.height
        self._cleansed = cleanse(self.arrival.raw, self.resource, self.catalog, self.arrival.today, self.arrival.as_of)
        self._keys = pl.Series([], dtype=pl.String)

    @property
    def operations(self) -> Operations | None:
        assert self.arrival.raw is not None
        return operations_of(self.arrival.raw, self.resource, self.arrival.mode)

    @property
    def layers(self) -> dict[str, Any]:
        assert self.arrival.raw is not None
        frames = {"raw": self.arrival.raw, "cleansed": self._cleansed.frame, "changes": self._cleansed.changes}
        schemas = {layer: schema_of(layer, self.resource, self.catalog) for layer in frames}
        stamp = pl.lit(self.arrival.id)
        return {
            layer: frame.with_columns(_delivery=stamp).select(list(schemas[layer])).cast(schemas[layer]) for layer, frame in frames.items()
        }

    @property
    def cells_altered(self) -> int:
        return self._cleansed.changes.height

    def judge(self, rules: Sequence[Rule], validator: Validator, references: ReferenceLookup, day: date) -> Judgement:
        verdict = judge(self._cleansed.frame, self.arrival, self.resource, self.catalog, rules, validator, references, day)
        self._keys = verdict.keys
        return verdict

    def carried_keys(self, keys: pl.Series) -> pl.Series:
        # the few asked for are hashed, not the many delivered
        return self._keys.filter(self._keys.is_in(keys.implode()))

    def change_set(self, verdict: Judgement, stale: pl.DataFrame, *, delete_absent: bool) -> change_sets.ChangeSet:
        key, stored = list(key_columns(self.resource)), stored_items(self.resource)
        accepted = verdict.frame.filter(~verdict.quarantined)
        return change_sets.change_set(
            self.current,
            accepted.select([*dict.fromkeys([*key, *stored]), "_file", "_sheet", "_row"]),
            stale,
            key=key,
            items=stored,
            delivery=self.arrival.id,
            at=self.arrival.at,
            delete_absent=delete_absent,
            keep_items=[name for name in self.arrival.missing if name in stored],
            delete_keys=verdict.applied.deleted_keys(key) if verdict.applied is not None else None,
        )

    def contradictions(self, applied: Applied, changes: change_sets.ChangeSet) -> tuple[int, int, str]:
        replaced = changes.source.filter(pl.col(change_sets.OPERATION) == "U")
        return contradictions(applied, self.current, replaced, key_columns(self.resource))

    def after(self, changes: change_sets.ChangeSet) -> pl.DataFrame:
        return change_sets.apply(self.current, changes, key_columns(self.resource))

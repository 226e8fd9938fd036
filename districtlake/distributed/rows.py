"""``DeliveredRows`` on Spark: all rows lie with Spark; the exceptional ones (which break a rule, share a key, have none) come to the driver and go the
embedded engine's way. So does, of a delivery with an operation column, the key, place and operation of each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any, cast

import polars as pl

from districtlake.catalog.models import Catalog, Resource
from districtlake.cleansing.plan import CleansingPlan, plan_of
from districtlake.delivery.judge import Arrival, Judgement, asked_of, concluded, exact_duplicates
from districtlake.delivery.operation_column import Applied, Operations, contradictions, operations_of
from districtlake.distributed import set_work
from districtlake.distributed.arrow import fetched, structure
from districtlake.distributed.judged import ROWS, JudgedOnSpark
from districtlake.distributed.kernel import KEY, RAW, READABLE, RowKernel
from districtlake.distributed.references import ReferencesOnSpark
from districtlake.distributed.set_work import WAS, Counted, OnSpark, quoted
from districtlake.distributed.staging import INDEX, Staging
from districtlake.quality.rules import OPERATION_COLUMN, Rule
from districtlake.quality.validation import ReferenceLookup, Validator
from districtlake.warehouse.changes import OPERATION, ChangeSet
from districtlake.warehouse.tables import FINGERPRINT, key_columns, schema_of, stored_items

LINES = "lines"
_NONE = pl.Series(INDEX, [], dtype=pl.Int64)


class RowsOnSpark:
    """One staged delivery beside the warehouse's table ``current``.

    Args:
        references: where the rows of other resources lie.
        phase: hears what begins, for people who wait. tell: hears the rest.
    """

    def __init__(
        self, staging: Staging, arrival: Arrival, resource: Resource, catalog: Catalog, current: OnSpark, references: ReferencesOnSpark,
        phase: Callable[[str], None], tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._staging, self._arrival, self._resource, self._catalog, self._phase, self._tell = (
            staging,
            arrival,
            resource,
            catalog,
            phase,
            tell,
        )
        self._references = references
        session = staging.session
        self.height, self.standing = staging.height, current.height
        self._before, self._current = current, current.frame
        self._plan: CleansingPlan = plan_of(resource, catalog, arrival.today, arrival.as_of)
        kernel = RowKernel(self._plan, resource, arrival.mode)
        self._staged = kernel.columns
        phase("清洗")
        told, _ = structure(self._staged)
        session.read.parquet(staging.path("raw")).mapInArrow(kernel, told).write.parquet(staging.path(ROWS))
        self._rows = session.read.schema(told).parquet(staging.path(ROWS))
        self._judged: JudgedOnSpark | None = None
        self._quarantined = _NONE

    @cached_property
    def cells_altered(self) -> int:
        from pyspark.sql import functions as F

        found = self._rows.agg(F.sum(F.size("_changes")).alias("cells")).first()
        return int(found["cells"] or 0) if found is not None else 0

    @cached_property
    def operations(self) -> Operations | None:
        if OPERATION_COLUMN not in self._staged:
            return None
        words = self._staging.scan(ROWS, self._staged).select(INDEX, OPERATION_COLUMN).collect(engine="streaming").sort(INDEX)
        absent = self.height > 0 and self._arrival.mode != "correction" and self._says_nothing()
        return Operations(words[OPERATION_COLUMN], absent)

    def _says_nothing(self) -> bool:
        """No row has anything in the operation column."""
        for file in self._staging.files("raw"):
            found = operations_of(pl.read_parquet(file, columns=["_extra"]), self._resource, "incremental")
            if found is None or not found.absent:
                return False
        return True

    @property
    def layers(self) -> dict[str, Any]:
        from pyspark.sql import functions as F

        stamp = F.lit(self._arrival.id)
        raw = self._staging.session.read.parquet(self._staging.path("raw")).withColumn("_delivery", stamp)
        changes = self._rows.select("_file", "_sheet", "_row", F.inline("_changes")).withColumn("_delivery", stamp)
        frames = {"raw": raw, "cleansed": self._rows.withColumn("_delivery", stamp), "changes": changes}
        heights = {"raw": self.height, "cleansed": self.height, "changes": self.cells_altered}
        return {
            layer: OnSpark(frame, heights[layer]).select(list(schema_of(layer, self._resource, self._catalog)))
            for layer, frame in frames.items()
        }

    def judge(self, rules: Sequence[Rule], validator: Validator, references: ReferenceLookup, day: date) -> Judgement:
        resource = self._resource
        applicable, skipped = asked_of(self._arrival, rules, day)
        applied, passed_over = self._applied()
        self._phase("查找重复行")
        copies = self._copies(self._judging(passed_over))
        self._judged = judged = self._judging(pl.concat([passed_over, copies]))
        self._phase("按规则校验")
        validation = validator(resource.id, judged, applicable, self._references.around(references))  # type: ignore[arg-type]
        failing = judged.index_of(validation.failures["_index"])
        exceptional = pl.concat([failing, self._unreadable(judged)]).unique().sort()
        frame, raw, columns = self._brought(judged, exceptional)
        keys = columns[KEY].alias("key")
        number = columns[INDEX].search_sorted(failing).cast(pl.UInt32).alias("_index")
        verdict = concluded(
            frame, raw, keys, columns[READABLE].alias("readable"),
            replace(validation, failures=validation.failures.with_columns(number)), applicable, skipped, self._arrival, resource, self._catalog,
            twice=lambda: self._twice(keys), duplicates=copies.len(), applied=applied,
        )  # fmt: skip
        self._quarantined = columns[INDEX].filter(verdict.quarantined)
        return verdict

    def _judging(self, dropped: pl.Series) -> JudgedOnSpark:
        added = [name for name in (FINGERPRINT, OPERATION_COLUMN) if name in self._staged]
        schema = dict(self._plan.schema) | {name: pl.String() for name in added}
        return JudgedOnSpark(self._staging, self._rows, self._staged, schema, dropped, self._tell)

    def _applied(self) -> tuple[Applied | None, pl.Series]:
        """What the operations make of the rows, and ``_index`` of those that delete or were superseded."""
        if self.operations is None:
            return None, _NONE
        names = [*key_columns(self._resource), "_sheet", "_row", KEY, READABLE, INDEX]
        rows = self._staging.scan(ROWS, self._staged).select(names).collect(engine="streaming").sort(INDEX)
        applied = Applied.of(
            self.operations, rows.with_columns(self.operations.words), rows[KEY].alias("key"), rows[READABLE].alias("readable")
        )
        return applied, rows[INDEX].filter(~applied.told_apart.judged)

    def _copies(self, every: JudgedOnSpark) -> pl.Series:
        """``_index`` of every later copy of a row. Rows whose key repeats come to the driver."""
        suspected = set_work.repeated(every.frame, key_columns(self._resource), INDEX)
        if suspected.is_empty():
            return suspected
        frame, raw, columns = self._brought(every, suspected)
        return columns[INDEX].filter(exact_duplicates(frame, raw, self._resource))

    def _brought(self, judged: JudgedOnSpark, index: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Rows as ``judge`` has them: cleansed, as delivered, and beside them ``_index``, text key, readability."""
        items = self._resource.item_names
        found = judged.at(index, [*judged.schema, *[item + RAW for item in items], KEY, READABLE])
        raw = found.select("_file", "_sheet", "_row", *[pl.col(name + RAW).alias(name) for name in items], "_extra")
        return found.select(list(judged.schema)), raw, found.select(INDEX, KEY, READABLE)

    def _unreadable(self, judged: JudgedOnSpark) -> pl.Series:
        return fetched(judged.frame.filter(f"not {READABLE}").select(INDEX))[INDEX].cast(pl.Int64)

    def _twice(self, keys: pl.Series) -> pl.Series:
        counts = set_work.counts_of(self._staging, self._all_judged.frame, KEY, keys)
        many = counts.filter(pl.col("count") > 1)[KEY]
        return keys.is_in(many.implode()).alias("twice")

    @property
    def _all_judged(self) -> JudgedOnSpark:
        assert self._judged is not None, "judge comes first"
        return self._judged

    def carried_keys(self, keys: pl.Series) -> pl.Series:
        return set_work.counts_of(self._staging, self._all_judged.frame, KEY, keys)[KEY].alias("key")

    def change_set(self, verdict: Judgement, stale: pl.DataFrame, *, delete_absent: bool) -> ChangeSet:
        key, stored = list(key_columns(self._resource)), stored_items(self._resource)
        self._phase("与仓库比对")
        accepted = set_work.without(self._staging, self._all_judged.frame, self._quarantined)
        names = [*dict.fromkeys([*key, *stored]), "_file", "_sheet", "_row"]
        counted = set_work.change_lines(
            self._staging, self._current, accepted.select(*[quoted(name) for name in names]), stale, LINES,
            key=key, items=stored, delivery=self._arrival.id, at=self._arrival.at, delete_absent=delete_absent,
            keep_items=[name for name in self._arrival.missing if name in stored],
            delete_keys=verdict.applied.deleted_keys(key) if verdict.applied is not None else None,
        )  # fmt: skip
        height = counted.inserted + counted.changed + counted.deleted + counted.flagged
        return ChangeSet(
            # OnSpark stands for a frame: the engine's own Commits take it
            source=cast(pl.DataFrame, OnSpark(self._lines.drop(WAS), height)), ended=cast(pl.DataFrame, self._ended(counted)),
            inserted=counted.inserted, changed=counted.changed, unchanged=counted.unchanged, deleted=counted.deleted, absent=counted.absent,
        )  # fmt: skip

    @cached_property
    def _lines(self) -> Any:
        return self._staging.session.read.parquet(self._staging.path(LINES))

    def _ended(self, counted: Counted) -> OnSpark:
        from pyspark.sql import functions as F

        ended = (
            self._lines.filter(F.col(OPERATION).isin("U", "D"))
            .withColumn("_ending", F.when(F.col(OPERATION) == "D", "deleted").otherwise("replaced"))
            .select(f"{WAS}.*", "_ending")
            .withColumn("_valid_to", F.lit(self._arrival.at))
            .withColumn("_ended_by", F.lit(self._arrival.id))
        )
        return OnSpark(ended, counted.changed + counted.deleted)

    def contradictions(self, applied: Applied, changes: ChangeSet) -> tuple[int, int, str]:
        from pyspark.sql import functions as F

        key = list(key_columns(self._resource))
        named = applied.frame.select(key).drop_nulls().unique()
        if named.is_empty():
            return contradictions(applied, named, named, key)
        asked = self._staging.put(named)
        standing = fetched(self._current.select(*map(quoted, key)).join(asked, key, "left_semi")).cast(named.schema)
        replaced = fetched(self._lines.filter(F.col(OPERATION) == "U").select(*map(quoted, key))).cast(named.schema)
        return contradictions(applied, standing, replaced, key)

    def after(self, changes: ChangeSet) -> OnSpark:
        if changes.source.height == 0:
            return self._before
        height = self.standing + changes.inserted - changes.deleted
        return OnSpark(set_work.applied(self._current, self._lines, key_columns(self._resource)), height, worked_out=True)

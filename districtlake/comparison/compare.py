"""Carrying out comparisons: each left side by itself, from pinned versions, incremental where it can be; one's failure stops no other."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import duckdb
import polars as pl

from districtlake.catalog.comparison_links import column_of, element_of
from districtlake.catalog.comparisons import Comparison
from districtlake.clock import local_date
from districtlake.comparison import record
from districtlake.comparison.expressions import values_on
from districtlake.comparison.found import lines_of
from districtlake.comparison.freshness import Dates, dates_of, days_of_data
from districtlake.comparison.matching import macros
from districtlake.comparison.record import Compared
from districtlake.comparison.scope import Before, Everything, collect_keys, feeds_of
from districtlake.comparison.standing import Standing, after
from districtlake.comparison.statement import KEYS, Pairing, pairings_of
from districtlake.comparison.turning import turned_over
from districtlake.delivery.district import District
from districtlake.delivery.locks import lock
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.marts.carriers import Carrier, carrier
from districtlake.marts.sources import ABSENT, Inputs
from districtlake.settings import Engine
from districtlake.warehouse.leads import LEADS, read_leads, write_leads
from districtlake.warehouse.statement import duck_words
from districtlake.wording.sentences import Listed

logger = logging.getLogger(__name__)

ENGINE = 1
"""Raised when the same rule over the same rows would find other leads: everything is then compared anew."""
LOCK = "comparisons"
_REMEDY = "Correct the comparison; districtlake catalog check names the place."


def run_name(day: date) -> str:
    """Under this the leads first seen on a Shanghai day become tickets; it stands where a delivery's id stands."""
    return f"比对-{day}"


def compare(
    district: District,
    names: Collection[str] | None = None,
    *,
    full: bool = False,
    on_done: Callable[[Compared], None] = lambda done: None,
    tell: Callable[[str], None] = lambda message: None,
) -> list[Compared]:
    """Carry out comparisons (default: all), write their leads and record it.

    Only join keys whose rows changed since the last time, or that the day moves, are compared again, unless ``full`` says otherwise. A
    lead that no comparison finds any more is closed; one whose rule is gone, too. What is not comparable stays as it is.

    Raises:
        NotFound: a name is no comparison.
    """
    known = district.catalog.comparisons
    for name in names or ():
        if name not in known:
            raise NotFound.of("comparison.none", comparison=name, known=Listed.of(sorted(known) or ["—"]))
    chosen = [one for one in sorted(known.values(), key=lambda one: (one.code, one.id)) if names is None or one.id in names]
    done: list[Compared] = []
    with lock(district.settings.locks, LOCK, tell=tell):
        work = _Run(district, full, chosen)
        try:
            for comparison in chosen:
                for one in work.comparison(comparison):
                    on_done(one)
                    done.append(one)
            if names is None:
                work.settle_removed()
            work.turn_over()
        finally:
            work.close(done)
    return done


def due_comparisons(district: District) -> list[str]:
    """Comparisons with work: a source or the rule changed, the day moves a condition, or the last attempt failed. Empty: nothing to run."""
    chosen = sorted(district.catalog.comparisons.values(), key=lambda one: (one.code, one.id))
    work = _Run(district, False, chosen)
    return [one.id for one in chosen if any(work.due(one, left.name) for left in one.left)]


@dataclass(frozen=True)
class _Judged:
    """What a pairing came to: its lines, the keys that were compared (None: all), and why all had to be."""

    lines: pl.DataFrame
    keys: pl.Series | None
    why_full: str = ""


class _Run:
    """One run: pinned inputs, the leads as they become."""

    def __init__(self, district: District, full: bool, chosen: Sequence[Comparison]):
        self.district, self.full, self.chosen = district, full, chosen
        self.inputs, self.now = Inputs(district), district.clock.now()
        self.today = local_date(self.now)
        self.name = run_name(self.today)
        self.days = days_of_data(district)
        self.last, self.good = record.latest(district.lake)
        self.leads = self.written = read_leads(district.lake)
        self._carriers: dict[Engine, Carrier] = {}
        self._unreadable: dict[str, DistrictLakeError] = {}
        self._stack = ExitStack()

    # keeping -------------------------------------------------------------------------------------------------------
    def close(self, done: list[Compared]) -> None:
        """Write the leads where they changed, then the record: a crash before or between the two compares again, with the same result."""
        self._stack.close()
        if not self.leads.equals(self.written):
            write_leads(self.district.lake, self.leads)
        record.append(self.district.lake, [one for one in done if one.outcome != "skipped"])

    def settle_removed(self) -> None:
        """Close the leads of rules that are gone or out of force; not while a broken file may be the reason."""
        if self.district.catalog_errors:
            return
        standing = {pairing for one in self.district.catalog.comparisons.values() if one.in_force(self.today)
                    for pairing in (f"{one.id}/{left.name}" for left in one.left)}  # fmt: skip
        gone = (pl.col("state") == "open") & ~pl.col("pairing").is_in(sorted(standing))
        if self.leads.filter(gone).height:
            ended: dict[str, Any] = {"state": "closed", "closing": "rule_removed", "closed_run": self.name, "closed_at": self.now}
            self.leads = self.leads.with_columns(
                pl.when(gone).then(pl.lit(value, dtype=LEADS[name])).otherwise(pl.col(name)).alias(name) for name, value in ended.items()
            )

    def turn_over(self) -> None:
        self.leads = turned_over(self.leads, self.district.store, self.today, run=self.name, at=self.now)

    def due(self, comparison: Comparison, left: str) -> bool:
        """Whether a left side of a comparison has to be looked at."""
        id_ = f"{comparison.id}/{left}"
        last, good = self.last.get(id_), self.good.get(id_)
        try:
            if not comparison.in_force(self.today):
                return last is not None and last.outcome != "not_in_force"
            values = values_on(comparison, self.today)
            pairing = next(one for one in pairings_of(comparison, self.district.catalog, values) if one.left.name == left)
            dates = dates_of(pairing, self.days, self.today)
            if dates.why_not:
                return last is None or last.outcome != "not_comparable" or last.reason != dates.why_not
            blank = Compared(
                self.name, comparison.id, id_, "compared", inputs=self.inputs.versions(pairing.sources), values=values,
                definition=definition_hash(pairing), as_of=dates.left, right_as_of=dates.right,
            )  # fmt: skip
            return last is None or last.outcome != "compared" or not self._as_before(pairing, good, blank)
        except DistrictLakeError:  # carrying it out says why
            return True

    # comparing -----------------------------------------------------------------------------------------------------
    def comparison(self, comparison: Comparison) -> list[Compared]:
        """Every left side of one comparison."""
        done = []
        for left in comparison.left:
            began, started = self.district.clock.now(), time.monotonic()
            blank = Compared(self.name, comparison.id, f"{comparison.id}/{left.name}", "failed")
            if not comparison.in_force(self.today):
                done.append(
                    replace(blank, outcome="not_in_force", reason=f"{comparison.valid_from or '…'} 至 {comparison.valid_to or '…'}")
                )
                continue
            try:
                values = values_on(comparison, self.today)
                one = self._pairing(
                    next(p for p in pairings_of(comparison, self.district.catalog, values) if p.left.name == left.name), blank
                )
            except DistrictLakeError as error:
                if error.retryable:  # a connection that was lost: the next comparison makes another
                    self._stack.close()
                    self._carriers.clear()
                    self._unreadable.clear()
                one = replace(blank, reason=str(error))
            except Exception as error:  # its words may quote a value
                self._stack.close()  # a connection that failed is not used again
                self._carriers.clear()
                logger.error("comparison %s failed: %s", blank.pairing, type(error).__name__)
                one = replace(
                    blank, reason=f"{type(error).__name__}：{duck_words(error) if isinstance(error, duckdb.Error) else '比对未能进行'}"
                )
            done.append(replace(one, started_at=began, finished_at=self.district.clock.now(), seconds=round(time.monotonic() - started, 3)))
        return done

    def _pairing(self, pairing: Pairing, blank: Compared) -> Compared:
        dates = dates_of(pairing, self.days, self.today)
        before = self.leads.filter(pl.col("pairing") == pairing.id)
        stands = before.filter(pl.col("state") == "open").height
        told = replace(blank, as_of=dates.left, right_as_of=dates.right, open=stands)
        if dates.why_not:
            return replace(told, outcome="not_comparable", reason=dates.why_not)
        versions, definition = self.inputs.versions(pairing.sources), definition_hash(pairing)
        told = replace(told, inputs=versions, values=pairing.values, definition=definition)
        good = self.good.get(pairing.id)
        if self._as_before(pairing, good, told):
            return replace(told, outcome="skipped")
        judged = self._judged(pairing, dates, good, definition)
        standing = self._standing(pairing, before, judged, dates)
        self.leads = pl.concat([self.leads.filter(pl.col("pairing") != pairing.id), standing.leads])
        return replace(
            told, outcome="compared", mode="full" if judged.keys is None else "incremental", why_full=judged.why_full,
            keys=0 if judged.keys is None else len(judged.keys), opened=standing.opened, closed=standing.closed, open=standing.open,
        )  # fmt: skip

    def _as_before(self, pairing: Pairing, good: Compared | None, now: Compared) -> bool:
        """Nothing that could change a lead did."""
        if good is None or self.full or good.definition != now.definition or dict(good.inputs) != dict(now.inputs):
            return False
        if (good.as_of, good.right_as_of) != (now.as_of, now.right_as_of):
            return False
        moved = {name for name, value in now.values.items() if good.values.get(name) != value}
        return pairing.moved_by(moved) == ([], "")

    def _judged(self, pairing: Pairing, dates: Dates, good: Compared | None, definition: str) -> _Judged:
        why_full = ""
        if good is not None and not self.full:
            if good.definition != definition:
                why_full = "the rule changed"
            else:
                try:
                    return self._changed_keys(pairing, dates, Before(good.inputs, good.values))
                except Everything as why:
                    why_full = str(why)
        carried = self._open(pairing)
        carried.keep(KEYS, pairing.candidates(), _REMEDY)
        rows = carried.rows(pairing.statement(restricted=True), _REMEDY)
        return _Judged(lines_of(rows, pairing, dates), None, why_full)

    def _changed_keys(self, pairing: Pairing, dates: Dates, before: Before) -> _Judged:
        feeds = feeds_of(pairing, before, self.inputs)
        rows = max(self._rows(source) for source in pairing.sources)
        carried = self._open(pairing)
        count = collect_keys(carried, pairing, before, feeds, rows)
        keys = carried.rows(f"SELECT {' || chr(124) || '.join(pairing.keys)} AS match_key FROM {KEYS}", _REMEDY)
        if not count:
            return _Judged(pl.DataFrame(schema=LEADS), keys["match_key"].cast(pl.String))
        found = carried.rows(pairing.statement(restricted=True), _REMEDY)
        return _Judged(lines_of(found, pairing, dates), keys["match_key"].cast(pl.String))

    def _open(self, pairing: Pairing) -> Carrier:
        """One carrier of each engine for the run, with every source of the chosen comparisons and nothing else.

        Raises:
            MartError: a source of this pairing does not open.
        """
        engine = pairing.comparison.engine or self.district.settings.engine
        if engine not in self._carriers:
            carried = self._stack.enter_context(carrier(self.inputs, engine))
            carried.define(macros())
            for source in sorted({side.resource for one in self.chosen for _, side in one.sides}):
                try:
                    carried.source(source)
                except DistrictLakeError as error:
                    self._unreadable[source] = error
            carried.seal()
            self._carriers[engine] = carried
        for source in pairing.sources:
            if source in self._unreadable:
                raise self._unreadable[source]
        return self._carriers[engine]

    def _rows(self, source: str) -> int:
        return 0 if self.inputs.version(source) == ABSENT else int(self.inputs.table(source).count())

    def _standing(self, pairing: Pairing, before: pl.DataFrame, judged: _Judged, dates: Dates) -> Standing:
        assert dates.left is not None
        assert dates.right is not None
        missing = before.filter((pl.col("state") == "open") & ~pl.col("lead_id").is_in(judged.lines["lead_id"].implode()))
        if judged.keys is not None:
            missing = missing.filter(pl.col("match_key").is_in(judged.keys.implode()))
        present = self._present(pairing, missing["key"]) if missing.height else pl.Series("key", [], dtype=pl.String)
        return after(before, judged.lines, judged.keys, present, run=self.name, at=self.now, left=dates.left, right=dates.right)

    def _present(self, pairing: Pairing, keys: pl.Series) -> pl.Series:
        """Which of the left table's text keys still exist."""
        from districtlake.warehouse.tables import scan_delta, text_key_of

        source = pairing.left.resource
        if self.inputs.version(source) == ABSENT:
            return keys.clear()
        scan = scan_delta(self.inputs.table(source))
        found = scan.select(text_key_of(pairing.row_key(pairing.left))).filter(pl.col("key").is_in(keys.implode())).collect()
        return found["key"]


def definition_hash(pairing: Pairing) -> str:
    """Changes when the pairing would find other leads, or tell of them otherwise, from the same rows."""
    catalog = pairing.catalog
    shape = list[tuple[Any, ...]]()
    for side in pairing.sides:
        resource = catalog.resources.get(side.resource)
        for item in (*side.join.values(), *side.columns.values()):
            element, column = element_of(catalog, side.resource, item), column_of(catalog, side.resource, item)
            shape.append((side.resource, item, element.model_dump(mode="json", include={"kind", "codes", "sensitivity"}) if element else "",
                          getattr(column, "title", ""), getattr(column, "sensitivity", "")))  # fmt: skip
        shape.append(
            (
                side.resource,
                resource.title if resource else "",
                resource.sharing.class_ if resource else "",
                resource.key if resource else "",
            )
        )
    unsaid = {"file", "left", "description", "engine", *(() if pairing.comparison.match else ("match",))}
    said: Mapping[str, Any] = {
        "engine": ENGINE, "rule": pairing.comparison.model_dump(mode="json", exclude=unsaid),
        "left": pairing.left.model_dump(mode="json"), "shape": shape,
    }  # fmt: skip
    return hashlib.blake2b(json.dumps(said, sort_keys=True, ensure_ascii=False).encode(), digest_size=8).hexdigest()

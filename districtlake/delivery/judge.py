"""The judging of one delivery's rows: what every rule says, which row goes where, what is to be told. Pure, and the same wherever rows
are judged: when a delivery is processed (``advance``), when a changed rule asks again (``revalidate``), when a draft is tried (``trial``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import polars as pl

from districtlake.catalog.models import Catalog, Resource
from districtlake.delivery.operation_column import Applied, Operations, operations_of
from districtlake.quality import problems
from districtlake.quality.fates import decide
from districtlake.quality.rules import STATUS_SUFFIX, Rule
from districtlake.quality.tolerance import Baselines, tolerated
from districtlake.quality.validation import ReferenceLookup, RuleResult, Validation, Validator
from districtlake.tickets.waivers import NOTHING, Waived
from districtlake.warehouse.tables import FINGERPRINT, fingerprints, key_columns, stored_items, text_key


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
        manifest: what the file and its manifest disagree on; "" when they agree, None when no manifest names it.
        baselines: for rules with ``tolerance: not_worse``, what the delivery before found.
        as_of: the day the data speak of: codes are judged by the lists in force then; None: by those of ``today``.
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
    manifest: str | None = None
    baselines: Baselines = field(default_factory=dict)
    as_of: date | None = None


@dataclass(frozen=True)
class Judgement:
    """The verdict on a delivery's rows.

    Attributes:
        frame, raw: the rows judged, cleansed and as delivered, row for row; exact duplicates are left out, and so are rows that delete or were superseded.
        keys: the text key of each (a ``row:`` fingerprint where it cannot be read). readable: whether it can.
        results: of every rule, in the order given, those that were not evaluated last.
        validation: failing rows as ``_index`` (row of ``frame``) and ``rule``, without those confirmed to be correct.
        sightings: schema ``problems.SIGHTING`` and ``_index``; without those confirmed.
        waived: ids of the problems that are confirmed.
        quarantined: per row, unreadable keys included.
        holding: results of failed rules that stop the delivery.
        applied: what its operation column says, where the resource declares one.
    """

    frame: pl.DataFrame
    raw: pl.DataFrame
    keys: pl.Series
    readable: pl.Series
    results: tuple[RuleResult, ...]
    validation: Validation
    sightings: pl.DataFrame
    waived: frozenset[str]
    quarantined: pl.Series
    holding: tuple[RuleResult, ...]
    duplicates: int
    applied: Applied | None = None

    @property
    def decided(self) -> frozenset[str]:
        """Ids of the rules that were evaluated."""
        return frozenset(result.rule.id for result in self.results if result.outcome != "not_evaluated")


def judge(
    cleansed: pl.DataFrame, arrival: Arrival, resource: Resource, catalog: Catalog, rules: Sequence[Rule], validator: Validator,
    references: ReferenceLookup, day: date,
) -> Judgement:  # fmt: skip
    """Judge a delivery by the rules in force on ``day`` (Asia/Shanghai, the day of judging).

    Args:
        cleansed: ``cleanse(arrival.raw, …).frame``.
    """
    assert arrival.raw is not None
    raw, frame = arrival.raw, identified(cleansed, arrival.raw, resource)
    applied = None
    if (operations := operations_of(raw, resource, arrival.mode)) is not None:
        frame = frame.with_columns(operations.words)
        applied = Applied.of(operations, frame, *text_keys_of(frame, raw, resource))
        frame, raw = frame.filter(applied.told_apart.judged), raw.filter(applied.told_apart.judged)
    duplicate = exact_duplicates(frame, raw, resource)
    judged, judged_raw = frame.filter(~duplicate), raw.filter(~duplicate)

    applicable, skipped = asked_of(arrival, rules, day)
    validation = validator(resource.id, judged, applicable, references)
    text_keys, readable = text_keys_of(judged, judged_raw, resource)
    return concluded(
        judged, judged_raw, text_keys, readable, validation, applicable, skipped, arrival, resource, catalog,
        twice=text_keys.is_duplicated, duplicates=int(duplicate.sum()), applied=applied,
    )  # fmt: skip


def asked_of(arrival: Arrival, rules: Sequence[Rule], day: date) -> tuple[list[Rule], tuple[RuleResult, ...]]:
    """The rules that a delivery is asked on ``day``, and what is told of the others: not in force, or the file lacks the item's column."""
    absent = set(arrival.missing)
    applicable = [rule for rule in rules if rule.in_force(day) and not (set(rule.items) & absent)]
    skipped = tuple(
        RuleResult(rule, "not_evaluated", reason=rule.why_not_in_force(day) or "文件没有该数据项的列")
        for rule in rules
        if not rule.in_force(day) or set(rule.items) & absent
    )
    return applicable, skipped


def concluded(
    judged: pl.DataFrame, judged_raw: pl.DataFrame, text_keys: pl.Series, readable: pl.Series, validation: Validation,
    applicable: Sequence[Rule], skipped: tuple[RuleResult, ...], arrival: Arrival, resource: Resource, catalog: Catalog,
    *, twice: Callable[[], pl.Series], duplicates: int, applied: Applied | None = None,
) -> Judgement:  # fmt: skip
    """What follows from the validation, row by row. Rows that break no rule and have a readable key may be left out: they change nothing.

    Args:
        judged, judged_raw, text_keys, readable: the rows ``validation.failures`` speaks of, by its ``_index``.
        twice: per row, whether any other judged row has its text key.
    """
    validation = replace(validation, results=tolerated(validation.results, arrival.baselines))
    sightings = problems.sightings_of_rows(
        resource, applicable, validation.failures, judged, judged_raw, text_keys, status_reasons(resource, catalog)
    )
    confirmed = _confirmed(sightings, judged, twice, arrival)
    waived = frozenset(sightings.filter(confirmed)["problem_id"])
    if waived:
        settled = sightings.filter(confirmed).select("_index", "rule").cast(validation.failures.schema)
        validation = replace(validation, failures=validation.failures.join(settled, on=["_index", "rule"], how="anti"))
        sightings = sightings.filter(~confirmed)
    fates = decide(judged.height, applicable, validation, arrival.waived)
    return Judgement(
        frame=judged, raw=judged_raw, keys=text_keys, readable=readable, results=(*validation.results, *skipped), validation=validation,
        sightings=sightings, waived=waived, quarantined=fates.quarantined | ~readable, holding=fates.holding, duplicates=duplicates,
        applied=applied,
    )  # fmt: skip


def lacking_columns(arrival: Arrival, operations: Operations | None, resource: Resource, rules: Sequence[Rule], day: date) -> list[str]:
    """Titles of the columns without which no row can be judged: key items, items required on ``day``, the operation column.

    Of a delivery that only deletes nothing but the key is needed.
    """
    asked = {rule.id for rule in rules if rule.in_force(day)}  # an item that is required from a day to come may still be absent
    only_keys = operations is not None and operations.only_deletes
    lacking = [
        resource.item(name).title for name in arrival.missing if name in resource.key or (f"{name}.required" in asked and not only_keys)
    ]
    if operations is not None and operations.absent and resource.source.operation is not None:
        lacking.append(resource.source.operation.column)
    return lacking


def status_reasons(resource: Resource, catalog: Catalog) -> dict[str, dict[str, str]]:
    """Item -> status code -> the sentence the agency reads."""
    from districtlake.standards.kinds import KINDS

    return {
        item.name: {code: status.reason for code, status in KINDS[catalog.element_of(item).kind].codes.items()} for item in resource.items
    }


def _confirmed(sightings: pl.DataFrame, judged: pl.DataFrame, among: Callable[[], pl.Series], arrival: Arrival) -> pl.Series:
    """True for each sighting that a waiver covers and whose row the warehouse can hold: one row a key, and every value typed."""
    covered = arrival.confirmed.covers(sightings)
    if not covered.any():
        return covered
    twice = among()
    lost = pl.Series("lost", [False], dtype=pl.Boolean).new_from_index(0, judged.height)
    for status in [name for name in judged.columns if name.endswith(STATUS_SUFFIX)]:
        item = judged[status.removesuffix(STATUS_SUFFIX)]
        lost = lost | (item.is_null() & judged[status].is_not_null() & (judged[status].cast(pl.String) != "ok"))
    index = sightings["_index"]
    return covered & ~(twice | lost).gather(index)


def identified(cleansed: pl.DataFrame, raw: pl.DataFrame, resource: Resource) -> pl.DataFrame:
    """With the fingerprint of each row where the resource has no natural key."""
    if resource.key:
        return cleansed
    return cleansed.with_columns(fingerprints(_content(cleansed, raw, resource), stored_items(resource)))


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


def exact_duplicates(frame: pl.DataFrame, raw: pl.DataFrame, resource: Resource) -> pl.Series:
    """True for every later copy of a row whose stored items are all the same. Content is compared only where keys repeat."""
    result = pl.Series("duplicate", [False], dtype=pl.Boolean).new_from_index(0, frame.height)
    if frame.height < 2:
        return result
    keys = key_columns(resource)
    where = (frame[keys[0]] if len(keys) == 1 else frame.select(keys)).is_duplicated().arg_true()
    if len(where) == 0:
        return result
    return result.scatter(where.filter(_later_copies(_content(frame[where], raw[where], resource))), True)


def key_readable(frame: pl.DataFrame, resource: Resource) -> pl.Series:
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


def text_keys_of(frame: pl.DataFrame, raw: pl.DataFrame, resource: Resource) -> tuple[pl.Series, pl.Series]:
    """Text key of each row (``row:`` fingerprint where the key cannot be read), and whether it can be read."""
    if not resource.key:
        return frame[FINGERPRINT].alias("key"), pl.Series("readable", [True] * frame.height, dtype=pl.Boolean)
    readable = key_readable(frame, resource)
    keys = text_key(frame, key_columns(resource))
    blind = (~readable).arg_true()
    if len(blind):
        rows = raw.select(resource.item_names)[blind]
        digest = [
            problems.ROW_KEY_PREFIX + hashlib.blake2b("\x1f".join(cell or "\x00" for cell in row).encode(), digest_size=16).hexdigest()
            for row in rows.iter_rows()
        ]
        keys = keys.scatter(blind, digest)
    return keys, readable

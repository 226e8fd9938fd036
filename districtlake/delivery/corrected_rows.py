"""Corrected values of a returned package become a correction delivery: the delivered row with the corrected items, patched by key.

The file goes the way of every correction: into the archive, through validation; nothing in it is believed because it came in a package.
What cannot become one is refused row by row, before anything is delivered.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from sqlalchemy import select

from districtlake.catalog.models import Catalog, Resource
from districtlake.cleansing import cleanse
from districtlake.clock import local_date
from districtlake.delivery.district import District
from districtlake.delivery.judge import status_reasons
from districtlake.delivery.receive import submit
from districtlake.errors import DistrictLakeError
from districtlake.ingestion.rows import raw_schema
from districtlake.quality.problems import ROW_KEY_PREFIX
from districtlake.quality.rules import STATUS_SUFFIX
from districtlake.store.tables import Delivery, Report, Ticket
from districtlake.tickets.answered_package import Answer, choice_named
from districtlake.tickets.answers import Answered, CorrectedValues, answer_package
from districtlake.tickets.dispositions import UNIQUE
from districtlake.tickets.machine import Actor
from districtlake.tickets.seal import seal_of
from districtlake.warehouse.commit import read
from districtlake.warehouse.history import current, scan
from districtlake.warehouse.leads import findings, read_leads, register_of_leads, turned_id
from districtlake.warehouse.tables import key_columns, text_key_of
from districtlake.wording.sentences import Sentence

PLACE = ("_delivery", "_file", "_sheet", "_row")
Place = tuple[Any, ...]


def take_package(district: District, path: Path, actor: Actor) -> Answered:
    """A filled package of ``actor``'s agency: its corrected values delivered, its answers carried out (``tickets.answers``).

    Raises:
        PackageRefused: it is not this agency's, or was tampered with. TicketRefused: the actor is no provider.
    """

    def correct(package: str, answers: Sequence[Answer]) -> CorrectedValues:
        return deliver_corrected(district, package, answers, actor)

    def register(resource: str) -> pl.DataFrame:
        return findings(district.lake, resource)

    return answer_package(district, path, actor, register, seal_of(district.settings.secrets), district.catalog, correct)


@dataclass
class _Row:
    """A row to be corrected: as it was delivered, which items become what, and the answers that say so."""

    delivered: Mapping[str, Any]
    values: dict[str, str] = field(default_factory=dict)
    answers: list[tuple[Answer, str]] = field(default_factory=list)


def deliver_corrected(district: District, package: str, answers: Sequence[Answer], actor: Actor) -> CorrectedValues:
    """Deliver the corrected values of ``answers``, one file for each resource (and for each set of columns that was delivered).

    The same values of the same package are the same bytes under the same path: sent again, they are known and change nothing.
    """
    refused: dict[tuple[str, int], Sentence] = {}
    deliveries: list[str] = []
    delivered = 0
    for resource, of_resource in _by_resource(district, answers).items():
        entry = district.catalog.resources.get(resource)
        rows = _rows(district, entry, of_resource, refused) if entry is not None else []
        if entry is None:
            refused |= {(one.sheet, one.row): Sentence.of("value.no_row") for one in of_resource}
            continue
        rows = _still_right(district, entry, rows, refused)
        for lacking, part in _by_columns(district, rows).items():
            names = [name for name in entry.item_names if name not in lacking]
            content = [{name: {**row.delivered, **row.values}[name] for name in names} for row in part]
            frame = pl.DataFrame(content, schema=dict.fromkeys(names, pl.String))
            try:
                found = _handed_in(district, entry, package, frame.sort(list(entry.key)), actor)
            except DistrictLakeError as error:
                why = Sentence.of("value.not_taken", reason=error.sentence or Sentence.of("error.again", code=error.code))
                refused |= {(one.sheet, one.row): why for row in part for one, _ in row.answers}
                continue
            deliveries.append(found)
            delivered += sum(len(row.answers) for row in part)
    return CorrectedValues(delivered, tuple(deliveries), refused)


def _by_resource(district: District, answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    numbers = sorted({answer.number for answer in answers})
    resources: dict[str, str] = {}
    with district.store.session(read_only=True) as session:
        for start in range(0, len(numbers), 500):
            query = select(Ticket.number, Ticket.resource).where(Ticket.number.in_(numbers[start : start + 500]))
            resources |= {row[0]: row[1] for row in session.execute(query)}
    found: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        found[resources.get(answer.number, "")].append(answer)
    return found


def _rows(district: District, resource: Resource, answers: Sequence[Answer], refused: dict[tuple[str, int], Sentence]) -> list[_Row]:
    """The rows the answers are about, each once; an answer whose finding is settled already is passed over."""
    register = read(district.lake, "problems", resource.id).filter(pl.col("state") == "open")
    subjects = _subjects(district, resource, register, [answer.problem for answer in answers])
    twice = set(register.filter(pl.col("rule") == UNIQUE)["key"])
    raw = _delivered(district, resource, [subject for subject in subjects.values() if subject["place"] is not None])
    rows: dict[str, _Row] = {}
    for answer in answers:
        subject = subjects.get(answer.problem)
        if subject is None:
            continue
        why = _impossible(resource, subject)
        found = raw.get(subject["place"], []) if why is None else []
        if why is None and subject["key"] in twice:
            why = Sentence.of("value.two_rows")
        if why is None and len(found) != 1:
            why = Sentence.of("value.two_rows" if found else "value.no_row")
        item = subject["item"]
        if why is None and (found[0][item] or "") == answer.value:
            why = Sentence.of("value.same", choice=choice_named("confirmed", district.policy))
        row = rows.get(subject["key"])
        if why is None and row is not None and tuple(row.delivered[name] for name in PLACE) != subject["place"]:
            why = Sentence.of("value.two_rows")
        if why is None and row is not None and row.values.get(item, answer.value) != answer.value:
            first = next(one for one, name in row.answers if name == item)
            why = Sentence.of("value.two_values", item=resource.item(item).title, row=first.row)
        if why is not None:
            refused[answer.sheet, answer.row] = why
            continue
        row = rows.setdefault(subject["key"], _Row(found[0]))
        row.values[item] = answer.value
        row.answers.append((answer, item))
    return list(rows.values())


def _subjects(district: District, resource: Resource, register: pl.DataFrame, problems: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of each open finding, report or lead: ``key``, ``item``, and ``place``, where its row was delivered last (None: it is not known)."""
    named = register.filter(pl.col("problem_id").is_in(list(problems)))
    found = {
        row["problem_id"]: {"key": row["key"], "item": row["item"], "place": (row["last_delivery"], row["file"], row["sheet"], row["row"])}
        for row in named.iter_rows(named=True)
    }
    others = [name for name in dict.fromkeys(problems) if name not in found]
    asked, rowless = _leads(district, resource, others) if others else ({}, set())
    with district.store.session(read_only=True) as session:
        for name in others:
            if (report := session.get(Report, name)) is not None:
                asked[name] = (report.key, report.item or "")
    places = _newest_places(district, resource, register, {key for key, _ in asked.values()}) if asked else {}
    return found | {
        name: {"key": key, "item": item, "place": None if name in rowless else places.get(key)} for name, (key, item) in asked.items()
    }


def _leads(district: District, resource: Resource, names: Sequence[str]) -> tuple[dict[str, tuple[str, str]], set[str]]:
    """(open lead -> key and item, those among them that are about a row the resource does not have: their key is what they were matched by)."""
    leads = read_leads(district.lake)
    opened = register_of_leads(leads, resource.id).filter((pl.col("state") == "open") & pl.col("problem_id").is_in(list(names)))
    rowless = leads.filter((pl.col("right_resource") == resource.id) & pl.col("right_key").is_null())
    asked = {row["problem_id"]: (row["key"], row["item"]) for row in opened.iter_rows(named=True)}
    return asked, {turned_id(one) for one in rowless["lead_id"]}


def _newest_places(district: District, resource: Resource, register: pl.DataFrame, keys: set[str]) -> dict[str, Place]:
    """Key -> where its row was delivered last: the warehouse's row, or the faulty one that came after it."""
    table = current(district.lake, resource.id)
    if table is None:
        return {}
    held = table.with_columns(text_key_of(key_columns(resource)).alias("_key")).filter(pl.col("_key").is_in(sorted(keys)))
    rows = held.select("_key", "_stale", *PLACE).collect()
    places = {row[0]: tuple(row[2:]) for row in rows.iter_rows()}
    newer = register.filter(pl.col("key").is_in(rows.filter("_stale")["_key"].implode()) & pl.col("row").is_not_null())
    return places | {row[0]: tuple(row[1:]) for row in newer.select("key", "last_delivery", "file", "sheet", "row").iter_rows()}


def _impossible(resource: Resource, subject: Mapping[str, Any]) -> Sentence | None:
    if not resource.key or subject["key"].startswith(ROW_KEY_PREFIX):
        return Sentence.of("value.no_key", resource=resource.title)
    if subject["item"] not in resource.item_names:
        return Sentence.of("value.no_item")
    if subject["item"] in resource.key:
        return Sentence.of("value.key_item", item=resource.item(subject["item"]).title)
    return Sentence.of("value.no_row") if subject["place"] is None else None


def _delivered(district: District, resource: Resource, subjects: Sequence[Mapping[str, Any]]) -> dict[Place, list[dict[str, Any]]]:
    """Place -> the raw rows that were delivered there."""
    wanted = pl.DataFrame([subject["place"] for subject in subjects], schema=_place_schema(), orient="row").unique()
    if not wanted.height:
        return {}
    rows = scan(district.lake, "raw", resource.id).filter(pl.col("_delivery").is_in(wanted["_delivery"].unique().to_list()))
    found: dict[Place, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.collect().join(wanted, on=list(PLACE), how="semi", nulls_equal=True).iter_rows(named=True):
        found[tuple(row[name] for name in PLACE)].append(row)
    return found


def _place_schema() -> dict[str, Any]:
    return {"_delivery": pl.String, "_file": pl.String, "_sheet": pl.String, "_row": pl.Int64}


def _still_right(district: District, resource: Resource, rows: list[_Row], refused: dict[tuple[str, int], Sentence]) -> list[_Row]:
    """The rows without the values that their item's own kind does not take: those are told at once. Validation judges the rest."""
    if not rows:
        return rows
    schema = raw_schema(resource)
    raw = pl.DataFrame([{name: {**row.delivered, **row.values}[name] for name in schema} for row in rows], schema=schema)
    frame = cleanse(raw, resource, district.catalog, local_date(district.clock.now())).frame
    reasons = _errors(resource, district.catalog)
    for index, row in enumerate(rows):
        for answer, item in list(row.answers):
            status = frame[item + STATUS_SUFFIX][index] if item + STATUS_SUFFIX in frame.columns else None
            if (reason := reasons.get(item, {}).get(status or "")) is not None:
                refused[answer.sheet, answer.row] = Sentence.of("value.still_wrong", reason=reason)
                row.answers.remove((answer, item))
                row.values.pop(item, None)
    return [row for row in rows if row.answers]


def _errors(resource: Resource, catalog: Catalog) -> dict[str, dict[str, str]]:
    """Item -> status that makes a value wrong -> the sentence the agency reads."""
    from districtlake.standards.kinds import KINDS

    told = status_reasons(resource, catalog)
    found: dict[str, dict[str, str]] = {}
    for item in resource.items:
        codes = KINDS[catalog.element_of(item).kind].codes
        found[item.name] = {code: reason for code, reason in told.get(item.name, {}).items() if codes[code].severity == "error"}
    return found


def _by_columns(district: District, rows: Iterable[_Row]) -> dict[frozenset[str], list[_Row]]:
    """By the columns that the file of each row did not have: a correction does not speak of what was never delivered."""
    of_row = [(row, row.delivered["_delivery"]) for row in rows]
    lacking: dict[str, frozenset[str]] = {}
    with district.store.session(read_only=True) as session:
        for identity in sorted({identity for _, identity in of_row}):
            delivery = session.get(Delivery, identity)
            missing = ((delivery.receipt or {}).get("read") or {}).get("missing") or {} if delivery is not None else {}
            lacking[identity] = frozenset(missing)
    found: dict[frozenset[str], list[_Row]] = defaultdict(list)
    for row, identity in of_row:
        found[lacking[identity] - frozenset(row.values)].append(row)
    return found


def _handed_in(district: District, resource: Resource, package: str, frame: pl.DataFrame, actor: Actor) -> str:
    """The delivery that holds these rows: the new one, or the one that brought the same bytes."""
    uploads = district.settings.state / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=uploads) as folder:
        digest = hashlib.blake2b(frame.write_csv(include_header=True).encode(), digest_size=4).hexdigest()
        path = Path(folder) / f"反馈单更正_{package[:12]}_{digest}.parquet"
        # Parquet: text stays text, and neither encoding nor place of the records (which the catalogue may prescribe) matters
        frame.write_parquet(path, compression="zstd", statistics=False)
        received = submit(district, path, resource.id, correction=True, data_date=None, actor=actor.name)
        if received.notices or received.growing:
            code = received.notices[0].code if received.notices else "ingestion.growing"
            raise DistrictLakeError.of("upload.not_taken", code=code, file=path.name)
    return received.new[0] if received.new else received.duplicates[0][1] if received.duplicates else received.standing[0]

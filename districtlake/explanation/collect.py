"""What every record says of one key. Reads only; values come out as they are, masking is the telling's."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl
from deltalake import DeltaTable
from sqlalchemy import select

from districtlake.catalog.models import Catalog, Resource
from districtlake.cleansing import cleanse
from districtlake.clock import local_date
from districtlake.delivery.district import District
from districtlake.delivery.states import TITLES as STATE_TITLES
from districtlake.errors import NotFound
from districtlake.explanation.steps import Step, steps_of
from districtlake.ingestion.rows import raw_schema
from districtlake.marts.definition import resources_behind
from districtlake.marts.table import scan_mart, version_of
from districtlake.quality.rules import STATUS_SUFFIX
from districtlake.standards.kind import CellContext
from districtlake.standards.kinds import KINDS
from districtlake.store.tables import Delivery, Ticket, TicketProblem, Waiver
from districtlake.warehouse.history import scan, versions
from districtlake.warehouse.leads import read_leads
from districtlake.warehouse.tables import FINGERPRINT, address, key_columns, stored_items, text_key, text_key_of, text_of_parts

_PLACE = ["_delivery", "_file", "_sheet", "_row"]
_LOOKED_NEAR = 20_000


@dataclass
class Cell:
    """One item in one delivery: the text as delivered, how it was cleansed, what the value is called now (``ok`` or a code, and its sentence)."""

    item: str
    raw: str | None
    value: str | None
    steps: list[Step] = field(default_factory=list)
    status: str | None = None
    reason: str = ""


@dataclass
class Appearance:
    """The row in one delivery.

    Attributes:
        fate: ``inserted`` ``changed`` ``unchanged`` ``quarantined`` ``held`` ``withdrawn`` ``other``.
        rules: judged in that delivery: outcome -> how many; ``broken``: rule id, version, title, reason of those this row broke.
    """

    delivery: Mapping[str, Any]
    file: str
    sheet: str | None
    row: int
    cells: list[Cell]
    fate: str
    rules: dict[str, int]
    broken: list[dict[str, Any]]


@dataclass
class Story:
    """Everything about one row; see the fields' sources in ``collect``."""

    resource: Resource
    key: str
    appearances: list[Appearance]
    versions: list[dict[str, Any]]
    stale: bool
    delta_version: int | None
    problems: list[dict[str, Any]]
    marts: list[dict[str, Any]]
    leads: list[dict[str, Any]]


def collect(district: District, resource_id: str, asked: str) -> Story:
    """The story of the row with a key.

    Args:
        asked: the parts of the key joined by "|", as stored or as people write them; of a resource without a key the fingerprint.

    Raises:
        NotFound: there is no such resource, it was never delivered, or no record knows the key; the hint names the nearest keys, masked.
    """
    resource = district.resource(resource_id)
    catalog, today = district.catalog, local_date(district.clock.now())
    key = _as_stored(resource, catalog, asked, today)
    ended = _versions(district, resource, key)
    places = _places(district, resource, key, ended)
    register = _of(district, "problems", resource).filter(pl.col("key") == key).collect()
    if places.is_empty() and register.is_empty():
        raise _unknown(district, resource, key)
    standing = ended.filter(pl.col("_valid_to").is_null())
    table = DeltaTable(str(address(district.lake, "warehouse", resource.id)))
    now = _of(district, "warehouse", resource).filter(text_key_of(key_columns(resource)) == key).select("_stale").collect()
    return Story(
        resource=resource, key=key, appearances=_appearances(district, resource, key, places, ended, register, today),
        versions=_told_versions(ended, resource), stale=bool(now["_stale"].any()) if now.height else False,
        delta_version=table.version() if standing.height else None, problems=_problems(district, register), marts=_marts(district, resource, key),
        leads=_leads(district, resource, key),
    )  # fmt: skip


def _of(district: District, layer: str, resource: Resource) -> pl.LazyFrame:
    return scan(district.lake, layer, resource.id)


def _as_stored(resource: Resource, catalog: Catalog, asked: str, today: date) -> str:
    """The key as tables hold it: each part cleansed as its element is; the text as given where it does not have the key's parts."""
    parts = asked.strip().split("|")
    if not resource.key or len(parts) != len(resource.key) or asked.startswith("row:"):
        return asked.strip()
    cleaned = []
    for part, name in zip(parts, resource.key, strict=True):
        item = resource.item(name)
        element = catalog.element_of(item)
        column = KINDS[element.kind].clean(
            pl.Series([part], dtype=pl.String), CellContext(element, item, catalog.code_list_of(item), today)
        )
        cleaned.append(column.value.cast(pl.String).item() or column.text.item() or part)
    return text_of_parts(cleaned)


def _versions(district: District, resource: Resource, key: str) -> pl.DataFrame:
    """All versions of the row, oldest first."""
    frame = versions(district.lake, resource).filter(text_key_of(key_columns(resource)) == key).collect()
    return frame.sort("_valid_from", "_valid_to", nulls_last=True)


def _places(district: District, resource: Resource, key: str, ended: pl.DataFrame) -> pl.DataFrame:
    """Where the row was ever delivered."""
    found = [ended.select(_PLACE), _of(district, "quarantine", resource).filter(pl.col("key") == key).select(_PLACE).collect()]
    if resource.key:
        found.append(_of(district, "cleansed", resource).filter(text_key_of(resource.key) == key).select(_PLACE).collect())
    return pl.concat(found).unique(maintain_order=True)


def _at(frame: pl.LazyFrame, places: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table at places."""
    narrowed = frame.filter(pl.col("_delivery").is_in(places["_delivery"].unique().to_list())).collect()
    return narrowed.join(places, on=_PLACE, how="semi", nulls_equal=True)


# one delivery --------------------------------------------------------------------------------------------------------
def _appearances(
    district: District, resource: Resource, key: str, places: pl.DataFrame, ended: pl.DataFrame, register: pl.DataFrame, today: date
) -> list[Appearance]:
    raw = _at(_of(district, "raw", resource), places)
    typed = _at(_of(district, "cleansed", resource), places)
    changes = _at(_of(district, "changes", resource), places)
    quarantined = _at(_of(district, "quarantine", resource), places)
    judged = _of(district, "results", resource).filter(pl.col("_delivery").is_in(places["_delivery"].unique().to_list())).collect()
    with district.store.session(read_only=True) as session:
        rows = session.scalars(select(Delivery).where(Delivery.id.in_(places["_delivery"].unique().to_list())))
        deliveries = {
            one.id: {"id": one.id, "file": one.file_name, "mode": one.mode, "data_date": one.data_date, "received_at": one.received_at,
                     "state": one.state, "state_title": STATE_TITLES.get(one.state, one.state), "order": one.order_key}
            for one in rows
        }  # fmt: skip
    told = []
    for place in places.iter_rows(named=True):
        here = pl.DataFrame([place], schema=places.schema)
        delivery = deliveries.get(place["_delivery"], {"id": place["_delivery"], "state": "", "order": ""})
        fenced = quarantined.join(here, on=_PLACE, how="semi", nulls_equal=True)
        mine = [one.join(here, on=_PLACE, how="semi", nulls_equal=True) for one in (raw, typed, changes)]
        cells = _cells(resource, district.catalog, mine[0], mine[1], mine[2], today)
        results = judged.filter(pl.col("_delivery") == place["_delivery"])
        outcomes = results["outcome"].value_counts(name="n")
        broken = _broken(place["_delivery"], fenced, register, results)
        fate = _fate(place, delivery, fenced, typed, ended, resource)
        if fate == "other" and any(rule["on_failure"] == "quarantine" for rule in broken):
            fate = "quarantined"  # then; it has left the quarantine since
        told.append(
            Appearance(
                delivery,
                place["_file"],
                place["_sheet"],
                place["_row"],
                cells,
                fate,
                dict(outcomes.iter_rows()),
                broken,
            )
        )
    return sorted(told, key=lambda one: (str(one.delivery.get("order", "")), one.file, one.row))


def _cells(resource: Resource, catalog: Catalog, raw: pl.DataFrame, typed: pl.DataFrame, changes: pl.DataFrame, today: date) -> list[Cell]:
    if raw.is_empty():
        return []
    delivered, values = raw.row(0, named=True), typed.row(0, named=True) if typed.height else {}
    altered = {row["item"]: row for row in changes.iter_rows(named=True)}
    schema = raw_schema(resource)
    again = cleanse(pl.DataFrame([{name: delivered.get(name) for name in schema}], schema=schema), resource, catalog, today).frame.row(
        0, named=True
    )
    cells = []
    for item in resource.items:
        value = values.get(item.name)
        cell = Cell(item.name, delivered.get(item.name), None if value is None else str(value))
        if (change := altered.get(item.name)) is not None:
            cell.steps = steps_of(item, catalog, change["before"] or "", change["after"], change["rule"], today)
        cell.status = again.get(f"{item.name}{STATUS_SUFFIX}")
        meaning = KINDS[catalog.element_of(item).kind].codes.get(cell.status or "")
        cell.reason = meaning.reason if meaning else ""
        cells.append(cell)
    return cells


def _fate(
    place: Mapping[str, Any],
    delivery: Mapping[str, Any],
    fenced: pl.DataFrame,
    typed: pl.DataFrame,
    ended: pl.DataFrame,
    resource: Resource,
) -> str:
    if delivery.get("state") == "withdrawn":
        return "withdrawn"
    if delivery.get("state") == "held":
        return "held"
    if fenced.height:
        return "quarantined"
    brought = [at for at, row in enumerate(ended.iter_rows(named=True)) if all(row[name] == place[name] for name in _PLACE)]
    if brought:
        before = ended.row(brought[0] - 1, named=True) if brought[0] else None
        return "changed" if before is not None and before["_ending"] == "replaced" else "inserted"
    names = [name for name in stored_items(resource) if name in typed.columns]
    mine = typed.filter(pl.all_horizontal(pl.col(name).eq_missing(pl.lit(place[name])) for name in _PLACE)).select(names)
    same = mine.join(ended.select(names), on=names, how="semi", nulls_equal=True).height
    return "unchanged" if same else "other"


def _broken(delivery: str, fenced: pl.DataFrame, register: pl.DataFrame, results: pl.DataFrame) -> list[dict[str, Any]]:
    """Rules this row broke in a delivery: as the quarantine or the register of problems remember it."""
    version = {row["rule"]: row["rule_version"] for row in results.iter_rows(named=True)}
    found: dict[str, dict[str, Any]] = {}
    for row in fenced.iter_rows(named=True):
        for rule, reason in zip(row["rules"] or (), row["reasons"] or (), strict=False):
            found[rule] = {"rule": rule, "version": version.get(rule), "reason": reason, "on_failure": "quarantine"}
    for row in register.iter_rows(named=True):
        if delivery in (row["first_delivery"], row["last_delivery"]):
            known = {"rule": row["rule"], "version": version.get(row["rule"]), "reason": row["reason"], "on_failure": row["on_failure"]}
            found.setdefault(row["rule"], known)
    return list(found.values())


# the row as a whole --------------------------------------------------------------------------------------------------
def _told_versions(ended: pl.DataFrame, resource: Resource) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    before: dict[str, Any] | None = None
    names = [name for name in stored_items(resource) if name in ended.columns]
    for row in ended.iter_rows(named=True):
        differ = [name for name in names if before is not None and row[name] != before[name]]
        told.append(
            {"valid_from": row["_valid_from"], "valid_to": row["_valid_to"], "delivery": row["_delivery"], "ended_by": row["_ended_by"],
             "ending": row["_ending"], "changed": differ, "values": {name: None if row[name] is None else str(row[name]) for name in names}}
        )  # fmt: skip
        before = row
    return told


def _problems(district: District, register: pl.DataFrame) -> list[dict[str, Any]]:
    """Problems with their ticket and waivers, the newest first."""
    ids = register["problem_id"].to_list()
    with district.store.session(read_only=True) as session:
        tickets = {
            problem: {"number": ticket.number, "stage": ticket.stage, "due_date": ticket.due_date, "closing": ticket.closing}
            for problem, ticket in session.execute(
                select(TicketProblem.problem_id, Ticket).join(Ticket, Ticket.id == TicketProblem.ticket_id).where(TicketProblem.problem_id.in_(ids))
            )
        }  # fmt: skip
        waivers: dict[str, list[dict[str, Any]]] = {}
        for one in session.scalars(select(Waiver).where(Waiver.problem_id.in_(ids))):
            told = {
                "granted_at": one.granted_at,
                "expires_on": one.expires_on,
                "revoked_at": one.revoked_at,
                "explanation": one.explanation,
            }
            waivers.setdefault(one.problem_id, []).append(told)
    rows = register.sort("first_seen_at", descending=True).to_dicts()
    return [{"record": row, "ticket": tickets.get(row["problem_id"]), "waivers": waivers.get(row["problem_id"], [])} for row in rows]


def _marts(district: District, resource: Resource, key: str) -> list[dict[str, Any]]:
    """Marts that read the resource; ``rows``: how many of their rows bear the key, None where they have no such column or were never built."""
    told = []
    parts = key.split("|")
    for id_, mart in sorted(district.catalog.marts.items()):
        if resource.id not in resources_behind(mart, district.catalog):
            continue
        version, rows = version_of(district.lake, id_), None
        columns = {column.name for column in mart.columns}
        if version is not None and resource.key and set(resource.key) <= columns and len(parts) == len(resource.key):
            same = [pl.col(name).cast(pl.String) == part for name, part in zip(resource.key, parts, strict=True)]
            rows = int(scan_mart(district.lake, id_).filter(pl.all_horizontal(same)).select(pl.len()).collect().item())
        told.append({"mart": id_, "title": mart.title, "version": version, "rows": rows})
    return told


def _leads(district: District, resource: Resource, key: str) -> list[dict[str, Any]]:
    """What comparisons with other agencies found about the row, on either side."""
    left = (pl.col("resource") == resource.id) & (pl.col("key") == key)
    right = (pl.col("right_resource") == resource.id) & (pl.col("right_key") == key)
    names = ["code", "title", "state", "reason", "first_seen_at", "closed_at", "closing", "resource", "right_resource"]
    return read_leads(district.lake).filter(left | right).select(names).to_dicts()


def _unknown(district: District, resource: Resource, key: str) -> NotFound:
    """With the nearest keys, masked."""
    from districtlake.catalog.masking import mask_item

    columns = key_columns(resource)
    frame = _of(district, "warehouse", resource).select(columns).collect()
    known = text_key(frame, columns)
    alike = known.filter((known.str.slice(0, 4) == key[:4]) | (known.str.slice(-4) == key[-4:])).head(_LOOKED_NEAR).to_list()
    near = []
    for one in difflib.get_close_matches(key, alike or known.head(_LOOKED_NEAR).to_list(), n=3, cutoff=0.7):
        parts = one.split("|")
        shown = [mask_item(part, resource.item(name), district.catalog) or "" for part, name in zip(parts, resource.key, strict=False)]
        near.append("|".join(shown) if resource.key else one)
    how = "+".join(resource.item(name).title for name in resource.key) if resource.key else FINGERPRINT
    nearest = f" Nearest: {'; '.join(near)}." if near else ""
    return NotFound(
        f"{resource.id} has no row with this key, in the warehouse, in quarantine or earlier.",
        hint=f"The key is {how}, parts joined by |.{nearest} See: districtlake show {resource.id}.",
    )

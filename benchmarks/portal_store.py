"""What the portal's benchmark stands on: a state folder with tickets, problem registers, results, rows, deliveries and accounts, all synthetic.

What lies in the lake is written by the product's own writers, one commit of results a delivery, as nights leave them."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast, get_args

import polars as pl
from sqlalchemy import insert

from districtlake.access import accounts, commissions, sessions
from districtlake.access.accounts import NewAccount
from districtlake.catalog.models import DIMENSION_TITLES, Resource
from districtlake.cleansing import cleanse
from districtlake.clock import SHANGHAI, local_date
from districtlake.delivery.district import District
from districtlake.ingestion.rows import raw_schema
from districtlake.quality.derive import rules_of
from districtlake.quality.problems import REGISTER, SIGHTING, Judged, problem_id, update
from districtlake.quality.results import results_frame
from districtlake.quality.validation import RuleResult
from districtlake.store.access_tables import Role
from districtlake.store.tables import Delivery, Operation, Ticket, TicketEvent, TicketProblem
from districtlake.warehouse.changes import change_set
from districtlake.warehouse.commit import Commits, read, versions
from districtlake.warehouse.tables import FINGERPRINT, ensure_tables, fingerprints, key_columns, stored_items, tables_held_open

OPEN_SHARE = 0.8
"""Of the tickets. All problems lie under open ones."""
HEAVY_SHARE = 0.3
"""Of the problems lie in one resource's register: a district has one register that is larger than the others."""
DAYS = 90
ROWS = 980
"""Of each resource in the warehouse: what a delivery of a thousand rows leaves of them."""
_DIMENSIONS = tuple(DIMENSION_TITLES)


@dataclass(frozen=True)
class User:
    """Somebody at a browser: already signed in, so a page is what is measured."""

    login: str
    role: str
    agency: str | None
    token: str
    csrf: str


def fill(district: District, *, tickets: int, problems: int, seed: int, days: int = DAYS) -> None:
    """Tickets of every agency with a resource, their problems and events, and each resource's deliveries of ``days`` days with their results."""
    rng = random.Random(seed)
    resources = sorted(district.catalog.resources.values(), key=lambda one: one.id)
    for resource in resources:
        ensure_tables(district.lake, resource, district.catalog)
    now = district.clock.now()
    made: dict[type, list[dict[str, Any]]] = {Delivery: [], Operation: [], Ticket: [], TicketEvent: [], TicketProblem: []}
    delivered: dict[str, list[dict[str, Any]]] = {}
    for resource in resources:
        delivered[resource.id] = [_delivery(resource, now - timedelta(days=days - day)) for day in range(days)]
        made[Delivery] += delivered[resource.id]
        made[Operation] += [_operation(district, one, number) for number, one in enumerate(delivered[resource.id], start=1)]
    open_ones = max(1, round(tickets * OPEN_SHARE))
    shares = [(problems * (n + 1)) // open_ones - (problems * n) // open_ones for n in range(open_ones)]
    heavy = resources[0]
    registers: dict[str, list[dict[str, Any]]] = {resource.id: [] for resource in resources}
    for number in range(tickets):
        is_open = number < open_ones
        resource = heavy if rng.random() < HEAVY_SHARE else rng.choice(resources)
        ticket = _ticket(district, resource, number, shares[number] if is_open else 0, is_open, now, rng, days)
        made[Ticket].append(ticket)
        made[TicketEvent] += _events(ticket)
        for place in range(ticket["open_problems"]):
            row = _sighting(resource, ticket, place, rng)
            registers[resource.id].append(row)
            made[TicketProblem].append(
                {
                    "problem_id": row["problem_id"],
                    "resource": resource.id,
                    "ticket_id": ticket["id"],
                    "first_delivery": ticket["delivery_id"],
                }
            )
    with district.store.session() as session:
        for table in (Delivery, Operation, Ticket, TicketEvent, TicketProblem):
            for start in range(0, len(made[table]), 5_000):
                session.execute(insert(table), made[table][start : start + 5_000])
    for resource in resources:
        with tables_held_open():
            _lay_down(district, resource, delivered[resource.id], registers[resource.id], rng)


def people(district: District, count: int) -> list[User]:
    """``count`` accounts with sessions: one in ten the Office's, one in ten an auditor's or contractor's, the rest providers' and users'."""
    agencies = sorted({resource.agency for resource in district.catalog.resources.values()})
    found = []
    for number in range(count):
        role = cast(Role, ("office", "auditor" if number % 20 == 1 else "contractor", *["provider"] * 6, *["user"] * 2)[number % 10])
        agency = agencies[number % len(agencies)] if role in ("provider", "user") else None
        login = f"bench{number}"
        accounts.create(
            district.store, district.clock, NewAccount(login, login, role, agency), password=None, agencies=frozenset(district.catalog.agencies),
            actor="benchmark",
        )  # fmt: skip
        account = next(one for one in accounts.every(district.store) if one.login == login)
        if role == "contractor":
            for scope in agencies[number // 10 % 3 :: 3]:
                commissions.give(
                    district.store, district.clock, login, scope, last_day=local_date(district.clock.now()) + timedelta(days=30),
                    reference="benchmark", known=set(agencies), actor="benchmark",
                )  # fmt: skip
        signed = sessions.begin(district.store, district.clock, accounts.viewer_of(account))
        found.append(User(login, role, agency, signed.token, signed.csrf))
    assert {user.role for user in found} <= set(get_args(Role))
    return found


def _delivery(resource: Resource, at: datetime) -> dict[str, Any]:
    day = local_date(at)
    name = f"{resource.name}_{day:%Y%m%d}.csv"
    return {
        "id": f"{resource.name}-{day:%Y%m%d}-{resource.agency}", "agency": resource.agency, "resource": resource.id, "mode": resource.source.mode,
        "file_name": name, "source_path": f"{resource.agency}/{name}", "sha256": hashlib.sha256(f"{resource.id} {day}".encode()).hexdigest(),
        "bytes": 100_000, "data_date": day, "order_key": day.isoformat(), "received_at": at, "received_by": "benchmark", "state": "done",
        "state_reason": "", "attempts": 1, "receipt": {}, "counts": {"delivered": 1000, "passed": 980, "quarantined": 20}, "version": 1,
    }  # fmt: skip


def _operation(district: District, delivery: dict[str, Any], number: int) -> dict[str, Any]:
    at = delivery["received_at"]
    return {
        "resource": delivery["resource"], "seq": number, "kind": "process", "delivery_id": delivery["id"], "state": "done", "base_versions": {},
        "actor": "benchmark", "reason": "", "started_at": at, "finished_at": at, "catalog_hash": "", "policy_version": district.policy.version,
        "counts": {},
    }  # fmt: skip


def _lay_down(
    district: District, resource: Resource, deliveries: list[dict[str, Any]], sightings: list[dict[str, Any]], rng: random.Random
) -> None:
    """The resource's results (a commit for each delivery), its problem register and its warehouse rows."""
    rules = rules_of(resource, district.catalog)

    def commits() -> Commits:
        return Commits(district.lake, resource.id, versions(district.lake, resource.id), 0)

    for one in deliveries:
        results = [
            RuleResult(rule, "failed" if failed else "passed", 1000 if rule.scope == "row" else 1, failed)
            for rule in rules
            for failed in (rng.choice((0, 0, 0, rng.randrange(1, 20))) if rule.scope == "row" else 0,)
        ]
        commits().append("results", results_frame(results, one["id"], one["received_at"]))
    if sightings:
        commits().overwrite("problems", _register(resource, sightings))
    raw = _raw(resource)
    rows = cleanse(raw, resource, district.catalog, local_date(district.clock.now())).frame
    items, key = stored_items(resource), key_columns(resource)
    if not resource.key:
        rows = rows.with_columns(fingerprints(rows, items).alias(FINGERPRINT))
    rows = rows.unique(list(key), keep="first", maintain_order=True).drop_nulls(list(key))
    current = read(district.lake, "warehouse", resource.id)
    last = deliveries[-1]
    made = change_set(
        current, rows, rows.select(key).clear(), key=key, items=items, delivery=last["id"], at=last["received_at"], delete_absent=False
    )
    commits().merge(made.source, key)


def _register(resource: Resource, sightings: list[dict[str, Any]]) -> pl.DataFrame:
    """The register after these sightings, delivery by delivery: each first seen in its ticket's."""
    judged = Judged(frozenset(), frozenset(), pl.Series([], dtype=pl.String), whole=False)
    parts = []
    for (delivery, at), seen in pl.DataFrame(sightings, infer_schema_length=None).group_by("delivery", "at", maintain_order=True):
        frame = seen.select(list(SIGHTING)).cast(pl.Schema(SIGHTING))
        parts.append(update(pl.DataFrame(schema=REGISTER), frame, judged, resource=resource, delivery=str(delivery), at=cast(datetime, at)))
    return pl.concat(parts)


def _raw(resource: Resource) -> pl.DataFrame:
    """``ROWS`` rows of the resource as text. Numbers stand for every value: how many rows there are counts here, not what they say."""
    number = pl.int_range(1, ROWS + 1, eager=True).cast(pl.String)
    place = {"_file": f"{resource.name}.csv", "_sheet": None, "_row": range(2, ROWS + 2), "_extra": None}
    return pl.DataFrame({name: place.get(name, number) for name in raw_schema(resource)}, schema=raw_schema(resource))


def _ticket(
    district: District, resource: Resource, number: int, problems: int, is_open: bool, now: datetime, rng: random.Random, days: int
) -> dict[str, Any]:
    opened = now - timedelta(minutes=rng.randrange(min(60, days) * 24 * 60))
    due = local_date(opened) + timedelta(days=rng.choice((7, 7, 7, 30, 60)))
    closed_at = None if is_open else min(now, opened + timedelta(days=rng.randrange(12)))
    item = rng.choice(resource.items)
    return {
        "id": f"{number:032x}", "number": f"T{now.year}-{number + 1:06d}", "agency": resource.agency, "resource": resource.id,
        "delivery_id": f"{resource.name}-{local_date(opened):%Y%m%d}-{resource.agency}", "rule_id": f"{item.name}.conforms",
        "rule_title": f"“{item.title}”应符合规范。", "dimension": rng.choice(_DIMENSIONS), "severity": "critical", "on_failure": "quarantine",
        "kind": "problem", "matter": "error", "origin": "validation", "state": "open" if is_open else "closed",
        "stage": "handling" if is_open else "settled", "round": 1, "problems": max(1, problems), "open_problems": problems,
        "sample_rows": [2, 3], "opened_at": opened, "received_at": opened, "due_date": due,
        "due_at": datetime.combine(due + timedelta(1), datetime.min.time(), tzinfo=SHANGHAI), "provisional": False,
        "terms": {"article": "第二十七条第三款"}, "urgent": False, "extended": False, "was_late": False, "escalations": 0,
        "policy_id": district.policy.id, "policy_version": district.policy.version, "closed_at": closed_at,
        "closing": None if is_open else "fixed", "version": 1,
    }  # fmt: skip


def _events(ticket: dict[str, Any]) -> list[dict[str, Any]]:
    common = {
        "ticket_id": ticket["id"], "actor": "system", "role": "system", "agency": None, "policy_id": ticket["policy_id"],
        "policy_version": ticket["policy_version"],
    }  # fmt: skip
    happened = [(ticket["opened_at"], "opened"), (ticket["opened_at"], "dispatched")]
    if ticket["closed_at"] is not None:
        happened.append((ticket["closed_at"], "closed"))
    return [{**common, "at": at, "event": event, "data": {"problems": ticket["problems"]}} for at, event in happened]


def _sighting(resource: Resource, ticket: dict[str, Any], place: int, rng: random.Random) -> dict[str, Any]:
    """A finding under a ticket, and with it ``delivery`` and ``at``: where it was first seen."""
    key, item = f"{ticket['number']}-{place}", ticket["rule_id"].split(".")[0]
    return {
        "problem_id": problem_id(resource.id, ticket["rule_id"], key, item), "rule": ticket["rule_id"], "rule_title": ticket["rule_title"],
        "item": item, "key": "|".join([key] * max(1, len(resource.key))), "dimension": ticket["dimension"], "severity": "critical",
        "on_failure": "quarantine", "file": f"{resource.name}.csv", "sheet": None, "row": rng.randrange(2, 100_000),
        "value": f"{rng.randrange(10**12)}", "reason": "与规范不符。", "delivery": ticket["delivery_id"], "at": ticket["opened_at"],
    }  # fmt: skip

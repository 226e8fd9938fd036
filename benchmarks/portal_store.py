"""What the portal's benchmark stands on: a state folder with tickets, problem registers, deliveries and accounts, all synthetic, made in seconds."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast, get_args

import polars as pl
from deltalake import write_deltalake
from sqlalchemy import insert

from districtlake.access import accounts, sessions
from districtlake.access.accounts import NewAccount
from districtlake.catalog.models import DIMENSION_TITLES, Resource
from districtlake.clock import SHANGHAI, local_date
from districtlake.delivery.district import District
from districtlake.quality.problems import REGISTER, problem_id
from districtlake.store.access_tables import Role
from districtlake.store.tables import Delivery, Ticket, TicketEvent, TicketProblem
from districtlake.warehouse.tables import address, ensure_tables

OPEN_SHARE = 0.8
"""Of the tickets. All problems lie under open ones."""
HEAVY_SHARE = 0.3
"""Of the problems lie in one resource's register: a district has one register that is larger than the others."""
DAYS = 90
_DIMENSIONS = tuple(DIMENSION_TITLES)


@dataclass(frozen=True)
class User:
    """Somebody at a browser: already signed in, so a page is what is measured."""

    login: str
    role: str
    agency: str | None
    token: str
    csrf: str


def fill(district: District, *, tickets: int, problems: int, seed: int) -> None:
    """Tickets of every agency with a resource, their problems and events, and each resource's deliveries of ``DAYS`` days."""
    rng = random.Random(seed)
    resources = sorted(district.catalog.resources.values(), key=lambda one: one.id)
    for resource in resources:
        ensure_tables(district.lake, resource, district.catalog)
    now = district.clock.now()
    made: dict[type, list[dict[str, Any]]] = {Delivery: [], Ticket: [], TicketEvent: [], TicketProblem: []}
    for resource in resources:
        made[Delivery] += [_delivery(resource, now - timedelta(days=DAYS - day)) for day in range(DAYS)]
    open_ones = max(1, round(tickets * OPEN_SHARE))
    shares = [(problems * (n + 1)) // open_ones - (problems * n) // open_ones for n in range(open_ones)]
    heavy = resources[0]
    registers: dict[str, list[dict[str, Any]]] = {resource.id: [] for resource in resources}
    for number in range(tickets):
        is_open = number < open_ones
        resource = heavy if rng.random() < HEAVY_SHARE else rng.choice(resources)
        ticket = _ticket(district, resource, number, shares[number] if is_open else 0, is_open, now, rng)
        made[Ticket].append(ticket)
        made[TicketEvent] += _events(ticket)
        for place in range(ticket["open_problems"]):
            row = _problem(resource, ticket, place, rng)
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
        for table in (Delivery, Ticket, TicketEvent, TicketProblem):
            for start in range(0, len(made[table]), 5_000):
                session.execute(insert(table), made[table][start : start + 5_000])
    for resource_id, rows in registers.items():
        if rows:
            write_deltalake(str(address(district.lake, "problems", resource_id)), pl.DataFrame(rows, schema=REGISTER), mode="append")


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


def _ticket(
    district: District, resource: Resource, number: int, problems: int, is_open: bool, now: datetime, rng: random.Random
) -> dict[str, Any]:
    opened = now - timedelta(minutes=rng.randrange(60 * 24 * 60))
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


def _problem(resource: Resource, ticket: dict[str, Any], place: int, rng: random.Random) -> dict[str, Any]:
    key, item = f"{ticket['number']}-{place}", ticket["rule_id"].split(".")[0]
    return {
        "problem_id": problem_id(resource.id, ticket["rule_id"], key, item), "resource": resource.id, "agency": resource.agency,
        "rule": ticket["rule_id"], "rule_title": ticket["rule_title"], "item": item, "key": "|".join([key] * max(1, len(resource.key))),
        "first_delivery": ticket["delivery_id"], "first_seen_at": ticket["opened_at"], "last_delivery": ticket["delivery_id"],
        "last_seen_at": ticket["opened_at"], "sightings": 1, "state": "open", "closed_delivery": None, "closed_at": None, "closing": None,
        "dimension": ticket["dimension"], "severity": "critical", "on_failure": "quarantine", "file": f"{resource.name}.csv", "sheet": None,
        "row": rng.randrange(2, 100_000), "value": f"{rng.randrange(10**12)}", "reason": "与规范不符。",
    }  # fmt: skip

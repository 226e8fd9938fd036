"""What users of the data report (Article 27, paragraph 2; Article 28): by form or from their own system, once however often it is sent.

A report reaches the Office first. One about the same row and item as an open report joins it: the reporter is kept and hears of the
outcome. The claimed value is kept where the provider can read it, and nowhere else. A correction is proved by the warehouse: its value
must have changed since the report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from districtlake.catalog.models import Catalog, Resource
from districtlake.clock import SHANGHAI, local_date
from districtlake.errors import DistrictLakeError
from districtlake.store.tables import Report, Ticket
from districtlake.tickets.journal import LOCK, Desk, happened, next_numbers
from districtlake.tickets.machine import MATTERS, SYSTEM, Actor, TicketRefused, matter_named
from districtlake.tickets.waivers import digest_of, new_salt
from districtlake.warehouse.tables import key_columns, text_key_of
from districtlake.wording.sentences import Listed, Sentence

TITLES = {"error": "使用单位反馈：数据有误", "omission": "使用单位反馈：数据遗漏", "infringement": "使用单位反馈：侵犯第三方合法权益"}
MOST_TEXT = 4000

Warehouse = Callable[[str], pl.LazyFrame | None]
"""Resource id -> its current table; None when it was never delivered."""


class TooManyReports(DistrictLakeError):
    """One reporter sends more than the pack allows on a day."""

    code = "feedback.too_many"
    retryable = True


@dataclass(frozen=True)
class Reported:
    """What became of a report: the ticket it is under; ``repeated``: it had been sent before; ``joined``: it joined an open one."""

    id: str
    number: str
    repeated: bool = False
    joined: bool = False


def report(
    desk: Desk,
    actor: Actor,
    resource: Resource,
    warehouse: Warehouse,
    *,
    request_id: str,
    key: str,
    item: str | None = None,
    claimed: str | None = None,
    text: str = "",
    matter: str = "error",
    channel: str = "form",
    external_id: str | None = None,
) -> Reported:
    """Take down what a user of the data reports. The same ``request_id`` of the same reporter is the same report.

    Args:
        key: the row's text key (``warehouse.tables.text_key``: parts joined by "|").
        item: what is said to be wrong; None: the row as a whole, or a row that is missing.
        claimed: what the reporter holds to be right.
        channel: "form" or "api".

    Raises:
        TicketRefused: the report names no item of the resource, or says nothing.
        TooManyReports: more than the pack's number on one day.
    """
    _checked(actor, resource, request_id, key, item, claimed, text, matter, channel)
    now = desk.clock.now()
    identity = hashlib.blake2b("\x1f".join(("report", actor.name, request_id)).encode(), digest_size=16).hexdigest()
    salt, seen = new_salt(), value_of(warehouse(resource.id), resource, key, item)
    with desk.store.session() as session:
        desk.store.exclusive(session, LOCK)
        if (known := session.get(Report, identity)) is not None:
            return Reported(identity, session.get_one(Ticket, known.ticket_id).number, repeated=True)
        _flood(session, actor, now, desk)
        ticket = _same(session, resource.id, key, item, matter)
        joined = ticket is not None
        if ticket is None:
            (number,) = next_numbers(session, now, 1)
            columns = {
                "number": number, "agency": resource.agency, "resource": resource.id, "delivery_id": "", "rule_id": f"feedback.{matter}",
                "rule_title": TITLES[matter], "dimension": "completeness" if matter == "omission" else "accuracy",
                "severity": "critical" if matter == "infringement" else "warning", "on_failure": "report", "kind": "problem", "matter": matter,
                "origin": "feedback", "problems": 1, "open_problems": 1, "opened_at": now, "policy_id": desk.policy.id,
                "policy_version": desk.policy.version,
            }  # fmt: skip
            ticket = Ticket(id=identity, state="open", stage="waiting", sample_rows=[], **columns)
            happened(session, ticket, "opened", desk, actor, {"channel": channel}, **columns)
        session.add(
            Report(
                id=identity, ticket_id=ticket.id, request_id=request_id, reporter=actor.name, agency=actor.agency, channel=channel,
                external_id=external_id, resource=resource.id, key=key, item=item, matter=matter, claimed=claimed, text=text.strip(), salt=salt,
                seen_digest=digest_of(seen.value, salt) if seen.exists else None, reported_at=now,
            )
        )  # fmt: skip
        if joined:
            happened(session, ticket, "reported", desk, actor, {"channel": channel, "report": identity})
        return Reported(identity, ticket.number, joined=joined)


def _checked(
    actor: Actor, resource: Resource, request_id: str, key: str, item: str | None, claimed: str | None, text: str, matter: str, channel: str
) -> None:
    wrong: Sentence | None = None
    if actor.role not in ("user", "provider", "office", "contractor"):
        wrong = Sentence.of("feedback.not_a_person")
    elif matter not in MATTERS or channel not in ("form", "api"):
        wrong = Sentence.of("feedback.matter", matters=Listed.of(matter_named(one) for one in MATTERS))
    elif not request_id.strip() or not key.strip():
        wrong = Sentence.of("feedback.no_key")
    elif item is not None and item not in resource.item_names:
        wrong = Sentence.of("feedback.no_item", resource=resource.id, item=item[:100])
    elif not text.strip() and claimed is None and matter == "error":
        wrong = Sentence.of("feedback.nothing_said")
    elif len(text) > MOST_TEXT or len(claimed or "") > MOST_TEXT:
        wrong = Sentence.of("feedback.too_long", most=MOST_TEXT)
    if wrong is not None:
        raise TicketRefused.because(wrong, code="feedback.invalid")


def _flood(session: Session, actor: Actor, now: datetime, desk: Desk) -> None:
    most = desk.policy.handling.reports_per_day
    if most is None:
        return
    begin = datetime.combine(local_date(now), time(), tzinfo=SHANGHAI)
    count = session.scalar(
        select(func.count()).select_from(Report).where(Report.reporter == actor.name, Report.reported_at >= begin, Report.reported_at < begin + timedelta(1))
    )  # fmt: skip
    if (count or 0) >= most.value:
        raise TooManyReports.of("feedback.too_many", who=actor.name, count=count)


def _same(session: Session, resource: str, key: str, item: str | None, matter: str) -> Ticket | None:
    """The open ticket about the same row and item."""
    query = (
        select(Ticket)
        .join(Report, Report.ticket_id == Ticket.id)
        .where(Report.resource == resource, Report.key == key, Report.matter == matter, Ticket.state == "open")
        .where(Report.item == item if item is not None else Report.item.is_(None))
        .order_by(Ticket.number)
        .limit(1)
    )
    return session.scalars(query).first()


@dataclass(frozen=True)
class Value:
    """What the warehouse holds for a key and item: ``exists`` is the row."""

    exists: bool
    value: str | None = None


def value_of(table: pl.LazyFrame | None, resource: Resource, key: str, item: str | None) -> Value:
    """The warehouse's value; without an item the whole row's content as one text."""
    if table is None:
        return Value(False)
    found = table.filter(text_key_of(key_columns(resource)) == key).collect()
    if found.height == 0:
        return Value(False)
    if item is not None and item in found.columns:
        value = found[item].cast(pl.String)[0]
        return Value(True, value)
    names = [name for name in resource.item_names if name in found.columns]
    return Value(True, "\x1f".join(str(part) for part in found.select(names).row(0)))


def verify(desk: Desk, resource: Resource, warehouse: Warehouse) -> tuple[str, ...]:
    """Close the reported tickets of a resource whose correction the provider has claimed and the warehouse now shows.

    Corrected means: since the report another value of the item stands under the key; a missing row is there; a row that should not be
    there is gone.

    Returns:
        Numbers of the tickets closed.
    """
    closed = []
    with desk.store.session() as session:
        desk.store.exclusive(session, LOCK)
        claimed = select(Ticket).where(Ticket.resource == resource.id, Ticket.origin == "feedback", Ticket.stage == "reviewing")
        tickets = list(session.scalars(claimed.order_by(Ticket.number)))
        table = warehouse(resource.id) if tickets else None
        for ticket in tickets:
            reports = list(session.scalars(select(Report).where(Report.ticket_id == ticket.id)))
            if reports and all(_changed(one, table, resource) for one in reports):
                happened(
                    session, ticket, "closed", desk, SYSTEM, {"closing": "fixed", "proof": "the warehouse holds another value"},
                    closing="fixed", closed_at=desk.clock.now(), open_problems=0, claimed_at=None, requested_due=None,
                )  # fmt: skip
                closed.append(ticket.number)
    return tuple(closed)


def verify_all(desk: Desk, catalog: Catalog, warehouse: Warehouse) -> tuple[str, ...]:
    """``verify`` for every resource with a claimed correction of a report."""
    with desk.store.session(read_only=True) as session:
        query = select(Ticket.resource).where(Ticket.origin == "feedback", Ticket.stage == "reviewing").distinct()
        resources = sorted(set(session.scalars(query)) & set(catalog.resources))
    return tuple(number for resource in resources for number in verify(desk, catalog.resources[resource], warehouse))


def _changed(one: Report, table: pl.LazyFrame | None, resource: Resource) -> bool:
    now = value_of(table, resource, one.key, one.item)
    if one.seen_digest is None:
        return now.exists
    return not now.exists or digest_of(now.value, one.salt) != one.seen_digest

"""Packages for the agencies: one Excel file per agency with the open tickets that no package has carried yet.

File and database cannot change in one step, so the order makes every crash harmless: the file is written under a temporary
name, given its final name, and only then recorded. Its name follows from the tickets, so doing it again replaces it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import polars as pl
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from districtlake.catalog.models import DIMENSION_TITLES, Catalog
from districtlake.clock import Clock, FixedClock, local_date
from districtlake.errors import ConcurrentChange, DistrictLakeError
from districtlake.policy.pack import PolicyPack
from districtlake.store.engine import Store
from districtlake.store.tables import Package, Ticket
from districtlake.tickets.journal import Recount, happened
from districtlake.tickets.machine import AT_PROVIDER, SYSTEM, Actor
from districtlake.tickets.membership import problems_under, reported_under
from districtlake.tickets.overdue import OVERDUE
from districtlake.tickets.seal import Seal
from districtlake.tickets.workbook import ROWS_PER_SHEET, SEVERITY_TITLES, Contents, due_text, write_package

LOCK = "outbox"
ATTEMPTS = 5
NO_KEY = "（无法识别）"
UNFINISHED = ".writing-"


class OutboxError(DistrictLakeError):
    """A package cannot be written; its tickets stay unpackaged and are taken next time."""

    code = "outbox.unwritable"
    retryable = True


def write_packages(
    store: Store,
    lake_problems: Callable[[str], pl.DataFrame],
    catalog: Catalog,
    outbox: Path,
    clock: Clock,
    *,
    policy: PolicyPack,
    actor: str = "system",
    rows_per_sheet: int = ROWS_PER_SHEET,
    seal: Seal | None = None,
) -> list[Package]:
    """Write and record a package for every agency that has open, unpackaged tickets.

    Args:
        lake_problems: resource id -> its problem register (``quality.problems.REGISTER``).
        outbox: files become ``<outbox>/<agency>/问题数据反馈单_<agency's name>_<YYYYMMDD>_<first ticket>.xlsx``; the day is that of the
            first ticket's dispatch.
        seal: makes the packages known when they come back (``answers``); None: they can be read, not sent back.

    Raises:
        DistrictLakeError: of the first agency that failed, after all the others were served.
    """
    with store.session(read_only=True) as session:
        agencies = session.scalars(select(Ticket.agency).where(*_waiting()).distinct().order_by(Ticket.agency)).all()
    packages: list[Package] = []
    failures: list[DistrictLakeError] = []
    for agency in agencies:
        try:
            package = _package_agency(store, lake_problems, catalog, outbox, clock, policy, actor, agency, rows_per_sheet, seal)
        except DistrictLakeError as error:
            failures.append(error)
            continue
        if package is not None:
            packages.append(package)
    if failures:
        raise failures[0]
    return packages


def _waiting() -> tuple[ColumnElement[bool], ...]:
    """Tickets that their agency has received and no package has carried yet."""
    return Ticket.package.is_(None), Ticket.stage.in_(AT_PROVIDER)


def _package_agency(
    store: Store,
    lake_problems: Callable[[str], pl.DataFrame],
    catalog: Catalog,
    outbox: Path,
    clock: Clock,
    policy: PolicyPack,
    actor: str,
    agency: str,
    rows_per_sheet: int,
    seal: Seal | None,
) -> Package | None:
    for _ in range(ATTEMPTS):
        waiting = select(Ticket).where(*_waiting(), Ticket.agency == agency).order_by(Ticket.number)
        with store.session(read_only=True) as session:
            tickets = session.scalars(waiting).all()
        if not tickets:
            return None  # another process was faster
        entry = catalog.agencies.get(agency)
        name = entry.name if entry is not None else agency
        with store.session(read_only=True) as session:
            details = _details(session, tickets, lake_problems, catalog)
        identity = _package_id(agency, tickets)
        titles = {ticket.resource: _resource_title(ticket.resource, catalog) for ticket in tickets}
        contents = Contents(
            name, tickets, titles, _referenced(details, identity, seal), details.height, clock.now(),
            package=identity if seal else "", seal=seal.of_package(identity, agency) if seal else "",
            references={ticket.id: seal.reference(identity, ticket.number) for ticket in tickets} if seal else {},
        )  # fmt: skip
        file = Path(agency) / f"问题数据反馈单_{_for_file(name)}_{_dispatched_on(tickets[0]):%Y%m%d}_{tickets[0].number}.xlsx"
        temporary = _written(contents, policy, outbox / file, rows_per_sheet)
        try:
            digest = _sha256(temporary)
            who = SYSTEM if actor == SYSTEM.name else Actor(actor, "office")
            with store.session() as session:
                store.exclusive(session, LOCK)
                now = session.scalars(waiting.with_for_update()).all()
                if [(ticket.id, ticket.version) for ticket in now] != [(ticket.id, ticket.version) for ticket in tickets]:
                    continue  # packaged, closed or joined by others meanwhile: look again
                package = Package(
                    id=identity,
                    agency=agency,
                    file=file.as_posix(),
                    sha256=digest,
                    tickets=len(now),
                    rows=details.height,
                    created_at=contents.made_at,
                )
                session.add(package)
                session.flush()
                recorder = Recount(FixedClock(contents.made_at), policy)
                for ticket in now:
                    data = {"package": package.id, "file": package.file}
                    happened(session, ticket, "packaged", recorder, who, data, package=package.id)
                session.flush()  # whatever the database refuses, it refuses before the file gets its name
                _publish(temporary, outbox / file)
            return package
        finally:
            temporary.unlink(missing_ok=True)
    raise ConcurrentChange.of("outbox.conflict", code="outbox.conflict", agency=agency, times=ATTEMPTS)


def _package_id(agency: str, tickets: Sequence[Ticket]) -> str:
    """Follows from the tickets and their rounds, so a package that is written again keeps it."""
    rounds = (ticket.id if ticket.round == 1 else f"{ticket.id}.{ticket.round}" for ticket in tickets)
    return hashlib.blake2b("\x1f".join([agency, *rounds]).encode(), digest_size=16).hexdigest()


def _referenced(details: pl.DataFrame, package: str, seal: Seal | None) -> Iterator[tuple[str | int | None, ...]]:
    """The rows with their reference in place of the finding's id."""
    for row in details.iter_rows():
        yield (*row[:-1], seal.reference(package, row[0], row[-1]) if seal else "")


def _details(session: Session, tickets: Sequence[Ticket], lake_problems: Callable[[str], pl.DataFrame], catalog: Catalog) -> pl.DataFrame:
    """The open problems of the tickets as the sheet shows them, in the order of ticket, file, sheet, row. An overdue update has no rows."""
    frames = []
    with_rows = [ticket for ticket in tickets if ticket.kind != OVERDUE]
    for resource in sorted({ticket.resource for ticket in with_rows}):
        of_resource = [ticket for ticket in with_rows if ticket.resource == resource]
        heads = pl.DataFrame(
            {
                "ticket_id": [ticket.id for ticket in of_resource],
                "number": [ticket.number for ticket in of_resource],
                "due": [due_text(ticket) for ticket in of_resource],
            }
        )
        reports = reported_under(session, [ticket.id for ticket in of_resource if ticket.origin == "feedback"])
        if reports.height:
            frames.append(_shown(reports.join(heads, on="ticket_id", how="inner"), resource, catalog))
        members = problems_under(session, [ticket.id for ticket in of_resource]).join(heads, on="ticket_id", how="inner")
        if members.height:
            found = lake_problems(resource).filter(pl.col("state") == "open").join(members, on="problem_id", how="inner")
            frames.append(_shown(found, resource, catalog))
    if not frames:
        return pl.DataFrame()
    return pl.concat(frames).sort("number", "file", "sheet", "row", "problem_id", nulls_last=True)


def _shown(found: pl.DataFrame, resource: str, catalog: Catalog) -> pl.DataFrame:
    """Findings or reports with the ``number`` and ``due`` of their tickets, as the sheet shows them."""
    item_titles = {name: _item_titles(name, resource, catalog) for name in found["item"].unique().drop_nulls()}
    return found.select(
        "number",
        pl.lit(_resource_title(resource, catalog)).alias("title"),
        "file",
        "sheet",
        pl.col("row").cast(pl.Int64),
        pl.col("item").replace(item_titles),
        _key_text(resource, catalog),
        "value",
        "rule_title",
        "reason",
        pl.col("dimension").replace(DIMENSION_TITLES),
        pl.col("severity").replace(SEVERITY_TITLES),
        "due",
        "problem_id",
    )


def _key_text(resource: str, catalog: Catalog) -> pl.Expr:
    """The register's text key for people: parts apart, fingerprints (no key, or an unreadable one) not shown."""
    entry = catalog.resources.get(resource)
    if entry is not None and not entry.key:
        return pl.lit("").alias("key")
    parts = (  # "|" joins the parts and is doubled within one
        pl.col("key")
        .str.replace_all("||", "\x00", literal=True)
        .str.replace_all("|", " / ", literal=True)
        .str.replace_all("\x00", "|", literal=True)
    )
    return (
        pl.when(pl.col("key").str.starts_with("row:"))
        .then(pl.lit(NO_KEY))
        .otherwise(parts.str.replace_all("∅", "（空）", literal=True))
        .alias("key")
    )


def _dispatched_on(ticket: Ticket) -> date:
    assert ticket.received_at is not None, "only what was dispatched is packaged"
    return local_date(ticket.received_at)


def _round_of(ticket: Ticket) -> str:
    """The number; of a ticket that was opened again with its round, so that no earlier package is replaced."""
    return ticket.number if ticket.round == 1 else f"{ticket.number}-{ticket.round}"


def _resource_title(resource: str, catalog: Catalog) -> str:
    entry = catalog.resources.get(resource)
    return entry.title if entry is not None else resource


def _item_titles(names: str, resource: str, catalog: Catalog) -> str:
    """``lease_start+lease_end`` as the titles the agency knows."""
    entry = catalog.resources.get(resource)
    titles = {item.name: item.title for item in entry.items} if entry is not None else {}
    return "、".join(titles.get(name, name) for name in names.split("+"))


def _for_file(name: str) -> str:
    """A name that every file system takes; 60 Han characters stay below 255 bytes."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name).strip(" .")[:60] or "_"


def _written(contents: Contents, policy: PolicyPack, target: Path, rows_per_sheet: int) -> Path:
    """The workbook under a temporary name beside its final one, on the disk. Only its owner may read it: it can hold personal data."""
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=UNFINISHED, suffix=".xlsx")
        temporary = Path(name)
        with os.fdopen(handle, "w+b") as file:
            write_package(contents, policy, file, rows_per_sheet=rows_per_sheet)
            file.flush()
            os.fsync(file.fileno())
        return temporary
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OutboxError.of("outbox.unwritable", file=f"{target.parent.name}/{target.name}", reason=error.strerror) from error


def _sweep(folder: Path) -> None:
    """Remove what a killed process left half-written; an hour is longer than any package takes."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with suppress(FileNotFoundError):  # another process sweeps too
            if time.time() - path.stat().st_mtime > 3600:
                path.unlink()


def _publish(temporary: Path, target: Path) -> None:
    try:
        os.replace(temporary, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise OutboxError.of("outbox.unwritable", file=target.name, reason=error.strerror) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

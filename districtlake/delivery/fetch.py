"""Fetching: what an agency's database holds becomes a delivery, archived like a file that was handed in (ADR 0025).

The watermark is kept nowhere but in the receipts of deliveries that stand: what is not registered was not read, what is withdrawn is read
again. So a process killed between reading and registering loses and doubles nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select

from districtlake.catalog.models import Resource
from districtlake.clock import local_date
from districtlake.delivery.district import District
from districtlake.delivery.locks import lock
from districtlake.delivery.notices import FETCHES, keep_notices
from districtlake.delivery.receive import Received, take_fetched
from districtlake.errors import DistrictLakeError, kind_and_place
from districtlake.ingestion.database import DatabaseError, Fetched, fetch_to
from districtlake.settings import Settings
from districtlake.store.tables import Delivery


@dataclass(frozen=True)
class Outcome:
    """What became of one resource's reading.

    Attributes:
        delivery: the new delivery; "" when there is none: nothing new, the same as before, or an error.
        same_as: the delivery whose content it repeats.
    """

    resource: str
    rows: int = 0
    since: str | None = None
    watermark: str | None = None
    delivery: str = ""
    same_as: str = ""
    error: DistrictLakeError | None = None


Tell = Callable[[str, int], None]
"""Hears a resource and the number of its rows read so far."""


def fetched_resources(district: District) -> list[Resource]:
    """The resources that are read from a database, by id."""
    return [one for _, one in sorted(district.catalog.resources.items()) if one.source.database is not None]


def fetch(
    district: District, resources: Sequence[Resource], *, whole: bool = False, actor: str = "", tell: Tell = lambda resource, rows: None
) -> list[Outcome]:
    """Read each resource's database. One that fails leaves the others alone and stands as a notice until it succeeds.

    Args:
        whole: read everything, whatever was read before.
    """
    outcomes = []
    for resource in resources:
        try:
            outcomes.append(_fetch(district, resource, whole, actor or district.settings.actor, tell))
        except DistrictLakeError as error:
            outcomes.append(Outcome(resource.id, error=error))
        except Exception as error:  # a full disk, a fault of ours: the inbox and the other databases are read all the same
            told = DatabaseError.of(
                "database.failed", code="database.failed", retryable=True, resource=resource.id, kind=kind_and_place(error)
            )
            outcomes.append(Outcome(resource.id, error=told))
    failed = {one.resource: one.error for one in outcomes if one.error is not None}
    if {one.id for one in resources} >= {one.id for one in fetched_resources(district)}:  # else others' notices would be cleared
        keep_notices(
            district, ((f"{FETCHES}{name}", f"{name}：{error.message}", error.hint, None) for name, error in failed.items()), family=FETCHES
        )
    return outcomes


def last_watermark(district: District, resource: str) -> str | None:
    """The watermark of the latest reading that stands; None when there is none."""
    with district.store.session(read_only=True) as session:
        rows = session.scalars(
            select(Delivery).where(Delivery.resource == resource, Delivery.state != "withdrawn").order_by(Delivery.received_at.desc(), Delivery.order_key.desc())
        )  # fmt: skip
        for row in rows:
            read = (row.receipt or {}).get("fetched")
            if read and read.get("watermark") is not None:
                return str(read["watermark"])
    return None


def address_of(settings: Settings, connection: str) -> str:
    """The address of a connection, from the file of addresses (``Settings.databases``).

    Raises:
        DatabaseError: ``database.address``: no such file or name, or others can read the file.
    """
    path = settings.databases
    try:
        if path.stat().st_mode & 0o077:
            raise DatabaseError.of("database.readable", code="database.address", file=path.name)
        known = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        found = known[connection]
    except FileNotFoundError:
        raise DatabaseError.of("database.no_file", code="database.address", file=path, connection=connection) from None
    except (OSError, UnicodeError, yaml.YAMLError, TypeError, KeyError):
        raise DatabaseError.of("database.unnamed", code="database.address", file=path.name, connection=connection) from None
    return str(found)


def _fetch(district: District, resource: Resource, whole: bool, actor: str, tell: Tell) -> Outcome:
    source = resource.source.database
    assert source is not None
    address = address_of(district.settings, source.connection)
    with lock(district.settings.locks, f"fetch-{resource.id}"), _spool(district.settings) as folder:
        since = None if whole else last_watermark(district, resource.id)
        now = district.clock.now()
        target = folder / f"{resource.name}_{_stamp(now)}.parquet"
        read = fetch_to(target, address, source, since, lambda rows: tell(resource.id, rows))
        told = Outcome(resource.id, rows=read.rows, since=read.since, watermark=read.watermark)
        if read.rows == 0 and resource.source.mode != "snapshot":
            return told
        received = take_fetched(district, resource, target, local_date(now), _receipt(read, source.connection, source.table), actor=actor)
        return _ended(told, received)


def _ended(told: Outcome, received: Received) -> Outcome:
    if received.notices:
        notice = received.notices[0]
        raise DistrictLakeError(notice.message, hint=notice.hint, code=notice.code)
    values = {name: getattr(told, name) for name in ("resource", "rows", "since", "watermark")}
    return Outcome(**values, delivery="".join(received.new[:1]), same_as=received.duplicates[0][1] if received.duplicates else "")


def _receipt(read: Fetched, connection: str, table: str | None) -> dict[str, Any]:
    return {**asdict(read), "columns": list(read.columns), "connection": connection, "table": table}


def _stamp(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%S%f}"


@contextmanager
def _spool(settings: Settings) -> Iterator[Path]:
    """A folder for one reading, gone afterwards; what a killed process left there was never a delivery."""
    settings.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=settings.state) as folder:
        yield Path(folder)


__all__ = ["Outcome", "address_of", "fetch", "fetched_resources", "last_watermark"]

"""Receiving: from a file in a folder to a delivery in the ledger, its bytes in the archive. The same bytes twice change nothing."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.catalog.models import Resource
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.delivery.locks import lock
from districtlake.delivery.manifests import Manifests
from districtlake.delivery.notices import keep_notices
from districtlake.delivery.standing import still_stands
from districtlake.errors import DistrictLakeError
from districtlake.ingestion.archive import Archived, StillBeingWritten, store_file
from districtlake.ingestion.inbox import Candidate, Notice, scan
from districtlake.ingestion.manifest import Expected
from districtlake.standards.masking import mask_numbers
from districtlake.store.tables import AuditEvent, Delivery


@dataclass
class Received:
    """What a look into the inbox brought.

    Attributes:
        new: deliveries now waiting to be processed. duplicates: (file, the delivery whose bytes it repeats).
        known: files seen before; standing: the deliveries they are, where one file was handed in by a person. growing: files still being written; the next look takes them.
        notices: files nobody can place, or that could not be taken: (file, message, hint).
    """

    new: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    known: int = 0
    standing: list[str] = field(default_factory=list)
    growing: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


def receive(
    district: District, folder: Path | None = None, *, wait: bool = True, tell: Callable[[str], None] = lambda message: None
) -> Received:
    """Take every delivery found below ``folder`` (default: the inbox) into archive and ledger.

    Args:
        wait: wait up to the settle time for files written a moment ago; a sensor passes False and comes again.
    """
    received = Received()
    with lock(district.settings.locks, "receive", tell=tell):
        looked_at = district.clock.now()
        found = scan(folder or district.settings.inbox, district.catalog)
        received.notices.extend(_without_numbers(notice) for notice in found.notices)
        manifests = Manifests.of(found.manifests)
        for number, candidate in enumerate(found.candidates, 1):
            if number % 100 == 0:
                tell(f"received {number} of {len(found.candidates)} files")
            expected = manifests.of_file(candidate.relative)
            if expected is None and manifests.must_wait(district, candidate):
                continue
            _take(district, candidate, received, wait, expected=expected)
            if expected is not None:
                manifests.keep(district, candidate, expected)
        manifests.look_for_missing(district)
        received.notices.extend(_without_numbers(notice) for notice in manifests.notices)
        keep_notices(district, ((n.code, n.message, n.hint, n.relative) for n in received.notices))
        if not received.growing:
            ledger.looked(district.store, looked_at)
    return received


def submit(district: District, path: Path, resource_id: str, *, correction: bool, data_date: date | None, actor: str) -> Received:
    """Deliver one file to a named resource, whatever its name: for a person at the command line or an upload.

    A correction that was handed in before is a new delivery once its effect is gone (``standing``); a file that merely lies in the inbox
    never is, or it would undo every later change of its rows.
    """
    resource = district.resource(resource_id)
    if not path.is_file():
        raise DistrictLakeError.of("delivery.no_file", code="ingestion.no_file", file=path.name)
    received = Received()
    # a list and a correction of one name are two statements: a delivery is known by its path and its bytes
    folder = f"submitted/{resource.agency}" + ("/corrections" if correction else "")
    candidate = Candidate(
        path=path, relative=f"{folder}/{path.name}", agency=resource.agency, resource=resource_id,
        mode="correction" if correction else resource.source.mode, data_date=data_date, order_key=(data_date or date.min, int(correction), ()),
    )  # fmt: skip
    with lock(district.settings.locks, "receive"):
        _take(district, candidate, received, wait=True, actor=actor, by_hand=True)
    return received


def take_fetched(district: District, resource: Resource, path: Path, data_date: date, read: dict[str, Any], *, actor: str) -> Received:
    """Register what was read from a database: ``path`` is its file, ``read`` goes into the receipt as ``fetched``."""
    received = Received()
    candidate = Candidate(
        path=path, relative=f"database/{resource.agency}/{path.name}", agency=resource.agency, resource=resource.id, mode=resource.source.mode,
        data_date=data_date, order_key=(data_date, 0, ()),
    )  # fmt: skip
    with lock(district.settings.locks, "receive"):
        archived = store_file(path, district.settings.archive, settle_seconds=0, max_bytes=district.settings.max_file_mb * 2**20)
        _register(district, candidate, archived, _signature(path), received, actor, by_hand=False, fetched=read)
    return received


def _take(
    district: District,
    candidate: Candidate,
    received: Received,
    wait: bool,
    actor: str = "",
    by_hand: bool = False,
    expected: Expected | None = None,
) -> None:
    signature = _signature(candidate.path)
    if not by_hand and _seen(district, candidate, signature):
        received.known += 1
        return
    try:
        archived = _archive(district, candidate.path, wait)
    except StillBeingWritten:
        received.growing.append(mask_numbers(candidate.relative))
        return
    except FileNotFoundError:
        return  # taken away between the look and the reading: the next look tells
    except DistrictLakeError as error:
        notice = Notice(code=error.code, message=error.message, hint=error.hint, relative=candidate.relative)
        received.notices.append(_without_numbers(notice))
        return
    _register(district, candidate, archived, signature, received, actor or district.settings.actor, by_hand, expected)


def _without_numbers(notice: Notice) -> Notice:
    """What is said of a file goes into logs and reports; the file keeps its name in the inbox and its path in the ledger."""
    return replace(notice, message=mask_numbers(notice.message), hint=mask_numbers(notice.hint), relative=mask_numbers(notice.relative))


def _signature(path: Path) -> list[int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return []
    return [stat.st_size, stat.st_mtime_ns]


def _seen(district: District, candidate: Candidate, signature: list[int]) -> bool:
    """A file whose path, size and time of change are those of a receipt need not be read again."""
    query = select(Delivery).where(Delivery.resource == candidate.resource, Delivery.source_path == candidate.relative)
    with district.store.session() as session:
        return any((row.receipt or {}).get("signature") == signature for row in session.scalars(query))


def _archive(district: District, path: Path, wait: bool) -> Archived:
    settings = district.settings
    attempts = 3 if wait else 1
    for attempt in range(attempts):
        try:
            return store_file(path, settings.archive, settle_seconds=settings.settle_seconds, max_bytes=settings.max_file_mb * 2**20)
        except StillBeingWritten:
            if attempt == attempts - 1:
                raise
            time.sleep(settings.settle_seconds + 0.05)
    raise AssertionError("unreachable")


def order_key(candidate: Candidate) -> str:
    """Sorts as text: by the data's date, corrections after the ordinary file of that date, then by path with numbers as numbers."""
    natural = re.sub(r"\d+", lambda number: number.group().zfill(14), candidate.relative)
    day = candidate.data_date.isoformat() if candidate.data_date else "0000-00-00"
    return f"{day} {int(candidate.mode == 'correction')} {hashlib.sha256(natural.encode()).hexdigest() if len(natural) > 400 else natural}"


def _register(
    district: District,
    candidate: Candidate,
    archived: Archived,
    signature: list[int],
    received: Received,
    actor: str,
    by_hand: bool,
    expected: Expected | None = None,
    fetched: dict[str, Any] | None = None,
) -> None:
    now = district.clock.now()
    with district.store.session() as session:
        identifier, path, existing = _identity(session, district, candidate, archived.sha256, by_hand)
        if existing is not None:  # same bytes, same path: only its time of change is new
            existing.receipt = {**(existing.receipt or {}), "signature": signature}
            received.known += 1
            received.standing.append(identifier)
            return
        twin = _twin(session, district, candidate, archived.sha256)
        if twin and fetched and candidate.mode != "snapshot":  # only what was read before, for the overlap's sake: no statement
            received.duplicates.append((mask_numbers(candidate.relative), twin))
            return
        session.add(
            Delivery(
                id=identifier, agency=candidate.agency, resource=candidate.resource, mode=candidate.mode,
                file_name=mask_numbers(candidate.path.name), source_path=path, sha256=archived.sha256, bytes=archived.bytes,
                data_date=candidate.data_date, order_key=order_key(candidate), received_at=now, received_by=actor,
                state="duplicate" if twin else "pending", state_reason=f"内容与 {twin} 相同" if twin else "", attempts=0,
                receipt={"signature": signature, "sha256": archived.sha256, "bytes": archived.bytes, **({"manifest": expected.as_dict()} if expected else {}), **({"fetched": fetched} if fetched else {})},
                duplicate_of=twin,
            )
        )  # fmt: skip
        session.add(
            AuditEvent(
                at=now, actor=actor, action="delivery.received", object_kind="delivery", object_id=identifier, reason="",
                data={"sha256": archived.sha256, "bytes": archived.bytes, "path": mask_numbers(candidate.relative), "duplicate_of": twin},
            )
        )  # fmt: skip
    if twin:
        received.duplicates.append((mask_numbers(candidate.relative), twin))
    else:
        received.new.append(identifier)


def _identity(session: Session, district: District, candidate: Candidate, sha256: str, by_hand: bool) -> tuple[str, str, Delivery | None]:
    """The id of these bytes under this path, the path, and the delivery that has them already, if any. A correction that somebody hands
    in once more after its effect is gone is known by ``<path>#2``, ``#3``, …"""
    times, path = 1, candidate.relative
    while True:
        identifier = ledger.delivery_id(candidate.resource, path, sha256, candidate.data_date)
        existing = session.get(Delivery, identifier)
        if existing is None or not by_hand or candidate.mode != "correction":
            return identifier, path, existing
        speaking = session.get(Delivery, existing.duplicate_of) if existing.duplicate_of else existing
        if speaking is not None and speaking.state != "withdrawn" and still_stands(district, speaking):
            return identifier, path, existing
        times += 1
        path = f"{candidate.relative}#{times}"


def _twin(session: Session, district: District, candidate: Candidate, sha256: str) -> str | None:
    """The delivery that these bytes repeat, if any: one that says the same in the same way. The same bytes as a correction (these rows
    are so) and as the whole list (these rows are all there are) say different things.

    A snapshot dated later than the resource's latest is a statement of its own even when its bytes came before
    (yesterday's error undone by sending the day before's list): only then are equal bytes processed again. A correction repeats another
    only while what that one said still stands.
    """
    query = select(Delivery).where(
        Delivery.resource == candidate.resource, Delivery.state.not_in(("duplicate", "withdrawn"))
    ).order_by(Delivery.order_key.desc(), Delivery.received_at.desc())  # fmt: skip
    others = list(session.scalars(query))
    same = [row for row in others if row.sha256 == sha256 and row.mode == candidate.mode]
    if not same:
        return None
    latest = others[0]
    if (
        candidate.mode == "snapshot"
        and (latest.sha256, latest.mode) != (sha256, candidate.mode)
        and candidate.data_date is not None
        and (latest.data_date is None or candidate.data_date > latest.data_date)
    ):
        return None
    if candidate.mode == "correction":
        last = max(same, key=lambda row: (row.received_at, row.id))
        return last.id if still_stands(district, last) else None
    return same[0].id

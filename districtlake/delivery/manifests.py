"""The manifests in the inbox and the deliveries they speak of. Nothing of its own is stored: what a manifest says goes into the receipt
of the delivery, and is reconciled when that is processed (``reconcile``); the manifest stays where it lies and is read at every look.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from districtlake.delivery.district import District
from districtlake.delivery.reconcile import differences
from districtlake.errors import IngestionError
from districtlake.ingestion.archive import path_of
from districtlake.ingestion.inbox import Candidate, Notice
from districtlake.ingestion.manifest import Expected, read_manifest
from districtlake.ingestion.names import normal
from districtlake.ingestion.read import Limits, read_file
from districtlake.store.tables import Delivery


@dataclass
class Manifests:
    """What all manifests of one look say, by the path of the file they mean."""

    expected: dict[str, Expected] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, files: tuple[tuple[Path, str], ...]) -> Manifests:
        """Read them; one that cannot be understood becomes a notice and the others count."""
        found = cls()
        for path, relative in files:
            folder = relative.rpartition("/")[0]
            try:
                for said in read_manifest(path, relative):
                    found.expected[normal(f"{folder}/{said.file}" if folder else said.file)] = said
            except IngestionError as error:
                found.notices.append(Notice(error.code, error.message, error.hint, relative))
        return found

    def of_file(self, relative: str) -> Expected | None:
        self.seen.add(normal(relative))
        return self.expected.get(normal(relative))

    def must_wait(self, district: District, candidate: Candidate) -> bool:
        """Whether a file waits for a manifest that has to come (one that is in the ledger does not wait any more)."""
        if not district.resource(candidate.resource).source.manifest.required or _delivery(district, candidate.relative) is not None:
            return False
        self.notices.append(
            Notice(
                "inbox.manifest_awaited", f"{candidate.relative} waits: no manifest names it.",
                "Ask the agency for its manifest (对账清单); it is taken once one lies beside it.", candidate.relative,
            )
        )  # fmt: skip
        return True

    def keep(self, district: District, candidate: Candidate, said: Expected) -> None:
        """Write into the receipt of a file that was there before what a manifest says; one already processed is reconciled now."""
        delivery = _delivery(district, candidate.relative)
        if delivery is None or (delivery.receipt or {}).get("manifest") == said.as_dict():
            kept = delivery is not None and (delivery.receipt or {}).get("manifest_differs")
        else:
            kept = ""
            if delivery.state == "done":
                resource = district.resource(candidate.resource)
                archived = path_of(district.settings.archive, delivery.sha256)
                raw = read_file(archived, delivery.file_name, resource, Limits.of(district.settings))
                kept = differences(said, archived, raw, resource)
            with district.store.session() as session:
                row = session.get_one(Delivery, delivery.id)
                row.receipt = {**(row.receipt or {}), "manifest": said.as_dict(), "manifest_differs": kept}
        if kept and delivery is not None and delivery.state == "done":
            self.notices.append(
                Notice(
                    "inbox.manifest_differs", f"{candidate.relative} is in the warehouse, and {said.manifest} differs: {kept}.",
                    f"Ask the agency which is right; to take it out: districtlake deliveries withdraw {delivery.id}.", candidate.relative,
                )
            )  # fmt: skip

    def look_for_missing(self, district: District) -> None:
        """Files that a manifest names and that neither lie in the inbox nor ever came."""
        for path, said in self.expected.items():
            folder = said.manifest.rpartition("/")[0]
            relative = f"{folder}/{said.file}" if folder else said.file
            if path not in self.seen and _delivery(district, relative) is None:
                self.notices.append(
                    Notice(
                        "inbox.manifest_missing", f"{said.manifest} names {said.file}, which has not come.",
                        "Ask the agency to deliver it, or to correct its manifest.", relative,
                    )
                )  # fmt: skip


def _delivery(district: District, relative: str) -> Delivery | None:
    """The latest delivery under a path."""
    query = select(Delivery).where(Delivery.source_path == relative).order_by(Delivery.received_at.desc(), Delivery.id)
    with district.store.session() as session:
        found = session.scalars(query.limit(1)).first()
        session.expunge_all()
    return found

"""Whose mailbox a message goes to: role mailboxes of the catalogue, never a person's."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.catalog.models import Catalog
from districtlake.store.tables import Report

OFFICE = "data_office"
"""The agency that runs the lake, as the catalogue names it; its folder in the outbox."""


def office_mailbox(catalog: Catalog) -> str | None:
    office = catalog.agencies.get(OFFICE)
    return office.contact if office else None


def agency_of(session: Session, audience: str, recipient: str) -> str | None:
    """The agency that a recipient belongs to. A reporter's is that of the last report."""
    if audience == "office":
        return OFFICE
    if audience == "agency":
        return recipient
    return session.scalar(select(Report.agency).where(Report.reporter == recipient).order_by(Report.reported_at.desc()).limit(1))


def mailbox(catalog: Catalog, agency: str | None) -> str | None:
    """None: nobody could be reached by mail."""
    entry = catalog.agencies.get(agency) if agency else None
    return entry.contact if entry else None


def name_of(catalog: Catalog, agency: str | None) -> str:
    entry = catalog.agencies.get(agency) if agency else None
    return entry.name if entry else agency or "反馈方"

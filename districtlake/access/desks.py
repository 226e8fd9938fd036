"""Whose tickets a person sees, as a condition that every query carries; and as whom that person acts on them."""

from __future__ import annotations

from typing import cast

import polars as pl
from sqlalchemy import ColumnElement, false, or_, select, true

from districtlake.access.viewer import AccessDenied, Viewer
from districtlake.store.tables import Report, Ticket
from districtlake.tickets.machine import Actor, Role


def seen_tickets(viewer: Viewer) -> ColumnElement[bool]:
    """The condition for ``viewer``.

    Roles of the district see all; a technical service unit, what it is commissioned with. An agency's provider sees what was dispatched to it (feedback reaches the Office first, Article
    27); its users see what their agency reported, on whomever's desk it lies.
    """
    if viewer.district_wide:
        return true()
    if viewer.role == "contractor":
        return viewer.scope(Ticket.agency, Ticket.resource)
    if viewer.agency is None:
        return false()
    reported = Ticket.id.in_(select(Report.ticket_id).where(Report.agency == viewer.agency))
    if viewer.role == "user":
        return reported
    return or_((Ticket.agency == viewer.agency) & Ticket.received_at.is_not(None), reported)


def sees_rows(viewer: Viewer, agency: str, resource: str) -> bool:
    """Whether the rows under a ticket may be shown: to the agency that provided them and to the district, not to who reported one."""
    return viewer.role != "user" and viewer.sees(agency, resource)


def seen_leads(viewer: Viewer) -> pl.Expr:
    """The condition for ``viewer`` over the table of leads: those on the desk of an agency that the viewer sees, asked first or turned over to.

    Who reports errors sees none: leads are rows.
    """
    if viewer.district_wide:
        return pl.lit(True)
    if viewer.role == "user":
        return pl.lit(False)
    asked, turned = _provided_by(viewer, "agency", "resource"), _provided_by(viewer, "right_agency", "right_resource")
    return asked | (turned & pl.col("turned_over_at").is_not_null())


def _provided_by(viewer: Viewer, agency: str, resource: str) -> pl.Expr:
    """As ``Viewer.scope``, over a frame."""
    if viewer.role == "contractor":
        given = sorted(viewer.commissioned)
        return pl.col(agency).is_in(given) | pl.col(resource).is_in(given)
    return (pl.col(agency) == viewer.agency) if viewer.agency else pl.lit(False)


def actor_of(viewer: Viewer) -> Actor:
    """As whom the viewer acts.

    Raises:
        AccessDenied: auditors look and do not act.
    """
    if viewer.role == "auditor":
        raise AccessDenied.of("access.read_only")
    return Actor(viewer.actor, cast(Role, viewer.role), viewer.agency)

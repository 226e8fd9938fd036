"""The audit trail, for the Office and auditors: who did what to which object, newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import func, or_, select

from districtlake.portal.guard import Visiting
from districtlake.portal.rendering import page
from districtlake.store.tables import AuditEvent

router = APIRouter()
PAGE = 100


@router.get("/audit")
def audit(visit: Visiting, q: str = "", at: Annotated[int, Query(ge=1, le=1_000_000)] = 1) -> Response:
    """``q``: words that occur in actor, action or object."""
    visit.viewer.must_be("office", "auditor")
    conditions = []
    for word in q.split()[:8]:
        pattern = f"%{word.replace('/', '//').replace('%', '/%').replace('_', '/_')}%"
        columns = (AuditEvent.actor, AuditEvent.action, AuditEvent.object_id, AuditEvent.object_kind)
        conditions.append(or_(*(column.ilike(pattern, escape="/") for column in columns)))
    with visit.district.store.session(read_only=True) as session:
        total = session.scalar(select(func.count()).select_from(AuditEvent).where(*conditions)) or 0
        events = list(
            session.scalars(select(AuditEvent).where(*conditions).order_by(AuditEvent.id.desc()).limit(PAGE).offset((at - 1) * PAGE))
        )
    return page(visit.request, "audit.html", visit.signed, events=events, total=total, q=q, at=at, pages=max(1, -(-total // PAGE)))

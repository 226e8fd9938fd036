"""Notices: what an operator should see and that is nobody's ticket. Each cause stands once, until whoever looks no longer finds it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import and_, select

from districtlake.delivery.district import District
from districtlake.store.tables import Notice

NIGHTS = "night."
FETCHES = "database."
"""Codes that begin so are of the nightly watchdog, and of reading databases; all others are of the look into the inbox."""


def keep_notices(district: District, found: Iterable[tuple[str, str, str, str | None]], *, family: str = "") -> None:
    """Record new notices ``(code, message, hint, path)`` once; those that the present look no longer gives are cleared.

    Args:
        family: ``NIGHTS`` or ``FETCHES`` when it was such a look: only notices of that family are cleared; else only the others.
    """
    now = district.clock.now()
    mine = Notice.code.startswith(family) if family else and_(*(Notice.code.not_like(f"{one}%") for one in (NIGHTS, FETCHES)))
    with district.store.session() as session:
        standing = {row.fingerprint: row for row in session.scalars(select(Notice).where(Notice.cleared_at.is_(None), mine))}
        seen = set()
        for code, message, hint, path in found:
            fingerprint = hashlib.blake2b(f"{code}\x1f{path or ''}\x1f{message}".encode(), digest_size=12).hexdigest()
            seen.add(fingerprint)
            if fingerprint in standing:
                continue
            cleared = session.scalar(select(Notice).where(Notice.fingerprint == fingerprint))
            if cleared is not None:
                cleared.cleared_at, cleared.at = None, now
                continue
            row = Notice(at=now, code=code, message=message, hint=hint, path=path, agency=None, resource=None, fingerprint=fingerprint)
            session.add(row)
            session.flush()
            standing[fingerprint] = row
        for fingerprint, row in standing.items():
            if fingerprint not in seen:
                row.cleared_at = now

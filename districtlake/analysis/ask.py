"""One statement of an analyst: run within its limits, and written into the audit trail, whatever became of it.

Statements show values as they are; that is why each leaves a record: who, when, which tables, the statement without its
literals, how many rows (ADR 0008).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from datetime import time as clock_time
from typing import Any

from districtlake.analysis.relations import relations_of
from districtlake.clock import SHANGHAI
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError, OperationRefused
from districtlake.store.tables import AuditEvent
from districtlake.warehouse.sql import MEMORY, Session
from districtlake.warehouse.statement import without_literals


def moment(value: str | date | datetime | None) -> datetime | None:
    """A moment as people write it; a bare day means its end in Shanghai, a time without a zone is Shanghai's.

    Raises:
        OperationRefused: the text is no moment.
    """
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            raise OperationRefused(f"{value} is no moment.", hint="Write YYYY-MM-DD or 2026-03-02T14:00.") from None
    if not isinstance(value, datetime):
        return datetime.combine(value, clock_time.max, tzinfo=SHANGHAI)
    return value if value.tzinfo else value.replace(tzinfo=SHANGHAI)


def open_session(
    district: District,
    statement: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    as_of: str | date | datetime | None = None,
    timeout: float | None = None,
    memory: str = MEMORY,
) -> Session:
    """A session over every table of the district; what does not fit into memory spills below the state folder. Not audited by itself."""
    return Session(
        relations_of(district), statement, parameters=parameters, as_of=moment(as_of), timeout=timeout, memory=memory,
        spill=district.settings.state / "spill",
    )  # fmt: skip


@contextmanager
def ask(district: District, statement: str, *, via: str, as_of: str | date | datetime | None = None, **limits: Any) -> Iterator[Session]:
    """``open_session``, closed and audited at the end: also when it was refused, failed, or its reader went away.

    Args:
        via: which door, for the audit: "cli", "python".
    """
    began = time.monotonic()
    session: Session | None = None
    outcome = "done"
    try:
        session = open_session(district, statement, as_of=as_of, **limits)
        yield session
    except DistrictLakeError as error:
        outcome = error.code
        raise
    except BaseException:
        outcome = "broken_off"
        raise
    finally:
        audit(
            district, statement, via=via, as_of=as_of, outcome=outcome, tables=session.statement.tables if session else (),
            rows=session.rows if session else 0, seconds=round(time.monotonic() - began, 2),
        )  # fmt: skip
        if session is not None:
            session.close()


def audit(district: District, statement: str, *, via: str, as_of: Any, outcome: str, tables: tuple[str, ...], **more: Any) -> None:
    """One event ``sql.run``: the statement without its literals, and which tables it read."""
    data = {"statement": without_literals(statement), "tables": list(tables), "via": via, "outcome": outcome, **more}
    if (at := moment(as_of) if outcome != "operation.refused" else None) is not None:
        data["as_of"] = at.isoformat()
    with district.store.session() as session:
        session.add(
            AuditEvent(
                at=district.clock.now(), actor=district.settings.actor, action="sql.run", object_kind="warehouse", object_id="",
                reason="", data=data,
            )
        )  # fmt: skip

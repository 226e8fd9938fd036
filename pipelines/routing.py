"""From the problem registers to the agencies' desks: tickets and packages. Idempotent: ask as often as you like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from sqlalchemy.exc import SQLAlchemyError

from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError, kind_and_place
from districtlake.supervision.timeliness import updates_due
from districtlake.tickets.deadlines import escalate, recompute_provisional
from districtlake.tickets.feedback import verify_all
from districtlake.tickets.outbox import Package, write_packages
from districtlake.tickets.overdue import raise_overdue
from districtlake.tickets.raise_tickets import raise_tickets
from districtlake.tickets.seal import seal_of
from districtlake.warehouse.history import current
from districtlake.warehouse.leads import findings, leads_version
from districtlake.warehouse.tables import address

LEADS = "comparisons.leads"
"""Under this the version of the table of leads stands among those of the registers."""


@dataclass
class Routed:
    """What routing did: tickets opened, closed and escalated, packages written, the register versions it has seen, and those it could not read.

    Attributes:
        unreadable: resource -> kind of the error that its register or the leads about it did not open with.
        failed: resource -> kind and place of an error over a register that did open: a fault of the software.

    Tickets of either stay as they are until the next call, which tries again; nobody else's wait for them.
    """

    opened: int = 0
    closed: int = 0
    escalated: int = 0
    packages: list[Package] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def route(district: District, seen: Mapping[str, int] | None = None) -> Routed:
    """Raise and close tickets from every register that changed since ``seen`` (none: all are read) and for overdue updates, then
    write the packages.

    ``seen`` only saves time. Tickets are identified by what they are about, so a lost cursor, a crash or two routers at once
    lose nothing and double nothing.
    """
    routed = Routed(seen=dict(seen or {}))
    leads = leads_version(district.lake)
    if routed.seen.get(LEADS) != leads:  # a lead may be about any resource
        routed.seen = {}
    for resource in sorted(district.catalog.resources):
        path = address(district.lake, "problems", resource)
        if not DeltaTable.is_deltatable(str(path)):
            continue
        reader = _Reader(district, resource)
        try:
            if routed.seen.get(resource) == reader.newest():
                continue
            raised = raise_tickets(
                district.store, reader, resource=resource, clock=district.clock, policy=district.policy, calendar=district.calendar
            )
        except _Unreadable as error:
            routed.unreadable[resource] = str(error)
            continue
        except (DistrictLakeError, SQLAlchemyError):  # the store's own: nobody's alone
            raise
        except Exception as error:  # ours, over this register: told, and nobody else's tickets wait for it
            routed.failed[resource] = kind_and_place(error)
            continue
        routed.opened += len(raised.new) + len(raised.reopened)
        routed.closed += len(raised.closed)
        routed.seen[resource] = reader.version
    routed.seen[LEADS] = leads
    late = raise_overdue(
        district.store, partial(updates_due, district), clock=district.clock, policy=district.policy, calendar=district.calendar
    )
    routed.opened += len(late.new) + len(late.reopened)
    routed.closed += len(late.closed)
    routed.closed += len(verify_all(district, district.catalog, lambda resource: current(district.lake, resource)))
    recompute_provisional(district.store, district.calendar, clock=district.clock)  # a year's file may have come into the catalogue
    routed.escalated = len(escalate(district))
    routed.packages = write_packages(
        district.store, partial(_packaged, district), district.catalog, district.settings.outbox,
        district.clock, policy=district.policy, seal=seal_of(district.settings.secrets),
    )  # fmt: skip
    return routed


def _packaged(district: District, resource: str) -> pl.DataFrame:
    """The findings for a package. A register that does not open keeps the packages of its own agency waiting, and says so."""
    try:
        return _Reader(district, resource)()
    except _Unreadable as error:
        raise DistrictLakeError(
            f"{resource} 的问题登记簿无法打开（{error}），其提供单位的反馈单未能生成。", hint="从备份恢复该表，或检查磁盘与权限。",
            code="tickets.register_unreadable", retryable=True,
        ) from error  # fmt: skip


class _Unreadable(Exception):
    """A register does not open; its text is the kind of the error."""


class _Reader:
    """Reads a register when it is asked to (behind the ticket lock) and remembers which version it was."""

    def __init__(self, district: District, resource: str):
        self._lake, self._resource, self.version = district.lake, resource, -1

    def newest(self) -> int:
        try:
            return DeltaTable(str(address(self._lake, "problems", self._resource))).version()
        except (DeltaError, OSError) as error:
            raise _Unreadable(type(error).__name__) from error

    def __call__(self) -> pl.DataFrame:
        self.version = self.newest()
        try:
            return findings(self._lake, self._resource)
        except (DeltaError, OSError, pl.exceptions.ComputeError) as error:  # a damaged log, a lost file, a file that is no Parquet
            raise _Unreadable(type(error).__name__) from error

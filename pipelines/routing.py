"""From the problem registers to the agencies' desks: tickets and packages. Idempotent: ask as often as you like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from districtlake.delivery.district import District
from districtlake.supervision.timeliness import updates_due
from districtlake.tickets.deadlines import escalate
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
        unreadable: resource -> kind of the error. Its tickets stay as they are, and nobody else's wait for it.
    """

    opened: int = 0
    closed: int = 0
    escalated: int = 0
    packages: list[Package] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


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
        try:
            if routed.seen.get(resource) == DeltaTable(str(path)).version():
                continue
            reader = _Reader(district, resource)
            raised = raise_tickets(
                district.store, reader, resource=resource, clock=district.clock, policy=district.policy, calendar=district.calendar
            )
        except (DeltaError, OSError, pl.exceptions.PolarsError) as error:  # a damaged table; the store's own errors are nobody's alone
            routed.unreadable[resource] = type(error).__name__
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
    routed.escalated = len(escalate(district))
    routed.packages = write_packages(
        district.store, lambda resource: findings(district.lake, resource), district.catalog, district.settings.outbox,
        district.clock, policy=district.policy, seal=seal_of(district.settings.secrets),
    )  # fmt: skip
    return routed


class _Reader:
    """Reads a register when it is asked to (behind the ticket lock) and remembers which version it was."""

    def __init__(self, district: District, resource: str):
        self._lake, self._resource, self.version = district.lake, resource, -1

    def __call__(self) -> pl.DataFrame:
        self.version = DeltaTable(str(address(self._lake, "problems", self._resource))).version()
        return findings(self._lake, self._resource)

"""What can be done to a ticket, as forms: one entry per action, offered where the state machine allows it to the viewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from districtlake.access.viewer import Viewer
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError
from districtlake.tickets import dispositions, grouping, handling, suspension
from districtlake.tickets.machine import Actor, possible
from districtlake.tickets.queries import TicketView
from districtlake.warehouse.leads import findings


@dataclass(frozen=True)
class Given:
    """What the form held. ``problems``: ids of the rows chosen; ``day``: ``until`` as a date."""

    reason: str = ""
    until: str = ""
    plan: str = ""
    other: str = ""
    problems: tuple[str, ...] = ()
    day: date | None = None


@dataclass(frozen=True)
class Action:
    """One thing that can be done.

    Attributes:
        name: in the address of its form and in the keys of its words (``action.<name>``).
        event: the event of the state machine it brings about.
        fields: of the form, in order: reason, until, plan, other. Those in ``optional`` may stay empty.
        grave: it ends something or hurries somebody; the page asks once more.
        of_rows: it can be done to chosen rows.
        matters: only for tickets of these matters; empty: of all.
    """

    name: str
    event: str
    fields: tuple[str, ...]
    do: Callable[[District, str, Actor, Given, int], Any]
    optional: tuple[str, ...] = ()
    grave: bool = False
    of_rows: bool = False
    matters: tuple[str, ...] = ()


def _register(district: District) -> Callable[[str], pl.DataFrame]:
    return lambda resource: findings(district.lake, resource)


def _required(day: date | None) -> date:
    if day is None:
        raise DistrictLakeError.of("request.no_day", code="request.date")
    return day


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("dispatch", "dispatched", (), lambda d, n, a, g, v: handling.dispatch(d, n, a, version=v)),
        Action("reject", "rejected", ("reason",), lambda d, n, a, g, v: handling.reject(d, n, a, g.reason, version=v), grave=True),
        Action("claim", "fix_claimed", ("reason",), lambda d, n, a, g, v: handling.claim_fixed(d, n, a, g.reason, version=v), ("reason",)),
        Action(
            "extend", "extension_requested", ("reason", "until"),
            lambda d, n, a, g, v: handling.request_extension(d, n, a, reason=g.reason, until=_required(g.day), version=v),
        ),
        Action(
            "approve", "extension_approved", ("until", "reason"),
            lambda d, n, a, g, v: handling.approve_extension(d, n, a, until=g.day, note=g.reason, version=v), ("until", "reason"),
        ),
        Action("refuse", "extension_refused", ("reason",), lambda d, n, a, g, v: handling.refuse_extension(d, n, a, g.reason, version=v)),
        Action(
            "urgent", "marked_urgent", ("until", "reason"),
            lambda d, n, a, g, v: handling.mark_urgent(d, n, a, due=_required(g.day), reason=g.reason, version=v), grave=True,
        ),
        Action("return", "review_failed", ("reason",), lambda d, n, a, g, v: handling.send_back(d, n, a, g.reason, version=v)),
        Action(
            "confirm", "confirmed", ("reason", "until"),
            lambda d, n, a, g, v: dispositions.confirm_correct(
                d, n, a, _register(d), d.catalog, explanation=g.reason, until=g.day, problems=g.problems, version=v
            ),
            ("until",), grave=True, of_rows=True,
        ),
        Action(
            "negotiate", "negotiated", ("reason", "plan", "until"),
            lambda d, n, a, g, v: dispositions.negotiate(d, n, a, agreement=g.reason, plan=g.plan, review_on=_required(g.day), version=v), grave=True,
        ),
        Action(
            "merge", "merged", ("other", "reason"),
            lambda d, n, a, g, v: grouping.merge(d, n, g.other.strip().upper(), a, reason=g.reason, version=v), ("reason",), grave=True,
        ),
        Action("split", "split", (), lambda d, n, a, g, v: grouping.split(d, n, a, _register(d), problems=g.problems, version=v), of_rows=True),
        Action(
            "suspend", "sharing_suspended", ("reason",), lambda d, n, a, g, v: suspension.suspend_sharing(d, n, a, g.reason), grave=True,
            matters=("infringement",),
        ),
        Action(
            "resume", "sharing_resumed", ("reason",), lambda d, n, a, g, v: suspension.resume_sharing(d, n, a, g.reason), matters=("infringement",)
        ),
        Action("revoke", "waivers_revoked", ("reason",), lambda d, n, a, g, v: dispositions.revoke_waivers(d, n, a, g.reason), grave=True),
        Action("reopen", "reopened", ("reason",), lambda d, n, a, g, v: handling.reopen(d, n, a, g.reason, version=v), grave=True),
    )
}  # fmt: skip


def offered(ticket: TicketView, viewer: Viewer) -> list[Action]:
    """The actions to show. The machine decides again when one is taken."""
    if viewer.role == "auditor" or (viewer.role == "provider" and viewer.agency != ticket.agency):
        return []
    events = set(possible(ticket.stage, viewer.role))
    return [action for action in ACTIONS.values() if action.event in events and (not action.matters or ticket.matter in action.matters)]

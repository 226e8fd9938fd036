"""What can be done to a ticket, as forms: one entry per action, offered where the state machine allows it to the viewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from districtlake.access.viewer import Viewer
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError
from districtlake.tickets import handling
from districtlake.tickets.machine import Actor, possible
from districtlake.tickets.queries import TicketView


@dataclass(frozen=True)
class Given:
    """What the form held. ``day``: ``until`` as a date."""

    reason: str = ""
    until: str = ""
    plan: str = ""
    other: str = ""
    day: date | None = None


@dataclass(frozen=True)
class Action:
    """One thing that can be done.

    Attributes:
        name: in the address of its form and in the keys of its words (``action.<name>``).
        event: the event of the state machine it brings about.
        fields: of the form, in order: reason, until, plan, other. Those in ``optional`` may stay empty.
        grave: it ends something or hurries somebody; the page asks once more.
    """

    name: str
    event: str
    fields: tuple[str, ...]
    do: Callable[[District, str, Actor, Given, int], Any]
    optional: tuple[str, ...] = ()
    grave: bool = False


def _required(day: date | None) -> date:
    if day is None:
        raise DistrictLakeError("没有填写日期。", hint="请选择一个日期。", code="request.date")
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
        Action("reopen", "reopened", ("reason",), lambda d, n, a, g, v: handling.reopen(d, n, a, g.reason, version=v), grave=True),
    )
}  # fmt: skip


def offered(ticket: TicketView, viewer: Viewer) -> list[Action]:
    """The actions to show. The machine decides again when one is taken."""
    if viewer.role == "auditor" or (viewer.role == "provider" and viewer.agency != ticket.agency):
        return []
    events = set(possible(ticket.stage, viewer.role))
    return [action for action in ACTIONS.values() if action.event in events]

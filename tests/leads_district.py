"""Leads for pages: two that the registry bureau has confirmed and that lie on the other bureau's desk, and one that the registry bureau is asked about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from districtlake.access import accounts
from districtlake.access.accounts import NewAccount
from districtlake.clock import FixedClock
from districtlake.comparison.compare import compare
from districtlake.delivery.district import District
from districtlake.store.tables import Ticket
from districtlake.tickets.dispositions import confirm_correct
from districtlake.tickets.machine import Actor
from districtlake.warehouse.leads import findings
from pipelines.routing import route
from tests.portal_people import MINE, PASSWORD, ROLES_OF, closing_store, commission
from tests.small_comparison import YAML, write_comparison
from tests.small_district import NOON, day, deliver, open_small
from tests.small_marts import process

TURNED, ASKED = ("002", "003"), "005"
"""Keys of the rows in question."""


def prepare_leads(folder: Path, *, shared: bool = True, yaml: str = YAML) -> Path:
    """A district below ``folder`` with three open leads and an account for every role. ``shared``: whether the other bureau's table is."""
    write_comparison(folder / "catalog", yaml)
    if not shared:
        notes = folder / "catalog" / "resources" / "other_bureau" / "notes.yaml"
        closed = "sharing: {class: none, reason: 涉密, legal_basis: 《数据安全法》第二十一条}"
        notes.write_text(notes.read_text(encoding="utf-8").replace("sharing: {class: unconditional}", closed), encoding="utf-8")
    with closing_store(open_small(folder)) as district:
        inbox = district.settings.inbox
        deliver(
            inbox, f"people_{day(2)}.csv", [("001", "张三", 1, ""), ("002", "李四", 2, ""), ("003", "王䶮", 3, ""), ("005", "钱七", 5, "")]
        )
        known = [("001", "张三", 9, ""), ("002", "李思", 8, ""), ("003", "王龑", 7, "")]
        deliver(inbox, f"notes_{day(2)}.csv", known, agency="other_bureau")
        process(district, inbox)
        _night(district, 0)
        with district.store.session(read_only=True) as session:
            number = session.scalars(select(Ticket.number).where(Ticket.rule_id == "comparison.labels")).one()
        desk = Actor(MINE, "provider", "registry_bureau")
        confirm_correct(
            district, number, desk, lambda resource: findings(district.lake, resource), district.catalog, explanation="已核对证件"
        )
        deliver(inbox, f"notes_{day(3)}.csv", [*known, ("005", "钱九", 6, "")], agency="other_bureau")
        process(district, inbox)
        _night(district, 1)
        for login, (role, agency) in ROLES_OF.items():
            accounts.create(
                district.store, district.clock, NewAccount(login, login, role, agency), password=PASSWORD,  # type: ignore[arg-type]
                agencies=frozenset(district.catalog.agencies), actor="test",
            )  # fmt: skip
        commission(district, "other_bureau")
    return folder


def _night(district: District, number: int) -> None:
    later = replace(district, clock=FixedClock(NOON + timedelta(days=number)))
    compare(later)
    route(later)

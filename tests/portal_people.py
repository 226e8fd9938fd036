"""Who works in the portal during tests: accounts of every role over a small district with one faulty delivery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from fastapi.testclient import TestClient

from districtlake.access import accounts, commissions
from districtlake.access.accounts import NewAccount
from districtlake.delivery.district import District
from districtlake.delivery.receive import receive
from pipelines.routing import route
from tests.running import run_pending
from tests.small_district import deliver, open_small

PASSWORD = "correct horse battery"
MINE, OTHER, OFFICE, AUDITOR, COUNTER, UNIT = "registry.desk", "other.desk", "office.desk", "audit.desk", "counter.desk", "unit.desk"
SECRET = "一个十分特别的名称不该被别人看到"
ROLES_OF = {
    MINE: ("provider", "registry_bureau"), OTHER: ("provider", "other_bureau"), OFFICE: ("office", None), AUDITOR: ("auditor", None),
    COUNTER: ("user", "other_bureau"), UNIT: ("contractor", None),
}  # fmt: skip


def csrf_of(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found, text
    return found.group(1)


def sign_in(client: TestClient, login: str = "security.desk", password: str = PASSWORD, target: str = "/"):  # type: ignore[no-untyped-def]
    form = client.get("/sign-in", params={"next": target})
    return client.post("/sign-in", data={"login": login, "password": password, "csrf": csrf_of(form.text), "target": target})


@contextmanager
def closing_store(district: District) -> Iterator[District]:
    yield district
    district.store.close()


def commission(district: District, scope: str) -> int:
    """The technical service unit's account works on an agency or a resource until the end of the year."""
    return commissions.give(
        district.store, district.clock, UNIT, scope, last_day=date(2026, 12, 31), reference="委托书1号",
        known={*district.catalog.agencies, *district.catalog.resources}, actor="test",
    )  # fmt: skip


def prepare(folder: Path) -> Path:
    """A small district below ``folder``: one agency's faulty delivery, validated and routed; an account for every role."""
    with closing_store(open_small(folder)) as found:
        inbox = found.settings.inbox
        deliver(inbox, "people_20260305.csv", [("A1", "甲", 5, None), ("A2", "乙", 500, None), ("A3", SECRET, 7, None)])
        deliver(inbox, "notes_20260305.csv", [("N1", "好", 1, None)], agency="other_bureau")
        receive(found)
        run_pending(found)
        assert route(found).opened == 2
        for login, (role, agency) in ROLES_OF.items():
            accounts.create(
                found.store, found.clock, NewAccount(login, login, role, agency), password=PASSWORD,  # type: ignore[arg-type]
                agencies=frozenset(found.catalog.agencies), actor="test",
            )  # fmt: skip
        commission(found, "other_bureau")
    return folder

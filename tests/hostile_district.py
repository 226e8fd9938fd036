"""A district whose every text means harm: agency and resource names, file names, cells, reasons. For pages, files and mails."""

from __future__ import annotations

import json
from pathlib import Path

from districtlake.access import accounts
from districtlake.access.accounts import NewAccount
from districtlake.delivery.receive import receive
from districtlake.tickets import handling
from districtlake.tickets.machine import Actor
from pipelines.routing import route
from tests.portal_people import MINE, OFFICE, PASSWORD, closing_store
from tests.running import run_pending
from tests.small_district import deliver, open_small, write_catalog

MARK = "window.ran=1"
BREAKING = f"\"'><img src=x onerror={MARK}><script>{MARK}</script></td></tr></table></div>{{{{7*7}}}}"
TURNED = "\u202e\u2066反向"
LONG, UNBROKEN = "很长的内容" * 500, "A" * 2000
CELLS = (BREAKING.replace('"', ""), "=1+1|cmd", "@SUM(A1)", "+8613", TURNED * 20, LONG, UNBROKEN, "]]>--><!--")


def prepare_hostile(folder: Path) -> Path:
    """The small catalogue with hostile names, a delivery of hostile cells under a hostile file name, routed, and acted upon with hostile reasons."""
    catalog = write_catalog(folder / "catalog")
    for path in (catalog / "agencies.yaml", *(catalog / "resources").rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        for word in ("登记局", "title: 人员"):
            text = text.replace(word, word.removesuffix("人员") + json.dumps("人员" + BREAKING, ensure_ascii=False) if ":" in word else json.dumps(word + BREAKING, ensure_ascii=False))  # fmt: skip
        path.write_text(text, encoding="utf-8")
    with closing_store(open_small(folder)) as district:
        name = f"people_<img src=x onerror={MARK}>&quot;'20260305.csv"
        deliver(district.settings.inbox, name, [(f"A{number}", cell, 5, cell) for number, cell in enumerate(CELLS)])
        receive(district)
        run_pending(district)
        assert route(district).opened
        for login, role, agency in ((MINE, "provider", "registry_bureau"), (OFFICE, "office", None)):
            accounts.create(
                district.store, district.clock, NewAccount(login, BREAKING, role, agency), password=PASSWORD,  # type: ignore[arg-type]
                agencies=frozenset(district.catalog.agencies), actor="test",
            )  # fmt: skip
        provider = Actor(MINE, "provider", "registry_bureau")
        handling.request_extension(
            district, "T2026-000001", provider, reason=BREAKING + LONG, until=district.clock.now().date().replace(day=28)
        )
        handling.refuse_extension(district, "T2026-000001", Actor(OFFICE, "office"), UNBROKEN + TURNED)
    return folder

"""A small catalogue of its own for tests that need many deliveries: two agencies, one resource for each way of delivering.

``people`` is a snapshot with corrections, ``payments`` incremental, ``visits`` append without a key, ``notes`` the neighbour's.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.store.tables import Delivery, Package, Ticket

PEOPLE, PAYMENTS, VISITS, NOTES = "registry_bureau.people", "registry_bureau.payments", "registry_bureau.visits", "other_bureau.notes"
NOON = datetime(2026, 3, 6, 12, 0, tzinfo=SHANGHAI)
HEADER = "编号,名称,数量,备注"

_AGENCIES = """
registry_bureau: {name: 登记局, kind: administrative_organ, contact: registry@district.example}
other_bureau: {name: 邻局, kind: administrative_organ, contact: other@district.example}
"""
_RESOURCE = """
code: 10100100%(number)d/000001
title: %(title)s
business: 登记管理
system: 登记系统
storage_format: spreadsheet
sharing: {class: unconditional}
opening: {class: unconditional}
provision: [api]
update_cycle: daily
sharing_term: permanent
%(key)s
source: %(source)s
items:
  - {name: code, title: 编号, element: household_no, required: true}
  - {name: name, title: 名称, element: remark, required: true}
  - {name: amount, title: 数量, element: count_integer, min: 0, max: %(most)d}
  - {name: remark, title: 备注, element: remark}
checks:
  - {id: name.brief, expect: expect_column_value_lengths_to_be_between, column: name, max_value: 8, title: 名称应简短}
"""
_SOURCES = {
    PEOPLE: (
        "人员",
        "key: [code]",
        "{files: ['people*.csv', 'people*.xls*'], corrections: 'people*fix*.csv', mode: snapshot, max_shrink: 50%}",
    ),
    PAYMENTS: ("支付", "key: [code]", "{files: 'payments*.csv', mode: incremental}"),
    VISITS: ("走访", "", "{files: 'visits*.csv', mode: append}"),
    NOTES: ("邻局记录", "key: [code]", "{files: 'notes*.csv', mode: snapshot}"),
}


STORE_URL = "store_url"
"""A file of a district's folder: the address of its store where that is not in the folder (``either_database``)."""


def write_catalog(folder: Path, *, most: int = 100) -> Path:
    """The catalogue below ``folder``; ``most`` is the largest amount that the rule ``amount.range`` allows."""
    for part in ("standards", "policy"):
        shutil.copytree(PROJECT_ROOT / "catalog" / part, folder / part, dirs_exist_ok=True)
    (folder / "agencies.yaml").write_text(_AGENCIES, encoding="utf-8")
    for number, (resource, (title, key, source)) in enumerate(_SOURCES.items(), 1):
        path = folder / "resources" / f"{resource.replace('.', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_RESOURCE % {"number": number, "title": title, "key": key, "source": source, "most": most}, encoding="utf-8")
    return folder


def small_settings(folder: Path, **changes: object) -> Settings:
    """Settings of a district below ``folder`` over the small catalogue (written when it is not there)."""
    catalog = folder / "catalog"
    if not catalog.is_dir():
        write_catalog(catalog)
    settings = Settings(
        state=folder / "state", inbox=folder / "state" / "inbox", catalog_dirs=(catalog,), settle_seconds=0, actor="test",
        portal_url="http://portal.example",
    )  # fmt: skip
    if (folder / STORE_URL).is_file():
        settings = settings.model_copy(update={"store_url": (folder / STORE_URL).read_text(encoding="utf-8")})
    return settings.model_copy(update=changes)


def open_small(folder: Path, **changes: object) -> District:
    """The small district below ``folder``, its clock at noon of 6 March 2026. Close its store."""
    return open_district(small_settings(folder, **changes), clock=FixedClock(NOON))


def environment(settings: Settings) -> dict[str, str]:
    """What a child process needs to open the same district at the same time of day."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DISTRICTLAKE_")}
    return kept | {
        "DISTRICTLAKE_STATE": str(settings.state), "DISTRICTLAKE_INBOX": str(settings.inbox),
        "DISTRICTLAKE_CATALOG": os.pathsep.join(str(folder) for folder in settings.catalog_dirs),
        "DISTRICTLAKE_SETTLE_SECONDS": "0", "DISTRICTLAKE_ACTOR": settings.actor, "DISTRICTLAKE_CLOCK": NOON.isoformat(),
        "DAGSTER_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(PROJECT_ROOT),
    } | ({"DISTRICTLAKE_STORE_URL": settings.store_url} if settings.store_url else {})  # fmt: skip


Row = tuple[object, ...]


def csv_text(rows: Iterable[Row], header: str = HEADER) -> str:
    return "\n".join([header, *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]) + "\n"


def deliver(inbox: Path, name: str, rows: Iterable[Row], header: str = HEADER, agency: str = "registry_bureau") -> Path:
    """Write one CSV delivery below the agency's folder."""
    path = inbox / agency / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(csv_text(rows, header), encoding="utf-8")
    return path


def day(number: int) -> str:
    return date(2026, 3, number).strftime("%Y%m%d")


def deliveries(district: District) -> dict[str, Delivery]:
    """By file name; of several deliveries under one name the last received."""
    from sqlalchemy import select

    with district.store.session(read_only=True) as session:
        found = {row.file_name: row for row in session.scalars(select(Delivery).order_by(Delivery.received_at, Delivery.id))}
        session.expunge_all()
    return found


def records(district: District) -> dict[str, list[Mapping[str, object]]]:
    """Deliveries, tickets and packages as rows; without counters of attempts and row versions, which tell of the way and not of the end."""
    from sqlalchemy import select

    found: dict[str, list[Mapping[str, object]]] = {}
    with district.store.session(read_only=True) as session:
        for model, left_out in ((Delivery, {"attempts", "version", "receipt"}), (Ticket, {"version"}), (Package, {"sha256"})):
            names = [column.name for column in model.__table__.columns if column.name not in left_out]
            rows = [{name: getattr(row, name) for name in names} for row in session.scalars(select(model))]
            found[model.__tablename__] = sorted(rows, key=lambda row: str(row["id"]))
    return found

"""A planted identity, delivered right and delivered wrong, is found in the lake and in the agency's package, and in nothing else that a night or a command leaves."""

from __future__ import annotations

import base64
import binascii
import email
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from districtlake.delivery.district import District
from districtlake.demo import generate
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.warehouse.sql import query
from tests.small_district import NOON, environment

POPULATION, STATIONS = "public_security_bureau.population", "ecology_bureau.air_stations"
NAME, ROAD, PHONE = "欧阳暗记", "暗记路77号", "13977001234"
BODY = "330203" + "19860228" + "496"
INSIDE = frozenset({"lake", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "inbox", "secrets"})
"""Where rows belong; the agency's package is the Excel file in its folder of the outbox."""
MART_YAML = """
title: 转换失败
description: 把姓名当作数
owner: office@district.example
key: [name]
columns:
  - {name: name, title: 姓名, element: person_name}
  - {name: number, title: 数, type: integer}
"""


def with_check(body: str, shift: int = 0) -> str:
    """Check character of GB 11643 (ISO 7064 MOD 11-2), or a wrong one."""
    total = sum(int(digit) * weight for digit, weight in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    return body + "10X98765432"[(total + shift) % 11]


RIGHT, WRONG = with_check(BODY), with_check(BODY[:-1] + "8", 1)
MARKERS = (RIGHT, WRONG, NAME, ROAD, PHONE)


def texts(content: bytes, depth: int = 2) -> Iterator[str]:
    """A file as text in every way a marker may hide in it: escapes of JSON, base64 of charts, parts of a mail."""
    text = content.decode("utf-8", "replace")
    yield text
    yield content.decode("utf-16-le", "replace")
    yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found.group(1), 16)), text)
    if depth:
        if content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                for name in packed.namelist():
                    yield from texts(packed.read(name), depth - 1)
        if b"\nMIME-Version:" in content:
            for part in email.message_from_bytes(content).walk():
                yield from texts(bytes(part.get_payload(decode=True) or b""), depth - 1)
        for found in re.finditer(rb"base64,([A-Za-z0-9+/=]{16,})", content):
            try:
                yield from texts(base64.b64decode(found.group(1)), depth - 1)
            except binascii.Error:
                continue


def is_package(path: Path) -> bool:
    return path.suffix == ".xlsx" and "outbox" in path.parts and "data_office" not in path.parts


def plant(folder: Path, header: str, neighbour: Path) -> None:
    """The identity where nobody expects it: names of files, a list without its header, headers, sheets, records in records, broken JSON."""
    from openpyxl import Workbook

    (folder / f"联系人{PHONE}_{RIGHT}.txt").write_text(f"{NAME} {RIGHT}", encoding="utf-8")
    (folder / f"户籍人口_20260303_{RIGHT}.csv").write_text(
        f"{header},{RIGHT}\n{WRONG},{NAME},女,汉族,{PHONE},{ROAD},x,正常,{NAME}\n", encoding="utf-8"
    )
    (folder / f"户籍人口_20260304_{PHONE}.csv").write_text(
        f"{RIGHT},{NAME},女,汉族,1986-02-28,{ROAD},330203999000001,正常\n", encoding="utf-8"
    )
    book = Workbook()
    book.active.title = f"{PHONE}"  # type: ignore[union-attr]
    book.active.append([NAME, RIGHT])  # type: ignore[union-attr]
    book.save(folder / "死亡注销_20260303.xlsx")
    neighbour.mkdir(parents=True, exist_ok=True)
    person = {"name": NAME, "id": RIGHT, "phone": PHONE, "home": [{"road": ROAD}]}
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [RIGHT, NAME]},
               "properties": {"stationcode": NAME, "timepoint": RIGHT, "positionname": person, "area": [person], "aqi": PHONE, RIGHT: NAME}}  # fmt: skip
    whole = json.dumps(
        {"type": "FeatureCollection", "features": [feature, NAME, [RIGHT], {"properties": {PHONE: ROAD}}], RIGHT: person},
        ensure_ascii=False,
    )
    (neighbour / "airnow_20260302.json").write_text(whole, encoding="utf-8")
    (neighbour / "airnow_20260303.json").write_text(whole[: len(whole) // 2], encoding="utf-8")
    (neighbour / "airnow_20260304.json").write_text(json.dumps({RIGHT: {NAME: [person]}}), encoding="utf-8")


PEOPLE = {
    "civil.desk": ("provider", "civil_affairs_bureau"), "counter.desk": ("user", "civil_affairs_bureau"), "office.desk": ("office", None),
    "audit.desk": ("auditor", None), "contractor.desk": ("contractor", None),
}  # fmt: skip


def look_through_the_portal(district: District, logins: Collection[str] = tuple(PEOPLE), *, data_docs: bool = True) -> list[str]:
    """Every page and file that another agency's people, the Office and auditors come to without asking for original values.

    Args:
        data_docs: Great Expectations' pages, too; they take a process of their own.

    Returns:
        The deliveries whose Data Docs were looked at.
    """
    from fastapi.testclient import TestClient
    from sqlalchemy import select

    from districtlake.access import accounts
    from districtlake.access.accounts import NewAccount
    from districtlake.portal.app import create_app
    from districtlake.quality_report.data_docs import data_docs_of
    from districtlake.store.tables import Delivery, Ticket
    from tests.portal_people import PASSWORD, sign_in

    with district.store.session(read_only=True) as session:
        tickets = list(session.scalars(select(Ticket.number)))
        judged = list(
            session.scalars(select(Delivery.id).where(Delivery.state.in_(("done", "held")), Delivery.resource.in_((POPULATION, STATIONS))))
        )
    # the rendering itself is what may leak: a delivery with failing rows, and one that could not be read
    rendered = [one for one in judged if data_docs and one.startswith(("population-20260302", "population-20260304"))]
    for delivery in rendered:
        data_docs_of(district, delivery, "zh")
    paths = [
        "/", "/tickets", "/tickets?state=all", "/board", "/resources", f"/resources/{POPULATION}", "/quality", f"/quality?resource={POPULATION}", "/quality/report.html",
        "/quality/report.xlsx", "/audit", "/upload", "/answers", f"/feedback?resource={POPULATION}", f"/resources/{STATIONS}",
        *(f"/tickets/{number}" for number in tickets), *(f"/quality/deliveries/{one}/result.html" for one in judged),
    ]  # fmt: skip
    app = create_app(district)
    for login in logins:
        role, agency = PEOPLE[login]
        accounts.create(district.store, district.clock, NewAccount(login, login, role, agency), password=PASSWORD, agencies=frozenset(district.catalog.agencies), actor="test")  # type: ignore[arg-type]  # fmt: skip
        with TestClient(app, base_url="http://localhost", follow_redirects=False) as client:
            assert sign_in(client, login).status_code == 303
            answers = {path: client.get(path) for path in paths}
        seen = {path: hits(one.content + str(one.headers).encode()) for path, one in answers.items()}
        assert {path: found for path, found in seen.items() if found} == {}, login
        assert answers["/quality"].status_code == 200
    return rendered


def deliver_messages(district: District) -> tuple[int, int]:
    """The mails of the night as a mail server gets them, and what programs are called with when a report of the identity is turned down.

    Returns:
        How many mails and calls there were.
    """
    from districtlake.notifications import hooks
    from districtlake.notifications.sending import send
    from districtlake.tickets import feedback, handling
    from districtlake.tickets.machine import Actor
    from districtlake.warehouse.history import current
    from tests.receivers import mail_server, webhook_server

    with mail_server() as (mailbox, port), webhook_server() as (calls, hook_port):
        settings = district.settings.model_copy(
            update={"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "webhook_hosts": f"http://127.0.0.1:{hook_port}"}
        )
        sending = replace(district, settings=settings)
        for audience, recipient in (("agency", POPULATION.split(".")[0]), ("reporter", "api:hall")):
            hooks.add(sending, audience, recipient, f"http://127.0.0.1:{hook_port}/", algorithm="hmac-sha256", actor="test")
        hall, office = Actor("api:hall", "user", "civil_affairs_bureau"), Actor("office.desk", "office")
        for number, (item, claimed) in enumerate((("name", NAME), ("sex", f"{NAME}{PHONE}"), ("address", ROAD))):
            told = feedback.report(
                sending, hall, sending.resource(POPULATION), lambda one: current(sending.lake, one),
                request_id=f"C-{number}", key=RIGHT, item=item, claimed=claimed, text=f"{NAME}，{PHONE}，住{ROAD}", channel="api",
            )  # fmt: skip
            (handling.reject if number else handling.dispatch)(
                sending, told.number, office, *((f"{NAME}（{RIGHT}）属实",) if number else ())
            )
        assert send(sending).failed == 0
    sent = [bytes(message) for message in mailbox.mails] + [str(headers).encode() + body for headers, body in calls.received]
    assert [found for one in sent if (found := hits(one))] == []
    return len(mailbox.mails), len(calls.received)


def search(state: Path) -> tuple[list[Path], dict[str, set[str]]]:
    """Every file below the state folder that is no place of rows, and which of them hold what."""
    searched = [
        path for path in state.rglob("*") if path.is_file() and path.relative_to(state).parts[0] not in INSIDE and not is_package(path)
    ]
    return searched, {str(path.relative_to(state)): found for path in searched if (found := hits(path.read_bytes()))}


def hits(content: bytes) -> set[str]:
    return {marker for text in texts(content) for marker in MARKERS if marker in text}


@pytest.mark.parametrize(
    "hidden", [NAME, NAME.encode("utf-16-le"), '"\\u6b27\\u9633\\u6697\\u8bb0"', "base64," + base64.b64encode(NAME.encode()).decode()]
)
def test_the_search_finds_what_hides(hidden: str | bytes) -> None:
    content = hidden if isinstance(hidden, bytes) else hidden.encode()
    assert hits(content) == {NAME}


def add_persons(file: Path) -> list[str]:
    """Append the identity to a list of persons: delivered right, delivered wrong, and in cells of codes and dates. Returns the lines before."""
    lines = file.read_text(encoding="gb18030").splitlines()
    row = "{},{},女,汉族,1986-02-28,浙江省宁波市海曙区古林镇{}1幢101室,330203999000001,正常"
    coded = f"{WRONG},{NAME},{NAME},{PHONE},{ROAD},{ROAD},{PHONE},{RIGHT}"
    file.write_bytes("\r\n".join([*lines, row.format(RIGHT, NAME, ROAD), row.format(WRONG, NAME, ROAD), coded]).encode("gb18030"))
    return lines


def test_neither_commands_nor_pages_nor_files_show_an_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is quick to see of the whole below: one list of persons, without Dagster."""
    from typer.testing import CliRunner

    from districtlake.cli.app import app
    from districtlake.clock import FixedClock
    from districtlake.delivery.district import open_district
    from pipelines.routing import route
    from tests.portal_people import closing_store
    from tests.running import run_folder

    generate(tmp_path / "demo", seed=20260302, days=1, first_day=date(2026, 3, 2), size=100, resources=(POPULATION,))
    (file,) = (tmp_path / "demo" / "inbox").rglob("户籍人口基本信息_*.csv")
    add_persons(file)
    settings = Settings(state=tmp_path / "state", inbox=tmp_path / "demo" / "inbox", settle_seconds=0, actor="test")
    with closing_store(open_district(settings, clock=FixedClock(NOON))) as district:
        received, _ = run_folder(district, settings.inbox)
        assert len(received.new) == 1
        assert route(district).opened > 2
        look_through_the_portal(district, ("civil.desk", "office.desk"), data_docs=False)
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    for command in (
        ("problems", "--json", "--limit", "999"), ("show", POPULATION, "--layer", "quarantine", "--json"), ("show", POPULATION, "--layer", "raw", "--json"),
    ):  # fmt: skip
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, (command, done.output)
        assert hits(done.output.encode()) == set(), command
    searched, leaks = search(settings.state)
    assert leaks == {}
    assert searched


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_identity_stays_in_the_lake_and_the_package(tmp_path: Path) -> None:
    resources = (POPULATION, "civil_affairs_bureau.low_income_persons")
    generate(tmp_path / "demo", seed=20260302, days=1, first_day=date(2026, 3, 2), size=100, resources=resources)
    (file,) = (tmp_path / "demo" / "inbox").rglob("户籍人口基本信息_*.csv")
    lines = add_persons(file)
    plant(file.parent, lines[0], tmp_path / "demo" / "inbox" / "ecology_bureau")
    broken = tmp_path / "overlay" / "marts" / "population"
    broken.mkdir(parents=True)
    (broken / "wrong_cast.yaml").write_text(MART_YAML, encoding="utf-8")
    (broken / "wrong_cast.sql").write_text(
        f"select name, max(name::int) as number from {POPULATION} where name = '{NAME[:2]}' || '{NAME[2:]}' group by name", encoding="utf-8"
    )
    state = tmp_path / "state"
    settings = Settings(
        state=state, inbox=tmp_path / "demo" / "inbox", catalog_dirs=(PROJECT_ROOT / "catalog", tmp_path / "overlay"), settle_seconds=0, actor="test"
    )  # fmt: skip

    said = b""
    for command in (
        ("nightly", "--deliveries", str(settings.inbox)), ("nightly", "--deliveries", str(settings.inbox), "--json"),
        ("quality", "report"), ("quality", "report", "--json"), ("quality", "report", "--agency", "public_security_bureau", "--to", str(state / "taken.html")),
        ("deliveries", "list"), ("deliveries", "list", "--json"), ("timeliness",), ("notifications", "list"), ("tables",), ("problems", "--json", "--limit", "999"),
        ("dictionary",), ("problems",), ("tickets",), ("show", POPULATION), ("show", POPULATION, "--layer", "quarantine"), ("show", POPULATION, "--layer", "problems", "--json"),
        ("show", POPULATION, "--layer", "raw", "--json"), ("tickets", "--json"), ("history", POPULATION),
        ("marts", "list"), ("marts", "show", "population.persons"), ("marts", "show", "population.wrong_cast"),
        ("sql", f"select name::int from {POPULATION} where _row = {len(lines) + 1}"), ("doctor",),
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", "from districtlake.cli import main; main()", *command],
            env=environment(settings) | {"DISTRICTLAKE_CLOCK": NOON.isoformat()}, cwd=PROJECT_ROOT, capture_output=True, timeout=280,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr[-3000:].decode()
        assert hits(done.stdout + done.stderr) == set(), command
        said += done.stdout + done.stderr
    assert "转换失败".encode() in said

    from districtlake.delivery.district import open_district

    with (district := open_district(settings)).store:
        assert len(look_through_the_portal(district)) == 2
        mails, calls = deliver_messages(district)
        assert mails > 0
        assert calls > 2
        found = query(district.lake, district.catalog.resources, f"select citizen_id, name from {POPULATION} where name = '{NAME}'")
    assert found.rows() == [(RIGHT, NAME)]
    searched, leaks = search(state)
    assert leaks == {}
    kinds = {path.suffix for path in searched}
    assert {".html", ".eml", ".log", ".db", ".xlsx", ".css"} <= kinds, kinds
    names = " ".join(str(path.relative_to(state)) for path in searched)
    assert "数据质量报告" in names
    assert "data_docs" in names
    assert not [marker for marker in MARKERS if marker in names], "not as the name of a file either"

"""A planted identity, delivered right and delivered wrong, is found in the lake and in the agency's package, and in nothing else that a night or a command leaves."""

from __future__ import annotations

import base64
import binascii
import email
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from districtlake.demo import generate
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.warehouse.sql import query
from tests.small_district import NOON, environment

POPULATION = "public_security_bureau.population"
NAME, ROAD = "欧阳暗记", "暗记路77号"
BODY = "330203" + "19860228" + "496"
INSIDE = frozenset({"lake", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "inbox"})
"""Where rows belong; the agency's package is the Excel file in the outbox."""
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
MARKERS = (RIGHT, WRONG, NAME, ROAD)


def texts(content: bytes, depth: int = 2) -> Iterator[str]:
    """A file as text in every way a marker may hide in it: escapes of JSON, base64 of charts, parts of a mail."""
    text = content.decode("utf-8", "replace")
    yield text
    yield content.decode("utf-16-le", "replace")
    yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found.group(1), 16)), text)
    if depth:
        if b"\nMIME-Version:" in content:
            for part in email.message_from_bytes(content).walk():
                yield from texts(bytes(part.get_payload(decode=True) or b""), depth - 1)
        for found in re.finditer(rb"base64,([A-Za-z0-9+/=]{16,})", content):
            try:
                yield from texts(base64.b64decode(found.group(1)), depth - 1)
            except binascii.Error:
                continue


def hits(content: bytes) -> set[str]:
    return {marker for text in texts(content) for marker in MARKERS if marker in text}


@pytest.mark.parametrize(
    "hidden", [NAME, NAME.encode("utf-16-le"), '"\\u6b27\\u9633\\u6697\\u8bb0"', "base64," + base64.b64encode(NAME.encode()).decode()]
)
def test_the_search_finds_what_hides(hidden: str | bytes) -> None:
    content = hidden if isinstance(hidden, bytes) else hidden.encode()
    assert hits(content) == {NAME}


@pytest.mark.timeout(600)
def test_an_identity_stays_in_the_lake_and_the_package(tmp_path: Path) -> None:
    resources = (POPULATION, "civil_affairs_bureau.low_income_persons")
    generate(tmp_path / "demo", seed=20260302, days=1, first_day=date(2026, 3, 2), size=100, resources=resources)
    (file,) = (tmp_path / "demo" / "inbox").rglob("户籍人口基本信息_*.csv")
    lines = file.read_text(encoding="gb18030").splitlines()
    row = "{},{},女,汉族,1986-02-28,浙江省宁波市海曙区古林镇{}1幢101室,330203999000001,正常"
    file.write_bytes("\r\n".join([*lines, row.format(RIGHT, NAME, ROAD), row.format(WRONG, NAME, ROAD)]).encode("gb18030"))
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
        ("dictionary",), ("problems",), ("tickets",), ("show", POPULATION), ("show", POPULATION, "--layer", "quarantine"), ("history", POPULATION),
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
        found = query(district.lake, district.catalog.resources, f"select citizen_id, name from {POPULATION} where name = '{NAME}'")
    assert found.rows() == [(RIGHT, NAME)]
    searched = [
        path for path in state.rglob("*") if path.is_file() and path.relative_to(state).parts[0] not in INSIDE and path.suffix != ".xlsx"
    ]
    leaks = {str(path.relative_to(state)): found for path in searched if (found := hits(path.read_bytes()))}
    assert leaks == {}
    kinds = {path.suffix for path in searched}
    assert {".html", ".eml", ".log", ".db"} <= kinds, kinds

"""``districtlake rules``: the rules of a resource, what each found, what a changed one would have found, what was confirmed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from districtlake.cli.app import app
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError
from districtlake.store.tables import Ticket
from districtlake.tickets.dispositions import confirm_correct
from districtlake.tickets.machine import Actor
from districtlake.warehouse.commit import read
from pipelines.routing import route
from tests.running import run_folder
from tests.small_district import NOON, PAYMENTS, day, deliver, environment, open_small

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Iterator[District]:
    opened = open_small(tmp_path_factory.mktemp("rules"))
    inbox = opened.settings.inbox
    deliver(inbox, f"payments_{day(1)}.csv", [("A1", "甲", 1, None), ("A2", "乙", 60, None), ("A3", "丙", 150, None)])
    run_folder(opened, inbox)
    deliver(inbox, f"payments_{day(2)}.csv", [("A4", "丁", 70, None), ("A5", "一个过长的名称啊啊", 4, None)])
    run_folder(opened, inbox)
    route(opened)
    with opened.store.session(read_only=True) as session:
        number = session.scalars(select(Ticket.number).where(Ticket.rule_id == "name.brief")).one()
    confirm_correct(
        opened, number, Actor("登记科", "provider", "registry_bureau"), lambda one: read(opened.lake, "problems", one), opened.catalog,
        explanation="已核对", until=(NOON + timedelta(days=20)).date(),
    )  # fmt: skip
    yield opened
    opened.store.close()


@pytest.fixture
def command(district: District, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name, value in environment(district.settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "250")
    return lambda *words: CliRunner().invoke(app, ["rules", *map(str, words)])


def told(result: Result) -> Any:
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def stricter(district: District, folder: Path) -> Path:
    """A copy of the catalogue in which an amount above 50 will not do."""
    copy = shutil.copytree(district.settings.catalog_dirs[0], folder / "draft")
    entry = copy / "resources" / f"{PAYMENTS.replace('.', '/')}.yaml"
    text = entry.read_text(encoding="utf-8")
    assert "max: 100" in text
    entry.write_text(text.replace("max: 100", "max: 50"), encoding="utf-8")
    return copy


def test_every_rule_is_listed_with_what_it_found_last(command: Command) -> None:
    rows = {row["id"]: row for row in told(command("list", PAYMENTS, "--json"))}
    assert {"amount.range", "name.brief", "code.required"} <= set(rows)
    assert (rows["amount.range"]["ab"], rows["amount.range"]["outcome_title"]) == ("2/2", "通过")
    assert (rows["name.brief"]["ab"], rows["name.brief"]["waivers"]) == ("1/2", 1)
    table = command("list", PAYMENTS).stdout
    assert "名称应简短" in table
    assert "1/2" in table


def test_one_rule_tells_its_versions_and_results(command: Command) -> None:
    shown = told(command("show", PAYMENTS, "amount.range", "--json"))
    assert [(row["evaluated"], row["passed"], row["outcome_title"]) for row in shown["results"]] == [(3, 2, "不通过"), (2, 2, "通过")]
    assert [row["version"] for row in shown["versions"]] == [shown["version"]]
    assert len(told(command("show", PAYMENTS, "amount.range", "--limit", "1", "--json"))["results"]) == 1
    assert "历次结果" in command("show", PAYMENTS, "amount.range").stdout
    assert isinstance(command("show", PAYMENTS, "no.such").exception, DistrictLakeError)
    assert isinstance(command("list", "registry_bureau.nothing").exception, DistrictLakeError)


def test_a_draft_is_tried_on_past_deliveries_and_changes_nothing(command: Command, district: District, tmp_path: Path) -> None:
    before = {layer: read(district.lake, layer, PAYMENTS) for layer in ("warehouse", "quarantine", "problems", "results")}
    tried = command("test", PAYMENTS, "--since", day(1), "--catalog", stricter(district, tmp_path), "--rule", "amount.range", "--json")
    assert tried.exit_code == 3, "rows would begin to fail"
    found = json.loads(tried.stdout)
    rules = [entry for row in found["deliveries"] for entry in row["rules"]]
    assert (found["worse"], [(entry["failed"], entry["recorded_failed"], entry["newly"]) for entry in rules]) == (
        True,
        [(2, 1, 1), (1, 0, 1)],
    )
    for layer, frame in before.items():
        assert read(district.lake, layer, PAYMENTS).equals(frame), layer


@pytest.mark.slow
def test_the_rules_as_they_stand_find_what_they_found(command: Command) -> None:
    tried = command("test", PAYMENTS)
    assert tried.exit_code == 0, (tried.output, tried.exception)
    assert "会变为不符 0 行" in tried.stdout
    assert isinstance(command("test", PAYMENTS, "--catalog", "no-such-folder").exception, DistrictLakeError)


def test_what_was_confirmed_is_listed_with_its_end(command: Command) -> None:
    (row,) = told(command("waivers", PAYMENTS, "--json"))
    assert (row["rule"], row["days_left"], row["state"], row["explanation"]) == ("name.brief", 21, "holds", "已核对"), "today counts"
    assert told(command("waivers", "registry_bureau.people", "--json")) == []
    assert "登记科" in command("waivers").stdout

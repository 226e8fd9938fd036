"""``districtlake explain``: one row's story, against a district whose deliveries are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from districtlake.cli.app import app
from districtlake.clock import FixedClock
from districtlake.delivery.district import District, open_district
from districtlake.errors import NotFound
from districtlake.explanation.collect import collect
from districtlake.explanation.telling import document, lines
from districtlake.store.tables import AuditEvent
from districtlake.warehouse.history import scan
from tests.running import run_folder
from tests.small_district import NOON, PEOPLE, VISITS, day, deliver, environment, small_settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of people: a row that is cleansed, one that changes, one that is quarantined and then corrected."""
    folder = tmp_path_factory.mktemp("explain")
    settings = small_settings(folder)
    inbox = settings.inbox
    deliver(inbox, f"people{day(2)}.csv", [("K1", "\u3000甲　 ", "１２", "无"), ("K2", "乙", 5, ""), ("K3", "丙", 9000, "")])
    deliver(inbox, f"people{day(3)}.csv", [("k1", "甲", 12, ""), ("K2", "乙", 6, ""), ("K3", "丙", 9000, "")])
    deliver(inbox, f"people{day(4)}.csv", [("K1", "甲", 12, ""), ("K3", "丙", 90, "")])
    deliver(inbox, f"visits{day(2)}.csv", [("V1", "访", 1, "")])
    district = open_district(settings, clock=FixedClock(NOON))
    run_folder(district, inbox)
    district.store.close()
    return folder


@pytest.fixture
def district(folder: Path) -> Iterator[District]:
    district = open_district(small_settings(folder), clock=FixedClock(NOON))
    yield district
    district.store.close()


def _told(district: District, key: str, reveal: bool = True) -> dict[str, object]:
    return document(collect(district, PEOPLE, key), district.catalog, reveal=reveal)


def test_every_cleansing_rule_is_told_with_before_and_after(district: District) -> None:
    first = collect(district, PEOPLE, "K1").appearances[0]
    assert (first.file, first.row, first.fate) == (f"people{day(2)}.csv", 2, "inserted")
    cells = {cell.item: cell for cell in first.cells}
    name, amount = cells["name"], cells["amount"]
    assert (name.raw, name.value) == ("\u3000甲　 ", "甲")
    assert [step.rule for step in name.steps] == ["text.blank", "text.trim"]
    assert (name.steps[0].before, name.steps[-1].after) == ("\u3000甲　 ", "甲")
    assert all(a.after == b.before for a, b in zip(name.steps, name.steps[1:], strict=False))
    assert all(step.version >= 1 and step.title for step in name.steps)
    assert (amount.raw, amount.value) == ("１２", "12")


def test_versions_and_fates_over_deliveries(district: District) -> None:
    story = collect(district, PEOPLE, "K2")
    assert [one.fate for one in story.appearances] == ["inserted", "changed"]
    assert [(one["changed"], one["ending"]) for one in story.versions] == [([], "replaced"), (["amount"], "deleted")]
    assert story.delta_version is None
    said = "\n".join(lines(document(story, district.catalog, reveal=True), {"amount": "数量"}))
    assert "现在：不在数据仓" in said
    assert "变更：数量" in said
    assert "从全量中消失" in said


def test_quarantine_problem_and_correction(district: District) -> None:
    story = collect(district, PEOPLE, "K3")
    assert [one.fate for one in story.appearances] == ["quarantined", "quarantined", "inserted"]
    assert [rule["rule"] for rule in story.appearances[0].broken] == ["amount.range"]
    assert [(one["record"]["rule"], one["record"]["closing"], one["record"]["sightings"]) for one in story.problems] == [
        ("amount.range", "passed", 2)
    ]
    assert story.versions[-1]["valid_to"] is None


def test_a_key_as_people_write_it_and_one_nobody_knows(district: District) -> None:
    assert collect(district, PEOPLE, " Ｋ1 ").key == "K1"
    with pytest.raises(NotFound) as refused:
        collect(district, PEOPLE, "K11")
    assert "Nearest: K***" in refused.value.hint


def test_a_row_without_a_key_by_its_fingerprint(district: District) -> None:
    fingerprint = scan(district.lake, "warehouse", VISITS).collect()["_fingerprint"][0]
    story = collect(district, VISITS, fingerprint)
    assert [(one.file, one.fate) for one in story.appearances] == [(f"visits{day(2)}.csv", "inserted")]


def test_the_command_masks_unless_a_reason_is_given_and_audits(folder: Path, district: District) -> None:
    run = CliRunner(env=environment(small_settings(folder)))
    plain = run.invoke(app, ["explain", PEOPLE, "K1", "--json"])
    assert plain.exit_code == 0, plain.output
    told = json.loads(plain.stdout)
    assert told["key"] == "K***"
    assert all(cell["raw"] != "K1" for one in told["deliveries"] for cell in one["cells"])
    shown = run.invoke(app, ["explain", PEOPLE, "K1", "--item", "编号", "--reveal", "核实来电"])
    assert shown.exit_code == 0, shown.output
    assert "主键 K1" in shown.stdout
    with district.store.session(read_only=True) as session:
        kept = list(session.scalars(select(AuditEvent).where(AuditEvent.action == "rows.read_unmasked")))
        assert [(event.object_id, event.reason) for event in kept] == [(PEOPLE, "核实来电")]
        assert "K1" not in str(kept[0].data)
    assert run.invoke(app, ["explain", PEOPLE, "K1", "--item", "没有"]).exit_code != 0
    assert run.invoke(app, ["explain", PEOPLE, "K1", "--reveal", " "]).exit_code != 0

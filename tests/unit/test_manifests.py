"""Manifests (对账清单): side files and lists, in every form; rows, checksum and totals; before, after, missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, Outcome
from districtlake.delivery.receive import Received
from districtlake.errors import IngestionError
from districtlake.ingestion.manifest import read_manifest
from tests.plain_validator import validate
from tests.running import run_folder
from tests.small_district import PEOPLE, Row, day, deliver, deliveries, open_small, write_catalog

ROWS: list[Row] = [("A1", "甲", "1", None), ("A2", "乙", "２", None), ("A3", "丙", "97", None)]
NAME = f"people_{day(1)}.csv"


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    write_catalog(tmp_path / "catalog")
    path = tmp_path / "catalog" / "resources" / f"{PEOPLE.replace('.', '/')}.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("mode: snapshot,", "mode: snapshot, manifest: '对账*',"), encoding="utf-8")
    with (opened := open_small(tmp_path)).store:
        yield opened


def run(district: District) -> tuple[Received, list[Outcome]]:
    return run_folder(district, district.settings.inbox, Engine(validator=validate))


def beside(district: District, name: str, text: str | bytes) -> None:
    folder = district.settings.inbox / "registry_bureau"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def codes(received: Received) -> list[str]:
    return [notice.code for notice in received.notices]


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "sm3"])
@pytest.mark.parametrize("right", [True, False])
def test_a_side_file_holds_what_was_altered_on_the_way(district: District, algorithm: str, right: bool) -> None:
    path = deliver(district.settings.inbox, NAME, ROWS)
    digest = hashlib.new(algorithm, path.read_bytes()).hexdigest()
    said = digest if right else "0" * len(digest)
    beside(district, f"{NAME}.{algorithm}", f"{said.upper()} *{NAME}\n")
    received, (outcome,) = run(district)
    assert received.notices == []
    assert outcome.state == ("done" if right else "held")
    if not right:
        assert said in outcome.why
        assert digest in outcome.why


def test_rows_and_exact_totals_are_reconciled_and_told_with_both_numbers(district: District) -> None:
    deliver(district.settings.inbox, NAME, ROWS)
    beside(district, f"{NAME}.manifest.json", json.dumps({"rows": 4, "sums": {"数量": 100.50, "不是列": 1}}))
    _, (outcome,) = run(district)
    assert outcome.state == "held"
    for told in ("行数清单为4，文件为3", "数量合计清单为100.5，文件为100", "“不是列”不是数据项"):
        assert told in outcome.why
    assert outcome.counts["held"] == 3


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_a_list_names_many_files_and_what_never_came_shows(district: District, encoding: str) -> None:
    deliver(district.settings.inbox, NAME, ROWS)
    text = f"文件名,行数,合计列,合计值\n{NAME},3,数量,100\npeople_gone.csv,1,,\n".encode(encoding)
    beside(district, "对账清单.csv", text)
    received, (outcome,) = run(district)
    assert (outcome.state, codes(received)) == ("done", ["inbox.manifest_missing"])
    assert [r.outcome for r in outcome.results if r.rule.id == "delivery.manifest"] == ["passed"]
    assert "people_gone.csv" in received.notices[0].message
    assert codes(run(district)[0]) == ["inbox.manifest_missing"]
    deliver(district.settings.inbox, "people_gone.csv", ROWS[:1])
    assert codes(run(district)[0]) == []


def test_a_manifest_that_comes_after_the_file_tells_what_differs(district: District) -> None:
    deliver(district.settings.inbox, NAME, ROWS)
    assert run(district)[1][0].state == "done"
    beside(district, "对账.csv", f"文件名\t行数\n{NAME}\t5\n")
    for _ in range(2):  # it stands until the manifest or the delivery is gone
        received, outcomes = run(district)
        assert (codes(received), outcomes) == (["inbox.manifest_differs"], [])
        assert "清单为5，文件为3" in received.notices[0].message
    beside(district, "对账.csv", f"文件名\t行数\n{NAME}\t3\n")
    assert codes(run(district)[0]) == []


def test_a_file_waits_for_a_manifest_that_must_come(tmp_path: Path) -> None:
    write_catalog(tmp_path / "catalog")
    path = tmp_path / "catalog" / "resources" / f"{PEOPLE.replace('.', '/')}.yaml"
    text = path.read_text(encoding="utf-8").replace("mode: snapshot,", "mode: snapshot, manifest: {required: true},")
    path.write_text(text, encoding="utf-8")
    with (district := open_small(tmp_path)).store:
        deliver(district.settings.inbox, NAME, ROWS)
        received, outcomes = run(district)
        assert (codes(received), outcomes, deliveries(district)) == (["inbox.manifest_awaited"], [], {})
        beside(district, f"{NAME}.manifest.json", '{"rows": 3}')
        received, (outcome,) = run(district)
        assert (codes(received), outcome.state) == ([], "done")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "不是清单",
        "{",
        '{"files": [1]}',
        '{"file": "a", "md5": "xyz"}',
        '{"file": "a", "rows": "many"}',
        "文件名,行数\n,3\n",
        "[" * 100_000,
        "PK\x03\x04 no workbook",
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_manifest_is_a_notice_and_harms_nobody(district: District, text: str) -> None:
    deliver(district.settings.inbox, NAME, ROWS)
    beside(district, "对账.txt", text)
    received, (outcome,) = run(district)
    assert (outcome.state, codes(received)) == ("done", ["ingestion.damaged" if text.startswith("PK") else "inbox.manifest"])


def test_a_workbook_is_a_list_too(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for line in (["文件名", "记录数", "校验值", "数量合计"], ["甲.csv", 3, "A" * 64, "1,234.50"]):
        book.active.append(line)
    book.save(tmp_path / "对账.xlsx")
    (said,) = read_manifest(tmp_path / "对账.xlsx", "局/对账.xlsx")
    assert (said.file, said.rows, said.hashes, said.sums) == ("甲.csv", 3, {"sha256|sm3": "a" * 64}, {"数量": "1234.50"})
    (tmp_path / "x.csv.md5").write_text("nothing")
    with pytest.raises(IngestionError, match="no checksum"):
        read_manifest(tmp_path / "x.csv.md5", "局/x.csv.md5")

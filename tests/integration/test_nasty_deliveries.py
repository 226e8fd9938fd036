"""Deliveries as bad as they come, each beside a good one that must go through: a sentence with the remedy, nothing lost, nothing else hurt."""

from __future__ import annotations

import os
import resource as process
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.delivery import receive as receiving
from districtlake.delivery.district import District, open_district
from districtlake.delivery.process import Engine, Outcome
from districtlake.delivery.receive import Received, submit
from districtlake.ingestion.archive import path_of
from districtlake.ingestion.inbox import Notice
from districtlake.store.tables import Delivery
from districtlake.warehouse.commit import read
from tests.plain_validator import validate
from tests.running import run_folder, tables
from tests.small_district import HEADER, NOON, NOTES, PEOPLE, Row, csv_text, day, deliver, deliveries, open_small, small_settings

GOOD: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 2, None)]
NAME = f"people_{day(2)}.csv"


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    """People and notes were delivered yesterday; today's good file of the neighbour waits beside whatever the test delivers."""
    opened = open_small(tmp_path)
    deliver(opened.settings.inbox, f"people_{day(1)}.csv", GOOD)
    run(opened)
    deliver(opened.settings.inbox, f"notes_{day(2)}.csv", GOOD, agency="other_bureau")
    yield opened
    opened.store.close()


def engine() -> Engine:
    return Engine(validator=validate)


def run(district: District) -> tuple[Received, dict[str, Outcome]]:
    received, outcomes = run_folder(district, district.settings.inbox, engine())
    return received, {outcome.file: outcome for outcome in outcomes}


def place(district: District, name: str, content: bytes, agency: str = "registry_bureau") -> Path:
    path = district.settings.inbox / agency / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def neighbour_is_in(district: District) -> None:
    assert read(district.lake, "warehouse", NOTES)["code"].sort().to_list() == ["A1", "A2"]


def people(district: District) -> dict[str, int]:
    return dict(read(district.lake, "warehouse", PEOPLE).select("code", "amount").sort("code").iter_rows())


def archived(district: District, name: str) -> bytes:
    return path_of(district.settings.archive, deliveries(district)[name].sha256).read_bytes()


def held(district: District, name: str, content: bytes | None, *words: str) -> None:
    """The file is held with a sentence that holds ``words`` and its name; its bytes are kept; yesterday's table and the neighbour stand."""
    _, outcomes = run(district)
    assert outcomes[name].state == "held"
    for word in (*words, name):
        assert word in outcomes[name].why, outcomes[name].why
    assert outcomes[name].counts["delivered"] == outcomes[name].counts["held"]
    assert deliveries(district)[name].state == "held"
    if content is not None:
        assert archived(district, name) == content
    register = read(district.lake, "problems", PEOPLE).filter(pl.col("state") == "open")
    assert register["key"].to_list() == [""], "the agency is told, once"
    assert people(district) == {"A1": 1, "A2": 2}
    neighbour_is_in(district)
    # the agency delivers it again, repaired
    deliver(district.settings.inbox, f"people_{day(3)}.csv", [("A1", "甲", 10, None), ("A2", "乙", 2, None)])
    _, outcomes = run(district)
    assert outcomes[f"people_{day(3)}.csv"].state == "done"
    assert people(district) == {"A1": 10, "A2": 2}
    assert read(district.lake, "problems", PEOPLE).filter(pl.col("state") == "open").height == 0


def notice_of(received: Received, relative: str) -> Notice:
    found = [notice for notice in received.notices if notice.relative == relative]
    assert len(found) == 1, received.notices
    assert found[0].hint
    return found[0]


# files that cannot be read -------------------------------------------------------------------------------------------
def test_an_empty_file(district: District) -> None:
    place(district, NAME, b"")
    held(district, NAME, b"", "是空的", "请重新导出")


def test_a_header_alone_is_a_list_of_nobody(district: District) -> None:
    """Readable, and everybody gone: the drop guard stops it."""
    content = f"{HEADER}\n".encode()
    place(district, NAME, content)
    _, outcomes = run(district)
    assert outcomes[NAME].state == "held"
    assert "100.0%" in outcomes[NAME].why
    assert people(district) == {"A1": 1, "A2": 2}
    assert archived(district, NAME) == content
    neighbour_is_in(district)


@pytest.mark.parametrize(
    "content", [csv_text(GOOD).encode("utf-16-be")[1:], b"\x80\x81\xff\xfe\x00\x01garbage" * 400], ids=["half_a_character_short", "noise"]
)
def test_bytes_that_are_no_text(district: District, content: bytes) -> None:
    place(district, NAME, content)
    held(district, NAME, content)


def test_a_few_broken_bytes_hold_the_file_or_the_cell_but_never_pass(district: District) -> None:
    content = csv_text([("A1", "甲乙丙", 1, None), ("A2", "丁", 2, None)]).encode().replace("乙".encode(), b"\xff\xfe\xff")
    place(district, NAME, content)
    _, outcomes = run(district)
    assert archived(district, NAME) == content
    neighbour_is_in(district)
    names = read(district.lake, "warehouse", PEOPLE)["name"].to_list()
    assert outcomes[NAME].state == "held" or outcomes[NAME].counts["quarantined"] == 1
    assert set(names) <= {"甲", "乙", "丁"}


def test_a_missing_required_column(district: District) -> None:
    content = "编号,数量\nA1,5\n".encode()
    place(district, NAME, content)
    _, outcomes = run(district)
    assert outcomes[NAME].state == "held"
    assert "名称" in outcomes[NAME].why
    assert archived(district, NAME) == content
    assert people(district) == {"A1": 1, "A2": 2}
    neighbour_is_in(district)


def workbook(path: Path, *, formulas: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADER.split(","))
    for number, row in enumerate(GOOD, 1):
        sheet.write_row(number, 0, row)
        if formulas:
            sheet.write_formula(number, 2, f"=10*{number}", None, 10 * number)
    book.close()
    return path


def test_a_workbook_that_unpacks_to_half_a_gigabyte(district: District, tmp_path: Path) -> None:
    name = f"people_{day(2)}.xlsx"
    good = workbook(tmp_path / "good.xlsx")
    bomb = district.settings.inbox / "registry_bureau" / name
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for member in old.namelist():
            if not member.endswith("sheet1.xml"):
                new.writestr(member, old.read(member))
        with new.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(512):
                sheet.write(b"<row/>" + bytes((1 << 20) - 6))
    assert bomb.stat().st_size < 8 << 20
    content, before, began = bomb.read_bytes(), _peak_mb(), time.monotonic()
    held(district, name, content)
    assert _peak_mb() - before < 256
    assert time.monotonic() - began < 60


def test_a_truncated_workbook(district: District, tmp_path: Path) -> None:
    name = f"people_{day(2)}.xlsx"
    content = workbook(tmp_path / "whole.xlsx").read_bytes()
    place(district, name, content[: len(content) // 2])
    held(district, name, content[: len(content) // 2])


def test_formulas_count_by_their_values_and_macros_are_never_run(district: District, tmp_path: Path) -> None:
    name = f"people_{day(2)}.xlsm"
    plain = workbook(tmp_path / "plain.xlsx", formulas=True)
    target = district.settings.inbox / "registry_bureau" / name
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            text = old.read(member)
            if member == "[Content_Types].xml":
                text = text.replace(b"spreadsheetml.sheet.main+xml", b"ms-excel.sheet.macroEnabled.main+xml")
            new.writestr(member, text)
        new.writestr("xl/vbaProject.bin", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(4096))
    _, outcomes = run(district)
    assert outcomes[name].state == "done", outcomes[name].why
    assert people(district) == {"A1": 10, "A2": 20}
    assert archived(district, name) == target.read_bytes()
    neighbour_is_in(district)


@pytest.mark.parametrize("size", [256 << 20, pytest.param(2 << 30, marks=pytest.mark.slow)], ids=["256M", "2G"])
def test_one_endless_line(district: District, size: int) -> None:
    """A sparse file: quick to make; it is copied into the archive, so it costs time, but never memory."""
    path = place(district, NAME, f"{HEADER}\nA1,".encode())
    free = shutil.disk_usage(path.parent).free
    if free < 2 * size:
        pytest.skip("left out: too little disk free")
    os.truncate(path, size)
    before = _peak_mb()
    _, outcomes = run(district)
    assert outcomes[NAME].state == "held"
    assert NAME in outcomes[NAME].why
    assert _peak_mb() - before < 200
    assert path_of(district.settings.archive, deliveries(district)[NAME].sha256).stat().st_size == size
    neighbour_is_in(district)


def test_a_file_larger_than_allowed_is_not_even_copied(tmp_path: Path) -> None:
    district = open_small(tmp_path, max_file_mb=1)
    with district.store:
        path = place(district, NAME, b"")
        os.truncate(path, 2 << 20)
        deliver(district.settings.inbox, f"notes_{day(2)}.csv", GOOD, agency="other_bureau")
        received, _ = run(district)
        notice = notice_of(received, f"registry_bureau/{NAME}")
        assert NAME in notice.message
        assert "DISTRICTLAKE_MAX_FILE_MB" in notice.hint
        neighbour_is_in(district)


# files that are not there as they seem --------------------------------------------------------------------------------
def test_a_file_that_grows_while_it_is_read_waits(district: District) -> None:
    path = deliver(district.settings.inbox, NAME, [("A1", "甲", 3, None)])
    with path.open("a", encoding="utf-8") as writing:
        received, outcomes = run(district)
        assert received.growing == [f"registry_bureau/{NAME}"]
        assert NAME not in outcomes
        neighbour_is_in(district)
        writing.write("A2,乙,4,\n")
    run(district)
    assert people(district) == {"A1": 3, "A2": 4}


def test_a_file_that_never_stops_growing_holds_up_nobody(tmp_path: Path) -> None:
    district = open_small(tmp_path, settle_seconds=0.3)
    with district.store:
        growing = deliver(district.settings.inbox, NAME, GOOD)
        deliver(district.settings.inbox, f"notes_{day(2)}.csv", GOOD, agency="other_bureau")
        stop = threading.Event()

        def grow() -> None:
            while not stop.wait(0.05):
                with growing.open("a", encoding="utf-8") as file:
                    file.write("A3,丙,3,\n")

        writer = threading.Thread(target=grow)
        writer.start()
        time.sleep(0.4)
        try:
            received, _ = run(district)
        finally:
            stop.set()
            writer.join()
        assert received.growing == [f"registry_bureau/{NAME}"]
        neighbour_is_in(district)


def test_a_file_taken_away_between_the_look_and_the_reading(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    path = deliver(district.settings.inbox, NAME, [("A1", "甲", 3, None)])
    look = receiving.scan

    def look_and_take(*arguments: object) -> object:
        found = look(*arguments)  # type: ignore[arg-type]
        path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(receiving, "scan", look_and_take)
    _, outcomes = run(district)
    assert NAME not in outcomes
    assert NAME not in deliveries(district)
    neighbour_is_in(district)
    monkeypatch.undo()
    deliver(district.settings.inbox, NAME, [("A1", "甲", 3, None), ("A2", "乙", 2, None)])
    run(district)
    assert people(district) == {"A1": 3, "A2": 2}


def test_a_link_out_of_the_inbox_is_not_followed(district: District, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(csv_text([("S1", "密", 1, None)]), encoding="utf-8")
    (district.settings.inbox / "registry_bureau" / NAME).symlink_to(secret)
    received, outcomes = run(district)
    notice = notice_of(received, f"registry_bureau/{NAME}")
    assert "leaves the inbox" in notice.message
    assert "Deliver the file itself" in notice.hint
    assert NAME not in outcomes
    assert "S1" not in people(district)
    neighbour_is_in(district)


def test_nobodys_files_are_told_and_left_where_they_lie(district: District) -> None:
    unknown = place(district, "people.csv", csv_text(GOOD).encode(), agency="no_such_bureau")
    unmatched = place(district, "strange.csv", csv_text(GOOD).encode())
    received, outcomes = run(district)
    first, second = notice_of(received, "no_such_bureau/people.csv"), notice_of(received, "registry_bureau/strange.csv")
    assert (first.code, second.code) == ("inbox.unknown_agency", "inbox.unmatched")
    assert "registry_bureau" in first.hint
    assert "people*.csv" in second.hint
    assert set(outcomes) == {f"notes_{day(2)}.csv"}
    assert unknown.exists()
    assert unmatched.exists()
    # once renamed it is taken
    unmatched.rename(unmatched.with_name(NAME))
    place(district, NAME, csv_text([("A1", "甲", 7, None), ("A2", "乙", 2, None)]).encode())
    assert run(district)[1][NAME].state == "done"
    assert people(district)["A1"] == 7


def test_the_same_bytes_under_another_name_change_nothing(district: District) -> None:
    run(district)
    before = tables(district)
    original = district.settings.inbox / "registry_bureau" / f"people_{day(1)}.csv"
    place(district, f"people_{day(1)}_copy.csv", original.read_bytes())
    received, outcomes = run(district)
    twin = deliveries(district)[f"people_{day(1)}.csv"].id
    assert received.duplicates == [(f"registry_bureau/people_{day(1)}_copy.csv", twin)]
    assert outcomes == {}
    found = deliveries(district)[f"people_{day(1)}_copy.csv"]
    assert (found.state, found.duplicate_of) == ("duplicate", twin)
    assert twin in found.state_reason
    assert tables(district) == before


def test_the_whole_list_with_the_bytes_of_a_correction_is_a_statement_of_its_own(district: District, tmp_path: Path) -> None:
    run(district)
    one = tmp_path / "people_one.csv"
    one.write_text(csv_text([("A1", "甲", 9, None)]), encoding="utf-8")
    for correction, new in ((True, 1), (True, 0), (False, 1), (False, 0), (True, 0)):
        received = submit(district, one, PEOPLE, correction=correction, data_date=date(2026, 3, 5), actor="test")
        assert (len(received.new), received.duplicates) == (new, []), (correction, received)
    with district.store.session(read_only=True) as session:
        kept = session.execute(select(Delivery.mode, Delivery.state).where(Delivery.file_name == one.name)).all()
    assert sorted(tuple(row) for row in kept) == [("correction", "pending"), ("snapshot", "pending")]
    # the same list under another name is still the same statement
    other = one.with_name("people_other.csv")
    other.write_bytes(one.read_bytes())
    assert len(submit(district, other, PEOPLE, correction=False, data_date=date(2026, 3, 5), actor="test").duplicates) == 1


# the district itself is ill --------------------------------------------------------------------------------------------
def test_a_malformed_catalogue_entry_takes_only_itself_out(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    entry = settings.catalog_dirs[0] / "resources" / "registry_bureau" / "people.yaml"
    whole = entry.read_text(encoding="utf-8")
    entry.write_text(whole.replace("key: [code]", "key: [code"), encoding="utf-8")
    deliver(settings.inbox, NAME, GOOD)
    deliver(settings.inbox, f"notes_{day(2)}.csv", GOOD, agency="other_bureau")
    with (broken := open_district(settings, clock=FixedClock(NOON))).store:
        assert [error for error in broken.catalog_errors if "people.yaml" in error.message and error.hint]
        received, _ = run(broken)
        assert notice_of(received, f"registry_bureau/{NAME}")
        neighbour_is_in(broken)
    entry.write_text(whole, encoding="utf-8")
    with (repaired := open_district(settings, clock=FixedClock(NOON))).store:
        assert not repaired.catalog_errors
        _, outcomes = run(repaired)
        assert outcomes[NAME].state == "done"


def _peak_mb() -> int:
    return process.getrusage(process.RUSAGE_SELF).ru_maxrss // 1024

"""The bytes: Excel that others can read, CSV line numbers, atomic replacement; and the spellings inside."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import fastexcel
import openpyxl
import pytest

from districtlake.demo import spelling
from districtlake.demo.files import Csv, Excel, replace_file, workbook
from districtlake.demo.truth import TruthLine, read_ground_truth, write_day


def test_workbook_is_read_by_openpyxl_with_types_positions_and_blanks_kept() -> None:
    content = workbook({"甲": [["标题"], [], ["a", date(2021, 1, 2), Decimal("1000.50"), "", "\u3000<&>\u00a0"]], "乙 & 丙": [["x"]]})
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["甲", "乙 & 丙"]
    sheet = book["甲"]
    assert sheet["A1"].value == "标题"
    assert sheet["B3"].value.date() == date(2021, 1, 2)
    assert sheet["B3"].is_date
    assert [sheet[at].value for at in ("A3", "C3", "D3", "E3")] == ["a", 1000.5, None, "\u3000<&>\u00a0"]


def test_workbook_is_read_by_calamine() -> None:
    content = workbook({"表": [["标题"], ["a", "b"], ["x", date(1999, 12, 31)]]})
    frame = fastexcel.read_excel(content).load_sheet("表", header_row=None, dtypes="string").to_polars()
    assert frame.height == 3
    assert frame.row(2)[1].startswith("1999-12-31")


def test_equal_rows_are_equal_bytes_whatever_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    first = workbook({"表": [["a"]]})
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert workbook({"表": [["a"]]}) == first


def test_csv_rows_start_on_the_lines_an_editor_shows() -> None:
    form, rows = Csv("utf-8"), [["1", "a"], ["2", "b\nc\nd"], ["3", 'q"'], ["4", "x,y"]]
    content = form.content(["k", "v"], rows).decode()
    lines = content.split("\n")
    for line, row in zip(form.lines(rows), rows, strict=True):
        assert lines[line - 1].startswith(row[0])
    assert list(csv.reader(io.StringIO(content, newline="")))[1:] == rows


def test_excel_rows_are_counted_from_the_top_of_the_sheet() -> None:
    form, rows = Excel("表", ("标题", "")), [["1", "a"], ["2", "b"]]
    sheet = openpyxl.load_workbook(io.BytesIO(form.content(["k", "v"], rows)))["表"]
    assert [sheet.cell(at, 1).value for at in form.lines(rows)] == ["1", "2"]
    assert sheet.cell(form.footer(rows), 1).value == "合计：2条"


def test_replace_file_leaves_the_old_content_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, scratch = tmp_path / "a" / "f.csv", tmp_path / ".writing"
    replace_file(path, b"old", scratch=scratch)
    assert not scratch.exists()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new", scratch=scratch)
    assert path.read_bytes() == b"old"
    monkeypatch.undo()
    replace_file(path, b"new", scratch=scratch)
    assert path.read_bytes() == b"new"


def test_ground_truth_of_a_day_is_written_once_even_if_the_day_is_written_again(tmp_path: Path) -> None:
    def line(day: str, row: int) -> TruthLine:
        return TruthLine(day, "a", "r", "f.csv", None, row, {"k": " 1"}, "k", "slug", "k.conforms", "quarantine", True)

    write_day(tmp_path, "2025-01-01", [line("2025-01-01", 2)])
    write_day(tmp_path, "2025-01-02", [line("2025-01-02", 3)])
    write_day(tmp_path, "2025-01-02", [line("2025-01-02", 4)])
    assert [(one.day, one.row) for one in read_ground_truth(tmp_path)] == [("2025-01-01", 2), ("2025-01-02", 4)]


def test_dates_are_written_five_ways() -> None:
    written = {spelling.spell_date(date(2021, 1, 2), Random(seed)) for seed in range(400)}
    assert {"2021/1/2", "2021-01-02", "20210102", "2021年1月2日", "2021.01.02"} <= written
    assert any(text.startswith("２０２１") for text in written if isinstance(text, str))


def test_spellings_are_harmless() -> None:
    blanks = dict.fromkeys(map(ord, " \u3000\u00a0"), "")
    for seed in range(2000):
        rng = Random(seed)
        amount = spelling.spell_amount(Decimal("1206.50"), rng)
        assert isinstance(amount, str)
        assert _narrow(amount.translate(blanks)).replace(",", "") == "1206.50"
        number = spelling.spell_identifier("33020319900101123X", rng)
        assert isinstance(number, str)
        assert _narrow(number.translate(blanks)).upper() == "33020319900101123X"
        name = spelling.spell_name("张伟", rng)
        assert isinstance(name, str)
        assert name.translate(blanks) == "张伟"


def test_labels_prevail_over_other_spellings() -> None:
    spell = spelling.coded({"男": ("1", "M", "男性")})
    counts = Counter(_narrow(str(spell("男", Random(seed))).strip()) for seed in range(3000))
    assert set(counts) == {"男", "1", "M", "男性"}
    assert counts["男"] > 2000


def _narrow(text: str) -> str:
    return "".join(chr(ord(char) - 0xFEE0) if "\uff01" <= char <= "\uff5e" else char for char in text)

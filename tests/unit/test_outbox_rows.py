"""Rows into a sheet: what is written is read, nothing becomes a formula, nothing breaks the file."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font

from districtlake.tickets.sheet_rows import CUT, MAX_TEXT, lines_of, neutralised, write_workbook


def round_trip(rows: list[tuple[str | int | None, ...]]) -> list[tuple[object, ...]]:
    book = Workbook()
    sheet = book.worksheets[0]
    for column in range(1, len(rows[0]) + 1 if rows else 2):
        sheet.cell(1, column, f"列{column}")
        sheet.cell(2, column).font = Font(size=9)
    target = BytesIO()
    write_workbook(book, {sheet.title: rows}, target)
    read = load_workbook(target).worksheets[0]
    assert all(cell.font.size == 9 for line in read.iter_rows(min_row=2) for cell in line)
    assert not any(cell.data_type == "f" for line in read.iter_rows() for cell in line)
    return list(read.iter_rows(min_row=2, values_only=True))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\n=1"),
        ("＝1+1", "'＝1+1"),
        ("-5", "-5"),
        ("+8613800000000", "+8613800000000"),
        ("-5.50", "-5.50"),
        ("330203199006150016", "330203199006150016"),
        ("<b>&amp;\"'</b>", "<b>&amp;\"'</b>"),
        ("𠮷䶮 ", "𠮷䶮 "),
        ("一\r\n二\r三", "一\n二\n三"),
        ("\x00\x0b", "␀␋"),
        ("a\uffffb", "a\ufffdb"),
        ("_x0041_", "_x0041_"),
    ],
)
def test_texts_arrive_as_they_are_or_harmless(text: str, shown: str) -> None:
    ((value,),) = round_trip([(text,)])
    assert value in (shown, shown.replace("_x0041_", "_x005F_x0041_")), "openpyxl leaves Excel's own escape as it is"


def test_numbers_empty_cells_and_styles() -> None:
    assert round_trip([("a", 7, None), ("", 8, "b")]) == [("a", 7, None), (None, 8, "b")]


def test_no_rows_leave_the_header() -> None:
    assert round_trip([]) == []


def test_a_text_longer_than_excel_takes_is_cut_and_says_so() -> None:
    ((value,),) = round_trip([("𠮷" * MAX_TEXT,)])
    assert isinstance(value, str)
    assert value.endswith(CUT)
    assert len(value.encode("utf-16-le")) // 2 <= MAX_TEXT


def test_a_sheet_without_a_specimen_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="specimen"):
        write_workbook(Workbook(), {"Sheet": [("a",)]}, BytesIO())


def test_other_sheets_stay() -> None:
    book = Workbook()
    book.worksheets[0].cell(1, 1, "说明")
    target = BytesIO()
    write_workbook(book, {}, target)
    assert load_workbook(target).worksheets[0]["A1"].value == "说明"


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), min_size=1, max_size=8))
def test_any_text_makes_a_readable_file_without_a_formula(texts: list[str]) -> None:
    for (value,) in round_trip([(text,) for text in texts]):
        assert isinstance(value, str)
        assert neutralised(value) == value, "whatever is in the cell is harmless already"


@pytest.mark.parametrize(
    ("text", "width", "lines"), [("abc", 10, 1), ("汉字汉字汉字", 7, 2), ("a\nb", 10, 2), ("", 10, 1), ("汉字", 10, 1)]
)
def test_lines_are_counted_by_width(text: str, width: float, lines: int) -> None:
    assert lines_of(text, width) == lines

"""Workbooks: each cell the text a person would copy, each row number the one on the screen, each sheet read or said why not."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from districtlake.catalog.models import Item, Opening, Resource, Sharing, Source
from districtlake.errors import IngestionError
from districtlake.ingestion.read import Limits, RawDelivery, read_file

ITEMS = (("seq", "序号"), ("name", "学校名称"), ("code", "学校标识码"))
HEADER = [title for _, title in ITEMS]


def resource(items: tuple[tuple[str, str], ...] = ITEMS, **source: Any) -> Resource:
    return Resource(
        agency="education_bureau",
        name="schools",
        code="305001001/000001",
        title="学校",
        business="业务",
        system="系统",
        items=tuple(Item(name=name, title=title, element="text", required=name in ("name", "code")) for name, title in items),
        storage_format="spreadsheet",
        sharing=Sharing(class_="unconditional"),
        opening=Opening(class_="unconditional"),
        provision=("api",),
        update_cycle="daily",
        sharing_term="permanent",
        source=Source(**{"files": "*.xlsx", "mode": "append", **source}),
    )


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def read_workbook(of: Resource | None = None, limits: Limits | None = None, options: Any = None, **sheets: Any) -> RawDelivery:
        path = tmp_path / "0123abcd"
        book = xlsxwriter.Workbook(str(path), options or {})
        formats = {name: book.add_format({"num_format": name}) for name in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "hh:mm", "0.00")}
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, tuple):
                        sheet.write(at, column, cell[0], formats[cell[1]])
                    elif isinstance(cell, str) and cell.startswith("="):
                        sheet.write_formula(at, column, cell, None, "#DIV/0!" if "/0" in cell else 2)
                    elif isinstance(cell, str):
                        sheet.write_string(at, column, cell)
                    elif cell is not None:
                        sheet.write(at, column, cell)
        book.close()
        return read_file(path, "学校.xlsx", of or resource(), limits or Limits())

    return read_workbook


def column(delivery: RawDelivery, name: str = "code") -> list[str | None]:
    return delivery.frame[name].to_list()


def test_title_rows_banners_and_row_numbers(read: Any) -> None:
    delivery = read(
        名单=[
            ["附件1："],
            [],
            ["全国学校名单"],
            HEADER,
            ["北京市（2所）"],
            [1, "甲", 4111010001.0],
            [],
            [2, "乙", "4111010002"],
            ["注：略"],
        ],
        空=[],
        裸名=[["甲"], ["乙"]],
    )
    assert delivery.frame.select("_sheet", "_row", "seq", "name", "code").rows() == [
        ("名单", 6, "1", "甲", "4111010001"),
        ("名单", 8, "2", "乙", "4111010002"),
    ]
    report = delivery.report
    assert (report.format, report.header_row) == ("xlsx", 4)
    assert [note.as_list()[1:] for note in report.skipped.first] == [
        [1, "title"], [2, "blank"], [3, "title"], [5, "banner"], [7, "blank"], [9, "footer"],
    ]  # fmt: skip
    assert [(sheet.name, sheet.read, sheet.rows, bool(sheet.reason)) for sheet in report.sheets] == [
        ("名单", True, 2, False),
        ("空", False, 0, True),
        ("裸名", False, 0, True),
    ]
    assert json.loads(json.dumps(report.as_dict())) == report.as_dict()


def test_a_table_that_starts_below_and_right_of_the_corner(read: Any) -> None:
    delivery = read(s=[[], [], [], [None, None, *HEADER, None, "备注"], [None, None, 1, "甲", "A", "x", "y"]])
    assert delivery.frame.select("_row", "seq", "name", "code").rows() == [(5, "1", "甲", "A")]
    assert json.loads(delivery.frame["_extra"][0]) == {"#6": "x", "备注": "y"}
    assert delivery.report.unexpected == ("#6", "备注")


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        (1.0, "1"),
        (-3.5, "-3.5"),
        (0.1 + 0.2, "0.3"),
        (4111010001.0, "4111010001"),
        (123456789012345, "123456789012345"),
        (121.549792012345, "121.549792012345"),
        (-0.000123456789012, "-0.000123456789012"),
        (1 / 3, "0.333333333333333"),
        (330203199001011234, "3.30203E+17"),  # Excel keeps fifteen digits: the rest is lost, and said to be
        (2e15, "2E+15"),
        ("330203199001011328", "330203199001011328"),  # a text is what it is, even one that a float could hold
        ("0.333333333", "0.333333333"),
        ("true", "true"),
        (True, "TRUE"),
        (False, "FALSE"),
        ("  前后 ", "  前后 "),
        ("0012", "0012"),
        ("1.50", "1.50"),
        ((dt.date(2021, 1, 2), "yyyy-mm-dd"), "2021-01-02"),
        ((dt.datetime(2021, 1, 2, 3, 4, 5, tzinfo=None), "yyyy-mm-dd hh:mm:ss"), "2021-01-02 03:04:05"),  # noqa: DTZ001 (Excel knows no zones)
        ((dt.time(3, 4), "hh:mm"), "03:04:00"),
        ("2021-01-02 00:00:00", "2021-01-02 00:00:00"),
        ((0.5, "0.00"), "0.5"),
        ("=1/0", "#DIV/0!"),
        ("=1+1", "2"),
    ],
)
@pytest.mark.parametrize("epoch_1904", [False, True])
def test_a_cell_is_what_a_person_would_copy(read: Any, written: Any, seen: str, epoch_1904: bool) -> None:
    delivery = read(options={"date_1904": epoch_1904}, s=[HEADER, [1, "甲", written], [2, "乙", "文字"]])
    assert column(delivery) == [seen, "文字"]


def test_kinds_of_cells_mixed_in_one_column(read: Any) -> None:
    written = [
        330203199001011234,
        "330203199001011234",
        (dt.date(2021, 1, 2), "yyyy-mm-dd"),
        1 / 3,
        True,
        "=1/0",
        "甲",
        None,
        "2021-01-02 00:00:00",
        "9007199254740992",
    ]
    delivery = read(s=[HEADER, *([at, "甲", cell] for at, cell in enumerate(written))])
    assert column(delivery) == [
        "3.30203E+17", "330203199001011234", "2021-01-02", "0.333333333333333", "TRUE", "#DIV/0!", "甲", None, "2021-01-02 00:00:00",
        "9007199254740992",
    ]  # fmt: skip


def test_every_visible_sheet_with_the_header_is_read_in_order(read: Any) -> None:
    delivery = read(一=[HEADER, [1, "甲", "A"]], 二=[["学校标识码", "学校名称"], ["B", "乙"]])
    assert delivery.frame.select("_sheet", "_row", "name", "code").rows() == [("一", 2, "甲", "A"), ("二", 2, "乙", "B")]
    assert delivery.report.missing == {"seq": "序号"}  # in one of the sheets


def test_the_declared_sheet_alone_is_read(read: Any) -> None:
    sheets = {"一": [HEADER, [1, "甲", "A"]], "Data ": [HEADER, [2, "乙", "B"]]}
    assert column(read(resource(sheet="data"), **sheets)) == ["B"]
    with pytest.raises(IngestionError) as caught:
        read(resource(sheet="三"), **sheets)
    assert caught.value.code == "ingestion.sheet"
    assert "一" in caught.value.message
    with pytest.raises(IngestionError) as caught:
        read(resource(sheet="空"), 空=[["x"]], **sheets)
    assert caught.value.code == "ingestion.header"


def test_hidden_sheets_are_skipped_and_said(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    shown, hidden = book.active, book.create_sheet("旧")
    shown.title = "新"
    for sheet in (shown, hidden):
        sheet.append(HEADER)
        sheet.append([1, "甲", sheet.title])
    hidden.sheet_state = "hidden"
    book.save(tmp_path / "x.xlsx")
    delivery = read_file(tmp_path / "x.xlsx", "x.xlsx", resource(), Limits())
    assert column(delivery) == ["新"]
    assert [(sheet.name, sheet.reason) for sheet in delivery.report.sheets] == [("新", ""), ("旧", "hidden")]
    assert column(read_file(tmp_path / "x.xlsx", "x.xlsx", resource(sheet="旧"), Limits())) == ["旧"]


def test_no_header_anywhere(read: Any) -> None:
    with pytest.raises(IngestionError) as caught:
        read(s=[["张三", "330203199001011234"]])
    assert caught.value.code == "ingestion.header"
    assert "张三" not in str(caught.value)


def test_empty_text_is_no_value(read: Any) -> None:
    delivery = read(s=[HEADER, [1, "", "A"], [2, " ", "B"]])
    assert column(delivery, "name") == [None, " "]


def test_a_date_among_numbers_beyond_any_calendar(read: Any) -> None:
    written = [
        [1, "甲", (dt.date(2021, 1, 2), "yyyy-mm-dd")],
        [],
        [2, "乙", 106751991169],
        [3, "丙", "2021-01-02 00:00:00"],
        [4, "丁", 10**20],
    ]
    assert column(read(s=[[], HEADER, *written])) == ["2021-01-02", "106751991169", "2021-01-02 00:00:00", "1E+20"]

"""Reading without configuration, as laws: a table written in any dialect and encoding reads back equal, cell by cell."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from districtlake.inspection.layout import Row, arrange
from tests.inspecting import grids

# The same examples every time: a dialect is found by evidence, and random tables hold some that are ambiguous to anybody (0^0 below a title).
SETTINGS = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = [
    "海曙区",
    "宁波市",
    "甲",
    "丙丁",
    "public rental",
    "丽园南路1号",
    "a,b",
    '他说"好"',
    "x;y",
    "住址|门牌",
    "50%",
    "x, y",
    "行\n行",
    "无",
    "",
]
NAMES = ["编号", "姓名", "金额", "日期", "name", "code", "备注", "类别 说明"]
TYPED: dict[str, Any] = {
    "integer": st.integers(0, 99_999).map(str),
    "decimal": st.decimals(0, 1000, places=2).map(str),
    "day": st.dates().map(lambda day: f"{day.year:04d}-{day:%m-%d}").filter(lambda text: text > "1900"),
    "id": st.integers(10**17, 10**18 - 1).map(str),
}


@st.composite
def tables(draw: st.DrawFn, words: list[str] = WORDS) -> list[list[str]]:
    """A header of words and rows with at least two typed columns: what proves the header."""
    kinds = draw(st.lists(st.sampled_from([*TYPED, "word"]), min_size=0, max_size=5))
    kinds = draw(st.permutations([*kinds, draw(st.sampled_from(list(TYPED))), draw(st.sampled_from(list(TYPED)))]))
    header = [f"{draw(st.sampled_from(NAMES))}{at}" for at in range(len(kinds))]
    cells = [TYPED[kind] if kind in TYPED else st.sampled_from(words) for kind in kinds]
    return [header, *draw(st.lists(st.tuples(*cells).map(list), min_size=3, max_size=25))]


def written(table: list[list[str]], **dialect: Any) -> str:
    out = io.StringIO()
    csv.writer(out, **dialect).writerows(table)
    return out.getvalue()


@SETTINGS
@given(
    table=tables(),
    delimiter=st.sampled_from([",", ";", "\t", "|", "^", "~", "\x01", "，"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
    title=st.sampled_from(["", "海曙区2026年统计表", "title\n"]),
)
def test_any_dialect_and_encoding_reads_back_equal(
    table: list[list[str]], delimiter: str, quoting: int, end: str, encoding: str, title: str, tmp_path: Path
) -> None:
    if end == "\r":
        table = [[cell.replace("\n", " ") for cell in row] for row in table]
    text = written(table, delimiter=delimiter, quoting=quoting, lineterminator=end)
    if title:
        text = title.replace("\n", end) + end + text
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    assert grids(path) == [table]


@SETTINGS
@given(table=tables(words=["甲", "乙", "x", "y z"]), quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
def test_quotes_escaped_by_backslash_read_back_equal(table: list[list[str]], quoting: int, tmp_path: Path) -> None:
    for row in table:
        row[0] = f'{row[0]} "b" c'
    path = tmp_path / "t.csv"
    path.write_text(written(table, quoting=quoting, doublequote=False, escapechar="\\"), encoding="utf-8", newline="")
    assert grids(path) == [table]


@SETTINGS
@given(table=tables(), at=st.integers(0, 3))
def test_what_is_written_reads_back_equal(table: list[list[str]], at: int, tmp_path: Path) -> None:
    """``--to`` is a fixed point: its output inspected and written again is the same bytes."""
    from districtlake.ingestion.limits import Limits
    from districtlake.inspection.found import Wanted
    from districtlake.inspection.inspect import inspect_file

    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    source = tmp_path / "s.csv"
    source.write_text(written(table, delimiter=",;\t|"[at]), encoding="utf-8", newline="")
    inspect_file(source, "s.csv", Wanted(), Limits(), None, first)
    inspect_file(first, "1.csv", Wanted(), Limits(), None, second)
    assert first.read_bytes() == second.read_bytes()
    assert list(csv.reader(io.StringIO(first.read_text(encoding="utf-8"), newline=""))) == table


@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables(), titles=st.integers(0, 2))
def test_a_workbook_of_texts_reads_back_equal(table: list[list[str]], titles: int, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for number in range(titles):
        book.active.append([f"海曙区统计表{number}"])
    for row in table:
        book.active.append([cell or None for cell in row])
    path = tmp_path / "t.xlsx"
    book.save(path)
    assert grids(path) == [table]


@SETTINGS
@given(
    rows=st.lists(st.lists(st.sampled_from(["", "甲", "1", "2.5", "合计", "注：说明一二三四五六"]), min_size=1, max_size=5), max_size=20)
)
def test_every_row_of_a_grid_has_exactly_one_place(rows: list[list[str]]) -> None:
    """Nothing is lost: each row is a title, a header, data, or passed over with a reason."""
    grid = [Row(number, tuple(cells)) for number, cells in enumerate(rows, 1)]
    places = [
        row.number
        for region in arrange(grid)
        for row in (*region.titles, *region.header, *region.body, *(row for row, _ in region.passed))
    ]  # fmt: skip
    assert sorted(places) == [row.number for row in grid]

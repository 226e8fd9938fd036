"""What a catalogue's ``source:`` may declare of a file's form, and what inspection proposes for it, read the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pydantic import ValidationError

from districtlake.catalog.models import Source
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.read import RawDelivery, read_file
from districtlake.inspection.found import Wanted
from districtlake.inspection.inspect import inspect_file, source_of
from tests.unit.test_ingestion_delimited import resource


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def read_with(content: str | bytes, name: str = "a.csv", **source: Any) -> RawDelivery:
        path = tmp_path / "0123abcd"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_file(path, name, resource(required=(), **source), Limits())

    return read_with


def rows(delivery: RawDelivery) -> list[tuple[Any, ...]]:
    return delivery.frame.select("_row", "name", "citizen_id", "area").rows()


def test_another_quote(read: Any) -> None:
    assert rows(read("姓名,公民身份号码,面积\n'张,三',A,1\n", quote="'")) == [(2, "张,三", "A", "1")]


def test_no_quote_at_all(read: Any) -> None:
    assert rows(read('姓名,公民身份号码,面积\n"张三,A,1"\n', quote="none")) == [(2, '"张三', "A", '1"')]


def test_an_escape(read: Any) -> None:
    assert rows(read('姓名,公民身份号码,面积\n"a \\"b\\" c",x\\,y,C:\\d\n', escape="\\")) == [(2, 'a "b" c', "x,y", "C:\\d")]


def test_comments_are_passed_over_and_noted(read: Any) -> None:
    delivery = read("# 导出于今天\n姓名,公民身份号码,面积\n张三,A,1\n# 人工核对\n李四,B,2\n", comment="#")
    assert rows(delivery) == [(3, "张三", "A", "1"), (5, "李四", "B", "2")]
    assert delivery.report.skipped.counts["comment"] == 1


def test_lines_at_both_ends_are_passed_over_and_noted(read: Any) -> None:
    delivery = read('"title\n姓名,公民身份号码,面积\n张三,A,1\n李四,B,2\n以上,两,人\n', skip=1, footer=1)
    assert rows(delivery) == [(3, "张三", "A", "1"), (4, "李四", "B", "2")]
    assert delivery.report.skipped.as_dict()["first"] == [[None, 1, "title"], [None, 5, "footer"]]


def test_a_header_of_two_rows(read: Any) -> None:
    two = "基本,,住房\n姓名,公民身份号码,面积\n张三,A,1\n"
    aliased = resource(required=(), header_rows=2)
    items = tuple(
        item.model_copy(update={"aliases": (title,)})
        for item, title in zip(aliased.items, ("基本 姓名", "基本 公民身份号码", "住房 面积"), strict=True)
    )
    delivery = read(two)  # one row: the second is the header
    assert delivery.report.header_row == 2
    path = Path(delivery.frame["_file"][0])
    assert path.name == "a.csv"
    joined = resource(required=(), header_rows=2).model_copy(update={"items": items})
    found = _read(two, joined)
    assert (found.report.header_row, rows(found)) == (1, [(3, "张三", "A", "1")])


def _read(content: str, entry: Any) -> RawDelivery:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(content.encode())
        file.flush()
        return read_file(Path(file.name), "a.csv", entry, Limits())


def test_blanks_between_aligned_columns(read: Any) -> None:
    assert rows(read("姓名   公民身份号码  面积\n张三   A            1\n李四   B            22\n", delimiter="space")) == [
        (2, "张三", "A", "1"),
        (3, "李四", "B", "22"),
    ]


def test_a_sheet_with_rows_at_both_ends(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for line in (
        ["姓名", "公民身份号码", "面积"],
        ["说明", "x", "y"],
        ["姓名", "公民身份号码", "面积"],
        ["张三", "A", "1"],
        ["以上", "一", "人"],
    ):
        book.active.append(line)
    book.save(tmp_path / "a.xlsx")
    delivery = read_file(tmp_path / "a.xlsx", "a.xlsx", resource(required=(), skip=2, footer=1), Limits())
    assert rows(delivery) == [(4, "张三", "A", "1")]
    assert delivery.report.skipped.counts == {"title": 2, "footer": 1}


@pytest.mark.parametrize("wrong", [{"quote": "''"}, {"escape": ""}, {"header_rows": 0}, {"skip": -1}, {"footer": -1}, {"comment": ""}])
def test_a_wrong_form_is_refused_by_the_catalogue(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Source(files="*.csv", mode="append", **wrong)


def test_quotes_nobody_doubled_are_mended_and_noted(read: Any) -> None:
    delivery = read('姓名,公民身份号码,面积\n"桌 48"","圆,桌",1\n张三,A,2\n""李四",B,3\n')
    assert rows(delivery) == [(2, '桌 48"', "圆,桌", "1"), (3, "张三", "A", "2"), (4, '"李四', "B", "3")]
    assert delivery.report.irregular.counts == {"stray_quote": 2}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("姓名~公民身份号码~面积\n张三~A1~1\n李四~B2~2\n".encode(), {"delimiter": "~"}),
        ("姓名,公民身份号码,面积\n'张,三',A1,1\n'李,四',B2,2\n".encode(), {"quote": "'"}),
        ("姓名,公民身份號碼,面積\n張三豐,臺北市,1\n李四維,高雄市,2\n".encode("cp950"), {"encoding": "cp950"}),
        ("姓名,公民身份号码,面积\n张三,A1,1\n".encode(), {}),
    ],
)
def test_inspection_says_what_the_catalogue_must_declare(content: bytes, said: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert source_of(inspect_file(path, "a.csv", Wanted(), Limits(), None)) == said
    Source(files="*.csv", mode="append", **said)

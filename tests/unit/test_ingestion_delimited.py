"""Delimited text: encodings, delimiters, headers, quotes, rows that are no data; and a line number a person can go to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from districtlake.catalog.models import Item, Opening, Resource, Sharing, Source
from districtlake.errors import IngestionError
from districtlake.ingestion import delimited
from districtlake.ingestion.read import Limits, RawDelivery, raw_schema, read_file
from tests.refusals import words

ITEMS = (("name", "姓名"), ("citizen_id", "公民身份号码"), ("area", "面积"))


def resource(items: tuple[tuple[str, str], ...] = ITEMS, required: tuple[str, ...] = ("citizen_id",), **source: Any) -> Resource:
    return Resource(
        agency="housing_bureau",
        name="leases",
        code="307001002/000001",
        title="租赁",
        business="业务",
        system="系统",
        items=tuple(
            Item(name=name, title=title, element="text", required=name in required, aliases=("面积(平方米)",) if name == "area" else ())
            for name, title in items
        ),
        storage_format="spreadsheet",
        sharing=Sharing(class_="unconditional"),
        opening=Opening(class_="unconditional"),
        provision=("api",),
        update_cycle="daily",
        sharing_term="permanent",
        source=Source(**{"files": "*.csv", "mode": "append", **source}),
    )


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def read_text(content: str | bytes, of: Resource | None = None, limits: Limits | None = None, encoding: str = "utf-8") -> RawDelivery:
        path = tmp_path / "0123abcd"  # the archive's names say nothing
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return read_file(path, "租赁.csv", of or resource(), limits or Limits())

    return read_text


def cells(delivery: RawDelivery) -> list[tuple[Any, ...]]:
    return delivery.frame.select("_row", *(name for name, _ in ITEMS)).rows()


def extras(delivery: RawDelivery) -> list[Any]:
    return [json.loads(text) if text else None for text in delivery.frame["_extra"]]


HEADER = "姓名,公民身份号码,面积\n"


def test_the_raw_frame_is_that_of_the_contract(read: Any) -> None:
    delivery = read(HEADER + "张三, 330203 ,\n")
    assert dict(delivery.frame.schema) == raw_schema(resource())
    assert delivery.frame.rows() == [("租赁.csv", None, 2, "张三", " 330203 ", None, None)]
    report = delivery.report
    assert (report.format, report.encoding, report.delimiter, report.header_row, report.rows) == ("csv", "utf-8", ",", 1, 1)
    assert report.columns == {"姓名": "name", "公民身份号码": "citizen_id", "面积": "area"}
    assert json.loads(json.dumps(report.as_dict())) == report.as_dict()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "utf-16-le-bom", "utf-16-be-bom", "utf-16-le", "utf-16-be", "utf-32-le"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_end_gives_the_same(read: Any, encoding: str, end: str) -> None:
    text = (HEADER + '㙍䶮𠮷,"A,""1""",12.5\n李四,B,\n').replace("\n", end)
    if encoding.endswith("-bom"):
        content = ("\ufeff" + text).encode(encoding.removesuffix("-bom"))
    else:
        content = text.encode(encoding)
    delivery = read(content)
    assert cells(delivery) == [(2, "㙍䶮𠮷", 'A,"1"', "12.5"), (3, "李四", "B", None)]


def test_a_declared_encoding_is_used_when_gb18030_makes_no_sense_of_the_header(read: Any) -> None:
    content = "姓名,公民身份號碼\n張三,A\n".encode("big5")
    big5 = resource((("name", "姓名"), ("citizen_id", "公民身份號碼")), encoding="big5")
    assert read(content, big5).frame["name"].to_list() == ["張三"]
    assert read(content, big5).report.encoding == "big5"


def test_a_byte_that_fits_no_encoding_is_named_by_its_offset(read: Any) -> None:
    start = "姓名,公民身份号码,面积\n张三,A,1\n".encode()
    with pytest.raises(IngestionError, match=f"第{len(start):,}字节") as caught:
        read(start + b"\xff\xfe\n")
    assert caught.value.code == "ingestion.encoding"
    start = "姓名,公民身份号码,面积\n".encode("gb18030")
    with pytest.raises(IngestionError, match=f"UTF-8 或 GB18030：第{len(start):,}字节"):
        read(start + b"\xff\n")
    with pytest.raises(IngestionError, match="UTF-8（字节序标记所示）"):
        read(b"\xef\xbb\xbfa,b\n\xff\n")


def test_a_file_cut_inside_a_character_is_not_taken_for_gb18030(read: Any) -> None:
    content = (HEADER + "张三,A,1\n李").encode()
    with pytest.raises(IngestionError, match="UTF-8（此前的内容所示）"):
        read(content[:-1])


def test_an_offset_beyond_the_first_chunk_is_right(read: Any) -> None:
    good = (HEADER + "张三,A,1\n" * 150_000).encode()
    assert len(good) > 1 << 20
    with pytest.raises(IngestionError, match=f"第{len(good):,}字节"):
        read(good + b"\xff,\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_shows_the_header(read: Any, delimiter: str) -> None:
    delivery = read("姓名,公民身份号码,面积\n张三,A,1\n".replace(",", delimiter))
    assert delivery.report.delimiter == delimiter
    assert cells(delivery) == [(2, "张三", "A", "1")]


def test_a_declared_delimiter_is_the_only_one_tried(read: Any) -> None:
    assert cells(read("姓名^公民身份号码\n张,三^A\n", resource(delimiter="^"))) == [(2, "张,三", "A", None)]
    with pytest.raises(IngestionError, match=r"source\.delimiter"):
        read(HEADER, resource(delimiter="^"))


def test_titles_above_the_header_and_its_spellings(read: Any) -> None:
    delivery = read("2024年租赁名单\n\n制表：房管\n* 姓 名 ,公民身份\u200b号码,面积（平方米）,备注\n张三,A,1,x\n")
    assert delivery.report.header_row == 4
    assert cells(delivery) == [(5, "张三", "A", "1")]
    assert [note.as_list() for note in delivery.report.skipped.first] == [[None, 1, "title"], [None, 2, "blank"], [None, 3, "title"]]
    assert delivery.report.unexpected == ("备注",)
    assert delivery.report.columns == {"* 姓 名": "name", "公民身份\u200b号码": "citizen_id", "面积（平方米）": "area"}
    assert extras(delivery) == [{"备注": "x"}]


def test_the_fullest_header_wins_over_an_earlier_partial_one(read: Any) -> None:
    assert read("姓名,面积\n姓名,公民身份号码,面积\n张三,A,1\n").report.header_row == 2


def test_no_header_is_an_error_that_shows_no_cell(read: Any) -> None:
    with pytest.raises(IngestionError) as caught:
        read("张三,330203199001011234,1\n" * 60)
    assert caught.value.code == "ingestion.header"
    assert "张三" not in str(caught.value)
    assert "330203" not in str(caught.value)
    assert "别名" in words(caught.value)


def test_a_header_too_far_down_is_not_looked_for(read: Any) -> None:
    assert read("说明\n" * 49 + HEADER + "张三,A,1\n").report.header_row == 50
    with pytest.raises(IngestionError):
        read("说明\n" * 50 + HEADER + "张三,A,1\n")


def test_a_missing_column_is_reported_not_raised(read: Any) -> None:
    delivery = read("姓名,面积\n张三,1\n")
    assert delivery.report.missing == {"citizen_id": "公民身份号码"}
    assert cells(delivery) == [(2, "张三", None, "1")]


def test_a_header_without_rows_is_said(read: Any) -> None:
    for content in (HEADER, HEADER.strip(), HEADER + "\n"):
        delivery = read(content)
        assert delivery.frame.height == 0
        assert dict(delivery.frame.schema) == raw_schema(resource())
        assert delivery.report.warnings == ("The file has a header but no rows.",)


def test_empty_files(read: Any) -> None:
    for content in (b"", b"\n \r\n", b"\xef\xbb\xbf"):
        with pytest.raises(IngestionError) as caught:
            read(content)
        assert caught.value.code == "ingestion.empty"
        assert "租赁.csv" in caught.value.message


def test_short_and_long_rows_are_delivered_and_listed(read: Any) -> None:
    delivery = read("姓名,公民身份号码,面积,备注\n张三,A\n李四,B,1,x,y,,z\n王五,C,2,\n")
    assert cells(delivery) == [(2, "张三", "A", None), (3, "李四", "B", "1"), (4, "王五", "C", "2")]
    assert extras(delivery) == [None, {"备注": "x", "#5": "y", "#7": "z"}, None]
    assert [note.as_list() for note in delivery.report.irregular.first] == [[None, 2, "too_few_fields"], [None, 3, "too_many_fields"]]
    assert delivery.report.unexpected == ("备注", "#5", "#7")


def test_a_delimiter_that_ends_each_row_is_no_surplus(read: Any) -> None:
    delivery = read("姓名,公民身份号码,面积\n张三,A,1,\n李四,B,2,\n")
    assert cells(delivery) == [(2, "张三", "A", "1"), (3, "李四", "B", "2")]
    assert delivery.report.irregular.total == 0
    assert delivery.report.unexpected == ()


def test_twice_the_same_header(read: Any) -> None:
    delivery = read("姓名,公民身份号码,姓名,备注,备注\n张三,A,三,x,y\n")
    assert cells(delivery) == [(2, "张三", "A", None)]
    assert extras(delivery) == [{"姓名#3": "三", "备注": "x", "备注#5": "y"}]
    assert "姓名#3" in delivery.report.warnings[0]


def test_extra_cells_are_whole_json(read: Any) -> None:
    delivery = read('姓名,公民身份号码,"备""注\\"\n张三,A,"x""y\\z\t\n,1"\n李四,B,\n')
    assert extras(delivery) == [{'备"注\\': 'x"y\\z\t\n,1'}, None]


def test_line_numbers_count_lines_inside_quotes(read: Any) -> None:
    delivery = read(HEADER + '张三,"A\r\nB\n\nC",1\n李四,D,2\n"王\n五",E,3\n赵六,F,4')
    assert cells(delivery) == [(2, "张三", "A\r\nB\n\nC", "1"), (6, "李四", "D", "2"), (7, "王\n五", "E", "3"), (9, "赵六", "F", "4")]


def test_a_quote_left_open_swallows_nothing(read: Any) -> None:
    delivery = read(HEADER + '张三,"A,1\n李四,B,2\n王五,C,"3\n赵六,"D\n",4\n')
    assert cells(delivery) == [(2, "张三", '"A', "1"), (3, "李四", "B", "2"), (4, "王五", "C", '"3'), (5, "赵六", "D\n", "4")]
    assert [note.as_list() for note in delivery.report.irregular.first] == [[None, 2, "unclosed_quote"], [None, 4, "unclosed_quote"]]


def test_two_quotes_left_open_do_not_close_each_other(read: Any) -> None:
    delivery = read(HEADER + '张三,A,"1\n李四,B,2\n王五,C,"3\n')
    assert cells(delivery) == [(2, "张三", "A", '"1'), (3, "李四", "B", "2"), (4, "王五", "C", '"3')]


def test_text_after_a_closing_quote_is_kept(read: Any) -> None:
    delivery = read(HEADER + '"张"三,A,1\n李"四,B,"2\n"\n')
    assert cells(delivery) == [(2, "张三", "A", "1"), (3, '李"四', "B", "2\n")]
    assert delivery.report.irregular.counts == {"text_after_quote": 1}


def test_a_bare_return_inside_a_field_breaks_no_row(read: Any) -> None:
    assert cells(read(HEADER + "张\r三,A,1\n李四,B,2\r\r\n")) == [(2, "张\r三", "A", "1"), (3, "李四", "B", "2")]


def test_blank_banner_and_footer_rows_are_passed_over_and_noted(read: Any) -> None:
    delivery = read(HEADER + "海曙区（2户）,,\n张三,A,1\n\n ,\t,\n李四,B,2\n,C,\n合计：2户,,\n注：以上为月末数\n")
    assert cells(delivery) == [(3, "张三", "A", "1"), (6, "李四", "B", "2"), (7, None, "C", None)]
    assert [note.as_list()[1:] for note in delivery.report.skipped.first] == [
        [2, "banner"], [4, "blank"], [5, "blank"], [8, "footer"], [9, "footer"],
    ]  # fmt: skip
    assert delivery.report.irregular.total == 0


def test_a_row_with_two_filled_items_is_never_passed_over(read: Any) -> None:
    delivery = read(HEADER + "合计,,3\n注：,A,\n张三,A,1\n")
    assert [row[0] for row in cells(delivery)] == [2, 3, 4]
    assert delivery.report.skipped.total == 0


def test_a_lone_key_is_a_row_with_everything_else_missing(read: Any) -> None:
    key_first = resource((("citizen_id", "公民身份号码"), ("name", "姓名"), ("area", "面积")))
    delivery = read("公民身份号码,姓名,面积\n33020319900101123X,,\n海曙区,,\n", key_first)
    assert cells(delivery) == [(2, None, "33020319900101123X", None)]
    assert delivery.report.skipped.counts == {"banner": 1}


def test_two_columns_have_no_banners(read: Any) -> None:
    delivery = read("姓名,公民身份号码\n海曙区,\n张三,A\n")
    assert [row[1] for row in cells(delivery)] == ["海曙区", "张三"]


def test_columns_may_come_in_any_order(read: Any) -> None:
    assert cells(read("面积,公民身份号码,姓名\n1,A,张三\n")) == [(2, "张三", "A", "1")]


def test_a_single_column(read: Any) -> None:
    one = resource((("name", "姓名"),), required=())
    delivery = read("姓名\n张三\n\n李四\n", one)
    assert delivery.frame.select("_row", "name").rows() == [(2, "张三"), (4, "李四")]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (HEADER.encode() + "张三,A\0,1\n".encode(), "ingestion.nul"),
        (bytes(range(128)) * 9, "ingestion.nul"),
        (b"<html><table><tr><td>", "ingestion.format"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Workbook>", "ingestion.format"),
        (b"%PDF-1.4", "ingestion.format"),
        (b"Rar!\x1a\x07", "ingestion.format"),
    ],
)
def test_what_is_no_text_is_refused_with_a_remedy(read: Any, content: bytes, code: str) -> None:
    with pytest.raises(IngestionError) as caught:
        read(content)
    assert caught.value.code == code
    assert "租赁.csv" in caught.value.message
    assert words(caught.value)


def test_limits_on_columns_lines_and_bytes(read: Any) -> None:
    with pytest.raises(IngestionError) as caught:
        read("姓名,公民身份号码" + ",x" * 20 + "\n", limits=Limits(max_columns=10))
    assert caught.value.code == "ingestion.too_many_columns"
    with pytest.raises(IngestionError) as caught:
        read(HEADER + "," * 20 + "\n张三,A,1\n" * 40, limits=Limits(max_columns=10))
    assert caught.value.code == "ingestion.too_many_columns"
    for end in ("\n", "\r"):
        line = "张三," + "A" * 95  # 102 bytes
        assert read((HEADER + line + "\n").replace("\n", end), limits=Limits(max_line_bytes=102)).frame.height == 1
        with pytest.raises(IngestionError) as caught:
            read((HEADER + line + "A\n").replace("\n", end), limits=Limits(max_line_bytes=102))
        assert caught.value.code == "ingestion.line_too_long"
    with pytest.raises(IngestionError) as caught:
        read(HEADER, limits=Limits(max_bytes=10))
    assert caught.value.code == "ingestion.too_large"


def test_an_unknown_declared_encoding_names_the_key(read: Any) -> None:
    for wrong in ("klingon", "base64"):
        with pytest.raises(IngestionError, match=r"source\.encoding"):
            read(HEADER, resource(encoding=wrong))


def test_regular_files_take_the_fast_way(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_careful_lines", None)
    monkeypatch.setattr(delimited, "_careful_batches", None)
    for text in (HEADER + "张三,A,1\n", HEADER + '"张,三","A""",\n\n', HEADER.replace("\n", "\r\n") + '"张\r\n三",A,1\r\n'):
        assert read(text).frame.height == 1
        assert read(text, encoding="gb18030").frame.height == 1

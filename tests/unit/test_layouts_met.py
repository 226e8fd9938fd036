"""Layouts and dialects that agencies send and that a reader easily takes for something else."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from districtlake.ingestion.encodings import bent_columns
from districtlake.ingestion.footers import is_footer
from districtlake.ingestion.limits import Limits
from districtlake.inspection.found import Wanted
from districtlake.inspection.inspect import inspect_file
from tests.inspecting import grids

HEADER = ["编号", "名称", "金额", "日期"]
BODY = [[f"A{at:03d}", f"单位{at}", f"{at * 100}.50", f"2024-01-{at + 1:02d}"] for at in range(8)]
TOWNS = [[f"{name}街道", str(7 * at), str(5 + at * at), "4"] for at, name in enumerate("石月江望鼓白")]


def written(rows: list[list[str]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(row) + "\n" for row in rows)


def read(text: str, tmp_path: Path, encoding: str = "utf-8") -> list[list[list[str]]]:
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    return grids(tmp_path / "a.csv")


@pytest.mark.parametrize("delimiter", ["|@|", "||", "^|^", "~|~", "｜", "，", "#"])
def test_delimiters_of_several_marks_or_full_width(delimiter: str, tmp_path: Path) -> None:
    rows = [[*row[:2], f"1,{row[2]}" if at else row[2], row[3]] for at, row in enumerate([HEADER, *BODY])]
    assert read(written(rows, delimiter), tmp_path) == [rows]


def test_a_delimiter_of_sentences_is_none_where_another_cuts_every_line(tmp_path: Path) -> None:
    rows = [["编号", "内容"], *[[str(at), "海曙区，" * 30] for at in range(5)]]
    assert read(written(rows), tmp_path) == [rows]


def test_empty_cells_after_padded_delimiters(tmp_path: Path) -> None:
    assert read("编号, 名称, 注, 日\n1, 甲, , \n2, 乙, , 3\n3, 丙, x, \n", tmp_path) == [
        [["编号", "名称", "注", "日"], ["1", "甲", "", ""], ["2", "乙", "", "3"], ["3", "丙", "x", ""]]
    ]


def test_quotes_nobody_doubled_that_hold_delimiters_are_mended(tmp_path: Path) -> None:
    rows = read(written([HEADER]) + 'B1,"他说"好,的"了",1,2024-01-01\n' + written(BODY), tmp_path)[0]
    assert rows[1] == ["B1", '他说"好,的"了', "1", "2024-01-01"]


@pytest.mark.parametrize(
    "above",
    [
        "海曙区情况\n填报单位：海曙区数据局,,,单位：万元\n",
        "海曙区情况,,,\n填报单位：海曙区数据局,,单位：万元,\n",
        "2024年，海曙区企业情况,（单位：万元，截至12月）\n",
    ],
)
@pytest.mark.parametrize("below", ["", "制表人：张三,,审核人：李四,\n", "\n填表人：王五\n联系电话：0574-87654321\n"])
def test_the_lines_of_a_form_are_titles_and_footers(above: str, below: str, tmp_path: Path) -> None:
    assert read(above + written([HEADER, *BODY]) + below, tmp_path) == [[HEADER, *BODY]]


def test_a_sparse_header_of_three_rows(tmp_path: Path) -> None:
    text = "区域,人口,,,\n,城镇,,农村,\n,男,女,男,女\n" + written([[*row, "1"] for row in TOWNS])
    assert read(text, tmp_path)[0][0] == ["区域", "人口 城镇 男", "人口 城镇 女", "人口 农村 男", "人口 农村 女"]


@pytest.mark.parametrize("names", [["1", "2", "3"], ["202411", "202412", "202501"], ["2021", "2022", "2023"]])
def test_columns_named_by_numbers_in_their_order(names: list[str], tmp_path: Path) -> None:
    assert read(written([["地区", *names], *TOWNS]), tmp_path) == [[["地区", *names], *TOWNS]]


def test_a_last_row_that_only_begins_like_a_footer_or_lacks_cells_is_data(tmp_path: Path) -> None:
    rows = [*BODY, ["说明文件编制办公室", "", "", ""]]
    assert read(written([HEADER, *rows]), tmp_path) == [[HEADER, *rows]]
    assert (
        read(written([HEADER, *BODY, ["洞桥镇小学改造工程项目", "", "", ""]]) + "\n注：数据截至2024年底\n", tmp_path)[0][-1][0]
        == "洞桥镇小学改造工程项目"
    )


@pytest.mark.parametrize(
    "text", ["合计", "合 计：12", "总计 3", "注：一", "制表人 张三", "导出时间：2024-01-01", "截至2024年底", "数据来源于统计局", "备注"]
)
def test_words_of_footers(text: str) -> None:
    assert is_footer(text)


@pytest.mark.parametrize("text", ["合计算法研究", "说明书审核", "打印店", "审核科", "导出数据", "负责任的单位名单", "截止阀"])
def test_words_that_only_begin_like_one(text: str) -> None:
    assert not is_footer(text)


def test_marks_and_ends_of_old_programs(tmp_path: Path) -> None:
    assert read("\ufeff\ufeff" + written([HEADER, *BODY]) + "\x1a", tmp_path) == [[HEADER, *BODY]]
    assert read(written([HEADER, *BODY[:4]]) + "\ufeff" + written([HEADER, *BODY[4:]]), tmp_path) == [[HEADER, *BODY]]


def test_utf_16_without_a_mark_whose_characters_look_like_ascii_without_their_zeros(tmp_path: Path) -> None:
    rows = [["id", "属性", "数量"], *[[str(at), '{"a":"甲 乙","b":[1]}', "7"] for at in range(9)]]
    assert read(written(rows, "\t"), tmp_path, "utf-16-le") == [rows]


def test_bent_names_and_cells_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("鐢ㄦ埛鍚嶇О,b\n1,2\n", encoding="utf-8")
    assert inspect_file(tmp_path / "a.csv", "a.csv", Wanted(), Limits(), None).as_dict()["warnings"] == [
        "1个列名乱码：UTF-8被误读为GBK，可还原。"
    ]
    cells = ["用户名称", "用户名称".encode().decode("gbk"), "海曙区数据局".encode("gbk").decode("latin-1"), "海�", "café", None]
    assert bent_columns(pl.DataFrame({"a": cells, "b": ["x"] * 6}), ["a", "b"]) == {
        "a": {"utf8_as_gbk": 1, "gbk_as_latin1": 1, "replaced": 1}
    }

"""``districtlake inspect`` as a person uses it: one file, a folder, bad files among good ones, masks, exit codes; and .xlsb."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from districtlake.cli.app import app
from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.inspection.found import Wanted
from districtlake.inspection.inspect import inspect_file
from districtlake.inspection.profile import Profiler
from tests.inspecting import grids

PEOPLE = "姓名,公民身份号码,金额\n张三丰,11010519491231002X,3.30203E+17\n李四维,440524188001010014,无\n王五六,11010519491231002X,8\n"


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["inspect", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.stdout


def test_one_file_as_json_csv_and_page(tmp_path: Path) -> None:
    source = tmp_path / "名单.txt"
    source.write_bytes(PEOPLE.replace(",", ";").encode("gb18030"))
    told = json.loads(run(source, "--json", "--to", tmp_path / "out.csv", "--html", tmp_path / "r.html"))
    assert (told["format"], told["encoding"], told["dialect"]["delimiter"], told["rows"]) == ("csv", "gb18030", ";", 3)
    (table,) = told["tables"]
    person = table["columns"][1]
    assert (person["elements"][0]["id"], person["elements"][0]["share"], person["distinct"]) == (
        "citizen_id",
        0.6667,
        2,
    )  # born 1880: no living person's
    assert (table["columns"][2]["lost_digits"], table["columns"][2]["missing"]) == (1, {"无": 1})
    assert list(csv.reader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8")))) == list(csv.reader(io.StringIO(PEOPLE)))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    for shown in (json.dumps(told), page, run(source)):
        assert "11010519491231002X" not in shown
        assert "张三丰" not in shown


def test_a_folder_keeps_its_paths_and_one_bad_file_stops_nothing(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (folder / "y.json").write_text('{"one": [{"k": 1}], "two": [{"k": 2}, {"k": 3}]}', encoding="utf-8")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4")
    (folder / "empty.csv").write_bytes(b"")
    lines = [json.loads(line) for line in run(folder, "--to", out, "--json").splitlines()]
    assert {line["file"]: line["ok"] for line in lines} == {"a/x.csv": True, "bad.pdf": False, "empty.csv": False, "y.json": True}
    assert {line["file"]: line["error"]["code"] for line in lines if not line["ok"]} == {
        "bad.pdf": "ingestion.format",
        "empty.csv": "ingestion.empty",
    }
    written = {path.relative_to(out).as_posix(): path.read_text(encoding="utf-8") for path in out.rglob("*") if path.is_file()}
    assert written == {"a/x.csv.csv": "a,b\n1,2\n", "y.json.csv": "k\n2\n3\n", "y.json.one.csv": "k\n1\n"}
    assert "4 个文件，读取 2 个，未能读取 2 个" in run(folder)


def test_exit_codes(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(b"%PDF-1.4")
    run(tmp_path / "bad.csv", code=1)
    with pytest.raises(Exception, match="no file or folder"):
        CliRunner().invoke(app, ["inspect", str(tmp_path / "none.csv")], catch_exceptions=False)
    with pytest.raises(Exception, match="itself"):
        CliRunner().invoke(app, ["inspect", str(tmp_path / "bad.csv"), "--to", str(tmp_path / "bad.csv")], catch_exceptions=False)


def test_every_decision_can_be_overridden(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("x;1,5\ny;2,5\n", encoding="utf-8")
    assert grids(source, header_row=0) == [[["x", "1,5"], ["y", "2,5"]]]
    assert grids(source, delimiter=",", header_row=0) == [[["x;1", "5"], ["y;2", "5"]]]
    assert grids(source, delimiter="none", header_row=1) == [[["x;1,5"], ["y;2,5"]]]
    assert grids(source, skip=1, header_row=0) == [[["y", "2,5"]]]
    assert grids(source, as_is=True) == [[["x", "1,5"], ["y", "2,5"]]]


def test_a_long_text_is_read_in_batches_and_profiled_by_an_even_sample(tmp_path: Path) -> None:
    rows = 260_000
    source = tmp_path / "long.csv"
    source.write_text("标题\n编号,名称\n" + "".join(f"{number:07},某单位{number}\n" for number in range(rows)), encoding="utf-8")
    seen: list[int] = []
    result = inspect_file(
        source, "long.csv", Wanted(), Limits(), None, tmp_path / "out.csv", lambda done, total: seen.append(done), sample_rows=10_000
    )
    (one,) = result.tables
    assert (one.table.streamed, one.table.header, one.profile.rows) == (True, ["编号", "名称"], rows)
    assert one.profile.profiled <= 11_000
    assert seen[-1] == rows
    with (tmp_path / "out.csv").open(encoding="utf-8") as lines:
        assert sum(1 for _ in lines) == rows + 1


def test_surplus_cells_widen_the_table_and_nothing_is_lost(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("a,b\n1,2\n3,4,5\n6\n", encoding="utf-8")
    result = inspect_file(source, "a.csv", Wanted(), Limits(), None, tmp_path / "o.csv")
    assert (tmp_path / "o.csv").read_text(encoding="utf-8") == "a,b,\n1,2,\n3,4,5\n6,,\n"
    assert result.tables[0].table.noted.counts == {"too_many_fields": 1, "too_few_fields": 1}


def test_the_sample_is_even() -> None:
    import polars as pl

    profiler = Profiler(1000, sample_rows=100)
    for at in range(10):
        profiler.add(pl.DataFrame({"c0": [str(number) for number in range(at * 100, at * 100 + 100)], "_row": range(100)}))
    profile = profiler.profile(["n"], ["n"], None)
    assert (profile.rows, profile.profiled, profile.columns[0].distinct) == (1000, 100, 100)


# binary workbooks ----------------------------------------------------------------------------------------------------
def record(kind: int, data: bytes = b"") -> bytes:
    head = bytes([kind]) if kind < 0x80 else bytes([(kind & 0x7F) | 0x80, kind >> 7])
    return head + bytes([len(data)]) + data


def text(value: str) -> bytes:
    return len(value).to_bytes(4, "little") + value.encode("utf-16-le")


def xlsb(path: Path, cells: dict[tuple[int, int], str]) -> None:
    """The smallest binary workbook ([MS-XLSB]): one sheet of texts in place."""
    rows: dict[int, list[tuple[int, str]]] = {}
    for (row, column), value in sorted(cells.items()):
        rows.setdefault(row, []).append((column, value))
    corners = b"".join(number.to_bytes(4, "little") for number in (min(rows), max(rows), 0, max(column for _, column in cells)))
    sheet = record(129) + record(148, corners) + record(145)
    for row, line in rows.items():
        sheet += record(0, row.to_bytes(4, "little") + bytes(13))
        sheet += b"".join(record(6, column.to_bytes(4, "little") + bytes(4) + text(value)) for column, value in line)
    sheet += record(146) + record(130)
    book = (
        record(131)
        + record(153, bytes(12))
        + record(143)
        + record(156, bytes(4) + (1).to_bytes(4, "little") + text("rId1") + text("表"))
        + record(144)
        + record(132)
    )
    office, package = (
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "http://schemas.openxmlformats.org/package/2006/relationships",
    )

    def relation(kind: str, target: str) -> str:
        return f'<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{office}/{kind}" Target="{target}"/></Relationships>'

    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>')
        packed.writestr("_rels/.rels", relation("officeDocument", "xl/workbook.bin"))
        packed.writestr("xl/workbook.bin", book)
        packed.writestr("xl/_rels/workbook.bin.rels", relation("worksheet", "worksheets/sheet1.bin"))
        packed.writestr("xl/worksheets/sheet1.bin", sheet)


def test_a_binary_workbook_is_read(tmp_path: Path) -> None:
    xlsb(tmp_path / "a.xlsb", {(0, 0): "姓名", (0, 1): "金额", (1, 0): "张三", (1, 1): "12"})
    assert grids(tmp_path / "a.xlsb") == [[["姓名", "金额"], ["张三", "12"]]]


@pytest.mark.parametrize(("corner", "code"), [((1_000_000, 900), "ingestion.too_large"), ((1, 5000), "ingestion.too_many_columns")])
def test_a_binary_workbook_with_cells_far_apart_is_refused_before_it_is_read(corner: tuple[int, int], code: str, tmp_path: Path) -> None:
    xlsb(tmp_path / "a.xlsb", {(0, 0): "a", corner: "b"})
    with pytest.raises(IngestionError) as caught:
        grids(tmp_path / "a.xlsb")
    assert caught.value.code == code


def test_what_inspection_says_is_json_safe(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("a,b\n锟斤拷,鐢ㄦ埛鍚嶇О\n", encoding="utf-8")
    told: dict[str, Any] = inspect_file(source, "a.csv", Wanted(), Limits(), None).as_dict()
    assert json.loads(json.dumps(told)) == told
    assert [column["mojibake"] for column in told["tables"][0]["columns"]] == [{"replaced": 1}, {"utf8_as_gbk": 1}]

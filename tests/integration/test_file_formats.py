"""Public conformance collections, cell by cell: each file equals its expectation, or stands below with the reason."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from pathlib import Path

import pytest

from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.sniffing import sniff_dialect
from districtlake.inspection.found import Wanted
from districtlake.inspection.read import opened
from tests.inspecting import grids, rows_of, trimmed

FORMATS = Path(__file__).resolve().parents[3] / "shared" / "data" / "file-formats"
SPECTRUM, LINT, EXCEL = FORMATS / "D_csv_spectrum", FORMATS / "D_csvlint" / "features" / "fixtures", FORMATS / "excel"

pytestmark = [pytest.mark.real, pytest.mark.skipif(not FORMATS.is_dir(), reason="needs the conformance files beside the project")]

NOT_AS_THE_JSON_SAYS = {"location_coordinates": "its JSON holds other values than its CSV, and U+FFFD for a degree sign"}


@pytest.mark.parametrize("path", sorted((SPECTRUM / "csvs").glob("*.csv")), ids=lambda path: path.stem)
def test_csv_spectrum(path: Path) -> None:
    expected = json.loads((SPECTRUM / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
    (rows,) = grids(path)
    if path.stem in NOT_AS_THE_JSON_SAYS:
        assert rows == list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
        return
    found = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert found == [{key: value if "crlf" in path.stem else value.replace("\r\n", "\n") for key, value in row.items()} for row in expected]


LINT_EXPECTED = {
    "title-row": [["Foo", "Bsr", "Baz"], ["Biff", "Baff", "Boff"], ["Qux", "Teaspoon", "Doge"]],  # the title above is passed over
    "inconsistent-line-endings": [["Foo", "Bsr", "Baz"], ["Biff", "Baff", "Boff"], ["Qux", "Teaspoon", "Doge"]],
    "inconsistent-line-endings-unquoted": [["Foo", "Bsr", "Baz"], ["Biff", "Baff", "Boff"], ["Qux", "Teaspoon", "Doge"]],
    "cr-line-endings": [["Foo", "Bar", "Baz"], ["Biff", "Baff", "Boff"], ["Qux", "Teaspoon", "Doge"]],
}


@pytest.mark.parametrize("path", sorted(LINT.glob("*.csv")), ids=lambda path: path.stem)
def test_csvlint(path: Path) -> None:
    (rows,) = grids(path)
    encoding = "cp1252" if path.stem == "invalid-byte-sequence" else "utf-8"
    by_csv = list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline="")))
    assert trimmed(rows) == trimmed(LINT_EXPECTED.get(path.stem, by_csv))


def test_csvlint_what_is_odd_is_noted() -> None:
    with opened(LINT / "invalid_many_rows.csv", "x.csv", Wanted(), Limits()) as found:
        assert found.tables[0].noted.counts["text_after_quote"] == 1
    with opened(LINT / "invalid-byte-sequence.csv", "x.csv", Wanted(), Limits()) as found:
        encoding = found.decisions[0]
        assert (encoding.value, encoding.certain) == ("cp1252", False)
        assert found.tables[0].header[2] == "Histórico"


CLEVER = {  # rows, columns
    "airedale.csv": (53, 8),  # a blank line and "Report created …" below
    "imdb.csv": (100, 44),  # delimiters escaped by backslash, without quotes
    "milk.csv": (372, 23),  # a blank line and the seven footnotes below are passed over
}


@pytest.mark.parametrize("name", CLEVER)
def test_clevercsv_examples(name: str) -> None:
    (rows,) = grids(FORMATS / "D_clevercsv" / "example" / name)
    assert (len(rows) - 1, {len(row) for row in rows}) == (CLEVER[name][0], {CLEVER[name][1]})
    if name == "imdb.csv":
        assert rows[65][2] == "Dr. Seltsam, oder wie ich lernte, die Bombe zu lieben (1964)"


def _clever_cases() -> dict[str, str]:
    path = FORMATS / "D_clevercsv" / "tests" / "test_unit" / "data" / "abstraction_testcases.json.gz"
    if not path.is_file():
        return {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return {case["name"][:6]: case["content"] for case in map(json.loads, lines)}


def test_clevercsv_cases_have_the_delimiter_its_own_sniffer_finds() -> None:
    """Their ``dialect`` is a candidate under test, not the right one: the right ones were read off the texts."""
    expected = {"ff6197": ",", "ffa3b3": ";", "fe8e89": ",", "fd9e66": ";", "ff35b0": ",", "ff748e": ",", "fffbde": ",", "feeea8": ",",
                "ff8431": "\t", "ffe143": ",", "ff6cc4": ","}  # fmt: skip
    assert {name: sniff_dialect(text[: 1 << 18]).dialect.delimiter for name, text in _clever_cases().items()} == expected


# workbooks -----------------------------------------------------------------------------------------------------------
def _pairs() -> list[tuple[str, int, str]]:
    """Workbook, number of its sheet, expected CSV; of expectations whose workbook is there."""
    found = []
    for path in sorted(EXCEL.glob("*.csv")):
        numbered = re.match(r"(.*\.(?:xlsx?|xlsm|xlsb|ods))\.(\d+)\.csv$", path.name)
        books = (
            [(numbered[1], int(numbered[2]))]
            if numbered
            else [(book.name, 0) for book in sorted(EXCEL.glob(f"{path.stem}.*")) if book.suffix != ".csv"]
        )
        found.extend((book, sheet, path.name) for book, sheet in books if (EXCEL / book).is_file())
    return found


OTHERWISE_SHOWN = {
    "Attendance.csv": ("dates are ISO 8601, not the month/day of an American Excel", r"\d+/\d+", r"\d{4}-\d\d-\d\d"),
    "ErrorTypes.csv": ("dates are ISO 8601", r"\d+/\d+/\d+", r"\d{4}-\d\d-\d\d"),
    "number_format_entities.csv": ("a number format is no part of the value", r"12345\.679 .*", r"12345\.6789"),
}


@pytest.mark.parametrize(("book", "sheet", "expected"), _pairs())
def test_workbooks_equal_their_expected_csv(book: str, sheet: int, expected: str) -> None:
    wanted = trimmed(list(csv.reader(io.StringIO((EXCEL / expected).read_bytes().decode("utf-8-sig"), newline=""))))
    found = trimmed(grids(EXCEL / book, sheet=str(sheet))[0])
    assert len(found) == len(wanted)
    for row, expected_row in zip(found, wanted, strict=True):
        for cell, expected_cell in zip(row, expected_row, strict=True):
            if cell != expected_cell:
                _, before, after = OTHERWISE_SHOWN[expected]
                assert re.fullmatch(before, expected_cell)
                assert re.fullmatch(after, cell)


@pytest.mark.parametrize(
    "path", sorted(path for path in EXCEL.glob("*") if path.suffix in (".xls", ".xlsx", ".ods")), ids=lambda path: path.name
)
def test_every_workbook_is_read_or_refused_for_a_reason(path: Path) -> None:
    if path.name.startswith("password_"):
        with pytest.raises(IngestionError) as caught, opened(path, path.name, Wanted(), Limits()):
            pass
        assert caught.value.code == "ingestion.encrypted"
        return
    with opened(path, path.name, Wanted(), Limits()) as found:
        assert found.tables
        for table in found.tables:
            assert all(len(row) == table.width for row in rows_of(table))


@pytest.mark.parametrize("stem", sorted({path.stem for path in EXCEL.glob("*.xlsx") if (EXCEL / f"{path.stem}.xls").is_file()}))
def test_the_same_workbook_in_two_formats_reads_the_same(stem: str) -> None:
    old, new = (grids(EXCEL / f"{stem}.{suffix}") for suffix in ("xls", "xlsx"))
    equal = [trimmed(grid) for grid in old] == [trimmed(grid) for grid in new]
    assert equal != (stem in TWINS_THAT_DIFFER)


TWINS_THAT_DIFFER = {"LONumbers": "its .xlsx has empty cells where the .xls has times (openpyxl and xlrd agree)"}


@pytest.mark.parametrize(
    "path", sorted(path for path in EXCEL.glob("*.csv") if "russian" not in path.name and path.stat().st_size), ids=lambda path: path.name
)
def test_the_expectations_themselves_are_csv_files(path: Path) -> None:
    text = path.read_bytes().decode("utf-8-sig")
    wanted = trimmed(list(csv.reader(io.StringIO(text, newline=""))))
    assert trimmed(grids(path, as_is=True)[0]) == wanted

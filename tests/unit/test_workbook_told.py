"""What the parts of a workbook tell beforehand spares second looks at its cells, and changes none of them."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from districtlake.ingestion import excel
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.workbook_guard import Told, check_workbook
from tests.fuzz.oracles import RawDelivery, delivered, looked_at_twice
from tests.fuzz.seeds import TITLES

PLAIN: tuple[Any, ...] = ("330203199001011234", dt.date(2026, 3, 2), 12.5, "甲")
TRICKS: tuple[Any, ...] = (
    "2020-01-01 00:00:00", "1899-12-31 10:00:00", "1904-01-01 00:00:00", " 00:00:00", 330203199001011234, 1e300, 1234567890123456.0, -0.0, "-0", True, "true",
    "FALSE", dt.datetime(2026, 3, 2, 8, 30), dt.time(8, 30), 0.1 + 0.2, 1 / 3, ["2020-01-01 00:", "00:00"], "&#48;0:00", "<v>1234567890123456</v>",  # noqa: DTZ001
)  # fmt: skip


def book(*values: Any, epoch_1904: bool = False, shared: bool = True) -> bytes:
    out = io.BytesIO()
    made = xlsxwriter.Workbook(out, {"in_memory": True, "date_1904": epoch_1904, "constant_memory": not shared})
    sheet, bold = made.add_worksheet(), made.add_format({"bold": True})
    days = {
        kind: made.add_format({"num_format": shown})
        for kind, shown in ((dt.date, "yyyy/m/d"), (dt.datetime, "yyyy/m/d h:mm"), (dt.time, "h:mm"))
    }
    sheet.write_row(0, 0, TITLES)
    for row, line in enumerate((PLAIN, *(("A", value, value, "b") for value in values)), 1):
        for column, value in enumerate(line):
            if isinstance(value, list):
                sheet.write_rich_string(row, column, value[0], bold, value[1])
            elif type(value) in days:
                sheet.write_datetime(row, column, value, days[type(value)])
            elif isinstance(value, str):
                sheet.write_string(row, column, value)
            elif isinstance(value, bool):
                sheet.write_boolean(row, column, value)
            else:
                sheet.write_number(row, column, value)
    made.close()
    return out.getvalue()


def read(content: bytes, folder: Path) -> RawDelivery:
    (folder / "delivered").write_bytes(content)
    found = delivered(folder / "delivered", "d.xlsx")
    assert isinstance(found, RawDelivery)
    return found


@pytest.mark.parametrize("epoch_1904", [False, True])
@pytest.mark.parametrize("shared", [True, False])
def test_no_cell_reads_otherwise_for_what_was_told(tmp_path: Path, epoch_1904: bool, shared: bool) -> None:
    for values in (*((trick,) for trick in TRICKS), TRICKS):
        content = book(*values, epoch_1904=epoch_1904, shared=shared)
        assert read(content, tmp_path).frame.equals(looked_at_twice(content)), values


def test_a_plain_workbook_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[Any] = []
    real = excel._load
    monkeypatch.setattr(excel, "_load", lambda *given: loads.append(given) or real(*given))
    content = book(12.25, "2026-03-02")
    assert read(content, tmp_path).frame.row(0)[3:7] == ("330203199001011234", "2026-03-02", "12.5", "甲")
    assert len(loads) == 1
    assert check_workbook(tmp_path / "delivered", "d", Limits()) == Told(False, False, False, False)
    read(book(330203199001011234), tmp_path)
    assert len(loads) == 3

"""What fuzzing found, each as the smallest file that shows it, so that it stays mended."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from districtlake.ingestion.read import RawDelivery
from tests.fuzz.oracles import delivered, judge
from tests.fuzz.seeds import ods, packed, xls
from tests.integration.test_ingestion_guards import ole

HEADER = "登记号,姓名,现住址,备注\n"


def read(content: bytes, folder: Path, name: str = "d") -> RawDelivery | str:
    path = folder / "delivered"
    path.write_bytes(content)
    return delivered(path, name)


def noted(delivery: RawDelivery | str) -> list[list[Any]]:
    assert isinstance(delivery, RawDelivery), delivery
    return [note.as_list() for note in delivery.report.irregular.first]


def test_a_quote_left_open_is_named_though_fields_are_missing(tmp_path: Path) -> None:
    """It was noted as too short a row, which told nobody where to look."""
    delivery = read((HEADER + 'A1,"x,1\nA2,y,2,z\n').encode(), tmp_path)
    assert noted(delivery) == [[None, 2, "unclosed_quote"]]


def test_text_after_a_quote_is_noted_in_regular_files_too(tmp_path: Path) -> None:
    delivery = read((HEADER + 'A1,"x"y,1,2\nA2,y,2,z\n').encode(), tmp_path)
    assert noted(delivery) == [[None, 2, "text_after_quote"]]


@pytest.mark.parametrize("offset", [-1, -70_000])
def test_a_zip_whose_directory_is_cut_is_damaged(tmp_path: Path, offset: int) -> None:
    """Its places then lie before the file begins."""
    content = packed({"mimetype": b"x", "content.xml": b"<x/>"})
    end = content.rindex(b"PK\x05\x06")
    moved = content[: end + 16] + struct.pack("<I", (struct.unpack_from("<I", content, end + 16)[0] - offset) % 2**32) + content[end + 20 :]
    assert read(moved, tmp_path) in ("ingestion.damaged", "ingestion.format")
    assert judge("zip", "d.zip", moved, tmp_path) == "ingestion.damaged"


def test_a_zip_with_a_file_without_a_name_is_damaged(tmp_path: Path) -> None:
    content = packed({"a.csv": HEADER.encode()})
    place = content.rindex(b"PK\x01\x02")
    nameless = content[: place + 28] + struct.pack("<H", 0) + content[place + 30 : place + 46] + content[place + 51 :]
    end = nameless.rindex(b"PK\x05\x06")
    nameless = nameless[: end + 12] + struct.pack("<I", end - place) + nameless[end + 16 :]
    assert judge("zip", "d.zip", nameless, tmp_path) == "ingestion.damaged"


def test_a_spreadsheet_in_an_encoding_nobody_knows_is_damaged(tmp_path: Path) -> None:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(ods()[0])) as book:
        members = {name: book.read(name).replace(b'encoding="UTF-8"', b'encoding="eUTF-8"') for name in book.namelist()}
    assert judge("ods", "d.ods", packed(members), tmp_path) == "ingestion.damaged"


@pytest.mark.parametrize("said", [struct.pack("<IIHHH", 0x0A000000, 7, 0, 4, 0), struct.pack("<IIHHH", 0, 0xFFFFFFFF, 0, 200, 0)])
def test_an_old_workbook_that_says_it_is_larger_than_any_memory(tmp_path: Path, said: bytes) -> None:
    """The reader makes room for the rows a sheet announces: 660 GB, and the process was gone."""
    content = xls()[0]
    true = struct.pack("<IIHHH", 0, 7, 0, 4, 0)
    assert content.count(true) == 1
    assert judge("xls", "d.xls", content.replace(true, said), tmp_path) == "ingestion.too_large"
    assert judge("xls", "d.xls", content, tmp_path) == "read"


@pytest.mark.parametrize("place", [44, 64, 72])
def test_an_old_workbook_whose_container_says_too_much(tmp_path: Path, place: int) -> None:
    content = bytearray(ole({"Workbook": b""}))
    struct.pack_into("<I", content, place, 0x7FFFFFFF)
    assert judge("xls", "d.xls", bytes(content), tmp_path) == "ingestion.damaged"


def test_half_a_surrogate_pair_in_the_name_of_a_member(tmp_path: Path) -> None:
    """The receipt could not be stored."""
    content = b'[{"id": "1", "name": "x", "\\ud83d": "y"}]'
    delivery = read(content, tmp_path, "d.json")
    assert isinstance(delivery, RawDelivery)
    assert delivery.report.unexpected == ("\\ud83d",)
    assert judge("json", "d.json", content, tmp_path) == "read"
    several = json.dumps({"\ud83d": [{"id": "1"}], "b": [{"id": "1"}]}).encode()
    assert judge("json", "d.json", several, tmp_path) == "ingestion.records"


def test_half_a_surrogate_pair_in_a_table_of_arrays(tmp_path: Path) -> None:
    """Inspection, which reads arrays of arrays as a table, failed with an error of the library's."""
    content = b'[["a", "b"], ["1", "\\ud83d"], ["2", "\\u0000"]]'
    assert judge("json", "d.json", content, tmp_path).startswith("ingestion.")

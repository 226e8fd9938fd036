"""What would harm the machine or lie to the reader is refused in a sentence, before it costs memory."""

from __future__ import annotations

import errno
import gzip
import os
import resource as process
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from districtlake.catalog.models import Item, Opening, Resource, Sharing, Source
from districtlake.errors import IngestionError
from districtlake.ingestion import text
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.read import RawDelivery, read_file
from districtlake.ingestion.xls_guard import check_xls
from districtlake.settings import PROJECT_ROOT, Settings
from tests.refusals import words

RESOURCE = Resource(
    agency="housing_bureau",
    name="leases",
    code="307001002/000001",
    title="租赁",
    business="业务",
    system="系统",
    items=(Item(name="name", title="姓名", element="text"), Item(name="area", title="面积", element="text")),
    storage_format="spreadsheet",
    sharing=Sharing(class_="unconditional"),
    opening=Opening(class_="unconditional"),
    provision=("api",),
    update_cycle="daily",
    sharing_term="permanent",
    source=Source(files=("leases*.csv",), mode="append"),
)
CSV = "姓名,面积\n张三,1\n".encode()


def read(path: Path, limits: Limits | None = None) -> RawDelivery:
    return read_file(path, path.name, RESOURCE, limits or Limits())


def refused(path: Path, code: str, limits: Limits | None = None) -> IngestionError:
    with pytest.raises(IngestionError) as caught:
        read(path, limits)
    error = caught.value
    assert error.code == code, error
    assert path.name in words(error)
    assert error.hint
    assert error.message.endswith((".", "。"))
    return error


def workbook(path: Path, cells: dict[tuple[int, int], Any]) -> Path:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    for (row, column), value in cells.items():
        sheet.write(row, column, value)
    book.close()
    return path


def peak_mb() -> int:
    return process.getrusage(process.RUSAGE_SELF).ru_maxrss // 1024


def test_one_endless_line_is_refused_with_memory_flat(tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        for _ in range(300):
            file.write(b"A" * (1 << 20))
    script = (
        "import sys, resource; from pathlib import Path; from tests_read import read\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(read(Path(sys.argv[1])), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    (tmp_path / "tests_read.py").write_text(
        "from districtlake.catalog.models import Resource\n"
        "from districtlake.errors import IngestionError\n"
        "from districtlake.ingestion.read import Limits, read_file\n"
        f"RESOURCE = Resource.model_validate_json({RESOURCE.model_dump_json(by_alias=True)!r})\n"
        "def read(path):\n"
        "    try:\n"
        "        read_file(path, path.name, RESOURCE, Limits())\n"
        "    except IngestionError as error:\n"
        "        return error.code\n"
    )
    for content in (None, "你好".encode("gb18030")):
        if content is not None:  # an endless line in GB18030: found while it is decoded
            with path.open("r+b") as file:
                file.write(content)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(PROJECT_ROOT)])}
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        code, grown_mb = done.stdout.split()
        assert code == "ingestion.line_too_long"
        assert int(grown_mb) < 64


def test_two_cells_in_opposite_corners(tmp_path: Path) -> None:
    """Five kilobytes that would make the reader ask for half a terabyte and abort the process."""
    path = workbook(tmp_path / "corners.xlsx", {(0, 0): "姓名", (0, 1): "面积", (1_048_575, 16_383): "x"})
    assert path.stat().st_size < 10_000
    error = refused(path, "ingestion.too_many_columns")
    assert "16,384" in words(error)
    assert "Ctrl+End" in error.hint
    refused(workbook(tmp_path / "high.xlsx", {(0, 0): "姓名", (0, 1): "面积", (1_048_575, 99): "x"}), "ingestion.too_large")


def test_empty_formatted_cells_far_away_harm_nobody(tmp_path: Path) -> None:
    path = tmp_path / "formatted.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["姓名", "面积"])
    sheet.write_row(1, 0, ["张三", 1])
    sheet.write_blank(1_048_575, 16_383, None, book.add_format({"bold": True}))
    book.close()
    assert read(path).frame.height == 1


def test_a_bomb_in_a_workbook_is_judged_before_it_is_opened(tmp_path: Path) -> None:
    good = workbook(tmp_path / "good.xlsx", {(0, 0): "姓名", (0, 1): "面积", (1, 0): "张三", (1, 1): 1})
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        with new.open("xl/media/image1.bin", "w") as filler:
            for _ in range(64):
                filler.write(bytes(1 << 20))
    before = peak_mb()
    error = refused(bomb, "ingestion.too_large")
    assert "67," in words(error)  # the unpacked size
    assert peak_mb() - before < 32
    refused(good, "ingestion.too_large", Limits(max_bytes=good.stat().st_size))  # packed it fits, unpacked it does not
    assert read(good).frame.rows()[0][2:5] == (2, "张三", "1")


def test_a_member_longer_than_it_states_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "leases.zip"
    content = CSV + "李四,2\n".encode() * 1000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("leases.csv", content)
    data = bytearray(path.read_bytes())
    stated = len(content).to_bytes(4, "little")
    short = len(CSV).to_bytes(4, "little")
    crc, short_crc = (zlib.crc32(text).to_bytes(4, "little") for text in (content, CSV))
    lying = bytes(data).replace(stated, short).replace(crc, short_crc)
    assert lying != bytes(data)
    path.write_bytes(lying)
    refused(path, "ingestion.damaged")


def test_zip_and_gzip_deliveries_are_read(tmp_path: Path) -> None:
    path = tmp_path / "packed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("说明.txt", "x")
        packed.writestr("__MACOSX/._leases 1.csv", "x")
        packed.writestr("leases 1.csv", CSV)
    delivery = read(path)
    assert delivery.frame.select("_file", "_row", "name").rows() == [("packed.zip/leases 1.csv", 2, "张三")]
    assert delivery.report.member == "leases 1.csv"
    path = tmp_path / "leases.csv.gz"
    path.write_bytes(gzip.compress(CSV))
    delivery = read(path)
    assert (delivery.report.member, delivery.frame.height) == ("leases.csv", 1)


def test_names_packed_by_chinese_windows(tmp_path: Path) -> None:
    path = tmp_path / "packed.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("x" * 8, CSV)
    path.write_bytes(path.read_bytes().replace(b"x" * 8, "租赁.csv".encode("gbk")))  # GBK bytes, and no flag that says so
    assert read(path).report.member == "租赁.csv"


def test_packed_deliveries_that_are_refused(tmp_path: Path) -> None:
    several = tmp_path / "several.zip"
    with zipfile.ZipFile(several, "w") as packed:
        packed.writestr("leases 1.csv", CSV)
        packed.writestr("leases 2.csv", CSV)
    assert "leases*.csv" in refused(several, "ingestion.packed").hint
    nothing = tmp_path / "nothing.zip"
    with zipfile.ZipFile(nothing, "w"):
        pass
    refused(nothing, "ingestion.packed")
    twice = tmp_path / "twice.zip"
    with zipfile.ZipFile(twice, "w") as packed:
        packed.write(several, "leases.csv")
    refused(twice, "ingestion.packed")
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb") as file:
        for _ in range(48):
            file.write(bytes(1 << 20))
    refused(bomb, "ingestion.too_large")
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(CSV * 100)[:-9])
    refused(cut, "ingestion.damaged")


def test_damaged_workbooks(tmp_path: Path) -> None:
    good = workbook(tmp_path / "good.xlsx", {(0, 0): "姓名", (0, 1): "面积"}).read_bytes()
    path = tmp_path / "cut.xlsx"
    path.write_bytes(good[: len(good) // 2])
    refused(path, "ingestion.damaged")
    flipped = bytearray(good)
    flipped[good.index(b"xl/worksheets/sheet1.xml") + 60] ^= 0xFF
    path.write_bytes(bytes(flipped))
    refused(path, "ingestion.damaged")
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000))
    refused(path, "ingestion.damaged")


def test_a_workbook_with_entities_that_explode(tmp_path: Path) -> None:
    path = tmp_path / "entities.ods"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("content.xml", '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>')
    refused(path, "ingestion.damaged")


def test_cells_repeated_without_end(tmp_path: Path) -> None:
    path = tmp_path / "repeated.ods"
    table = (
        '<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><table:table><table:table-row '
        'table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="900" office:value-type="string">'
        "<text:p>x</text:p></table:table-cell></table:table-row></table:table></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("content.xml", table)
    refused(path, "ingestion.too_large")
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("content.xml", table.replace('"900"', '"1100"'))
    refused(path, "ingestion.too_many_columns")


def test_a_full_folder_for_temporary_files_is_retryable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "leases.csv"
    path.write_bytes(CSV.decode().encode("gb18030"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    error = refused(path, "ingestion.unreadable")
    assert error.retryable
    assert "TMPDIR" in error.hint


def test_limits_come_from_the_settings() -> None:
    assert Limits.of(Settings(max_file_mb=3)).max_bytes == 3 << 20


def test_a_disk_that_fills_while_re_encoding_is_retryable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "leases.csv"
    path.write_bytes(CSV.decode().encode("gb18030") * 20_000)
    limit = process.getrlimit(process.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    monkeypatch.setattr(text, "_FULL", (errno.EFBIG,))  # what a limit on file size answers, as a full disk would ENOSPC
    try:
        process.setrlimit(process.RLIMIT_FSIZE, (100_000, limit[1]))
        error = refused(path, "ingestion.disk_full")
    finally:
        process.setrlimit(process.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert error.retryable
    assert read(path).frame.height == 39_999


@pytest.mark.parametrize("spelling", [" r='{}'", '\tr="{}"', ' r = "{}"', ' s="1" r="{}"'])
def test_cells_far_apart_however_their_address_is_spelled(tmp_path: Path, spelling: str) -> None:
    good = workbook(tmp_path / "good.xlsx", {(0, 0): "姓名", (0, 1): "面积", (1, 0): 1})
    path = tmp_path / "far.xlsx"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                assert b' r="A2"' in content
                content = content.replace(b' r="A2"', spelling.format("XFD1048576").encode())
            new.writestr(name, content)
    refused(path, "ingestion.too_many_columns")


def ole(streams: dict[str, bytes]) -> bytes:
    """A compound file of 512-byte sectors: one FAT sector, one directory sector, then the streams (at least 4,096 bytes each)."""
    fat, sectors, entries = [0xFFFFFFFD, 0xFFFFFFFE], [], []
    for name, content in streams.items():
        content = content.ljust(4096, b"\0")
        start, count = len(fat), -(-len(content) // 512)
        fat += [*range(start + 1, start + count), 0xFFFFFFFE]
        sectors.append(content.ljust(count * 512, b"\0"))
        entries.append((name, 2, start, len(content)))
    directory = b""
    for name, kind, start, size in [("Root Entry", 5, 0xFFFFFFFE, 0), *entries]:
        text = (name + "\0").encode("utf-16-le")
        directory += text.ljust(64, b"\0") + struct.pack("<HB49xII4x", len(text), kind, start, size)
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH6xII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1)
    header += struct.pack("<IIIIIII", 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0) + struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    table = struct.pack("<128I", *fat, *[0xFFFFFFFF] * (128 - len(fat)))
    return header + table + directory.ljust(512, b"\0") + b"".join(sectors)


def number(row: int, column: int) -> bytes:
    return struct.pack("<HHHHHd", 0x0203, 14, row, column, 0, 1.0)


def test_an_old_workbook_with_a_damaged_address(tmp_path: Path) -> None:
    """Four flipped bytes would make the reader ask for 137 GB."""
    path = tmp_path / "old.xls"
    begin, end = struct.pack("<HHHH", 0x0809, 4, 0x0600, 0x0010), struct.pack("<HH", 0x000A, 0)
    path.write_bytes(ole({"Workbook": begin + number(0, 0) + number(0xFFFF, 0xFFFF) + end}))
    assert "65,536" in words(refused(path, "ingestion.too_many_columns"))
    path.write_bytes(ole({"Workbook": begin + number(0, 0) + number(0xFFFF, 950) + end}))
    refused(path, "ingestion.too_large")
    # Two sheets, each small, far from each other: nothing for this guard; that it is no whole workbook the reader finds.
    path.write_bytes(ole({"Workbook": begin + number(0, 0) + end + begin + number(0xFFFF, 0xFFF0) + end}))
    assert check_xls(path, path.name, Limits()) is None


def test_protected_old_workbooks(tmp_path: Path) -> None:
    path = tmp_path / "old.xls"
    path.write_bytes(ole({"Workbook": struct.pack("<HHHH", 0x0809, 4, 0x0600, 5) + struct.pack("<HHH", 0x002F, 2, 0)}))
    refused(path, "ingestion.encrypted")
    path.write_bytes(ole({"EncryptionInfo": b"x", "EncryptedPackage": b"x"}))  # an .xlsx with a password
    refused(path, "ingestion.encrypted")

"""Ten and more ways to break one resource, each truly different: in the file, in the catalogue, in the machine, in the lake, in the software.

A way is done to one resource between two nights. It may change the delivered file, the catalogue or the lake before the night begins,
and may have the night's process run some lines first (``prelude``: what no file can do).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from openpyxl import Workbook, load_workbook

from districtlake.settings import Settings
from districtlake.warehouse.tables import address


@dataclass(frozen=True)
class Place:
    """Where a way strikes: the resource, the file it delivers tonight, and a required column's title in it."""

    settings: Settings
    resource: str
    file: Path
    required: str


@dataclass(frozen=True)
class Way:
    """One way to break a resource.

    Attributes:
        outcome: what the night says of its delivery (``nights.expected.DeliveryOutcome.outcome``).
        says: a word of the reason.
        strike: what is done beforehand. prelude: lines that the night's process runs first; ``RESOURCE`` is the resource's id.
        killed: the night's process is killed; the next one must make everything good.
    """

    outcome: str
    says: str
    strike: Callable[[Place], None] = lambda place: None
    prelude: str = ""
    killed: bool = False


def _empty(place: Place) -> None:
    place.file.write_bytes(b"")


def _noise(place: Place) -> None:
    place.file.write_bytes(b"\x80\x81\xff\xfe\x00\x01garbage" * 400)


def _cut(place: Place) -> None:
    """The first half of a workbook, whatever the file is called."""
    whole = BytesIO(place.file.read_bytes())
    if place.file.suffix != ".xlsx":
        whole = BytesIO()
        Workbook().save(whole)
    content = whole.getvalue()
    place.file.write_bytes(content[: len(content) // 2])


def _without_column(place: Place) -> None:
    if place.file.suffix == ".xlsx":
        book = load_workbook(place.file)
        for cell in [cell for row in book.worksheets[0].iter_rows(max_row=12) for cell in row if cell.value == place.required]:
            cell.value = "无关列"
        book.save(place.file)
        return
    content = place.file.read_bytes()
    for encoding in ("utf-8", "gb18030"):
        wanted = place.required.encode(encoding)
        if wanted in content:
            place.file.write_bytes(content.replace(wanted, "无关列".encode(encoding), 1))
            return
    raise AssertionError(f"no column {place.required} in {place.file.name}")


def _shrunk(place: Place) -> None:
    if place.file.suffix == ".xlsx":
        book = load_workbook(place.file)
        sheet = book.worksheets[0]
        sheet.delete_rows(6, sheet.max_row)  # titles, header and hardly a row stay
        book.save(place.file)
        return
    lines = place.file.read_bytes().splitlines(keepends=True)
    place.file.write_bytes(b"".join(lines[:2]))


def _bad_entry(place: Place) -> None:
    entry = place.settings.catalog_dirs[0] / "resources" / f"{place.resource.replace('.', '/')}.yaml"
    entry.write_text(entry.read_text(encoding="utf-8").replace("key: [", "key: [[", 1), encoding="utf-8")


def _corrupt_log(place: Place) -> None:
    log = address(place.settings.lake, "warehouse", place.resource) / "_delta_log"
    for commit in log.glob("*.json"):
        commit.write_bytes(b"\x00not a log\x00")


def _data_files_gone(place: Place) -> None:
    for file in address(place.settings.lake, "warehouse", place.resource).glob("*.parquet"):
        file.unlink()


def _place_taken(place: Place) -> None:
    """A file where the table's folder should be: nothing can be created there, whoever asks."""
    folder = address(place.settings.lake, "quarantine", place.resource)
    shutil.rmtree(folder)
    folder.write_text("not a folder", encoding="utf-8")


_GX = """
from expectations.session import load
load()
from great_expectations.core.validation_definition import ValidationDefinition
whole = ValidationDefinition.run
def run(self, *arguments, **named):
    if RESOURCE in self.suite.name:
        raise RuntimeError("out of order")
    return whole(self, *arguments, **named)
ValidationDefinition.run = run
"""
_BUG = """
from districtlake.delivery import advance as advancing
whole = advancing.cleanse
def cleanse(raw, resource, *arguments, **named):
    if resource.id == RESOURCE:
        raise KeyError("a fault of our own")
    return whole(raw, resource, *arguments, **named)
advancing.cleanse = cleanse
"""
_LOST = """
from districtlake.delivery import process
from districtlake.store.tables import Delivery
from districtlake.delivery.receive import receive
from districtlake.ingestion.archive import path_of
from pipelines import nightly, resources
whole = nightly._receive
def lose(district, *arguments):
    told = whole(district, *arguments)
    with district.store.session(read_only=True) as session:
        for delivery in session.query(Delivery).filter(Delivery.resource == RESOURCE, Delivery.state == "pending"):
            path_of(district.settings.archive, delivery.sha256).unlink()
    return told
nightly._receive = lose
"""
_FULL = """
from districtlake.delivery import process
whole = process.Commits.append
def append(self, layer, *arguments, **named):
    if self.resource == RESOURCE:
        raise OSError(28, "No space left on device")
    return whole(self, layer, *arguments, **named)
process.Commits.append = append
"""
_KILLED = """
import os, signal
from districtlake.delivery import process
whole = process.Commits.overwrite
def overwrite(self, layer, *arguments, **named):
    whole(self, layer, *arguments, **named)
    if self.resource == RESOURCE and layer == "problems":
        os.kill(os.getpid(), signal.SIGKILL)
process.Commits.overwrite = overwrite
"""

WAYS = {
    "empty_file": Way("held", "文件是空的", _empty),
    "unreadable_bytes": Way("held", "文件", _noise),
    "truncated_file": Way("held", "损坏", _cut),
    "missing_column": Way("held", "文件缺少数据项", _without_column),
    "shrunk_snapshot": Way("held", "%", _shrunk),
    "broken_entry": Way("uncatalogued", "resources/", _bad_entry),
    "corrupt_delta_log": Way("failed", "的表无法打开", _corrupt_log),
    "data_files_gone": Way("failed", "", _data_files_gone),
    "place_taken": Way("failed", "的表无法打开或建立", _place_taken),
    "gx_raises": Way("failed", "Great Expectations stopped", prelude=_GX),
    "fault_of_our_own": Way("failed", "KeyError", prelude=_BUG),
    "archive_lost": Way("failed", "", prelude=_LOST),
    "disk_full": Way("failed", "disk is full", prelude=_FULL),
    "killed_midway": Way("done", "", prelude=_KILLED, killed=True),
}

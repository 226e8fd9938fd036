"""A disk that fills up stops the night with a sentence, and only until there is room again."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from districtlake.clock import FixedClock
from districtlake.delivery.district import open_district
from districtlake.delivery.process import Engine
from districtlake.delivery.receive import receive
from districtlake.errors import DistrictLakeError
from districtlake.ingestion import archive
from districtlake.warehouse.commit import read
from tests.plain_validator import validate
from tests.running import run_folder, run_pending, tables
from tests.small_district import NOON, NOTES, PEOPLE, Row, day, deliver, deliveries, open_small, small_settings

GOOD: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 2, None)]
NAME = f"people_{day(2)}.csv"
ENGINE = Engine(validator=validate)


def test_a_full_disk_under_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (district := open_small(tmp_path)).store:
        path = deliver(district.settings.inbox, NAME, GOOD)

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(archive.os, "write", full)
        (notice,) = receive(district).notices
        monkeypatch.undo()
        assert "已满" in notice.message
        assert NAME in notice.message
        assert "腾出空间" in notice.hint
        assert path.exists()
        assert not list((district.settings.archive / ".incoming").iterdir()), "no temporary file remains"
        _, outcomes = run_folder(district, district.settings.inbox, ENGINE)
        assert [outcome.state for outcome in outcomes] == ["done"]
        assert read(district.lake, "warehouse", PEOPLE).height == 2


def _mounted(folder: Path, size: str) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True).returncode == 0


def test_a_disk_that_really_fills_up_while_tables_are_written(tmp_path: Path) -> None:
    """The state folder lies on a small disk; ballast fills it, so that some commit fails; with the ballast gone, everything goes through."""
    settings = small_settings(tmp_path)
    if not _mounted(settings.state, "24m"):
        pytest.skip("left out: no right to mount a small disk")
    try:
        district = open_district(settings, clock=FixedClock(NOON))
        with district.store:
            deliver(settings.inbox, f"people_{day(1)}.csv", GOOD)
            deliver(settings.inbox, f"notes_{day(1)}.csv", GOOD, agency="other_bureau")
            run_folder(district, settings.inbox, ENGINE)
            before = tables(district)
            rows: list[Row] = [(f"A{n}", "甲", n % 100, f"备注{n * 7919 % 100_003}") for n in range(1, 12_001)]
            deliver(settings.inbox, NAME, rows)
            receive(district)
            ballast = settings.state / "ballast"
            with ballast.open("wb") as file:
                file.write(bytes(max(0, shutil.disk_usage(settings.state).free - (450 << 10))))
            outcomes = run_pending(district, ENGINE)
            assert [outcome.state for outcome in outcomes] == ["failed"]
            assert "disk is full" in outcomes[0].why
            assert outcomes[0].error is not None
            assert "Free space" in outcomes[0].error.hint
            assert deliveries(district)[NAME].state == "pending"
            with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            assert shutil.disk_usage(settings.state).free == 0
            with contextlib.suppress(DistrictLakeError):  # not one byte left: a sentence, whatever it stumbles over first
                _, stuck = run_folder(district, settings.inbox, ENGINE)
                assert {outcome.state for outcome in stuck} <= {"failed"}
            ballast.unlink()
            assert [outcome.state for outcome in run_pending(district, ENGINE)] == ["done"]
            after = tables(district)
            assert len(after[f"warehouse/{PEOPLE}"]) == 12_000
            assert len(after[f"raw/{PEOPLE}"]) == 12_000 + len(before[f"raw/{PEOPLE}"])
            assert after[f"warehouse/{NOTES}"] == before[f"warehouse/{NOTES}"]
    finally:
        subprocess.run(["umount", "-l", str(settings.state)], check=True)

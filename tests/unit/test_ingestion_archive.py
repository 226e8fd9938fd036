"""The archive: same bytes once, nothing half-written, nothing lost when the disk is full, damage found."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from pathlib import Path

import pytest

from districtlake.errors import IngestionError, NotFound
from districtlake.ingestion import archive
from districtlake.ingestion.archive import Archived, StillBeingWritten, path_of, store_file, verify
from tests.refusals import words

MAX = 1 << 30


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    path = tmp_path / "inbox" / "leases.csv"
    path.parent.mkdir()
    path.write_bytes(b"a,b\n1,2\n")
    return path


def store(path: Path, root: Path, settle_seconds: float = 0, max_bytes: int = MAX) -> Archived:
    return store_file(path, root, settle_seconds=settle_seconds, max_bytes=max_bytes)


def leftovers(root: Path) -> list[Path]:
    return list((root / ".incoming").iterdir())


def test_a_file_lies_under_its_hash_read_only(delivered: Path, tmp_path: Path) -> None:
    stored = store(delivered, tmp_path / "archive")
    sha256 = hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert stored == Archived(sha256, 8, tmp_path / "archive" / sha256[:2] / sha256)
    assert stored.path.read_bytes() == b"a,b\n1,2\n"
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o444
    assert delivered.read_bytes() == b"a,b\n1,2\n"
    assert leftovers(tmp_path / "archive") == []
    assert path_of(tmp_path / "archive", sha256) == stored.path


def test_equal_content_is_stored_once(delivered: Path, tmp_path: Path) -> None:
    twin = delivered.with_name("other name.csv")
    twin.write_bytes(delivered.read_bytes())
    first = store(delivered, tmp_path / "archive")
    inode = first.path.stat().st_ino
    assert store(twin, tmp_path / "archive") == first
    assert first.path.stat().st_ino == inode
    assert len([path for path in (tmp_path / "archive").rglob("*") if path.is_file()]) == 1


def test_a_truncated_entry_is_replaced_by_the_next_whole_delivery(delivered: Path, tmp_path: Path) -> None:
    stored = store(delivered, tmp_path / "archive")
    stored.path.chmod(0o644)
    stored.path.write_bytes(b"a,b")
    store(delivered, tmp_path / "archive")
    assert stored.path.read_bytes() == b"a,b\n1,2\n"


def test_a_file_changed_a_moment_ago_is_still_being_written(delivered: Path, tmp_path: Path) -> None:
    with pytest.raises(StillBeingWritten) as caught:
        store(delivered, tmp_path / "archive", settle_seconds=60)
    assert caught.value.retryable
    assert "leases.csv" in caught.value.message
    assert leftovers(tmp_path / "archive") == []
    an_hour_ago = time.time() - 3600
    os.utime(delivered, (an_hour_ago, an_hour_ago))
    assert store(delivered, tmp_path / "archive", settle_seconds=60).bytes == 8


def test_a_time_in_the_future_does_not_block_for_ever(delivered: Path, tmp_path: Path) -> None:
    tomorrow = time.time() + 86_400
    os.utime(delivered, (tomorrow, tomorrow))
    with pytest.raises(StillBeingWritten):
        store(delivered, tmp_path / "archive", settle_seconds=0.3)
    time.sleep(0.35)
    assert store(delivered, tmp_path / "archive", settle_seconds=0.3).bytes == 8


def test_a_file_that_grows_while_it_is_read_is_refused(delivered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = archive._write

    def write_and_grow(path: Path, target: int, chunk: bytes, root: Path) -> None:
        real_write(path, target, chunk, root)
        with delivered.open("ab") as file:
            file.write(b"3,4\n") if delivered.stat().st_size < 12 else None

    monkeypatch.setattr(archive, "_write", write_and_grow)
    with pytest.raises(StillBeingWritten):
        store(delivered, tmp_path / "archive")
    assert leftovers(tmp_path / "archive") == []
    monkeypatch.undo()
    assert store(delivered, tmp_path / "archive").bytes == 12


def test_a_file_replaced_while_it_is_read_is_refused(delivered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = archive._write

    def write_and_replace(path: Path, target: int, chunk: bytes, root: Path) -> None:
        real_write(path, target, chunk, root)
        other = delivered.with_name("new.csv")
        other.write_bytes(b"a,b\n9,9\n")
        os.replace(other, delivered)

    monkeypatch.setattr(archive, "_write", write_and_replace)
    with pytest.raises(StillBeingWritten):
        store(delivered, tmp_path / "archive")


@pytest.mark.skipif(not hasattr(__import__("fcntl"), "F_SETLEASE"), reason="leases are Linux's")
def test_a_file_open_for_writing_elsewhere_is_still_being_written(delivered: Path, tmp_path: Path) -> None:
    with delivered.open("ab"), pytest.raises(StillBeingWritten, match="正被其他程序写入"):
        store(delivered, tmp_path / "archive")
    assert store(delivered, tmp_path / "archive").bytes == 8


def test_a_vanished_file_is_retryable(tmp_path: Path) -> None:
    with pytest.raises(StillBeingWritten):
        store(tmp_path / "gone.csv", tmp_path / "archive")


def test_links_folders_and_pipes_are_refused(delivered: Path, tmp_path: Path) -> None:
    link = delivered.with_name("link.csv")
    link.symlink_to("/etc/hostname")
    pipe = delivered.with_name("pipe.csv")
    os.mkfifo(pipe)
    for path in (link, pipe, delivered.parent):
        with pytest.raises(IngestionError) as caught:
            store(path, tmp_path / "archive")
        assert caught.value.code == "ingestion.not_a_file"
        assert not caught.value.retryable
    assert leftovers(tmp_path / "archive") == []


def test_a_file_over_the_limit_is_refused_before_it_is_copied(delivered: Path, tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="最多读取7字节") as caught:
        store(delivered, tmp_path / "archive", max_bytes=7)
    assert caught.value.code == "ingestion.too_large"
    assert "DISTRICTLAKE_MAX_FILE_MB" in words(caught.value)


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_loses_nothing(delivered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        with pytest.raises(IngestionError) as caught:
            store(delivered, tmp_path / "archive")
    assert caught.value.code == "ingestion.disk_full"
    assert "leases.csv" in caught.value.message
    assert "Free space" in words(caught.value)
    assert delivered.read_bytes() == b"a,b\n1,2\n"
    assert leftovers(tmp_path / "archive") == []
    assert verify(tmp_path / "archive") == []
    assert store(delivered, tmp_path / "archive").bytes == 8


def test_verify_finds_changed_and_foreign_entries(delivered: Path, tmp_path: Path) -> None:
    root = tmp_path / "archive"
    assert verify(root) == []
    stored = store(delivered, root)
    assert verify(root) == []
    stored.path.chmod(0o644)
    stored.path.write_bytes(b"a,b\n1,3\n")
    (root / "ab").mkdir(exist_ok=True)
    (root / "ab" / "notes.txt").write_text("?")
    damaged = {(entry.path.name, entry.reason, entry.found) for entry in verify(root)}
    assert damaged == {
        (stored.sha256, "changed", hashlib.sha256(b"a,b\n1,3\n").hexdigest()),
        ("notes.txt", "foreign", ""),
    }


def test_an_unknown_hash_is_not_found(tmp_path: Path) -> None:
    for sha256 in ("0" * 64, "../../etc/passwd"):
        with pytest.raises(NotFound):
            path_of(tmp_path, sha256)


def test_temporary_files_of_a_killed_copy_are_swept_after_a_day(delivered: Path, tmp_path: Path) -> None:
    incoming = tmp_path / "archive" / ".incoming"
    incoming.mkdir(parents=True)
    (incoming / "old").write_bytes(b"x")
    (incoming / "new").write_bytes(b"x")
    os.utime(incoming / "old", (1, 1))
    store(delivered, tmp_path / "archive")
    assert [path.name for path in incoming.iterdir()] == ["new"]

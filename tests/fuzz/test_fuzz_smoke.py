"""Every reader takes a few damaged files in a process with bounds, as `make fuzz` does for longer; and a find is told."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from districtlake.settings import PROJECT_ROOT
from tests.fuzz import child, oracles
from tests.fuzz.mutation import damaged
from tests.fuzz.oracles import TARGETS
from tests.fuzz.seeds import SEEDS


def test_every_reader_takes_damaged_files(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.child", "all", str(tmp_path), "--count", "6", "--seed", "smoke"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr[-3000:]
    assert json.loads((tmp_path / "tally").read_text(encoding="utf-8"))["outcomes"]


def test_the_seeds_of_every_target_are_read(tmp_path: Path) -> None:
    assert tuple(SEEDS) == TARGETS
    for target, (name, seeds) in SEEDS.items():
        outcomes = [oracles.judge(target, name, content, tmp_path) for content in seeds()]
        assert outcomes[0] == "read", target


@pytest.mark.parametrize("loss", [slice(1, None), slice(0, -1)])
def test_a_silent_row_is_a_find(loss: slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    real = oracles.read_file

    def forgetful(*given: object) -> oracles.RawDelivery:
        delivery = real(*given)  # type: ignore[arg-type]
        frame = delivery.frame[loss]
        return oracles.RawDelivery(frame, replace(delivery.report, rows=frame.height))

    monkeypatch.setattr(oracles, "read_file", forgetful)
    for target in ("delimited", "json", "ndjson", "geojson", "parquet", "xlsx"):
        judge = child.Judge(target, tmp_path)
        assert any(judge(content) for content in SEEDS[target][1]()[:2]), target
        told = json.loads(capsys.readouterr().out.splitlines()[0])
        assert told["problem"].startswith("AssertionError")
        assert Path(told["file"]).read_bytes()


def test_damage_is_done_inside_packages() -> None:
    from random import Random

    book = SEEDS["xlsx"][1]()[0]
    wounded = [damaged(book, Random(number)) for number in range(20)]
    assert sum(content[:2] == b"PK" and content != book for content in wounded) > 10

"""``districtlake demo loop``: the whole loop in one command, as somebody at a terminal sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from districtlake.settings import PROJECT_ROOT


def loop(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from districtlake.cli import main; main()", "demo", "loop", *arguments]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)


def test_fault_ticket_mail_answer_correction_closing_and_the_reporter_is_told(tmp_path: Path) -> None:
    done = loop("--json", "--keep", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["success"]
    figures = told["figures"]
    assert {name: figures[name] for name in ("fixed", "confirmed", "negotiated", "merged", "escalations", "reports_told", "unsent", "untold")} == {
        "fixed": 1, "confirmed": 1, "negotiated": 1, "merged": 1, "escalations": 1, "reports_told": 1, "unsent": 0, "untold": 0,
    }  # fmt: skip
    assert len(told["story"]) > 15
    again = loop("--keep", str(tmp_path / "kept"))
    assert again.returncode != 0
    assert "exists already" in again.stderr

"""Pages that are run word for word: the console blocks of a document, in order, in one folder; what is shown must be what comes.

A block of the language ``console`` holds commands after ``$ `` and, below each, what it prints. ``…`` on a line of its own stands for any
lines, inside a line for any text (a duration, a running number). ``python -m tests.documented_console PAGE`` writes the outputs anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from districtlake.settings import PROJECT_ROOT

CLOCK = "2026-03-05T09:00"
_BLOCK = re.compile(r"(```console\n)(.*?)(```)", flags=re.S)
_VOLATILE = (
    (re.compile(r"\d+\.\d 秒"), "… 秒"),
    (re.compile(r"Dagster 占 \d+(\.\d+)?%"), "Dagster 占 …%"),
)


def commands_of(page: Path) -> list[tuple[str, str]]:
    """(command, output shown), in order."""
    return [pair for _, body, _ in _BLOCK.findall(page.read_text(encoding="utf-8")) for pair in _pairs(body)]


def _pairs(body: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
        lines = part.splitlines()
        command = [lines.pop(0)]
        while command[-1].endswith("\\") and lines:
            command.append(lines.pop(0))
        yield "\n".join(command), "\n".join(lines)


def run(command: str, folder: Path) -> tuple[str, int]:
    """Run one command as the page's reader would, in the page's folder; output and errors together, and the exit code."""
    bin_folder = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DISTRICTLAKE_")} | {
        "PATH": f"{bin_folder}:{os.environ['PATH']}", "DISTRICTLAKE_STATE": str(folder / "day"), "DISTRICTLAKE_CLOCK": CLOCK,
        "DISTRICTLAKE_SETTLE_SECONDS": "0", "DISTRICTLAKE_ACTOR": "engineer", "DAGSTER_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(PROJECT_ROOT),
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    return done.stdout.replace(f"{folder}/", "").rstrip("\n"), done.returncode


def matches(shown: str, printed: str) -> bool:
    """Whether what a page shows is what was printed; trailing blanks do not count."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += r".*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ \t]*\n"
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in printed.splitlines())) is not None


def rewritten(page: Path, folder: Path) -> str:
    """The page with every output as it now comes."""

    def block(found: re.Match[str]) -> str:
        parts = []
        for command, _ in _pairs(found.group(2)):
            printed, status = run(command, folder)
            assert status == 0, f"{command}\n{printed}"
            for pattern, instead in _VOLATILE:
                printed = pattern.sub(instead, printed)
            parts.append(f"$ {command}\n" + "".join(f"{line.rstrip()}\n" for line in printed.splitlines()))
        return found.group(1) + "".join(parts) + found.group(3)

    return _BLOCK.sub(block, page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as place:
        target.write_text(rewritten(target, Path(place)), encoding="utf-8")

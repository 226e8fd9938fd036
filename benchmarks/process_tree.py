"""CPU and memory of a process and all it started (Linux): a JVM and its workers are not in ``getrusage`` until somebody waits for them."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


class ProcessTree:
    """Watches the tree below ``root`` every ``seconds`` until ``end``.

    Attributes:
        cpu: seconds, of the processes that still live and of those they waited for. peaks: kind of process -> largest resident memory of one, bytes.
    """

    def __init__(self, root: int, seconds: float = 0.5):
        self._root, self._seconds = root, seconds
        self._cpu: dict[int, float] = {}
        self.peaks: dict[str, int] = defaultdict(int)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def cpu(self) -> float:
        return round(sum(self._cpu.values()), 1)

    def end(self) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(self._seconds):
            self.look()

    def look(self) -> None:
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    parents[int(entry.name)] = int(fields[1])
                except (OSError, IndexError):
                    continue
        tree, before = {self._root}, 0
        while len(tree) != before:
            before = len(tree)
            tree |= {pid for pid, parent in parents.items() if parent in tree}
        for pid in tree:
            self._measure(pid)

    def _measure(self, pid: int) -> None:
        folder = Path("/proc") / str(pid)
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().split(b"\0")
            status = (folder / "status").read_text()
        except OSError:
            return
        self._cpu[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
        told = status.partition("VmHWM:")[2].split()
        kind = _kind(pid == self._root, b" ".join(words))
        self.peaks[kind] = max(self.peaks[kind], int(told[0]) * 1024 if told else 0)


def _kind(root: bool, command: bytes) -> str:
    if root:
        return "driver, Python"
    if b"CoarseGrainedExecutorBackend" in command:
        return "executor, JVM"
    if b"java" in command.split(b" ")[0]:
        return "driver, JVM"
    return "executor, Python" if b"pyspark" in command else "other"

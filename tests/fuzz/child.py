"""One target in this process until its time or number is up: `python -m tests.fuzz.child TARGET FOLDER --seconds 60 --engine own`.

The bytes under judgement lie in FOLDER/current before they are judged, so that whoever finds this process dead knows the cause. A find that leaves
the process alive is one line of JSON on standard output. It ends itself (exit 1, all stacks on standard error) when one judgement takes too long,
and cannot allocate more than MEMORY.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
import resource as process
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

SECONDS_EACH = 30
MEMORY = 3 << 30
RESIDENT = 1200 << 20
"""Peak memory of the whole process; the libraries take a third of it, the bounds of ``oracles.LIMITS`` the rest."""


def resident_peak() -> int:
    """Bytes this process held at most. Not ``ru_maxrss``: that begins with what the parent held when it forked."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


class Judge:
    """Judges one content after the other and tells what it finds, each kind once."""

    def __init__(self, target: str, folder: Path):
        from tests.fuzz.oracles import judge
        from tests.fuzz.seeds import SEEDS

        self.target, self.folder, self.name, self._judge = target, folder, SEEDS[target][0], judge
        self.outcomes: Counter[str] = Counter()
        self._told: set[str] = set()
        self._peak = 0

    def __call__(self, content: bytes) -> str | None:
        """Where it failed; None where all is well."""
        (self.folder / "current").write_bytes(content)
        faulthandler.dump_traceback_later(SECONDS_EACH, exit=True, file=sys.__stderr__)
        problem = None
        try:
            self.outcomes[self._judge(self.target, self.name, content, self.folder)] += 1
        except BaseException as error:  # a panic of a Rust library is no Exception
            if isinstance(error, (KeyboardInterrupt, SystemExit)) or type(error).__module__.startswith("hypothesis"):
                raise
            last = traceback.extract_tb(error.__traceback__)[-1]
            problem = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
            self._tell(problem, content, "".join(traceback.format_exception(error))[-4000:])
        finally:
            faulthandler.cancel_dump_traceback_later()
        peak = resident_peak()
        if peak > RESIDENT and peak > self._peak:
            problem = "memory"
            self._tell(problem, content, f"peak {peak >> 20} MiB")
        self._peak = max(peak, self._peak)
        if self.outcomes.total() % 100 == 0:
            self.tally()
        return problem

    def tally(self) -> None:
        """What came of them all so far, for who waits outside: libFuzzer ends a process without a word."""
        (self.folder / "tally").write_text(json.dumps({"outcomes": dict(self.outcomes), "peak_mib": self._peak >> 20}), encoding="utf-8")

    def _tell(self, problem: str, content: bytes, detail: str) -> None:
        self.outcomes["FOUND"] += 1
        if problem in self._told:
            return
        self._told.add(problem)
        kept = self.folder / f"found-{len(self._told)}-{problem.split()[0].lower()}"
        kept.write_bytes(content)
        print(json.dumps({"problem": problem, "detail": detail, "file": str(kept)}), flush=True)


def own(judge: Judge, corpus: list[bytes], seed: str, until: float, count: int) -> None:
    """Seeds and corpus, damaged."""
    from tests.fuzz.mutation import damaged
    from tests.fuzz.seeds import SEEDS

    seeds = [*SEEDS[judge.target][1](), *corpus]
    for content in seeds[:count] if count else seeds:
        if count or time.monotonic() < until:
            judge(content)
    number = 0
    while number < count or time.monotonic() < until:
        random = Random(f"{seed}-{number}")
        content = random.choice(seeds)
        if random.random() < 0.1 and judge.target not in ("xlsx", "ods", "xls", "zip", "gzip", "parquet"):
            other = random.choice(seeds)
            content = content[: random.randint(0, len(content))] + other[random.randint(0, len(other)) :]
        judge(damaged(content, random))
        number += 1


def hypothesis(judge: Judge, corpus: list[bytes], seed: str, until: float, count: int) -> None:
    """Structured files, half of them damaged; a find is made smaller before it is kept."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st

    from tests.fuzz.mutation import damaged
    from tests.fuzz.seeds import structured

    number = 0
    while number < count or time.monotonic() < until:

        @seeded(f"{seed}-{number}")
        @settings(
            max_examples=min(count or 200, 200),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(content=structured(judge.target), random=st.randoms(use_true_random=False), hurt=st.booleans())
        def one(content: bytes, random: Random, hurt: bool) -> None:
            assert count or time.monotonic() < until + 20
            problem = judge(damaged(content, random) if hurt else content)
            assert problem is None, problem

        try:
            one()
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
        number += 200


def atheris(judge: Judge, corpus: list[bytes], seed: str, until: float, count: int) -> None:
    """Guided by the coverage of our own modules; ends the process at the first find."""
    import atheris as engine

    from tests.fuzz.mutation import MAX_BYTES, damaged
    from tests.fuzz.seeds import SEEDS

    folder = judge.folder / "corpus"
    folder.mkdir(exist_ok=True)
    for at, content in enumerate([*SEEDS[judge.target][1](), *corpus]):
        (folder / f"seed-{at}").write_bytes(content)

    def one(content: bytes) -> None:
        if (problem := judge(content)) is not None:
            raise RuntimeError(problem)

    def wounded(content: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        return damaged(content, random)[:most] if random.random() < 0.7 else engine.Mutate(content, most)

    bounds = [
        f"-max_total_time={max(1, int(until - time.monotonic()))}",
        f"-max_len={MAX_BYTES}",
        "-rss_limit_mb=0",
        "-timeout=60",
        f"-artifact_prefix={judge.folder}/",
    ]
    number = int.from_bytes(seed.encode(), "big") % 2**31 or 1
    engine.Setup([sys.argv[0], *bounds, f"-seed={number}", str(folder)], one, custom_mutator=wounded)
    engine.Fuzz()


ENGINES: dict[str, Any] = {"own": own, "hypothesis": hypothesis, "atheris": atheris}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="or all, one after the other")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", choices=list(ENGINES), default="own")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--count", type=int, default=0, help="at least so many contents")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--corpus", type=Path, default=None, help="a folder with more files to begin with")
    asked = parser.parse_args()
    process.setrlimit(process.RLIMIT_DATA, (MEMORY, MEMORY))
    process.setrlimit(process.RLIMIT_CORE, (0, 0))
    if asked.engine == "atheris":
        import atheris as engine

        with engine.instrument_imports(include=["districtlake.ingestion", "districtlake.inspection"]):
            importlib.import_module("tests.fuzz.oracles")
    from tests.fuzz.mutation import MAX_BYTES
    from tests.fuzz.seeds import ENDINGS, SEEDS

    for target in SEEDS if asked.target == "all" else (asked.target,):
        corpus = []
        if asked.corpus is not None:
            files = sorted(path for path in asked.corpus.rglob("*") if path.suffix.lower() in ENDINGS[target] and path.is_file())
            corpus = [path.read_bytes() for path in files if path.stat().st_size <= MAX_BYTES]
        judge = Judge(target, asked.folder)
        try:
            ENGINES[asked.engine](judge, corpus, asked.seed, time.monotonic() + asked.seconds, asked.count)
        finally:
            judge.tally()


if __name__ == "__main__":
    main()

"""The demonstration district's night at one size and at ten times it: ``python -m benchmarks.nightly --size 2000 --days 5 [--times 10]``.

Both run as a user runs ``make nightly``: the deliveries of all days wait, the nightly command takes them, then runs again with nothing
new. Told are wall and CPU seconds, peak memory and Dagster's share of each, and the ratio between the sizes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.night_run import HEADING, command, night, show
from benchmarks.scratch import scratch


def one_size(folder: Path, size: int, days: int, seed: int) -> dict[str, dict[str, Any]]:
    """Generate the district, run its night, run again; the figures of both."""
    state = folder / str(size)
    command("demo", "generate", "--seed", str(seed), "--days", str(days), "--size", str(size), state=state)
    inbox = state / "demo" / "inbox"
    measured = {"night": night(state, inbox), "idle": night(state, inbox)}
    show(f"size {size:,}", measured["night"])
    show(f"size {size:,}, nothing new", measured["idle"])
    if not measured["night"]["deliveries"] or measured["idle"]["deliveries"]:
        raise SystemExit(
            f"{measured['night']['deliveries']} deliveries, then {measured['idle']['deliveries']}: all and none were expected."
        )
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--times", type=int, default=10, help="the second size, as a multiple of the first; 0: only the first")
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--keep", action="store_true", help="leave the folders with deliveries and state")
    asked = parser.parse_args()
    with scratch("nightly", keep=asked.keep) as folder:
        print(HEADING, flush=True)
        figures = {str(asked.size): one_size(folder, asked.size, asked.days, asked.seed)}
        ratio: dict[str, float] = {}
        if asked.times > 1:
            larger = asked.size * asked.times
            figures[str(larger)] = one_size(folder, larger, asked.days, asked.seed)
            small, large = (figures[str(size)]["night"] for size in (asked.size, larger))
            ratio = {name: round(large[name] / small[name], 2) for name in ("wall", "cpu", "peak_bytes", "rows")}
            print(f"\n{asked.times} times the size: {ratio['wall']:.1f} times the wall seconds, {ratio['cpu']:.1f} times the CPU seconds")
        parameters = {name: getattr(asked, name) for name in ("size", "times", "days", "seed")}
        print("\n" + json.dumps({"benchmark": "nightly", **parameters, "ratio": ratio, "figures": figures}))


if __name__ == "__main__":
    main()

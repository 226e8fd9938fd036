"""Where the time of a night goes: the work on deliveries, Dagster's part of it, and the other steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from districtlake.delivery.process import Outcome


@dataclass
class Timing:
    """Wall-clock seconds of a night's parts.

    Attributes:
        steps: part -> seconds ("start": imports and the graph; then the names of ``nights.expected.STEPS``).
        processing: spent on deliveries themselves: reading, cleansing, validating, committing.
        events, event_log: how many events Dagster stored, and the seconds that took.
    """

    steps: dict[str, float] = field(default_factory=dict)
    processing: float = 0.0
    events: int = 0
    event_log: float = 0.0

    _inner: float = 0.0  # seconds of parts within the part that runs

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a part; a part within a part counts for itself only."""
        began, outside, self._inner = time.perf_counter(), self._inner, 0.0
        try:
            yield
        finally:
            whole = time.perf_counter() - began
            self.steps[name] = self.steps.get(name, 0.0) + whole - self._inner
            self._inner = outside + whole

    def as_dict(self) -> dict[str, Any]:
        """The parts, and orchestration: what the agencies' runs took beyond the deliveries' own processing (graph, events, checks, plots)."""
        agencies = self.steps.get("agencies", 0.0)  # without "start" within it: loading the graph is told apart
        return {
            "steps": {name: round(seconds, 3) for name, seconds in self.steps.items()},
            "processing": round(self.processing, 3),
            "orchestration": round(max(agencies - self.processing, 0.0), 3),
            "events": self.events,
            "event_log": round(self.event_log, 3),
        }


@contextmanager
def listening(timing: Timing, instance: Any, hooks: Any) -> Iterator[list[float]]:
    """Time the instance's writes to its event log while the block runs; gives the list that the engine's outcomes add their seconds to."""
    storage, before = instance.event_log_storage, hooks.outcome
    heard: list[float] = []
    kept: dict[str, Callable[..., Any]] = {name: getattr(storage, name) for name in ("store_event", "store_event_batch")}
    depth = 0

    def timed(write: Callable[..., Any]) -> Callable[..., Any]:
        def store(events: Any) -> Any:
            nonlocal depth
            began, depth = time.perf_counter(), depth + 1
            try:
                return write(events)
            finally:
                depth -= 1
                if depth == 0:  # a batch stores its events one by one
                    timing.event_log += time.perf_counter() - began
                    timing.events += len(events) if isinstance(events, list | tuple) and not hasattr(events, "dagster_event") else 1

        return store

    for name, write in kept.items():
        setattr(storage, name, timed(write))

    def outcome(result: Outcome) -> None:
        heard.append(result.seconds)
        before(result)

    hooks.outcome = outcome
    try:
        yield heard
    finally:
        for name in kept:
            delattr(storage, name)
        hooks.outcome = before

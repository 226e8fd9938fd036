"""What every register does the same way: hold records, seed faults into them, heal them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

from districtlake.demo.faults import FAULTS, FaultKind
from districtlake.demo.identifiers import Registry
from districtlake.demo.schedule import Day, style
from districtlake.demo.tables import Record, Role, Table


def role(rng: Random, mobile: float, faulty: float) -> Role:
    chance = rng.random()
    return "mobile" if chance < mobile else "faulty" if chance < mobile + faulty else "stable"


def some(rng: Random, records: Sequence[Record], count: int) -> list[Record]:
    """Up to ``count`` of ``records``, in their order."""
    return [records[place] for place in sorted(rng.sample(range(len(records)), min(count, len(records))))]


def seed_faults(
    table: Table,
    day: Day,
    candidates: Iterable[Record],
    registry: Registry,
    choose: Callable[[FaultKind], int],
) -> None:
    """Spoil clean ``candidates``: of each kind of the table's faults as many as ``choose`` says, while candidates last."""
    rng = day.chance(f"faults/{table.resource}")
    pool = [record for record in candidates if record.fault is None]
    rng.shuffle(pool)
    for kind in FAULTS[table.resource]:
        wanted, refused = choose(kind), []
        while wanted and pool:
            record = pool.pop()
            if kind.seed(record, rng, registry, day.index):
                wanted -= 1
            else:
                refused.append(record)
        pool.extend(refused)


def choice_of_kinds(
    table: Table, day: Day, rng: Random, *, each: int, later: int, allowed: Callable[[FaultKind], bool] = lambda kind: True
) -> Callable[[FaultKind], int]:
    """How many faults of each allowed kind a delivery brings: on day 1 ``each`` of every kind that refers to nothing;
    later one of every kind that does, and one of ``later`` others."""
    if day.index == 1:
        return lambda kind: each if allowed(kind) and not kind.refers else 0
    kinds = [kind for kind in FAULTS[table.resource] if allowed(kind) and not kind.refers]
    chosen = rng.sample(kinds, min(later, len(kinds)))
    return lambda kind: 1 if kind.refers or any(kind is one for one in chosen) else 0


def heal(records: Iterable[Record], rng: Random, share: float) -> None:
    """The agency mends ``share`` of what is wrong in its own register."""
    for record in records:
        if record.fault is not None and rng.random() < share:
            record.heal(style(rng))


def corrected(records: Iterable[Record], rng: Random) -> list[Record]:
    """The rows as a correction file writes them: right, in a fresh hand. The register itself is mended later."""
    return [Record(record.values, style(rng), record.role, record.since) for record in records]

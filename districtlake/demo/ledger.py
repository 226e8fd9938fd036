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


def worth_resending(record: Record, rng: Random) -> bool:
    """Half of the faulty rows come again, right, with the next delivery; a number nobody has is not mended so quickly."""
    return record.fault is not None and not record.fault.rule.endswith(".exists") and rng.random() < 0.5


class Increment:
    """A register that delivers what is new: ``today`` is the file's content, faults and yesterday's corrected rows included."""

    def __init__(self, table: Table, registry: Registry) -> None:
        self.table, self.registry = table, registry
        self.today: list[Record] = []
        self._resend: list[Record] = []
        self._serial = 0

    def number(self) -> int:
        """The next serial number of the register, from 1."""
        self._serial += 1
        return self._serial

    def deliver(self, day: Day, new: list[Record], *, each: int = 1, later: int = 3, resends: bool = True) -> None:
        rng = day.chance(f"increment/{self.table.resource}")
        seed_faults(self.table, day, new, self.registry, choice_of_kinds(self.table, day, rng, each=each, later=later))
        resent = corrected(self._resend, rng)
        self._resend = [record for record in new if resends and worth_resending(record, rng)]
        self.today = resent + new


class Snapshot:
    """A register that delivers its whole content: ``present``. Only records of role "faulty" carry faults or vanish."""

    def __init__(self, table: Table, registry: Registry) -> None:
        self.table, self.registry = table, registry
        self.present: list[Record] = []
        self._serial = 0

    def number(self) -> int:
        """The next serial number of the register, from 1."""
        self._serial += 1
        return self._serial

    def deliver(self, day: Day, new: list[Record], *, heals: float = 0.3, gone: int = 0, each: int = 1, later: int = 2) -> None:
        rng = day.chance(f"snapshot/{self.table.resource}")
        if day.index > 1:
            heal(self.present, rng, heals)
            clean = [record for record in self.present if record.fault is None and record.role == "faulty"]
            left = {id(record) for record in some(rng, clean, min(gone, len(self.present) // 25))}
            self.present = [record for record in self.present if id(record) not in left]
        self.present += new
        faulty = [record for record in new if record.role == "faulty"]
        seed_faults(self.table, day, faulty, self.registry, choice_of_kinds(self.table, day, rng, each=each, later=later))

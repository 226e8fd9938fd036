"""The civil affairs bureau's register of persons on the minimum living allowance (snapshot, and corrections between)."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from districtlake.demo.identifiers import Registry
from districtlake.demo.ledger import choice_of_kinds, corrected, heal, seed_faults, some
from districtlake.demo.residents import Residents
from districtlake.demo.schedule import Day, style
from districtlake.demo.tables import LOW_INCOME, Record


class LowIncome:
    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.present: list[Record] = []
        self.corrections: list[Record] = []
        self._supported: set[str] = set()
        self._mending: list[Record] = []
        self._households = 0

    def live(self, day: Day, residents: Residents) -> None:
        """Up to date on a day of snapshot; ``corrections`` holds rows only on a day of correction."""
        rng = day.chance("low_income")
        self.corrections = []
        if day.low_income_correction:
            wrong = [record for record in self.present if record.fault is not None and not record.fault.rule.endswith(".exists")]
            self._mending = some(rng, wrong, max(1, len(wrong) // 2))
            self.corrections = corrected(self._mending, rng)
        if not day.slow_snapshot:
            return
        if day.index > 1:
            self._review(day, rng)
        poor = [
            person
            for person in residents.living
            if (person.since < day.index or day.index == 1) and person.values["citizen_id"] not in self._supported
        ]
        new = [self._grant(person, day, rng) for person in some(rng, poor, day.count(0.02, 40) if day.index == 1 else day.count(0.001, 6))]
        self.present += new
        seed_faults(LOW_INCOME, day, new, self.registry, choice_of_kinds(LOW_INCOME, day, rng, each=1, later=3))

    def _review(self, day: Day, rng: Random) -> None:
        for record in self._mending:
            record.heal(style(rng))
        self._mending = []
        heal(self.present, rng, 0.1)
        clean = [record for record in self.present if record.fault is None]
        for record in some(rng, clean, day.count(0.001, 3)):
            record.change(style(rng), monthly_amount=_amount(rng))
        for record in some(rng, clean, day.count(0.0005, 1)):
            record.change(style(rng), status="停发")
        gone = {id(record) for record in some(rng, clean, day.count(0.0002, 1))}
        self.present = [record for record in self.present if id(record) not in gone]

    def _grant(self, person: Record, day: Day, rng: Random) -> Record:
        self._supported.add(person.values["citizen_id"])
        self._households += 1
        values = {
            "citizen_id": person.values["citizen_id"],
            "household_no": f"HSDB{day.first_day.year}{self._households:06d}",
            "name": person.values["name"],
            "persons": rng.choice((1, 1, 2, 2, 3, 4, 5, 20)),
            "monthly_amount": _amount(rng),
            "start_date": day.before(rng, 5, 6 * 365 if day.index == 1 else 40),
            "status": "在保",
        }
        return Record(values, style(rng), "faulty", day.index)


def _amount(rng: Random) -> Decimal:
    return Decimal("0.01") if rng.random() < 0.02 else Decimal(rng.randrange(20_000, 480_000)) / 100

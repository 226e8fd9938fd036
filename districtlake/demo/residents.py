"""The people of the district and the police's two registers: population (snapshot, correction) and deaths (incremental)."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from districtlake.demo import vocabulary as words
from districtlake.demo.identifiers import Registry
from districtlake.demo.ledger import choice_of_kinds, corrected, heal, role, seed_faults, some, worth_resending
from districtlake.demo.schedule import Day, style
from districtlake.demo.tables import DEATHS, POPULATION, Record, Role

_REGIONS, _REGION_WEIGHTS = zip(*words.LOCAL_REGIONS, strict=True)
_ETHNICITIES = [name for _, name, _ in words.ETHNICITIES]
_ETHNICITY_WEIGHTS = [weight for _, _, weight in words.ETHNICITIES]

# Hard but valid, in every district: (region, birth or None, name or None). Always stable, so always clean.
_NOTABLE: tuple[tuple[str, date | None, str | None], ...] = (
    ("330203", date(1930, 1, 1), None),
    ("330203", date(1950, 6, 15), None),
    ("330204", date(1971, 3, 9), None),
    ("330227", date(1965, 11, 30), None),
    ("330212", date(1990, 6, 15), None),
    ("330283", date(1970, 6, 15), None),
    ("522401", date(1988, 8, 8), None),
    ("830000", date(1985, 5, 20), None),
    ("810000", date(1992, 12, 1), None),
    ("330203", date(1988, 2, 29), None),
    ("330203", date(2000, 2, 29), None),
    ("330203", None, "张䶮"),
    ("330204", None, "𠮷田"),
    ("650102", None, "阿依古丽·买买提"),
)


class Residents:
    """Everybody registered, living day by day.

    ``present`` is today's snapshot in file order. Records of role "stable" are referred to by other registers: they stay
    and are always delivered clean.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.present: list[Record] = []
        self.corrections: list[Record] = []
        self.deaths: list[Record] = []
        self.deaths_today: list[Record] = []  # without those sent again
        self.living: list[Record] = []  # stable people still alive
        self._mending: list[Record] = []  # corrected by file, in the register from the next day on
        self._dead: list[Record] = []
        self._leaving: list[Record] = []
        self._resend: list[Record] = []

    def known(self, day: Day, least: int = 0, most: int = 200) -> list[Record]:
        """Living people of ``least`` to ``most`` years (by calendar year) that others may refer to on this day."""
        year = day.today.year
        return [
            person
            for person in self.living
            if (person.since < day.index or day.index == 1) and least <= year - person.values["birth_date"].year <= most
        ]

    @property
    def lately_dead(self) -> list[Record]:
        """Those whose death is delivered today, in the order of ``deaths_today``."""
        return self._dead

    def live(self, day: Day) -> None:
        """One more day: afterwards ``present``, ``corrections`` and ``deaths`` are what is delivered on it."""
        rng = day.chance("residents")
        if day.index == 1:
            self._settle(day, rng)
        else:
            self._mend(rng)
            self._move(day, rng)
            self._arrive(day, rng)
        self._spoil(day, rng)
        self._correct(day, rng)
        self._die(day, day.chance("deaths"))

    def _settle(self, day: Day, rng: Random) -> None:
        for region, birth, name in _NOTABLE:
            self._register(rng, day, "stable", birth or day.before(rng, 20 * 365, 60 * 365), region=region, name=name)
        while len(self.present) < day.size:
            age = rng.randrange(100 * 365) if rng.random() < 0.15 else rng.randrange(85 * 365)
            birth = max(date(1910, 1, 1), day.today - timedelta(days=age + 1))
            if rng.random() < 0.005:
                birth = date(max(1912, (birth.year - 1) // 4 * 4), 2, 29)  # a leap year before this one
            self._register(rng, day, role(rng, 0.08, 0.2), birth)

    def _register(self, rng: Random, day: Day, role: Role, birth: date, *, region: str = "", name: str | None = None) -> None:
        if not region:
            chance = rng.random()
            region = (
                rng.choices(_REGIONS, _REGION_WEIGHTS)[0]
                if chance < 0.8
                else rng.choice(words.RESIDENCE_PERMITS if chance > 0.99 else words.OTHER_REGIONS)
            )
        male = rng.random() < 0.51
        ethnicity = words.DOTTED_ETHNICITY if name and "·" in name else rng.choices(_ETHNICITIES, _ETHNICITY_WEIGHTS)[0]
        values: dict[str, Any] = {
            "citizen_id": self.registry.citizen(rng, region, birth, male),
            "name": name or person_name(rng, ethnicity),
            "sex": "男" if male else "女",
            "ethnicity": ethnicity,
            "birth_date": birth,
            **dict(zip(("address", "household_no"), _home(rng), strict=True)),
            "status": "正常",
        }
        record = Record(values, style(rng), role, day.index)
        self.present.append(record)
        if role == "stable":
            self.living.append(record)

    def _mend(self, rng: Random) -> None:
        for record in self._mending:
            record.heal(style(rng))
        self._mending = []
        heal((record for record in self.present if record.fault is not None and not record.fault.item.startswith("citizen_id")), rng, 0.08)
        for record in self._dead:
            record.change(style(rng), status="死亡注销")
        self._dead = []

    def _move(self, day: Day, rng: Random) -> None:
        gone = {id(record) for record in self._leaving}
        self.present = [record for record in self.present if id(record) not in gone]
        clean = [record for record in self.present if record.fault is None and record.values["status"] == "正常"]
        self._leaving = some(rng, [record for record in clean if record.role == "mobile"], day.count(0.002, 2))
        for record in self._leaving:
            record.change(style(rng), status="迁出")
        for record in some(rng, clean, day.count(0.004, 3)):
            home = _home(rng)
            record.change(style(rng), address=home[0], household_no=home[1])
        for record in some(rng, clean, day.count(0.001, 1)):
            record.change(style(rng), name=person_name(rng, record.values["ethnicity"]))
        for record in some(rng, self.present, day.count(0.002, 2)):
            record.restyle(style(rng))  # typed anew, nothing changed

    def _arrive(self, day: Day, rng: Random) -> None:
        for _ in range(day.count(0.002, 2)):
            # a region has 499 numbers of either sex for a day: in a district of millions the newborn are registered later
            self._register(rng, day, role(rng, 0.5, 0.5), day.before(rng, 1, max(30, day.size // 10_000)), region="330203")
        for _ in range(day.count(0.003, 4)):
            self._register(rng, day, role(rng, 0.05, 0.15), day.before(rng, 18 * 365, 70 * 365))

    def _spoil(self, day: Day, rng: Random) -> None:
        faulty = [record for record in self.present if record.role == "faulty" and record.values["status"] == "正常"]
        choose = choice_of_kinds(
            POPULATION, day, rng, each=day.count(0.0005, 1), later=5, allowed=lambda kind: day.spoils_keys or not kind.key
        )
        seed_faults(POPULATION, day, faulty, self.registry, choose)

    def _correct(self, day: Day, rng: Random) -> None:
        self.corrections = []
        if day.population_correction:
            known = [record for record in self.present if record.fault is not None and record.fault.since < day.index]
            self._mending = [
                record for record in known if record.fault and (record.fault.item.startswith("citizen_id") or rng.random() < 0.4)
            ]
            self.corrections = corrected(self._mending, rng)

    def _die(self, day: Day, rng: Random) -> None:
        known = [record for record in self.living if record.since < day.index or day.index == 1]
        old = [record for record in known if record.values["birth_date"].year < day.today.year - 60 and record.values["status"] == "正常"]
        dead = some(rng, old, day.count(0.002, 5) + (8 if day.index == 1 else 4))
        gone = {id(record) for record in dead}
        self.living = [record for record in self.living if id(record) not in gone]
        self._dead = dead
        self.deaths = [_death(record, day, rng) for record in dead]
        self.deaths_today = self.deaths
        seed_faults(DEATHS, day, self.deaths, self.registry, choice_of_kinds(DEATHS, day, rng, each=1, later=3))
        resent, self._resend = self._resend, [record for record in self.deaths if worth_resending(record, rng)]
        self.deaths = corrected(resent, rng) + self.deaths


def _death(person: Record, day: Day, rng: Random) -> Record:
    died = day.before(rng, 2, 20)
    values = {
        "citizen_id": person.values["citizen_id"],
        "death_date": died,
        "cancellation_date": died + timedelta(days=rng.randrange((day.today - died).days + 1)),
    }
    return Record(values, style(rng), "faulty", day.index)


def person_name(rng: Random, ethnicity: str = "汉族") -> str:
    """A synthetic name; dotted for one of the ethnicities, a rare character or a compound surname now and then."""
    if ethnicity == words.DOTTED_ETHNICITY:
        return rng.choice(words.DOTTED_NAMES)
    surname = rng.choice(words.COMPOUND_SURNAMES) if rng.random() < 0.01 else rng.choice(words.SURNAMES)
    if rng.random() < 0.004:
        return surname + rng.choice(words.RARE_NAMES)
    return surname + "".join(rng.choice(words.GIVEN) for _ in range(rng.choice((1, 2, 2))))


def _home(rng: Random) -> tuple[str, str | None]:
    """An address and its household number; one in thirty households has none on file."""
    code, street = rng.choice(words.STREETS)
    road, house = rng.choice(words.ROADS), rng.randrange(1, 400)
    building, room = rng.randrange(1, 30), rng.randrange(1, 7) * 100 + rng.randrange(1, 5)
    number = None if rng.random() < 0.033 else f"{code}{rng.randrange(1_000_000):06d}"
    return f"浙江省宁波市海曙区{street}{road}{house}号{building}幢{room}室", number


def street_address(rng: Random) -> str:
    """Where a business sits."""
    street, road = rng.choice(words.STREETS)[1], rng.choice(words.ROADS)
    return f"浙江省宁波市海曙区{street}{road}{rng.randrange(1, 400)}号"

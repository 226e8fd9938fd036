"""What happens to people: temporary residence, marriage, birth and death as hospitals certify it, visits by the grid workers."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from districtlake.demo import vocabulary as words
from districtlake.demo.benefits import MedicalInstitutions
from districtlake.demo.identifiers import Registry
from districtlake.demo.layouts import BIRTH_CERTIFICATES, DEATH_CERTIFICATES, GRID_VISITS, MARRIAGES, TEMPORARY_RESIDENTS
from districtlake.demo.ledger import Increment, some
from districtlake.demo.places import StandardAddresses
from districtlake.demo.residents import Residents, person_name
from districtlake.demo.schedule import Day, style
from districtlake.demo.tables import Record


class TemporaryResidents(Increment):
    """People who live here and are registered elsewhere: none of them is in the population register."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(TEMPORARY_RESIDENTS, registry)

    def live(self, day: Day, addresses: StandardAddresses) -> None:
        rng = day.chance("temporary_residents")
        places = [place for place in addresses.known() if place.since < day.index or day.index == 1]
        count = day.count(0.1, 26) if day.index == 1 else day.count(0.003, 8)
        self.deliver(day, [self._registered(rng.choice(places), day, rng) for _ in range(count)], each=day.count(0.0003, 1), later=4)

    def _registered(self, place: Record, day: Day, rng: Random) -> Record:
        start = day.before(rng, 1, 300) if day.index == 1 else day.before(rng, 0, 3)
        birth = day.before(rng, 18 * 365, 60 * 365)
        values = {
            "registration_no": f"LD330203{day.today.year % 100:02d}{self.number():08d}",
            "citizen_id": self.registry.citizen(rng, rng.choice(words.OTHER_REGIONS), birth, rng.random() < 0.53),
            "name": person_name(rng),
            "address": f"{place.values['full_name']}{rng.randrange(1, 30)}幢{rng.randrange(1, 7)}0{rng.randrange(1, 5)}室",
            "address_code": None if rng.random() < 0.05 else place.values["address_code"],
            "registered_date": start,
            "expiry_date": start + timedelta(days=rng.choice((180, 365))),
        }
        return Record(values, style(rng), "faulty", day.index)


class Marriages(Increment):
    def __init__(self, registry: Registry) -> None:
        super().__init__(MARRIAGES, registry)
        self._couples: list[Record] = []
        self._married: set[str] = set()

    def live(self, day: Day, residents: Residents) -> None:
        rng = day.chance("marriages")
        free = [person for person in residents.known(day, 25, 70) if person.values["citizen_id"] not in self._married]
        count = day.count(0.01, 24) if day.index == 1 else day.count(0.0008, 6)
        men = some(rng, [person for person in free if person.values["sex"] == "男"], count)
        women = some(rng, [person for person in free if person.values["sex"] == "女"], count)
        new = [self._registered(man.values, woman.values, "结婚", day, rng) for man, woman in zip(men, women, strict=False)]
        parted = some(rng, self._couples, day.count(0.0003, 1)) if day.index > 1 else []
        gone = {id(couple) for couple in parted}
        self._couples = [couple for couple in self._couples if id(couple) not in gone]
        self.deliver(day, new, later=4)
        self._couples += [couple for couple in new if couple.fault is None]
        self.today += [self._divorced(couple, day, rng) for couple in parted]

    def _registered(self, man: dict[str, str], woman: dict[str, str], kind: str, day: Day, rng: Random) -> Record:
        self._married |= {man["citizen_id"], woman["citizen_id"]}
        on = day.before(rng, 3, 60) if day.index == 1 else day.before(rng, 0, 2)
        values = {
            "certificate_no": self._certificate("J", on),
            "citizen_id_a": man["citizen_id"],
            "name_a": man["name"],
            "citizen_id_b": woman["citizen_id"],
            "name_b": woman["name"],
            "registered_date": on,
            "kind": kind,
        }
        return Record(values, style(rng), "faulty", day.index)

    def _divorced(self, couple: Record, day: Day, rng: Random) -> Record:
        values = {**couple.values, "certificate_no": self._certificate("L", day.today), "registered_date": day.today, "kind": "离婚"}
        return Record(values, style(rng), "faulty", day.index)

    def _certificate(self, letter: str, on: date) -> str:
        return f"{letter}330203-{on.year}-{self.number():06d}"


class BirthCertificates(Increment):
    def __init__(self, registry: Registry) -> None:
        super().__init__(BIRTH_CERTIFICATES, registry)

    def live(self, day: Day, residents: Residents, institutions: MedicalInstitutions) -> None:
        rng = day.chance("births")
        women = [person for person in residents.known(day, 22, 44) if person.values["sex"] == "女"]
        hospitals = institutions.known()
        count = day.count(0.001, 16) if day.index == 1 else day.count(0.0003, 5)
        new = [self._born(mother, rng.choice(hospitals), day, rng) for mother in some(rng, women, count)]
        self.deliver(day, new, later=3)

    def _born(self, mother: Record, hospital: Record, day: Day, rng: Random) -> Record:
        values = {
            "certificate_no": f"{rng.choice('TUV')}{day.today.year % 100:02d}{self.number():07d}",
            "mother_citizen_id": mother.values["citizen_id"],
            "newborn_name": None if rng.random() < 0.1 else person_name(rng),
            "newborn_sex": "男" if rng.random() < 0.51 else "女",
            "birth_date": day.before(rng, 1, 40 if day.index == 1 else 4),
            "hospital_uscc": hospital.values["uscc"],
        }
        return Record(values, style(rng), "faulty", day.index)


class DeathCertificates(Increment):
    """Deaths as hospitals certify them: nine of ten that the police cancel, and on day 1 a few that the police have overlooked."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(DEATH_CERTIFICATES, registry)

    def live(self, day: Day, residents: Residents) -> None:
        rng = day.chance("death_certificates")
        new = [
            self._certified(death.values["citizen_id"], death.values["death_date"], day, rng)
            for death in residents.deaths_today
            if rng.random() < 0.9
        ]
        self.deliver(day, new)
        if day.index == 1:
            overlooked = some(rng, residents.known(day, 70), 3)
            self.today += [self._certified(person.values["citizen_id"], day.before(rng, 40, 70), day, rng) for person in overlooked]

    def _certified(self, citizen: str, on: date, day: Day, rng: Random) -> Record:
        values = {"certificate_no": f"SW330203{on.year}{self.number():06d}", "citizen_id": citizen, "death_date": on}
        return Record(values, style(rng), "faulty", day.index)


class GridVisits(Increment):
    """The grid workers write the name down beside the number: what Article 12 says need not be collected again."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(GRID_VISITS, registry)

    def live(self, day: Day, residents: Residents) -> None:
        rng = day.chance("grid_visits")
        visited = some(rng, residents.known(day, 18), day.count(0.01, 22))
        self.deliver(day, [self._visit(person, day, rng) for person in visited])

    def _visit(self, person: Record, day: Day, rng: Random) -> Record:
        values = {
            "visit_no": f"ZF{day.today.year}{self.number():08d}",
            "grid_no": f"{rng.choice(words.STREETS)[0]}{rng.randrange(1, 60):03d}",
            "citizen_id": person.values["citizen_id"],
            "name": person.values["name"],
            "visit_date": day.today if day.index > 1 else day.before(rng, 0, 6),
            "matter": rng.choice(words.MATTERS),
        }
        return Record(values, style(rng), "faulty", day.index)

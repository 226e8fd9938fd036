"""Schools and their pupils, social and rural organisations, and the penalties of two enforcing agencies."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random

from districtlake.demo import vocabulary as words
from districtlake.demo.economy import Businesses
from districtlake.demo.identifiers import Registry
from districtlake.demo.layouts import COLLECTIVE_ECONOMIES, PENALTIES, PENALTY_CASES, SCHOOLS, SOCIAL_ORGANISATIONS, STUDENTS
from districtlake.demo.ledger import Increment, Snapshot, some
from districtlake.demo.places import StandardAddresses
from districtlake.demo.residents import Residents, person_name
from districtlake.demo.schedule import Day, style
from districtlake.demo.tables import Record

_TAUGHT = {"小学": range(1, 7), "初中": range(7, 10), "普通高中": range(10, 13), "九年一贯制": range(1, 10), "完全中学": range(7, 13)}


class Schools(Snapshot):
    def __init__(self, registry: Registry) -> None:
        super().__init__(SCHOOLS, registry)

    def known(self) -> list[Record]:
        """Schools that others may refer to: delivered on day 1 and clean for good."""
        return [record for record in self.present if record.role == "stable"]

    def live(self, day: Day) -> None:
        rng = day.chance("schools")
        stages = [stage for stage, _ in words.STAGES]
        new = []
        for place in range(day.count(0.0012, 16) if day.index == 1 else 1):
            stage = stages[place] if day.index == 1 and place < len(stages) else rng.choice(stages)
            stable = day.index == 1 and (place < len(stages) or rng.random() < 0.4)
            new.append(self._founded(stage, day, rng, stable))
        self.deliver(day, new, later=1)

    def _founded(self, stage: str, day: Day, rng: Random, stable: bool) -> Record:
        number, (_, street) = self.number(), rng.choice(words.STREETS)
        values = {
            "uscc": self.registry.credit(rng, "12", "330203", "4195"),
            "name": f"宁波市海曙区{rng.choice(words.PLACE_NAMES)}第{number}{words.STAGE_NAMES[stage]}",
            "stage": stage,
            "address": f"浙江省宁波市海曙区{street}{rng.choice(words.ROADS)}{rng.randrange(1, 400)}号",
            "classes": rng.choice((1, 12, 18, 24, 30, 36, 48, 120)),
        }
        return Record(values, style(rng), "stable" if stable else "faulty", day.index)


class Students(Snapshot):
    """Pupils of six to seventeen. A few sit in a grade far from their age: leads for comparison."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(STUDENTS, registry)
        self._enrolled: set[str] = set()

    def live(self, day: Day, residents: Residents, schools: Schools) -> None:
        rng = day.chance("students")
        year = day.today.year
        teaching = {grade: [school for school in schools.known() if grade in _TAUGHT[school.values["stage"]]] for grade in range(1, 13)}
        children = [person for person in residents.known(day, 7, 18) if person.values["citizen_id"] not in self._enrolled]
        new = []
        odd = 3 if day.index == 1 else 0
        count = min(day.count(0.1, 40), len(children) * 2 // 3) if day.index == 1 else day.count(0.001, 4)
        for place, person in enumerate(some(rng, children, count)):
            grade = year - person.values["birth_date"].year - 6
            record = self._pupil(person, (grade + 5) % 12 + 1 if place < odd else grade, teaching, day, rng)
            record.role = "stable" if place < odd else "faulty"
            new.append(record)
        self.deliver(day, new, gone=1)

    def _pupil(self, person: Record, grade: int, teaching: dict[int, list[Record]], day: Day, rng: Random) -> Record:
        self._enrolled.add(person.values["citizen_id"])
        values = {
            "student_no": f"G{person.values['citizen_id']}",
            "citizen_id": person.values["citizen_id"],
            "name": person.values["name"],
            "school_uscc": rng.choice(teaching[grade]).values["uscc"],
            "grade": words.GRADES[grade - 1][0],
            "guardian_name": person_name(rng),
        }
        return Record(values, style(rng), "faulty", day.index)


class SocialOrganisations(Snapshot):
    def __init__(self, registry: Registry) -> None:
        super().__init__(SOCIAL_ORGANISATIONS, registry)

    def live(self, day: Day) -> None:
        rng = day.chance("social_organisations")
        if day.index > 1:
            for record in some(rng, [record for record in self.present if record.fault is None], 1):
                record.change(style(rng), status="注销")
        new = [self._registered(day, rng) for _ in range(day.count(0.004, 18) if day.index == 1 else 2)]
        self.deliver(day, new, gone=1)

    def _registered(self, day: Day, rng: Random) -> Record:
        body = rng.choice(words.ORGANISATIONS)
        kind = "基金会" if body.endswith("基金会") else "社会团体" if body.endswith("协会") else "民办非企业单位"
        authority = {"社会团体": "51", "民办非企业单位": "52", "基金会": "53"}[kind]
        values = {
            "uscc": self.registry.credit(rng, authority, "330203", "MJ"),
            "name": f"宁波市海曙区{rng.choice(words.PLACE_NAMES)}{rng.choice(words.BRANDS)}{body}",
            "kind": kind,
            "head_name": person_name(rng),
            "status": "正常" if rng.random() < 0.93 else "撤销",
        }
        return Record(values, style(rng), "faulty", day.index)


class CollectiveEconomies(Snapshot):
    def __init__(self, registry: Registry) -> None:
        super().__init__(COLLECTIVE_ECONOMIES, registry)

    def live(self, day: Day) -> None:
        rng = day.chance("collective_economies")
        self.deliver(day, [self._registered(day, rng) for _ in range(day.count(0.0005, 16) if day.index == 1 else 1)])

    def _registered(self, day: Day, rng: Random) -> Record:
        number, town = self.number(), rng.choice([street for code, street in words.STREETS if code >= "330203100"])
        village = f"{words.VILLAGES[number % len(words.VILLAGES)]}村"
        values = {
            "uscc": self.registry.credit(rng, "N2", "330203", "MF"),
            "name": f"宁波市海曙区{town}{village}{number}组股份经济合作社",
            "village": village,
            "legal_representative": person_name(rng),
        }
        return Record(values, style(rng), "faulty", day.index)


class Penalties(Increment):
    """Of the market regulation bureau."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(PENALTIES, registry)

    def live(self, day: Day, residents: Residents, businesses: Businesses) -> None:
        rng = day.chance("penalties")
        parties = _parties(rng, day.count(0.01, 24) if day.index == 1 else day.count(0.0008, 7), day, residents, businesses)
        self.deliver(day, [self._decided(party, day, rng) for party in parties])

    def _decided(self, party: dict[str, str | None], day: Day, rng: Random) -> Record:
        on = day.before(rng, 1, 300) if day.index == 1 else day.before(rng, 0, 3)
        values = {
            "document_no": f"甬海市监罚〔{on.year}〕{self.number()}号",
            **party,
            "cause": rng.choice(words.MARKET_CAUSES),
            "amount_yuan": Decimal(rng.choice((0, 500, 1000, 3000, 10_000, 50_000))),
            "penalty_date": on,
            "publicity_end": on + timedelta(days=rng.choice((0, 365, 3 * 365))) if rng.random() < 0.9 else None,
        }
        return Record(values, style(rng), "faulty", day.index)


class PenaltyCases(Increment):
    """Of the urban management bureau, with the place."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(PENALTY_CASES, registry)

    def live(self, day: Day, residents: Residents, businesses: Businesses, addresses: StandardAddresses) -> None:
        rng = day.chance("penalty_cases")
        parties = _parties(rng, day.count(0.01, 26) if day.index == 1 else day.count(0.001, 7), day, residents, businesses)
        places = addresses.known()
        self.deliver(day, [self._decided(party, rng.choice(places), day, rng) for party in parties])

    def _decided(self, party: dict[str, str | None], place: Record, day: Day, rng: Random) -> Record:
        on = day.before(rng, 1, 300) if day.index == 1 else day.before(rng, 0, 3)
        values = {
            "case_no": f"海综执罚〔{on.year}〕{self.number()}号",
            **party,
            "cause": rng.choice(words.STREET_CAUSES),
            "amount_yuan": Decimal(rng.choice((50, 200, 500, 2000, 20_000))),
            "decided_date": on,
            "longitude": place.values["longitude"] + Decimal(rng.randrange(-400, 400)).scaleb(-6),
            "latitude": place.values["latitude"] + Decimal(rng.randrange(-400, 400)).scaleb(-6),
        }
        return Record(values, style(rng), "faulty", day.index)


def _parties(rng: Random, count: int, day: Day, residents: Residents, businesses: Businesses) -> list[dict[str, str | None]]:
    """Two of three are businesses."""
    firms = some(rng, businesses.employers(day), count * 2 // 3)
    persons = some(rng, residents.known(day, 18), count - count * 2 // 3)
    parties: list[dict[str, str | None]] = [{"party_uscc": firm.values["uscc"], "party_citizen_id": None} for firm in firms]
    parties += [{"party_uscc": None, "party_citizen_id": person.values["citizen_id"]} for person in persons]
    rng.shuffle(parties)
    return parties

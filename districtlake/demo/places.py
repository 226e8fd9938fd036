"""Addresses, what stands on them, and who owns, rents or builds it: planning, housing and outdoor advertising."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from districtlake.demo import vocabulary as words
from districtlake.demo.economy import Businesses
from districtlake.demo.identifiers import Registry
from districtlake.demo.layouts import CONSTRUCTION_PERMITS, OUTDOOR_ADVERTISING, PUBLIC_RENTAL_LEASES, REAL_ESTATE, STANDARD_ADDRESSES
from districtlake.demo.ledger import Increment, Snapshot, corrected, role, some
from districtlake.demo.residents import Residents
from districtlake.demo.schedule import Day, style
from districtlake.demo.tables import Record
from districtlake.demo.welfare import LowIncome


class StandardAddresses(Snapshot):
    def __init__(self, registry: Registry) -> None:
        super().__init__(STANDARD_ADDRESSES, registry)

    def known(self) -> list[Record]:
        """Addresses that others may refer to: clean for good."""
        return [record for record in self.present if record.role == "stable"]

    def live(self, day: Day) -> None:
        rng = day.chance("addresses")
        new = [self._surveyed(day, rng) for _ in range(day.count(0.08, 40) if day.index == 1 else day.count(0.001, 4))]
        self.deliver(day, new, gone=1)

    def _surveyed(self, day: Day, rng: Random) -> Record:
        place = rng.randrange(len(words.STREETS))
        code, street = words.STREETS[place]
        longitude, latitude = _around(rng, place)
        values = {
            "address_code": f"{code}{self.number():06d}",
            "full_name": f"浙江省宁波市海曙区{street}{rng.choice(words.ROADS)}{rng.randrange(1, 400)}号",
            "street_code": code,
            "longitude": longitude,
            "latitude": latitude,
        }
        return Record(values, style(rng), role(rng, 0, 0.4), day.index)


def _around(rng: Random, place: int) -> tuple[Decimal, Decimal]:
    """A point near the middle of a street: towns lie in the west, streets in the east."""
    east, north = 121_530_000 - place * 19_000, 29_870_000 - (place * 7 % 17) * 8_000
    return Decimal(east + rng.randrange(-9000, 9000)).scaleb(-6), Decimal(north + rng.randrange(-9000, 9000)).scaleb(-6)


class RealEstate(Increment):
    """``corrections`` holds the rows that the correction file of its days mends; nothing is sent again with the increments."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(REAL_ESTATE, registry)
        self.corrections: list[Record] = []
        self.owners: set[str] = set()
        self._wrong: list[Record] = []

    def live(self, day: Day, residents: Residents, businesses: Businesses, low_income: LowIncome) -> None:
        rng = day.chance("real_estate")
        adults = [person for person in residents.known(day, 22) if person.values["citizen_id"] not in self.owners]
        new = [self._home(person, day, rng) for person in some(rng, adults, day.count(0.25, 30) if day.index == 1 else day.count(0.002, 6))]
        firms = some(rng, businesses.employers(day), day.count(0.01, 8) if day.index == 1 else 1)
        new += [self._registered(day, rng, None, firm.values["uscc"], firm.values["address"]) for firm in firms]
        twice: list[Record] = []
        if day.index in (1, 3):  # an allowance and two dwellings: a lead, not a fault
            poor = [record for record in low_income.present if record.fault is None and record.values["status"] == "在保"]
            twice = self._two_each(some(rng, poor, 2), day, rng)
        self.owners |= {record.values["holder_citizen_id"] for record in new + twice if record.values["holder_citizen_id"] is not None}
        self.deliver(day, new, later=4, resends=False)
        self.today += twice
        self.corrections = []
        if day.population_correction:
            self.corrections, self._wrong = corrected(self._wrong[: max(1, len(self._wrong) // 2)], rng), []
        self._wrong += [record for record in new if record.fault is not None and record.fault.fate == "quarantine"]

    def _two_each(self, people: list[Record], day: Day, rng: Random) -> list[Record]:
        return [
            self._registered(day, rng, person.values["citizen_id"], None, f"浙江省宁波市海曙区{rng.choice(words.STREETS)[1]}{number}号")
            for person in people
            for number in rng.sample(range(1, 400), 2)
        ]

    def _home(self, person: Record, day: Day, rng: Random) -> Record:
        return self._registered(day, rng, person.values["citizen_id"], None, person.values["address"])

    def _registered(self, day: Day, rng: Random, citizen: str | None, uscc: str | None, address: str) -> Record:
        number = self.number()
        values = {
            "unit_no": f"330203{rng.randrange(1, 18):03d}{rng.randrange(1, 60):03d}GB{number % 99_999 + 1:05d}F{number:08d}",
            "holder_citizen_id": citizen,
            "holder_uscc": uscc,
            "address": address,
            "area_m2": Decimal(rng.randrange(3800, 18_000 if citizen else 900_000)) / 100,
            "registered_date": day.before(rng, 5, 20 * 365) if day.index == 1 else day.before(rng, 0, 3),
        }
        return Record(values, style(rng), "faulty", day.index)


class Leases(Snapshot):
    """Public rental housing. Some of the tenants own a dwelling: leads for comparison."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(PUBLIC_RENTAL_LEASES, registry)
        self._tenants: set[str] = set()

    def live(self, day: Day, residents: Residents, real_estate: RealEstate) -> None:
        rng = day.chance("leases")
        adults = [person for person in residents.known(day, 20) if person.values["citizen_id"] not in self._tenants]
        without = [person for person in adults if person.values["citizen_id"] not in real_estate.owners]
        owning = [person for person in adults if person.values["citizen_id"] in real_estate.owners]
        tenants = some(rng, without, day.count(0.015, 26) if day.index == 1 else day.count(0.0005, 4)) + some(rng, owning, 2)
        new = [self._let(person, day, rng) for person in tenants]
        self.deliver(day, new, gone=1)

    def _let(self, person: Record, day: Day, rng: Random) -> Record:
        self._tenants.add(person.values["citizen_id"])
        start = day.before(rng, 20, 600) if day.index == 1 else day.before(rng, 0, 5)
        street = rng.choice(words.STREETS)[1]
        values = {
            "citizen_id": person.values["citizen_id"],
            "unit_no": f"BZF{self.number():06d}",
            "address": f"浙江省宁波市海曙区{street}安居苑{rng.randrange(1, 30)}幢{rng.randrange(1, 7)}0{rng.randrange(1, 5)}室",
            "area_m2": Decimal(rng.randrange(3000, 6000)) / 100 if rng.random() > 0.05 else Decimal(rng.choice((10, 150))),
            "lease_start": start,
            "lease_end": start + timedelta(days=3 * 365),
        }
        return Record(values, style(rng), "faulty", day.index)


class ConstructionPermits(Increment):
    def __init__(self, registry: Registry) -> None:
        super().__init__(CONSTRUCTION_PERMITS, registry)

    def live(self, day: Day, businesses: Businesses) -> None:
        rng = day.chance("construction")
        developers = some(rng, businesses.employers(day), day.count(0.003, 16) if day.index == 1 else day.count(0.0005, 6))
        self.deliver(day, [self._permitted(firm, day, rng) for firm in developers])

    def _permitted(self, firm: Record, day: Day, rng: Random) -> Record:
        issued: date = day.before(rng, 0, 200 if day.index == 1 else 4)
        values = {
            "permit_no": self._permit_number(issued),
            "developer_uscc": firm.values["uscc"],
            "project": f"{rng.choice(words.STREETS)[1]}{rng.choice(words.PLACE_NAMES)}{rng.choice(words.PROJECTS)}",
            "cost_wan": Decimal(rng.choice((1, 250, 1_000_000))) if rng.random() < 0.1 else Decimal(rng.randrange(5000, 9_000_000)) / 100,
            "issued_date": issued,
        }
        return Record(values, style(rng), "faulty", day.index)

    def _permit_number(self, issued: date) -> str:
        while not self.registry.claim(number := f"330203{issued:%Y%m%d}{self.number() % 10_000:04d}"):
            pass
        return number


class OutdoorAdvertising(Snapshot):
    def __init__(self, registry: Registry) -> None:
        super().__init__(OUTDOOR_ADVERTISING, registry)

    def live(self, day: Day, businesses: Businesses, addresses: StandardAddresses) -> None:
        rng = day.chance("advertising")
        firms = [firm for firm in businesses.employers(day) if firm.values["status"] == "存续"]
        places = addresses.known()
        new = [
            self._permitted(firm, rng.choice(places).values["full_name"], day, rng)
            for firm in some(rng, firms, day.count(0.01, 22) if day.index == 1 else day.count(0.0003, 4))
        ]
        self.deliver(day, new, gone=1)

    def _permitted(self, firm: Record, place: str, day: Day, rng: Random) -> Record:
        start = day.before(rng, 0, 300 if day.index == 1 else 4)
        values = {
            "permit_no": f"HSGG{day.today.year}{self.number():06d}",
            "uscc": firm.values["uscc"],
            "place": place,
            "valid_from": start,
            "valid_to": start + timedelta(days=365 * rng.choice((1, 2, 3))),
        }
        return Record(values, style(rng), "faulty", day.index)

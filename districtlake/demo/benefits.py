"""Hospitals and what insurance and pensions pay: medical institutions, designated institutions, insured residents, pensions."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random

from districtlake.demo import vocabulary as words
from districtlake.demo.economy import Businesses
from districtlake.demo.identifiers import Registry
from districtlake.demo.layouts import DESIGNATED_INSTITUTIONS, INSURED_RESIDENTS, MEDICAL_INSTITUTIONS, PENSION_PAYMENTS
from districtlake.demo.ledger import Increment, Snapshot, corrected, some
from districtlake.demo.residents import Residents
from districtlake.demo.schedule import Day, style
from districtlake.demo.tables import Record


class MedicalInstitutions(Snapshot):
    def __init__(self, registry: Registry) -> None:
        super().__init__(MEDICAL_INSTITUTIONS, registry)

    def known(self) -> list[Record]:
        """Institutions that others may refer to: delivered on day 1 and clean for good."""
        return [record for record in self.present if record.role == "stable"]

    def live(self, day: Day, businesses: Businesses) -> None:
        rng = day.chance("medical_institutions")
        firms = [firm for firm in businesses.employers(day) if firm.values["status"] == "存续"]
        private = some(rng, firms, day.count(0.0005, 6)) if day.index == 1 else []
        new = [self._licensed(firm.values["uscc"], day, rng) for firm in private]
        for _ in range(day.count(0.001, 14) if day.index == 1 else 2):
            new.append(self._licensed(self.registry.credit(rng, rng.choice(("12", "52")), "330203", rng.choice(("4195", "MJ"))), day, rng))
        if day.index == 1:
            for record in new[::2]:
                record.role = "stable"
        self.deliver(day, new)

    def _licensed(self, uscc: str, day: Day, rng: Random) -> Record:
        number, start = self.number(), day.before(rng, 10, 900)
        kind = rng.choice(words.CLINICS)
        values = {
            "registration_no": f"PDY{330203_000_000 + number:012d}",
            "uscc": uscc,
            "name": f"宁波市海曙{rng.choice(words.PLACE_NAMES)}{''.join(rng.sample(words.BRANDS, 2))}{kind}",
            "level": rng.choice(("二级", "三级")) if kind.endswith("医院") else rng.choice(("一级", "未定级")),
            "valid_from": start,
            "valid_to": start + timedelta(days=5 * 365),
        }
        return Record(values, style(rng), "faulty", day.index)


class DesignatedInstitutions(Snapshot):
    def __init__(self, registry: Registry) -> None:
        super().__init__(DESIGNATED_INSTITUTIONS, registry)

    def live(self, day: Day, institutions: MedicalInstitutions, businesses: Businesses) -> None:
        rng = day.chance("designated_institutions")
        new = [self._designated(record, "定点医疗机构", day, rng) for record in institutions.known()] if day.index == 1 else []
        if day.index > 1:
            new += [self._designated(record, "定点医疗机构", day, rng) for record in some(rng, institutions.known(), 2)]
        firms = [firm for firm in businesses.employers(day) if firm.values["status"] == "存续"]
        new += [
            self._designated(firm, "定点零售药店", day, rng) for firm in some(rng, firms, day.count(0.001, 12) if day.index == 1 else 3)
        ]
        self.deliver(day, new)

    def _designated(self, holder: Record, kind: str, day: Day, rng: Random) -> Record:
        values = {
            "institution_code": f"{'H' if kind == '定点医疗机构' else 'P'}330203{self.number():05d}",
            "uscc": holder.values["uscc"],
            "name": holder.values["name"] + ("" if kind == "定点医疗机构" else "药房"),
            "kind": kind,
        }
        return Record(values, style(rng), "faulty", day.index)


class InsuredResidents(Snapshot):
    """``corrections`` holds rows only on a day of correction, between two snapshots."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(INSURED_RESIDENTS, registry)
        self.corrections: list[Record] = []
        self._insured: dict[str, Record] = {}
        self._mending: list[Record] = []
        self._dead: list[str] = []

    def live(self, day: Day, residents: Residents) -> None:
        rng = day.chance("insured_residents")
        self._dead += [person.values["citizen_id"] for person in residents.lately_dead]
        self.corrections = []
        if day.insured_correction:
            wrong = [record for record in self.present if record.fault is not None and record.fault.fate == "quarantine"]
            self._mending = some(rng, wrong, max(1, len(wrong) // 2))
            self.corrections = corrected(self._mending, rng)
        if not day.comes(3, 2):
            return
        for record in self._mending:
            record.heal(style(rng))
        self._mending = []
        for citizen in self._dead:
            insured = self._insured.get(citizen)
            if insured is not None and insured.fault is None:
                insured.change(style(rng), status="终止参保", end_date=day.today)
        self._dead = []
        people = [person for person in residents.known(day) if person.values["citizen_id"] not in self._insured]
        count = day.count(0.4, 60) if day.index == 1 else day.count(0.003, 8)
        new = [self._joined(person, day, rng) for person in some(rng, people, count)]
        self.deliver(day, new, gone=1, each=day.count(0.0002, 1), later=3)

    def _joined(self, person: Record, day: Day, rng: Random) -> Record:
        age = day.today.year - person.values["birth_date"].year
        start = max(person.values["birth_date"], day.before(rng, 20, 12 * 365) if day.index == 1 else day.before(rng, 0, 3))
        ended = day.index == 1 and rng.random() < 0.12
        values = {
            "citizen_id": person.values["citizen_id"],
            "insurance_type": "职工基本医疗保险" if 22 < age < 60 and rng.random() < 0.7 else "城乡居民基本医疗保险",
            "start_date": start,
            "end_date": start + timedelta(days=rng.randrange((day.today - start).days + 1)) if ended else None,
            "status": "终止参保" if ended else "参保缴费",
        }
        record = Record(values, style(rng), "faulty", day.index)
        self._insured[values["citizen_id"]] = record
        return record


class Pensions(Increment):
    """A month is paid once, on the first delivery day in it; later deliveries of the month pay newcomers only.

    Who has died is no longer paid, but for a few: leads for comparison.
    """

    def __init__(self, registry: Registry) -> None:
        super().__init__(PENSION_PAYMENTS, registry)
        self._pensioners: dict[str, Decimal] = {}
        self._dead: dict[str, str] = {}  # citizen -> month of death, not yet known to the payer
        self._paid = ""
        self._forgotten: list[str] = []

    def live(self, day: Day, residents: Residents) -> None:
        rng = day.chance("pensions")
        month = f"{day.today:%Y%m}"
        if day.index == 1:
            before = [person for person in residents.lately_dead if day.today.year - person.values["birth_date"].year >= 60]
            for person in before:
                self._pensioners[person.values["citizen_id"]] = _pension(rng)
        for person, death in zip(residents.lately_dead, residents.deaths_today, strict=True):
            if person.values["citizen_id"] in self._pensioners:
                self._dead[person.values["citizen_id"]] = f"{death.values['death_date']:%Y%m}"
                if death.fault is None and len(self._forgotten) < 3:
                    self._forgotten.append(person.values["citizen_id"])
        if not day.comes(3, 1):
            return
        old = [person for person in residents.known(day, 60) if person.values["citizen_id"] not in self._pensioners]
        joined = [person.values["citizen_id"] for person in some(rng, old, day.count(0.12, 40) if day.index == 1 else day.count(0.001, 8))]
        for citizen in joined:
            self._pensioners[citizen] = _pension(rng)
        paid = joined
        if month != self._paid:
            for citizen, died in list(self._dead.items()):
                if died < month and citizen not in self._forgotten:
                    del self._pensioners[citizen], self._dead[citizen]
            paid, self._paid = list(self._pensioners), month
        wrong_ones = set(self._forgotten)
        new = [self._payment(citizen, month, day, rng) for citizen in paid]
        seeds = [record for record in new if record.values["citizen_id"] not in wrong_ones]
        self.deliver(day, seeds, each=day.count(0.0001, 1))
        self.today += [record for record in new if record.values["citizen_id"] in wrong_ones]

    def _payment(self, citizen: str, month: str, day: Day, rng: Random) -> Record:
        values = {"citizen_id": citizen, "pay_month": month, "amount_yuan": self._pensioners[citizen], "status": "正常发放"}
        return Record(values, style(rng), "faulty", day.index)


def _pension(rng: Random) -> Decimal:
    return Decimal(rng.randrange(120_000, 780_000)) / 100

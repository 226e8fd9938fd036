"""Businesses, their food licences, and the persons they insure."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from districtlake.demo import vocabulary as words
from districtlake.demo.identifiers import Registry
from districtlake.demo.ledger import choice_of_kinds, corrected, heal, role, seed_faults, some
from districtlake.demo.residents import Residents, person_name, street_address
from districtlake.demo.schedule import Day, style
from districtlake.demo.tables import BUSINESS_ENTITIES, FOOD_LICENCES, INSURED_PERSONS, Record, Role

# entity type -> (authority and kind of the code, beginning of the organisation part, weight)
_TYPES = {
    "有限责任公司": ("91", "MA", 55),
    "个体工商户": ("92", "MA", 35),
    "股份有限公司": ("91", "", 5),
    "农民专业合作社": ("93", "MA", 5),
}
_SUFFIXES = {"有限责任公司": "有限公司", "个体工商户": "店", "股份有限公司": "股份有限公司", "农民专业合作社": "专业合作社"}
# Hard but valid codes, in every district: agriculture (N), letters throughout, digits only.
_NOTABLE = (("N2", "MF123456", "农民专业合作社"), ("91", "MA2AFAAA", "有限责任公司"), ("92", "41953000", "个体工商户"))


class Businesses:
    """Market regulation's two registers: entities (snapshot) and food licences (incremental)."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.present: list[Record] = []
        self.licences: list[Record] = []  # today's file
        self._licensed: list[Record] = []  # every licence ever issued that is right
        self._resend: list[Record] = []

    def employers(self, day: Day) -> list[Record]:
        """Entities that others may refer to on this day: clean for good, and delivered before (on day 1: with) the reference."""
        return [entity for entity in self.present if entity.role == "stable" and (entity.since < day.index or day.index == 1)]

    def live(self, day: Day) -> None:
        rng = day.chance("businesses")
        if day.index == 1:
            for authority, first8, kind in _NOTABLE:
                self._found(rng, day, "stable", authority, first8, kind)
            for _ in range(day.count(0.2, 60) - len(_NOTABLE)):
                self._found(rng, day, role(rng, 0, 0.3))
        else:
            heal(self.present, rng, 0.1)
            clean = [entity for entity in self.present if entity.fault is None]
            for entity in some(rng, clean, day.count(0.0005, 2)):
                entity.change(style(rng), address=street_address(rng))
            for entity in some(rng, clean, day.count(0.0005, 2)):
                entity.change(style(rng), status=rng.choice(("注销", "吊销")))
            for _ in range(day.count(0.0008, 2)):
                self._found(rng, day, role(rng, 0, 0.3))
        faulty = [entity for entity in self.present if entity.role == "faulty"]
        choose = choice_of_kinds(BUSINESS_ENTITIES, day, rng, each=day.count(0.0001, 1), later=2)
        seed_faults(BUSINESS_ENTITIES, day, faulty, self.registry, choose)
        self._license(day, day.chance("licences"))

    def _found(self, rng: Random, day: Day, role: Role, authority: str = "", first8: str = "", kind: str = "") -> None:
        if not kind:
            kind = rng.choices(list(_TYPES), [weight for _, _, weight in _TYPES.values()])[0]
            authority, first8, _ = _TYPES[kind]
        region = "330203" if rng.random() < 0.85 else rng.choice(("330200", "330212", "330205", "330204"))
        trade = rng.choice(words.TRADES)
        brand = "".join(rng.choice(words.BRANDS) for _ in range(rng.choice((2, 2, 3))))
        capital = None if kind == "个体工商户" and rng.random() < 0.5 else Decimal(rng.choice((0, 3, 10, 50, 100, 500, 1000, 5000, 12000)))
        if capital and rng.random() < 0.1:
            capital += Decimal("0.25")
        values = {
            "uscc": self.registry.credit(rng, authority, region, first8),
            "name": f"宁波市海曙{brand}{trade}{_SUFFIXES[kind]}",
            "entity_type": kind,
            "legal_representative": person_name(rng),
            "registered_capital": capital,
            "established_date": day.before(rng, 1, 15) if day.index > 1 else day.before(rng, 30, 38 * 365),
            "industry": rng.choice(words.FOOD_INDUSTRIES if trade in ("餐饮", "食品") else words.OTHER_INDUSTRIES),
            "address": street_address(rng),
            "status": "存续" if day.index > 1 or rng.random() < 0.9 else rng.choice(("注销", "吊销")),
        }
        self.present.append(Record(values, style(rng), role, day.index))

    def _license(self, day: Day, rng: Random) -> None:
        holders = [entity for entity in self.employers(day) if entity.values["status"] == "存续"]
        if day.index == 1:
            holders = [entity for entity in holders if entity.values["industry"] in words.FOOD_INDUSTRIES] or holders
        count = day.count(0.03, 12) if day.index == 1 else day.count(0.003, 6)
        new = [self._licence(entity, day, rng) for entity in some(rng, holders, count)]
        renewed = [self._renewed(licence, day, rng) for licence in some(rng, self._licensed, day.count(0.001, 2))]
        seed_faults(FOOD_LICENCES, day, new, self.registry, choice_of_kinds(FOOD_LICENCES, day, rng, each=1, later=3))
        resent = corrected(self._resend, rng)
        self._resend = [licence for licence in new if licence.fault and not licence.fault.rule.endswith(".exists") and rng.random() < 0.5]
        self._licensed += [licence for licence in new if licence.fault is None]
        self.licences = resent + renewed + new

    def _licence(self, entity: Record, day: Day, rng: Random) -> Record:
        start = day.before(rng, 0, 900 if day.index == 1 else 5)
        values = {
            "licence_no": self.registry.licence(rng.choice((1, 2, 3))),
            "uscc": entity.values["uscc"],
            "name": entity.values["name"],
            "address": entity.values["address"],
            "valid_from": start,
            "valid_to": _five_years(start),
        }
        return Record(values, style(rng), "faulty", day.index)

    def _renewed(self, licence: Record, day: Day, rng: Random) -> Record:
        licence.change(style(rng), valid_from=day.today, valid_to=_five_years(day.today))
        return Record(dict(licence.values), licence.style, licence.role, day.index)


def _five_years(start: date) -> date:
    """A food licence runs five years to the day before."""
    return start.replace(year=start.year + 5, day=min(start.day, 28)) - timedelta(days=1)


class Insured:
    """The human resources bureau's register of insured employees (snapshot, every third day)."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.present: list[Record] = []
        self._employed: set[str] = set()

    def live(self, day: Day, residents: Residents, businesses: Businesses) -> None:
        """On a day of delivery, bring ``present`` up to date; on other days nothing happens."""
        if not day.slow_snapshot:
            return
        rng = day.chance("insured")
        employers = [entity for entity in businesses.employers(day) if entity.values["status"] == "存续"]
        workers = [
            person
            for person in residents.living
            if 18 <= day.today.year - person.values["birth_date"].year < 60
            and (person.since < day.index or day.index == 1)
            and person.values["citizen_id"] not in self._employed
        ]
        if day.index > 1:
            heal(self.present, rng, 0.3)
            clean = [record for record in self.present if record.fault is None]
            for record in some(rng, [record for record in clean if record.values["status"] == "参保"], day.count(0.002, 2)):
                record.change(style(rng), status="停保", end_date=day.before(rng, 0, 2))
            for record in some(rng, clean, day.count(0.01, 5)):
                record.change(style(rng), contribution_base=_base(rng))
            gone = {id(record) for record in some(rng, clean, day.count(0.001, 1))}
            self.present = [record for record in self.present if id(record) not in gone]
        new = []
        for person in some(rng, workers, day.count(0.35, 60) if day.index == 1 else day.count(0.004, 8)):
            new += self._hire(person, rng.choice(employers), day, rng)
        self.present += new
        choose = choice_of_kinds(INSURED_PERSONS, day, rng, each=day.count(0.0002, 1), later=3)
        seed_faults(INSURED_PERSONS, day, new, self.registry, choose)

    def _hire(self, person: Record, employer: Record, day: Day, rng: Random) -> list[Record]:
        self._employed.add(person.values["citizen_id"])
        start, base = day.before(rng, 10 if day.index == 1 else 1, 9 * 365 if day.index == 1 else 3), _base(rng)
        left = day.index == 1 and rng.random() < 0.12
        end = start + timedelta(days=rng.randrange((day.today - start).days)) if left else None
        return [
            Record(
                {
                    "citizen_id": person.values["citizen_id"],
                    "uscc": employer.values["uscc"],
                    "insurance_type": kind,
                    "start_date": start,
                    "end_date": end,
                    "status": "停保" if left else "参保",
                    "contribution_base": base,
                },
                style(rng),
                "faulty",
                day.index,
            )
            for kind in ("企业职工基本养老保险", "失业保险", "工伤保险")[: rng.choice((1, 2, 3, 3))]
        ]


def _base(rng: Random) -> Decimal:
    """A contribution base within its bounds, both bounds included."""
    chance = rng.random()
    if chance < 0.04:
        return Decimal("3000") if chance < 0.02 else Decimal("30000.00")
    return Decimal(rng.randrange(300_000, 3_000_001)) / 100 if chance < 0.3 else Decimal(rng.randrange(3000, 25000))

"""What a kind of fault is, and the ways in which cells are spoiled. Which resource carries which is in ``faults``.

Each kind breaks the rules it names and no other, under these readings: ``<item>.required`` speaks of cells without a value
only, a cell that cannot be typed breaks ``.conforms`` alone; a rule that compares two cells is not asked where one of them is
no value of its kind (whether a citizen number with a wrong check digit is still compared makes no difference); columns that
refer to another resource are never malformed here, only without referent (``.exists``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from districtlake.demo.identifiers import Registry, citizen_id
from districtlake.demo.tables import Fate, Fault, Record, Table
from districtlake.demo.vocabulary import LOCAL_REGIONS, MOJIBAKE, STREETS

Values = dict[str, Any]
Spoil = Callable[[Values, Random, Registry], str | None]
"""As delivered, or None when this record cannot carry the fault."""


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault. ``spoil`` gives the cell as delivered, or None when this record cannot carry the fault.

    ``key``: the fault makes the row's key unreadable. ``refers``: it needs the referred resource to have been delivered.
    ``twin``: instead of spoiling a cell, the other content of a second row with the same key.
    ``also``: cells that go wrong together with the first: item, rule, text.
    """

    slug: str
    item: str
    rule: str
    fate: Fate
    spoil: Spoil | None = None
    twin: Callable[[Values, Random], Values | None] | None = None
    key: bool = False
    refers: bool = False
    also: tuple[tuple[str, str, str], ...] = ()

    def seed(self, record: Record, rng: Random, registry: Registry, day: int) -> bool:
        """Put the fault into ``record`` from delivery day ``day`` on; False when the record cannot carry it."""
        if self.twin is not None:
            other = self.twin(record.values, rng)
            if other is None:
                return False
            record.spoil(Fault(self.slug, self.item, self.rule, self.fate, day, twin=other))
            return True
        assert self.spoil is not None
        text = self.spoil(record.values, rng, registry)
        if text is None:
            return False
        record.spoil(Fault(self.slug, self.item, self.rule, self.fate, day, text=text, also=self.also))
        return True


def replaced(text: str, place: int, char: str) -> str:
    return text[:place] + char + text[place + 1 :]


# -- identifiers. Registry.claim keeps spoiled keys distinct, so that no two of them conflict by accident.


def wrong_check(alphabet: str, item: str) -> Spoil:
    def spoil(values: Values, rng: Random, registry: Registry) -> str | None:
        right = values[item]
        text = right[:17] + rng.choice([char for char in alphabet if char != right[17]])
        return text if registry.claim(text) else None

    return spoil


def scientific(values: Values, rng: Random, registry: Registry) -> str | None:
    number = values["citizen_id"]
    if not number.isdigit():
        return None
    for places in (5, 7, 9, 11, 13):
        text = f"{number[0]}.{number[1 : 1 + places]}E+17"
        if registry.claim(text):
            return text
    return None


def letter(values: Values, rng: Random, registry: Registry) -> str | None:
    text = replaced(values["citizen_id"], rng.randrange(6, 17), rng.choice("OLBQ"))
    return text if registry.claim(text) else None


def short(values: Values, rng: Random, registry: Registry) -> str | None:
    place = rng.randrange(6, 16)
    text = values["citizen_id"][:place] + values["citizen_id"][place + 1 :]
    return text if registry.claim(text) else None


def born(month_day: str, year: str | None = None) -> Spoil:
    """The number with another day of birth and a right check digit."""

    def spoil(values: Values, rng: Random, registry: Registry) -> str | None:
        number = values["citizen_id"]
        text = citizen_id(number[:6], (year or number[6:10]) + month_day, int(number[14:17]))
        return text if registry.claim(text) else None

    return spoil


def forbidden_letter(values: Values, rng: Random, registry: Registry) -> str | None:
    code = values["uscc"]
    places = [place for place in range(2, 8) if code[place] == "0"]  # in the region part: the organisation part stays right
    text = replaced(code, rng.choice(places), "O")
    return text if registry.claim(text) else None


def unknown_citizen(values: Values, rng: Random, registry: Registry) -> str | None:
    return registry.citizen(rng, rng.choice(LOCAL_REGIONS)[0], date(1960, 1, 1) + timedelta(days=rng.randrange(12000)), rng.random() < 0.5)


def unknown_entity(values: Values, rng: Random, registry: Registry) -> str | None:
    return registry.credit(rng, "91", "330203", "MA")


def cut(item: str) -> Spoil:
    """The number without its last character."""

    def spoil(values: Values, rng: Random, registry: Registry) -> str | None:
        text: str = values[item][:-1]
        return text if registry.claim(text) else None

    return spoil


def aged(item: str, years: int) -> Spoil:
    """Another right number of the same region and sex, of somebody who was about ``years`` old on the registered date."""

    def spoil(values: Values, rng: Random, registry: Registry) -> str | None:
        born = values["registered_date"] - timedelta(days=years * 365 + rng.randrange(100, 300))
        text = citizen_id(values[item][:6], f"{born:%Y%m%d}", int(values[item][14:17]))
        return text if registry.claim(text) else None

    return spoil


def credit_of(authority: str, prefix: str) -> Spoil:
    """A right credit code of another registering authority."""
    return lambda values, rng, registry: registry.credit(rng, authority, "330203", prefix)


# -- cells


def one_of(*texts: str) -> Spoil:
    return lambda values, rng, registry: rng.choice(texts)


def mojibake(item: str) -> Spoil:
    return lambda values, rng, registry: values[item][0] + rng.choice(MOJIBAKE)


def other_sex(values: Values, rng: Random, registry: Registry) -> str | None:
    return "女" if values["sex"] == "男" else "男"


def other_birth(values: Values, rng: Random, registry: Registry) -> str | None:
    return f"{values['birth_date'] - timedelta(days=rng.randrange(1, 400)):%Y-%m-%d}"


def before(start: str) -> Spoil:
    """The end of a period, written as a day before its start."""
    return lambda values, rng, registry: f"{values[start] - timedelta(days=rng.randrange(1, 400)):%Y-%m-%d}"


def ended_before(values: Values, rng: Random, registry: Registry) -> str | None:
    return None if values["end_date"] is None else before("start_date")(values, rng, registry)


def two_digit_year(item: str) -> Spoil:
    def spoil(values: Values, rng: Random, registry: Registry) -> str | None:
        day: date = values[item]
        return f"{day.year % 100:02d}{(sep := rng.choice('/-.'))}{day.month}{sep}{day.day}"

    return spoil


def truncated(item: str) -> Spoil:
    return lambda values, rng, registry: f"{values[item].year}年"


def dates(item: str, *slugs: str) -> tuple[FaultKind, ...]:
    spoils = {
        "date_placeholder": one_of("1900-01-01", "1900/1/1"),
        "date_two_digit_year": two_digit_year(item),
        "date_truncated": truncated(item),
        "date_impossible": one_of("2021-02-30", "2021/2/29", "2021年4月31日", "20211301"),
    }
    return tuple(FaultKind(slug, item, f"{item}.conforms", "quarantine", spoils[slug]) for slug in slugs or spoils)


def missing(item: str) -> FaultKind:
    return FaultKind("required_missing", item, f"{item}.required", "quarantine", one_of("", "\u3000", "\u00a0", "  "))


def conforms(slug: str, item: str, spoil: Spoil, *, key: bool = False) -> FaultKind:
    return FaultKind(slug, item, f"{item}.conforms", "quarantine", spoil, key=key)


def range_of(item: str, *texts: str, fate: Fate = "quarantine", slug: str = "out_of_range") -> FaultKind:
    return FaultKind(slug, item, f"{item}.range", fate, one_of(*texts))


def exists(slug: str, item: str, spoil: Spoil) -> FaultKind:
    return FaultKind(slug, item, f"{item}.exists", "report", spoil, refers=True)


def pattern(item: str, spoil: Spoil, slug: str = "wrong_pattern") -> FaultKind:
    return FaultKind(slug, item, f"{item}.pattern", "quarantine", spoil)


def declared(rule: str, slug: str, item: str, spoil: Spoil, fate: Fate = "quarantine", *, refers: bool = False) -> FaultKind:
    return FaultKind(slug, item, rule, fate, spoil, refers=refers)


def conflict(table: Table, twin: Callable[[Values, Random], Values | None]) -> FaultKind:
    return FaultKind("key_conflict", "+".join(table.key), "key.unique", "quarantine", twin=twin)


def elsewhere(values: Values, rng: Random) -> Values:
    return {"address": f"浙江省宁波市海曙区{rng.choice(STREETS)[1]}另址{rng.randrange(1, 999)}号"}


def other_area(values: Values, rng: Random) -> Values:
    return {"area_m2": values["area_m2"] + rng.randrange(1, 20) * (1 if values["area_m2"] < 100 else -1)}  # stays within its bounds


def other_base(values: Values, rng: Random) -> Values:
    base = values["contribution_base"]
    return {"contribution_base": base + rng.randrange(1, 99) * (1 if base < 15000 else -1)}  # stays within its bounds


def emptied(item: str, other: str) -> Spoil:
    """Nothing where at least one of two items must be given: for records that have only this one."""
    return lambda values, rng, registry: "" if values[item] is not None and values[other] is None else None


def if_given(item: str, spoil: Spoil) -> Spoil:
    return lambda values, rng, registry: None if values[item] is None else spoil(values, rng, registry)


def of_kind(kind: str, spoil: Spoil) -> Spoil:
    return lambda values, rng, registry: spoil(values, rng, registry) if values["kind"] == kind else None


def in_yuan(values: Values, rng: Random, registry: Registry) -> str | None:
    """A cost in yuan where ten thousands are meant; a small one stays within the bounds and cannot be seen."""
    return f"{values['cost_wan'] * 10_000}" if values["cost_wan"] > 100 else None


def insured_twice(values: Values, rng: Random) -> Values | None:
    """The same person in the other insurance as well."""
    first, second = "职工基本医疗保险", "城乡居民基本医疗保险"
    return {"insurance_type": second if values["insurance_type"] == first else first} if values["status"] == "参保缴费" else None


def started_earlier(values: Values, rng: Random) -> Values | None:
    """Not of somebody who is insured now: two such rows would be one too many in another rule's eyes as well."""
    return None if values["status"] == "参保缴费" else {"start_date": values["start_date"] - timedelta(days=rng.randrange(1, 99))}

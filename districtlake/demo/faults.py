"""The faults: where each sits, how it spoils a cell, and what the district's catalogue must say of it.

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

from districtlake.demo.identifiers import CREDIT_ALPHABET, Registry, citizen_id
from districtlake.demo.tables import (
    BUSINESS_ENTITIES,
    DEATHS,
    FOOD_LICENCES,
    INSURED_PERSONS,
    LOW_INCOME,
    POPULATION,
    Fate,
    Fault,
    Record,
    Table,
)
from districtlake.demo.vocabulary import LOCAL_REGIONS, MOJIBAKE, STREETS, UNKNOWN_ETHNICITIES, UNKNOWN_INDUSTRIES

Values = dict[str, Any]


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
    spoil: Callable[[Values, Random, Registry], str | None] | None = None
    twin: Callable[[Values, Random], Values] | None = None
    key: bool = False
    refers: bool = False
    also: tuple[tuple[str, str, str], ...] = ()

    def seed(self, record: Record, rng: Random, registry: Registry, day: int) -> bool:
        """Put the fault into ``record`` from delivery day ``day`` on; False when the record cannot carry it."""
        if self.twin is not None:
            record.spoil(Fault(self.slug, self.item, self.rule, self.fate, day, twin=self.twin(record.values, rng)))
            return True
        assert self.spoil is not None
        text = self.spoil(record.values, rng, registry)
        if text is None:
            return False
        record.spoil(Fault(self.slug, self.item, self.rule, self.fate, day, text=text, also=self.also))
        return True


def _replaced(text: str, place: int, char: str) -> str:
    return text[:place] + char + text[place + 1 :]


# -- identifiers. Registry.claim keeps spoiled keys distinct, so that no two of them conflict by accident.


def _wrong_check(alphabet: str, item: str) -> Callable[[Values, Random, Registry], str | None]:
    def spoil(values: Values, rng: Random, registry: Registry) -> str | None:
        right = values[item]
        text = right[:17] + rng.choice([char for char in alphabet if char != right[17]])
        return text if registry.claim(text) else None

    return spoil


def _scientific(values: Values, rng: Random, registry: Registry) -> str | None:
    number = values["citizen_id"]
    if not number.isdigit():
        return None
    for places in (5, 7, 9, 11, 13):
        text = f"{number[0]}.{number[1 : 1 + places]}E+17"
        if registry.claim(text):
            return text
    return None


def _letter(values: Values, rng: Random, registry: Registry) -> str | None:
    text = _replaced(values["citizen_id"], rng.randrange(6, 17), rng.choice("OLBQ"))
    return text if registry.claim(text) else None


def _short(values: Values, rng: Random, registry: Registry) -> str | None:
    place = rng.randrange(6, 16)
    text = values["citizen_id"][:place] + values["citizen_id"][place + 1 :]
    return text if registry.claim(text) else None


def _born(month_day: str, year: str | None = None) -> Callable[[Values, Random, Registry], str | None]:
    """The number with another day of birth and a right check digit."""

    def spoil(values: Values, rng: Random, registry: Registry) -> str | None:
        number = values["citizen_id"]
        text = citizen_id(number[:6], (year or number[6:10]) + month_day, int(number[14:17]))
        return text if registry.claim(text) else None

    return spoil


def _forbidden_letter(values: Values, rng: Random, registry: Registry) -> str | None:
    code = values["uscc"]
    places = [place for place in range(2, 8) if code[place] == "0"]  # in the region part: the organisation part stays right
    text = _replaced(code, rng.choice(places), "O")
    return text if registry.claim(text) else None


def _unknown_citizen(values: Values, rng: Random, registry: Registry) -> str | None:
    return registry.citizen(rng, rng.choice(LOCAL_REGIONS)[0], date(1960, 1, 1) + timedelta(days=rng.randrange(12000)), rng.random() < 0.5)


def _unknown_entity(values: Values, rng: Random, registry: Registry) -> str | None:
    return registry.credit(rng, "91", "330203", "MA")


# -- cells


def _one_of(*texts: str) -> Callable[[Values, Random, Registry], str | None]:
    return lambda values, rng, registry: rng.choice(texts)


def _mojibake(item: str) -> Callable[[Values, Random, Registry], str | None]:
    return lambda values, rng, registry: values[item][0] + rng.choice(MOJIBAKE)


def _other_sex(values: Values, rng: Random, registry: Registry) -> str | None:
    return "女" if values["sex"] == "男" else "男"


def _other_birth(values: Values, rng: Random, registry: Registry) -> str | None:
    return f"{values['birth_date'] - timedelta(days=rng.randrange(1, 400)):%Y-%m-%d}"


def _before(start: str) -> Callable[[Values, Random, Registry], str | None]:
    """The end of a period, written as a day before its start."""
    return lambda values, rng, registry: f"{values[start] - timedelta(days=rng.randrange(1, 400)):%Y-%m-%d}"


def _ended_before(values: Values, rng: Random, registry: Registry) -> str | None:
    return None if values["end_date"] is None else _before("start_date")(values, rng, registry)


def _two_digit_year(item: str) -> Callable[[Values, Random, Registry], str | None]:
    def spoil(values: Values, rng: Random, registry: Registry) -> str | None:
        day: date = values[item]
        return f"{day.year % 100:02d}{(sep := rng.choice('/-.'))}{day.month}{sep}{day.day}"

    return spoil


def _truncated(item: str) -> Callable[[Values, Random, Registry], str | None]:
    return lambda values, rng, registry: f"{values[item].year}年"


def _dates(item: str, *slugs: str) -> tuple[FaultKind, ...]:
    spoils = {
        "date_placeholder": _one_of("1900-01-01", "1900/1/1"),
        "date_two_digit_year": _two_digit_year(item),
        "date_truncated": _truncated(item),
        "date_impossible": _one_of("2021-02-30", "2021/2/29", "2021年4月31日", "20211301"),
    }
    return tuple(FaultKind(slug, item, f"{item}.conforms", "quarantine", spoils[slug]) for slug in slugs or spoils)


def _missing(item: str) -> FaultKind:
    return FaultKind("required_missing", item, f"{item}.required", "quarantine", _one_of("", "\u3000", "\u00a0", "  "))


def _conforms(slug: str, item: str, spoil: Callable[[Values, Random, Registry], str | None], *, key: bool = False) -> FaultKind:
    return FaultKind(slug, item, f"{item}.conforms", "quarantine", spoil, key=key)


def _range(item: str, *texts: str, fate: Fate = "quarantine", slug: str = "out_of_range") -> FaultKind:
    return FaultKind(slug, item, f"{item}.range", fate, _one_of(*texts))


def _exists(slug: str, item: str, spoil: Callable[[Values, Random, Registry], str | None]) -> FaultKind:
    return FaultKind(slug, item, f"{item}.exists", "report", spoil, refers=True)


def _declared(rule: str, slug: str, item: str, spoil: Callable[[Values, Random, Registry], str | None]) -> FaultKind:
    return FaultKind(slug, item, rule, "quarantine", spoil)


def _conflict(table: Table, twin: Callable[[Values, Random], Values]) -> FaultKind:
    return FaultKind("key_conflict", "+".join(table.key), "key.unique", "quarantine", twin=twin)


def _elsewhere(values: Values, rng: Random) -> Values:
    return {"address": f"浙江省宁波市海曙区{rng.choice(STREETS)[1]}另址{rng.randrange(1, 999)}号"}


def _other_base(values: Values, rng: Random) -> Values:
    base = values["contribution_base"]
    return {"contribution_base": base + rng.randrange(1, 99) * (1 if base < 15000 else -1)}  # stays within its bounds


FAULTS: dict[str, tuple[FaultKind, ...]] = {
    POPULATION.resource: (
        _conforms("id_check_digit", "citizen_id", _wrong_check("0123456789X", "citizen_id"), key=True),
        _conforms("id_scientific", "citizen_id", _scientific, key=True),
        _conforms("id_letter", "citizen_id", _letter, key=True),
        _conforms("id_short", "citizen_id", _short, key=True),
        _conforms("id_birth_impossible", "citizen_id", _born("0230"), key=True),
        FaultKind(
            "id_birth_future",
            "citizen_id",
            "citizen_id.conforms",
            "quarantine",
            _born("0615", "2099"),
            key=True,
            also=(("birth_date", "birth_date.conforms", "2099-06-15"),),
        ),
        _missing("name"),
        _conforms("mojibake", "name", _mojibake("name")),
        _missing("sex"),
        _conforms("unknown_code", "sex", _one_of("甲", "X", "7")),
        _conforms("unknown_code", "ethnicity", _one_of(*UNKNOWN_ETHNICITIES)),
        _conforms("unknown_code", "status", _one_of("待核实", "Q")),
        *_dates("birth_date"),
        _declared("sex.matches_id", "sex_contradicts_id", "sex", _other_sex),
        _declared("birth_date.matches_id", "birth_contradicts_id", "birth_date", _other_birth),
        _conflict(POPULATION, _elsewhere),
    ),
    DEATHS.resource: (
        *_dates("death_date"),
        _missing("death_date"),
        _declared("dates.in_order", "dates_reversed", "cancellation_date", _before("death_date")),
        _exists("person_unknown", "citizen_id", _unknown_citizen),
        _conflict(DEATHS, lambda values, rng: {"death_date": values["death_date"] - timedelta(days=rng.randrange(1, 9))}),
    ),
    BUSINESS_ENTITIES.resource: (
        _conforms("uscc_check", "uscc", _wrong_check(CREDIT_ALPHABET, "uscc"), key=True),
        _conforms("uscc_forbidden_letter", "uscc", _forbidden_letter, key=True),
        _missing("name"),
        _conforms("unknown_code", "industry", _one_of(*UNKNOWN_INDUSTRIES)),
        _conforms("unknown_code", "status", _one_of("待核实", "Q")),
        _range("registered_capital", "-50", "-1,000.00", slug="negative_amount"),
        _conforms("not_a_number", "registered_capital", _one_of("见章程", "壹佰左右")),
        *_dates("established_date"),
        _conflict(BUSINESS_ENTITIES, _elsewhere),
    ),
    FOOD_LICENCES.resource: (
        *_dates("valid_from"),
        _missing("name"),
        _declared("validity.in_order", "dates_reversed", "valid_to", _before("valid_from")),
        _exists("entity_unknown", "uscc", _unknown_entity),
        _conflict(FOOD_LICENCES, _elsewhere),
    ),
    INSURED_PERSONS.resource: (
        _range("contribution_base", "2999.99", "300", "88,000", fate="report"),
        *_dates("start_date"),
        _conforms("unknown_code", "status", _one_of("待核实", "Q")),
        _declared("insured.dates_in_order", "dates_reversed", "end_date", _ended_before),
        _exists("person_unknown", "citizen_id", _unknown_citizen),
        _exists("entity_unknown", "uscc", _unknown_entity),
        _conflict(INSURED_PERSONS, _other_base),
    ),
    LOW_INCOME.resource: (
        _range("persons", "0", "25", "-3"),
        _conforms("not_a_number", "persons", _one_of("若干", "同上")),
        _range("monthly_amount", "0", "-680.00", "0.00"),
        _conforms("not_a_number", "monthly_amount", _one_of("见附表", "按标准")),
        *_dates("start_date"),
        _missing("status"),
        _conforms("unknown_code", "status", _one_of("待核实", "Q")),
        _conforms("mojibake", "name", _mojibake("name")),
        _exists("person_unknown", "citizen_id", _unknown_citizen),
        _conflict(LOW_INCOME, lambda values, rng: {"monthly_amount": values["monthly_amount"] + rng.randrange(1, 99)}),
    ),
}
"""The kinds of fault of each resource."""

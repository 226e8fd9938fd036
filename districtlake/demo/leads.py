"""``ground_truth_leads.jsonl``: the pairs of rows that a comparison across agencies must find, and no others.

A lead is no fault of a row: each of the two is right by itself. Rules and their letters are those of the seed catalogue
(比对 C1-C8). Kept here is what a warehouse holds that has processed every delivery: a row in quarantine changes nothing, a
snapshot deletes what it no longer lists. C4 knows dwellings only (no register gives the number of a company's representative),
C8 pupils only (a birth certificate carries no number of the child).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from districtlake.demo import vocabulary as words
from districtlake.demo.delivery import Delivery

FILE_NAME = "ground_truth_leads.jsonl"
MOST_YEARS_OFF = 3
"""How far a pupil's age may lie from the usual one of the grade."""

Rows = dict[tuple[str, ...], dict[str, Any]]
_WATCHED = [
    "population",
    "deaths",
    "low_income_persons",
    "business_entities",
    "food_licences",
    "insured_persons",
    "pension_payments",
    "death_certificates",
    "medical_institutions",
    "public_rental_leases",
    "real_estate",
    "outdoor_advertising",
    "students",
    "marriages",
    "grid_visits",
]
_SNAPSHOTS = [
    "population",
    "low_income_persons",
    "business_entities",
    "insured_persons",
    "medical_institutions",
    "public_rental_leases",
    "outdoor_advertising",
    "students",
]
_GRADES = {grade: number for number, (grade, _) in enumerate(words.GRADES, 1)}


@dataclass(frozen=True, slots=True)
class Lead:
    """One finding of a comparison as it stands at the end of a day.

    Attributes:
        day: ISO date.
        rule: "C1" to "C8".
        to: the agency asked first: the one that is not the authority.
        left, right: "agency.resource" of the two rows, and their keys as true values; ``right_key`` is empty where the right row is absent.
        first_day: True on the first day on which it holds.
    """

    day: str
    rule: str
    to: str
    left: str
    left_key: dict[str, str]
    right: str
    right_key: dict[str, str]
    first_day: bool


class Leads:
    """Follows the deliveries day by day; ``today`` are the leads that hold at the end of the day."""

    def __init__(self) -> None:
        self.today: list[Lead] = []
        self._rows: dict[str, Rows] = {name: {} for name in _WATCHED}
        self._keys: dict[str, tuple[str, ...]] = {}
        self._agencies: dict[str, str] = {}
        self._seen: set[tuple[str, ...]] = set()

    def take(self, deliveries: Iterable[Delivery], today: date) -> None:
        """Process one day's deliveries, in the order in which corrections follow their snapshots."""
        for delivery in deliveries:
            table = delivery.table
            if table.resource in self._rows:
                self._keys[table.resource], self._agencies[table.resource] = table.key, table.agency
                self._put(table.resource, delivery)
        found = sorted(set(self._found(today)))
        self.today = []
        for rule, to, left, left_key, right, right_key in found:
            identity = (rule, left, *left_key, right, *right_key)
            self.today.append(
                Lead(
                    f"{today}",
                    rule,
                    to,
                    f"{self._agencies[left]}.{left}",
                    dict(zip(self._keys[left], left_key, strict=True)),
                    f"{self._agencies[right]}.{right}",
                    dict(zip(self._keys[right], right_key, strict=False)),
                    identity not in self._seen,
                )
            )
            self._seen.add(identity)

    def _put(self, resource: str, delivery: Delivery) -> None:
        held, key = self._rows[resource], delivery.table.key
        whole = resource in _SNAPSHOTS and "更正" not in delivery.title
        rows: Rows = {}
        readable = True
        for record in delivery.records:
            name = tuple(record.values[item] for item in key)
            fault = record.fault
            if fault is None:
                rows[name] = record.values
            elif fault.fate == "report":
                values = {**record.values, fault.item: fault.text} if fault.twin is None else record.values
                rows[tuple(values[item] for item in key)] = values
            elif fault.item in key and fault.twin is None:
                readable = readable and fault.rule.endswith(".pattern")
            elif name in held:
                rows[name] = held[name]
        self._rows[resource] = rows if whole and readable else {**held, **rows}

    # -- the rules: (rule, agency asked, left resource, left key, right resource, right key)

    def _found(self, today: date) -> Iterator[tuple[str, str, str, tuple[str, ...], str, tuple[str, ...]]]:
        rows = self._rows
        dead = {values["citizen_id"]: (f"{values['death_date']:%Y%m}", "deaths", name) for name, values in rows["deaths"].items()}
        for name, values in rows["death_certificates"].items():
            dead.setdefault(values["citizen_id"], (f"{values['death_date']:%Y%m}", "death_certificates", name))
        for name, values in rows["pension_payments"].items():
            month, register, certificate = dead.get(values["citizen_id"], ("999999", "", ()))
            if month < values["pay_month"]:
                yield "C1", "human_resources_bureau", "pension_payments", name, register, certificate
        for name, values in rows["low_income_persons"].items():
            month, register, certificate = dead.get(values["citizen_id"], ("999999", "", ()))
            if values["status"] == "在保" and month < f"{today:%Y%m}":
                yield "C1", "civil_affairs_bureau", "low_income_persons", name, register, certificate
        yield from self._names()
        yield from self._businesses(today)
        dwellings = Counter(values["holder_citizen_id"] for values in rows["real_estate"].values())
        units = {values["holder_citizen_id"]: name for name, values in sorted(rows["real_estate"].items(), reverse=True)}
        for name, values in rows["low_income_persons"].items():
            if values["status"] == "在保" and dwellings[values["citizen_id"]] >= 2:
                yield "C4", "civil_affairs_bureau", "low_income_persons", name, "real_estate", units[values["citizen_id"]]
        for name, values in rows["death_certificates"].items():
            person = rows["population"].get((values["citizen_id"],))
            cancelled = (values["citizen_id"],) in rows["deaths"] or person is None or person["status"] != "正常"
            if not cancelled and values["death_date"] < today - timedelta(days=30):
                yield "C6", "public_security_bureau", "population", (values["citizen_id"],), "death_certificates", name
        for name, values in rows["public_rental_leases"].items():
            if values["citizen_id"] in units and values["lease_start"] <= today <= values["lease_end"]:
                yield "C7", "housing_bureau", "public_rental_leases", name, "real_estate", units[values["citizen_id"]]
        for name, values in rows["students"].items():
            person = rows["population"].get((values["citizen_id"],))
            usual = _GRADES[values["grade"]] + 6
            if person is not None and abs(today.year - person["birth_date"].year - usual) > MOST_YEARS_OFF:
                yield "C8", "education_bureau", "students", name, "population", (values["citizen_id"],)

    def _names(self) -> Iterator[tuple[str, str, str, tuple[str, ...], str, tuple[str, ...]]]:
        people = self._rows["population"]
        pairs = (("low_income_persons", "citizen_id", "name"), ("students", "citizen_id", "name"), ("grid_visits", "citizen_id", "name"),
                 ("marriages", "citizen_id_a", "name_a"), ("marriages", "citizen_id_b", "name_b"))  # fmt: skip
        for resource, number, called in pairs:
            for name, values in self._rows[resource].items():
                person = people.get((values[number],))
                if person is not None and person["name"] != values[called]:
                    yield "C2", self._agencies[resource], resource, name, "population", (values[number],)

    def _businesses(self, today: date) -> Iterator[tuple[str, str, str, tuple[str, ...], str, tuple[str, ...]]]:
        entities = self._rows["business_entities"]

        def ended(uscc: str) -> bool:
            return (uscc,) in entities and entities[uscc,]["status"] in ("注销", "吊销")

        for name, values in self._rows["insured_persons"].items():
            if values["status"] == "参保" and ended(values["uscc"]):
                yield "C3", "human_resources_bureau", "insured_persons", name, "business_entities", (values["uscc"],)
        for resource in ("food_licences", "outdoor_advertising", "medical_institutions"):
            for name, values in self._rows[resource].items():
                uscc = values["uscc"]
                absent = (uscc,) not in entities and resource != "medical_institutions"  # hospitals are in other registers
                if values["valid_to"] >= today and (absent or ended(uscc)):
                    yield "C5", self._agencies[resource], resource, name, "business_entities", () if absent else (uscc,)


def read_leads(target: Path) -> list[Lead]:
    """Every line written so far; empty before the first day."""
    path = target / FILE_NAME
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [Lead(**json.loads(line)) for line in lines]

"""Every shipped mart computed again in plain pandas from the warehouse's tables: written from the marts' descriptions, not from their SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from deltalake import DeltaTable

from districtlake.delivery.district import District
from districtlake.warehouse.tables import address

Frame = pd.DataFrame
SHANGHAI = ZoneInfo("Asia/Shanghai")


def given(value: Any) -> bool:
    return value is not None and value == value and value is not pd.NaT


def street_of(text: Any) -> str | None:
    found = re.search(r"[区县]([^区县]*?(?:街道|镇|乡))", text) if given(text) else None
    return found.group(1) if found and found.group(1) else None


def age_on(birth: Any, today: date) -> int | None:
    if not given(birth):
        return None
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def mean_of(values: pd.Series) -> float | None:
    known = [float(value) for value in values if given(value)]
    return round(sum(known) / len(known), 6) if known else None


def since_of(row: dict[str, Any]) -> date:
    """The Shanghai day from which a version of a row is valid."""
    valid: datetime = row["_valid_from"]
    return valid.astimezone(SHANGHAI).date()


class Oracle:
    """The tables of one district as pandas frames of Python objects, and the marts made from them."""

    def __init__(self, district: District):
        self.district = district
        self.today = district.clock.now().astimezone(SHANGHAI).date()
        self._frames: dict[str, Frame] = {}

    def table(self, resource: str, layer: str = "warehouse") -> Frame:
        name = f"{layer}/{resource}"
        if name not in self._frames:
            path = str(address(self.district.lake, layer, resource))
            if DeltaTable.is_deltatable(path):
                rows = DeltaTable(path).to_pyarrow_table().to_pylist()
                frame = Frame(rows, dtype=object) if rows else Frame(columns=DeltaTable(path).to_pyarrow_table().schema.names, dtype=object)
            else:
                frame = Frame(columns=list(self.district.catalog.resources[resource].item_names), dtype=object)
            self._frames[name] = frame.astype(object).where(frame.notna(), None)
        return self._frames[name]

    def codes(self, code_list: str) -> dict[str, str]:
        return dict(self.district.catalog.code_lists[code_list].codes)

    def all_of(self, layer: str) -> list[tuple[str, dict[str, Any]]]:
        return [(one, row) for one in self.district.catalog.resources if self._exists(layer, one) for row in self._rows(one, layer)]

    def _exists(self, layer: str, resource: str) -> bool:
        return DeltaTable.is_deltatable(str(address(self.district.lake, layer, resource)))

    def _rows(self, resource: str, layer: str = "warehouse") -> list[dict[str, Any]]:
        return list(self.table(resource, layer).to_dict("records"))

    def mart(self, name: str) -> list[dict[str, Any]]:
        made: Callable[[], list[dict[str, Any]]] = getattr(self, name.replace(".", "__"))
        key = f"mart/{name}"
        if key not in self._frames:
            self._frames[key] = Frame(made(), dtype=object)
        frame = self._frames[key]
        return list(frame.astype(object).where(frame.notna(), None).to_dict("records"))

    # population ----------------------------------------------------------------------------------------------------
    def population__persons(self) -> list[dict[str, Any]]:
        cancelled = {row["citizen_id"]: row["death_date"] for row in self._rows("public_security_bureau.deaths")}
        certified: dict[str, date] = {}
        for row in self._rows("health_bureau.death_certificates"):
            if given(row["death_date"]):
                certified[row["citizen_id"]] = min(row["death_date"], certified.get(row["citizen_id"], row["death_date"]))
        marital: dict[str, tuple[Any, ...]] = {}
        for row in self._rows("civil_affairs_bureau.marriages"):
            for side in ("citizen_id_a", "citizen_id_b"):
                mine = (row["registered_date"] or date.min, row["certificate_no"], row["kind"])
                if given(row[side]) and (row[side] not in marital or mine[:2] > marital[row[side]][:2]):
                    marital[row[side]] = mine
        active = lambda resource: {row["citizen_id"] for row in self._rows(resource) if row["status"] == "1"}  # noqa: E731
        employed, medical = active("human_resources_bureau.insured_persons"), active("medical_insurance_bureau.insured_residents")
        poor = active("civil_affairs_bureau.low_income_persons")
        tenants = {row["citizen_id"] for row in self._rows("housing_bureau.public_rental_leases")}
        pension: dict[str, str] = {}
        for row in self._rows("human_resources_bureau.pension_payments"):
            if row["status"] == "1":
                pension[row["citizen_id"]] = max(row["pay_month"], pension.get(row["citizen_id"], ""))
        owned = self.table("natural_resources_bureau.real_estate")["holder_citizen_id"].dropna().value_counts().to_dict()
        sexes, kinds = self.codes("gb_t_2261_1"), self.codes("marriage_kind")

        people: dict[str, dict[str, Any]] = {}
        for row in self._rows("public_security_bureau.population"):
            people[row["citizen_id"]] = {**row, "residence_kind": "户籍"}
        latest: dict[str, dict[str, Any]] = {}
        for row in self._rows("public_security_bureau.temporary_residents"):
            mine = (row["registered_date"] or date.min, row["registration_no"])
            other = latest.get(row["citizen_id"])
            if other is None or mine > (other["registered_date"] or date.min, other["registration_no"]):
                latest[row["citizen_id"]] = row
        for citizen, row in latest.items():
            people.setdefault(citizen, {"citizen_id": citizen, "name": row["name"], "address": row["address"], "residence_kind": "流动"})

        made = []
        for citizen, row in people.items():
            dead = cancelled.get(citizen) or certified.get(citizen)
            wed = marital.get(citizen)
            made.append(
                {
                    "citizen_id": citizen, "name": row["name"], "residence_kind": row["residence_kind"], "sex": row.get("sex"),
                    "sex_name": sexes.get(row.get("sex") or ""), "birth_date": row.get("birth_date"), "household_no": row.get("household_no"),
                    "address": row["address"], "street_name": street_of(row["address"]), "residence_status": row.get("status"),
                    "death_date": dead, "death_source": "公安分局" if cancelled.get(citizen) else "卫生健康局" if dead else None,
                    "is_living": dead is None and row.get("status") != "3", "marital_event": kinds.get(wed[2]) if wed else None,
                    "marital_event_date": wed[0] if wed and wed[0] != date.min else None, "has_employment_insurance": citizen in employed,
                    "has_medical_insurance": citizen in medical, "last_pension_month": pension.get(citizen),
                    "is_low_income": citizen in poor, "has_public_rental": citizen in tenants, "real_estate_units": owned.get(citizen, 0),
                }
            )  # fmt: skip
        return made

    def population__households(self) -> list[dict[str, Any]]:
        frame = Frame([row for row in self.mart("population.persons") if given(row["household_no"]) and row["residence_kind"] == "户籍"])
        made = []
        for number, members in frame.groupby("household_no"):
            living = members[members["is_living"].astype(bool)]
            ages = [age for birth in living["birth_date"] if (age := age_on(birth, self.today)) is not None]
            streets = members["street_name"].dropna().value_counts()
            street = min(streets[streets == streets.max()].index) if len(streets) else None
            made.append(
                {
                    "household_no": number, "street_name": street, "persons": len(members), "living_persons": len(living),
                    "minors": sum(age < 18 for age in ages), "elderly": sum(age >= 60 for age in ages),
                    "low_income_persons": int(members["is_low_income"].sum()), "insured_workers": int(members["has_employment_insurance"].sum()),
                    "real_estate_units": int(members["real_estate_units"].sum()),
                }
            )  # fmt: skip
        return made

    def population__residents_by_street(self) -> list[dict[str, Any]]:
        counted: dict[tuple[str, str, str], list[int]] = {}
        for row in self.mart("population.persons"):
            if row["is_living"]:
                age = age_on(row["birth_date"], self.today)
                band = "不详" if age is None else "0-17" if age < 18 else "18-59" if age < 60 else "60及以上"
                cell = counted.setdefault((row["street_name"] or "不详", band, row["sex_name"] or "不详"), [0, 0])
                cell[row["residence_kind"] == "流动"] += 1
        return [
            {"street_name": street, "age_band": band, "sex_name": sex, "registered": here, "temporary": moved}
            for (street, band, sex), (here, moved) in counted.items()
        ]

    # legal entities ------------------------------------------------------------------------------------------------
    def legal_entities__entities(self) -> list[dict[str, Any]]:
        types, states, clubs = self.codes("entity_type"), self.codes("registration_status"), self.codes("social_organisation_status")
        industries = self.codes("gb_t_4754")
        found: dict[str, list[dict[str, Any]]] = {}

        def add(resource: str, source: str, row: dict[str, Any], **more: Any) -> None:
            found.setdefault(row["uscc"], []).append({"resource": resource, "source": source, "name": row["name"], **more})

        for row in self._rows("market_regulation.business_entities"):
            add("market_regulation.business_entities", "市场监管局", row, category=types.get(row["entity_type"] or ""),
                person=row["legal_representative"], address=row["address"], status=states.get(row["status"] or ""), active=row["status"] == "1",
                established=row["established_date"], industry=row["industry"], capital=row["registered_capital"])  # fmt: skip
        for row in self._rows("civil_affairs_bureau.social_organisations"):
            add("civil_affairs_bureau.social_organisations", "民政局", row, category="社会组织", person=row["head_name"],
                status=clubs.get(row["status"] or ""), active=row["status"] == "1")  # fmt: skip
        for row in self._rows("agriculture_bureau.collective_economies"):
            add(
                "agriculture_bureau.collective_economies",
                "农业农村局",
                row,
                category="农村集体经济组织",
                person=row["legal_representative"],
            )
        for row in self._rows("education_bureau.schools"):
            add("education_bureau.schools", "教育局", row, category="学校", address=row["address"])
        clinics: set[str] = set()
        for row in sorted(self._rows("health_bureau.medical_institutions"), key=lambda one: one["registration_no"]):
            if given(row["uscc"]) and row["uscc"] not in clinics:
                clinics.add(row["uscc"])
                add("health_bureau.medical_institutions", "卫生健康局", row, category="医疗机构")

        def first(records: list[dict[str, Any]], field: str) -> tuple[Any, Any]:
            return next(((one[field], one["source"]) for one in records if given(one.get(field))), (None, None))

        made = []
        for uscc, records in found.items():
            name, person, place = first(records, "name"), first(records, "person"), first(records, "address")
            active = first(records, "active")[0]
            industry = first(records, "industry")[0]
            made.append(
                {
                    "uscc": uscc, "name": name[0], "name_source": name[1], "category": first(records, "category")[0],
                    "responsible_person": person[0], "responsible_person_source": person[1], "address": place[0], "address_source": place[1],
                    "street_name": street_of(place[0]), "status_name": first(records, "status")[0], "is_active": True if active is None else active,
                    "established_date": first(records, "established")[0], "industry": industry, "industry_name": industries.get(industry or ""),
                    "registered_capital": first(records, "capital")[0], "registered_in": ",".join(one["resource"] for one in records),
                    "name_conflict": len({one["name"] for one in records if given(one["name"])}) > 1,
                }
            )  # fmt: skip
        return made

    def _entities(self) -> dict[str, dict[str, Any]]:
        return {row["uscc"]: row for row in self.mart("legal_entities.entities")}

    def legal_entities__workforce(self) -> list[dict[str, Any]]:
        entities = self._entities()
        made = []
        for uscc, rows in self.table("human_resources_bureau.insured_persons").groupby("uscc"):
            active = rows[rows["status"] == "1"]
            bases = [float(base) for base in active["contribution_base"] if given(base)]
            known = entities.get(uscc)
            made.append(
                {
                    "uscc": uscc, "name": known and known["name"], "status_name": known and known["status_name"],
                    "insured_persons": rows["citizen_id"].nunique(), "active_persons": active["citizen_id"].nunique(),
                    "active_insurances": len(active), "mean_contribution_base": round(sum(bases) / len(bases), 2) if bases else None,
                    "is_known": known is not None, "active_while_closed": len(active) > 0 and known is not None and not known["is_active"],
                }
            )  # fmt: skip
        return made

    # one source ----------------------------------------------------------------------------------------------------
    @staticmethod
    def _golden(fact: str, value: Any, source: str, row: dict[str, Any]) -> dict[str, Any]:
        return {"fact": fact, "value": str(value), "source": source, "delivery": row["_delivery"], "since": since_of(row)}

    def population__golden_values(self) -> list[dict[str, Any]]:
        found: dict[tuple[str, str], dict[str, Any]] = {}
        items = {
            "person_name": "name",
            "person_sex": "sex",
            "person_ethnicity": "ethnicity",
            "person_birth_date": "birth_date",
            "person_residence_status": "status",
        }
        for resource, facts in (
            ("public_security_bureau.population", items), ("public_security_bureau.deaths", {"person_legal_death": "death_date"}),
        ):  # fmt: skip
            for row in self._rows(resource):
                for fact, item in facts.items():
                    if given(row[item]):
                        found[row["citizen_id"], fact] = self._golden(fact, row[item], resource, row)
        newest = sorted(
            self._rows("public_security_bureau.temporary_residents"),
            key=lambda row: (row["registered_date"] or date.min, row["registration_no"]),
        )
        for row in reversed(newest):
            if given(row["name"]):
                found.setdefault(
                    (row["citizen_id"], "person_name"),
                    self._golden("person_name", row["name"], "public_security_bureau.temporary_residents", row),
                )
        certified = [row for row in self._rows("health_bureau.death_certificates") if given(row["death_date"]) and given(row["citizen_id"])]
        for row in sorted(certified, key=lambda row: (row["death_date"], row["certificate_no"])):
            made = self._golden("person_certified_death", row["death_date"], "health_bureau.death_certificates", row)
            found.setdefault((row["citizen_id"], "person_certified_death"), made)
        return [{"citizen_id": person, **made} for (person, _), made in found.items()]

    def legal_entities__golden_values(self) -> list[dict[str, Any]]:
        registers = {
            "market_regulation.business_entities": {
                "company_name": "name", "company_type": "entity_type", "company_status": "status", "company_industry": "industry",
                "company_representative": "legal_representative",
            },
            "civil_affairs_bureau.social_organisations": {"social_organisation_name": "name", "social_organisation_status": "status"},
            "agriculture_bureau.collective_economies": {"collective_name": "name"},
            "education_bureau.schools": {"school_name": "name"},
            "health_bureau.medical_institutions": {"institution_name": "name"},
        }  # fmt: skip
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for resource, facts in registers.items():
            rows = self._rows(resource)
            if resource == "health_bureau.medical_institutions":
                rows = sorted(rows, key=lambda row: row["registration_no"])
            for row in rows:
                for fact, item in facts.items():
                    if given(row["uscc"]) and given(row[item]):
                        found.setdefault((row["uscc"], fact), {"uscc": row["uscc"], **self._golden(fact, row[item], resource, row)})
        return list(found.values())

    def supervision__source_conflicts(self) -> list[dict[str, Any]]:
        golden = {(row["fact"], row["citizen_id"]): row for row in self.population__golden_values()}
        golden |= {(row["fact"], row["uscc"]): row for row in self.legal_entities__golden_values()}
        others = (
            ("person_name", "civil_affairs_bureau.low_income_persons", "citizen_id", "name", "household_no"),
            ("person_name", "education_bureau.students", "citizen_id", "name", "student_no"),
            ("person_name", "towns_and_streets.grid_visits", "citizen_id", "name", "visit_no"),
            ("person_name", "public_security_bureau.temporary_residents", "citizen_id", "name", "registration_no"),
            ("person_name", "civil_affairs_bureau.marriages", "citizen_id_a", "name_a", "certificate_no"),
            ("person_name", "civil_affairs_bureau.marriages", "citizen_id_b", "name_b", "certificate_no"),
            ("person_legal_death", "health_bureau.death_certificates", "citizen_id", "death_date", "certificate_no"),
            ("company_name", "education_bureau.schools", "uscc", "name", "uscc"),
            ("company_name", "health_bureau.medical_institutions", "uscc", "name", "registration_no"),
            ("company_name", "market_regulation.food_licences", "uscc", "name", "licence_no"),
            ("institution_name", "medical_insurance_bureau.designated_institutions", "uscc", "name", "institution_code"),
        )
        rows = []
        for fact, resource, subject, item, key in others:
            for row in self._rows(resource):
                right = golden.get((fact, row[subject]))
                if right is None or not given(row[item]) or str(row[item]) == right["value"] or right["source"] == resource:
                    continue
                rows.append(
                    {
                        "fact": fact, "subject": row[subject], "value": right["value"], "source": right["source"], "since": right["since"],
                        "other_value": str(row[item]), "other_source": resource, "other_key": row[key], "other_since": since_of(row),
                    }
                )  # fmt: skip
        return rows

    # credit --------------------------------------------------------------------------------------------------------
    def credit__penalties(self) -> list[dict[str, Any]]:
        entities, made = self._entities(), []
        for resource, source, number, day in (
            ("market_regulation.penalties", "市场监管局", "document_no", "penalty_date"),
            ("urban_management_bureau.penalty_cases", "综合行政执法局", "case_no", "decided_date"),
        ):
            for row in self._rows(resource):
                end = row.get("publicity_end")
                party = "法人" if given(row["party_uscc"]) else "自然人" if given(row["party_citizen_id"]) else "不详"
                made.append(
                    {
                        "source": source, "document_no": row[number], "party_kind": party, "party_uscc": row["party_uscc"],
                        "party_name": entities.get(row["party_uscc"], {}).get("name"), "cause": row["cause"], "amount_yuan": row["amount_yuan"],
                        "decided_date": row[day], "publicity_end": end, "in_publicity": end >= self.today if given(end) else None,
                    }
                )  # fmt: skip
        return made

    def credit__entities(self) -> list[dict[str, Any]]:
        fines: dict[str, list[dict[str, Any]]] = {}
        for row in self.mart("credit.penalties"):
            fines.setdefault(row["party_uscc"], []).append(row)
        permits: dict[str, list[str]] = {}
        for row in self.mart("subjects.licences"):
            permits.setdefault(row["uscc"], []).append(row["state"])
        made = []
        for uscc, entity in self._entities().items():
            mine, states = fines.get(uscc, []), permits.get(uscc, [])
            days = [row["decided_date"] for row in mine if given(row["decided_date"])]
            made.append(
                {
                    "uscc": uscc, "name": entity["name"], "category": entity["category"], "status_name": entity["status_name"],
                    "is_abnormal": not entity["is_active"], "penalties": len(mine),
                    "penalty_amount_yuan": sum((row["amount_yuan"] for row in mine if given(row["amount_yuan"])), Decimal(0)),
                    "last_penalty_date": max(days) if days else None, "licences": len(states), "valid_licences": states.count("有效"),
                    "valid_licences_while_closed": "有效" in states and not entity["is_active"],
                }
            )  # fmt: skip
        return made

    # geography -----------------------------------------------------------------------------------------------------
    def geography__streets(self) -> list[dict[str, Any]]:
        places = self.table("natural_resources_bureau.standard_addresses").copy()
        places["street"] = [street_of(text) for text in places["full_name"]]
        people, entities = self.mart("population.persons"), self.mart("legal_entities.entities")
        homes = self.mart("population.households")
        names = {*places["street"].dropna(), *(one["street_name"] for one in people), *(one["street_name"] for one in entities)} - {None}
        made = []
        for name in names:
            here = places[places["street"] == name]
            codes = here["street_code"].dropna().value_counts()
            living = [one["residence_kind"] for one in people if one["street_name"] == name and one["is_living"]]
            bodies = [one["is_active"] for one in entities if one["street_name"] == name]
            made.append(
                {
                    "street_name": name, "street_code": min(codes[codes == codes.max()].index) if len(codes) else None,
                    "standard_addresses": len(here), "longitude": mean_of(here["longitude"]), "latitude": mean_of(here["latitude"]),
                    "registered_persons": living.count("户籍"), "temporary_persons": living.count("流动"), "legal_entities": len(bodies),
                    "active_legal_entities": sum(bodies), "households": sum(one["street_name"] == name for one in homes),
                }
            )  # fmt: skip
        return made

    def geography__case_grid(self) -> list[dict[str, Any]]:
        cells: dict[tuple[float, float], list[dict[str, Any]]] = {}
        for row in self._rows("urban_management_bureau.penalty_cases"):
            if given(row["longitude"]) and given(row["latitude"]):
                cell = (float(row["longitude"] * 100 // 1) / 100, float(row["latitude"] * 100 // 1) / 100)
                cells.setdefault(cell, []).append(row)
        made = []
        for (longitude, latitude), rows in cells.items():
            days = [row["decided_date"] for row in rows if given(row["decided_date"])]
            amount = sum((row["amount_yuan"] for row in rows if given(row["amount_yuan"])), Decimal(0))
            made.append(
                {"longitude_cell": longitude, "latitude_cell": latitude, "cases": len(rows), "amount_yuan": amount,
                 "first_date": min(days, default=None), "last_date": max(days, default=None)}
            )  # fmt: skip
        return made

    def geography__addresses(self) -> list[dict[str, Any]]:
        registered = self.table("public_security_bureau.population")["address"].dropna().value_counts().to_dict()
        moved = self.table("public_security_bureau.temporary_residents").dropna(subset=["address_code"])
        temporary = moved.groupby("address_code")["citizen_id"].nunique().to_dict()
        bodies = pd.Series([one["address"] for one in self.mart("legal_entities.entities")], dtype=object).dropna().value_counts().to_dict()
        return [
            {
                "address_code": row["address_code"], "full_name": row["full_name"], "street_code": row["street_code"],
                "street_name": street_of(row["full_name"]), "longitude": row["longitude"], "latitude": row["latitude"],
                "registered_persons": registered.get(row["full_name"], 0), "temporary_persons": temporary.get(row["address_code"], 0),
                "legal_entities": bodies.get(row["full_name"], 0),
            }
            for row in self._rows("natural_resources_bureau.standard_addresses")
        ]  # fmt: skip

    # subjects ------------------------------------------------------------------------------------------------------
    def subjects__licences(self) -> list[dict[str, Any]]:
        entities, made = self._entities(), []
        for kind, issuer, resource, number, holder, name, subject, begin in (
            ("食品经营许可", "市场监管局", "market_regulation.food_licences", "licence_no", "uscc", "name", "address", "valid_from"),
            (
                "户外广告许可",
                "综合行政执法局",
                "urban_management_bureau.outdoor_advertising",
                "permit_no",
                "uscc",
                None,
                "place",
                "valid_from",
            ),
            ("医疗机构执业登记", "卫生健康局", "health_bureau.medical_institutions", "registration_no", "uscc", "name", None, "valid_from"),
            (
                "施工许可",
                "住房城乡建设局",
                "housing_bureau.construction_permits",
                "permit_no",
                "developer_uscc",
                None,
                "project",
                "issued_date",
            ),
        ):
            for row in self._rows(resource):
                uscc, start, end = row[holder], row[begin], row.get("valid_to")
                known = entities.get(uscc)
                state = "有效" if given(end) else "无期限"
                if given(end) and end < self.today:
                    state = "已过期"
                if given(start) and start > self.today:
                    state = "未生效"
                named = row[name] if name else None
                made.append(
                    {
                        "kind": kind, "licence_no": row[number], "issued_by": issuer, "uscc": uscc,
                        "holder_name": named if given(named) else known and known["name"], "subject": row[subject] if subject else None,
                        "valid_from": start, "valid_to": end, "state": state, "days_left": (end - self.today).days if given(end) else None,
                        "holder_status": known and known["status_name"], "holder_missing": given(uscc) and known is None,
                        "valid_while_closed": state == "有效" and known is not None and not known["is_active"],
                    }
                )  # fmt: skip
        return made

    def subjects__households_in_need(self) -> list[dict[str, Any]]:
        persons = {row["citizen_id"]: row for row in self.mart("population.persons")}
        estates = self.table("natural_resources_bureau.real_estate").dropna(subset=["holder_citizen_id"])
        visits = self.table("towns_and_streets.grid_visits").dropna(subset=["citizen_id"])
        states = self.codes("benefit_status")
        plain = lambda text: re.sub(r"[·•・．\s]", "", text)  # noqa: E731
        made = []
        for row in self._rows("civil_affairs_bureau.low_income_persons"):
            person = persons.get(row["citizen_id"], {})
            mine = estates[estates["holder_citizen_id"] == row["citizen_id"]]
            seen = visits[visits["citizen_id"] == row["citizen_id"]]
            both = given(row["name"]) and given(person.get("name"))
            made.append(
                {
                    "citizen_id": row["citizen_id"], "household_no": row["household_no"], "name": row["name"],
                    "status_name": states.get(row["status"] or ""), "persons": row["persons"], "monthly_amount": row["monthly_amount"],
                    "start_date": row["start_date"], "is_registered": person.get("residence_kind") == "户籍",
                    "name_differs": both and plain(row["name"]) != plain(person["name"]), "death_date": person.get("death_date"),
                    "real_estate_units": len(mine), "real_estate_area_m2": sum(mine["area_m2"].dropna(), Decimal(0)),
                    "has_employment_insurance": bool(person.get("has_employment_insurance")), "last_pension_month": person.get("last_pension_month"),
                    "has_public_rental": bool(person.get("has_public_rental")), "grid_visits": len(seen),
                    "last_visit_date": max(seen["visit_date"].dropna(), default=None),
                }
            )  # fmt: skip
        return made

    def subjects__services_by_month(self) -> list[dict[str, Any]]:
        persons = {row["citizen_id"]: row["street_name"] for row in self.mart("population.persons")}
        bodies = {uscc: row["street_name"] for uscc, row in self._entities().items()}
        kinds = self.codes("marriage_kind")
        done: list[tuple[str | None, str, Any, str | None]] = []
        for row in self._rows("civil_affairs_bureau.marriages"):
            if row["kind"] in kinds:
                done.append((kinds[row["kind"]], "民政局", row["registered_date"], persons.get(row["citizen_id_a"])))
        for service, agency, resource, day, party, places in (
            ("出生", "卫生健康局", "health_bureau.birth_certificates", "birth_date", "mother_citizen_id", persons),
            ("死亡注销", "公安分局", "public_security_bureau.deaths", "cancellation_date", "citizen_id", persons),
            ("居住登记", "公安分局", "public_security_bureau.temporary_residents", "registered_date", "citizen_id", persons),
            ("食品经营许可", "市场监管局", "market_regulation.food_licences", "valid_from", "uscc", bodies),
            ("施工许可", "住房城乡建设局", "housing_bureau.construction_permits", "issued_date", "developer_uscc", bodies),
            ("行政处罚", "市场监管局", "market_regulation.penalties", "penalty_date", "party_uscc", bodies),
            ("行政处罚", "综合行政执法局", "urban_management_bureau.penalty_cases", "decided_date", "party_uscc", bodies),
        ):
            done += [(service, agency, row[day], places.get(row[party])) for row in self._rows(resource)]
        counted: dict[tuple[Any, ...], int] = {}
        for service, agency, day, street in done:
            if given(day):
                cell = (day.replace(day=1), service, agency, street or "不详")
                counted[cell] = counted.get(cell, 0) + 1
        return [{"month": m, "service": s, "agency_name": a, "street_name": p, "cases": n} for (m, s, a, p), n in counted.items()]

    def subjects__pension_payments_by_month(self) -> list[dict[str, Any]]:
        deaths = {row["citizen_id"]: row["death_date"] for row in self.mart("population.persons")}
        made = []
        for month, rows in self.table("human_resources_bureau.pension_payments").groupby("pay_month"):
            paid = rows[rows["status"] == "1"]
            amounts = list(paid["amount_yuan"].dropna())
            late = [one for one in paid["citizen_id"] if given(deaths.get(one)) and month > f"{deaths[one]:%Y%m}"]
            made.append(
                {
                    "pay_month": month, "recipients": len(paid), "amount_yuan": sum(amounts, Decimal(0)),
                    "mean_amount_yuan": round(float(sum(amounts)) / len(amounts), 2) if amounts else None, "suspended": len(rows) - len(paid),
                    "paid_after_death": len(late),
                }
            )  # fmt: skip
        return made

    # supervision ---------------------------------------------------------------------------------------------------
    def _deliveries(self) -> list[dict[str, Any]]:
        from sqlalchemy import text

        with self.district.store.session(read_only=True) as session:
            names = "id, agency, resource, state, data_date, received_at, counts"
            rows = [dict(row._mapping) for row in session.execute(text(f"select {names} from deliveries"))]
        import json

        for row in rows:
            at = row["received_at"]
            at = datetime.fromisoformat(at) if isinstance(at, str) else at
            at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo("UTC"))
            row["received_date"] = at.astimezone(SHANGHAI).date()
            row["data_date"] = date.fromisoformat(row["data_date"]) if isinstance(row["data_date"], str) else row["data_date"]
            row["counts"] = json.loads(row["counts"]) if isinstance(row["counts"], str) else row["counts"] or {}
        return rows

    def _results(self) -> list[dict[str, Any]]:
        days = {row["id"]: row["data_date"] or row["received_date"] for row in self._deliveries()}
        found = [
            {**row, "resource": name, "agency": name.split(".")[0], "day": days[row["_delivery"]]} for name, row in self.all_of("results")
        ]
        newest = Frame(found).groupby("resource")["validated_at"].max().to_dict()
        return [{**row, "current": row["validated_at"] == newest[row["resource"]]} for row in found]

    @staticmethod
    def _a_b(rows: list[dict[str, Any]]) -> dict[str, Any]:
        a = sum(int(row["passed"]) for row in rows if given(row["passed"]))
        b = sum(int(row["evaluated"]) for row in rows if given(row["evaluated"]))
        return {"satisfying": a, "evaluated": b, "share": a / b if b else None}

    def supervision__quality_by_day(self) -> list[dict[str, Any]]:
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in self._results():
            groups.setdefault((row["agency"], row["resource"], row["dimension"], row["day"]), []).append(row)
        agencies, resources = self.district.catalog.agencies, self.district.catalog.resources
        return [
            {
                "agency": agency, "agency_name": agencies[agency].name, "resource": resource, "resource_title": resources[resource].title,
                "dimension": dimension, "data_date": day, "deliveries": len({row["_delivery"] for row in rows}),
                "rules": len({row["rule"] for row in rows}), "failed_rules": sum(row["outcome"] == "failed" for row in rows),
                "not_evaluated_rules": sum(row["outcome"] == "not_evaluated" for row in rows), **self._a_b(rows),
            }
            for (agency, resource, dimension, day), rows in groups.items()
        ]  # fmt: skip

    def supervision__quality_by_agency(self) -> list[dict[str, Any]]:
        from sqlalchemy import text

        judged: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in self._results():
            if row["current"]:
                judged.setdefault((row["agency"], row["dimension"]), []).append(row)
        problems: dict[tuple[str, str], int] = {}
        for name, row in self.all_of("problems"):
            if row["state"] == "open":
                cell = (name.split(".")[0], row["dimension"])
                problems[cell] = problems.get(cell, 0) + 1
        with self.district.store.session(read_only=True) as session:
            asked = "select agency, dimension, count(*) from tickets where closed_at is null group by agency, dimension"
            tickets = {(agency, dimension): count for agency, dimension, count in session.execute(text(asked))}
        return [
            {
                "agency": agency, "agency_name": self.district.catalog.agencies[agency].name, "dimension": dimension,
                "resources": len({row["resource"] for row in judged.get((agency, dimension), [])}),
                **self._a_b(judged.get((agency, dimension), [])), "open_problems": problems.get((agency, dimension), 0),
                "open_tickets": tickets.get((agency, dimension), 0),
            }
            for agency, dimension in {*judged, *problems, *tickets} if given(dimension)
        ]  # fmt: skip

    def supervision__deliveries_by_day(self) -> list[dict[str, Any]]:
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in self._deliveries():
            if row["state"] != "duplicate":
                groups.setdefault((row["agency"], row["resource"], row["received_date"]), []).append(row)
        fates = ("inserted", "changed", "unchanged", "duplicates", "deletions", "superseded", "quarantined", "held")
        total = lambda rows, *names: sum(row["counts"].get(name, 0) for row in rows for name in names)  # noqa: E731
        return [
            {
                "agency": agency, "resource": resource, "received_date": day, "deliveries": len(rows),
                "held": sum(row["state"] == "held" for row in rows), "failed": sum(row["state"] == "failed" for row in rows),
                "rows_delivered": total(rows, "delivered"), "rows_accounted": total(rows, *fates), "rows_quarantined": total(rows, "quarantined"),
                "rows_inserted": total(rows, "inserted"), "rows_changed": total(rows, "changed"),
            }
            for (agency, resource, day), rows in groups.items()
        ]  # fmt: skip

    def supervision__tickets_by_agency(self) -> list[dict[str, Any]]:
        from sqlalchemy import select

        from districtlake.store.tables import Ticket

        with self.district.store.session(read_only=True) as session:
            rows = session.execute(select(Ticket.agency, Ticket.due_date, Ticket.closed_at)).all()
        made = []
        for agency in {row[0] for row in rows}:
            mine = [(due, closed) for one, due, closed in rows if one == agency]
            unfinished = [due for due, closed in mine if closed is None]
            late = [due for due in unfinished if due < self.today]
            in_time = sum(closed is not None and closed.astimezone(SHANGHAI).date() <= due for due, closed in mine)
            due_or_closed = len(mine) - len(unfinished) + len(late)
            made.append(
                {
                    "agency": agency, "agency_name": self.district.catalog.agencies[agency].name, "tickets": len(mine), "open": len(unfinished),
                    "overdue": len(late), "next_due": min(unfinished, default=None), "closed_in_time": in_time, "closed_or_due": due_or_closed,
                    "share_in_time": in_time / due_or_closed if due_or_closed else None,
                }
            )  # fmt: skip
        return made

    def supervision__update_timeliness(self) -> list[dict[str, Any]]:
        """As the room of supervision tells it, where it is held against a simulated year."""
        from districtlake.supervision.timeliness import timeliness_frame

        return timeliness_frame(self.district).to_dicts()

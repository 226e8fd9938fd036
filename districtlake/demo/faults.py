"""The faults: which resource carries which, and what the district's catalogue must say of each."""

from __future__ import annotations

from datetime import timedelta

from districtlake.demo import fault_kinds as f
from districtlake.demo import layouts as later
from districtlake.demo.fault_kinds import FaultKind
from districtlake.demo.identifiers import CREDIT_ALPHABET
from districtlake.demo.tables import BUSINESS_ENTITIES, DEATHS, FOOD_LICENCES, INSURED_PERSONS, LOW_INCOME, POPULATION
from districtlake.demo.vocabulary import UNKNOWN_ETHNICITIES, UNKNOWN_INDUSTRIES

FAULTS: dict[str, tuple[FaultKind, ...]] = {
    POPULATION.resource: (
        f.conforms("id_check_digit", "citizen_id", f.wrong_check("0123456789X", "citizen_id"), key=True),
        f.conforms("id_scientific", "citizen_id", f.scientific, key=True),
        f.conforms("id_letter", "citizen_id", f.letter, key=True),
        f.conforms("id_short", "citizen_id", f.short, key=True),
        f.conforms("id_birth_impossible", "citizen_id", f.born("0230"), key=True),
        f.FaultKind(
            "id_birth_future",
            "citizen_id",
            "citizen_id.conforms",
            "quarantine",
            f.born("0615", "2099"),
            key=True,
            also=(("birth_date", "birth_date.conforms", "2099-06-15"),),
        ),
        f.missing("name"),
        f.conforms("mojibake", "name", f.mojibake("name")),
        f.missing("sex"),
        f.conforms("unknown_code", "sex", f.one_of("甲", "X", "7")),
        f.conforms("unknown_code", "ethnicity", f.one_of(*UNKNOWN_ETHNICITIES)),
        f.conforms("unknown_code", "status", f.one_of("待核实", "Q")),
        *f.dates("birth_date"),
        f.declared("sex.matches_id", "sex_contradicts_id", "sex", f.other_sex),
        f.declared("birth_date.matches_id", "birth_contradicts_id", "birth_date", f.other_birth),
        f.conflict(POPULATION, f.elsewhere),
    ),
    DEATHS.resource: (
        *f.dates("death_date"),
        f.missing("death_date"),
        f.declared("dates.in_order", "dates_reversed", "cancellation_date", f.before("death_date")),
        f.exists("person_unknown", "citizen_id", f.unknown_citizen),
        f.conflict(DEATHS, lambda values, rng: {"death_date": values["death_date"] - timedelta(days=rng.randrange(1, 9))}),
    ),
    BUSINESS_ENTITIES.resource: (
        f.conforms("uscc_check", "uscc", f.wrong_check(CREDIT_ALPHABET, "uscc"), key=True),
        f.conforms("uscc_forbidden_letter", "uscc", f.forbidden_letter, key=True),
        f.missing("name"),
        f.conforms("unknown_code", "industry", f.one_of(*UNKNOWN_INDUSTRIES)),
        f.conforms("unknown_code", "status", f.one_of("待核实", "Q")),
        f.range_of("registered_capital", "-50", "-1,000.00", slug="negative_amount"),
        f.conforms("not_a_number", "registered_capital", f.one_of("见章程", "壹佰左右")),
        *f.dates("established_date"),
        f.conflict(BUSINESS_ENTITIES, f.elsewhere),
    ),
    FOOD_LICENCES.resource: (
        *f.dates("valid_from"),
        f.missing("name"),
        f.declared("validity.in_order", "dates_reversed", "valid_to", f.before("valid_from")),
        f.exists("entity_unknown", "uscc", f.unknown_entity),
        f.conflict(FOOD_LICENCES, f.elsewhere),
    ),
    INSURED_PERSONS.resource: (
        f.range_of("contribution_base", "2999.99", "300", "88,000", fate="report"),
        *f.dates("start_date"),
        f.conforms("unknown_code", "status", f.one_of("待核实", "Q")),
        f.declared("insured.dates_in_order", "dates_reversed", "end_date", f.ended_before),
        f.exists("person_unknown", "citizen_id", f.unknown_citizen),
        f.exists("entity_unknown", "uscc", f.unknown_entity),
        f.conflict(INSURED_PERSONS, f.other_base),
    ),
    LOW_INCOME.resource: (
        f.range_of("persons", "0", "25", "-3"),
        f.conforms("not_a_number", "persons", f.one_of("若干", "同上")),
        f.range_of("monthly_amount", "0", "-680.00", "0.00"),
        f.conforms("not_a_number", "monthly_amount", f.one_of("见附表", "按标准")),
        *f.dates("start_date"),
        f.missing("status"),
        f.conforms("unknown_code", "status", f.one_of("待核实", "Q")),
        f.conforms("mojibake", "name", f.mojibake("name")),
        f.exists("person_unknown", "citizen_id", f.unknown_citizen),
        f.conflict(LOW_INCOME, lambda values, rng: {"monthly_amount": values["monthly_amount"] + rng.randrange(1, 99)}),
    ),
    later.STANDARD_ADDRESSES.resource: (
        f.missing("full_name"),
        f.pattern("address_code", lambda values, rng, registry: "330212" + values["address_code"][6:], "other_district"),
        f.conforms("malformed_division", "street_code", f.one_of("33020300", "330203A01")),
        f.pattern("street_code", f.one_of("330212001", "330206100"), "other_district"),
        f.conforms("not_a_number", "longitude", f.one_of("东经121.5度", "121°32′")),
        f.range_of("longitude", "120.998877", "29.866100", slug="outside_district"),
        f.range_of("latitude", "30.221100", "121.533000", "0", slug="outside_district"),
        f.conflict(later.STANDARD_ADDRESSES, lambda values, rng: {"full_name": values["full_name"] + "东侧"}),
    ),
    later.REAL_ESTATE.resource: (
        f.conforms("wrong_pattern", "unit_no", f.cut("unit_no"), key=True),
        f.declared("holder.named", "party_missing", "holder_citizen_id", f.emptied("holder_citizen_id", "holder_uscc")),
        f.missing("address"),
        f.range_of("area_m2", "0", "-88.50", "888888"),
        f.conforms("not_a_number", "area_m2", f.one_of("见附图", "约90")),
        *f.dates("registered_date", "date_truncated", "date_impossible"),
        f.exists("entity_unknown", "holder_uscc", f.if_given("holder_uscc", f.unknown_entity)),
        f.conflict(later.REAL_ESTATE, lambda values, rng: {"area_m2": values["area_m2"] + rng.randrange(1, 20)}),
    ),
    later.PUBLIC_RENTAL_LEASES.resource: (
        f.pattern("unit_no", f.cut("unit_no")),
        f.missing("address"),
        f.range_of("area_m2", "9.5", "480", "0"),
        *f.dates("lease_start", "date_placeholder", "date_impossible"),
        f.declared("lease.dates_in_order", "dates_reversed", "lease_end", f.before("lease_start")),
        f.exists("person_unknown", "citizen_id", f.unknown_citizen),
        f.conflict(later.PUBLIC_RENTAL_LEASES, f.other_area),
    ),
    later.CONSTRUCTION_PERMITS.resource: (
        f.pattern("permit_no", f.cut("permit_no")),
        f.missing("project"),
        f.declared("cost_wan.range", "wrong_unit", "cost_wan", f.in_yuan, "report"),
        f.range_of("cost_wan", "0", "-35", fate="report"),
        *f.dates("issued_date", "date_two_digit_year"),
        f.exists("entity_unknown", "developer_uscc", f.unknown_entity),
        f.conflict(later.CONSTRUCTION_PERMITS, lambda values, rng: {"project": values["project"] + "（二期）"}),
    ),
    later.TEMPORARY_RESIDENTS.resource: (
        f.pattern("registration_no", f.cut("registration_no")),
        f.conforms("id_check_digit", "citizen_id", f.wrong_check("0123456789X", "citizen_id")),
        f.conforms("id_scientific", "citizen_id", f.scientific),
        f.missing("name"),
        f.conforms("mojibake", "name", f.mojibake("name")),
        f.declared(
            "address.in_district", "other_district", "address", f.one_of("浙江省宁波市北仑区新碶街道1号", "宁波江北区甬江街道"), "report"
        ),
        *f.dates("registered_date", "date_truncated"),
        f.declared("registration.dates_in_order", "dates_reversed", "expiry_date", f.before("registered_date")),
        f.exists("address_unknown", "address_code", f.one_of("330203001999998", "330203100999997")),
        f.conflict(
            later.TEMPORARY_RESIDENTS, lambda values, rng: {"expiry_date": values["expiry_date"] + timedelta(days=rng.randrange(1, 99))}
        ),
    ),
    later.MARRIAGES.resource: (
        f.pattern("certificate_no", f.cut("certificate_no")),
        f.conforms("id_check_digit", "citizen_id_a", f.wrong_check("0123456789X", "citizen_id_a")),
        f.conforms("id_check_digit", "citizen_id_b", f.wrong_check("0123456789X", "citizen_id_b")),
        f.missing("name_a"),
        f.conforms("mojibake", "name_b", f.mojibake("name_b")),
        f.declared("groom.of_age", "too_young", "citizen_id_a", f.aged("citizen_id_a", 19)),
        f.declared("bride.of_age", "too_young", "citizen_id_b", f.aged("citizen_id_b", 17)),
        f.declared("parties.differ", "same_person", "citizen_id_b", lambda values, rng, registry: values["citizen_id_a"]),
        f.conforms("unknown_code", "kind", f.one_of("复婚", "9")),
        *f.dates("registered_date", "date_impossible"),
        f.conflict(
            later.MARRIAGES, lambda values, rng: {"registered_date": values["registered_date"] - timedelta(days=rng.randrange(1, 9))}
        ),
    ),
    later.SOCIAL_ORGANISATIONS.resource: (
        f.pattern("uscc", f.credit_of("91", "MA"), "other_authority"),
        f.missing("head_name"),
        f.conforms("unknown_code", "kind", f.one_of("协会", "9")),
        f.conforms("unknown_code", "status", f.one_of("待核实", "Q")),
        f.conflict(later.SOCIAL_ORGANISATIONS, lambda values, rng: {"name": values["name"] + "（筹）"}),
    ),
    later.SCHOOLS.resource: (
        f.missing("name"),
        f.conforms("unknown_code", "stage", f.one_of("托育", "0")),
        f.range_of("classes", "0", "-1", "360"),
        f.conforms("not_a_number", "classes", f.one_of("若干", "三十")),
    ),
    later.STUDENTS.resource: (
        f.conforms("unknown_code", "grade", f.one_of("学前班", "13", "大一")),
        f.missing("name"),
        f.conforms("mojibake", "guardian_name", f.mojibake("guardian_name")),
        f.exists("person_unknown", "citizen_id", f.unknown_citizen),
        f.exists("school_unknown", "school_uscc", f.credit_of("12", "4195")),
        f.conflict(later.STUDENTS, lambda values, rng: {"guardian_name": values["guardian_name"] + "华"}),
    ),
    later.BIRTH_CERTIFICATES.resource: (
        f.conforms("wrong_pattern", "certificate_no", f.cut("certificate_no"), key=True),
        f.missing("birth_date"),
        *f.dates("birth_date", "date_two_digit_year", "date_impossible"),
        f.conforms("unknown_code", "newborn_sex", f.one_of("甲", "7")),
        f.exists("person_unknown", "mother_citizen_id", f.unknown_citizen),
        f.declared("hospital.exists", "hospital_unknown", "hospital_uscc", f.credit_of("12", "4195"), "report", refers=True),
        f.conflict(
            later.BIRTH_CERTIFICATES, lambda values, rng: {"birth_date": values["birth_date"] - timedelta(days=rng.randrange(1, 9))}
        ),
    ),
    later.DEATH_CERTIFICATES.resource: (
        f.pattern("certificate_no", f.cut("certificate_no")),
        f.missing("death_date"),
        *f.dates("death_date", "date_truncated"),
        f.exists("person_unknown", "citizen_id", f.unknown_citizen),
        f.conflict(
            later.DEATH_CERTIFICATES, lambda values, rng: {"death_date": values["death_date"] - timedelta(days=rng.randrange(1, 9))}
        ),
    ),
    later.MEDICAL_INSTITUTIONS.resource: (
        f.conforms("uscc_check", "uscc", f.wrong_check(CREDIT_ALPHABET, "uscc")),
        f.missing("name"),
        f.conforms("unknown_code", "level", f.one_of("四级", "甲等")),
        f.declared("validity.in_order", "dates_reversed", "valid_to", f.before("valid_from")),
        f.conflict(later.MEDICAL_INSTITUTIONS, lambda values, rng: {"name": values["name"] + "分院"}),
    ),
    later.PENSION_PAYMENTS.resource: (
        f.conforms("wrong_pattern", "pay_month", lambda values, rng, registry: values["pay_month"][:4] + "13", key=True),
        f.range_of("amount_yuan", "-2860.00", "288600", slug="out_of_range"),
        f.conforms("not_a_number", "amount_yuan", f.one_of("见附表", "按标准")),
        f.conforms("unknown_code", "status", f.one_of("待核实", "Q")),
        f.missing("amount_yuan"),
        f.exists("person_unknown", "citizen_id", f.unknown_citizen),
        f.conflict(later.PENSION_PAYMENTS, lambda values, rng: {"amount_yuan": values["amount_yuan"] + rng.randrange(1, 99)}),
    ),
    later.INSURED_RESIDENTS.resource: (
        *f.dates("start_date", "date_truncated", "date_impossible"),
        f.conforms("unknown_code", "status", f.one_of("待核实", "Q")),
        f.declared("insured.dates_in_order", "dates_reversed", "end_date", f.ended_before),
        f.FaultKind("insured_twice", "citizen_id+insurance_type+status", "active.once_per_person", "report", twin=f.insured_twice),
        f.exists("person_unknown", "citizen_id", f.unknown_citizen),
        f.conflict(later.INSURED_RESIDENTS, f.started_earlier),
    ),
    later.DESIGNATED_INSTITUTIONS.resource: (
        f.missing("name"),
        f.conforms("unknown_code", "kind", f.one_of("诊疗点", "5")),
        f.declared(
            "hospital.exists", "hospital_unknown", "uscc", f.of_kind("定点医疗机构", f.credit_of("12", "4195")), "report", refers=True
        ),
        f.declared("pharmacy.exists", "entity_unknown", "uscc", f.of_kind("定点零售药店", f.unknown_entity), "report", refers=True),
        f.conflict(later.DESIGNATED_INSTITUTIONS, lambda values, rng: {"name": values["name"] + "（新址）"}),
    ),
    later.PENALTIES.resource: (
        f.pattern("document_no", lambda values, rng, registry: values["document_no"].removeprefix("甬海")),
        f.declared("party.named", "party_missing", "party_citizen_id", f.emptied("party_citizen_id", "party_uscc")),
        f.missing("cause"),
        f.range_of("amount_yuan", "-500", "-1,000.00", slug="negative_amount"),
        *f.dates("penalty_date", "date_two_digit_year", "date_placeholder"),
        f.declared("publicity.in_order", "dates_reversed", "publicity_end", f.before("penalty_date")),
        f.exists("entity_unknown", "party_uscc", f.if_given("party_uscc", f.unknown_entity)),
        f.conflict(later.PENALTIES, lambda values, rng: {"amount_yuan": values["amount_yuan"] + rng.randrange(1, 99)}),
    ),
    later.PENALTY_CASES.resource: (
        f.pattern("case_no", lambda values, rng, registry: values["case_no"].replace("综执罚", "城管")),
        f.declared("party.named", "party_missing", "party_citizen_id", f.emptied("party_citizen_id", "party_uscc")),
        f.conforms("id_check_digit", "party_citizen_id", f.if_given("party_citizen_id", f.wrong_check("0123456789X", "party_citizen_id"))),
        f.range_of("longitude", "29.866100", "120.998877", slug="outside_district"),
        f.range_of("latitude", "121.533000", "30.221100", "0", slug="outside_district"),
        f.range_of("amount_yuan", "-200", "-50.00", slug="negative_amount"),
        f.conforms("not_a_number", "amount_yuan", f.one_of("警告", "另计")),
        *f.dates("decided_date", "date_impossible"),
        f.exists("entity_unknown", "party_uscc", f.if_given("party_uscc", f.unknown_entity)),
        f.conflict(later.PENALTY_CASES, lambda values, rng: {"amount_yuan": values["amount_yuan"] + rng.randrange(1, 99)}),
    ),
    later.OUTDOOR_ADVERTISING.resource: (
        f.pattern("permit_no", f.cut("permit_no")),
        f.missing("place"),
        *f.dates("valid_from", "date_placeholder"),
        f.declared("validity.in_order", "dates_reversed", "valid_to", f.before("valid_from")),
        f.exists("entity_unknown", "uscc", f.unknown_entity),
        f.conflict(later.OUTDOOR_ADVERTISING, lambda values, rng: {"place": values["place"] + "南侧"}),
    ),
    later.COLLECTIVE_ECONOMIES.resource: (
        f.pattern("uscc", f.credit_of("52", "MJ"), "other_authority"),
        f.missing("village"),
        f.missing("legal_representative"),
        f.conflict(later.COLLECTIVE_ECONOMIES, lambda values, rng: {"name": values["name"] + "（新）"}),
    ),
    later.GRID_VISITS.resource: (
        f.pattern("visit_no", f.cut("visit_no")),
        f.pattern("grid_no", lambda values, rng, registry: "330212" + values["grid_no"][6:], "other_district"),
        f.conforms("mojibake", "name", f.mojibake("name")),
        f.missing("matter"),
        *f.dates("visit_date", "date_truncated"),
        f.exists("person_unknown", "citizen_id", f.unknown_citizen),
        f.conflict(later.GRID_VISITS, lambda values, rng: {"matter": values["matter"] + "（补记）"}),
    ),
}
"""The kinds of fault of each resource."""

"""The eight comparisons across agencies in plain SQL over the warehouse: a second reading of what the demonstration calls leads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import duckdb
import polars as pl

Found = set[tuple[str, str, tuple[str, ...], tuple[str, ...]]]
"""Rule, left resource, left key, right key."""

_DEAD = """
    create temp view dead as
    select citizen_id, strftime(death_date, '%Y%m') as month, citizen_id as key from deaths
    union all
    select citizen_id, min(strftime(death_date, '%Y%m')), min(certificate_no) from death_certificates
    where citizen_id not in (select citizen_id from deaths) group by citizen_id;
    create temp view owned as
    select holder_citizen_id as citizen_id, count(*) as dwellings, min(unit_no) as unit_no from real_estate
    where holder_citizen_id is not null group by all;
    create temp view ended as select uscc from business_entities where status in ('2', '3');
"""
_RULES = (
    ("C1", "pension_payments", "select p.citizen_id, p.pay_month, d.key from pension_payments p join dead d using (citizen_id)"
     " where d.month < p.pay_month", 2),
    ("C1", "low_income_persons", "select l.citizen_id, l.household_no, d.key from low_income_persons l join dead d using (citizen_id)"
     " where l.status = '1' and d.month < strftime($today, '%Y%m')", 2),
    *((("C2", table, f"select t.{key}, p.citizen_id from {table} t join population p on p.citizen_id = t.{number} where p.name <> t.{name}",
        key.count(",") + 1) for table, key, number, name in (
            ("low_income_persons", "citizen_id, t.household_no", "citizen_id", "name"),
            ("students", "student_no", "citizen_id", "name"),
            ("grid_visits", "visit_no", "citizen_id", "name"),
            ("marriages", "certificate_no", "citizen_id_a", "name_a"),
            ("marriages", "certificate_no", "citizen_id_b", "name_b")))),
    ("C3", "insured_persons", "select citizen_id, uscc, insurance_type, uscc from insured_persons semi join ended using (uscc)"
     " where status = '1'", 3),
    *((("C5", table, f"select {key}, case when uscc in (from ended) then uscc end from {table} where valid_to >= $today and (uscc in (from ended)"
        + (" or uscc not in (select uscc from business_entities))" if table != "medical_institutions" else ")"), 1)
       for table, key in (("food_licences", "licence_no"), ("outdoor_advertising", "permit_no"), ("medical_institutions", "registration_no")))),
    ("C4", "low_income_persons", "select l.citizen_id, l.household_no, unit_no from low_income_persons l join owned using (citizen_id)"
     " where dwellings >= 2 and status = '1'", 2),
    ("C6", "population", "select p.citizen_id, c.certificate_no from population p join death_certificates c using (citizen_id)"
     " where p.status = '1' and c.death_date < $today - interval 30 day and citizen_id not in (select citizen_id from deaths)", 1),
    ("C7", "public_rental_leases", "select l.citizen_id, l.unit_no, o.unit_no from public_rental_leases l join owned o using (citizen_id)"
     " where $today between lease_start and lease_end", 2),
    ("C8", "students", "select s.student_no, p.citizen_id from students s join population p using (citizen_id)"
     " where abs(year($today::date) - year(p.birth_date) - s.grade::int - 6) > 3", 1),
)  # fmt: skip


def leads_in(frame_of: Callable[[str], pl.DataFrame], resources: tuple[str, ...], today: date) -> Found:
    """What the comparisons find; ``frame_of``: the warehouse's current rows of an "agency.resource"."""
    found: Found = set()
    with duckdb.connect() as connection:
        for resource in resources:
            connection.register(resource.split(".")[1], frame_of(resource).to_arrow())
        connection.execute(_DEAD)
        for rule, left, sql, width in _RULES:
            rows = connection.execute(sql, {"today": today} if "$today" in sql else None).fetchall()
            for row in rows:
                found.add((rule, left, tuple(map(str, row[:width])), tuple(str(cell) for cell in row[width:] if cell is not None)))
    return found

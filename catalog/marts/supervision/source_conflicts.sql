with golden as (
    select fact, citizen_id as subject, value, source, since from population.golden_values
    union all by name
    select fact, uscc as subject, value, source, since from legal_entities.golden_values
),
others as (
    select 'person_name' as fact, citizen_id as subject, name as value, 'civil_affairs_bureau.low_income_persons' as source, household_no as key, _valid_from
    from civil_affairs_bureau.low_income_persons
    union all by name
    select 'person_name' as fact, citizen_id as subject, name as value, 'education_bureau.students' as source, student_no as key, _valid_from
    from education_bureau.students
    union all by name
    select 'person_name' as fact, citizen_id as subject, name as value, 'towns_and_streets.grid_visits' as source, visit_no as key, _valid_from
    from towns_and_streets.grid_visits
    union all by name
    select 'person_name' as fact, citizen_id as subject, name as value, 'public_security_bureau.temporary_residents' as source, registration_no as key, _valid_from
    from public_security_bureau.temporary_residents
    union all by name
    select 'person_name' as fact, citizen_id_a as subject, name_a as value, 'civil_affairs_bureau.marriages' as source, certificate_no as key, _valid_from
    from civil_affairs_bureau.marriages
    union all by name
    select 'person_name' as fact, citizen_id_b as subject, name_b as value, 'civil_affairs_bureau.marriages' as source, certificate_no as key, _valid_from
    from civil_affairs_bureau.marriages
    union all by name
    select
        'person_legal_death' as fact, citizen_id as subject, cast(death_date as varchar) as value, 'health_bureau.death_certificates' as source,
        certificate_no as key, _valid_from
    from health_bureau.death_certificates
    union all by name
    select 'company_name' as fact, uscc as subject, name as value, 'education_bureau.schools' as source, uscc as key, _valid_from
    from education_bureau.schools
    union all by name
    select 'company_name' as fact, uscc as subject, name as value, 'health_bureau.medical_institutions' as source, registration_no as key, _valid_from
    from health_bureau.medical_institutions
    union all by name
    select 'company_name' as fact, uscc as subject, name as value, 'market_regulation.food_licences' as source, licence_no as key, _valid_from
    from market_regulation.food_licences
    union all by name
    select 'institution_name' as fact, uscc as subject, name as value, 'medical_insurance_bureau.designated_institutions' as source, institution_code as key, _valid_from
    from medical_insurance_bureau.designated_institutions
)
select
    g.fact, g.subject, g.value, g.source, g.since, o.value as other_value, o.source as other_source, o.key as other_key,
    cast(o._valid_from as date) as other_since
from golden g
join others o on o.fact = g.fact and o.subject = g.subject
where o.value is not null and o.value <> g.value and o.source <> g.source

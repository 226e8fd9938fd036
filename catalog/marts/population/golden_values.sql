-- 次序与 catalog/authority.yaml 一致（有测试核对）：户籍先于居住登记；注销日期以公安为准，医学死亡日期以死亡医学证明为准。
with registered as (
    select citizen_id, name, sex, ethnicity, birth_date, status, _delivery as delivery, cast(_valid_from as date) as since
    from public_security_bureau.population
),
temporary as (
    select citizen_id, name, _delivery as delivery, cast(_valid_from as date) as since
    from public_security_bureau.temporary_residents
    where name is not null and citizen_id not in (select citizen_id from registered where name is not null)
    qualify row_number() over (partition by citizen_id order by registered_date desc nulls last, registration_no desc) = 1
),
certified as (
    select citizen_id, death_date, _delivery as delivery, cast(_valid_from as date) as since
    from health_bureau.death_certificates
    where citizen_id is not null and death_date is not null
    qualify row_number() over (partition by citizen_id order by death_date, certificate_no) = 1
),
found as (
    select citizen_id, 'person_name' as fact, name as value, 'public_security_bureau.population' as source, delivery, since from registered
    union all by name
    select citizen_id, 'person_name' as fact, name as value, 'public_security_bureau.temporary_residents' as source, delivery, since from temporary
    union all by name
    select citizen_id, 'person_sex' as fact, sex as value, 'public_security_bureau.population' as source, delivery, since from registered
    union all by name
    select citizen_id, 'person_ethnicity' as fact, ethnicity as value, 'public_security_bureau.population' as source, delivery, since from registered
    union all by name
    select
        citizen_id, 'person_birth_date' as fact, cast(birth_date as varchar) as value, 'public_security_bureau.population' as source, delivery, since
    from registered
    union all by name
    select citizen_id, 'person_residence_status' as fact, status as value, 'public_security_bureau.population' as source, delivery, since from registered
    union all by name
    select
        citizen_id, 'person_legal_death' as fact, cast(death_date as varchar) as value, 'public_security_bureau.deaths' as source,
        _delivery as delivery, cast(_valid_from as date) as since
    from public_security_bureau.deaths
    union all by name
    select
        citizen_id, 'person_certified_death' as fact, cast(death_date as varchar) as value, 'health_bureau.death_certificates' as source, delivery, since
    from certified
)
select citizen_id, fact, value, source, delivery, since
from found
where value is not null

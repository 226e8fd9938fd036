with registered as (
    select address, count(*) as persons from public_security_bureau.population where address is not null group by address
),
temporary as (
    -- 流动人口按登记时选定的标准地址编码
    select address_code, count(distinct citizen_id) as persons
    from public_security_bureau.temporary_residents
    where address_code is not null
    group by address_code
),
entities as (
    select address, count(*) as entities from legal_entities.entities where address is not null group by address
)
select
    a.address_code, a.full_name, a.street_code,
    nullif(regexp_extract(a.full_name, '[区县]([^区县]*?(?:街道|镇|乡))', 1), '') as street_name,
    a.longitude, a.latitude,
    coalesce(r.persons, 0) as registered_persons, coalesce(t.persons, 0) as temporary_persons, coalesce(e.entities, 0) as legal_entities
from natural_resources_bureau.standard_addresses a
left join registered r on r.address = a.full_name
left join temporary t on t.address_code = a.address_code
left join entities e on e.address = a.full_name

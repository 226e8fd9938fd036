-- 一人一行。每个 CTE 把一个来源归并到每人一行，最后按公民身份号码左连接；不按姓名连接任何人。
with registered as (
    select citizen_id, name, sex, birth_date, household_no, address, status
    from public_security_bureau.population
),
temporary as (
    -- 同一人多次登记的，取最近一次；已在户籍中的不再计入
    select citizen_id, name, address
    from public_security_bureau.temporary_residents
    where citizen_id not in (select citizen_id from registered)
    qualify row_number() over (partition by citizen_id order by registered_date desc nulls last, registration_no desc) = 1
),
persons as (
    select citizen_id, name, '户籍' as residence_kind, sex, birth_date, household_no, address, status from registered
    union all by name
    select citizen_id, name, '流动' as residence_kind, address from temporary
),
cancelled as (
    select citizen_id, death_date from public_security_bureau.deaths
),
certified as (
    select citizen_id, min(death_date) as death_date from health_bureau.death_certificates group by citizen_id
),
marital as (
    select citizen_id, kind, registered_date
    from (
        select citizen_id_a as citizen_id, kind, registered_date, certificate_no from civil_affairs_bureau.marriages
        union all
        select citizen_id_b, kind, registered_date, certificate_no from civil_affairs_bureau.marriages
    )
    where citizen_id is not null
    qualify row_number() over (partition by citizen_id order by registered_date desc nulls last, certificate_no desc) = 1
),
employed as (
    select distinct citizen_id from human_resources_bureau.insured_persons where status = '1'
),
medical as (
    select distinct citizen_id from medical_insurance_bureau.insured_residents where status = '1'
),
pension as (
    select citizen_id, max(pay_month) as last_month from human_resources_bureau.pension_payments where status = '1' group by citizen_id
),
low_income as (
    select distinct citizen_id from civil_affairs_bureau.low_income_persons where status = '1'
),
tenants as (
    select distinct citizen_id from housing_bureau.public_rental_leases
),
property as (
    select holder_citizen_id as citizen_id, count(*) as units
    from natural_resources_bureau.real_estate
    where holder_citizen_id is not null
    group by holder_citizen_id
)
select
    p.citizen_id,
    p.name,
    p.residence_kind,
    p.sex,
    s.name as sex_name,
    p.birth_date,
    p.household_no,
    p.address,
    nullif(regexp_extract(p.address, '[区县]([^区县]*?(?:街道|镇|乡))', 1), '') as street_name,
    p.status as residence_status,
    coalesce(d.death_date, c.death_date) as death_date,
    case when d.death_date is not null then '公安分局' when c.death_date is not null then '卫生健康局' end as death_source,
    d.death_date is null and c.death_date is null and coalesce(p.status, '') <> '3' as is_living,
    k.name as marital_event,
    m.registered_date as marital_event_date,
    e.citizen_id is not null as has_employment_insurance,
    i.citizen_id is not null as has_medical_insurance,
    n.last_month as last_pension_month,
    l.citizen_id is not null as is_low_income,
    t.citizen_id is not null as has_public_rental,
    coalesce(r.units, 0) as real_estate_units
from persons p
left join cancelled d on d.citizen_id = p.citizen_id
left join certified c on c.citizen_id = p.citizen_id
left join marital m on m.citizen_id = p.citizen_id
left join employed e on e.citizen_id = p.citizen_id
left join medical i on i.citizen_id = p.citizen_id
left join pension n on n.citizen_id = p.citizen_id
left join low_income l on l.citizen_id = p.citizen_id
left join tenants t on t.citizen_id = p.citizen_id
left join property r on r.citizen_id = p.citizen_id
left join system.codes s on s.code_list = 'gb_t_2261_1' and s.code = p.sex
left join system.codes k on k.code_list = 'marriage_kind' and k.code = m.kind

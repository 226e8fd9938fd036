with property as (
    select holder_citizen_id as citizen_id, count(*) as units, sum(area_m2) as area
    from natural_resources_bureau.real_estate
    where holder_citizen_id is not null
    group by holder_citizen_id
),
visits as (
    select citizen_id, count(*) as visits, max(visit_date) as last_date
    from towns_and_streets.grid_visits
    where citizen_id is not null
    group by citizen_id
)
select
    l.citizen_id, l.household_no, l.name, s.name as status_name, l.persons, l.monthly_amount, l.start_date,
    coalesce(p.residence_kind = '户籍', false) as is_registered,
    coalesce(
        regexp_replace(l.name, '[·•・．\s]', '', 'g') <> regexp_replace(p.name, '[·•・．\s]', '', 'g'), false
    ) as name_differs,
    p.death_date,
    coalesce(r.units, 0) as real_estate_units, coalesce(r.area, 0) as real_estate_area_m2,
    coalesce(p.has_employment_insurance, false) as has_employment_insurance,
    p.last_pension_month,
    coalesce(p.has_public_rental, false) as has_public_rental,
    coalesce(v.visits, 0) as grid_visits, v.last_date as last_visit_date
from civil_affairs_bureau.low_income_persons l
left join population.persons p on p.citizen_id = l.citizen_id
left join property r on r.citizen_id = l.citizen_id
left join visits v on v.citizen_id = l.citizen_id
left join system.codes s on s.code_list = 'benefit_status' and s.code = l.status

with done as (
    select k.name as service, '民政局' as agency_name, m.registered_date as day, p.street_name
    from civil_affairs_bureau.marriages m
    join system.codes k on k.code_list = 'marriage_kind' and k.code = m.kind
    left join population.persons p on p.citizen_id = m.citizen_id_a
    union all
    select '出生', '卫生健康局', b.birth_date, p.street_name
    from health_bureau.birth_certificates b
    left join population.persons p on p.citizen_id = b.mother_citizen_id
    union all
    select '死亡注销', '公安分局', d.cancellation_date, p.street_name
    from public_security_bureau.deaths d
    left join population.persons p on p.citizen_id = d.citizen_id
    union all
    select '居住登记', '公安分局', r.registered_date, p.street_name
    from public_security_bureau.temporary_residents r
    left join population.persons p on p.citizen_id = r.citizen_id
    union all
    select '食品经营许可', '市场监管局', f.valid_from, e.street_name
    from market_regulation.food_licences f
    left join legal_entities.entities e on e.uscc = f.uscc
    union all
    select '施工许可', '住房城乡建设局', c.issued_date, e.street_name
    from housing_bureau.construction_permits c
    left join legal_entities.entities e on e.uscc = c.developer_uscc
    union all
    select '行政处罚', source, decided_date, e.street_name
    from credit.penalties c
    left join legal_entities.entities e on e.uscc = c.party_uscc
)
select
    cast(date_trunc('month', day) as date) as month, service, agency_name, coalesce(street_name, '不详') as street_name,
    count(*) as cases
from done
where day is not null
group by all

with located as (
    select
        nullif(regexp_extract(full_name, '[区县]([^区县]*?(?:街道|镇|乡))', 1), '') as street_name, street_code, longitude, latitude
    from natural_resources_bureau.standard_addresses
),
places as (
    select
        street_name, mode(street_code order by street_code) as street_code, count(*) as standard_addresses,
        round(cast(sum(longitude) as double) / count(longitude), 6) as longitude, round(cast(sum(latitude) as double) / count(latitude), 6) as latitude
    from located
    where street_name is not null
    group by street_name
),
persons as (
    select
        street_name,
        count(*) filter (residence_kind = '户籍' and is_living) as registered_persons,
        count(*) filter (residence_kind = '流动' and is_living) as temporary_persons
    from population.persons
    where street_name is not null
    group by street_name
),
homes as (
    select street_name, count(*) as households from population.households where street_name is not null group by street_name
),
entities as (
    select street_name, count(*) as legal_entities, count(*) filter (is_active) as active_legal_entities
    from legal_entities.entities
    where street_name is not null
    group by street_name
),
names as (
    select street_name from places
    union
    select street_name from persons
    union
    select street_name from entities
)
select
    n.street_name, p.street_code, coalesce(p.standard_addresses, 0) as standard_addresses, p.longitude, p.latitude,
    coalesce(r.registered_persons, 0) as registered_persons, coalesce(r.temporary_persons, 0) as temporary_persons,
    coalesce(e.legal_entities, 0) as legal_entities, coalesce(e.active_legal_entities, 0) as active_legal_entities,
    coalesce(h.households, 0) as households
from names n
left join places p on p.street_name = n.street_name
left join persons r on r.street_name = n.street_name
left join entities e on e.street_name = n.street_name
left join homes h on h.street_name = n.street_name

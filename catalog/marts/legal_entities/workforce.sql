with insured as (
    select
        uscc,
        count(distinct citizen_id) as insured_persons,
        count(distinct citizen_id) filter (status = '1') as active_persons,
        count(*) filter (status = '1') as active_insurances,
        round(cast(sum(contribution_base) filter (status = '1') as double) / count(contribution_base) filter (status = '1'), 2) as mean_contribution_base
    from human_resources_bureau.insured_persons
    group by uscc
)
select
    i.uscc, e.name, e.status_name, i.insured_persons, i.active_persons, i.active_insurances, i.mean_contribution_base,
    e.uscc is not null as is_known,
    i.active_persons > 0 and not coalesce(e.is_active, true) as active_while_closed
from insured i
left join legal_entities.entities e on e.uscc = i.uscc

select
    r.agency, a.name as agency_name, r.resource, c.title as resource_title, r.dimension, r.data_date,
    count(distinct r.delivery) as deliveries,
    count(distinct r.rule) as rules,
    coalesce(sum(r.passed), 0) as satisfying,
    coalesce(sum(r.evaluated), 0) as evaluated,
    count(*) filter (r.outcome = 'failed') as failed_rules,
    count(*) filter (r.outcome = 'not_evaluated') as not_evaluated_rules,
    case when sum(r.evaluated) > 0 then cast(sum(r.passed) as double) / cast(sum(r.evaluated) as double) end as share
from system.results r
join system.agencies a on a.agency = r.agency
join system.resources c on c.resource = r.resource
where r.data_date is not null
group by all

with judged as (
    select agency, dimension, count(distinct resource) as resources, coalesce(sum(passed), 0) as satisfying, coalesce(sum(evaluated), 0) as evaluated
    from system.results
    where current
    group by all
),
problems as (
    select agency, dimension, count(*) as problems from system.problems where state = 'open' group by all
),
tickets as (
    select agency, dimension, count(*) as tickets from system.tickets where closed_at is null group by all
),
every as (
    select agency, dimension from judged
    union
    select agency, dimension from problems
    union
    select agency, dimension from tickets
)
select
    e.agency, a.name as agency_name, e.dimension, coalesce(j.resources, 0) as resources, coalesce(j.satisfying, 0) as satisfying,
    coalesce(j.evaluated, 0) as evaluated,
    case when j.evaluated > 0 then cast(j.satisfying as double) / cast(j.evaluated as double) end as share,
    coalesce(p.problems, 0) as open_problems, coalesce(t.tickets, 0) as open_tickets
from every e
join system.agencies a on a.agency = e.agency
left join judged j on j.agency = e.agency and j.dimension = e.dimension
left join problems p on p.agency = e.agency and p.dimension = e.dimension
left join tickets t on t.agency = e.agency and t.dimension = e.dimension
where e.dimension is not null

with judged as (
    select
        x.agency, x.due_date, x.closed_at is null as is_open, x.closed_at is null and x.due_date < t.today as is_overdue,
        x.closed_at is not null and cast(x.closed_at as date) <= x.due_date as is_in_time
    from system.tickets x
    cross join system.today t
)
select
    j.agency, a.name as agency_name, count(*) as tickets, count(*) filter (is_open) as open, count(*) filter (is_overdue) as overdue,
    min(due_date) filter (is_open) as next_due, count(*) filter (is_in_time) as closed_in_time,
    count(*) filter (not is_open or is_overdue) as closed_or_due,
    case when count(*) filter (not is_open or is_overdue) > 0
        then cast(count(*) filter (is_in_time) as double) / cast(count(*) filter (not is_open or is_overdue) as double)
    end as share_in_time
from judged j
join system.agencies a on a.agency = j.agency
group by j.agency, a.name

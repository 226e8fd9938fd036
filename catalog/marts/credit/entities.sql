with penalised as (
    select party_uscc as uscc, count(*) as penalties, sum(amount_yuan) as amount, max(decided_date) as last_date
    from credit.penalties
    where party_uscc is not null
    group by party_uscc
),
licensed as (
    select uscc, count(*) as licences, count(*) filter (state = '有效') as valid
    from subjects.licences
    where uscc is not null
    group by uscc
)
select
    e.uscc, e.name, e.category, e.status_name, not e.is_active as is_abnormal,
    coalesce(p.penalties, 0) as penalties, coalesce(p.amount, 0) as penalty_amount_yuan, p.last_date as last_penalty_date,
    coalesce(l.licences, 0) as licences, coalesce(l.valid, 0) as valid_licences,
    coalesce(l.valid, 0) > 0 and not e.is_active as valid_licences_while_closed
from legal_entities.entities e
left join penalised p on p.uscc = e.uscc
left join licensed l on l.uscc = e.uscc

select
    b.pay_month,
    count(*) filter (b.status = '1') as recipients,
    coalesce(sum(b.amount_yuan) filter (b.status = '1'), 0) as amount_yuan,
    round(cast(sum(b.amount_yuan) filter (b.status = '1') as double) / count(b.amount_yuan) filter (b.status = '1'), 2) as mean_amount_yuan,
    count(*) filter (b.status is distinct from '1') as suspended,
    count(*) filter (b.status = '1' and p.death_date is not null and b.pay_month > strftime(p.death_date, '%Y%m')) as paid_after_death
from human_resources_bureau.pension_payments b
left join population.persons p on p.citizen_id = b.citizen_id
group by b.pay_month

select
    floor(cast(longitude as double) * 100) / 100 as longitude_cell,
    floor(cast(latitude as double) * 100) / 100 as latitude_cell,
    count(*) as cases,
    coalesce(sum(amount_yuan), 0) as amount_yuan,
    min(decided_date) as first_date,
    max(decided_date) as last_date
from urban_management_bureau.penalty_cases
where longitude is not null and latitude is not null
group by 1, 2

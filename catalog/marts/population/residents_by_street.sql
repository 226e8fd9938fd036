select
    coalesce(p.street_name, '不详') as street_name,
    case
        when p.birth_date is null then '不详'
        when date_sub('year', p.birth_date, t.today) < 18 then '0-17'
        when date_sub('year', p.birth_date, t.today) < 60 then '18-59'
        else '60及以上'
    end as age_band,
    coalesce(p.sex_name, '不详') as sex_name,
    count(*) filter (p.residence_kind = '户籍') as registered,
    count(*) filter (p.residence_kind = '流动') as temporary
from population.persons p
cross join system.today t
where p.is_living
group by 1, 2, 3

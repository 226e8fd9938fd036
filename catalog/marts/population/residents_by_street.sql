-- 周岁按生成当日计算：生日过了才算满。
with living as (
    select
        p.street_name, p.sex_name, p.residence_kind,
        (cast(strftime(t.today, '%Y%m%d') as integer) - cast(strftime(p.birth_date, '%Y%m%d') as integer)) // 10000 as age
    from population.persons p
    cross join system.today t
    where p.is_living
)
select
    coalesce(street_name, '不详') as street_name,
    case when age is null then '不详' when age < 18 then '0-17' when age < 60 then '18-59' else '60及以上' end as age_band,
    coalesce(sex_name, '不详') as sex_name,
    count(*) filter (residence_kind = '户籍') as registered,
    count(*) filter (residence_kind = '流动') as temporary
from living
group by 1, 2, 3

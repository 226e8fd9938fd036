-- 一户一行；没有户号的人不计。周岁按生成当日计算：生日过了才算满。
with members as (
    select
        p.household_no, p.street_name, p.is_living, p.is_low_income, p.has_employment_insurance, p.real_estate_units,
        (cast(strftime(t.today, '%Y%m%d') as integer) - cast(strftime(p.birth_date, '%Y%m%d') as integer)) // 10000 as age
    from population.persons p
    cross join system.today t
    where p.household_no is not null and p.residence_kind = '户籍'
)
select
    household_no,
    mode(street_name order by street_name) as street_name,
    count(*) as persons,
    count(*) filter (is_living) as living_persons,
    count(*) filter (is_living and age < 18) as minors,
    count(*) filter (is_living and age >= 60) as elderly,
    count(*) filter (is_low_income) as low_income_persons,
    count(*) filter (has_employment_insurance) as insured_workers,
    sum(real_estate_units) as real_estate_units
from members
group by household_no

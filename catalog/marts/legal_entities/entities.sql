-- 权威顺序：市场监管局、民政局、农业农村局、教育局、卫生健康局（一数一源：谁登记，以谁为准）。
with every as (
    select
        b.uscc, b.name, t.name as category, b.legal_representative as responsible_person, b.address, s.name as status_name,
        b.status = '1' as is_active, b.established_date, b.industry, b.registered_capital, 1 as rank, '市场监管局' as source,
        'market_regulation.business_entities' as resource
    from market_regulation.business_entities b
    left join system.codes t on t.code_list = 'entity_type' and t.code = b.entity_type
    left join system.codes s on s.code_list = 'registration_status' and s.code = b.status
    union all by name
    select
        o.uscc, o.name, '社会组织' as category, o.head_name as responsible_person, s.name as status_name, o.status = '1' as is_active,
        2 as rank, '民政局' as source, 'civil_affairs_bureau.social_organisations' as resource
    from civil_affairs_bureau.social_organisations o
    left join system.codes s on s.code_list = 'social_organisation_status' and s.code = o.status
    union all by name
    select
        uscc, name, '农村集体经济组织' as category, legal_representative as responsible_person, 3 as rank, '农业农村局' as source,
        'agriculture_bureau.collective_economies' as resource
    from agriculture_bureau.collective_economies
    union all by name
    select uscc, name, '学校' as category, address, 4 as rank, '教育局' as source, 'education_bureau.schools' as resource
    from education_bureau.schools
    union all by name
    -- 一家医疗机构可有多个登记号，取登记号最小的一条
    select uscc, name, '医疗机构' as category, 5 as rank, '卫生健康局' as source, 'health_bureau.medical_institutions' as resource
    from health_bureau.medical_institutions
    where uscc is not null
    qualify row_number() over (partition by uscc order by registration_no) = 1
),
merged as (
    select
        uscc,
        arg_min(name, rank) filter (name is not null) as name,
        arg_min(source, rank) filter (name is not null) as name_source,
        arg_min(category, rank) filter (category is not null) as category,
        arg_min(responsible_person, rank) filter (responsible_person is not null) as responsible_person,
        arg_min(source, rank) filter (responsible_person is not null) as responsible_person_source,
        arg_min(address, rank) filter (address is not null) as address,
        arg_min(source, rank) filter (address is not null) as address_source,
        arg_min(status_name, rank) filter (status_name is not null) as status_name,
        coalesce(arg_min(is_active, rank) filter (is_active is not null), true) as is_active,
        any_value(established_date) as established_date,
        any_value(industry) as industry,
        any_value(registered_capital) as registered_capital,
        string_agg(resource, ',' order by rank) as registered_in,
        count(distinct name) > 1 as name_conflict
    from every
    group by uscc
)
select
    m.uscc, m.name, m.name_source, m.category, m.responsible_person, m.responsible_person_source, m.address, m.address_source,
    nullif(regexp_extract(m.address, '[区县]([^区县]*?(?:街道|镇|乡))', 1), '') as street_name,
    m.status_name, m.is_active, m.established_date, m.industry, i.name as industry_name, m.registered_capital, m.registered_in, m.name_conflict
from merged m
left join system.codes i on i.code_list = 'gb_t_4754' and i.code = m.industry

with companies as (
    select *, _delivery as delivery, cast(_valid_from as date) as since from market_regulation.business_entities
),
institutions as (
    -- 一家医疗机构可有多个登记号，取登记号最小的一条
    select uscc, name, _delivery as delivery, cast(_valid_from as date) as since
    from health_bureau.medical_institutions
    where uscc is not null
    qualify row_number() over (partition by uscc order by registration_no) = 1
),
found as (
    select uscc, 'company_name' as fact, name as value, 'market_regulation.business_entities' as source, delivery, since from companies
    union all by name
    select uscc, 'company_type' as fact, entity_type as value, 'market_regulation.business_entities' as source, delivery, since from companies
    union all by name
    select uscc, 'company_status' as fact, status as value, 'market_regulation.business_entities' as source, delivery, since from companies
    union all by name
    select uscc, 'company_industry' as fact, industry as value, 'market_regulation.business_entities' as source, delivery, since from companies
    union all by name
    select
        uscc, 'company_representative' as fact, legal_representative as value, 'market_regulation.business_entities' as source, delivery, since
    from companies
    union all by name
    select
        uscc, 'social_organisation_name' as fact, name as value, 'civil_affairs_bureau.social_organisations' as source, _delivery as delivery,
        cast(_valid_from as date) as since
    from civil_affairs_bureau.social_organisations
    union all by name
    select
        uscc, 'social_organisation_status' as fact, status as value, 'civil_affairs_bureau.social_organisations' as source, _delivery as delivery,
        cast(_valid_from as date) as since
    from civil_affairs_bureau.social_organisations
    union all by name
    select
        uscc, 'collective_name' as fact, name as value, 'agriculture_bureau.collective_economies' as source, _delivery as delivery,
        cast(_valid_from as date) as since
    from agriculture_bureau.collective_economies
    union all by name
    select
        uscc, 'school_name' as fact, name as value, 'education_bureau.schools' as source, _delivery as delivery, cast(_valid_from as date) as since
    from education_bureau.schools
    union all by name
    select uscc, 'institution_name' as fact, name as value, 'health_bureau.medical_institutions' as source, delivery, since from institutions
)
select uscc, fact, value, source, delivery, since
from found
where value is not null

with every as (
    select '食品经营许可' as kind, licence_no, '市场监管局' as issued_by, uscc, name as holder_name, address as subject, valid_from, valid_to
    from market_regulation.food_licences
    union all by name
    select '户外广告许可' as kind, permit_no as licence_no, '综合行政执法局' as issued_by, uscc, place as subject, valid_from, valid_to
    from urban_management_bureau.outdoor_advertising
    union all by name
    select '医疗机构执业登记' as kind, registration_no as licence_no, '卫生健康局' as issued_by, uscc, name as holder_name, valid_from, valid_to
    from health_bureau.medical_institutions
    union all by name
    select '施工许可' as kind, permit_no as licence_no, '住房城乡建设局' as issued_by, developer_uscc as uscc, project as subject,
        issued_date as valid_from
    from housing_bureau.construction_permits
),
judged as (
    select
        l.*,
        case
            when l.valid_from > t.today then '未生效'
            when l.valid_to < t.today then '已过期'
            when l.valid_to is null then '无期限'
            else '有效'
        end as state,
        date_diff('day', t.today, l.valid_to) as days_left
    from every l
    cross join system.today t
)
select
    j.kind, j.licence_no, j.issued_by, j.uscc, coalesce(j.holder_name, e.name) as holder_name, j.subject, j.valid_from, j.valid_to,
    j.state, j.days_left, e.status_name as holder_status,
    j.uscc is not null and e.uscc is null as holder_missing,
    j.state = '有效' and not coalesce(e.is_active, true) as valid_while_closed
from judged j
left join legal_entities.entities e on e.uscc = j.uscc

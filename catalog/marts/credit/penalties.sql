with every as (
    select '市场监管局' as source, document_no, party_uscc, party_citizen_id, cause, amount_yuan, penalty_date as decided_date, publicity_end
    from market_regulation.penalties
    union all by name
    select '综合行政执法局' as source, case_no as document_no, party_uscc, party_citizen_id, cause, amount_yuan, decided_date
    from urban_management_bureau.penalty_cases
)
select
    p.source, p.document_no,
    case when p.party_uscc is not null then '法人' when p.party_citizen_id is not null then '自然人' else '不详' end as party_kind,
    p.party_uscc, e.name as party_name, p.cause, p.amount_yuan, p.decided_date, p.publicity_end,
    p.publicity_end >= t.today as in_publicity
from every p
left join legal_entities.entities e on e.uscc = p.party_uscc
cross join system.today t

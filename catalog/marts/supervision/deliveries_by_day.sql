select
    agency, resource, received_date,
    count(*) as deliveries,
    count(*) filter (state = 'held') as held,
    count(*) filter (state = 'failed') as failed,
    coalesce(sum(rows_delivered), 0) as rows_delivered,
    coalesce(sum(rows_inserted + rows_changed + rows_unchanged + rows_duplicates + rows_quarantined + rows_held), 0)
        + coalesce(sum(rows_deletions + rows_superseded), 0) as rows_accounted,
    coalesce(sum(rows_quarantined), 0) as rows_quarantined,
    coalesce(sum(rows_inserted), 0) as rows_inserted,
    coalesce(sum(rows_changed), 0) as rows_changed
from system.deliveries
where state <> 'duplicate'
group by all
